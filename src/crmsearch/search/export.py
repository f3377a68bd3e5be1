"""A search as a file: CSV for spreadsheets, NDJSON for programs, in pieces of a page. Pure."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from crmsearch.cleaning.text import neutralise_formula
from crmsearch.contract import FIELDS
from crmsearch.search.cursor import Position
from crmsearch.search.query import Body, build_search_body
from crmsearch.search.relevance import Stage
from crmsearch.search.request import ExportRequest, SearchRequest

__all__ = ["BOM", "MEDIA_TYPES", "PAGE", "as_search", "build_export_body", "export_fields", "render_csv", "render_head", "render_rows"]

PAGE = 1000  # customers fetched and sent at once: some 2 MB in memory, and a hundredth of the requests that pages of a search would take
BOM = "\ufeff".encode()  # by which a spreadsheet knows that Chinese is written in UTF-8
MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


def as_search(request: ExportRequest) -> SearchRequest:
    """The search whose hits are exported."""
    return SearchRequest(q=request.q, filters=request.filters, sort=request.sort, size=0, highlight=False)


def export_fields(request: ExportRequest) -> list[str]:
    """The columns: those asked for in their order, or the whole catalogue."""
    return list(FIELDS) if request.fields is None else request.fields


def build_export_body(request: ExportRequest, stage: Stage = "precise", position: Position | None = None) -> Body:
    """The ``_search`` body of one page; the first counts all hits."""
    page = {"size": PAGE, "_source": export_fields(request), "track_total_hits": position is None}
    return build_search_body(as_search(request), position, stage) | page


def render_head(request: ExportRequest) -> bytes:
    """What stands before the rows."""
    return BOM + render_csv([export_fields(request)]) if request.format == "csv" else b""


def render_rows(request: ExportRequest, customers: Sequence[dict[str, Any]]) -> bytes:
    """Documents as rows; in NDJSON a field that a customer does not have is left out, as everywhere in the API."""
    fields = export_fields(request)
    if request.format == "csv":
        return render_csv([[customer.get(field) for field in fields] for customer in customers])
    lines = [msgspec.json.encode({field: customer[field] for field in fields if field in customer}) for customer in customers]
    return b"".join(line + b"\n" for line in lines)


def render_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    """Values as lines of cells that no spreadsheet runs."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as a cell that no spreadsheet runs; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):  # a place
        value = f"{value['lat']} {value['lon']}"
    return neutralise_formula("; ".join(value) if isinstance(value, list) else value)
