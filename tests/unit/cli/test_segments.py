"""``crmsearch segments`` over a store in memory: what is printed and what is sent."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crmsearch import cli
from crmsearch.errors import CrmSearchError
from crmsearch.search.cursor import Cursors
from crmsearch.search.resolver import Resolver
from crmsearch.search.segment_service import SegmentService
from crmsearch.search.service import SearchService
from crmsearch.settings import Settings
from tests.unit.api.test_segments import CountingBackend, MemoryStore


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    store, backend = MemoryStore(), CountingBackend()
    resolver = Resolver(store)
    service = SegmentService(backend, store, SearchService(backend, Cursors("key", 60, time.time), resolver), resolver)

    async def asked(question: Callable[[SegmentService], Awaitable[Any]]) -> Any:
        return await question(service)

    # The package has the command under the module's name.
    module = importlib.import_module("crmsearch.cli.segments")
    monkeypatch.setattr(module, "connection", lambda settings: settings)
    monkeypatch.setattr(module, "from_env", Settings)
    monkeypatch.setattr(module, "ask_segments", lambda _, question: asyncio.run(asked(question)))
    return store


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["segments", *arguments])


def test_a_segment_is_put_shown_listed_and_deleted(store: MemoryStore) -> None:
    put = _run("put", "vip", "--label", "VIP", "-f", "rfm_monetary:5", "-f", "last_order_at:now-90d..", "-f", "-segment:churn-high")
    assert put.exit_code == 0, put.output
    shown = _run("show", "vip").output
    for part in ("VIP", "rfm_monetary:5", "last_order_at:now-90d..", "-segment:churn-high", "members"):
        assert part in shown
    assert json.loads(_run("show", "vip", "--json").output)["filters"][2] == {"not_segment": "churn-high"}
    listed = json.loads(_run("list", "--json").output)["segments"]
    assert listed[-1]["name"] == "vip"
    assert "churn-high" in _run("list").output
    assert _run("delete", "vip").exit_code == 0
    assert store.kept["vip"][-1].deleted


def test_put_replaces_what_is_there_or_the_version_that_is_named(store: MemoryStore) -> None:
    for label in ("First", "Second"):
        assert _run("put", "vip", "--label", label).exit_code == 0
    assert [each.label for each in store.kept["vip"]] == ["First", "Second"]
    stale = _run("put", "vip", "--label", "Third", "--version", "1")
    assert isinstance(stale.exception, CrmSearchError)
    assert stale.exception.code == "precondition_failed"
    assert _run("put", "vip", "--label", "Third", "--version", "2").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nobody"), "not_found"),
        (("delete", "churn-high"), "conflict"),
        (("put", "vip", "--label", "x", "-f", "segment:nobody"), "unknown_segment"),
        (("put", "compare", "--label", "x"), "invalid_request"),
    ],
)
@pytest.mark.usefixtures("store")
def test_refusals_are_the_errors_of_the_service(arguments: tuple[str, ...], code: str) -> None:
    found = _run(*arguments)
    assert isinstance(found.exception, CrmSearchError)
    assert found.exception.code == code
