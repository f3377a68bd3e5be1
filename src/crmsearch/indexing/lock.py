"""The lock of all writers: one document in ``crm-locks``, so that loads of any machine never mix.

No clock of any machine is compared with that of another. The holder writes its document anew every third of a lease; who waits watches the
document, by a clock that cannot jump: if it changes, the holder lives and the waiting is over, and if it does not change for a whole
lease, the holder is taken for dead and the document is replaced on condition that it is still the one that was watched. So a holder that
died blocks for one lease, whatever its clock said, and one that was only slow learns at its next write that the lock is no longer its own.

What a slow holder may still do before it learns that is fenced where it matters: its index bears the alias ``crm-customers-loading``, which
the next holder takes away, and no promotion succeeds without it (see ``lifecycle``).
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.errors import CrmSearchError, LoadRunningError, LockLostError
from crmsearch.indexing.client import ensure_index, translated_errors
from crmsearch.indexing.mappings import build_locks_body
from crmsearch.indexing.names import locks_index
from crmsearch.settings import ElasticsearchSettings

__all__ = ["Hold", "Holder", "WriterLock"]

_ID = "writer"
_RENEWALS_PER_LEASE = 3
_LOOKS_PER_LEASE = 30


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lock. ``since`` is by its own clock, and for people only; ``token`` is of this one time that it holds it."""

    token: str
    work: str
    host: str
    pid: int
    since: str
    lease_s: float
    renewals: int = 0

    @property
    def words(self) -> str:
        return f"{self.work} by process {self.pid} on {self.host}, since {self.since}"


class _Seen(msgspec.Struct, frozen=True):
    """The document as it lies there; the two numbers name this one write of it."""

    holder: Holder
    seq_no: int
    primary_term: int


class WriterLock:
    """The lock of all that write customers under one index prefix."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client
        self._settings = settings
        self.index = locks_index(settings.index_prefix)

    @contextmanager
    def held(self, work: str, on_wait: Callable[[Holder], None] = lambda _: None) -> Iterator["Hold"]:
        """Hold the lock for the time of the block, renewing it in a thread of its own.

        Args:
            work: what it is held for, such as ``ingest``; others are told.
            on_wait: called once for every holder that has to be waited for, to see whether it lives.

        Raises:
            LoadRunningError: somebody else holds it and lives.
            BackendError: Elasticsearch cannot be asked.
        """
        hold = Hold(self, self._acquire(work, on_wait))
        stopped = threading.Event()
        renewer = threading.Thread(target=hold.renew_until, args=(stopped,), name="writers' lock", daemon=True)
        renewer.start()
        try:
            yield hold
        finally:
            stopped.set()
            renewer.join()
            hold.release()

    def holder(self) -> Holder | None:
        """Who holds it, or held it and died, if anybody."""
        seen = self.look()
        return None if seen is None else seen.holder

    def look(self) -> _Seen | None:
        """The document as the last write left it."""
        with translated_errors():
            try:
                found = self._client.get(index=self.index, id=_ID)
            except elasticsearch.NotFoundError:
                return None
        return _Seen(msgspec.convert(found["_source"], Holder), found["_seq_no"], found["_primary_term"])

    def put(self, holder: Holder, over: _Seen | None) -> _Seen | None:
        """Write the document if what lies there is still ``over``; ``None`` if it is not."""
        condition = {"op_type": "create"} if over is None else {"if_seq_no": over.seq_no, "if_primary_term": over.primary_term}
        with translated_errors():
            try:
                done = self._client.index(index=self.index, id=_ID, document=msgspec.to_builtins(holder), **condition)
            except elasticsearch.ConflictError:
                # An answer that was lost on its way is asked for again, and the second finds what the first has written.
                seen = self.look()
                return seen if seen is not None and seen.holder == holder else None
        return _Seen(holder, done["_seq_no"], done["_primary_term"])

    def remove(self, seen: _Seen) -> None:
        """Take the document away if it is still this one."""
        with translated_errors(), suppress(elasticsearch.NotFoundError, elasticsearch.ConflictError):
            self._client.delete(index=self.index, id=_ID, if_seq_no=seen.seq_no, if_primary_term=seen.primary_term)

    def _acquire(self, work: str, on_wait: Callable[[Holder], None]) -> _Seen:
        ensure_index(self._client, self.index, build_locks_body(self._settings))
        since = datetime.now(UTC).isoformat(timespec="seconds")
        own = Holder(
            token=secrets.token_hex(8),
            work=work,
            host=socket.gethostname(),
            pid=os.getpid(),
            since=since,
            lease_s=self._settings.lock_lease_s,
        )
        watched: _Seen | None = None
        unchanged_since = 0.0
        while True:
            seen = self.look()
            if seen is None:
                if (taken := self.put(own, None)) is not None:
                    return taken
            elif seen == watched:
                if time.monotonic() - unchanged_since > seen.holder.lease_s and (taken := self.put(own, seen)) is not None:
                    return taken
            elif watched is not None and watched.holder.token == seen.holder.token:
                raise LoadRunningError(f"another load is running: {seen.holder.words}; wait for its end, or end it")
            else:
                watched, unchanged_since = seen, time.monotonic()
                on_wait(seen.holder)
            time.sleep(min(1.0, self._settings.lock_lease_s / _LOOKS_PER_LEASE))


class Hold:
    """The lock in somebody's hands."""

    def __init__(self, lock: WriterLock, seen: _Seen) -> None:
        self._lock = lock
        self._seen = seen
        self._lost_to: str | None = None
        self._writing = threading.Lock()

    def check(self) -> None:
        """Renew the lock now.

        Raises:
            LockLostError: somebody else has taken it, since it was not renewed for a whole lease.
            BackendError: Elasticsearch cannot be asked.
        """
        with self._writing:
            if self._lost_to is None:
                holder = self._seen.holder
                renewed = self._lock.put(msgspec.structs.replace(holder, renewals=holder.renewals + 1), self._seen)
                if renewed is not None:
                    self._seen = renewed
                    return
                other = self._lock.holder()
                self._lost_to = other.words if other is not None else "another load, which has ended"
        raise LockLostError(f"this load was taken for dead, and its lock by another: {self._lost_to}; nothing was promoted")

    def renew_until(self, stopped: threading.Event) -> None:
        """Renew again and again; while Elasticsearch is away nobody else can take the lock either."""
        while not stopped.wait(self._seen.holder.lease_s / _RENEWALS_PER_LEASE):
            try:
                self.check()
            except LockLostError:
                return
            except CrmSearchError:
                continue

    def release(self) -> None:
        """Give it up; what cannot be given up runs out by itself."""
        with suppress(CrmSearchError):
            self._lock.remove(self._seen)
