"""Processes of the API are killed while clients search."""

from __future__ import annotations

import os
import signal

import msgspec
import pytest

from crmsearch.background import start_api, stop_api
from crmsearch.contract import RunReport
from crmsearch.processes import command_lines, port_is_free, wait_until
from tests.bench.memory import descendants
from tests.integration.faults.conftest import PATIENCE_S, Scene

WORKERS = 2
KILLS = 4
ANSWERS = 50  # that must come after each


def _workers(api: int) -> set[int]:
    """The processes that answer; the server has another, which looks after what they share."""
    return {pid for pid in descendants(api) if "spawn_main" in command_lines(pid).get(pid, "")}


@pytest.mark.fault("processes of the API are killed while clients search, who ask once more")
def test_workers_of_the_api_are_killed(scene: Scene) -> None:
    with scene.searching(workers=WORKERS, tries=2) as (clients, api):
        for _ in range(KILLS):
            before = _workers(api)
            assert len(before) == WORKERS
            victim = min(before)
            os.kill(victim, signal.SIGKILL)
            clients.wait_for(ANSWERS, PATIENCE_S)
            assert wait_until(lambda victim=victim: len(_workers(api) - {victim}) == WORKERS, PATIENCE_S), "nobody took its place"  # type: ignore[misc]
            clients.wait_for(ANSWERS, PATIENCE_S)
        assert isinstance(scene.load(), RunReport)
        clients.wait_for(ANSWERS, PATIENCE_S)
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.fault("the process that looks after those of the API is killed")
def test_the_supervisor_of_the_api_is_killed(scene: Scene) -> None:
    """Its workers end too: they would hold the port, and nobody would know of them."""
    settings = msgspec.structs.replace(scene.direct, api=msgspec.structs.replace(scene.direct.api, workers=WORKERS))
    killed = start_api(settings, any_port=True)
    workers = _workers(killed.pid)
    assert len(workers) == WORKERS
    os.kill(killed.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(command_lines(pid).get(pid) for pid in workers), PATIENCE_S)
    assert port_is_free(int(killed.url.rpartition(":")[2]))
    assert start_api(settings, any_port=True).pid != killed.pid
    assert stop_api(settings)
    assert isinstance(scene.load(), RunReport)
    scene.readers_see("new")
    scene.next_load_mends()
