"""Which stage a text is answered in, and what finding out costs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from crmsearch.search.filters import Filter, ResolvedFilter, build_filter, check_filter
from crmsearch.search.population import choose_stage, find_population
from crmsearch.search.query import build_text_query
from crmsearch.search.relevance import Stage
from crmsearch.search.resolver import Resolver

BERLIN = Filter(field="city", in_=["Berlin"])


@pytest.mark.parametrize(
    ("q", "totals", "stage", "counted"),
    [
        ("", {}, "precise", []),
        ("city:Berlin", {}, "precise", []),
        ("smith", {"precise": 10}, "precise", ["precise"]),
        ("smith", {"precise": 9}, "tolerant", ["precise"]),
        ("smith berlin", {"precise": 0, "tolerant": 1}, "tolerant", ["precise", "tolerant"]),
        ("smith berlin", {"precise": 0, "tolerant": 0}, "partial", ["precise", "tolerant"]),
        ("ann@example.com", {"precise": 1}, "precise", ["precise"]),
    ],
)
def test_the_first_stage_that_finds_enough_is_taken(q: str, totals: dict[str, int], stage: str, counted: list[str]) -> None:
    asked: list[str] = []

    async def count(each: Stage) -> int:
        asked.append(each)
        return totals[each]

    assert asyncio.run(choose_stage(q, count)) == stage
    assert asked == counted


def _population(q: str, totals: list[int]) -> tuple[list[Filter], list[dict[str, Any]]]:
    bodies: list[dict[str, Any]] = []

    async def search(body: dict[str, Any]) -> dict[str, Any]:
        bodies.append(body)
        return {"hits": {"total": {"value": totals[len(bodies) - 1]}}}

    resolver = Resolver(clock=lambda: datetime(2026, 11, 25, tzinfo=UTC))
    return asyncio.run(find_population(search, resolver, q, [BERLIN])), bodies


def test_without_a_text_nothing_is_asked() -> None:
    assert _population("", []) == ([BERLIN], [])
    found, bodies = _population("age:20..30", [])
    assert (found, bodies) == ([BERLIN, Filter(field="age", gte=20, lte=30)], [])


def test_the_text_becomes_a_filter_of_its_stage() -> None:
    found, bodies = _population("smith created_at:now-1d..", [3])
    assert [build_filter(each) for each in found] == [
        {"terms": {"city": ["Berlin"]}},
        {"range": {"created_at": {"gte": "2026-11-24"}}},
        build_text_query("smith", "tolerant"),
    ]
    (body,) = bodies
    assert body["size"] == 0, "so that it comes from the request cache"
    assert body["query"]["bool"]["filter"] == [*(build_filter(each) for each in found[:2]), build_text_query("smith", "precise")]
    check_filter(ResolvedFilter(clause={}))
