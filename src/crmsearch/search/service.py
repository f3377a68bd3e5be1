"""Searches and statistics against Elasticsearch: check, build, send, parse."""

import time
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import elasticsearch
import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.contract import Customer
from crmsearch.errors import (
    BackendError,
    ContractMismatchError,
    CrmSearchError,
    CursorError,
    NotFoundError,
)
from crmsearch.indexing.client import exchange, read_by_id
from crmsearch.indexing.mappings import check_versions
from crmsearch.indexing.names import customers_alias, customers_pattern, generation_time
from crmsearch.privacy.vault import Vault
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.export import build_export_body, render_head, render_rows
from crmsearch.search.facet_request import as_facet, facets_with_days
from crmsearch.search.facets import close_facets, open_facets
from crmsearch.search.lookup import LookupResponse, build_lookup_body, parse_lookup, read_lookup
from crmsearch.search.population import answer_in_stages, find_population
from crmsearch.search.query import build_search_body, build_suggest_body, build_vitals_body, stages_of
from crmsearch.search.relevance import Stage
from crmsearch.search.request import (
    ExportRequest,
    LookupRequest,
    SearchRequest,
    SuggestRequest,
    check_export,
    check_filters,
    check_lookup,
    check_search,
    check_text,
    parse_sort,
)
from crmsearch.search.resolver import Resolver
from crmsearch.search.response import SearchResponse, SuggestResponse, parse_search, parse_suggest
from crmsearch.search.similar import SimilarResponse, build_similar_body, check_similar, parse_similar
from crmsearch.search.small_groups import SMALL_GROUP
from crmsearch.search.stats import (
    CorrelationRequest,
    CorrelationResponse,
    CrosstabRequest,
    CrosstabResponse,
    StatsRequest,
    StatsResponse,
    answer_correlation,
    answer_crosstab,
    answer_stats,
    fields_of,
    with_grouped_days,
)
from crmsearch.search.view import EVERYTHING, SearchBackend, View

__all__ = ["ElasticsearchBackend", "Export", "SearchBackend", "SearchService"]

KEY_KNOWN_S = 1.0  # for how long it is taken for granted that the keys of an index are ours
_COPIES = 64  # more than any index has

Body = dict[str, Any]
Request = TypeVar("Request", SearchRequest, ExportRequest)
Figures = TypeVar("Figures", StatsRequest, CorrelationRequest, CrosstabRequest)


class Export(msgspec.Struct, frozen=True):
    """A file in the making: how many customers it will hold, its pieces, and the ids of those in the first of them."""

    total: int
    pieces: AsyncIterator[bytes]
    first: list[str]


class Vitals(msgspec.Struct, frozen=True):
    """How the customers stand: how many are live, and when the newest of them was written."""

    customers: int
    newest: datetime | None


