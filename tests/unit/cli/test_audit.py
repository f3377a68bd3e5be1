"""``crmsearch audit`` over events in memory: what is printed, and how a broken trail ends."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crmsearch import cli
from crmsearch.errors import AuditBrokenError, InvalidRequestError
from crmsearch.indexing.audit_reader import AuditFilter, AuditPage
from crmsearch.privacy.alerts import HourOfKey
from crmsearch.privacy.audit import Act, Chain, Event, Head, Verifier, event_time


class Reader:
    """Three events, of which some may be missing."""

    def __init__(self) -> None:
        chain, at = Chain("ab12"), event_time(datetime.now(UTC))
        act = {"key": "3f9a", "name": "shop", "role": "app", "client": "192.0.2.1", "purpose": "sales", "status": 200}
        acts = [{"customers": [f"C{number}" for number in range(count)], "hits": count, "shape": ["word han 2"]} for count in (1, 5)]
        made: list[Any] = [Act(at=at, action="search", **act, **each) for each in acts]  # type: ignore[arg-type]
        self.events: list[Event] = [chain.link(each) for each in [*made, Act(at=at, action="end", **act)]]  # type: ignore[arg-type]
        self.asked: list[AuditFilter] = []

    async def page(self, wanted: AuditFilter, size: int) -> AuditPage:
        self.asked.append(wanted)
        return AuditPage(self.events[:size], "1-ab12-1" if size < len(self.events) else None)

    async def verify(self, expected: list[Head]) -> Verifier:
        verifier = Verifier()
        for head in expected:
            verifier.expect(head)
        for event in self.events:
            verifier.read(event)
        return verifier

    async def hours(self, wanted: AuditFilter) -> list[HourOfKey]:
        self.asked.append(wanted)
        return [HourOfKey(key="3f9a", name="shop", role="app", hour="2026-11-26T23:00:00Z", customers=600, answers=30, refusals=0)]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    reader = Reader()

    async def asked(question: Callable[[Any], Awaitable[Any]]) -> Any:
        return await question(reader)

    # The package has the command under the module's name.
    monkeypatch.setattr(importlib.import_module("crmsearch.cli.audit"), "_ask", lambda question: asyncio.run(asked(question)))
    return reader


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["audit", *arguments])


def test_events_are_listed_by_default(reader: Reader) -> None:
    listed = _run("--since", "2026-11-01", "--key", "3f9a", "--action", "search", "--customer", "C1")
    assert listed.exit_code == 0, listed.output
    for part in ("3f9a", "shop", "192.0.2.1", "sales", "search", "C0 C1 C2", "+2", "word han 2"):
        assert part in listed.output
    assert reader.asked == [AuditFilter(since="2026-11-01T00:00:00.000Z", key="3f9a", action="search", customer="C1")]
    assert "There are more" in _run("--limit", "1").stderr
    assert [each["sequence"] for each in json.loads(_run("--json").stdout)["events"]] == [0, 1, 2]
    assert isinstance(_run("--since", "soon").exception, InvalidRequestError)
    assert _run("--action", "steal").exit_code == 2


def test_a_whole_trail_prints_its_heads_for_the_next_time(reader: Reader) -> None:
    verified = _run("verify")
    assert verified.exit_code == 0
    assert verified.stdout.strip() == reader.events[-1].head.text
    assert "3 events in 1 chains" in verified.stderr
    reader.events.pop()
    assert _run("verify").exit_code == 0
    cut = _run("verify", "--expect", verified.stdout.strip())
    assert isinstance(cut.exception, AuditBrokenError)
    assert "cut: chain ab12, event 1" in cut.stderr
    assert isinstance(_run("verify", "--expect", "x").exception, InvalidRequestError)


def test_a_broken_trail_says_where_and_has_an_exit_code_of_its_own(reader: Reader) -> None:
    del reader.events[1]
    broken = _run("verify", "--json")
    assert isinstance(broken.exception, AuditBrokenError)
    assert AuditBrokenError.exit_code == 8
    told = json.loads(broken.stdout)
    assert (told["whole"], told["events"]) == (False, 2)
    assert [(each["kind"], each["sequence"]) for each in told["findings"]] == [("missing", 2)]


def test_alerts(reader: Reader) -> None:
    listed = _run("alerts", "--json")
    assert [each["rule"] for each in json.loads(listed.stdout)["alerts"]] == ["bulk_reading", "off_hours"]
    assert reader.asked[0].since is not None
    assert "bulk_reading" in _run("alerts", "--utc-offset", "8", "--since", "2026-11-01").output
