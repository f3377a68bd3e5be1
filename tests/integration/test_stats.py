"""Statistics on a real node against NumPy: to nine digits, also where sums of squares lose them, and complete in every count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from crmsearch.cli.look import ask
from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.names import customers_alias
from crmsearch.search.filters import Filter, parse_filter
from crmsearch.search.stats import FieldStats, StatsRequest, StatsResponse
from crmsearch.search.stats.histogram import MOST_BINS
from crmsearch.search.stats.request import MAX_INTERVAL, MIN_INTERVAL, CalendarUnit
from crmsearch.settings import Settings
from tests.conftest import Loaded
from tests.documents import documents_in, own_prefix, put_documents

Source = dict[str, Any]
PERCENTILES = (0.0, 1.0, 5.0, 25.0, 33.3, 50.0, 75.0, 95.0, 99.9, 100.0)
DIGITS = 1e-9  # relative

_random = np.random.default_rng(20260101)
REVENUE: dict[str, list[float]] = {
    "usual": [round(float(value), 2) for value in _random.lognormal(6, 1.5, 400)],
    "two": [19.9, 20.1],
    "one": [3.5],
    "none": [],
    "equal": [0.1] * 50,
    "equal and large": [1e9 + 0.1] * 7,
    "offset": [1e9 - 1, 1e9, 1e9 + 1, 1e9 + 0.5],
    "negative": [float(value) for value in _random.normal(-500, 30, 200)],
    "around zero": [-1e-6, 0.0, 1e-6],
    "far apart": [1e-9, 1e12],
}
# More than a digest keeps where the tests make it small.
LARGE: dict[str, list[float]] = {
    "wide": [float(value) for value in _random.lognormal(6, 1.5, 5000)],
    "half of it 7": [7.0] * 1000 + [float(value) for value in _random.normal(7, 1, 1000)],
    "step": [0.0] * 1500 + [100.0] * 1501,
    "two clouds": [*map(float, _random.normal(0, 1e-3, 1500)), *map(float, _random.normal(100, 1e-3, 1501))],
    "offset, many": [1e9 + float(value) for value in _random.normal(0, 1, 2500)],
}
REVENUE |= LARGE
# A second apart in a year's distance from the epoch, as a run writes them: the variance has no digit in sums of squares.
SAME_DAY = [datetime(2026, 3, 4, 5, 6, second, tzinfo=UTC) for second in range(40)]


def _documents() -> Iterator[Source]:
    for city, values in REVENUE.items():
        yield from ({"city": city, "revenue": value, "order_count": 1 + int(abs(value)) % 9} for value in values)
    yield {"city": "none"}
    yield {"revenue": 7.0}
    yield from ({"city": "dates", "created_at": moment.isoformat().replace("+00:00", "Z")} for moment in SAME_DAY)


@pytest.fixture(scope="module")
def made(node_settings: Settings) -> Iterator[Settings]:
    with own_prefix(node_settings, "stats") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, _documents()))
        yield settings


@pytest.fixture(scope="module")
def customers(loaded: Loaded) -> list[Source]:
    found = documents_in(loaded.lifecycle, str(loaded.report.index))
    return list(found.values())


def _stats(settings: Settings, **given: Any) -> StatsResponse:
    return ask(settings, lambda service: service.stats(msgspec.convert({"percentiles": PERCENTILES, **given}, StatsRequest)))


def _assert_equal(found: FieldStats, values: list[float], population: int) -> None:
    array = np.array(values, dtype=np.float64)
    assert (found.n, found.missing) == (len(array), population - len(array))
    assert found.exact.median
    assert found.exact.percentiles
    if not values:
        assert {found.min, found.max, found.sum, found.mean, found.median, found.variance, found.std_deviation} == {None}
        assert set(found.percentiles.values()) == {None}
        assert found.reason
        return
    assert (found.min, found.max) == (array.min(), array.max())
    assert found.sum == pytest.approx(math.fsum(values), rel=DIGITS)
    assert found.mean == pytest.approx(math.fsum(values) / len(values), rel=DIGITS, abs=1e-15)
    assert found.median == pytest.approx(np.median(array), rel=DIGITS)
    expected = np.percentile(array, PERCENTILES, method="linear")
    assert found.percentiles == pytest.approx(
        {f"{percent:g}": value for percent, value in zip(PERCENTILES, expected, strict=True)}, rel=DIGITS, abs=1e-15
    )
    if len(values) == 1:
        assert (found.variance, found.std_deviation) == (None, None)
        assert found.reason
        return
    # NumPy's mean is rounded, which for equal values of a billion gives a variance of 1e-14.
    distance = DIGITS if array.min() < array.max() else 1e-13
    assert found.variance == pytest.approx(array.var(ddof=1), rel=DIGITS, abs=0 if array.min() < array.max() else distance)
    assert found.std_deviation == pytest.approx(array.std(ddof=1), rel=DIGITS, abs=0 if array.min() < array.max() else 1e-6)
    assert found.reason is None


def _numbers(customers: list[Source], field: str) -> list[float]:
    return [customer[field] for customer in customers if customer.get(field) is not None]


def _milliseconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


@pytest.mark.parametrize("field", ["age", "quality_score", "merged_count"])
def test_the_sample_agrees_with_numpy(loaded: Loaded, customers: list[Source], field: str) -> None:
    answer = _stats(loaded.settings, fields=[field])
    assert answer.population == len(customers)
    assert answer.groups is None
    _assert_equal(answer.figures(field), _numbers(customers, field), len(customers))


def test_groups_of_the_sample_agree_with_numpy_and_add_up(loaded: Loaded, customers: list[Source]) -> None:
    filters = [parse_filter("age:18..65")]
    chosen = [customer for customer in customers if 18 <= customer.get("age", 0) <= 65]
    answer = _stats(loaded.settings, fields=["age", "quality_score"], by="city", size=7, filters=[{"field": "age", "gte": 18, "lte": 65}])
    assert answer.population == len(chosen)
    assert filters[0].bounds == {"gte": 18, "lte": 65}
    assert answer.groups is not None
    counts = Counter(customer["city"] for customer in chosen if "city" in customer)
    assert [group.population for group in answer.groups] == [count for _, count in counts.most_common(7)]
    for group in answer.groups:
        members = [customer for customer in chosen if customer.get("city") == group.value]
        assert group.population == len(members)
        for field in ("age", "quality_score"):
            _assert_equal(group.figures(field), _numbers(members, field), len(members))
    assert answer.missing_count == sum("city" not in customer for customer in chosen)
    assert sum(group.population for group in answer.groups) + answer.other_count + (answer.missing_count or 0) == answer.population


def test_dates_are_counted_in_milliseconds(loaded: Loaded, customers: list[Source]) -> None:
    values = [_milliseconds(customer["created_at"]) for customer in customers if customer.get("created_at")]
    _assert_equal(_stats(loaded.settings, fields=["created_at"]).figures("created_at"), values, len(customers))


def test_a_text_narrows_the_population(loaded: Loaded) -> None:
    found = _stats(loaded.settings, fields=["age"], q="wang")
    assert 0 < found.population < loaded.report.indexed


@pytest.mark.parametrize("city", REVENUE)
def test_difficult_numbers_agree_with_numpy(made: Settings, city: str) -> None:
    answer = _stats(made, fields=["revenue", "order_count"], filters=[{"field": "city", "in": [city]}])
    population = len(REVENUE[city]) + (city == "none")
    assert answer.population == population
    _assert_equal(answer.figures("revenue"), REVENUE[city], population)
    _assert_equal(answer.figures("order_count"), [1 + int(abs(value)) % 9 for value in REVENUE[city]], population)


def test_difficult_numbers_agree_in_groups_too(made: Settings) -> None:
    answer = _stats(made, fields=["revenue"], by="city")
    assert answer.groups is not None
    groups = {str(group.value): group for group in answer.groups}
    assert set(groups) == {*REVENUE, "dates"}
    for city, values in REVENUE.items():
        _assert_equal(groups[city].figures("revenue"), values, groups[city].population)
    everything = [*(value for values in REVENUE.values() for value in values), 7.0]
    _assert_equal(answer.figures("revenue"), everything, answer.population)
    assert (answer.other_count, answer.missing_count) == (0, 1)


def test_dates_of_one_minute_keep_their_variance(made: Settings) -> None:
    values = [moment.timestamp() * 1000 for moment in SAME_DAY]
    for given in ({"filters": [{"field": "city", "in": ["dates"]}]}, {"q": "dates"}):
        answer = _stats(made, fields=["created_at"], **given)
        _assert_equal(answer.figures("created_at"), values, len(values))


def test_nobody_has_no_figures(made: Settings) -> None:
    answer = _stats(made, fields=["revenue"], filters=[{"field": "city", "in": ["nowhere"]}], by="city")
    assert (answer.population, answer.groups, answer.other_count, answer.missing_count) == (0, [], 0, 0)
    _assert_equal(answer.figures("revenue"), [], 0)


def test_histogram_bins_hold_every_value(loaded: Loaded, customers: list[Source]) -> None:
    answer = _stats(loaded.settings, fields=["age", "created_at"], histogram={"interval": 10})
    expected = Counter(age // 10 * 10 for age in _numbers(customers, "age"))
    bins = answer.figures("age").histogram
    assert bins is not None
    assert {each.low: each.count for each in bins} == expected
    assert {each.high - each.low for each in bins} == {10}
    days = answer.figures("created_at").histogram
    assert days is not None
    assert sum(each.count for each in days) == answer.figures("created_at").n
    assert {each.high - each.low for each in days} == {10 * 86_400_000}


@pytest.mark.parametrize("unit", get_args(CalendarUnit))
def test_bins_of_the_calendar_hold_every_value(loaded: Loaded, customers: list[Source], unit: str) -> None:
    dates = sorted((customer["created_at"] for customer in customers if customer.get("created_at")), key=_milliseconds)
    end = dates[min(MOST_BINS, len(dates) - 1)]  # so that there are not too many bins of an hour
    values = [value for value in map(_milliseconds, dates) if value < _milliseconds(end)]
    some = [{"field": "created_at", "lt": end}]
    bins = _stats(loaded.settings, fields=["created_at"], histogram={"calendar": unit}, filters=some).figures("created_at").histogram
    assert bins is not None
    assert [each.count for each in bins] == [sum(each.low <= value < each.high for value in values) for each in bins]
    assert sum(each.count for each in bins) == len(values)


def test_automatic_bins_fit_what_was_asked_for(loaded: Loaded, customers: list[Source]) -> None:
    young = [customer for customer in customers if customer.get("age", 99) < 30]
    filters = [{"field": "age", "lt": 30}]
    answer = _stats(loaded.settings, fields=["age", "quality_score", "created_at"], histogram={"bins": 20}, filters=filters)
    for field in ("age", "quality_score", "created_at"):
        bins = answer.figures(field).histogram
        assert bins is not None
        assert 2 <= len(bins) <= 20
        assert sum(each.count for each in bins) == sum(customer.get(field) is not None for customer in young)
    ages = answer.figures("age").histogram
    assert ages is not None
    assert {each.high - each.low for each in ages} == {1}, "of the young alone, not of all"


@pytest.mark.parametrize("interval", [MIN_INTERVAL, MAX_INTERVAL])
def test_the_narrowest_and_the_widest_bins_hold_every_value(made: Settings, interval: float) -> None:
    some = [{"field": "city", "in": ["negative", "around zero", "far apart"]}]
    found = _stats(made, fields=["revenue"], histogram={"interval": interval}, filters=some).figures("revenue")
    assert found.histogram is not None
    assert sum(each.count for each in found.histogram) == found.n


def test_bins_that_nobody_would_read_are_refused(made: Settings) -> None:
    with pytest.raises(InvalidRequestError, match=r"bins of revenue, more than 1,000; take .* or wider, auto, or a filter on revenue"):
        _stats(made, fields=["revenue"], histogram={"interval": 0.001})


def test_groups_are_cut_at_days_counted_back(loaded: Loaded, customers: list[Source]) -> None:
    answer = _stats(loaded.settings, fields=["age"], by={"field": "created_at", "ranges": [{"gte": "now-1y"}, {"lt": "now-1y"}]})
    assert answer.groups is not None
    recent, earlier = answer.groups
    assert recent.range is not None
    assert earlier.range is not None
    assert recent.range.gte == earlier.range.lt
    begin = str(recent.range.gte)
    known = [each["created_at"] for each in customers if "created_at" in each]
    assert (recent.population, earlier.population) == (sum(each >= begin for each in known), sum(each < begin for each in known))


@pytest.fixture
def few_buckets(loaded: Loaded) -> Iterator[None]:
    """A node that gives an answer 50 buckets at most, as if the sample were larger."""
    cluster = loaded.lifecycle._client.cluster
    cluster.put_settings(persistent={"search.max_buckets": 50})
    yield
    cluster.put_settings(persistent={"search.max_buckets": None})


@pytest.mark.usefixtures("few_buckets")
def test_a_histogram_of_too_many_bins_is_refused(loaded: Loaded) -> None:
    with pytest.raises(InvalidRequestError, match=r"more than 50 histogram bins and groups.*widen the interval"):
        _stats(loaded.settings, fields=["age"], histogram={"interval": 1})


@pytest.fixture
def in_ranges(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Neither digests nor counts of single values, as if there were a hundred times as many customers."""
    monkeypatch.setattr("crmsearch.search.stats.plan.MAX_KEPT", 0)
    monkeypatch.setattr("crmsearch.search.stats.plan.COUNTED_VALUES", 0)
    return monkeypatch


