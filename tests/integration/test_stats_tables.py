"""Groups, ranges, categories, correlation, cross-tabulation and the cache of Elasticsearch, on a real node against NumPy and SciPy."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats as scipy_stats

from crmsearch.cli.look import ask
from crmsearch.errors import SmallGroupError
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import customers_alias
from crmsearch.search.service import SearchService
from crmsearch.search.stats import (
    CategoryStats,
    CorrelationRequest,
    CorrelationResponse,
    CrosstabRequest,
    CrosstabResponse,
    StatsRequest,
    StatsResponse,
)
from crmsearch.settings import Settings, child_environment
from tests.documents import own_prefix, put_documents

Source = dict[str, Any]

CITIES = ["北京", "上海", "Zürich", "<b>Bern</b>", "Chur"]
_random = np.random.default_rng(20261125)


def _documents() -> list[Source]:
    documents: list[Source] = []
    for number in range(600):
        city = CITIES[min(4, int(_random.exponential(1.2)))]
        age = int(_random.integers(18, 80))
        document: Source = {"age": age, "gender": "female" if _random.random() < 0.4 + 0.1 * CITIES.index(city) else "male"}
        document["revenue"] = round(float(age * 10 + _random.normal(0, 150)), 2)
        # A second around one moment of the epoch, and money around a billion: sums of products have no digit there.
        document["created_at"] = datetime.fromtimestamp(1_750_000_000 + age + int(_random.integers(0, 9)), UTC).isoformat()
        document["average_order_value"] = 1e9 + document["revenue"] / 1000
        document["tags"] = [tag for tag in ("vip", "new", "late") if _random.random() < 0.4]
        if number % 3:
            document["satisfaction"] = round(float(_random.uniform(1, 5)), 1)
        if number % 10:
            document["city"] = city
        documents.append(document)
    documents += [{"city": "Chur", "gender": "other", "ticket_count": 4}] * 2
    return documents


DOCUMENTS = _documents()


@pytest.fixture(scope="module")
def base(node_settings: Settings) -> Iterator[tuple[Settings, Lifecycle]]:
    with own_prefix(node_settings, "tables") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, DOCUMENTS))
        yield settings, lifecycle


@pytest.fixture
def made(base: tuple[Settings, Lifecycle]) -> Settings:
    return base[0]


def _stats(settings: Settings, may_see_personal: bool = True, **given: Any) -> StatsResponse:
    request = msgspec.convert({"fields": ["age"], **given}, StatsRequest)
    return ask(settings, lambda service: service.stats(request, may_see_personal=may_see_personal))


def _correlation(settings: Settings, fields: list[str]) -> CorrelationResponse:
    return ask(settings, lambda service: service.correlation(CorrelationRequest(fields=fields)))


def _crosstab(settings: Settings, may_see_personal: bool = True, **given: Any) -> CrosstabResponse:
    request = msgspec.convert(given, CrosstabRequest)
    return ask(settings, lambda service: service.crosstab(request, may_see_personal=may_see_personal))


def _values(field: str, of: list[Source] = DOCUMENTS) -> list[Any]:
    return [document[field] for document in of if field in document]


def _number(document: Source, field: str) -> float:
    value = document[field]
    return datetime.fromisoformat(value).timestamp() * 1000 if isinstance(value, str) else float(value)


def test_groups_of_two_fields_add_up(made: Settings) -> None:
    answer = _stats(made, fields=["age", "revenue"], by=["city", "gender"])
    counts = Counter((document.get("city"), document["gender"]) for document in DOCUMENTS)
    assert answer.groups is not None
    assert [group.value for group in answer.groups] == [city for city, _ in Counter(_values("city")).most_common()]
    for group in answer.groups:
        assert group.groups is not None
        assert sum(inner.population for inner in group.groups) + (group.other_count or 0) + (group.missing_count or 0) == group.population
        for inner in group.groups:
            members = [each for each in DOCUMENTS if (each.get("city"), each["gender"]) == (group.value, inner.value)]
            assert inner.population == counts[str(group.value), str(inner.value)] == len(members)
            ages = _values("age", members)
            assert inner.figures("age").n == len(ages)
            if ages:
                assert inner.figures("age").median == pytest.approx(np.median(ages), rel=1e-9)
                assert inner.figures("revenue").percentiles["95"] == pytest.approx(np.percentile(_values("revenue", members), 95), rel=1e-9)


def test_ranges_hold_who_lies_in_them(made: Settings) -> None:
    ranges = [{"gte": 40, "lt": 60}, {"lt": 30, "label": "young"}, {"gte": 76, "lt": 200}, {"gte": 200}]
    answer = _stats(made, fields=["revenue"], by={"field": "age", "ranges": ranges})
    ages = _values("age")
    expected = [sum(40 <= age < 60 for age in ages), sum(age < 30 for age in ages), sum(age >= 76 for age in ages), 0]
    assert answer.groups is not None
    assert [group.population for group in answer.groups] == expected
    assert [group.label for group in answer.groups] == ["40 – < 60", "young", "76 – < 200", "≥ 200"]
    assert answer.missing_count == len(DOCUMENTS) - len(ages)
    assert answer.other_count == len(ages) - sum(expected)
    young = [each["revenue"] for each in DOCUMENTS if each.get("age", 99) < 30]
    assert answer.groups[1].figures("revenue").mean == pytest.approx(np.mean(young), rel=1e-9)


def test_ranges_of_dates(made: Settings) -> None:
    cut = datetime.fromtimestamp(1_750_000_040, UTC).isoformat().replace("+00:00", "Z")
    answer = _stats(made, by={"field": "created_at", "ranges": [{"lt": cut}, {"gte": cut}]})
    moments = [datetime.fromisoformat(moment).timestamp() for moment in _values("created_at")]
    assert answer.groups is not None
    assert [group.population for group in answer.groups] == [
        sum(moment < 1_750_000_040 for moment in moments),
        sum(moment >= 1_750_000_040 for moment in moments),
    ]


def test_categories_have_counts_and_shares(made: Settings) -> None:
    answer = _stats(made, fields=["city", "tags", "gender"], size=3)
    for field in ("city", "tags", "gender"):
        found = answer.fields[field]
        assert isinstance(found, CategoryStats)
        holders = [each for each in DOCUMENTS if each.get(field)]
        values = [value for each in holders for value in (each[field] if isinstance(each[field], list) else [each[field]])]
        counts = Counter(values)
        assert (found.n, found.missing) == (len(holders), len(DOCUMENTS) - len(holders))
        assert {value.value: value.count for value in found.values} == dict(counts.most_common(3))
        assert found.other_count == len(values) - sum(value.count for value in found.values)
        assert abs(found.distinct - len(counts)) <= found.distinct_error_bound
        assert all(value.share == pytest.approx(value.count / len(holders)) for value in found.values)


def test_categories_are_counted_in_groups(made: Settings) -> None:
    answer = _stats(made, fields=["gender"], by="city")
    assert answer.groups is not None
    for group in answer.groups:
        found = group.fields["gender"]
        assert isinstance(found, CategoryStats)
        assert {value.value: value.count for value in found.values} == Counter(
            each["gender"] for each in DOCUMENTS if each.get("city") == group.value
        )


def test_correlations_agree_with_numpy_and_scipy(made: Settings) -> None:
    fields = ["satisfaction", "age", "created_at", "revenue", "average_order_value"]
    answer = _correlation(made, fields)
    assert answer.population == len(DOCUMENTS)
    assert [pair.fields for pair in answer.pairs] == list(itertools.combinations(fields, 2))
    for pair in answer.pairs:
        both = [each for each in DOCUMENTS if all(field in each for field in pair.fields)]
        x, y = (np.array([_number(each, field) for each in both]) for field in pair.fields)
        expected = np.corrcoef(x - x.mean(), y - y.mean())[0, 1]
        assert pair.n == len(both)
        assert pair.r == pytest.approx(expected, rel=1e-9, abs=1e-12)
        interval = scipy_stats.pearsonr(x - x.mean(), y - y.mean()).confidence_interval(0.95)
        assert (pair.low, pair.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)


def test_correlations_of_few_or_equal_values_have_none_and_say_why(made: Settings) -> None:
    answer = _correlation(made, ["ticket_count", "order_count", "age"])
    assert [(pair.n, pair.r, bool(pair.reason)) for pair in answer.pairs] == [(0, None, True)] * 3
    request = CorrelationRequest(fields=["age", "ticket_count"], q="Chur")
    (pair,) = ask(made, lambda service: service.correlation(request)).pairs
    assert pair.r is None


def test_a_table_agrees_with_scipy(made: Settings) -> None:
    answer = _crosstab(made, rows="city", columns="gender")
    both = [each for each in DOCUMENTS if "city" in each]
    assert (answer.population, answer.n, answer.missing) == (len(DOCUMENTS), len(both), len(DOCUMENTS) - len(both))
    observed = np.array([[cell.observed for cell in row] for row in answer.cells])
    counts = Counter((each["city"], each["gender"]) for each in both)
    assert observed.tolist() == [[counts[row.value, column.value] for column in answer.columns] for row in answer.rows]
    expected = scipy_stats.chi2_contingency(observed, correction=False)
    assert answer.chi_square == pytest.approx(expected.statistic, rel=1e-9)
    assert answer.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert answer.degrees_of_freedom == expected.dof
    assert np.array([[cell.expected for cell in row] for row in answer.cells]) == pytest.approx(expected.expected_freq, rel=1e-9)
    assert answer.cramers_v == pytest.approx(scipy_stats.contingency.association(observed, method="cramer", correction=False), rel=1e-9)
    assert answer.sparse_cells == int((expected.expected_freq < 5).sum())
    for row, line in zip(answer.cells, answer.rows, strict=True):
        for cell, column in zip(row, answer.columns, strict=True):
            assert cell.lift == pytest.approx(cell.observed * len(both) / line.count / column.count)
            assert (cell.row_share, cell.column_share) == (cell.observed / line.count, cell.observed / column.count)


def test_values_beyond_those_shown_are_put_together(made: Settings) -> None:
    whole, narrow = _crosstab(made, rows="city", columns="gender"), _crosstab(made, rows="city", columns="gender", size=2)
    assert [line.label for line in narrow.rows][2:] == ["other values"]
    assert [line.label for line in narrow.columns][2:] == ["other values"]
    for answer in (whole, narrow):
        assert sum(cell.observed for row in answer.cells for cell in row) == answer.n
        assert [sum(cell.observed for cell in row) for row in answer.cells] == [line.count for line in answer.rows]
        assert [sum(cell.observed for cell in column) for column in zip(*answer.cells, strict=True)] == [
            line.count for line in answer.columns
        ]


def test_a_table_by_ranges_and_one_of_nobody(made: Settings) -> None:
    bands = {"field": "age", "ranges": [{"lt": 30}, {"gte": 30, "lt": 50}]}
    answer = _crosstab(made, rows=bands, columns="city")
    both = [each for each in DOCUMENTS if "city" in each and "age" in each]
    assert [line.label for line in answer.rows] == ["< 30", "30 – < 50", "other values"]
    assert answer.rows[0].count == sum(each["age"] < 30 for each in both)
    assert sum(cell.observed for row in answer.cells for cell in row) == answer.n == len(both)
    empty = _crosstab(made, rows="city", columns="gender", filters=[{"field": "city", "in": ["nowhere"]}])
    assert (empty.n, empty.cells, empty.chi_square, empty.reason) == (0, [], None, "no customer here has both fields")
    single = _crosstab(made, rows="city", columns="gender", filters=[{"field": "city", "in": ["Chur"]}])
    assert (single.chi_square, single.reason) == (None, "fewer than two rows or columns have customers")


def test_small_groups_are_not_shown_to_those_who_may_not_see_them(made: Settings) -> None:
    """Two customers of Chur are neither female nor male; neither groups nor tables give them away."""
    whole = _stats(made, by=["city", "gender"])
    assert any(inner.population < 5 for group in whole.groups or [] for inner in group.groups or [])
    hidden = _stats(made, may_see_personal=False, by=["city", "gender"])
    assert hidden.groups is not None
    assert all(inner.population >= 5 for group in hidden.groups for inner in group.groups or [])
    assert sum(group.population for group in hidden.groups) + hidden.other_count + (hidden.missing_count or 0) == hidden.population
    table = _crosstab(made, may_see_personal=False, rows="city", columns="gender")
    assert table.suppressed
    assert all(cell.observed == 0 or cell.observed >= 5 for row in table.cells for cell in row)
    with pytest.raises(SmallGroupError, match="fewer than 5"):
        _stats(made, may_see_personal=False, filters=[{"field": "gender", "in": ["other"]}])


def _cache(lifecycle: Lifecycle, settings: Settings) -> Callable[[], tuple[int, int]]:
    def read() -> tuple[int, int]:
        found = lifecycle._client.indices.stats(index=customers_alias(settings.elasticsearch.index_prefix), metric="request_cache")
        cache = found["_all"]["total"]["request_cache"]
        return cache["hit_count"], cache["miss_count"]

    return read


@pytest.mark.parametrize(
    "question",
    [
        lambda service: service.stats(StatsRequest(fields=["age", "revenue", "city"], by="city")),
        lambda service: service.stats(msgspec.convert({"fields": ["created_at"], "histogram": {"bins": 9}, "q": "bern"}, StatsRequest)),
        lambda service: service.correlation(CorrelationRequest(fields=["age", "revenue"])),
        lambda service: service.crosstab(CrosstabRequest(rows="city", columns="gender")),
    ],
)
def test_the_same_question_is_answered_from_the_cache(base: tuple[Settings, Lifecycle], question: Any) -> None:
    settings, lifecycle = base
    read = _cache(lifecycle, settings)

    async def three_times(service: SearchService) -> Any:
        answers = [await question(service)]
        before = read()
        answers += [await question(service), await question(service)]
        return answers, before, read()

    answers, before, after = ask(settings, three_times)
    same = [msgspec.structs.replace(answer, took_ms=0) for answer in answers]
    assert same[0] == same[1] == same[2]
    assert after[0] > before[0], "hits rise"
    assert after[1] == before[1], "nothing is computed again"


def test_the_command_line_shows_all_of_it(made: Settings) -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "crmsearch", "stats", *arguments]
        environment = {**child_environment(made), "PATH": "/usr/bin:/bin", "HOME": "/tmp"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True).stdout

    two = json.loads(run("age", "revenue", "--by", "city", "--by", "age:30|50", "--percentiles", "1,99", "--histogram", "auto", "--json"))
    assert set(two["fields"]) == {"age", "revenue"}
    assert set(two["fields"]["age"]["percentiles"]) == {"1", "99"}
    assert [inner["label"] for inner in two["groups"][0]["groups"]] == ["< 30", "30 – < 50", "≥ 50"]
    table = run("age", "--by", "city", "--by", "gender", "--percentiles", "1", "--histogram", "10")
    assert "Age by city and gender" in table
    assert "p1" in table
    assert "Age, histogram" in table
    assert "上海" in run("city")
    assert "2025-06-15" in run("created_at", "--by", "gender")
    assert run("age", "--by", "city", "--svg").startswith("<svg")
    assert "&lt;b&gt;Bern" in run("age", "--by", "city", "--chart", "box")
    assert math.isfinite(two["fields"]["revenue"]["mean"])
