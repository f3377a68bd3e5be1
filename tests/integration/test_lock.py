"""The writers' lock in a real Elasticsearch: one holder at a time, the dead make way, and no clock is believed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, tzinfo
from typing import Self

import msgspec
import pytest

from crmsearch.errors import BackendError, LoadRunningError, LockLostError
from crmsearch.indexing import lock as module
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lock import Holder, WriterLock
from crmsearch.processes import wait_until
from crmsearch.settings import ElasticsearchSettings, Settings
from tests.documents import own_prefix

LEASE_S = 1.5
PATIENCE_S = 20.0


@pytest.fixture
def target(node_settings: Settings) -> Iterator[ElasticsearchSettings]:
    with own_prefix(node_settings, "lock") as (settings, _):
        yield msgspec.structs.replace(settings.elasticsearch, lock_lease_s=LEASE_S)


@pytest.fixture
def locks(target: ElasticsearchSettings) -> Iterator[tuple[WriterLock, WriterLock]]:
    """Two that know nothing of each other, as on two machines."""
    with ExitStack() as stack:
        first, second = (WriterLock(stack.enter_context(make_client(target)), target) for _ in range(2))
        yield first, second


def _die_holding(lock: WriterLock) -> Holder:
    """Take the lock and never renew it, as a process does that was killed."""
    return lock._acquire("died", lambda _: None).holder


def test_it_is_free_before_and_after(locks: tuple[WriterLock, WriterLock]) -> None:
    first, second = locks
    assert first.holder() is None
    for lock in (first, second, first):
        with lock.held("ingest") as hold:
            hold.check()
            holder = second.holder()
            assert holder is not None
            assert "ingest by process" in holder.words
        assert first.holder() is None


def test_who_lives_is_not_disturbed(locks: tuple[WriterLock, WriterLock]) -> None:
    first, second = locks
    waited_for: list[Holder] = []
    with first.held("ingest") as hold:
        with pytest.raises(LoadRunningError, match="ingest by process"), second.held("other", waited_for.append):
            pytest.fail("two hold it")
        hold.check()
    assert [each.work for each in waited_for] == ["ingest"]


def test_it_is_renewed_for_longer_than_a_lease(locks: tuple[WriterLock, WriterLock]) -> None:
    first, second = locks
    with first.held("ingest") as hold:
        began = second.holder()
        assert began is not None
        assert wait_until(lambda: (now := second.holder()) is not None and now.renewals >= began.renewals + 4, PATIENCE_S)
        hold.check()


def test_the_dead_make_way_after_a_lease(locks: tuple[WriterLock, WriterLock]) -> None:
    first, second = locks
    dead = _die_holding(first)
    began = time.monotonic()
    with second.held("ingest"):
        assert time.monotonic() - began >= dead.lease_s
        holder = first.holder()
        assert holder is not None
        assert holder.work == "ingest"


@pytest.mark.parametrize("since", ["1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
def test_no_clock_is_believed(locks: tuple[WriterLock, WriterLock], monkeypatch: pytest.MonkeyPatch, since: str) -> None:
    """Neither does a clock far back make the living look dead, nor one far ahead the dead look alive for ever."""

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromisoformat(since)

    first, second = locks
    with monkeypatch.context() as patch:
        patch.setattr(module, "datetime", Jumped)
        with first.held("jumped"), pytest.raises(LoadRunningError), second.held("other"):
            pytest.fail("two hold it")
        assert _die_holding(first).since == since
    with second.held("ingest"):
        pass


def test_who_slept_too_long_learns_that_it_has_lost(locks: tuple[WriterLock, WriterLock], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = locks
    woken = threading.Event()
    # The holder's process stands still: its renewals are not sent.
    monkeypatch.setattr(module.Hold, "renew_until", lambda hold, stopped: woken.wait(PATIENCE_S) if hold._lock is first else None)
    with first.held("slow") as slow:
        with second.held("quick") as quick:
            with pytest.raises(LockLostError, match="quick by process"):
                slow.check()
            with pytest.raises(LockLostError):
                slow.check()
            quick.check()
            slow.release()
            quick.check()
        woken.set()


def test_a_renewal_whose_answer_was_lost_counts(locks: tuple[WriterLock, WriterLock], monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = locks
    monkeypatch.setattr(module.Hold, "renew_until", lambda *_: None)
    with first.held("ingest") as hold:
        before = hold._seen
        hold.check()
        hold._seen = before
        hold.check()
        assert first.look() == hold._seen


def test_while_elasticsearch_is_away_nothing_is_lost(target: ElasticsearchSettings, locks: tuple[WriterLock, WriterLock]) -> None:
    first, _ = locks
    away = msgspec.structs.replace(target, url="http://127.0.0.1:1")
    with first.held("ingest") as hold, make_client(away) as nobody:
        real, first._client = first._client, nobody
        with pytest.raises(BackendError):
            hold.check()
        first._client = real
        hold.check()


def test_of_many_at_once_one_gets_it(target: ElasticsearchSettings) -> None:
    inside, most = 0, 0
    counting = threading.Lock()
    start = threading.Barrier(6)

    def load(number: int) -> bool:
        nonlocal inside, most
        with make_client(target) as client:
            lock = WriterLock(client, target)
            start.wait(PATIENCE_S)
            try:
                with lock.held(f"load {number}") as hold:
                    with counting:
                        inside += 1
                        most = max(most, inside)
                    assert wait_until(lambda: hold._seen.holder.renewals >= 2, PATIENCE_S)
                    with counting:
                        inside -= 1
            except LoadRunningError:
                return False
            return True

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(load, range(6)))
    assert most == 1
    assert outcomes.count(True) >= 1
    assert outcomes.count(False) >= 1


def test_of_many_that_wait_for_the_dead_one_follows(target: ElasticsearchSettings) -> None:
    with ExitStack() as stack:
        locks = [WriterLock(stack.enter_context(make_client(target)), target) for _ in range(4)]
        _die_holding(locks[0])

        def load(lock: WriterLock) -> str:
            try:
                with lock.held("next") as hold:
                    assert wait_until(lambda: hold._seen.holder.renewals >= 2, PATIENCE_S)
                    return "held"
            except LoadRunningError:
                return "refused"

        with ThreadPoolExecutor(3) as pool:
            assert sorted(pool.map(load, locks[1:])) == ["held", "refused", "refused"]
