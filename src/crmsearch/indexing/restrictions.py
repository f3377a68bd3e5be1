"""``crm-restrictions``: whose processing is restricted, or was; and the copies for analysts, which are of nobody who is.

Who restricts somebody keeps the restriction first and takes the copies away then; who writes copies looks once more, afterwards, whether
they are of somebody restricted. So wherever the two meet, one of them takes the copy away, and no lock is needed.
"""

import secrets
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from elasticsearch import AsyncElasticsearch, Elasticsearch, helpers

from crmsearch.errors import ConflictError
from crmsearch.indexing.analytics import Mirror
from crmsearch.indexing.client import ensure_index, exchange, translated_errors
from crmsearch.indexing.mappings import build_restrictions_body
from crmsearch.indexing.names import restrictions_index
from crmsearch.indexing.records import TIMEOUT_S, build_action, write_actions
from crmsearch.privacy.access import show_moment
from crmsearch.privacy.restriction import Restricted, Restriction, restricted_by
from crmsearch.settings import ElasticsearchSettings

__all__ = ["MOST", "RestrictionReader", "RestrictionStore"]

MOST = 10_000  # that hold at one time; each is in every query
FRESH_S = 1.0  # for how long the API goes by what it has read
_AT_ONCE = 1_000
_TRIES = 3  # times that copies are settled anew after somebody else has written the same customers


class RestrictionStore:
    """The owner of ``crm-restrictions``. The index is made with the first one; until then there are none."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client.options(request_timeout=TIMEOUT_S)
        self._settings = settings
        self.index = restrictions_index(settings.index_prefix)

    def all(self) -> list[Restriction]:
        """Those that hold and those that were lifted, the newest first."""
        with translated_errors():
            if not self._client.indices.exists(index=self.index):
                return []
            hits = list(helpers.scan(self._client, index=self.index, size=_AT_ONCE))
        found = [msgspec.convert(hit["_source"], Restriction) for hit in hits]
        return sorted(found, key=lambda each: (each.restricted_at, each.restriction_id), reverse=True)

    def now(self) -> Restricted:
        """Who is restricted."""
        return restricted_by(self.all())

    def of(self, names: Collection[str]) -> list[Restriction]:
        """Those that name one of these ids."""
        return [each for each in self.all() if not set(names).isdisjoint(each.names)]

    def add(self, names: Collection[str], by: str, now: datetime) -> Restriction:
        """Restrict who bears these ids; one that holds for all of them already stays as it is.

        Raises:
            ConflictError: there are as many as there may be.
        """
        holding = [each for each in self.all() if each.lifted_at is None]
        for each in holding:
            if set(names) <= set(each.names):
                return each
        if len(holding) >= MOST:
            raise ConflictError(f"{MOST:,} customers are restricted, which is the most; lift those that hold no more, or erase")
        made = Restriction(restriction_id=secrets.token_hex(8), names=sorted(names), restricted_at=show_moment(now), restricted_by=by)
        ensure_index(self._client, self.index, build_restrictions_body(self._settings))
        self._keep(made)
        return made

    def lift(self, names: Collection[str], by: str, now: datetime) -> list[Restriction]:
        """End all that name one of these ids and still hold; returns them as they are then."""
        lifted = [
            msgspec.structs.replace(each, lifted_at=show_moment(now), lifted_by=by) for each in self.of(names) if each.lifted_at is None
        ]
        for each in lifted:
            self._keep(each)
        return lifted

    def forget(self, names: Collection[str]) -> int:
        """Take these ids, of somebody who is erased, out of all of them; returns how many of them named one."""
        found = self.of(names)
        for each in found:
            if left := sorted(set(each.names) - set(names)):
                self._keep(msgspec.structs.replace(each, names=left))
            else:
                with translated_errors():
                    self._client.delete(index=self.index, id=each.restriction_id, refresh=True)
        return len(found)

    def settle(self, index: str, mirror: Mirror | None) -> int:
        """Let there be copies for analysts, beside a generation, of nobody restricted, and again of whose restriction was lifted.

        Returns:
            How many customers of the generation are restricted.

        Raises:
            ConflictError: somebody else went on writing the same customers.
        """
        restrictions = self.all()
        if mirror is None or not restrictions:
            return 0
        for _ in range(_TRIES - 1):
            with suppress(ConflictError):
                return self._settle(index, mirror, restrictions)
        return self._settle(index, mirror, restrictions)

    def _settle(self, index: str, mirror: Mirror, restrictions: list[Restriction]) -> int:
        now = restricted_by(restrictions)
        ever = Restricted(frozenset(name for each in restrictions for name in each.names))
        actions, count = [], 0
        with translated_errors():
            self._client.indices.refresh(index=index)
            for hit in helpers.scan(self._client, index=index, query={"query": ever.query, "version": True}, size=_AT_ONCE):
                customer, restricted = hit["_source"], now.holds(hit["_source"])
                copy = None if restricted else mirror.document(customer)
                actions.append(build_action(mirror.index, mirror.ref(hit["_id"]), hit["_version"], copy))
                count += restricted
            write_actions(self._client, actions)
            self._client.indices.refresh(index=mirror.index)
        return count

    def _keep(self, restriction: Restriction) -> None:
        with translated_errors():
            self._client.index(index=self.index, id=restriction.restriction_id, document=msgspec.to_builtins(restriction), refresh=True)


class RestrictionReader:
    """Tells the API who is restricted; what it has read is good for a second, or as long as is said."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        settings: ElasticsearchSettings,
        fresh_s: float = FRESH_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._timeout_s = settings.timeout_s
        self._index = restrictions_index(settings.index_prefix)
        self._fresh_s = fresh_s
        self._clock = clock
        self._read: tuple[float, Restricted] | None = None

    async def find(self) -> Restricted:
        """Who is restricted. Where Elasticsearch does not say, nobody is answered rather than everybody."""
        now = self._clock()
        if self._read is not None and now - self._read[0] < self._fresh_s:
            return self._read[1]
        async with exchange(self._timeout_s):
            answer = await self._client.search(
                index=self._index,
                query={"bool": {"must_not": {"exists": {"field": "lifted_at"}}}},
                size=MOST,
                ignore_unavailable=True,
                allow_partial_search_results=False,
            )
        sources: list[dict[str, Any]] = [hit["_source"] for hit in answer["hits"]["hits"]]
        found = restricted_by(msgspec.convert(source, Restriction) for source in sources)
        if self._read is None or self._read[1] != found:
            self._read = (now, found)
        else:
            self._read = (now, self._read[1])  # whose clause is made already
        return self._read[1]
