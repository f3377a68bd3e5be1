from __future__ import annotations

from datetime import UTC, date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.errors import FilterSyntaxError, InvalidRequestError, UnknownFieldError
from crmsearch.search.filters import Filter, ResolvedFilter, build_filter, check_filter, format_filter, parse_filter, with_days

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("text", "parsed", "clause"),
    [
        ("city:北京|上海", Filter(field="city", in_=["北京", "上海"]), {"terms": {"city": ["北京", "上海"]}}),
        ("-tags:test", Filter(field="tags", not_in=["test"]), {"bool": {"must_not": [{"terms": {"tags": ["test"]}}]}}),
        ("age:20..39", Filter(field="age", gte=20, lte=39), {"range": {"age": {"gte": 20, "lte": 39}}}),
        ("age:20..<40", Filter(field="age", gte=20, lt=40), {"range": {"age": {"gte": 20, "lt": 40}}}),
        ("age:20<..<40", Filter(field="age", gt=20, lt=40), {"range": {"age": {"gt": 20, "lt": 40}}}),
        ("age:..<40", Filter(field="age", lt=40), {"range": {"age": {"lt": 40}}}),
        ("age:20..", Filter(field="age", gte=20), {"range": {"age": {"gte": 20}}}),
        ("age:..39", Filter(field="age", lte=39), {"range": {"age": {"lte": 39}}}),
        ("age:20|30", Filter(field="age", in_=[20, 30]), {"terms": {"age": [20, 30]}}),
        ("churn_risk:0.25..0.5", Filter(field="churn_risk", gte=0.25, lte=0.5), {"range": {"churn_risk": {"gte": 0.25, "lte": 0.5}}}),
        (
            "created_at:2026-01-01..2026-01-31",
            Filter(field="created_at", gte="2026-01-01", lte="2026-01-31"),
            {"range": {"created_at": {"gte": "2026-01-01", "lte": "2026-01-31"}}},
        ),
        ("emails:*", Filter(field="emails", exists=True), {"exists": {"field": "emails_exact"}}),
        ("-emails:*", Filter(field="emails", exists=False), {"bool": {"must_not": [{"exists": {"field": "emails_exact"}}]}}),
        (r"company:A\|B", Filter(field="company", in_=["A|B"]), {"terms": {"company.keyword": ["A|B"]}}),
        ("city:a..b", Filter(field="city", in_=["a..b"]), {"terms": {"city": ["a..b"]}}),
    ],
)
def test_string_form_means_the_clause(text: str, parsed: Filter, clause: dict[str, object]) -> None:
    assert parse_filter(text) == parsed
    assert build_filter(parsed) == clause
    assert parse_filter(format_filter(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "parsed", "bounds"),
    [
        ("last_order_at:now-90d..", Filter(field="last_order_at", gte="now-90d"), {"gte": "2026-08-27"}),
        (
            "last_order_at:now-1y..now-2w",
            Filter(field="last_order_at", gte="now-1y", lte="now-2w"),
            {"gte": "2025-11-25", "lte": "2026-11-11"},
        ),
        ("created_at:2026-01-01..now", Filter(field="created_at", gte="2026-01-01", lte="now"), {"gte": "2026-01-01", "lte": "2026-11-25"}),
    ],
)
def test_days_counted_back_from_today_are_bounds(text: str, parsed: Filter, bounds: dict[str, str]) -> None:
    assert parse_filter(text) == parsed
    assert format_filter(parsed) == text
    assert build_filter(with_days(parsed, TODAY)) == {"range": {parsed.field: bounds}}


@pytest.mark.parametrize(
    "text",
    [
        "created_at:2026-01-01..2026-01-01",
        "created_at:2026-01-01..<2026-01-01",
        "created_at:2026-01-01T12:00:00Z..2026-01-01",
        "created_at:2026-01-01T10:15:30Z..2026-01-01T10:15Z",
        "created_at:2026-01-01T10:15:30.5Z..2026-01-01T10:15:30Z",
        "created_at:2026-01-01T00:00:00+18:00..2026-01-01T00:00:00-18:00",
        "created_at:now-1M..now-30d",  # right on some days
        "created_at:2099-01-01..now",
        "created_at:now..2020-01-01",
        "age:20<..<20",
    ],
)
def test_ranges_that_end_no_sooner_than_they_begin_are_taken(text: str) -> None:
    assert format_filter(parse_filter(text)) == text


