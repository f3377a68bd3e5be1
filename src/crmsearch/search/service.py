"""Searches and statistics against Elasticsearch: check, build, send, parse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import elasticsearch
import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.contract import CONTRACT_VERSION, Customer
from crmsearch.errors import BackendError, ContractMismatchError, CrmSearchError, CursorError, NotFoundError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.names import customers_alias, generation_time
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.export import build_export_body, render_head, render_rows
from crmsearch.search.facets import close_facets, open_facets
from crmsearch.search.lookup import LookupResponse, build_ids_body, build_lookup_body, parse_lookup, read_lookup
from crmsearch.search.query import build_search_body, build_suggest_body
from crmsearch.search.request import (
    ExportRequest,
    LookupRequest,
    SearchRequest,
    StatsRequest,
    SuggestRequest,
    check_export,
    check_lookup,
    check_search,
    check_stats,
)
from crmsearch.search.response import SearchResponse, SuggestResponse, parse_search, parse_suggest
from crmsearch.search.similar import SimilarResponse, build_similar_body, check_similar, parse_similar
from crmsearch.search.stats import StatsResponse, build_stats_body, find_cancelled, parse_stats

__all__ = ["ElasticsearchBackend", "Export", "SearchBackend", "SearchService"]

Body = dict[str, Any]


class SearchBackend(Protocol):
    """The edge to Elasticsearch; tests put a canned one in its place."""

    async def search(self, body: Body, position: Position | None = None) -> Body:
        """Answer of ``_search`` on the live generation, or on the one that a cursor began in."""
        ...

    async def count(self) -> int:
        """Customers in the live generation."""
        ...

    async def check(self) -> None:
        """Raise what stands in the way of answering."""
        ...


class Export(msgspec.Struct, frozen=True):
    """A file in the making: how many customers it will hold, and its pieces."""

    total: int
    pieces: AsyncIterator[bytes]


class SearchService:
    """What the API and the command line offer to readers."""

    def __init__(self, backend: SearchBackend, cursors: Cursors) -> None:
        self._backend = backend
        self._cursors = cursors

    async def search(self, request: SearchRequest) -> SearchResponse:
        check_search(request)
        position = self._cursors.read(request)
        request = await self._with_ranges(request, position)
        answer = await self._backend.search(build_search_body(request, position), position)
        return parse_search(request, answer, self._cursors)

    async def suggest(self, request: SuggestRequest) -> SuggestResponse:
        check_search(SearchRequest(q=request.q))
        return parse_suggest(request, await self._backend.search(build_suggest_body(request)))

    async def customer(self, customer_id: str) -> Customer:
        # By a search and not by a path, of which an id may hold any part.
        found = (await self._backend.search(build_ids_body([customer_id])))["hits"]["hits"]
        if not found:
            raise NotFoundError("there is no customer with this id")
        return msgspec.convert(found[0]["_source"], Customer)

    async def lookup(self, request: LookupRequest) -> LookupResponse:
        check_lookup(request)
        asked = read_lookup(request)
        return parse_lookup(asked, await self._backend.search(build_lookup_body(asked)))

    async def export(self, request: ExportRequest) -> Export:
        """All hits as a file.

        The first page is asked for at once, so that what cannot be answered is refused before the file begins.

        Raises:
            CrmSearchError: also while the pieces are read; then the file is not whole.
        """
        check_export(request)
        first = await self._backend.search(build_export_body(request))
        total = first["hits"]["total"]["value"]
        return Export(total, self._export_pieces(request, first, total))

    async def _export_pieces(self, request: ExportRequest, page: Body, total: int) -> AsyncIterator[bytes]:
        yield render_head(request)
        written = 0
        while hits := page["hits"]["hits"]:
            yield render_rows(request, [hit["_source"] for hit in hits])
            written += len(hits)
            if written >= total:
                break
            position = Position(hits[-1]["_index"], hits[-1]["sort"])
            page = await self._backend.search(build_export_body(request, position), position)
        if written != total:
            raise BackendError(f"{written} customers were exported of {total}")

    async def similar(self, customer_id: str, size: int) -> SimilarResponse:
        check_similar(size)
        customer = await self.customer(customer_id)
        return parse_similar(customer, await self._backend.search(build_similar_body(customer, size)))

    async def stats(self, request: StatsRequest) -> StatsResponse:
        check_stats(request)
        population = await self._backend.count()
        answer = await self._backend.search(build_stats_body(request, population))
        if cancelled := find_cancelled(request, answer):
            answer = await self._backend.search(build_stats_body(request, population, cancelled))
        return parse_stats(request, answer, population)

    async def check(self) -> None:
        await self._backend.check()

    async def _with_ranges(self, request: SearchRequest, position: Position | None) -> SearchRequest:
        """The request with ranges in the place of numeric histograms, which needs a look at the values found."""
        asked = open_facets(request.facets)
        if not asked:
            return request
        look = msgspec.structs.replace(request, facets=asked, size=0, highlight=False, explain=False)
        answer = await self._backend.search(build_search_body(look), position)
        return msgspec.structs.replace(request, facets=close_facets(request.facets, answer["aggregations"]))


class ElasticsearchBackend:
    """The real edge: one client, one alias."""

    def __init__(self, client: AsyncElasticsearch, index_prefix: str, timeout_s: float) -> None:
        self._client = client
        self._prefix = index_prefix
        self._alias = customers_alias(index_prefix)
        self._timeout_s = timeout_s
        # Elasticsearch stops a little before the client gives up, so that the answer is its own "timed out".
        self._timeout = f"{max(1, int(timeout_s * 900))}ms"

    async def search(self, body: Body, position: Position | None = None) -> Body:
        if position is None:
            return await self._search(self._alias, body)
        # Signed, but with a key that another installation may share, which has other indices.
        if generation_time(self._prefix, position.index) is None:
            raise CursorError("the cursor belongs to another installation; start the search again without it")
        try:
            return await self._search(position.index, body)
        except CrmSearchError as error:
            # A generation that was pruned, or that a version before this one built with other fields to sort by.
            unsorted = isinstance(error, BackendError) and isinstance(error.__cause__, elasticsearch.BadRequestError)
            if unsorted or isinstance(error.__cause__, elasticsearch.NotFoundError):
                raise CursorError("the cursor has expired; start the search again without it") from error
            raise

    async def _search(self, index: str, body: Body) -> Body:
        # Half an answer, of the time that sufficed or of the shards that work, would be a wrong one.
        async with self._exchange():
            answer = await self._client.search(index=index, body={**body, "timeout": self._timeout}, allow_partial_search_results=False)
        return dict(answer.body)

    async def count(self) -> int:
        async with self._exchange():
            return int((await self._client.count(index=self._alias))["count"])

    async def check(self) -> None:
        async with self._exchange():
            mappings = await self._client.indices.get_mapping(index=self._alias)
        for index, body in mappings.body.items():
            version = body["mappings"].get("_meta", {}).get("contract_version")
            if version != CONTRACT_VERSION:
                raise ContractMismatchError(
                    f"{index} has contract version {version}, this crmsearch speaks {CONTRACT_VERSION}; load again with `crmsearch ingest`"
                )

    @asynccontextmanager
    async def _exchange(self) -> AsyncIterator[None]:
        """One question and its answer, within the time whatever happens: the client tries again when a connection breaks, however late."""
        with translated_errors():
            async with asyncio.timeout(self._timeout_s):
                yield
