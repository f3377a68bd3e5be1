"""Facets of ranges and intervals: what is asked of Elasticsearch, and what is made of its answer."""

from __future__ import annotations

from typing import Any

import pytest

from crmsearch.errors import InvalidRequestError
from crmsearch.search.facet_request import FacetRange, FacetRequest
from crmsearch.search.facets import MAX_BINS, Facet, build_facets, close_facets, open_facets, parse_facets, split_selections
from crmsearch.search.filters import Filter
from crmsearch.search.query import build_search_body
from crmsearch.search.request import SearchRequest

BANDS = FacetRequest(field="age", ranges=[FacetRange(lt=20), FacetRange(gte=20, lt=40), FacetRange(gte=40)])
BY_100 = FacetRequest(field="revenue", interval=100)
MONTHS = FacetRequest(field="created_at", interval="month")


def _shown(facet: Facet) -> list[tuple[Any, str, int, bool]]:
    return [(bucket.value, bucket.label, bucket.count, bucket.selected) for bucket in facet.buckets]


def test_a_range_narrows_the_hits_and_other_facets_but_not_its_own() -> None:
    twenties = Filter(field="age", gte=20, lte=39)
    body = build_search_body(SearchRequest(facets=[BANDS, "city", MONTHS], filters=[twenties]))
    clause: dict[str, Any] = {"range": {"age": {"gte": 20, "lte": 39}}}
    assert body["query"]["bool"]["filter"] == []
    assert body["post_filter"] == {"bool": {"filter": [clause]}}
    assert body["aggs"]["age"]["filter"] == {"bool": {"filter": []}}
    assert body["aggs"]["city"]["filter"] == body["aggs"]["created_at"]["filter"] == {"bool": {"filter": [clause]}}
    ranges = [{"key": "0", "to": 20}, {"key": "1", "from": 20, "to": 40}, {"key": "2", "from": 40}]
    assert body["aggs"]["age"]["aggs"] == {
        "values": {"range": {"field": "age", "ranges": ranges}},
        "missing": {"missing": {"field": "age"}},
    }


def test_what_selects_depends_on_how_a_field_is_counted() -> None:
    values, bounds = Filter(field="rfm_recency", in_=[4, 5]), Filter(field="rfm_recency", gte=4)
    for facet, selecting in (("rfm_recency", values), (FacetRequest(field="rfm_recency", interval=1), bounds)):
        for each in (values, bounds):
            narrowing, selections = split_selections(SearchRequest(facets=[facet], filters=[each]))
            assert (narrowing, selections) == (([], {"rfm_recency": each}) if each == selecting else ([each], {}))


def test_two_ranges_of_one_facet_are_ambiguous() -> None:
    with pytest.raises(InvalidRequestError, match="two filters"):
        split_selections(SearchRequest(facets=[BANDS], filters=[Filter(field="age", gte=20), Filter(field="age", lt=40)]))


def test_all_ranges_are_told_and_those_within_the_selection_are_selected() -> None:
    found = {"buckets": [{"key": "2", "doc_count": 3}, {"key": "0", "doc_count": 0}, {"key": "1", "doc_count": 4}]}
    answer = {"age": {"doc_count": 10, "missing": {"doc_count": 2}, "values": found}}
    (facet,) = parse_facets([BANDS], {"age": Filter(field="age", gt=19)}, answer)
    assert _shown(facet) == [("..<20", "< 20", 0, False), ("20..<40", "20–39", 4, True), ("40..", "≥ 40", 3, True)]
    assert [(bucket.gte, bucket.lt) for bucket in facet.buckets[1:2]] == [(20, 40)]
    assert (facet.missing_count, facet.other_count, facet.error_bound) == (2, 1, 0)


def test_months_end_where_the_next_begin() -> None:
    found = {"buckets": [{"key_as_string": f"2026-{month}-01T00:00:00.000Z", "doc_count": 1} for month in ("11", "12")]}
    answer = {"created_at": {"doc_count": 2, "missing": {"doc_count": 0}, "values": found}}
    (facet,) = parse_facets([MONTHS], {"created_at": Filter(field="created_at", gte="2026-12-01", lte="2026-12-31")}, answer)
    assert _shown(facet) == [("2026-11-01..<2026-12-01", "2026-11", 1, False), ("2026-12-01..<2027-01-01", "2026-12", 1, True)]