@pytest.mark.parametrize("name", ["age", "revenue"])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_bound_and_no_value(name: str, number: float) -> None:
    for filter_ in (Filter(field=name, gte=number), Filter(field=name, lt=number), Filter(field=name, in_=[number])):
        assert "number" in _refusal(filter_)


def _refusal(filter_: Filter) -> str:
    with pytest.raises(FilterSyntaxError) as caught:
        check_filter(filter_)
    return caught.value.detail


def test_a_segment_is_a_filter_in_both_forms() -> None:
    assert parse_filter("segment:vip") == Filter(segment="vip")
    assert parse_filter("-segment:vip") == Filter(not_segment="vip")
    assert msgspec.json.decode(b'{"segment":"vip"}', type=Filter) == Filter(segment="vip")
    assert msgspec.json.encode(Filter(not_segment="vip")) == b'{"not_segment":"vip"}'
    assert "segment" not in FIELDS


def test_a_resolved_segment_is_its_clause() -> None:
    clause = {"term": {"city": "Berlin"}}
    assert build_filter(ResolvedFilter(segment="berlin", clause=clause)) == clause
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"segment":"vip","clause":{}}', type=Filter)


@pytest.mark.parametrize("filter_", [Filter(segment="vip"), Filter(not_segment="vip"), Filter(field="created_at", lt="now-1d")])
def test_what_was_not_resolved_is_no_query(filter_: Filter) -> None:
    check_filter(filter_)
    with pytest.raises(FilterSyntaxError, match="in filters only"):
        build_filter(filter_)


@pytest.mark.parametrize(
    "filter_",
    [
        Filter(),
        Filter(segment="Vip"),
        Filter(segment=""),
        Filter(segment="x" * 65),
        Filter(segment="-vip"),
        Filter(segment="vip", not_segment="vip"),
        Filter(segment="vip", field="city"),
        Filter(segment="vip", exists=True),
        Filter(not_segment="vip", in_=["x"]),
        Filter(segment="vip", gte=1),
        Filter(field="created_at", in_=["now-1d"]),
        Filter(field="created_at", gte="now-1m"),
        Filter(field="age", gte="now-1d"),
    ],
)
def test_segments_and_relative_days_outside_the_grammar_are_refused(filter_: Filter) -> None:
    with pytest.raises(InvalidRequestError):
        check_filter(filter_)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", FilterSyntaxError),
        ("city", FilterSyntaxError),
        (":x", FilterSyntaxError),
        ("city:", FilterSyntaxError),
        ("city:|", FilterSyntaxError),
        ("age:old", FilterSyntaxError),
        ("age:nan", FilterSyntaxError),
        ("age:1e400..", FilterSyntaxError),
        ("age:3.5", FilterSyntaxError),
        ("age:99999999999", FilterSyntaxError),
        ("age:39..20", FilterSyntaxError),
        ("age:..", FilterSyntaxError),
        ("age:20..<", FilterSyntaxError),
        ("age:<..40", FilterSyntaxError),
        ("age:20..<<40", FilterSyntaxError),
        ("-age:20..<40", FilterSyntaxError),
        ("-age:20..39", FilterSyntaxError),
        ("created_at:yesterday..", FilterSyntaxError),
        ("created_at:2026-02-30..", FilterSyntaxError),
        ("created_at:20260101", FilterSyntaxError),
        ("colour:red", UnknownFieldError),
        ("notes:secret", UnknownFieldError),
        ("location:*", UnknownFieldError),
        ("segment:", InvalidRequestError),
        ("segment:*", InvalidRequestError),
        ("segment:a|b", InvalidRequestError),
        ("segment:潜客", InvalidRequestError),
        ("created_at:now-90m..", FilterSyntaxError),
        ("created_at:now-90d", FilterSyntaxError),
        ("created_at:2026-01-01T00:00:00+19:00..", FilterSyntaxError),
        ("created_at:..2026-01-01T00:00:00-18:01", FilterSyntaxError),
        ("created_at:2026-01-01T00:00+05:99", FilterSyntaxError),
        ("created_at:2026-01-02..2026-01-01", FilterSyntaxError),
        ("created_at:2026-01-02..<2026-01-01", FilterSyntaxError),
        ("created_at:2026-01-01T12:00:00Z..2026-01-01T11:59:59Z", FilterSyntaxError),
        ("created_at:2026-01-01T00:00:00Z..2026-01-01T00:00:00+01:00", FilterSyntaxError),
        ("created_at:now-30d..now-90d", FilterSyntaxError),
        ("created_at:now..now-1d", FilterSyntaxError),
        ("created_at:now-1M..now-1y", FilterSyntaxError),
    ],
)
def test_other_strings_are_refused_with_a_reason(text: str, error: type[InvalidRequestError]) -> None:
    with pytest.raises(error) as caught:
        parse_filter(text)
    assert len(caught.value.detail) > 20


