"""Those who answer: the search as the API runs it, and the baselines."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from elasticsearch import AsyncElasticsearch

from crmsearch.errors import InvalidRequestError
from crmsearch.search.request import SearchRequest
from crmsearch.search.service import SearchService
from crmsearch.settings import Settings
from tests.bench.relevance.baselines import BASELINES, FACETS, SIZE
from tests.bench.relevance.loading import baseline_index

__all__ = ["OURS", "SIDES", "Side", "make_sides", "timed"]

OURS = "crmsearch"
SIDES = (OURS, *BASELINES)
Side = Callable[[str], Awaitable[list[str]]]


def make_sides(service: SearchService, client: AsyncElasticsearch, settings: Settings) -> dict[str, Side]:
    """All sides by name: each takes a text and gives the ids of its hits, best first, having counted the same three facets."""
    index = baseline_index(settings)
    return {OURS: _ours(service), **{name: _baseline(client, index, build) for name, build in BASELINES.items()}}


async def timed(side: Side, text: str) -> tuple[float, list[str]]:
    """Milliseconds that the answer took, and its ids."""
    began = time.perf_counter()
    ids = await side(text)
    return (time.perf_counter() - began) * 1000, ids


def _ours(service: SearchService) -> Side:
    async def find(text: str) -> list[str]:
        try:
            answer = await service.search(SearchRequest(q=text, facets=list(FACETS), size=SIZE))
        except InvalidRequestError:
            return []  # refused, so not found
        return [hit.id for hit in answer.hits]

    return find


def _baseline(client: AsyncElasticsearch, index: str, build: Callable[[str], dict[str, Any]]) -> Side:
    async def find(text: str) -> list[str]:
        answer = await client.search(index=index, body=build(text))
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    return find
