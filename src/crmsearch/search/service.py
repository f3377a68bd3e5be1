"""Searches and statistics against Elasticsearch: check, build, send, parse."""

from typing import Any, Protocol

import elasticsearch
import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.contract import CONTRACT_VERSION, Customer
from crmsearch.errors import ContractMismatchError, CrmSearchError, CursorError, NotFoundError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.names import customers_alias, generation_time
from crmsearch.search.query import Position, build_search_body, build_suggest_body
from crmsearch.search.request import SearchRequest, SuggestRequest, check_search
from crmsearch.search.response import SearchResponse, SuggestResponse, decode_cursor, parse_search, parse_suggest
from crmsearch.search.stats import (
    SMALL_GROUP,
    CorrelationRequest,
    CorrelationResponse,
    CrosstabRequest,
    CrosstabResponse,
    StatsRequest,
    StatsResponse,
    answer_correlation,
    answer_crosstab,
    answer_stats,
)

__all__ = ["ElasticsearchBackend", "SearchBackend", "SearchService"]

MAX_ID_BYTES = 512  # Elasticsearch's own limit
Body = dict[str, Any]


class SearchBackend(Protocol):
    """The edge to Elasticsearch; tests put a canned one in its place."""

    async def search(self, body: Body, position: Position | None = None) -> Body:
        """Answer of ``_search`` on the live generation, or on the one that a cursor began in."""
        ...

    async def get(self, customer_id: str) -> Body | None:
        """Source of one document, if there is one."""
        ...

    async def check(self) -> None:
        """Raise what stands in the way of answering."""
        ...


class SearchService:
    """What the API and the command line offer to readers."""

    def __init__(self, backend: SearchBackend, small_group: int = SMALL_GROUP) -> None:
        self._backend = backend
        self._small_group = small_group

    async def search(self, request: SearchRequest) -> SearchResponse:
        check_search(request)
        position = decode_cursor(request)
        return parse_search(request, await self._backend.search(build_search_body(request, position), position))

    async def suggest(self, request: SuggestRequest) -> SuggestResponse:
        check_search(SearchRequest(q=request.q))
        return parse_suggest(request, await self._backend.search(build_suggest_body(request)))

    async def customer(self, customer_id: str) -> Customer:
        # Ids that cannot be, and that would not arrive at Elasticsearch as ids.
        possible = customer_id not in {".", ".."} and len(customer_id.encode()) <= MAX_ID_BYTES
        source = await self._backend.get(customer_id) if possible else None
        if source is None:
            raise NotFoundError("there is no customer with this id")
        return msgspec.convert(source, Customer)

    async def stats(self, request: StatsRequest, *, may_see_small: bool = True) -> StatsResponse:
        """Figures whole and in groups; who may not see small ones is not shown groups of fewer than ``small_group`` customers."""
        return await answer_stats(self._backend.search, request, self._smallest(may_see_small))

    async def correlation(self, request: CorrelationRequest, *, may_see_small: bool = True) -> CorrelationResponse:
        return await answer_correlation(self._backend.search, request, self._smallest(may_see_small))

    async def crosstab(self, request: CrosstabRequest, *, may_see_small: bool = True) -> CrosstabResponse:
        return await answer_crosstab(self._backend.search, request, self._smallest(may_see_small))

    def _smallest(self, may_see_small: bool) -> int | None:
        return None if may_see_small else self._small_group

    async def check(self) -> None:
        await self._backend.check()


class ElasticsearchBackend:
    """The real edge: one client, one alias."""

    def __init__(self, client: AsyncElasticsearch, index_prefix: str, timeout_s: float) -> None:
        self._client = client
        self._prefix = index_prefix
        self._alias = customers_alias(index_prefix)
        # Elasticsearch stops a little before the client gives up, so that the answer is its own "timed out".
        self._timeout = f"{max(1, int(timeout_s * 900))}ms"

    async def search(self, body: Body, position: Position | None = None) -> Body:
        if position is None:
            return await self._search(self._alias, body)
        if generation_time(self._prefix, position.index) is None:
            raise CursorError("the cursor is malformed; use next_cursor of an answer as it is")
        try:
            return await self._search(position.index, body)
        except CrmSearchError as error:
            # A generation that was pruned, or sort values that no answer of ours has held.
            if isinstance(error.__cause__, elasticsearch.NotFoundError | elasticsearch.BadRequestError):
                raise CursorError("the cursor has expired; start the search again without it") from error
            raise

    async def _search(self, index: str, body: Body) -> Body:
        # Half an answer, of the time that sufficed or of the shards that work, would be a wrong one.
        with translated_errors():
            answer = await self._client.search(
                index=index,
                body={**body, "timeout": self._timeout},
                allow_partial_search_results=False,
                # Figures without hits are kept until the index changes; the same question is answered from memory then.
                request_cache=True if body["size"] == 0 else None,
            )
        return dict(answer.body)

    async def get(self, customer_id: str) -> Body | None:
        with translated_errors():
            try:
                found = await self._client.get(index=self._alias, id=customer_id, source=True)
            except elasticsearch.NotFoundError as error:
                if error.body.get("found") is False:
                    return None
                raise
        source: Body = found["_source"]
        return source

    async def check(self) -> None:
        with translated_errors():
            mappings = await self._client.indices.get_mapping(index=self._alias)
        for index, body in mappings.body.items():
            version = body["mappings"].get("_meta", {}).get("contract_version")
            if version != CONTRACT_VERSION:
                raise ContractMismatchError(
                    f"{index} has contract version {version}, this crmsearch speaks {CONTRACT_VERSION}; load again with `crmsearch ingest`"
                )