class SearchService:
    """What the API and the command line offer to readers."""

    def __init__(
        self,
        backend: SearchBackend,
        cursors: Cursors,
        resolver: Resolver | None = None,
        small_group: int = SMALL_GROUP,
        view: View = EVERYTHING,
    ) -> None:
        self._everything = backend
        self._backend = view.of(backend)
        self._cursors = cursors
        self._resolver = resolver or Resolver()
        self._small_group = small_group
        self._view = view

    def within(self, view: View) -> "SearchService":
        """The same for one who may see this much."""
        cursors = self._cursors.within(view.rows.text) if view.rows is not None else self._cursors
        return SearchService(self._everything, cursors, self._resolver, self._small_group, view)

    async def search(self, request: SearchRequest) -> SearchResponse:
        request = msgspec.structs.replace(request, facets=facets_with_days(request.facets, self._resolver.today()))
        check_search(request)
        names = [*(as_facet(each).field for each in request.facets), *(field.name for field, _ in parse_sort(request.sort))]
        await self._view.check_masked(self._resolver, request.q, request.filters, names)
        request = await self._resolved(request)
        position = self._cursors.read(request)
        if position is not None:
            stage = position.stage
            asked, answer = await self._ask(request, stage, position)
        else:
            stage, (asked, answer) = await answer_in_stages(request.q, partial(self._ask, request), lambda each: _total(each[1]))
        return parse_search(asked, answer, self._cursors, stage, self._view.sight)

    async def _ask(self, request: SearchRequest, stage: Stage, position: Position | None = None) -> tuple[SearchRequest, Body]:
        """One stage of a search: the request as it was put, and the answer."""
        request = await self._with_ranges(request, stage, position)
        return request, await self._backend.search(build_search_body(request, position, stage), position)

    async def suggest(self, request: SuggestRequest) -> SuggestResponse:
        check_search(SearchRequest(q=request.q))
        await self._view.check_masked(self._resolver, request.q, [], [])
        q, filters = await self._resolver.resolve_text(request.q, [])
        request = msgspec.structs.replace(request, q=q)
        for stage in stages_of(q):
            answer = await self._backend.search(build_suggest_body(request, stage, filters))
            if answer["hits"]["hits"]:
                break
        return parse_suggest(request, answer, stage, self._view.sight)

    async def customer(self, customer_id: str) -> Customer:
        return await self._customer(customer_id, restricted=self._view.answers_the_person)

    async def _customer(self, customer_id: str, *, restricted: bool) -> Customer:
        document = await self._backend.read(customer_id, restricted=restricted)
        if document is None:
            raise NotFoundError("there is no customer with this id")
        return msgspec.convert(self._view.sight.shown(document), Customer)

    async def lookup(self, request: LookupRequest) -> LookupResponse:
        check_lookup(request)
        asked = read_lookup(request)
        return parse_lookup(asked, await self._backend.search(build_lookup_body(asked)), self._view.sight)

    async def export(self, request: ExportRequest) -> Export:
        """All hits as a file.

        The first page is asked for at once, so that what cannot be answered is refused before the file begins.

        Raises:
            CrmSearchError: also while the pieces are read; then the file is not whole.
        """
        check_export(request)
        await self._view.check_masked(self._resolver, request.q, request.filters, [field.name for field, _ in parse_sort(request.sort)])
        request = await self._resolved(request)
        stage, first = await answer_in_stages(request.q, lambda stage: self._backend.search(build_export_body(request, stage)), _total)
        ids = [hit["_id"] for hit in first["hits"]["hits"]]
        return Export(_total(first), self._export_pieces(request, stage, first, _total(first)), ids)

    async def _export_pieces(self, request: ExportRequest, stage: Stage, page: Body, total: int) -> AsyncIterator[bytes]:
        yield render_head(request)
        written = 0
        while hits := page["hits"]["hits"]:
            yield render_rows(request, [self._view.sight.shown(hit["_source"]) for hit in hits])
            written += len(hits)
            if written >= total:
                break
            position = Position(hits[-1]["_index"], hits[-1]["sort"])
            page = await self._backend.search(build_export_body(request, stage, position), position)
        if written != total:
            raise BackendError(f"{written} customers were exported of {total}")

    async def similar(self, customer_id: str, size: int) -> SimilarResponse:
        check_similar(size)
        customer = await self._customer(customer_id, restricted=False)
        return parse_similar(customer, await self._backend.search(build_similar_body(customer, size)), self._view.sight)

    async def stats(self, request: StatsRequest, *, may_see_personal: bool = True) -> StatsResponse:
        """Figures whole and in groups.

        Who may not see personal data is not shown groups of fewer than ``small_group`` customers, and may not ask by such data.
        """
        return await answer_stats(self._backend.search, await self._checked(request, may_see_personal), self._smallest(may_see_personal))

    async def correlation(self, request: CorrelationRequest, *, may_see_personal: bool = True) -> CorrelationResponse:
        return await answer_correlation(
            self._backend.search, await self._checked(request, may_see_personal), self._smallest(may_see_personal)
        )

    async def crosstab(self, request: CrosstabRequest, *, may_see_personal: bool = True) -> CrosstabResponse:
        return await answer_crosstab(self._backend.search, await self._checked(request, may_see_personal), self._smallest(may_see_personal))

    async def _checked(self, request: Figures, may_see_personal: bool) -> Figures:
        """A request of figures with its text and filters checked, and in their place whom they mean; the figures check the rest."""
        check_text(request.q)
        if not (may_see_personal and self._view.figures_by_personal):
            await self._resolver.check_impersonal(request.q, request.filters, fields_of(request))
        check_filters(request.filters)
        await self._view.check_masked(self._resolver, request.q, request.filters, fields_of(request))
        request = with_grouped_days(request, self._resolver.today())
        filters = await find_population(self._backend.search, self._resolver, request.q, request.filters)
        return msgspec.structs.replace(request, q="", filters=filters)

    def _smallest(self, may_see_personal: bool) -> int | None:
        return None if may_see_personal else self._small_group

    async def check(self) -> None:
        await self._backend.check()

    async def vitals(self) -> Vitals:
        answer = await self._backend.search(build_vitals_body())
        newest = answer["aggregations"]["newest"].get("value")
        return Vitals(_total(answer), datetime.fromtimestamp(newest / 1000, UTC) if newest is not None else None)

    async def _resolved(self, request: Request) -> Request:
        """A checked request with the conditions in its text among its filters, and what segments and relative days mean in their place."""
        q, filters = await self._resolver.resolve_text(request.q, request.filters)
        return msgspec.structs.replace(request, q=q, filters=filters)

    async def _with_ranges(self, request: SearchRequest, stage: Stage, position: Position | None) -> SearchRequest:
        """The request with ranges in the place of numeric histograms, which needs a look at the values found."""
        asked = open_facets(request.facets)
        if not asked:
            return request
        look = msgspec.structs.replace(request, facets=asked, size=0, highlight=False, explain=False)
        answer = await self._backend.search(build_search_body(look, stage=stage), position)
        return msgspec.structs.replace(request, facets=close_facets(request.facets, answer["aggregations"]))


