"""``crm-keys``: the keys that callers of the API show, one document each under its prefix; of the secret only a hash."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import AsyncElasticsearch, Elasticsearch

from crmsearch.errors import BackendError, ConflictError, CrmSearchError, IndexNotReadyError, NotFoundError
from crmsearch.indexing.client import ensure_index, exchange, read_by_id, translated_errors
from crmsearch.indexing.mappings import build_keys_body
from crmsearch.indexing.names import keys_index
from crmsearch.privacy.access import KeyRecord, show_moment
from crmsearch.settings import ElasticsearchSettings

__all__ = ["KeyReader", "KeyStore"]

MOST = 10_000  # keys in one list
FRESH_S = 1.0  # for how long a key that was read is good without asking again; a revocation takes hold within it
_REMEMBERED = 4_096  # keys at most, so that guessing fills no memory
_NOTED_EVERY_S = 60.0  # the use of a key is noted at most so often


class KeyStore:
    """The owner of ``crm-keys``. The index is made with the first key; until then there are none."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client
        self._settings = settings
        self.index = keys_index(settings.index_prefix)

    def add(self, record: KeyRecord) -> None:
        """Keep a new key; it is good at once."""
        ensure_index(self._client, self.index, build_keys_body(self._settings))
        with translated_errors():
            if record.rows:  # which an index of keys that is older than rules by rows has no place for
                self._client.indices.put_mapping(index=self.index, properties={"rows": {"type": "keyword"}})
            try:
                self._client.create(index=self.index, id=record.prefix, document=_document(record), refresh=True)
            except elasticsearch.ConflictError as error:
                raise ConflictError("there is a key of this prefix already; make another") from error

    def all(self) -> list[KeyRecord]:
        """All keys, also revoked ones, newest first."""
        with translated_errors():
            answer = self._client.search(
                index=self.index,
                query={"match_all": {}},
                sort=[{"created_at": "desc"}, {"prefix": "asc"}],
                size=MOST,
                ignore_unavailable=True,
            )
        return [_parse(hit["_source"]) for hit in answer["hits"]["hits"]]

    def revoke(self, prefix: str, now: datetime) -> KeyRecord:
        """Make a key void for good; one that is void already stays as it is.

        Raises:
            NotFoundError: there is no key of this prefix.
        """
        found = next((each for each in self.all() if each.prefix == prefix), None)
        if found is None:
            raise NotFoundError("there is no key of this prefix; `crmsearch keys list` shows those there are")
        if found.revoked_at is not None:
            return found
        revoked = msgspec.structs.replace(found, revoked_at=show_moment(now))
        with translated_errors():
            self._client.update(index=self.index, id=prefix, doc={"revoked_at": revoked.revoked_at}, refresh=True, retry_on_conflict=5)
        return revoked


class KeyReader:
    """Finds the keys that callers show, and notes their use. What it has read is good for a second."""

    def __init__(self, client: AsyncElasticsearch, settings: ElasticsearchSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._timeout_s = settings.timeout_s
        self._index = keys_index(settings.index_prefix)
        self._clock = clock
        self._read: dict[str, tuple[float, KeyRecord | None]] = {}
        self._noted: dict[str, float] = {}
        self._any: tuple[float, bool] = (float("-inf"), False)

    async def find(self, prefix: str) -> KeyRecord | None:
        """The key of a prefix as the last write left it, or as it was less than a second ago."""
        now = self._clock()
        if (known := self._read.get(prefix)) is not None and now - known[0] < FRESH_S:
            return known[1]
        record = None
        with suppress(IndexNotReadyError):  # until the first key there is none
            found = await read_by_id(self._client, self._index, [prefix], self._timeout_s)
            record = _parse(found[prefix]["_source"]) if found else None
        if len(self._read) >= _REMEMBERED:
            self._read.clear()
        self._read[prefix] = (now, record)
        return record

    async def any(self) -> bool:
        """Whether there is any key at all, or was in the last second; where Elasticsearch is away, whether there was when it last answered.

        It holds the keys, so that none is made without it; and what does not need it is to be answered still.
        """
        now, known = self._clock(), self._any[0] != float("-inf")
        if now - self._any[0] >= FRESH_S:
            try:
                async with exchange(min(self._timeout_s, FRESH_S) if known else self._timeout_s):
                    answer = await self._client.count(index=self._index, ignore_unavailable=True)
            except BackendError:
                if not known:
                    raise
                return self._any[1]
            self._any = (now, answer["count"] > 0)
        return self._any[1]

    async def note_use(self, prefix: str) -> None:
        """Keep that a key was used, at most once a minute; that this fails stops nobody."""
        now = self._clock()
        if now - self._noted.get(prefix, float("-inf")) < _NOTED_EVERY_S:
            return
        self._noted[prefix] = now
        with suppress(CrmSearchError):
            async with exchange(self._timeout_s):
                used = {"last_used_at": show_moment(datetime.now(UTC))}
                await self._client.update(index=self._index, id=prefix, doc=used, retry_on_conflict=2)


def _document(record: KeyRecord) -> dict[str, Any]:
    return dict(msgspec.to_builtins(record))


def _parse(source: dict[str, Any]) -> KeyRecord:
    return msgspec.convert(source, KeyRecord)
