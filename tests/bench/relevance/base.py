"""The base of customers: the first record of every person of a sample, cleaned, and of the first of them the further records too.

The people of a sample are the same whatever its size, so the questions are about the same people in a base of 5,000 and of 1,000,000.
Everything is streamed; documents are kept without the helper forms of the search, which are computed when they are indexed.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec

from crmsearch.cleaning.headers import map_headers
from crmsearch.cleaning.record import CleanRecord, RecordContext, clean_record
from crmsearch.cli.output import words
from crmsearch.sample import AS_OF, make_sample
from crmsearch.sample.records import CITY, HEADER, ID, NAME

__all__ = ["Base", "Copy", "Document", "Person", "chunks", "clean_cells", "in_processes", "make_base"]

Document = dict[str, Any]
Row = list[str]
T = TypeVar("T")
R = TypeVar("R")

POOL = 5000  # people whose further records are kept, and whom the questions are about
PROCESSES = 2
_CHUNK = 500
_PROBED = 1500  # rows whose documents tell whether a base is still what would be made
_PENDING = 6  # chunks on their way through the processes: enough to keep them busy, few enough for memory
_ROWS_PER_PERSON = 1.15  # further records and repeated rows are some 12 % on top; the rest is spare
_SOURCE = "crm"  # a system with a name, so that an id (crm:C0123) is not its key alone
_CONTEXT = RecordContext(as_of=AS_OF.isoformat(), source_system=_SOURCE, default_region="CN")
_COLUMNS = map_headers(list(HEADER)).columns


class Copy(msgspec.Struct, frozen=True):
    """A further record of a person: the cells as the clerk wrote them, and what cleaning makes of it."""

    name: str
    city: str
    document: Document


class Person(msgspec.Struct, frozen=True):
    """A customer of the base with its further records."""

    document: Document
    copies: list[Copy]


class Base(msgspec.Struct, frozen=True):
    """Documents as lines of JSON in one file, and the people to ask for."""

    documents: Path
    customers: int
    people: list[Person]


def in_processes(work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """``map`` over a few processes, in order, that takes no more tasks than it has use for."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        pending: deque[Future[R]] = deque()
        for task in tasks:
            pending.append(pool.submit(work, task))
            if len(pending) == _PENDING:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size`` items, the last one of what is left."""
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def clean_cells(cells: Row, columns: tuple[str | None, ...] = _COLUMNS, context: RecordContext = _CONTEXT) -> CleanRecord | None:
    """The cleaned record of a row, or ``None`` for one that a load would put into quarantine."""
    if len(cells) != len(columns):
        return None
    record = clean_record(cells, columns, context)
    return None if record.rejections else record


def make_base(work: Path, customers: int, seed: int) -> Base:
    """Make the base in a folder of its own under ``work``, or take the one that is there, as long as it would come out the same."""
    folder = work / f"base-{customers}-{seed}-{_mark(seed)}"
    people = folder / "people.json"
    if not people.exists():
        building = folder.with_suffix(".part")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        _build(building, customers, seed)
        building.rename(folder)
    return Base(folder / "documents.ndjson", customers, msgspec.json.decode(people.read_bytes(), type=list[Person]))


def _build(folder: Path, customers: int, seed: int) -> None:
    rows = int(customers * _ROWS_PER_PERSON) + 100
    words.print(f"relevance: a sample of {rows:,} rows …", highlight=False)
    sample = folder / "sample"
    make_sample(sample, rows, seed, _progress("rows made", rows))
    copies: dict[int, dict[str, Copy]] = {}
    pool: list[Document] = []
    numbers: list[int] = []  # of the people in the pool, in their order

    written, tell = 0, _progress("customers cleaned", customers)
    with (folder / "documents.ndjson").open("wb") as file:
        firsts = _first_records(sample, copies)
        for cleaned in in_processes(_clean_chunk, chunks(firsts, _CHUNK)):
            for number, line in cleaned[: customers - written]:
                file.write(line)
                if number < POOL:
                    numbers.append(number)
                    pool.append(msgspec.json.decode(line))
                written += 1
            tell(written)
    if written < customers:
        raise RuntimeError(f"the sample gave {written} customers, {customers} were wanted")
    # By their ids: in which order they come depends on the size of the sample.
    people = [
        Person(document, [copy for _, copy in sorted(copies.get(number, {}).items())])
        for number, document in zip(numbers, pool, strict=True)
    ]
    (folder / "people.json").write_bytes(msgspec.json.encode(people))
    shutil.rmtree(sample)


def _first_records(sample: Path, copies: dict[int, dict[str, Copy]]) -> Iterator[tuple[int, Row]]:
    """Number of every person and their first row, in order; rows of further records of the pool's people go to ``copies``.

    The sample writes the people in the order of the truth and only further records later than their turn, so one look ahead will do.
    """
    with (sample / "customers.csv").open(encoding="utf-8", newline="") as customers, (sample / "truth.csv").open(newline="") as truth:
        rows, people = csv.reader(customers), csv.reader(truth)
        next(rows), next(people)
        ahead = (
            (number, [record for record, _ in group]) for number, (_, group) in enumerate(itertools.groupby(people, lambda row: row[1]))
        )
        owners: dict[str, int] = {}
        number, ids = next(ahead, (0, [""]))
        for row in rows:
            if row[ID] == ids[0]:
                if number < POOL:
                    owners |= dict.fromkeys(ids[1:], number)
                yield number, row
                number, ids = next(ahead, (0, [""]))
            elif row[ID] in owners and (record := clean_cells(row)):
                copies.setdefault(owners[row[ID]], {})[row[ID]] = Copy(row[NAME], row[CITY], record.document)


def _clean_chunk(rows: list[tuple[int, Row]]) -> list[tuple[int, bytes]]:
    lines = []
    for number, row in rows:
        record = clean_cells(row)
        if record and record.source_key:
            identifier = f"{_SOURCE}:{record.source_key}"
            document = record.document | {"customer_id": identifier, "source_records": [identifier], "merged_count": 1}
            lines.append((number, msgspec.json.encode(document) + b"\n"))
    return lines


def _mark(seed: int) -> str:
    """Changes when sample or cleaning make other documents, as far as a few of them tell."""
    with TemporaryDirectory() as folder:
        make_sample(Path(folder), _PROBED, seed)
        copies: dict[int, dict[str, Copy]] = {}
        lines = _clean_chunk(list(_first_records(Path(folder), copies)))
    return hashlib.sha256(msgspec.json.encode([[line for _, line in lines], copies])).hexdigest()[:10]


def _progress(what: str, total: int) -> Callable[[int], None]:
    """Tells each tenth."""
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        if done * 10 // total > told:
            told = done * 10 // total
            words.print(f"relevance: {done:,} of {total:,} {what}", highlight=False)

    return tell
