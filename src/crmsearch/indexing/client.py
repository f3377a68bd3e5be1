"""Elasticsearch clients, and its errors turned into ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import elasticsearch
import msgspec
from elastic_transport import NodeConfig, Urllib3HttpNode
from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.serializer import CompatibilityModeJsonSerializer

from crmsearch.errors import (
    BackendAuthError,
    BackendError,
    BackendReadOnlyError,
    BackendTimeoutError,
    BackendTlsError,
    BackendUnavailableError,
    CrmSearchError,
    IndexNotReadyError,
    InvalidRequestError,
    NotFoundError,
)
from crmsearch.refusals import missing_privilege
from crmsearch.settings import ElasticsearchSettings
from crmsearch.trust import explain, make_ssl_context

__all__ = [
    "ALLOCATION_TIMEOUT",
    "NO_INDEX",
    "ensure_index",
    "ensure_index_soon",
    "exchange",
    "make_async_client",
    "make_client",
    "once_allocated",
    "read_by_id",
    "translated_errors",
]


_Answer = TypeVar("_Answer")
_MISSING = "index_not_found_exception"

NO_INDEX = "no customer index has been promoted yet; load one with `crmsearch ingest`"
ALLOCATION_TIMEOUT = "5s"  # shorter than any sensible timeout_s, so that Elasticsearch answers before the client gives up


class _FastJson(CompatibilityModeJsonSerializer):
    """What the client sends and reads, by msgspec: half a megabyte of statistics took a fifth of the time.

    orjson, for which the client is prepared, is as fast, but refuses whole numbers beyond 64 bits, which a filter may hold.
    """

    def json_dumps(self, data: Any) -> bytes:
        return msgspec.json.encode(data)

    def json_loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


class _Node(Urllib3HttpNode):
    """Adds nothing to what our own context trusts, as the client's does: the public authorities of a package."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        if config.ssl_context is not None:
            self.pool.ca_certs = None  # type: ignore[attr-defined]


def make_client(settings: ElasticsearchSettings) -> Elasticsearch:
    """A client for administration: index life cycle and checks."""
    return Elasticsearch(**_options(settings), node_class=_Node)


def make_async_client(settings: ElasticsearchSettings) -> AsyncElasticsearch:
    """The API's client; aiohttp underneath, which served 1.7 times the requests of httpx under 16 clients."""
    return AsyncElasticsearch(**_options(settings), connections_per_node=32, serializers={_FastJson.mimetype: _FastJson()})


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the Elasticsearch client raises into our hierarchy.

    Elasticsearch's own text stays in ``__cause__``: it may quote documents and queries, so no answer and no log line repeats it.
    """
    try:
        yield
    except (elasticsearch.ConnectionTimeout, TimeoutError) as error:
        raise BackendTimeoutError("Elasticsearch did not answer in time; try again, or raise CRMSEARCH_ELASTICSEARCH_TIMEOUT_S") from error
    except elasticsearch.ConnectionError as error:
        if said := explain(error):
            raise BackendTlsError(said) from error
        raise BackendUnavailableError(_why_unreachable(error)) from error
    except elasticsearch.ApiError as error:
        raise _from_api_error(error) from error
    except elasticsearch.TransportError as error:
        raise BackendError(f"the exchange with Elasticsearch failed ({type(error).__name__})") from error


@asynccontextmanager
async def exchange(timeout_s: float) -> AsyncIterator[None]:
    """One question and its answer, within the time whatever happens: the client tries again when a connection breaks, however late."""
    with translated_errors():
        async with asyncio.timeout(timeout_s):
            yield


async def once_allocated(client: AsyncElasticsearch, index: str, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """What Elasticsearch answers about an index that another process may be making at this moment.

    For an instant it is there and its shard is not: reads are refused with 503, also those with which the client tries again at once.
    """
    try:
        return await ask()
    except elasticsearch.ApiError as error:
        if error.status_code != 503:
            raise
    await _wait_until_allocated(client, index)
    return await ask()


async def read_by_id(client: AsyncElasticsearch, index: str, ids: Collection[str], timeout_s: float) -> dict[str, dict[str, Any]]:
    """Those documents that are there, with their versions, by id; as the last write left them. Ids may hold any sign.

    Raises:
        IndexNotReadyError: there is no such index.
        BackendUnavailableError: a document could not be read, which says nothing of whether it is there.
    """
    async with exchange(timeout_s):
        documents = (await client.mget(index=index, ids=list(ids)))["docs"]
        if any(kind != _MISSING for kind in _refusals(documents)):
            # Each document is refused on its own, so the answer as a whole is a good one.
            await _wait_until_allocated(client, index)
            documents = (await client.mget(index=index, ids=list(ids)))["docs"]
    for kind in _refusals(documents):
        if kind == _MISSING:
            raise IndexNotReadyError(NO_INDEX)
        raise BackendUnavailableError(f"Elasticsearch could not read a document ({kind}); try again in a moment")
    return {each["_id"]: each for each in documents if each["found"]}


def _refusals(documents: list[dict[str, Any]]) -> list[str]:
    return [each["error"]["type"] for each in documents if "error" in each]


async def _wait_until_allocated(client: AsyncElasticsearch, index: str) -> None:
    # 408: not in this time; the next question tells what is wrong.
    await client.options(ignore_status=408).cluster.health(index=index, wait_for_active_shards=1, timeout=ALLOCATION_TIMEOUT)


async def ensure_index_soon(client: AsyncElasticsearch, index: str, body: dict[str, Any], timeout_s: float) -> None:
    """Make an index of the service's own state for a first document that waits for it, unless it is there."""
    async with exchange(timeout_s):
        if await client.indices.exists(index=index):
            return
        try:
            await client.indices.create(index=index, **body)
        except elasticsearch.BadRequestError as error:
            # Another process has made it in between.
            if "resource_already_exists" not in str(error.error):
                raise


