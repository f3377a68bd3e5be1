"""Ranges and histograms on a real node: each bucket counts what a reader gets by selecting it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from crmsearch.cli.look import ask
from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.bins import cuts
from crmsearch.search.facet_request import FacetRequest, parse_facet_list
from crmsearch.search.facets import MAX_BINS, Bucket, Facet
from crmsearch.search.filters import Filter, parse_filter
from crmsearch.search.request import SearchRequest
from crmsearch.search.response import SearchResponse
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

Source = dict[str, Any]
CUSTOMERS = 700


def _customer(draw: random.Random, number: int) -> Source:
    day = date(2023, 1, 1) + timedelta(days=draw.randrange(1200))
    times = ["", "T00:00:00Z", "T23:59:59.999Z", "T12:30:00Z"]
    customer: Source = {
        "customer_id": f"F{number}",
        "name": draw.choice(["Anna Wang", "Bert Smith"]),
        "city": draw.choice(["北京", "上海", "London"]),
        "age": draw.choice([draw.randrange(18, 97), draw.choice([19, 20, 39, 40])]),
        "churn_risk": round(draw.random(), 1),
        "revenue": round(draw.lognormvariate(5, 2), 2),
        "created_at": day.isoformat() + draw.choice(times),
    }
    return {field: value for field, value in customer.items() if field in {"customer_id", "name"} or draw.random() > 0.1}


@pytest.fixture(scope="module")
def base(node_settings: Settings) -> Iterator[Settings]:
    draw = random.Random(11)
    with own_prefix(node_settings, "facets") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [_customer(draw, number) for number in range(CUSTOMERS)]))
        yield settings


def _search(settings: Settings, facets: str, *filters: str, q: str = "") -> SearchResponse:
    request = SearchRequest(q=q, facets=parse_facet_list(facets), filters=[parse_filter(text) for text in filters], size=0)
    return ask(settings, lambda service: service.search(request))


def _total(settings: Settings, filters: list[Filter], q: str = "") -> int:
    return ask(settings, lambda service: service.search(SearchRequest(q=q, filters=filters, size=0))).total


def _selecting(facet: Facet, bucket: Bucket) -> Filter:
    bounds = {name: value for name, value in (("gte", bucket.gte), ("lt", bucket.lt)) if value is not UNSET}
    selecting = msgspec.convert({"field": facet.field, **bounds}, Filter)
    assert parse_filter(f"{facet.field}:{bucket.value}") == selecting
    return selecting


@pytest.mark.parametrize(
    "facet",
    [
        "age:..<20|20..<40|40..<60|60..",
        "age:20..<21|39..<40",
        "age:7",
        "age:auto",
        "churn_risk:0.1",
        "churn_risk:0.3",
        "churn_risk:auto",
        "revenue:..<10|10..<99.5|99.5..",
        "revenue:auto",
        "created_at:2024-01-01..<2024-07-01|2024-07-01T12:30:00Z..",
        "created_at:..<now-2y|now-2y..<now-52w|now-52w..",
        "created_at:week",
        "created_at:month",
        "created_at:quarter",
        "created_at:year",
        "created_at:auto",
    ],
)
@pytest.mark.parametrize("narrowed", [(), ("city:北京|London", "age:25..70")])
def test_a_bucket_counts_what_selecting_it_finds(base: Settings, facet: str, narrowed: tuple[str, ...]) -> None:
    # A range on the facet's own field selects, so it would not narrow the counts: narrow by something else.
    narrowing = [text for text in narrowed if not facet.startswith(text.partition(":")[0])]
    (counted,) = _search(base, facet, *narrowing).facets
    assert counted.buckets
    others = [parse_filter(text) for text in narrowing]
    for bucket in counted.buckets[:60]:
        assert bucket.count == _total(base, [*others, _selecting(counted, bucket)]), bucket
    known = _total(base, [*others, Filter(field=counted.field, exists=True)])
    assert counted.missing_count == _total(base, others) - known
    assert sum(bucket.count for bucket in counted.buckets) + counted.other_count == known
    assert counted.error_bound == 0
    if "|" not in facet:  # a histogram has no gaps and leaves nobody out
        assert counted.other_count == 0
        assert all(before.lt == after.gte for before, after in pairwise(counted.buckets))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("created_at:2024-07-01T00:00:00+18:00..", "created_at:2024-06-30T06:00:00Z.."),
        ("created_at:2024-07-01T00:00:00-18:00..", "created_at:2024-07-01T18:00:00Z.."),
        ("created_at:2024-07-01T00:00:00-00:00..", "created_at:2024-07-01.."),
        ("created_at:..2024-06-30T23:59Z", "created_at:..2024-06-30"),
        ("created_at:..2024-06-30T23:59:59Z", "created_at:..2024-06-30"),
    ],
)
def test_times_are_read_as_elasticsearch_reads_them(base: Settings, text: str, same: str) -> None:
    filters = [parse_filter(text)], [parse_filter(same)]
    one, other = (_total(base, each) for each in filters)
    assert one == other > 0
    low, high = (cuts(FIELDS["created_at"], each.bounds) for (each,) in filters)
    assert low == high


def test_a_selection_narrows_all_but_its_own_counts(base: Settings) -> None:
    facets = "age:..<20|20..<40|40..,city,created_at:year,revenue:auto"
    plain, selected = (_search(base, facets, *filters) for filters in ((), ("age:20..39", "created_at:2024-01-01..2024-12-31")))
    age, city, created, revenue = selected.facets
    year = parse_filter("created_at:2024-01-01..<2025-01-01")
    twenties = parse_filter("age:20..39")
    assert selected.total == _total(base, [twenties, year])
    assert [(bucket.label, bucket.selected) for bucket in age.buckets] == [("< 20", False), ("20–39", True), ("≥ 40", False)]
    assert sum(bucket.count for bucket in age.buckets) == _total(base, [year, parse_filter("age:*")])
    assert [bucket.label for bucket in created.buckets if bucket.selected] == ["2024"]
    assert sum(bucket.count for bucket in created.buckets) == _total(base, [twenties, parse_filter("created_at:*")])
    assert sum(bucket.count for bucket in city.buckets) == _total(base, [twenties, year, parse_filter("city:*")])
    assert sum(bucket.count for bucket in revenue.buckets) == _total(base, [twenties, year, parse_filter("revenue:*")])
    assert sum(bucket.count for bucket in plain.facets[1].buckets) > sum(bucket.count for bucket in city.buckets)


def test_histograms_follow_the_text(base: Settings) -> None:
    counted = _search(base, "revenue:auto,created_at:year", q="wang").facets
    for facet in counted:
        for bucket in facet.buckets:
            assert bucket.count == _total(base, [_selecting(facet, bucket)], q="wang")
    assert _search(base, "revenue:auto,created_at:auto,age:10", q="nobody of this name").facets[0].buckets == []


def test_bins_that_we_choose_are_few_and_hold_everybody(base: Settings) -> None:
    (facet,) = _search(base, "revenue:auto").facets
    assert 5 <= len(facet.buckets) <= 13
    assert facet.buckets[-1].lt is UNSET, "what few spend goes into one bin"
    assert max(bucket.count for bucket in facet.buckets) < CUSTOMERS * 0.8


@pytest.mark.parametrize("facet", ["revenue:0.01", "created_at:day"])
def test_too_many_bins_are_refused(base: Settings, facet: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"more than {MAX_BINS}"):
        _search(base, facet)


def test_a_histogram_of_a_century_by_day_is_refused_too(node_settings: Settings) -> None:
    with own_prefix(node_settings, "wide") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [{"created_at": "1700-01-01"}, {"created_at": "2026-01-01"}]))
        with pytest.raises(InvalidRequestError, match="interval"):
            _search(settings, "created_at:day")
        (facet,) = _search(settings, "created_at:auto").facets
        assert sum(bucket.count for bucket in facet.buckets) == 2


def test_a_cursor_leads_on_whatever_is_counted(base: Settings) -> None:
    first = SearchRequest(facets=[FacetRequest(field="revenue", interval="auto"), "city"], sort=["-revenue"], size=5)
    page = ask(base, lambda service: service.search(first))
    following = SearchRequest(facets=["city"], sort=["-revenue"], size=5, cursor=page.next_cursor)
    hits = [*page.hits, *ask(base, lambda service: service.search(following)).hits]
    revenues = [hit.customer.revenue or 0 for hit in hits]
    assert len({hit.id for hit in hits}) == 10
    assert revenues == sorted(revenues, reverse=True)