@pytest.mark.parametrize(
    "filter_",
    [
        Filter(field="city"),
        Filter(field="city", in_=[]),
        Filter(field="city", in_=["x"], exists=True),
        Filter(field="city", gte="a"),
        Filter(field="city", in_=[1]),
        Filter(field="age", in_=[True]),
        Filter(field="age", gte=1, gt=1),
        Filter(field="age", in_=["1"]),
        Filter(field="tags", in_=["x"] * 1001),
        Filter(field="tags", in_=["x" * 257]),
    ],
)
def test_json_filters_outside_the_grammar_are_refused(filter_: Filter) -> None:
    with pytest.raises(FilterSyntaxError):
        check_filter(filter_)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_client_error(text: str) -> None:
    try:
        parsed = parse_filter(text)
    except InvalidRequestError:
        return
    check_filter(parsed)
    if parsed.field:
        build_filter(with_days(parsed, TODAY))


@given(st.data(), st.sampled_from([name for name, field in FIELDS.items() if field.ranged]))
def test_ranges_survive_the_string_form(data: st.DataObject, name: str) -> None:
    values: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(-(2**31) + 1, 2**31 - 1),
        "double": st.floats(-(2**53), 2**53, allow_nan=False),
        "date": st.dates().map(str) | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    }
    low, high = sorted(data.draw(st.tuples(*[values[FIELDS[name].type]] * 2)))
    ends = {data.draw(st.sampled_from(["gte", "gt"])): low, data.draw(st.sampled_from(["lte", "lt"])): high}
    kept = data.draw(st.lists(st.sampled_from([*ends]), min_size=1, unique=True))
    filter_ = msgspec.convert({"field": name, **{end: ends[end] for end in kept}}, Filter)
    assert parse_filter(format_filter(filter_)) == filter_


@given(
    st.sampled_from([name for name, field in FIELDS.items() if field.type == "keyword" and field.filterable]),
    st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5),
    st.booleans(),
)
def test_values_survive_the_string_form(field: str, values: list[str], negated: bool) -> None:
    filter_ = Filter(field=field, not_in=list(values)) if negated else Filter(field=field, in_=list(values))
    assert parse_filter(format_filter(filter_)) == filter_


_days = st.one_of(
    st.just("now"),
    st.builds(lambda count, unit: f"now-{count}{unit}", st.integers(0, 200), st.sampled_from("dwMy")),
    st.dates(min_value=date(1000, 1, 1)).map(date.isoformat),
)


@given(st.sampled_from([name for name, field in FIELDS.items() if field.type == "date"]), st.none() | _days, st.none() | _days)
def test_ranges_of_days_survive_the_string_form(field: str, low: str | None, high: str | None) -> None:
    filter_ = Filter(field=field, gte=low, lte=high)
    try:
        check_filter(filter_)
    except FilterSyntaxError:
        assert not filter_.bounds or "ends before it begins" in _refusal(filter_)
    else:
        assert parse_filter(format_filter(filter_)) == filter_


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True), st.booleans())
def test_segments_survive_the_string_form(name: str, negated: bool) -> None:
    filter_ = Filter(not_segment=name) if negated else Filter(segment=name)
    assert parse_filter(format_filter(filter_)) == filter_
