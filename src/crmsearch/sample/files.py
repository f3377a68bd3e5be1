"""The files of a sample, written in one pass and in constant memory."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import msgspec

from crmsearch.errors import InvalidRequestError
from crmsearch.sample.copies import alter
from crmsearch.sample.dirt import soil
from crmsearch.sample.draw import Random, between, chance, deck, pick
from crmsearch.sample.names import Name
from crmsearch.sample.people import Person, draw_person
from crmsearch.sample.records import HEADER, draw_record, record_id
from crmsearch.sample.related import CAMPAIGN_HEADER, ORDER_HEADER, TICKET_HEADER, campaigns_of, orders_of, tickets_of

__all__ = ["AS_OF", "FILES", "SampleReport", "make_sample"]

AS_OF = date(2026, 11, 1)
"""The day on which the exports pretend to be made: nothing depends on the clock."""

MAX_ROWS = 1_000_000_000

FILES: dict[str, tuple[str, ...]] = {
    "customers": HEADER,
    "orders": ORDER_HEADER,
    "tickets": TICKET_HEADER,
    "campaigns": CAMPAIGN_HEADER,
    "truth": ("record_id", "person_id"),
}
"""Every file with its header."""

_RELATED = {"orders": orders_of, "tickets": tickets_of, "campaigns": campaigns_of}

_COPIES = deck({0: 912, 1: 70, 2: 13, 3: 5})  # further records of a person: a tenth of all records
_REPEATED = 0.0101  # records that are exported twice
_ORPHANED = 0.005  # customers whose orders, tickets or answers are left under an id that is no longer there
_IN_HOUSEHOLD = 0.07  # customers who live with the one drawn before
_NAMESAKE = 0.01  # customers named like another one of late, on top of those whom frequent names bring about
_LATE_NAMES = 256
_WAITING = 4096  # copies that wait for their place in the file, so that they do not stand beside their originals
_PROGRESS = 1000  # rows between two calls


class Writer(Protocol):
    """What ``csv.writer`` makes; it has no public name of its own."""

    def writerow(self, row: Iterable[Any], /) -> Any: ...
    def writerows(self, rows: Iterable[Iterable[Any]], /) -> None: ...


class SampleReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a sample holds.

    Attributes:
        files: path of every file, by its name.
        rows: rows of every file, without the header.
        persons: different customers behind the records.
        duplicates: further records of a customer under ids of their own; rows repeated as they are do not count.
        dirt: occurrences of every kind of dirt among the rows of ``customers.csv``; ``copy_…`` is what makes copies differ.
        orphans: rows of every other file whose customer id is not in ``customers.csv``.
    """

    files: dict[str, str]
    rows: dict[str, int]
    persons: int
    duplicates: int
    dirt: dict[str, int]
    orphans: dict[str, int]


class _Line(msgspec.Struct, frozen=True):
    """A finished row of ``customers.csv`` with the kinds of dirt in it."""

    cells: list[str]
    dirt: list[str]


class _CustomerFile:
    """``customers.csv`` with a waiting room, from which copies come out at random, not beside their originals."""

    def __init__(self, writer: Writer, rng: Random, progress: Callable[[int], None] | None) -> None:
        self.rows = 0
        self.dirt: Counter[str] = Counter()
        self._writer, self._rng, self._progress = writer, rng, progress
        self._waiting: list[_Line] = []

    def write(self, line: _Line) -> None:
        self._writer.writerow(line.cells)
        self.dirt.update(line.dirt)
        self.rows += 1
        if self._progress and self.rows % _PROGRESS == 0:
            self._progress(self.rows)

    def write_later(self, line: _Line) -> None:
        self._waiting.append(line)
        if len(self._waiting) > _WAITING:
            self._release()

    def write_rest(self) -> None:
        while self._waiting:
            self._release()
        if self._progress:
            self._progress(self.rows)

    def _release(self) -> None:
        waiting = self._waiting
        at = between(self._rng, 0, len(waiting) - 1)
        waiting[at], waiting[-1] = waiting[-1], waiting[at]
        self.write(waiting.pop())