@pytest.mark.usefixtures("in_ranges")
@pytest.mark.parametrize("city", REVENUE)
def test_what_is_counted_in_ranges_is_exact_all_the_same(made: Settings, city: str) -> None:
    answer = _stats(made, fields=["revenue", "order_count"], filters=[{"field": "city", "in": [city]}])
    _assert_equal(answer.figures("revenue"), REVENUE[city], answer.population)
    _assert_equal(answer.figures("order_count"), [1 + int(abs(value)) % 9 for value in REVENUE[city]], answer.population)


@pytest.mark.usefixtures("in_ranges")
def test_groups_that_are_counted_in_ranges_are_exact_too(made: Settings) -> None:
    grouped = _stats(made, fields=["revenue"], by="city")
    assert grouped.groups is not None
    for group in grouped.groups:
        _assert_equal(group.figures("revenue"), REVENUE.get(str(group.value), []), group.population)
    everything = [*(value for values in REVENUE.values() for value in values), 7.0]
    _assert_equal(grouped.figures("revenue"), everything, grouped.population)


@pytest.mark.parametrize("kept", [0, 10**6])
def test_a_field_that_is_counted_in_the_whole_alone_is_exact_in_groups(made: Settings, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with so many groups that single values would be too many buckets."""
    monkeypatch.setattr("crmsearch.search.stats.plan.MAX_KEPT", kept)
    monkeypatch.setattr("crmsearch.search.stats.plan.MAX_BUCKETS", 100)
    grouped = _stats(made, fields=["order_count"], by="city")
    assert grouped.groups is not None
    for group in grouped.groups:
        values = [1.0 + int(abs(value)) % 9 for value in REVENUE.get(str(group.value), [])]
        _assert_equal(group.figures("order_count"), values, group.population)


@pytest.mark.usefixtures("in_ranges")
def test_dates_and_nested_groups_in_ranges_agree_with_numpy(loaded: Loaded, customers: list[Source]) -> None:
    answer = _stats(loaded.settings, fields=["created_at", "quality_score"], by=["city", "gender"], size=5)
    values = [_milliseconds(customer["created_at"]) for customer in customers if customer.get("created_at")]
    _assert_equal(answer.figures("created_at"), values, len(customers))
    _assert_equal(answer.figures("quality_score"), _numbers(customers, "quality_score"), len(customers))
    for city in answer.groups or []:
        for gender in city.groups or []:
            members = [each for each in customers if (each.get("city"), each.get("gender")) == (city.value, gender.value)]
            dates = [_milliseconds(each["created_at"]) for each in members if each.get("created_at")]
            _assert_equal(gender.figures("created_at"), dates, len(members))


@pytest.mark.parametrize("city", LARGE)
def test_where_too_many_values_are_close_the_bound_holds(made: Settings, in_ranges: pytest.MonkeyPatch, city: str) -> None:
    in_ranges.setattr("crmsearch.search.stats.refine.MAX_VALUES", 3)
    values = LARGE[city]
    found = _stats(made, fields=["revenue"], filters=[{"field": "city", "in": [city]}]).figures("revenue")
    bounds = found.error_bound.percentiles if found.error_bound else {}
    assert city != "step" or found.exact.percentiles, "a step has two values, each in a range of its own"
    for percent in PERCENTILES:
        value = found.percentiles[f"{percent:g}"]
        assert value is not None
        assert abs(value - np.percentile(values, percent)) <= bounds.get(f"{percent:g}", 0.0) + 1e-9 * max(values)
    if found.error_bound is not None:
        assert found.median is not None
        assert abs(found.median - np.median(values)) <= found.error_bound.median + 1e-9 * max(values)


def test_ranges_alone_bound_what_they_do_not_find(made: Settings, in_ranges: pytest.MonkeyPatch) -> None:
    """Or the tests above would prove nothing: without further questions a figure is off and says by how much at most."""
    in_ranges.setattr("crmsearch.search.stats.refine.MAX_ROUNDS", 0)
    found = _stats(made, fields=["revenue"], filters=[{"field": "city", "in": ["wide"]}]).figures("revenue")
    assert found.median is not None
    assert found.median != pytest.approx(np.median(LARGE["wide"]), rel=DIGITS)
    assert not found.exact.median
    assert found.error_bound is not None
    assert abs(found.median - np.median(LARGE["wide"])) <= found.error_bound.median < 0.1 * found.median


@pytest.mark.parametrize("ranges", [False, True])
def test_repeated_requests_are_answered_from_the_request_cache(
    made: Settings, ranges: bool, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Every question of an answer, without and with a text: the second time Elasticsearch computes nothing."""
    if ranges:
        request.getfixturevalue("in_ranges")
    index = customers_alias(made.elasticsearch.index_prefix)

    def counted(name: str) -> int:
        with make_client(made.elasticsearch) as client:
            return int(client.indices.stats(index=index, metric="request_cache")["_all"]["total"]["request_cache"][name])

    def ask_all() -> None:
        for given in ({"by": "city"}, {"q": "wide step", "histogram": {"bins": 10}}):
            _stats(made, fields=["revenue", "order_count", "created_at"], **given)

    ask_all()
    misses, hits, evictions = counted("miss_count"), counted("hit_count"), counted("evictions")
    ask_all()
    assert (counted("miss_count"), counted("evictions")) == (misses, evictions)
    assert counted("hit_count") - hits >= 4


def test_every_statistic_of_the_catalogue_can_be_asked_for(made: Settings) -> None:
    names = [field.name for field in FIELDS.values() if field.statistic]
    for start in range(0, len(names), 10):
        answer = _stats(made, fields=names[start : start + 10], by="gender", histogram={"interval": 1000})
        assert list(answer.fields) == names[start : start + 10]


@pytest.mark.parametrize("field", [field.name for field in FIELDS.values() if field.facet])
def test_every_facet_can_be_grouped_by(made: Settings, field: str) -> None:
    answer = _stats(made, fields=["revenue"], by=field, size=200)
    assert answer.groups is not None
    assert sum(group.population for group in answer.groups) + answer.other_count + (answer.missing_count or 0) == answer.population


def test_filters_and_text_hold_together(made: Settings) -> None:
    request = StatsRequest(fields=["revenue"], q="usual", filters=[Filter(field="revenue", gt=100.0)])
    answer = ask(made, lambda service: service.stats(request))
    assert answer.figures("revenue").n == sum(value > 100 for value in REVENUE["usual"])
