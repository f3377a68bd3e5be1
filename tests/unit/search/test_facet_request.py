from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.facet_request import (
    MAX_RANGES,
    FacetRange,
    FacetRequest,
    as_facet,
    check_facet,
    format_facets,
    parse_facet_list,
)
from crmsearch.search.query import build_search_body
from crmsearch.search.request import SearchRequest, check_search


@pytest.mark.parametrize(
    ("text", "facets"),
    [
        ("", []),
        ("city", ["city"]),
        ("city,gender", ["city", "gender"]),
        ("age:..<20|20..<40|40..", [FacetRequest(field="age", ranges=[FacetRange(lt=20), FacetRange(gte=20, lt=40), FacetRange(gte=40)])]),
        ("created_at:month", [FacetRequest(field="created_at", interval="month")]),
        ("revenue:100,churn_risk:0.25", [FacetRequest(field="revenue", interval=100), FacetRequest(field="churn_risk", interval=0.25)]),
        (
            "revenue:auto,created_at:auto",
            [FacetRequest(field="revenue", interval="auto"), FacetRequest(field="created_at", interval="auto")],
        ),
        ("created_at:2025-01-01..<2026-01-01", [FacetRequest(field="created_at", ranges=[FacetRange(gte="2025-01-01", lt="2026-01-01")])]),
    ],
)
def test_string_form_means_the_facets(text: str, facets: list[str | FacetRequest]) -> None:
    assert parse_facet_list(text) == facets
    assert format_facets(facets) == text
    check_search(SearchRequest(facets=facets))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour", "no field"),
        ("colour:auto", "no field"),
        ("name", "not a facet"),
        ("age", "age:auto"),
        ("city:auto", "neither a number nor a date"),
        ("name:a..<b", "neither a number nor a date"),
        ("notes:auto", "neither a number nor a date"),
        ("age:", "number from"),
        ("age:month", "number from"),
        ("age:0", "number from"),
        ("age:-5", "number from"),
        ("age:nan", "number from"),
        ("age:1e16", "number from"),
        ("age:2.5", "whole number"),
        ("created_at:7", "day, week, month, quarter, year, auto"),
        ("created_at:fortnight", "day, week, month, quarter, year, auto"),
        ("age:20..40", "20..<40"),
        ("age:20<..<40", "20..<40"),
        ("age:..", "it has nothing"),
        ("age:..<20|", "20..<40"),
        ("age:old..<40", "is a number"),
        ("age:40..<40", "ends before it begins"),
        ("age:40..<20", "ends before it begins"),
        ("age:20..<40|30..<50", "overlap"),
        ("age:20..|..<30", "overlap"),
        ("created_at:2026-01-01..<2025-01-01", "ends before it begins"),
        ("created_at:2026-01-01..<2026-01-02|2026-01-01T23:59:59Z..<2027-01-01", "overlap"),
        ("city,city", "two facets"),
        ("rfm_recency,rfm_recency:1", "two facets"),
        ("revenue:" + "|".join(f"{number}..<{number + 1}" for number in range(MAX_RANGES + 1)), f"from 1 to {MAX_RANGES}"),
    ],
)
def test_other_strings_are_refused_with_the_way_round(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason.replace(".", r"\.")):
        check_search(SearchRequest(facets=parse_facet_list(text)))


@pytest.mark.parametrize(
    ("facet", "reason"),
    [
        (FacetRequest(field="age", ranges=[]), "from 1 to"),
        (FacetRequest(field="age", ranges=[FacetRange()]), "no bound"),
        (FacetRequest(field="age", ranges=[FacetRange(gte="old")]), "whole number"),
        (FacetRequest(field="age", ranges=[FacetRange(gte=1)], interval=5), "ranges and an interval"),
        (FacetRequest(field="created_at", ranges=[FacetRange(gte=5)]), "is a date"),
        (FacetRequest(field="revenue", interval=1e-9), "number from"),
    ],
)
def test_json_facets_outside_the_grammar_are_refused(facet: FacetRequest, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        check_facet(facet)


NUMBERS = [name for name, field in FIELDS.items() if field.ranged and field.type != "date"]
DATES = [name for name, field in FIELDS.items() if field.ranged and field.type == "date"]


@st.composite
def _facets(draw: st.DrawFn) -> FacetRequest:
    """A facet that can be counted."""
    kind = draw(st.sampled_from(["values", "ranges", "interval"]))
    if kind == "values":
        return FacetRequest(field=draw(st.sampled_from([name for name, field in FIELDS.items() if field.facet])))
    name = draw(st.sampled_from(NUMBERS + DATES))
    dates = FIELDS[name].type == "date"
    if kind == "interval":
        words = ["day", "week", "month", "quarter", "year", "auto"]
        return FacetRequest(field=name, interval=draw(st.sampled_from(words) if dates else st.integers(1, 10**6) | st.just("auto")))
    marks: Any = st.dates().map(str) if dates else st.integers(-(2**31) + 1, 2**31 - 1)
    if FIELDS[name].type == "double":
        marks = st.floats(-(2**52), 2**52, allow_nan=False)
    ends = sorted(draw(st.lists(marks, min_size=2, max_size=8, unique=True)))
    ranges = [FacetRange(gte=low, lt=high) for low, high in pairwise(ends)]
    opened = [FacetRange(lt=ends[0]), *ranges, FacetRange(gte=ends[-1])]
    return FacetRequest(field=name, ranges=draw(st.permutations(opened)))


@given(st.lists(_facets(), max_size=5, unique_by=lambda facet: facet.field))
def test_facets_survive_the_string_form_and_give_a_body(facets: list[FacetRequest]) -> None:
    assert [as_facet(facet) for facet in parse_facet_list(format_facets(facets))] == facets
    request = SearchRequest(facets=facets)
    check_search(request)
    body = json.loads(json.dumps(build_search_body(request)))
    assert set(body.get("aggs", {})) == {facet.field for facet in facets}


@given(
    st.text(max_size=60)
    | st.tuples(st.sampled_from([*FIELDS]), st.text("0123456789.<|-:eE,autmonh", max_size=30)).map(lambda pair: ":".join(pair))
)
def test_any_text_is_facets_or_a_client_error(text: str) -> None:
    try:
        request = SearchRequest(facets=parse_facet_list(text))
        check_search(request)
    except InvalidRequestError:
        return
    json.dumps(build_search_body(request))
