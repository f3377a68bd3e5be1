"""``crm-segments``: one document for every version of a saved segment; the current one lies under the segment's name.

Every change is a new version, a deletion too, so that nothing is lost and numbers never repeat. A change first keeps a copy of the version
that it replaces, then replaces it on condition that nobody else has (``if_seq_no``, ``if_primary_term``): of several processes that change
one segment at once, one succeeds, and wherever one stops in between, the history is whole.
"""

from collections.abc import Collection
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.errors import ConflictError, IndexNotReadyError
from crmsearch.indexing.client import ensure_index_soon, exchange, once_allocated, read_by_id
from crmsearch.indexing.mappings import build_segments_body
from crmsearch.indexing.names import segments_index
from crmsearch.privacy.vault import Vault
from crmsearch.search.segments import Segment, SegmentVersion, VersionPage
from crmsearch.settings import ElasticsearchSettings

__all__ = ["SegmentStore", "Stored", "reseal_segment"]

_SEALED = "segment"  # what a segment asks for, which may be somebody's address, is sealed as if it were a field of this name
MOST = 10_000  # segments in one answer of Elasticsearch; far more than there can be


class Stored(msgspec.Struct, frozen=True):
    """The current version of a segment, and where Elasticsearch's order of writes has it."""

    version: SegmentVersion
    seq_no: int
    primary_term: int


class SegmentStore:
    """The owner of ``crm-segments``. The index is made when the first segment is saved; until then there are none."""

    def __init__(self, client: AsyncElasticsearch, settings: ElasticsearchSettings, vault: Vault) -> None:
        self._client = client
        self._vault = vault
        self._settings = settings
        self.index = segments_index(settings.index_prefix)

    async def find(self, names: Collection[str]) -> dict[str, Segment]:
        """Those of the named segments that are saved, by name, as the last write left them."""
        if not names:
            return {}
        found = [self._parse(doc["_source"]) for doc in (await self._read(names)).values()]
        return {each.name: _segment(each) for each in found if not each.deleted}

    async def current(self, name: str) -> Stored | None:
        """The last version of a segment, a deletion too; ``None`` if there never was one."""
        doc = (await self._read([name])).get(name)
        return Stored(self._parse(doc["_source"]), doc["_seq_no"], doc["_primary_term"]) if doc else None

    async def all(self) -> dict[str, Segment]:
        """All saved segments by name, in the order of their names."""
        found = await self._search({"bool": {"filter": [{"term": {"current": True}}, {"term": {"deleted": False}}]}}, {"name": "asc"}, MOST)
        return {each.name: _segment(each) for each in found}

    async def versions(self, name: str, size: int, before: int | None) -> VersionPage:
        """Versions of a segment, newest first, the current one included; none if there never was such a segment."""
        filters: list[dict[str, Any]] = [{"term": {"name": name}}]
        if before is not None:
            filters.append({"range": {"version": {"lt": before}}})
        # A version that was copied, and whose replacement failed, is there twice.
        found = await self._search({"bool": {"filter": filters}}, {"version": "desc"}, size + 1, collapse={"field": "version"})
        page = found[:size]
        return VersionPage(page, page[-1].version if len(found) > size else None)

    async def write(self, version: SegmentVersion, over: Stored | None) -> None:
        """Make this version the current one. It can be read and found at once.

        Args:
            version: the new one, numbered one above that which it replaces.
            over: what ``current`` said; the write succeeds if that still holds.

        Raises:
            ConflictError: somebody else has written this segment in between.
        """
        if over is None:
            await ensure_index_soon(self._client, self.index, build_segments_body(self._settings), self._settings.timeout_s)
            condition: dict[str, Any] = {"op_type": "create"}
        else:
            condition = {"if_seq_no": over.seq_no, "if_primary_term": over.primary_term}
        async with exchange(self._settings.timeout_s):
            try:
                if over is not None:
                    await self._keep(over.version)
                # Once: a second try would find what the first has written, and call it a conflict.
                await self._client.options(max_retries=0).index(
                    index=self.index, id=version.name, document=self._document(version, current=True), refresh=True, **condition
                )
            except elasticsearch.ConflictError as error:
                raise ConflictError(f"segment {version.name} was changed by somebody else at this moment; read it again") from error

    async def _keep(self, version: SegmentVersion) -> None:
        """Copy a version beside the current one; a version never changes, so a copy that is there is the same."""
        await self._client.index(index=self.index, id=f"{version.name}@{version.version}", document=self._document(version, current=False))

    async def _read(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        if not (names := [name for name in names if name]):  # Elasticsearch refuses to look for a document without an id
            return {}
        try:
            return await read_by_id(self._client, self.index, names, self._settings.timeout_s)
        except IndexNotReadyError:
            return {}

    async def _search(self, query: dict[str, Any], sort: dict[str, str], size: int, **options: Any) -> list[SegmentVersion]:
        async def ask() -> Any:
            return await self._client.search(
                index=self.index,
                query=query,
                sort=[sort],
                size=size,
                ignore_unavailable=True,
                allow_partial_search_results=False,
                **options,
            )

        async with exchange(self._settings.timeout_s):
            answer = await once_allocated(self._client, self.index, ask)
        return [self._parse(hit["_source"]) for hit in answer["hits"]["hits"]]

    def _document(self, version: SegmentVersion, *, current: bool) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.to_builtins(version)
        q = _sealed_asked(document["q"], document["filters"], self._vault, version.name)
        # A saved segment is not built in, and has one label and one description.
        kept = {key: value for key, value in document.items() if key not in {"label_zh", "description_zh", "built_in"}}
        return {**kept, "q": q, "filters": [], "current": current}

    def _parse(self, source: dict[str, Any]) -> SegmentVersion:
        q, filters = _asked(source, self._vault)
        both = {"label_zh": source["label"], "description_zh": source.get("description", "")}
        return msgspec.convert({**source, **both, "q": q, "filters": filters}, SegmentVersion)


def reseal_segment(source: dict[str, Any], vault: Vault) -> dict[str, Any]:
    """What is kept of a segment, sealed with the key that seals now."""
    q, filters = _asked(source, vault)
    if filters is source["filters"]:  # of before there was encryption
        return {**source, "q": _sealed_asked(q, filters, vault, source["name"]), "filters": []}
    return {**source, "q": vault.reseal_text(source["q"], _SEALED, source["name"])}


def _sealed_asked(q: str, filters: list[Any], vault: Vault, name: str) -> str:
    return vault.seal_text(msgspec.json.encode([q, filters]).decode(), _SEALED, name)


def _asked(source: dict[str, Any], vault: Vault) -> tuple[str, list[Any]]:
    """The text and the filters of a segment."""
    asked = vault.open_text(source["q"], _SEALED, source["name"])
    if asked == source["q"]:
        return source["q"], source["filters"]
    q, filters = msgspec.json.decode(asked)
    return q, filters


def _segment(version: SegmentVersion) -> Segment:
    return msgspec.convert(version, Segment, from_attributes=True)
