"""Figures from counts, from a digest, and from ranges with further questions: what is called exact is, and bounds hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import BackendUnavailableError
from crmsearch.search.filters import ResolvedFilter
from crmsearch.search.stats import refine
from crmsearch.search.stats.body import Draft, StatsResponse, build_doubts, build_stats_body, make_stats, read_draft, settle_doubts
from crmsearch.search.stats.categories import CategoryStats
from crmsearch.search.stats.figures import FieldStats
from crmsearch.search.stats.plan import MAX_BUCKETS, MAX_KEPT, Plan, build_look, build_probe, make_plan
from crmsearch.search.stats.ranks import Gap, Percentile, percentile_of_counts
from crmsearch.search.stats.request import Grouping, HistogramRequest, Range, StatsRequest
from tests.unit.search.stats.answers import asked_further, counted, digested, ranged, terms, whole

PERCENTILES = (0.0, 0.01, 5.0, 25.0, 33.3, 50.0, 95.0, 100.0)
COUNTED = Plan(10**6, frozenset({"age"}), frozenset({"age"}), {})
DIGESTED = Plan(1000, frozenset(), frozenset(), {})
moderate = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


def _request(field: str = "age", **given: Any) -> StatsRequest:
    return StatsRequest(fields=[field], percentiles=PERCENTILES, **given)


def _parsed(request: StatsRequest, plan: Plan, answer: Any) -> StatsResponse:
    return make_stats(request, plan, read_draft(request, plan, answer))


def _numeric(request: StatsRequest, plan: Plan, answer: Any) -> FieldStats:
    return _parsed(request, plan, answer).figures(request.fields[0])


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


@pytest.mark.parametrize(
    ("plan", "make"),
    [
        (COUNTED, counted),
        (DIGESTED, lambda name, values: digested(name, values, PERCENTILES)),
        (Plan(10**6, frozenset(), frozenset(), {}, {"age": [30.0]}), lambda name, values: ranged(name, values, [30.0])),
    ],
)
def test_one_value_has_no_variance_and_none_has_nothing(plan: Plan, make: Any) -> None:
    one = _numeric(_request(), plan, whole(1, make("age", [30.0])))
    assert (one.n, one.mean, one.median, one.variance, one.std_deviation) == (1, 30.0, 30.0, None, None)
    assert one.reason == "one value has no variance"
    none = _numeric(_request(), plan, whole(2, make("age", [])))
    assert (none.n, none.missing, none.sum, none.mean, none.median) == (0, 2, None, None, None)
    assert set(none.percentiles.values()) == {None}
    assert none.reason == "no customer here has a value"
    assert none.exact.median


def _in_ranges(values: Sequence[float], edges: Sequence[float], name: str = "revenue") -> tuple[FieldStats, int]:
    """Figures of values that were counted between edges first, after every further question, and how many these were."""
    request = _request(name)
    plan = Plan(10**6, frozenset(), frozenset(), {}, {name: sorted(set(edges))})
    draft = read_draft(request, plan, whole(len(values), ranged(name, values, plan.edges[name] if plan.edges else [])))
    while doubts := build_doubts(request, draft):
        draft = settle_doubts(draft, whole(len(values), asked_further(doubts, name, values)))
    return make_stats(request, plan, draft).figures(name), draft.rounds


def _assert_within(found: FieldStats, values: Sequence[float] | np.ndarray) -> None:
    bounds = found.error_bound.percentiles if found.error_bound else {}
    for percent in PERCENTILES:
        key, exact = f"{percent:.12g}", float(np.percentile(values, percent))
        value = found.percentiles[key]
        assert value is not None
        assert abs(value - exact) <= bounds.get(key, 0.0) + 1e-9 * max(1.0, abs(exact))
    assert found.exact.percentiles == all(bound == 0 for bound in bounds.values())
    assert found.exact.median == (found.error_bound is None or found.error_bound.median == 0)


@given(
    values=st.lists(moderate, min_size=1, max_size=200),
    edges=st.lists(moderate, min_size=1, max_size=10),
    limit=st.integers(1, 50),
    gaps=st.integers(0, 20),
    rounds=st.integers(0, 4),
)
def test_figures_are_exact_or_within_their_bound(values: list[float], edges: list[float], limit: int, gaps: int, rounds: int) -> None:
    """Wherever the first ranges end, however few values may be counted, gaps looked into and questions asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine, "MAX_VALUES", limit)
        patch.setattr(refine, "MAX_GAPS", gaps)
        patch.setattr(refine, "MAX_ROUNDS", rounds)
        found, asked = _in_ranges(values, edges)
    _assert_within(found, values)
    assert asked <= max(rounds, 1)