def ensure_index(client: Elasticsearch, index: str, body: dict[str, Any]) -> None:
    """Make an index of the service's own state, unless it is there, or another process makes it at this moment; wait until it can be used.

    One that an older version made learns the fields it did not know, and one of a node that has become a cluster has its copies made.
    """
    with translated_errors():
        if client.indices.exists(index=index):
            client.indices.put_mapping(index=index, properties=body["mappings"]["properties"])
            copies = body["settings"]["index"]["number_of_replicas"]
            client.indices.put_settings(index=index, settings={"index": {"number_of_replicas": copies}})
        else:
            try:
                client.indices.create(index=index, **body)
            except elasticsearch.BadRequestError as error:
                if "resource_already_exists" not in str(error.error):
                    raise
        # One that somebody else has just made, or a node that has just started, may not take documents yet, though it is called yellow.
        client.cluster.health(index=index, wait_for_active_shards=1, timeout=ALLOCATION_TIMEOUT)


def _from_api_error(error: elasticsearch.ApiError) -> CrmSearchError:
    kind = _error_type(error)
    if error.status_code == 401:
        return BackendAuthError(
            "Elasticsearch refuses the login; check CRMSEARCH_ELASTICSEARCH_API_KEY_FILE or _API_KEY (it may be revoked), "
            "or CRMSEARCH_ELASTICSEARCH_USERNAME and _PASSWORD"
        )
    if kind == "cluster_block_exception":
        return BackendReadOnlyError(
            "Elasticsearch has blocked writes, as it does when its disk is nearly full; free disk space and it takes them again"
        )
    if error.status_code == 403:
        reason = str(_cause(error).get("reason", ""))
        return BackendAuthError(f"the Elasticsearch user or key lacks a privilege that this needs{missing_privilege(reason)}")
    if kind == _MISSING:
        return IndexNotReadyError(NO_INDEX)
    if kind == "search_timeout_exception":
        return BackendTimeoutError("Elasticsearch ran out of time for this search; narrow it or try again")
    if kind == "too_many_buckets_exception":
        most = _cause(error).get("max_buckets", 65_536)
        return InvalidRequestError(
            f"the answer would have more than {most:,} histogram bins and groups, Elasticsearch's limit; widen the interval, ask for fewer "
            "groups or fields, or filter"
        )
    if error.status_code == 404:
        return NotFoundError("not found in Elasticsearch")
    if error.status_code in {429, 503}:
        return BackendUnavailableError(f"Elasticsearch is overloaded or not ready ({kind}); try again in a moment")
    if error.status_code in {408, 504}:
        return BackendTimeoutError("Elasticsearch did not answer in time; try again")
    return BackendError(f"Elasticsearch answered {error.status_code} ({kind})")


def _error_type(error: elasticsearch.ApiError) -> str:
    return str(_cause(error).get("type", "unknown"))


def _cause(error: elasticsearch.ApiError) -> dict[str, Any]:
    body: Any = error.body
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        return {}
    # A search that fails says so; why it failed is the root cause on a shard, or the cause where shards are brought together.
    whole = body["error"]
    causes: list[dict[str, Any]] = whole.get("root_cause") or [whole.get("caused_by") or whole]
    return causes[0]


def _why_unreachable(error: elasticsearch.ConnectionError) -> str:
    # A server that speaks TLS hangs up on plain HTTP without a word, as one does that is killed.
    if any(sign in str(error.message) for sign in ("without response", "disconnected", "reset by peer")):
        return (
            "Elasticsearch ended the connection without an answer; if it speaks TLS, as it does by default, "
            "CRMSEARCH_ELASTICSEARCH_URL must begin with https://"
        )
    return "Elasticsearch cannot be reached; start the local node with `crmsearch node start`, or check CRMSEARCH_ELASTICSEARCH_URL"


def _options(settings: ElasticsearchSettings) -> dict[str, Any]:
    # A node that cannot be reached is asked again later, and the next one at once.
    context = make_ssl_context(settings)
    options: dict[str, Any] = {
        "hosts": [address.url for address in settings.addresses],
        "request_timeout": settings.timeout_s,
        "retry_on_timeout": False,
    }
    if context is not None:
        options["ssl_context"] = context
    if settings.api_key:
        options["api_key"] = str(settings.api_key)
    elif settings.username:
        options["basic_auth"] = (settings.username, str(settings.password))
    return options
