"""The writer of the audit trail over an index in memory: nothing is lost while it is away, and nothing is written twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch

import pytest

from crmsearch.errors import AuditFullError, InvalidRequestError
from crmsearch.indexing import audit
from crmsearch.indexing.audit import AuditTrail
from crmsearch.indexing.audit_reader import AuditFilter, build_hours_body, build_page_body
from crmsearch.indexing.logins import ROLES, Grant
from crmsearch.privacy.audit import Act, parse_head, verify
from tests.shelf import Shelf, make_trail

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_FLUSH_S", 0.3)
    monkeypatch.setattr(audit, "_RETRY_S", 0.01)
    monkeypatch.setattr(audit, "_GATHER_S", 0.01)


def _act(customer: str) -> Act:
    return Act(
        at="2026-11-26T12:00:00.000Z",
        key="k",
        name="",
        role="app",
        client="",
        purpose="sales",
        action="get",
        status=200,
        customers=[customer],
    )


def _write(trail: AuditTrail, *customers: str) -> None:
    for customer in customers:
        trail.reserve()
        trail.record(_act(customer))


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it has not come to that in ten seconds")


def _run(use: Callable[[], Awaitable[None]]) -> None:
    async def used() -> None:
        await use()

    asyncio.run(used())


def test_how_many_wait_is_told_at_every_change() -> None:
    told: list[tuple[int, int]] = []

    async def use() -> None:
        trail = make_trail(Shelf(), watch=lambda waiting, lost: told.append((waiting, lost)))
        _write(trail, "C1", "C2")
        assert told == [(1, 0), (2, 0)]
        await trail.start()
        await _until(lambda: told[-1] == (0, 0))
        await trail.stop()

    _run(use)


def test_events_that_are_lost_are_told() -> None:
    told: list[tuple[int, int]] = []

    async def use() -> None:
        shelf = Shelf()
        shelf.away = True
        trail = make_trail(shelf, watch=lambda waiting, lost: told.append((waiting, lost)))
        await trail.start()
        _write(trail, "C1")
        await trail.stop()
        assert told[-1][1] == trail.lost > 0

    _run(use)


def test_events_are_written_in_their_order_between_an_anchor_and_a_last_word() -> None:
    shelf = Shelf()

    async def use() -> None:
        trail = make_trail(shelf)
        await trail.start()
        _write(trail, "C1", "C2")
        await _until(lambda: len(shelf.events) == 2)
        _write(trail, "C3")
        await trail.stop()
        assert trail.lost == 0

    _run(use)
    assert [event.customers for event in shelf.events] == [["C1"], ["C2"], ["C3"]]
    assert [event.action for event in shelf.everything if not event.customers] == ["anchor", "end"]
    assert verify(shelf.everything, [], NOW).whole


def test_the_next_process_knows_the_chains_before_it() -> None:
    shelf = Shelf()

    async def use() -> None:
        trail = make_trail(shelf)
        await trail.start()
        _write(trail, "C1")
        await trail.stop()

    _run(use)
    first = shelf.everything[-1].head
    _run(use)
    anchors = [event for event in shelf.everything if event.action == "anchor" and event.chain != first.chain]
    assert [parse_head(text) for event in anchors for text in event.heads] == [first]
    verdict = verify(shelf.everything, map(parse_head, anchors[0].heads), NOW)
    assert (verdict.whole, len(verdict.heads)) == (True, 2)


def test_a_day_later_there_is_another_anchor() -> None:
    shelf, now = Shelf(), NOW

    async def use() -> None:
        nonlocal now
        trail = make_trail(shelf, clock=lambda: now)
        await trail.start()
        await _until(lambda: bool(shelf.documents))
        now += timedelta(days=1)
        _write(trail, "C1")
        await _until(lambda: [event.action for event in shelf.everything].count("anchor") == 2)
        await trail.stop()

    _run(use)
    assert verify(shelf.everything, [], NOW).whole


def test_while_elasticsearch_is_away_events_wait_and_then_no_more_are_taken(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()

    async def use() -> None:
        trail = make_trail(shelf, room=3)
        shelf.away = True
        await trail.start()
        _write(trail, "C1", "C2")
        trail.reserve()
        with pytest.raises(AuditFullError):
            trail.reserve()
        await _until(lambda: bool(caplog.records))
        shelf.away = False
        trail.record(_act("C3"))
        await _until(lambda: len(shelf.events) == 3)
        _write(trail, "C4", "C5", "C6")
        await trail.stop()

    with caplog.at_level(logging.WARNING):
        _run(use)
    assert [event.customers for event in shelf.events] == [[f"C{number}"] for number in range(1, 7)]
    assert verify(shelf.everything, [], NOW).whole
    assert [record.getMessage() for record in caplog.records] == [
        "events cannot be written: backend_unavailable",
        "events are written again",
    ]


def test_what_cannot_be_written_at_the_end_is_counted_and_told_and_the_chain_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()

    async def use() -> None:
        trail = make_trail(shelf)
        await trail.start()
        _write(trail, "C1")
        await _until(lambda: bool(shelf.events))
        shelf.away = True
        _write(trail, "secret", "secret")
        await trail.stop()
        assert trail.lost >= 2

    _run(use)
    assert "could not be written" in caplog.text
    assert "secret" not in caplog.text
    verdict = verify(shelf.everything, [], datetime.now(UTC) + timedelta(days=2))
    assert [each.chain for each in verdict.unclosed] == [shelf.everything[0].chain]


def test_an_answer_of_elasticsearch_that_was_lost_doubles_nothing() -> None:
    shelf = Shelf()

    async def use() -> None:
        trail = make_trail(shelf)
        await trail.start()
        await _until(lambda: bool(shelf.documents))
        shelf.loses_answers = True
        _write(trail, "C1", "C2")
        await trail.stop()
        assert trail.lost == 0

    _run(use)
    assert [event.customers for event in shelf.events] == [["C1"], ["C2"]]
    assert verify(shelf.everything, [], NOW).whole


def test_a_place_that_somebody_else_has_taken_is_told(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()

    async def use() -> None:
        trail = make_trail(shelf)
        await trail.start()
        await _until(lambda: bool(shelf.documents))
        shelf.documents[f"{trail.chain}-1"] = {**shelf.documents[f"{trail.chain}-0"], "hash": "x"}
        _write(trail, "C1", "C2")
        await trail.stop()
        assert trail.lost == 1

    _run(use)
    assert "another is in its place" in caplog.text
    assert not verify(shelf.everything, [], NOW).whole


def test_pages_are_asked_for_by_what_is_filtered() -> None:
    wanted = AuditFilter(since="2026-11-01T00:00:00.000Z", key="k", action="get", customer="C1")
    body = build_page_body(wanted, 11, "1764158400000-ab12-7")
    assert body == {
        "query": {
            "bool": {
                "filter": [
                    {"range": {"at": {"gte": "2026-11-01T00:00:00.000Z"}}},
                    {"term": {"key": "k"}},
                    {"term": {"action": "get"}},
                    {"term": {"customers": "C1"}},
                ]
            }
        },
        "sort": [{"at": "desc"}, {"chain": "asc"}, {"sequence": "desc"}],
        "size": 11,
        "_source": {"excludes": ["heads"]},
        "search_after": [1764158400000, "ab12", 7],
    }
    for before in ("", "7", "a-b-c", "1-a-2-3"):
        with pytest.raises(InvalidRequestError):
            build_page_body(wanted, 11, before)
    assert "after" not in build_hours_body(AuditFilter(), None)["aggs"]["hours"]["composite"]


def test_nobody_may_change_or_delete_an_event() -> None:
    granted = {name: [grant for grant in role.grants if "audit" in grant.indices] for name, role in ROLES.items()}
    assert granted == {"job": [], "api": [Grant(("audit",), ("read", "create_doc", "create_index", "view_index_metadata"))], "analyst": []}
    assert all("*" not in name or not fnmatch("audit", name) for role in ROLES.values() for grant in role.grants for name in grant.indices)


def test_a_defect_is_told_and_ends_in_refusals_not_in_silence(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()

    async def broken(**_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(shelf, "bulk", broken)

    async def use() -> None:
        trail = make_trail(shelf, room=2)
        await trail.start()
        await _until(lambda: bool(caplog.records))
        _write(trail, "C1")
        with pytest.raises(AuditFullError):
            trail.reserve()
        await trail.stop()
        assert trail.lost == 2

    _run(use)
    assert "written no more: unexpected KeyError" in caplog.text
    assert "secret" not in caplog.text
