"""Two groupings against each other: observed and expected counts, lift, shares, and whether they are associated. Pure.

Two questions: which values there are, among the customers that have both fields, and then how many have each pair of them. Values beyond
the most frequent ones are put together, so that rows and columns always add up to all those customers.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.groups import build_grouping, sorted_buckets
from crmsearch.search.stats.plan import build_population
from crmsearch.search.stats.request import CrosstabRequest, Grouping, Range, as_grouping

__all__ = [
    "Axis",
    "Cell",
    "CrosstabResponse",
    "Line",
    "Table",
    "build_cells_body",
    "build_lines_body",
    "make_crosstab",
    "parse_axes",
    "parse_table",
]

Body = dict[str, Any]
_OTHER: Body = {"value": None, "label": "other values", "range": None}
SPARSE = 5  # expected customers of a cell, below which the chi-square distribution is a rough one


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row or column; ``value`` is ``None`` for all values not shown, put together."""

    value: str | int | float | None
    label: str
    range: Range | None = None
    count: int
    share: float


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Customers of one row and one column.

    ``expected`` is what there would be if the two had nothing to do with each other, ``lift`` how many times that is observed; the shares
    are of the row and of the column.
    """

    observed: int
    expected: float
    lift: float | None
    row_share: float
    column_share: float


class CrosstabResponse(msgspec.Struct, frozen=True, kw_only=True):
    """``cells[row][column]``. ``n`` customers have both fields, ``missing`` lack one.

    ``chi_square`` is Pearson's, ``p_value`` the chance of one as large among customers where the two are independent, ``cramers_v`` the
    strength from 0 to 1; ``None`` with the reason in ``reason`` where there is none. ``sparse_cells`` are those with fewer than five
    expected; with many of them the p value is rough. With ``suppressed``, rows or columns of few customers are among the others.
    """

    population: int
    n: int
    missing: int
    row_field: str
    column_field: str
    rows: list[Line]
    columns: list[Line]
    cells: list[list[Cell]]
    chi_square: float | None
    degrees_of_freedom: int | None
    p_value: float | None
    cramers_v: float | None
    sparse_cells: int
    reason: str | None = None
    suppressed: bool = False
    took_ms: int = 0


class Axis(msgspec.Struct, frozen=True):
    """One grouping with the keys of the buckets that are shown of it."""

    grouping: Grouping
    keys: list[str | int | float]

    def build(self) -> Body:
        """Exactly these buckets; a range has all of its own anyway."""
        body = build_grouping(self.grouping, max(1, len(self.keys)))
        if self.grouping.ranges is None:
            body["terms"]["include"] = self.keys
        return body

    def counts(self, answer: Body) -> list[int]:
        """Of each bucket, in the order of the keys."""
        found = {bucket["key"]: bucket["doc_count"] for bucket in answer["buckets"]}
        return [found.get(key, 0) for key in self.keys]

    def lines(self, counts: Sequence[int], n: int) -> list[Line]:
        """The lines with their counts, and last the one of all other values."""
        ranges = [None if self.grouping.ranges is None else self.grouping.ranges[int(key)] for key in self.keys]
        values = [key if each is None else each.text for key, each in zip(self.keys, ranges, strict=True)]
        heads = [*({"value": value, "label": str(value), "range": each} for value, each in zip(values, ranges, strict=True)), _OTHER]
        return [Line(**head, count=count, share=count / n if n else 0.0) for head, count in zip(heads, counts, strict=True)]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Counts before anything is made of them; the last row and the last column are all values not shown."""

    population: int
    n: int
    rows: list[Line]
    columns: list[Line]
    counts: list[list[int]]
    took_ms: int


def build_lines_body(request: CrosstabRequest) -> Body:
    """The first question: the values of both fields, among the customers that have both."""
    sides = {"rows": as_grouping(request.rows), "columns": as_grouping(request.columns)}
    return _over_both(request, {name: build_grouping(each, request.size) for name, each in sides.items()})


def parse_axes(request: CrosstabRequest, answer: Body) -> tuple[Axis, Axis]:
    """Rows and columns to be shown, from the answer to ``build_lines_body``."""
    both = answer["aggregations"]["both"]
    rows, columns = as_grouping(request.rows), as_grouping(request.columns)
    return (
        Axis(rows, [bucket["key"] for bucket in sorted_buckets(rows, both["rows"])]),
        Axis(columns, [bucket["key"] for bucket in sorted_buckets(columns, both["columns"])]),
    )


