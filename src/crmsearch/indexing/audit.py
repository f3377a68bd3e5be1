"""``crm-audit``: one document per event, written once and never changed.

``AuditTrail`` writes for one process. An answer waits for no write: its event has a place in a bounded queue before it is sent, and one
task writes what is queued, in its order. Where there is no place left, there is no answer either.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.errors import AuditFullError, BackendUnavailableError, CrmSearchError
from crmsearch.indexing.client import ensure_index_soon, exchange, read_by_id
from crmsearch.indexing.mappings import build_audit_body
from crmsearch.indexing.names import audit_index
from crmsearch.privacy.audit import Act, Chain, Event, Head, event_time
from crmsearch.settings import ElasticsearchSettings

__all__ = ["ROOM", "AuditTrail", "read_heads"]

logger = logging.getLogger("crmsearch.audit")

ROOM = 2_000  # events that wait at most: half a minute of a busy process, in some 20 MB where all of them are exports
_AT_ONCE = 500  # events of one bulk request
_GATHER_S = 0.1  # for which a first event waits for others, so that not every answer is a request of its own
_RETRY_S = 1.0
_FLUSH_S = 5.0  # for what is left at the end; a process manager waits for ten
_ANCHOR_EVERY = timedelta(days=1)
_LOOK_EVERY_S = 3600.0  # whether it is time for an anchor, while there is nothing to write
_CHAINS_AT_ONCE = 500
SAME_COPY = "crm-audit"  # of the index, where there are several: one that lags behind would seem to have lost events


class AuditTrail:
    """The writer of one process, with a chain of its own."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        settings: ElasticsearchSettings,
        room: int = ROOM,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        watch: Callable[[int, int], None] = lambda waiting, lost: None,  # noqa: ARG005
    ) -> None:
        """Take what is needed; ``watch`` is told how many events wait, and how many were lost, whenever either changes."""
        self._client = client
        self._timeout_s = settings.timeout_s
        self._body = build_audit_body(settings)
        self._room = room
        self._clock = clock
        self._watch = watch
        self._chain = Chain(secrets.token_hex(8))
        self._queue: deque[Event] = deque()
        self._reserved = 0
        self._queued, self._ending = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._anchored_at: datetime | None = None
        self._is_made = self._is_behind = False
        self.index = audit_index(settings.index_prefix)
        self.lost = 0

    @property
    def chain(self) -> str:
        return self._chain.name

    def reserve(self) -> None:
        """Take a place for an event to come; ``record`` fills it, whatever happens in between, or ``release`` gives it back.

        Raises:
            AuditFullError: there is none.
        """
        if len(self._queue) + self._reserved >= self._room:
            raise AuditFullError("what is shown of customers must be recorded, and Elasticsearch takes no events now; try again soon")
        self._reserved += 1

    def record(self, act: Act) -> None:
        """Put what was done into the place that was taken for it."""
        self.release()
        self._append(act)

    def release(self) -> None:
        """Give a place back for which there is nothing to record."""
        self._reserved -= 1

    def now(self) -> str:
        """This moment, as events hold it."""
        return event_time(self._clock())

    async def start(self) -> None:
        """Begin to write; whether Elasticsearch is there or not."""
        self._task = asyncio.create_task(self._write_on(), name="audit")
        self._task.add_done_callback(_tell_of_defect)

    async def stop(self) -> None:
        """Write what is left and a last word, within seconds. What could not be written is counted, and logged without what it says."""
        if self._task is None:
            return
        self._ending.set()
        self._queued.set()
        _, late = await asyncio.wait({self._task}, timeout=_FLUSH_S)
        for task in late:
            while not task.done():
                task.cancel()  # more than once: in Python 3.11 a wait that ends at the same moment takes a cancellation with it
                await asyncio.wait({task}, timeout=_GATHER_S)
        self._task = None
        if self._queue:
            self.lost += len(self._queue)
            self._watch(len(self._queue), self.lost)
            first = self._queue[0].sequence
            logger.error("the last %d events of the chain %s, from %d on, could not be written", len(self._queue), self.chain, first)

    def _append(self, act: Act) -> None:
        self._queue.append(self._chain.link(act))
        self._watch(len(self._queue), self.lost)
        self._queued.set()

    async def _write_on(self) -> None:
        ended = False
        while not (ended and not self._queue):
            try:
                await self._anchor()
                await self._write()
                self._note(None)
            except CrmSearchError as error:
                self._note(error)
                await _until(self._ending, _RETRY_S)
                if self._ending.is_set():
                    await asyncio.sleep(_GATHER_S)  # at the end there is no more to wait for; what bounds the tries is their time
                continue
            if self._ending.is_set() and not ended:
                ended = True
                self._append(self._own("end"))
            elif not self._queue:
                await self._wait()

    async def _wait(self) -> None:
        """Until there is something to write: an event, and some more that come with it, or the next anchor, or the last word."""
        await _until(self._queued, _LOOK_EVERY_S)
        self._queued.clear()
        await _until(self._ending, _GATHER_S)

    async def _anchor(self) -> None:
        """Write down the heads of all chains, if it is time to."""
        now = self._clock()
        if self._anchored_at is not None and now - self._anchored_at < _ANCHOR_EVERY:
            return
        if not self._is_made:
            await ensure_index_soon(self._client, self.index, self._body, self._timeout_s)
            self._is_made = True
        heads = [head.text for head in await read_heads(self._client, self.index, self._timeout_s)]
        self._append(self._own("anchor", heads))
        self._anchored_at = now

    async def _write(self) -> None:
        """What is queued, oldest first; each event leaves the queue when it is written."""
        while some := list(islice(self._queue, _AT_ONCE)):
            operations: list[dict[str, Any]] = []
            for event in some:
                operations += [{"create": {"_id": _id(event)}}, msgspec.to_builtins(event)]
            async with exchange(self._timeout_s):
                answer = await self._client.options(max_retries=0).bulk(index=self.index, operations=operations)
            outcomes = [each["create"] for each in answer["items"]]
            for outcome in outcomes:
                if outcome["status"] >= 400 and outcome["status"] != 409:
                    raise BackendUnavailableError(f"Elasticsearch did not take an event ({outcome['error']['type']})")
            await self._check_those_there([event for event, each in zip(some, outcomes, strict=True) if each["status"] == 409])
            for _ in some:
                self._queue.popleft()
            self._watch(len(self._queue), self.lost)

    async def _check_those_there(self, events: list[Event]) -> None:
        """Events whose places are taken: by themselves, when an answer of Elasticsearch was lost, or by what is none of ours."""
        if not events:
            return
        there = await read_by_id(self._client, self.index, [_id(event) for event in events], self._timeout_s)
        for event in events:
            if there.get(_id(event), {}).get("_source", {}).get("hash") != event.hash:
                self.lost += 1
                logger.error("event %d of the chain %s could not be written: another is in its place", event.sequence, self.chain)

    def _own(self, action: Any, heads: list[str] | None = None) -> Act:
        """An event of the service itself."""
        return Act(
            at=self.now(),
            key="",
            name="crmsearch",
            role="admin",
            client="",
            purpose="administration",
            action=action,
            status=200,
            heads=heads or [],
        )

    def _note(self, error: CrmSearchError | None) -> None:
        """Log when Elasticsearch stops taking events, and when it takes them again; once each."""
        if error is not None and not self._is_behind:
            logger.error("events cannot be written: %s", error.code)
        elif error is None and self._is_behind:
            logger.warning("events are written again")
        self._is_behind = error is not None


