"""What may be asked, in both forms, and what is refused with which reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crmsearch.errors import FilterSyntaxError, InvalidRequestError, UnknownFieldError
from crmsearch.search.stats.request import (
    DEFAULT_PERCENTILES,
    CorrelationRequest,
    CrosstabRequest,
    Grouping,
    HistogramRequest,
    Range,
    StatsRequest,
    check_correlation,
    check_crosstab,
    check_stats,
    parse_grouping,
    parse_groupings,
    parse_histogram,
    parse_percentiles,
)

AGE_BANDS: dict[str, Any] = {"field": "age", "ranges": [{"lt": 30}, {"gte": 30, "lt": 60}, {"gte": 60}]}


def _stats(**given: Any) -> StatsRequest:
    return msgspec.convert({"fields": ["age"], **given}, StatsRequest)


@pytest.mark.parametrize(
    ("by", "fields"),
    [
        (None, []),
        ("city", ["city"]),
        (["city", "gender"], ["city", "gender"]),
        (AGE_BANDS, ["age"]),
        (["city", AGE_BANDS], ["city", "age"]),
    ],
)
def test_by_is_a_field_or_ranges_or_two_of_them(by: Any, fields: list[str]) -> None:
    request = _stats(by=by)
    check_stats(request)
    assert [each.field for each in request.groupings] == fields


def test_groupings_in_a_url_cut_numbers_and_dates() -> None:
    assert parse_groupings("") == []
    assert parse_groupings("city,gender") == ["city", "gender"]
    assert parse_groupings("age:18|30") == [Grouping(field="age", ranges=[Range(lt=18.0), Range(gte=18.0, lt=30.0), Range(gte=30.0)])]
    cut = parse_grouping("created_at:2025-01-01")
    assert cut == Grouping(field="created_at", ranges=[Range(lt="2025-01-01"), Range(gte="2025-01-01")])
    check_stats(_stats(by=msgspec.to_builtins(cut)))
    with pytest.raises(InvalidRequestError, match="cut at numbers"):
        parse_grouping("age:young|old")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Range(lt=18), "< 18"),
        (Range(gte=18.5, lt=30), "18.5 – < 30"),
        (Range(gte="2025-01-01"), "≥ 2025-01-01"),
        (Range(lt=1, label="few"), "few"),
    ],
)
def test_a_range_is_named_by_its_label_or_its_bounds(given: Range, text: str) -> None:
    assert given.text == text


def test_histograms_and_percentiles_in_a_url() -> None:
    assert parse_histogram("2.5") == HistogramRequest(interval=2.5)
    assert parse_histogram("quarter") == HistogramRequest(calendar="quarter")
    assert parse_histogram("auto") == HistogramRequest(bins=30)
    assert parse_histogram("auto:12") == HistogramRequest(bins=12)
    for wrong in ("wide", "auto:1", "auto:201", "auto:x", "", "decade"):
        with pytest.raises(InvalidRequestError, match="a histogram is"):
            parse_histogram(wrong)
    assert parse_percentiles("5,99.9") == (5.0, 99.9)
    assert parse_percentiles("") == DEFAULT_PERCENTILES
    with pytest.raises(InvalidRequestError, match="separated by commas"):
        parse_percentiles("5;95")


def test_figures_and_values_are_told_apart_by_the_catalogue() -> None:
    request = _stats(fields=["age", "city", "created_at", "company", "rfm_recency"])
    check_stats(request)
    assert request.numeric == ["age", "created_at", "rfm_recency"]
    assert request.categorical == ["city", "company"]


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ({"fields": []}, InvalidRequestError, "0 fields; name from 1 to 10"),
        ({"fields": ["age"] * 11}, InvalidRequestError, "11 fields"),
        ({"fields": ["name"]}, UnknownFieldError, "name is not numeric"),
        ({"fields": ["notes"]}, UnknownFieldError, "notes is not numeric"),
        ({"fields": ["nothing"]}, UnknownFieldError, "there is no field 'nothing'"),
        ({"by": "notes"}, UnknownFieldError, "notes is not a field to group by"),
        ({"by": "revenue"}, UnknownFieldError, "group it by ranges, in a URL revenue:10|20|50"),
        ({"by": ["city", "gender", "kind"]}, InvalidRequestError, "by has 3 fields; group by one or two"),
        ({"by": ["city", "city"]}, InvalidRequestError, "by has city twice"),
        ({"by": ["city", "gender"], "size": 40}, InvalidRequestError, "up to 1600 groups of two fields; at most 1000"),
        ({"size": 201}, InvalidRequestError, "size is 201; from 1 to 200 groups"),
        ({"size": 0}, InvalidRequestError, "size is 0"),
        ({"by": {"field": "city", "ranges": [{"lt": 5}]}}, UnknownFieldError, "city is not a number or a date"),
        ({"by": {"field": "age", "ranges": []}}, InvalidRequestError, "0 ranges"),
        ({"by": {"field": "age", "ranges": [{"label": "all"}]}}, InvalidRequestError, "no bound; it needs gte, lt or both"),
        ({"by": {"field": "age", "ranges": [{"gte": 5, "lt": 5}]}}, InvalidRequestError, "ends before it begins"),
        ({"by": {"field": "age", "ranges": [{"lt": 20}, {"gte": 19}]}}, InvalidRequestError, "overlap"),
        ({"by": {"field": "age", "ranges": [{"gte": "x"}]}}, FilterSyntaxError, "age is a whole number"),
        (
            {"by": {"field": "created_at", "ranges": [{"lt": "2025-01-01T01:00:00+01:00"}, {"gte": "2024-12-31"}]}},
            InvalidRequestError,
            "overlap",
        ),
        ({"by": {"field": "age", "ranges": [{"lt": 1, "label": "x"}, {"gte": 1, "label": "x"}]}}, InvalidRequestError, "same label"),
        ({"percentiles": [101.0]}, InvalidRequestError, "from 0 to 100"),
        ({"percentiles": [5.0] * 21}, InvalidRequestError, "at most 20"),
        ({"histogram": {}}, InvalidRequestError, "one of interval, calendar or bins"),
        ({"histogram": {"interval": 5, "bins": 5}}, InvalidRequestError, "one of interval, calendar or bins"),
        ({"histogram": {"interval": 0}}, InvalidRequestError, "interval of a histogram is a number from 1e-06"),
        ({"histogram": {"interval": 1e16}}, InvalidRequestError, "to 1e.15"),
        ({"fields": ["city"], "histogram": {"bins": 5}}, InvalidRequestError, "none of the fields is one"),
        ({"histogram": {"calendar": "month"}}, InvalidRequestError, "age is not a date, so its histogram has no calendar interval"),
        ({"q": "x" * 5000}, InvalidRequestError, "at most 4096"),
        ({"filters": [{"field": "age"}]}, FilterSyntaxError, "it has nothing"),
    ],
)
def test_impossible_statistics_are_refused_with_the_reason(given: dict[str, Any], error: type[InvalidRequestError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        check_stats(_stats(**given))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (["age"], "from 2 to 10 different fields"),
        (["age", "age"], "from 2 to 10 different fields"),
        (["age", "city"], "city is not numeric"),
        (["age", "nothing"], "there is no field"),
    ],
)
def test_impossible_correlations_are_refused(fields: list[str], reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        check_correlation(CorrelationRequest(fields=fields))


@pytest.mark.parametrize(
    ("rows", "columns", "reason"),
    [
        ("city", "city", "are both city"),
        ("city", "name", "name is not a field to group by"),
        ("tags", "city", "tags is a list"),
        ("city", "tags", "tags is a list"),
        ("city", "age", "group it by ranges"),
    ],
)
def test_impossible_tables_are_refused(rows: str, columns: str, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        check_crosstab(CrosstabRequest(rows=rows, columns=columns))
