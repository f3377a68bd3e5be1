"""No group of fewer than k customers is shown, and none can be worked out by whoever knows all totals and how groups are hidden."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import SmallGroupError
from crmsearch.search.stats.body import AnyStats, Group, StatsResponse
from crmsearch.search.stats.categories import CategoryStats, CategoryValue
from crmsearch.search.stats.correlation import Correlation, CorrelationResponse
from crmsearch.search.stats.crosstab import Line, Table
from crmsearch.search.stats.figures import Exactness, FieldStats
from crmsearch.search.stats.histogram import HistogramBin
from crmsearch.search.stats.protection import merge_bins, protect_correlation, protect_stats, protect_table

small_ks = st.integers(2, 6)


def _figures(n: int, population: int, histogram: list[HistogramBin] | None = None) -> FieldStats:
    known = dict.fromkeys(("min", "max", "sum", "mean", "median", "variance", "std_deviation"), 1.0 if n else None)
    return FieldStats(n=n, missing=population - n, percentiles={}, histogram=histogram, exact=Exactness(True, True), **known)


def _response(groups: Sequence[tuple[int, int]], other: int = 0, missing: int = 0, n_elsewhere: int = 0) -> StatsResponse:
    """Groups of so many customers, of which so many have a value."""
    population = sum(count for count, _ in groups) + other + missing
    n = sum(known for _, known in groups) + n_elsewhere
    return StatsResponse(
        population=population,
        fields={"age": _figures(n, population)},
        groups=[
            Group(value=f"g{place}", label=f"g{place}", population=count, fields={"age": _figures(known, count)})
            for place, (count, known) in enumerate(groups)
        ],
        other_count=other,
        missing_count=missing,
    )


def test_small_groups_are_among_the_others_and_totals_stay() -> None:
    answer = protect_stats(_response([(50, 50), (20, 20), (7, 7), (2, 2)], missing=30), 5)
    assert answer.groups is not None
    assert [group.value for group in answer.groups] == ["g0", "g1"]
    assert (answer.other_count, answer.missing_count, answer.suppressed) == (9, 30, True)
    assert sum(group.population for group in answer.groups) + answer.other_count + (answer.missing_count or 0) == answer.population


@pytest.mark.parametrize(
    ("n", "seen"),
    [
        (5, []),
        (9, []),
        (10, ["50"]),
        (19, ["50"]),
        (20, ["25", "50", "75"]),
        (99, ["25", "50", "75"]),
        (100, ["5", "25", "50", "75", "95"]),
    ],
)
def test_a_percentile_is_shown_if_enough_customers_lie_on_either_side(n: int, seen: list[str]) -> None:
    figures = msgspec.structs.replace(_figures(n, n), percentiles=dict.fromkeys(("0", "5", "25", "50", "75", "95", "100"), 1.0))
    alone = StatsResponse(population=n, fields={"age": figures}, groups=None)
    response = _response([(n, n), (n, n)])
    groups = [msgspec.structs.replace(group, fields={"age": figures}) for group in response.groups or []]
    grouped = protect_stats(msgspec.structs.replace(response, groups=groups), 5)
    parts: list[StatsResponse | Group] = [protect_stats(alone, 5), *(grouped.groups or [])]
    for part in parts:
        stats = part.fields["age"]
        assert isinstance(stats, FieldStats)
        assert [percent for percent, value in stats.percentiles.items() if value is not None] == seen
        assert (stats.min, stats.max, stats.median is not None) == (None, None, n >= 10)
        assert (stats.mean, stats.reason is not None) == (1.0, True)


def test_a_group_is_hidden_where_few_customers_of_no_group_would_show_by_their_absence() -> None:
    answer = protect_stats(_response([(50, 50), (20, 20)], missing=2, n_elsewhere=2), 5)
    assert answer.groups is not None
    assert [group.value for group in answer.groups] == ["g0"]


def test_where_no_group_is_left_the_customers_of_no_group_are_not_told_either() -> None:
    answer = protect_stats(_response([(3, 3)], missing=30, n_elsewhere=30), 5)
    assert (answer.groups, answer.other_count, answer.missing_count) == ([], 33, None)


@given(
    groups=st.lists(st.integers(0, 12).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count))), min_size=1, max_size=6),
    other=st.integers(0, 8),
    missing=st.integers(0, 8),
    k=small_ks,
)
def test_figures_of_few_values_are_withheld_and_cannot_be_subtracted(
    groups: list[tuple[int, int]], other: int, missing: int, k: int
) -> None:
    response = _response(groups, other, missing)
    if 0 < response.population < k:
        with pytest.raises(SmallGroupError):
            protect_stats(response, k)
        return
    answer = protect_stats(response, k)
    assert answer.groups is not None
    whole = response.fields["age"].n
    assert ("age" in answer.fields) == (whole == 0 or whole >= k)
    assert answer.withheld == ([] if "age" in answer.fields else ["age"])
    shown = [group.fields["age"].n for group in answer.groups if "age" in group.fields]
    assert all(n == 0 or n >= k for n in shown)
    assert all(("age" in group.fields) != ("age" in group.withheld) for group in answer.groups)
    if "age" in answer.fields and any(shown):
        rest = whole - sum(shown)
        assert rest == 0 or rest >= k, "the figures of the rest follow by subtraction"
    if answer.missing_count is not None:
        assert sum(group.population for group in answer.groups) + answer.other_count + answer.missing_count == answer.population


def test_a_question_about_few_customers_is_refused() -> None:
    with pytest.raises(SmallGroupError, match="fewer than 5"):
        protect_stats(_response([(4, 4)]), 5)
    assert protect_stats(_response([(0, 0)]), 5).population == 0


def _nested() -> tuple[StatsResponse, Table]:
    """Two cities by gender; one cell has two customers, and its row and column would give it away."""
    cells = {"Bern": {"f": 30, "m": 2, "x": 20}, "Basel": {"f": 25, "m": 15, "x": 10}}
    groups = []
    for city, row in cells.items():
        inner = [
            Group(value=name, label=name, population=count, fields={"age": _figures(count, count), "kind": _category({"a": count})})
            for name, count in row.items()
        ]
        total = sum(row.values())
        fields: dict[str, AnyStats] = {"age": _figures(total, total, [HistogramBin(0, 10, total)]), "kind": _category({"a": total})}
        groups.append(
            Group(value=city, label=city, population=total, fields=fields, groups=inner, other_count=0, missing_count=0, error_bound=0)
        )
    whole: dict[str, AnyStats] = {
        "age": _figures(102, 102, [HistogramBin(0, 10, 100), HistogramBin(10, 20, 2)]),
        "kind": _category({"a": 102}),
    }
    response = StatsResponse(population=102, fields=whole, groups=groups)

    def line(name: str, count: int) -> Line:
        return Line(value=name, label=name, count=count, share=count / 102)

    none = Line(value=None, label="other values", count=0, share=0.0)
    table = Table(
        population=102,
        n=102,
        rows=[line("Bern", 52), line("Basel", 50), none],
        columns=[line("f", 55), line("m", 17), line("x", 30), none],
        counts=[[30, 2, 20, 0], [25, 15, 10, 0], [0, 0, 0, 0]],
        took_ms=1,
    )
    return response, table


def _category(values: dict[str, int], other: int = 0) -> CategoryStats:
    n = sum(values.values()) + other
    return CategoryStats(
        n=n,
        missing=0,
        distinct=len(values),
        distinct_error_bound=0,
        values=[CategoryValue(value=name, label=name, count=count, share=count / n) for name, count in values.items()],
        other_count=other,
        error_bound=0,
    )


def test_groups_of_two_fields_hide_what_rows_and_columns_would_tell() -> None:
    response, table = _nested()
    answer = protect_stats(response, 5, table)
    assert answer.groups is not None
    shown = {(group.value, inner.value) for group in answer.groups for inner in group.groups or []}
    assert not {("Bern", "m"), ("Basel", "m")} & shown
    for group in answer.groups:
        assert group.groups is not None
        assert sum(inner.population for inner in group.groups) + (group.other_count or 0) == group.population
        assert all(inner.withheld == ["kind"] for inner in group.groups)
        assert group.withheld == ["kind"]
        assert group.figures("age").histogram is None
    assert answer.figures("age").histogram == [HistogramBin(0, 20, 102)]


def test_rare_values_of_a_category_are_among_the_others() -> None:
    response = StatsResponse(population=60, fields={"city": _category({"Bern": 40, "Basel": 12, "Chur": 5, "Thun": 3})})
    found = protect_stats(response, 5).fields["city"]
    assert isinstance(found, CategoryStats)
    assert [value.value for value in found.values] == ["Bern", "Basel"]
    assert found.other_count == 8


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=20), k=small_ks)
def test_bins_are_put_together_until_none_is_small(sizes: list[int], k: int) -> None:
    bins = [HistogramBin(place, place + 1, count) for place, count in enumerate(sizes)]
    found = merge_bins(bins, k)
    assert sum(each.count for each in found) == sum(sizes)
    assert found[0].low == 0
    assert found[-1].high == len(sizes)
    assert all(each.count >= k for each in found) or len(found) == 1
    assert all(before.high == after.low for before, after in itertools.pairwise(found))


def test_tables_and_correlations_are_protected_too() -> None:
    _, table = _nested()
    protected, gone = protect_table(table, 5)
    assert gone
    assert all(count == 0 or count >= 5 for row in protected.counts for count in row)
    assert sum(map(sum, protected.counts)) == 102
    for lines, totals in ((protected.rows, protected.counts), (protected.columns, list(zip(*protected.counts, strict=True)))):
        assert [line.count for line in lines] == [sum(each) for each in totals]
    with pytest.raises(SmallGroupError):
        protect_table(msgspec.structs.replace(table, n=3), 5)
    pairs: list[Any] = [
        Correlation(fields=("age", name), n=n, r=0.5, low=0.1, high=0.9) for name, n in (("revenue", 4), ("churn_risk", 50))
    ]
    answer = protect_correlation(CorrelationResponse(population=60, fields=["age", "revenue", "churn_risk"], pairs=pairs), 5)
    assert [pair.fields for pair in answer.pairs] == [("age", "churn_risk")]
    assert answer.withheld == [("age", "revenue")]