def _people(rng: Random, as_of: date) -> Iterator[Person]:
    """People without end, some of them of one household, some with the name of another."""
    previous: Person | None = None
    late: list[Name] = []
    for serial in count(1):
        home = previous if previous and previous.name and chance(rng, _IN_HOUSEHOLD) else None
        namesake = pick(rng, late) if late and not home and chance(rng, _NAMESAKE) else None
        previous = draw_person(rng, serial, as_of, home, namesake)
        if previous.name and not namesake:
            if len(late) == _LATE_NAMES:
                late[between(rng, 0, _LATE_NAMES - 1)] = previous.name
            else:
                late.append(previous.name)
        yield previous


def _lines(rng: Random, person: Person, ids: list[str], as_of: date) -> list[_Line]:
    """All records of a person: the first one, and copies with errors."""
    lines = []
    for identifier in ids:
        row = draw_record(rng, person, identifier, as_of)
        kinds, touched = alter(rng, row, person) if identifier != ids[0] else ([], set())
        lines.append(_Line(row, kinds + soil(rng, row, person, touched)))
    return lines


def make_sample(out: Path, rows: int, seed: int, progress: Callable[[int], None] | None = None, *, as_of: date = AS_OF) -> SampleReport:
    """Write a messy customer base: ``customers.csv``, what the customers did, and ``truth.csv``.

    The same arguments give the same bytes, on any machine.

    Args:
        out: the folder, made if need be; files of the same names are replaced.
        rows: rows of ``customers.csv``, copies and repeated rows included.
        seed: chooses the sample.
        progress: told now and then how many rows of ``customers.csv`` have been made so far.
        as_of: the day on which the exports pretend to be made.

    Raises:
        InvalidRequestError: ``rows`` is not a possible number of rows.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise InvalidRequestError(f"a sample has between 1 and {MAX_ROWS} rows, not {rows}")
    out.mkdir(parents=True, exist_ok=True)
    paths = {name: out / f"{name}.csv" for name in FILES}
    with ExitStack() as stack:
        writers = {}
        for name, header in FILES.items():
            file = stack.enter_context(paths[name].open("w", encoding="utf-8", newline=""))
            writers[name] = csv.writer(file, lineterminator="\n")
            writers[name].writerow(header)
        return _write(Random(seed), rows, as_of, writers, {name: str(path) for name, path in paths.items()}, progress)


def _write(
    rng: Random, rows: int, as_of: date, writers: Mapping[str, Writer], files: dict[str, str], progress: Callable[[int], None] | None
) -> SampleReport:
    customers = _CustomerFile(writers["customers"], rng, progress)
    serials = {name: count(1) for name in _RELATED}
    counts, orphans = dict.fromkeys(_RELATED, 0), dict.fromkeys(_RELATED, 0)
    persons = records = repeated = 0

    for person in _people(rng, as_of):
        room = rows - records - repeated
        if not room:
            break
        persons += 1
        size = min(1 + pick(rng, _COPIES), room)
        ids = [record_id(records + number, rows) for number in range(1, size + 1)]
        records += size
        first, *copies = _lines(rng, person, ids, as_of)
        customers.write(first)
        for line in copies:
            customers.write_later(line)
        if size < room and chance(rng, _REPEATED):
            repeated += 1
            customers.write_later(_Line(first.cells, [*first.dirt, "repeated_row"]))

        writers["truth"].writerows((identifier, f"P{person.serial:08}") for identifier in ids)
        for name, draw_rows in _RELATED.items():
            orphaned = chance(rng, _ORPHANED)
            owners = [record_id(rows + between(rng, 1, rows), rows)] if orphaned else ids
            related = draw_rows(rng, person, owners, as_of.toordinal(), serials[name])
            writers[name].writerows(related)
            counts[name] += len(related)
            orphans[name] += orphaned * len(related)
    customers.write_rest()

    return SampleReport(
        files=files,
        rows={"customers": customers.rows, **counts, "truth": records},
        persons=persons,
        duplicates=records - persons,
        dirt=dict(sorted(customers.dirt.items())),
        orphans=orphans,
    )
