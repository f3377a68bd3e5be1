"""Ranges that are counted: days counted back from today in them, and that no bound whatever gets past the checks."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmsearch.errors import InvalidRequestError
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.facet_request import FacetRange, FacetRequest, as_facet, check_facet, facets_with_days, parse_facet_list
from crmsearch.search.request import SearchRequest
from crmsearch.search.resolver import Resolver
from crmsearch.search.service import SearchService
from crmsearch.search.stats import CrosstabRequest, Grouping, Range, StatsRequest, check_stats, parse_grouping, with_grouped_days

TODAY = date(2026, 11, 26)
BOUND = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-8]):[0-5]\d)?)?")
_CURSORS = Cursors("k" * 32, 60, lambda: 0.0)


class _AskedError(Exception):
    """Carries the question to Elasticsearch."""


class _Backend:
    async def search(self, body: dict[str, Any], position: Position | None = None) -> dict[str, Any]:
        if "by" in body.get("aggs", {}) or "both" in body.get("aggs", {}) or "created_at" in body.get("aggs", {}):
            raise _AskedError(body)
        return {"took": 1, "hits": {"total": {"value": 3}}, "aggregations": {"age.distinct": {"value": 3}}}

    async def search_earlier(self, body: dict[str, Any]) -> None:
        return None

    async def read(self, customer_id: str, *, restricted: bool = False) -> dict[str, Any] | None:
        return None

    async def check(self) -> None:
        return None


def _asked(question: Callable[[SearchService], Any]) -> str:
    """What a question comes to at noon of ``TODAY``."""
    clock = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
    service = SearchService(_Backend(), _CURSORS, Resolver(clock=lambda: clock))
    with pytest.raises(_AskedError) as caught:
        asyncio.run(question(service))
    return str(caught.value)


def test_a_facet_counts_from_days_counted_back() -> None:
    halves = [FacetRange(gte="now-30d"), FacetRange(lt="now-30d")]
    for facets in ([FacetRequest(field="created_at", ranges=halves)], parse_facet_list("created_at:now-30d..|..<now-30d")):
        body = _asked(lambda service, facets=facets: service.search(SearchRequest(facets=facets, size=0)))  # type: ignore[misc]
        assert body.count("2026-10-27") == 2
        assert "now" not in body


def test_groups_are_cut_at_days_counted_back() -> None:
    by = parse_grouping("created_at:now-90d|now-30d")
    for question in (
        lambda service: service.stats(StatsRequest(fields=["age"], by=by)),
        lambda service: service.crosstab(CrosstabRequest(rows=by, columns="gender")),
    ):
        body = _asked(question)
        assert "2026-08-28" in body
        assert "2026-10-27" in body
        assert "now" not in body


@pytest.mark.parametrize("ranges", ["now-30d..|now-90d..", "now-30d..<now-90d", "2026-10-01..|..<now-30d", "now-30d..<now-30d"])
def test_ranges_with_days_counted_back_may_not_overlap_either(ranges: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"overlap|ends before it begins"):
        asyncio.run(SearchService(_Backend(), _CURSORS).search(SearchRequest(facets=parse_facet_list(f"created_at:{ranges}"))))


def _sound(bound: float | str | None) -> bool:
    return bound is None or (BOUND.fullmatch(bound) is not None if isinstance(bound, str) else math.isfinite(bound))


_zones = st.timedeltas(timedelta(hours=-24), timedelta(hours=24)).map(lambda zone: f"{'-' if zone < timedelta(0) else '+'}{abs(zone)}"[:6])
_texts = (
    st.text(max_size=20)
    | st.sampled_from(["nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e400", "now", "now-1d", "now-９d", "1_0", "１８", "0001-01-01"])
    | st.builds(lambda moment, zone: f"{moment.isoformat()}{zone}", st.datetimes(), _zones)
    | st.floats().map(str)
    | st.dates().map(str)
    | st.builds(lambda count, unit: f"now-{count}{unit}", st.integers(0, 10**6), st.sampled_from("dwMy"))
)


@given(st.sampled_from(["age", "revenue", "created_at"]), _texts, _texts)
@example("created_at", "2026-01-01T00:00:00+19:00", "now")
@example("age", "nan", "nan")
def test_any_text_as_a_bound_is_refused_or_sound(name: str, low: str, high: str) -> None:
    facets: list[str | FacetRequest] = []
    groupings: list[str | Grouping] = []
    with suppress(InvalidRequestError):
        facets.extend(parse_facet_list(f"{name}:{low}..<{high}"))
    with suppress(InvalidRequestError):
        groupings.append(parse_grouping(f"{name}:{low}|{high}"))
    facets.append(FacetRequest(field=name, ranges=[FacetRange(gte=low, lt=high)]))
    groupings.append(Grouping(field=name, ranges=[Range(gte=low, lt=high)]))
    counted: list[msgspec.Struct] = []
    for facet in facets:
        try:
            facet = as_facet(facet)  # a text may name several, with ranges or without
            check_facet(facet)
            (resolved,) = facets_with_days([facet], TODAY)
            check_facet(resolved)  # type: ignore[arg-type]
        except InvalidRequestError:
            continue
        counted.extend(resolved.ranges or [])  # type: ignore[union-attr]
    for by in groupings:
        request = StatsRequest(fields=["age"], by=by)
        try:
            check_stats(request)
            request = with_grouped_days(request, TODAY)
            check_stats(request)
        except InvalidRequestError:
            continue
        counted.extend(request.groupings[0].ranges or [])
    for each in counted:
        assert _sound(getattr(each, "gte", None)), each
        assert _sound(getattr(each, "lt", None)), each
