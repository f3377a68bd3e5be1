"""Figures from counts, from a digest, and after a second question: what is called exact is, and bounds hold."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import BackendUnavailableError
from crmsearch.search.stats import refine
from crmsearch.search.stats.body import build_doubts, build_stats_body, parse_stats
from crmsearch.search.stats.categories import CategoryStats
from crmsearch.search.stats.figures import FieldStats, Percentile, percentile_of_counts, percentiles_to_ask
from crmsearch.search.stats.plan import MAX_KEPT, Plan, build_probe, make_plan
from crmsearch.search.stats.request import Grouping, HistogramRequest, Range, StatsRequest
from tests.unit.search.stats.answers import counted, digested, looked_into, terms, whole

PERCENTILES = (0.0, 0.01, 5.0, 25.0, 33.3, 50.0, 95.0, 100.0)
COUNTED = Plan(10**6, 100, frozenset({"age"}), frozenset({"age"}), {})
LOOSE = Plan(10**6, 1, frozenset(), frozenset(), {})  # digests that keep 20 values
EXACT = Plan(3, 100, frozenset(), frozenset(), {})
moderate = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


def _request(field: str = "age", **given: Any) -> StatsRequest:
    return StatsRequest(fields=[field], percentiles=PERCENTILES, **given)


def _numeric(request: StatsRequest, plan: Plan, *answers: Any) -> FieldStats:
    return parse_stats(request, plan, *answers).figures(request.fields[0])


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60), st.floats(0, 100))
def test_percentiles_of_counts_are_those_of_the_values(values: list[int], percent: float) -> None:
    counts = sorted(Counter(values).items())
    found = percentile_of_counts([(float(value), count) for value, count in counts], percent, len(values))
    assert found == pytest.approx(np.percentile(values, percent), rel=1e-12, abs=1e-12)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=80))
def test_counted_values_give_every_figure(values: list[int]) -> None:
    answer = whole(len(values) + 3, counted("age", values))
    found = _numeric(_request(), COUNTED, answer)
    assert (found.n, found.missing, found.min, found.max) == (len(values), 3, min(values), max(values))
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert found.variance == pytest.approx(np.var(values, ddof=1), rel=1e-9, abs=1e-12)
    expected = {f"{percent:g}": value for percent, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)}
    assert found.percentiles == pytest.approx(expected)
    assert found.exact.median
    assert found.exact.percentiles
    assert found.error_bound is None


@pytest.mark.parametrize("make", [counted, lambda name, values: digested(name, values, percentiles_to_ask(PERCENTILES, brackets=True))])
def test_one_value_has_no_variance_and_none_has_nothing(make: Any) -> None:
    plan = COUNTED if make is counted else LOOSE
    one = _numeric(_request(), plan, whole(1, make("age", [30.0])))
    assert (one.n, one.mean, one.median, one.variance, one.std_deviation) == (1, 30.0, 30.0, None, None)
    assert one.reason == "one value has no variance"
    none = _numeric(_request(), plan, whole(2, make("age", [])))
    assert (none.n, none.missing, none.sum, none.mean, none.median) == (0, 2, None, None, None)
    assert set(none.percentiles.values()) == {None}
    assert none.reason == "no customer here has a value"
    assert none.exact.median


def _asked_to_the_end(request: StatsRequest, answer: Any, values: list[float]) -> FieldStats:
    """The figures after every further question, each answered from the values."""
    further: list[Any] = []
    while doubts := build_doubts(request, LOOSE, answer, further):
        further.append(whole(len(values), looked_into(doubts, "revenue", values)))
    return parse_stats(request, LOOSE, answer, further).figures("revenue")


@given(
    values=st.lists(moderate, min_size=21, max_size=200),
    shift=st.floats(-30, 30),
    limit=st.integers(1, 50),
    looks=st.integers(0, 20),
    rounds=st.integers(0, 3),
)
def test_figures_are_exact_or_within_their_bound(values: list[float], shift: float, limit: int, looks: int, rounds: int) -> None:
    """However badly the digest misses, however few values may be counted, looks taken and questions asked."""
    request = _request("revenue")
    answer = whole(len(values), digested("revenue", values, percentiles_to_ask(PERCENTILES, brackets=True), shift))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine, "MAX_VALUES", limit)
        patch.setattr(refine, "MAX_LOOKS", looks)
        patch.setattr(refine, "MAX_ROUNDS", rounds)
        found = _asked_to_the_end(request, answer, values)
    bounds = found.error_bound.percentiles if found.error_bound else {}
    for percent in PERCENTILES:
        key, exact = f"{percent:.12g}", float(np.percentile(values, percent))
        value = found.percentiles[key]
        assert value is not None
        assert abs(value - exact) <= bounds.get(key, 0.0) + 1e-9 * max(1.0, abs(exact))
    assert found.exact.percentiles == all(bound == 0 for bound in bounds.values())
    assert found.exact.median == (found.error_bound is None or found.error_bound.median == 0)


@given(values=st.lists(moderate, min_size=21, max_size=200), shift=st.floats(-30, 30))
def test_two_questions_find_every_percentile_where_values_are_not_too_many(values: list[float], shift: float) -> None:
    answer = whole(len(values), digested("revenue", values, percentiles_to_ask(PERCENTILES, brackets=True), shift))
    found = _asked_to_the_end(_request("revenue"), answer, values)
    assert found.exact.percentiles
    expected = {f"{percent:.12g}": value for percent, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)}
    assert found.percentiles == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("upper", [500, 501])
def test_a_step_is_found_where_a_digest_would_lie_between(upper: int) -> None:
    """Half the values are 0, half are 1: the median is one of them or 0.5, and not what a digest makes of the two."""
    values = [0.0] * 500 + [1.0] * upper
    request = StatsRequest(fields=["revenue"])
    answer = whole(len(values), digested("revenue", values, percentiles_to_ask(request.percentiles, brackets=True)))
    for each in answer["aggregations"]["revenue.percentiles"]["values"]:
        if each["key"] in {49.95, 50.0, 50.05}:
            each["value"] = 0.45 + (each["key"] - 50) / 10
    found = _asked_to_the_end(request, answer, values)
    assert (found.median, found.exact.median) == (np.median(values), True)


def test_equal_values_need_no_second_question() -> None:
    values = [3.5] * 500
    answer = whole(500, digested("revenue", values, percentiles_to_ask(PERCENTILES, brackets=True)))
    assert build_doubts(_request("revenue"), LOOSE, answer) is None
    found = _numeric(_request("revenue"), LOOSE, answer)
    assert (found.median, found.variance, found.exact.median) == (3.5, 0.0, True)


def test_a_variance_that_lost_its_digits_is_asked_for_again() -> None:
    values = [1e9 - 1, 1e9, 1e9 + 1]
    answer = whole(3, digested("revenue", values, percentiles_to_ask(PERCENTILES, brackets=False)))
    plan = EXACT
    doubts = build_doubts(_request("revenue"), plan, answer)
    assert doubts is not None
    assert list(doubts["aggs"]) == ["0|revenue|squares"]
    assert doubts["aggs"]["0|revenue|squares"]["aggs"]["squares"]["scripted_metric"]["params"] == {"mean": 1e9}
    second = whole(3, {"0|revenue|squares": {"squares": {"value": 2.0}}})
    assert _numeric(_request("revenue"), plan, answer, [second]).variance == 1.0


def test_brackets_of_dates_are_whole_milliseconds() -> None:
    values = [1.7e12 + 1000.5 * number for number in range(100)]
    answer = whole(100, digested("created_at", values, percentiles_to_ask((25.0,), brackets=True)))
    doubts = build_doubts(StatsRequest(fields=["created_at"], percentiles=(25.0,)), LOOSE, answer)
    assert doubts is not None
    brackets = {name: agg for name, agg in doubts["aggs"].items() if not name.endswith("squares")}
    assert len(brackets) == 4
    for name, agg in brackets.items():
        bounds = agg["filter"]["bool"]["filter"][-1]["range"]["created_at"]
        assert bounds.pop("format") == "epoch_millis"
        assert all(isinstance(bound, int) for bound in bounds.values()), name


def test_customers_that_change_between_two_questions_are_not_answered() -> None:
    values = [1e9 - 1, 1e9, 1e9 + 1]
    answer = whole(3, digested("revenue", values, percentiles_to_ask(PERCENTILES, brackets=False)))
    second = whole(2, {"0|revenue|squares": {"squares": {"value": 2.0}}})
    plan = EXACT
    with pytest.raises(BackendUnavailableError, match="changed while"):
        parse_stats(_request("revenue"), plan, answer, [second])
    crowded = counted("age", [1, 2])
    crowded["age.counts"]["sum_other_doc_count"] = 1
    with pytest.raises(BackendUnavailableError, match="changed while"):
        parse_stats(_request(), COUNTED, whole(3, crowded))


@pytest.mark.parametrize(
    ("population", "distinct", "by", "counted", "counted_in_groups", "compression"),
    [
        (0, 0, None, True, True, 100),
        (1999, 2000, None, False, False, 100),
        (2000, 2000, None, False, False, 101),
        (100_000, 256, None, True, True, 5001),
        (100_000, 257, None, False, False, 5001),
        (10**9, 90_000, None, False, False, MAX_KEPT // 20 + 1),
        (10**9, 80, "city", True, True, MAX_KEPT // 20 + 1),
        (10**9, 80, ["city", "gender"], True, False, MAX_KEPT // 20 + 1),
    ],
)
def test_the_plan_follows_from_how_many_customers_and_values_there_are(
    population: int, distinct: int, by: Any, counted: bool, counted_in_groups: bool, compression: int
) -> None:
    plan = make_plan(_request(by=by), whole(population, {"age.distinct": {"value": distinct}}))
    assert (plan.population, plan.compression) == (population, compression)
    assert (plan.counted, plan.counted_in_groups) == (
        frozenset({"age"} if counted else ()),
        frozenset({"age"} if counted_in_groups else ()),
    )
    assert population < plan.kept or plan.kept > MAX_KEPT


def test_the_look_at_the_index_is_the_same_for_every_query() -> None:
    probes = [build_probe(_request(q=q, by=by)) for q in ("", "wang") for by in (None, "city")]
    assert all(probe == probes[0] for probe in probes)
    assert "query" not in probes[0]
    automatic = build_probe(_request(q="wang", histogram=HistogramRequest(bins=20)))
    assert set(automatic["aggs"]["extent"]["aggs"]) == {"age.min", "age.max"}


def test_the_whole_body() -> None:
    request = StatsRequest(
        fields=["age", "revenue", "city"],
        by=["company", Grouping(field="created_at", ranges=[Range(lt="2025-01-01"), Range(gte="2025-01-01")])],
        percentiles=(90.0,),
        histogram=HistogramRequest(interval=10),
    )
    answer = whole(100, {"age.distinct": {"value": 50}, "revenue.distinct": {"value": 400}})
    body = build_stats_body(request, make_plan(request, answer))
    figures = {
        "age.counts": {"terms": {"field": "age", "size": 10_000, "order": {"_key": "asc"}}},
        "age.histogram": {"histogram": {"field": "age", "interval": 10, "min_doc_count": 1}},
        "revenue.stats": {"extended_stats": {"field": "revenue"}},
        "revenue.percentiles": {
            "percentiles": {"field": "revenue", "percents": [50.0, 90.0], "tdigest": {"compression": 100}, "keyed": False}
        },
        "revenue.histogram": {"histogram": {"field": "revenue", "interval": 10, "min_doc_count": 1}},
        "city.values": {"terms": {"field": "city", "size": 20}},
        "city.missing": {"missing": {"field": "city"}},
        "city.distinct": {"cardinality": {"field": "city", "precision_threshold": 40_000}},
    }
    ranges = [{"key": "0", "to": "2025-01-01"}, {"key": "1", "from": "2025-01-01"}]
    inner = {
        "by": {"date_range": {"field": "created_at", "ranges": ranges}, "aggs": figures},
        "by_missing": {"missing": {"field": "created_at"}},
    }
    assert body == {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": []}},
        "aggs": figures
        | {
            "by": {"terms": {"field": "company.keyword", "size": 20}, "aggs": figures | inner},
            "by_missing": {"missing": {"field": "company.keyword"}},
        },
    }


def test_groups_of_two_fields_are_groups_in_groups() -> None:
    def part(count: int) -> dict[str, Any]:
        return counted("age", [30] * count)

    young = {"key": "1", "doc_count": 3, **part(3)}
    old = {"key": "0", "doc_count": 4, **part(4)}
    berlin = {"by": {"buckets": [young, old]}, "by_missing": {"doc_count": 1}, **part(7)}
    answer = whole(20, {**part(12), "by": terms({"Berlin": 9}, other=6, Berlin=berlin), "by_missing": {"doc_count": 5}})
    bands = Grouping(field="revenue", ranges=[Range(lt=100), Range(gte=100, lt=200)])
    response = parse_stats(StatsRequest(fields=["age"], by=["city", bands]), COUNTED, answer)
    assert (response.population, response.other_count, response.missing_count) == (20, 6, 5)
    assert response.groups is not None
    (city,) = response.groups
    assert (city.value, city.population, city.other_count, city.missing_count) == ("Berlin", 9, 1, 1)
    assert city.groups is not None
    assert [(each.label, each.range, each.population) for each in city.groups] == [
        ("< 100", Range(lt=100), 4),
        ("100 – < 200", Range(gte=100, lt=200), 3),
    ]
    assert [each.fields["age"].n for each in city.groups] == [4, 3]


def test_values_of_a_category_have_shares_and_a_count_of_what_is_left() -> None:
    answer = whole(
        100, {"city.values": terms({"Bern": 30, "Basel": 10}, other=40), "city.missing": {"doc_count": 20}, "city.distinct": {"value": 7}}
    )
    request = StatsRequest(fields=["city"], size=2)
    found = parse_stats(request, LOOSE, answer).fields["city"]
    assert isinstance(found, CategoryStats)
    assert (found.n, found.missing, found.other_count, found.distinct, found.distinct_error_bound) == (80, 20, 40, 7, 1)
    assert [(each.value, each.count, each.share) for each in found.values] == [("Bern", 30, 0.375), ("Basel", 10, 0.125)]
    answer["aggregations"]["city.values"]["sum_other_doc_count"] = 0
    answer["aggregations"]["city.distinct"]["value"] = 3
    complete = parse_stats(request, LOOSE, answer).fields["city"]
    assert isinstance(complete, CategoryStats)
    assert (complete.distinct, complete.distinct_error_bound) == (2, 0), "with no value left out those shown are all"


def test_a_bound_is_a_distance() -> None:
    assert math.isclose(Percentile(5.0, 4.0, 7.0).error_bound, 2.0)
