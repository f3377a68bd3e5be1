"""``crm-records-…``: the source records of one generation of customers, against which incremental loads resolve new ones.

Each generation has its own, which is made, pruned and rolled back to with it. Readers never see it.

Versions are external: the time at which a run read what it was about to change, in milliseconds and never less than that of any write
before it, whatever the clock says. A document that somebody has written since then is refused, so that nobody overwrites what he has not
seen.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, TypeVar

from elasticsearch import Elasticsearch, helpers

from crmsearch.errors import ConflictError, InvalidRequestError, JobError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.mappings import build_records_body, build_serving_settings
from crmsearch.indexing.names import records_index
from crmsearch.privacy.vault import Vault
from crmsearch.resolution.stored import Stored, parse_stored
from crmsearch.settings import ElasticsearchSettings

__all__ = ["RecordStore", "build_action", "chunks", "read_documents", "version_of", "write_actions", "write_documents"]

K = TypeVar("K")
T = TypeVar("T")
Action = dict[str, Any]

TIMEOUT_S = 120.0  # for questions about tens of thousands of records at once
_TERMS = 60_000  # of one query; Elasticsearch takes 65,536, and as many buckets
_AT_ONCE = 2  # questions about such portions
_IDS = 5_000  # of one look-up by id
_PAGE = 5_000  # records of one page; they have about a kilobyte each
_CHUNK = 1_000  # documents of one bulk request; even, for a customer goes with its copy for analysts
_RETRIES = 6  # times a document is sent again while Elasticsearch is overloaded, after 2, 4, … seconds


class RecordStore:
    """The owner of the index of records beside one generation of customers."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings, vault: Vault, customers_index: str) -> None:
        self._client = client.options(request_timeout=TIMEOUT_S)
        self._settings = settings
        self._vault = vault
        self.prefix = settings.index_prefix
        self.index = records_index(customers_index)

    def create(self) -> None:
        """Make the empty index of a new generation."""
        with translated_errors():
            self._client.indices.create(index=self.index, **build_records_body(self._settings))

    def finish(self) -> int:
        """Make a filled index fit for use and return how many records it holds; none if it is not there."""
        with translated_errors():
            if not self._client.indices.exists(index=self.index):
                return 0
            self._client.indices.put_settings(index=self.index, settings=build_serving_settings(self._settings))
            self._client.indices.refresh(index=self.index)
            return int(self._client.count(index=self.index)["count"])

    def delete(self) -> None:
        """Delete the index; one that is not there is no error."""
        with translated_errors():
            self._client.indices.delete(index=self.index, ignore_unavailable=True)

    def begin(self) -> tuple[int, int]:
        """Make everything written so far visible; returns the version of the writes to come, and the number of records.

        Raises:
            InvalidRequestError: the generation has no records, since an older crmsearch or spark-submit without them has loaded it.
        """
        with translated_errors():
            if not self._client.indices.exists(index=self.index):
                raise InvalidRequestError(
                    f"there is no {self.index}, so that new rows cannot be resolved; load all sources once in full with `crmsearch ingest`"
                )
            self._client.indices.refresh(index=self.index)
            answer = self._client.search(
                index=self.index,
                size=0,
                track_total_hits=True,
                query={"bool": {"must_not": {"term": {"removed": True}}}},
                aggs={"everything": {"global": {}, "aggs": {"last": {"max": {"field": "written_at"}}}}},
            )
        last = int(answer["aggregations"]["everything"]["last"]["value"] or 0)
        return max(int(time.time() * 1000), last + 1), int(answer["hits"]["total"]["value"])

    def counts(self, counters: Iterable[int]) -> dict[int, int]:
        """How many records have each counter; those of none are left out."""

        def counted(some: Sequence[int]) -> dict[int, int]:
            terms = {"field": "counted", "include": some, "size": len(some)}
            with translated_errors():
                answer = self._client.search(index=self.index, size=0, aggs={"counts": {"terms": terms}})
            return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["counts"]["buckets"]}

        hidden = self._vault.counters(counters)
        found: dict[int, int] = {}
        for number, count in _together(counted, hidden).items():
            found[hidden[number]] = found.get(hidden[number], 0) + count
        return found

    def by_id(self, ids: Iterable[str]) -> dict[str, Stored]:
        """The records with these ids, whether or not anybody has refreshed."""
        return {name: self._open(source) for name, source in read_documents(self._client, self.index, ids, _IDS)}

    def in_blocks(self, blocks: Iterable[int]) -> dict[str, Stored]:
        """All records that are found in one of these blocks."""
        return self._found("blocks", self._vault.blocks(blocks))

    def in_components(self, components: Iterable[int]) -> dict[str, Stored]:
        """All records of these components."""
        return self._found("component", components)

    def _found(self, field: str, numbers: Iterable[int]) -> dict[str, Stored]:
        def those(some: Sequence[int]) -> dict[str, Stored]:
            query = {"query": {"bool": {"filter": {"terms": {field: some}}}}}
            with translated_errors():
                hits = helpers.scan(self._client, index=self.index, query=query, size=_PAGE)
                return {hit["_id"]: self._open(hit["_source"]) for hit in hits}

        return _together(those, numbers)

    def write(self, version: int | Mapping[str, int], records: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Write whole records, as ``build_stored`` makes them; else as ``write_documents``."""
        write_documents(self._client, self.index, version, ((name, self._vault.seal_record(each)) for name, each in records))

    def _open(self, source: dict[str, Any]) -> Stored:
        return parse_stored(self._vault.open_record(source))


def read_documents(client: Elasticsearch, index: str, ids: Iterable[str], at_once: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of the documents that are there, by id, whether or not anybody has refreshed."""
    for some in chunks(ids, at_once):
        with translated_errors():
            answer = client.mget(index=index, ids=some)
        yield from ((each["_id"], each["_source"]) for each in answer["docs"] if each["found"])


def write_documents(
    client: Elasticsearch,
    index: str,
    version: int | Mapping[str, int],
    documents: Iterable[tuple[str, dict[str, Any]]],
    deleted: Collection[str] = (),
) -> None:
    """Write whole documents, and delete some, each under the version, or that of its id; the same ones again change nothing.

    Raises:
        ConflictError: a document has a greater version; all others are written.
        JobError: Elasticsearch refused one for another reason, which is told without its content.
    """
    changes = chain(documents, ((name, None) for name in deleted))
    write_actions(client, (build_action(index, name, version_of(version, name), document) for name, document in changes))


def version_of(version: int | Mapping[str, int], name: str) -> int:
    """The version of one document, where all have the same, or each its own."""
    return version if isinstance(version, int) else version[name]


def build_action(index: str, name: str, version: int, document: dict[str, Any] | None) -> Action:
    """One write for ``write_actions``: of a whole document, or a deletion."""
    mark = {"_index": index, "_id": name, "version": version, "version_type": "external_gte"}
    return {"_op_type": "delete", **mark} if document is None else {"_op_type": "index", "_source": document, **mark}


def write_actions(client: Elasticsearch, actions: Iterable[Action]) -> None:
    """Carry out writes, neighbours in one request; raises as ``write_documents``."""
    refused: dict[str, int] = {}
    conflicts = 0
    with translated_errors():
        results = helpers.streaming_bulk(
            client.options(request_timeout=TIMEOUT_S),
            actions,
            chunk_size=_CHUNK,
            max_retries=_RETRIES,
            raise_on_error=False,
        )
        for written, answer in results:
            ((_, outcome),) = answer.items()
            if written or outcome["status"] == 404:  # it was gone already
                continue
            if outcome["status"] == 409:
                conflicts += 1
            else:
                kind = outcome.get("error", {}).get("type", "unknown")
                refused[kind] = refused.get(kind, 0) + 1
    if refused:
        told = ", ".join(f"{count} with {kind}" for kind, count in sorted(refused.items()))
        raise JobError(f"Elasticsearch refused documents: {told}; run the load again when this is mended")
    if conflicts:
        raise ConflictError(f"{conflicts} documents were written by somebody else at the same moment; do it again")


def _together(ask: Callable[[Sequence[int]], dict[K, T]], numbers: Iterable[int]) -> dict[K, T]:
    """What is found of many numbers, which are asked about in portions; Elasticsearch finds the next ones while the last are read."""
    found: dict[K, T] = {}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for some in threads.map(ask, chunks(numbers, _TERMS)):
            found |= some
    return found


def chunks(values: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The values in lists of this size, the last one shorter."""
    several = iter(values)
    while chunk := list(islice(several, size)):
        yield chunk