async def read_heads(client: AsyncElasticsearch, index: str, timeout_s: float) -> list[Head]:
    """The last event of every chain that can be found."""
    heads: list[Head] = []
    after: dict[str, Any] | None = None
    while True:
        chains: dict[str, Any] = {"size": _CHAINS_AT_ONCE, "sources": [{"chain": {"terms": {"field": "chain"}}}]}
        last = {"top_hits": {"size": 1, "sort": [{"sequence": "desc"}], "_source": ["chain", "sequence", "hash"]}}
        async with exchange(timeout_s):
            answer = await client.search(
                index=index,
                size=0,
                aggs={"chains": {"composite": {**chains, "after": after} if after else chains, "aggs": {"last": last}}},
                preference=SAME_COPY,
                allow_partial_search_results=False,
            )
        found = answer["aggregations"]["chains"]
        for bucket in found["buckets"]:
            with suppress(msgspec.ValidationError):  # what is no event stops nobody from writing; a verification tells of it
                heads.append(msgspec.convert(bucket["last"]["hits"]["hits"][0]["_source"], Head))
        after = found.get("after_key")
        if not found["buckets"] or after is None:
            return heads


async def _until(moment: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(moment.wait(), seconds)


def _tell_of_defect(task: asyncio.Task[None]) -> None:
    """Log that nothing is written any more, by a defect of ours; not its text, which may quote an event."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("events are written no more: unexpected %s", type(error).__name__)


def _id(event: Event) -> str:
    return f"{event.chain}-{event.sequence}"