def build_cells_body(request: CrosstabRequest, rows: Axis, columns: Axis) -> Body:
    """The second question: the counts of these rows, of these columns, and of every cell."""
    return _over_both(request, {"rows": rows.build() | {"aggs": {"columns": columns.build()}}, "columns": columns.build()})


def parse_table(rows: Axis, columns: Axis, answer: Body) -> Table:
    """The answer to ``build_cells_body``."""
    both = answer["aggregations"]["both"]
    n = both["doc_count"]
    by_row = {bucket["key"]: columns.counts(bucket["columns"]) for bucket in both["rows"]["buckets"]}
    cells = [by_row.get(key, [0] * len(columns.keys)) for key in rows.keys]
    row_totals, column_totals = rows.counts(both["rows"]), columns.counts(both["columns"])
    row_totals.append(n - sum(row_totals))
    column_totals.append(n - sum(column_totals))
    # Every customer here has one value of each field, so what is not in a cell shown is in the last of its row or column.
    cells.append([total - sum(row[place] for row in cells) for place, total in enumerate(column_totals[:-1])])
    counts = [[*row, total - sum(row)] for row, total in zip(cells, row_totals, strict=True)]
    return Table(
        population=answer["hits"]["total"]["value"],
        n=n,
        rows=rows.lines(row_totals, n),
        columns=columns.lines(column_totals, n),
        counts=counts,
        took_ms=answer["took"],
    )


def make_crosstab(request: CrosstabRequest, table: Table, suppressed: bool = False) -> CrosstabResponse:
    """What is answered: the table without empty lines of other values, its expected counts, and the test."""
    kept_rows, kept_columns = _kept(table.rows), _kept(table.columns)
    rows, columns = [table.rows[place] for place in kept_rows], [table.columns[place] for place in kept_columns]
    cells = [[_cell(table.counts[i][j], table.rows[i].count, table.columns[j].count, table.n) for j in kept_columns] for i in kept_rows]
    return CrosstabResponse(
        population=table.population,
        n=table.n,
        missing=table.population - table.n,
        row_field=as_grouping(request.rows).field,
        column_field=as_grouping(request.columns).field,
        rows=rows,
        columns=columns,
        cells=cells,
        sparse_cells=sum(cell.expected < SPARSE for row in cells for cell in row),
        suppressed=suppressed,
        took_ms=table.took_ms,
        **_test(cells, table.n),
    )


def _over_both(request: CrosstabRequest, aggs: Body) -> Body:
    fields = [as_grouping(each).field for each in (request.rows, request.columns)]
    both = {"bool": {"filter": [{"exists": {"field": FIELDS[field].path}} for field in fields]}}
    query = build_population(request.filters)
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": {"both": {"filter": both, "aggs": aggs}}}


def _kept(lines: list[Line]) -> list[int]:
    return [place for place, line in enumerate(lines) if line.value is not None or line.count]


def _cell(observed: int, row: int, column: int, n: int) -> Cell:
    expected = row * column / n if n else 0.0
    return Cell(
        observed=observed,
        expected=expected,
        lift=observed / expected if expected else None,
        row_share=observed / row if row else 0.0,
        column_share=observed / column if column else 0.0,
    )


def _test(cells: list[list[Cell]], n: int) -> dict[str, Any]:
    """Pearson's chi-square test of independence; lines without customers take no part."""
    rows = sum(any(cell.expected for cell in row) for row in cells)
    columns = sum(any(cell.expected for cell in column) for column in zip(*cells, strict=True))
    if rows < 2 or columns < 2:
        reason = "fewer than two rows or columns have customers" if n else "no customer here has both fields"
        return dict.fromkeys(("chi_square", "degrees_of_freedom", "p_value", "cramers_v")) | {"reason": reason}
    # SciPy takes a fifth of a second to import, which only this needs.
    from scipy.special import chdtrc

    chi_square = math.fsum((cell.observed - cell.expected) ** 2 / cell.expected for row in cells for cell in row if cell.expected)
    freedom = (rows - 1) * (columns - 1)
    return {
        "chi_square": chi_square,
        "degrees_of_freedom": freedom,
        "p_value": float(chdtrc(freedom, chi_square)),
        "cramers_v": math.sqrt(chi_square / n / min(rows - 1, columns - 1)),
    }