@given(values=st.lists(moderate, min_size=1, max_size=200), edges=st.lists(moderate, min_size=1, max_size=10))
def test_every_percentile_is_found_where_values_are_not_too_many(values: list[float], edges: list[float]) -> None:
    found, _ = _in_ranges(values, edges)
    assert found.exact.percentiles
    expected = {f"{percent:.12g}": value for percent, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)}
    assert found.percentiles == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(values=st.lists(st.integers(-40, 40), min_size=1, max_size=200), edges=st.lists(st.integers(-50, 50), min_size=1, max_size=10))
def test_whole_numbers_are_found_by_counts_alone(values: list[int], edges: list[int]) -> None:
    """Each question leaves smaller gaps, and between two neighbours there is nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine, "MAX_VALUES", 0)
        patch.setattr(refine, "MAX_ROUNDS", 40)
        found, asked = _in_ranges(values, edges, "age")
    _assert_within(found, values)
    assert found.exact.percentiles
    assert asked < 39, "the last one lists values"


_random = np.random.default_rng(7)
ADVERSARIAL = {
    "lognormal": _random.lognormal(6, 1.5, 60_000),
    "far tail": _random.pareto(0.5, 60_000),
    "two clouds": np.concatenate([_random.normal(0, 1e-6, 30_000), _random.normal(1e6, 1e-6, 30_000)]),
    "mostly one value": np.concatenate([np.full(40_000, 7.0), _random.normal(7, 1, 20_000)]),
    "one value in a cloud": np.concatenate([np.full(900, 0.5), _random.random(59_100)]),
    "offset": 1e9 + _random.normal(0, 1, 60_000),
    "powers": 10.0 ** _random.uniform(-12, 12, 60_000),
    "negative": -_random.lognormal(6, 1.5, 60_000),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
@pytest.mark.parametrize("few", [False, True])
def test_bounds_are_true_and_narrow_whatever_the_values(name: str, few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """From edges that a sample of one in fifty gives; with ``few`` values to be counted, as of groups of many millions."""
    if few:
        monkeypatch.setattr(refine, "MAX_VALUES", 20)
    values = ADVERSARIAL[name]
    sample = np.percentile(_random.choice(values, 1200), [100 * number / 32 for number in range(1, 32)])
    found, _ = _in_ranges(values.tolist(), sample.tolist())
    _assert_within(found, values)
    if not few:
        assert found.exact.percentiles
        return
    for percent, bound in (found.error_bound.percentiles if found.error_bound else {}).items():
        low, high = np.percentile(values, [max(0, float(percent) - 1), min(100, float(percent) + 1)])
        assert bound <= high - low, "within one per cent of the customers to both sides"


@pytest.mark.parametrize("upper", [500, 501])
def test_a_step_is_found_where_a_digest_would_lie_between(upper: int) -> None:
    """Half the values are 0, half are 1: the median is one of them or 0.5, and not what a digest makes of the two."""
    values = [0.0] * 500 + [1.0] * upper
    found, asked = _in_ranges(values, [0.5])
    assert (found.median, found.exact.median, asked) == (np.median(values), True, 1)


def test_equal_values_need_no_second_question() -> None:
    found, asked = _in_ranges([3.5] * 500, [3.5])
    assert (found.median, found.variance, found.exact.median, asked) == (3.5, 0.0, True, 0)


@pytest.mark.parametrize("plan", [DIGESTED, Plan(10**6, frozenset(), frozenset(), {}, {"revenue": [1e9]})])
def test_a_variance_that_lost_its_digits_is_asked_for_again(plan: Plan) -> None:
    values = [1e9 - 1, 1e9, 1e9 + 1]
    request = _request("revenue")
    answer = digested("revenue", values, PERCENTILES) | ranged("revenue", values, [1e9])
    doubts = build_doubts(request, draft := read_draft(request, plan, whole(3, answer)))
    assert doubts is not None
    assert doubts["aggs"]["0"]["aggs"]["revenue"]["scripted_metric"]["params"] == {"mean": 1e9}
    draft = settle_doubts(draft, whole(3, {"0": {"doc_count": 3, "revenue": {"value": [3, 2.0]}}}))
    assert make_stats(request, plan, draft).figures("revenue").variance == 1.0
    assert (build_doubts(request, draft) is None) == (plan is DIGESTED)


def test_gaps_of_dates_are_whole_milliseconds() -> None:
    values = [float(1.7e12 + 1000 * number) for number in range(200)]
    request = StatsRequest(fields=["created_at"], percentiles=(25.0,))
    plan = Plan(10**6, frozenset(), frozenset(), {}, {"created_at": [values[20], values[60], values[120]]})
    draft = read_draft(request, plan, whole(200, ranged("created_at", values, [values[20], values[60], values[120]])))
    draft = _with_squares(draft)
    doubts = build_doubts(request, draft)
    assert doubts is not None
    for clause in doubts["query"]["bool"]["filter"][1]["bool"]["should"]:
        bounds = clause["range"]["created_at"]
        assert bounds.pop("format") == "epoch_millis"
        assert all(isinstance(bound, int) for bound in bounds.values())
    assert _in_ranges(values, [values[20], values[60]], "created_at")[0].exact.percentiles


def _with_squares(draft: Draft) -> Draft:
    """As if the variance of dates that lie close together had been asked for."""
    return settle_doubts(draft, whole(200, {"0": {"doc_count": 200, "created_at": {"value": [200, 1.0]}}}))


def test_customers_that_change_between_two_questions_are_not_answered() -> None:
    values = [1e9 - 1, 1e9, 1e9 + 1]
    request = _request("revenue")
    draft = read_draft(request, DIGESTED, whole(3, digested("revenue", values, PERCENTILES)))
    with pytest.raises(BackendUnavailableError, match="changed while"):
        settle_doubts(draft, whole(2, {"0": {"doc_count": 2, "revenue": {"value": [2, 2.0]}}}))
    more = Plan(10**6, frozenset(), frozenset(), {}, {"revenue": [1.5]})
    draft = read_draft(request, more, whole(4, ranged("revenue", [1.0, 2.0, 3.0, 4.0], [1.5])))
    doubts = build_doubts(request, draft)
    assert doubts is not None
    with pytest.raises(BackendUnavailableError, match="changed while"):
        settle_doubts(draft, whole(3, asked_further(doubts, "revenue", [1.0, 2.0, 4.0])))
    with pytest.raises(BackendUnavailableError, match="changed while"):
        _parsed(request, Plan(1, frozenset(), frozenset(), {}), whole(3000, digested("revenue", [1.0] * 3000, PERCENTILES)))
    crowded = counted("age", [1, 2])
    crowded["age.counts"]["sum_other_doc_count"] = 1
    with pytest.raises(BackendUnavailableError, match="changed while"):
        _parsed(_request(), COUNTED, whole(3, crowded))


@pytest.mark.parametrize(
    ("population", "distinct", "by", "counted", "counted_in_groups", "compression"),
    [
        (0, 0, None, True, True, 100),
        (1999, 2000, None, False, False, 100),
        (2000, 2000, None, False, False, 101),
        (100_000, 256, None, True, True, 5001),
        (100_000, 257, None, False, False, 5001),
        (10**9, 90_000, None, False, False, None),
        (10**9, 80, "city", True, True, 10**9 // 20 + 1),
        (10**9, 80, ["city", "gender"], True, False, None),
        (MAX_KEPT, 300, None, False, False, MAX_KEPT // 20 + 1),
        (MAX_KEPT // 2 + 1, 300, "city", False, False, None),
    ],
)
def test_the_plan_follows_from_how_many_customers_and_values_there_are(
    population: int, distinct: int, by: Any, counted: bool, counted_in_groups: bool, compression: int | None
) -> None:
    request, probe = _request(by=by), whole(population, {"age.distinct": {"value": distinct}})
    look = build_look(request, probe)
    assert (look is None) == (compression is not None)
    sampled = [{"key": percent, "value": value} for percent, value in ((25.0, 30.0), (50.0, 40.5), (75.0, 41.0))]
    plan = make_plan(request, probe, look and whole(population, {"sample": {"age": {"values": sampled}}}))
    assert plan.population == population
    assert (plan.counted, plan.counted_in_groups) == (
        frozenset({"age"} if counted else ()),
        frozenset({"age"} if counted_in_groups else ()),
    )
    if compression is None:
        assert plan.edges == {"age": [30.0, 41.0, 42.0]}, "whole numbers, and the frequent 41 by itself"
    else:
        assert (plan.edges, plan.compression) == (None, compression)
        assert population < plan.kept


def test_a_question_about_few_of_very_many_keeps_their_values() -> None:
    request, probe = _request(by="city"), whole(10**7, {"age.distinct": {"value": 300}})
    look = build_look(request, probe)
    assert look is not None
    assert look["aggs"]["sample"]["random_sampler"]["probability"] == pytest.approx(1e-3)
    assert make_plan(request, probe, whole(3000, {"sample": {"age": {"values": []}}})).edges is None
    nothing = [{"key": 50.0, "value": None}, {"key": 75.0, "value": "NaN"}]
    assert make_plan(request, probe, whole(10**6, {"sample": {"age": {"values": nothing}}})).edges == {"age": [0.0]}


def test_very_many_groups_have_few_ranges_each() -> None:
    request = StatsRequest(fields=["revenue", "created_at"], by=["city", "gender"], size=30)
    look = build_look(request, whole(10**6, {f"{name}.distinct": {"value": 9999} for name in request.fields}))
    assert look is not None
    percents = look["aggs"]["sample"]["aggs"]["revenue"]["percentiles"]["percents"]
    assert (len(percents) + 1) * (1 + 30 + 900) * 2 <= MAX_BUCKETS
    assert len(percents) >= 9


def test_the_look_at_the_index_is_the_same_for_every_query() -> None:
    text = ResolvedFilter(clause={"term": {"name_words": "wang"}})
    probes = [build_probe(_request(filters=filters, by=by)) for filters in ([], [text]) for by in (None, "city")]
    assert all(probe == probes[0] for probe in probes)
    assert "query" not in probes[0]
    automatic = build_probe(_request(filters=[text], histogram=HistogramRequest(bins=20)))
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
    response = _parsed(StatsRequest(fields=["age"], by=["city", bands]), COUNTED, answer)
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
    found = _parsed(request, DIGESTED, answer).fields["city"]
    assert isinstance(found, CategoryStats)
    assert (found.n, found.missing, found.other_count, found.distinct, found.distinct_error_bound) == (80, 20, 40, 7, 1)
    assert [(each.value, each.count, each.share) for each in found.values] == [("Bern", 30, 0.375), ("Basel", 10, 0.125)]
    answer["aggregations"]["city.values"]["sum_other_doc_count"] = 0
    answer["aggregations"]["city.distinct"]["value"] = 3
    complete = _parsed(request, DIGESTED, answer).fields["city"]
    assert isinstance(complete, CategoryStats)
    assert (complete.distinct, complete.distinct_error_bound) == (2, 0), "with no value left out those shown are all"


def test_a_bound_is_a_distance() -> None:
    assert math.isclose(Percentile(5.0, 4.0, 7.0).error_bound, 2.0)


def test_values_in_a_gap_are_expected_evenly() -> None:
    gap = Gap(10, 0.0, 20, 100.0)
    assert (gap.count, gap.position(10), gap.position(19)) == (10, 5.0, 95.0)
