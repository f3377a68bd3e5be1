from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.errors import BackendError, InvalidRequestError, UnknownFieldError
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.export import PAGE, build_export_body, render_head, render_rows
from crmsearch.search.filters import Filter
from crmsearch.search.request import MAX_TEXT, ExportFormat, ExportRequest, check_export
from crmsearch.search.service import SearchService

WANG: dict[str, Any] = {
    "customer_id": "C1",
    "name": "王小明",
    "phones": ["+8613912345670", "+861087654321"],
    "emails": ["wang@example.com", "w@example.com"],
    "notes": '=HYPERLINK("http://evil")\r\nsays "hello"; calls, often',
    "revenue": -12.5,
    "location": {"lat": -33.86, "lon": 151.2},
}


def _read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_opens_in_a_spreadsheet_and_runs_nothing() -> None:
    request = ExportRequest(format="csv", fields=["name", "phones", "emails", "notes", "revenue", "age", "location"])
    data = render_head(request) + render_rows(request, [WANG])
    assert data.startswith(b"\xef\xbb\xbfname,phones,")
    head, row = _read(data)
    assert head == request.fields
    assert row == [
        "王小明",
        "'+8613912345670; +861087654321",
        "wang@example.com; w@example.com",
        "'" + WANG["notes"],
        "-12.5",
        "",
        "'-33.86 151.2",
    ]


def test_ndjson_is_the_document_with_the_fields_asked_for() -> None:
    request = ExportRequest(format="ndjson", fields=["phones", "name", "age"])
    assert render_head(request) == b""
    lines = render_rows(request, [WANG, {"customer_id": "C2"}]).splitlines()
    assert [json.loads(line) for line in lines] == [{"phones": WANG["phones"], "name": "王小明"}, {}]
    assert list(json.loads(lines[0])) == ["phones", "name"]


def test_all_fields_are_exported_unless_some_are_named() -> None:
    assert _read(render_head(ExportRequest(format="csv"))) == [list(FIELDS)]


def test_pages_follow_each_other_and_only_the_first_is_counted() -> None:
    request = ExportRequest(q="wang", filters=[Filter(field="age", gte=20)], sort=["-revenue"], format="csv", fields=["name"])
    first = build_export_body(request)
    assert (first["size"], first["_source"], first["track_total_hits"]) == (PAGE, ["name"], True)
    assert "search_after" not in first
    assert "highlight" not in first
    assert "aggs" not in first
    following = build_export_body(request, "precise", Position("i", [3.5, "C1"]))
    assert (following["search_after"], following["track_total_hits"]) == ([3.5, "C1"], False)
    assert following["query"] == first["query"]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ExportRequest(format="csv", fields=["nothing"]), UnknownFieldError),
        (ExportRequest(format="csv", fields=[]), InvalidRequestError),
        (ExportRequest(format="csv", fields=["name", "name"]), InvalidRequestError),
        (ExportRequest(format="csv", sort=["tags"]), UnknownFieldError),
        (ExportRequest(format="csv", q="x" * (MAX_TEXT + 1)), InvalidRequestError),
        (ExportRequest(format="csv", filters=[Filter(field="city")]), InvalidRequestError),
    ],
)
def test_what_cannot_be_exported_is_refused(request_: ExportRequest, error: type[InvalidRequestError]) -> None:
    with pytest.raises(error):
        check_export(request_)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)


@given(st.lists(st.fixed_dictionaries({"name": _TEXT, "tags": st.lists(_TEXT, max_size=3), "notes": _TEXT}), max_size=4))
def test_no_cell_is_a_formula_and_no_row_is_two(customers: list[dict[str, Any]]) -> None:
    request = ExportRequest(format="csv", fields=["name", "tags", "notes"])
    rows = _read(render_rows(request, customers))
    assert len(rows) == len(customers)
    for row, customer in zip(rows, customers, strict=True):
        assert row[0].removeprefix("'") == customer["name"].removeprefix("'")
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) for cell in row)


@given(st.sampled_from(["csv", "ndjson"]), st.lists(st.sampled_from([*FIELDS]), min_size=1, unique=True))
def test_every_row_has_the_fields_in_their_order(format_: ExportFormat, fields: list[str]) -> None:
    request = ExportRequest(format=format_, fields=fields)
    check_export(request)
    data = render_head(request) + render_rows(request, [WANG])
    if format_ == "csv":
        assert [len(row) for row in _read(data)] == [len(fields)] * 2
    else:
        assert list(json.loads(data)) == [field for field in fields if field in WANG]


class Paged:
    """A base of so many customers, in pages of two; one short of them if told so."""

    def __init__(self, total: int, lost: int = 0) -> None:
        self._total = total
        self._ids = [f"C{number}" for number in range(total - lost)]
        self.asked = 0

    async def search(self, body: dict[str, Any], position: Position | None = None) -> dict[str, Any]:
        self.asked += 1
        begin = 0 if position is None else self._ids.index(str(body["search_after"][0])) + 1
        hits = [{"_index": "i", "_id": each, "sort": [each], "_source": {"customer_id": each}} for each in self._ids[begin : begin + 2]]
        return {"hits": {"total": {"value": self._total}, "hits": hits}}

    async def search_earlier(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        return None

    async def read(self, customer_id: str, *, restricted: bool = False) -> dict[str, Any] | None:
        return None

    async def check(self) -> None:
        return None


def _export(backend: Paged) -> list[tuple[int, bytes]]:
    """The pieces, each with the pages that had been asked for when it came."""

    async def read() -> list[tuple[int, bytes]]:
        service = SearchService(backend, Cursors("a key of the tests", 60, lambda: 0.0))
        export = await service.export(ExportRequest(format="csv", fields=["customer_id"]))
        assert export.total == backend._total
        return [(backend.asked, piece) async for piece in export.pieces]

    return asyncio.run(read())


def test_a_page_is_asked_for_when_the_one_before_is_gone() -> None:
    pieces = _export(Paged(5))
    assert [asked for asked, _ in pieces] == [1, 1, 2, 3]
    assert _read(b"".join(piece for _, piece in pieces)) == [["customer_id"], *([f"C{number}"] for number in range(5))]


def test_a_file_that_lacks_somebody_is_an_error() -> None:
    with pytest.raises(BackendError, match="4 customers were exported of 5"):
        _export(Paged(5, lost=1))