def test_intervals_that_the_server_chooses_are_told_by_their_ends() -> None:
    found = {"interval": "5y", "buckets": [{"key_as_string": "2020-01-01T00:00:00.000Z", "doc_count": 1}]}
    answer = {"created_at": {"doc_count": 1, "missing": {"doc_count": 0}, "values": found}}
    facet = FacetRequest(field="created_at", interval="auto")
    assert build_facets([facet], {})["created_at"]["aggs"]["values"]["auto_date_histogram"]["minimum_interval"] == "day"
    assert _shown(parse_facets([facet], {}, answer)[0]) == [("2020-01-01..<2025-01-01", "2020–2024", 1, False)]


def test_a_numeric_interval_becomes_ranges_by_what_was_found() -> None:
    assert open_facets(["city", BY_100, MONTHS, BANDS]) == [BY_100]
    assert build_facets([BY_100], {})["revenue"]["aggs"] == {"low": {"min": {"field": "revenue"}}, "high": {"max": {"field": "revenue"}}}
    closed = close_facets(["city", BY_100], {"revenue": {"low": {"value": 50.0}, "high": {"value": 200.0}}})
    ranges = [FacetRange(gte=0, lt=100), FacetRange(gte=100, lt=200), FacetRange(gte=200, lt=300)]
    assert closed == [FacetRequest(field="city"), FacetRequest(field="revenue", ranges=ranges)]


def test_bins_that_we_choose_hold_the_bulk_and_leave_both_ends_open() -> None:
    auto = FacetRequest(field="revenue", interval="auto")
    bulk = {"sample": {"bulk": {"values": {"5.0": 12.0, "95.0": 930.0}}}}
    (closed,) = close_facets([auto], {"revenue": {"low": {"value": -80.0}, "high": {"value": 1e9}, "known": bulk}})
    assert isinstance(closed, FacetRequest)
    assert closed.ranges is not None
    assert closed.ranges[0] == FacetRange(lt=0)
    assert closed.ranges[1:-1] == [FacetRange(gte=low, lt=low + 100) for low in range(0, 1000, 100)]
    assert closed.ranges[-1] == FacetRange(gte=1000)
    (narrow,) = close_facets([auto], {"revenue": {"low": {"value": 12.0}, "high": {"value": 930.0}, "known": bulk}})
    assert isinstance(narrow, FacetRequest)
    assert narrow.ranges == closed.ranges[1:-1]


def test_whole_numbers_have_whole_bins() -> None:
    bulk = {"sample": {"bulk": {"values": {"5.0": 1.0, "95.0": 4.0}}}}
    found = {"rfm_recency": {"low": {"value": 1.0}, "high": {"value": 5.0}, "known": bulk}}
    (closed,) = close_facets([FacetRequest(field="rfm_recency", interval="auto")], found)
    assert isinstance(closed, FacetRequest)
    assert closed.ranges == [*(FacetRange(gte=low, lt=low + 1) for low in range(1, 5)), FacetRange(gte=5)]


def test_values_that_nobody_has_make_no_bins() -> None:
    (closed,) = close_facets([BY_100], {"revenue": {"low": {"value": None}, "high": {"value": None}}})
    assert build_facets([closed], {})["revenue"]["aggs"] == {"missing": {"missing": {"field": "revenue"}}}
    (facet,) = parse_facets([closed], {}, {"revenue": {"doc_count": 7, "missing": {"doc_count": 7}}})
    assert (facet.buckets, facet.missing_count, facet.other_count) == ([], 7, 0)


def test_too_many_bins_are_refused_with_the_way_round() -> None:
    with pytest.raises(InvalidRequestError, match=rf"10,001 bins of revenue, more than {MAX_BINS}; take one of 5000 or more, auto, or a "):
        close_facets([BY_100], {"revenue": {"low": {"value": 0.0}, "high": {"value": 1e6}}})
    found = {"buckets": [{"key_as_string": "2026-01-01T00:00:00.000Z", "doc_count": 1}] * (MAX_BINS + 1)}
    answer = {"created_at": {"doc_count": 9, "missing": {"doc_count": 0}, "values": found}}
    with pytest.raises(InvalidRequestError, match=rf"{MAX_BINS + 1} bins by day, more than {MAX_BINS}; take a longer interval"):
        parse_facets([FacetRequest(field="created_at", interval="day")], {}, answer)
