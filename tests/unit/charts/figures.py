"""Answers made by hand for charts, with labels that a careless picture would trip over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmsearch.search.stats import (
    AnyStats,
    CategoryStats,
    CategoryValue,
    Cell,
    Correlation,
    CorrelationResponse,
    CrosstabResponse,
    ErrorBound,
    Exactness,
    FieldStats,
    Group,
    HistogramBin,
    Line,
    StatsResponse,
)

HOSTILE = (
    '<script>alert("1")</script>',
    '<a href="javascript:alert(1)">click</a>',
    "\\(x^2\\) & $y$ &amp; &#60;b&#62;",
    "]]><!--",
    "北京市朝阳区 · 客户",
    "line\nbreak\ttab\x00\x07",
    "a" * 300,
    "عميل",
    "",
    "'\"`",
)


def numeric(n: int = 100, mean: float = 40.0, bins: Sequence[tuple[float, float, int]] | None = None, exact: bool = True) -> FieldStats:
    known = n > 0
    percentiles = {"5": mean - 20, "25": mean - 8, "50": mean, "75": mean + 9, "95": mean + 25}
    return FieldStats(
        n=n,
        missing=3,
        min=mean - 22 if known else None,
        max=mean + 30 if known else None,
        sum=mean * n if known else None,
        mean=mean if known else None,
        median=mean if known else None,
        variance=144.0 if n > 1 else None,
        std_deviation=12.0 if n > 1 else None,
        percentiles={key: value if known else None for key, value in percentiles.items()},
        histogram=None if bins is None else [HistogramBin(*each) for each in bins],
        exact=Exactness(exact, exact),
        error_bound=None if exact else ErrorBound(0.5, {}),
    )


def category(values: dict[str, int], other: int = 0) -> CategoryStats:
    n = sum(values.values()) + other
    return CategoryStats(
        n=n,
        missing=2,
        distinct=len(values) + other,
        distinct_error_bound=0,
        values=[CategoryValue(value=name, label=name, count=count, share=count / n) for name, count in values.items()],
        other_count=other,
        error_bound=0,
    )


def response(name: str, stats: AnyStats, groups: dict[str, Any] | None = None) -> StatsResponse:
    """One field; ``groups`` are labels to figures, or to further groups."""

    def group(label: str, inside: Any) -> Group:
        if isinstance(inside, dict):
            nested = [group(*item) for item in inside.items()]
            return Group(value=label, label=label, population=9, fields={name: stats}, groups=nested, other_count=0, missing_count=0)
        return Group(value=label, label=label, population=9, fields={name: inside})

    made = None if groups is None else [group(*item) for item in groups.items()]
    return StatsResponse(
        population=1000, fields={name: stats}, groups=made, other_count=7 if groups else 0, missing_count=1 if groups else 0
    )


def crosstab(rows: Sequence[str], columns: Sequence[str]) -> CrosstabResponse:
    cells = [
        [
            Cell(observed=10 * i + j, expected=12.5, lift=None if i + j == 0 else (10 * i + j) / 12.5, row_share=0.2, column_share=0.1)
            for j in range(len(columns))
        ]
        for i in range(len(rows))
    ]

    def line(label: str) -> Line:
        return Line(value=label or None, label=label or "other values", count=50, share=0.1)

    return CrosstabResponse(
        population=500,
        n=480,
        missing=20,
        row_field="city",
        column_field="gender",
        rows=[line(label) for label in rows],
        columns=[line(label) for label in columns],
        cells=cells,
        chi_square=12.345,
        degrees_of_freedom=4,
        p_value=0.0149,
        cramers_v=0.11,
        sparse_cells=1,
        suppressed=True,
    )


def correlation() -> CorrelationResponse:
    return CorrelationResponse(
        population=500,
        fields=["age", "revenue", "satisfaction"],
        pairs=[
            Correlation(fields=("age", "revenue"), n=480, r=0.42, low=0.34, high=0.49),
            Correlation(fields=("age", "satisfaction"), n=1, r=None, low=None, high=None, reason="fewer than two customers have both"),
            Correlation(fields=("revenue", "satisfaction"), n=3, r=-1.0, low=None, high=None),
        ],
    )
