"""The Febrl files: originals are the customers, and the name and suburb of every copy, as written, a question.

The record id tells who a copy is of. It is read for that alone: customers are numbered, and no id is in a question.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crmsearch.cleaning.headers import map_headers
from crmsearch.cleaning.record import RecordContext
from crmsearch.sample import AS_OF
from tests.bench.relevance.asking import Judged
from tests.bench.relevance.base import Document, clean_cells
from tests.bench.relevance.twins import keys_of

__all__ = ["FEBRL", "make_febrl"]

FEBRL = ("febrl1", "febrl2")
_FOLDER = Path(__file__).parents[2] / "data" / "real"
_ASKED = ("given_name", "surname", "suburb")


def make_febrl(name: str, work: Path) -> tuple[Path, list[Judged]]:
    """The documents of the originals as a file under ``work``, and the questions that the copies make."""
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        headers = next(rows)
        records = [[cell.strip() for cell in row] for row in rows]
    columns = map_headers(headers).columns
    places = [[header.strip() for header in headers].index(field) for field in _ASKED]
    originals = {person: row for person, is_original, row in _people(records) if is_original}
    documents: dict[str, Document] = {}
    for number, (person, row) in enumerate(originals.items()):
        if record := clean_cells(row, columns, RecordContext(as_of=AS_OF.isoformat(), default_region="AU")):
            documents[person] = record.document | {"customer_id": f"F{number:05}"}
    path = work / f"{name}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(document) + b"\n" for document in documents.values()))
    questions = []
    for person, is_original, row in _people(records):
        text = " ".join(row[place] for place in places if row[place])
        if not is_original and text:
            document = documents[person]
            twins = tuple(key for key in keys_of(document) if key[0] in {"name, city", "id"})
            questions.append(Judged(name, text, "", twins, document["customer_id"]))
    return path, questions


def _people(records: list[list[str]]) -> Iterator[tuple[str, bool, list[str]]]:
    for row in records:
        _, person, part, *_ = row[0].split("-")
        yield person, part == "org", row