class ElasticsearchBackend:
    """The real edge: one client, one alias. Here alone key data is hidden in questions, and opened in answers."""

    def __init__(self, client: AsyncElasticsearch, index_prefix: str, timeout_s: float, vault: Vault) -> None:
        self._client = client
        self._vault = vault
        self._keys_known: dict[str, float] = {}  # when the key of an index was last seen to be one of ours
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

    async def search_earlier(self, body: Body) -> tuple[str, Body] | None:
        async with exchange(self._timeout_s):
            pattern = customers_pattern(self._prefix)
            found = await self._client.indices.get(index=pattern, ignore_unavailable=True, features=["aliases", "mappings"])
        live = [index for index, each in found.body.items() if self._alias in each.get("aliases", {})]
        earlier = [
            index for index, each in found.body.items() if live and index < live[0] and _is_fit(index, each["mappings"].get("_meta", {}))
        ]
        earlier = [index for index in earlier if generation_time(self._prefix, index) is not None]
        return (max(earlier), await self._search(max(earlier), body)) if earlier else None

    async def read(self, customer_id: str, *, restricted: bool = False) -> Body | None:  # noqa: ARG002 - nobody is, to this edge
        found = await read_by_id(self._client, self._alias, [customer_id], self._timeout_s)
        return self._vault.open(found[customer_id]["_source"], customer_id) if found else None

    async def _check_key(self, index: str) -> None:
        """Raise ``KeyMissingError`` where contact data would be looked up by hashes of another key: nothing would be found, in silence."""
        now = time.monotonic()
        if now - self._keys_known.get(index, -KEY_KNOWN_S) < KEY_KNOWN_S:
            return
        async with exchange(self._timeout_s):
            mappings = await self._client.indices.get_mapping(index=index)
        for name, body in mappings.body.items():
            self._vault.check_key(name, body["mappings"].get("_meta", {}).get("key_id"))
        self._keys_known[index] = now

    async def _search(self, index: str, body: Body) -> Body:
        await self._check_key(index)
        body = self._vault.hide(body)
        # Half an answer, of the time that sufficed or of the shards that work, would be a wrong one.
        async with exchange(self._timeout_s):
            answer = await self._client.search(
                index=index,
                body={**body, "timeout": self._timeout},
                allow_partial_search_results=False,
                # Figures without hits are kept until the index changes; the same question is answered from memory then.
                request_cache=True if body.get("size") == 0 else None,
                preference=_preferred_copy(body),
            )
        for hit in answer["hits"]["hits"]:
            if "_source" in hit:
                hit["_source"] = self._vault.open(hit["_source"], hit["_id"])
        return dict(answer.body)

    async def check(self) -> None:
        async with exchange(self._timeout_s):
            mappings = await self._client.indices.get_mapping(index=self._alias)
        for index, body in mappings.body.items():
            meta = body["mappings"].get("_meta", {})
            check_versions(index, meta)
            self._vault.check_key(index, meta.get("key_id"))


def _preferred_copy(body: Body) -> str:
    """Which copy of the index answers: for all pages and repeats of a question the same, as long as its node lives.

    Copies that were changed since they were made score a little differently, and each has a request cache of its own. It stands in the URL
    of the request, so it says next to nothing of the question.
    """
    return str(zlib.crc32(msgspec.json.encode(body.get("query"))) % _COPIES)


def _total(answer: Body) -> int:
    return int(answer["hits"]["total"]["value"])


def _is_fit(index: str, meta: Body) -> bool:
    """Whether a generation is complete and of the versions that are spoken here."""
    try:
        check_versions(index, meta)
    except ContractMismatchError:
        return False
    return bool(meta.get("complete"))
