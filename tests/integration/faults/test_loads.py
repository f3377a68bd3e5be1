"""Loads that meet another, stand still, lose their job, or run on a machine whose clock jumps; and readers that page meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import msgspec
import pyarrow.parquet as parquet
import pytest
from pyspark.sql import functions as F

from crmsearch.contract import RunReport
from crmsearch.errors import BackendUnavailableError, InputError, JobError, LoadRunningError, LockLostError
from crmsearch.indexing import lock
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.names import records_index, run_of
from crmsearch.jobs import run_ingest
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, Runner, clean_to_files, full
from crmsearch.processes import command_lines, wait_until
from crmsearch.quarantine import quarantine_folder, read_rows
from crmsearch.search.cursor import Cursors
from crmsearch.search.request import SearchRequest
from crmsearch.search.resolver import Resolver, utc_now
from crmsearch.search.service import ElasticsearchBackend, SearchService
from crmsearch.settings import Settings
from spark import pipeline
from spark.enrich import Enriched, enrich
from tests.documents import documents_in, own_prefix
from tests.integration.faults.conftest import OLD, PATIENCE_S, Scene
from tests.soak.kills import Soak, short_leases

OnEvent = Callable[[dict[str, Any]], None]


@pytest.mark.fault("two loads at once")
def test_two_loads_at_once(scene: Scene) -> None:
    refused = threading.Event()

    def is_held() -> bool:
        with suppress(BackendUnavailableError):  # the index of the lock is made at this moment
            return scene.lifecycle.lock.holder() is not None
        return False

    def until_the_other_is_refused(settings: Settings, arguments: Sequence[str], on_event: OnEvent) -> RunReport:
        assert refused.wait(PATIENCE_S)
        return scene.write(settings, arguments, on_event)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(scene.load, None, until_the_other_is_refused)
        assert wait_until(is_held, PATIENCE_S)
        second = scene.load()
        refused.set()
        assert isinstance(first.result(PATIENCE_S), RunReport)
    assert isinstance(second, LoadRunningError)
    scene.row.load = "the first goes live, the second fails: `load_running`"
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.fault("a load stands still for longer than a lease, and another takes over")
def test_a_load_that_stood_still(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wakes after the other has gone live, and must not put its own, older base over it."""
    standing, over = threading.Event(), threading.Event()
    renew = lock.Hold.renew_until

    def renew_unless_standing(hold: lock.Hold, stopped: threading.Event) -> None:
        if standing.is_set():
            renew(hold, stopped)

    def stand_still(settings: Settings, arguments: Sequence[str], on_event: OnEvent) -> RunReport:
        report = scene.write(settings, arguments, on_event)
        standing.set()
        assert over.wait(PATIENCE_S)
        return report

    monkeypatch.setattr(lock.Hold, "renew_until", renew_unless_standing)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(scene.load, None, stand_still)
        assert standing.wait(PATIENCE_S)
        second = scene.load()
        assert isinstance(second, RunReport)
        over.set()
        assert isinstance(first.result(PATIENCE_S), LockLostError)
    assert scene.lifecycle.live() == second.index
    scene.row.load = "it fails: `lock_lost`, the other goes live"
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(-400, marks=pytest.mark.fault("the clock jumps a year back between two loads")),
        pytest.param(4000, marks=[pytest.mark.soak, pytest.mark.fault("the clock jumps ten years ahead between two loads")]),
    ],
)
def test_a_clock_that_jumps(scene: Scene, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(days=days)).timestamp(), tz)

    before = scene.lifecycle.live()
    with monkeypatch.context() as patch:
        patch.setattr(full, "datetime", Jumped)
        patch.setattr(lock, "datetime", Jumped)
        report = scene.load()
    assert isinstance(report, RunReport)
    scene.readers_see("new")
    assert [each.index for each in scene.lifecycle.generations()] == [report.index, before], "newest first, whatever the clock said"
    scene.next_load_mends()
    assert scene.lifecycle.rollback()[1] == report.index


@pytest.mark.fault("the process of the Spark job is killed")
def test_the_job_is_killed(scene: Scene) -> None:
    killed: list[int] = []

    def kill_the_job(settings: Settings, arguments: Sequence[str], on_event: OnEvent) -> RunReport:
        index = arguments[list(arguments).index("--index") + 1]

        def at(event: dict[str, Any]) -> None:
            on_event(event)
            if event["stage"] == "clean" and not killed:
                killed.extend(pid for pid, line in command_lines().items() if "ingest.py" in line and index in line)
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)

        return run_ingest(settings, arguments, at)

    error = scene.load(runner=kill_the_job)
    assert killed
    assert isinstance(error, JobError)
    assert [each.live for each in scene.lifecycle.generations()] == [True], "the index is removed at once"
    assert [(run.state, run.indexed) for run in scene.runs.page().runs] == [("failed", None)]
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.fault("Elasticsearch refuses a customer for what it holds")
def test_a_refused_customer(scene: Scene, runner: Runner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """One value that Elasticsearch does not index, as no rule would let through, in a customer made of several records."""
    refused = next(each for each in scene.prepared.documents.values() if each["merged_count"] > 1 and each.get("name"))

    def enrich_too_well(*given: Any) -> Enriched:
        whole = enrich(*given)
        owner = F.when(F.col("customer_id") == refused["customer_id"], F.repeat(F.lit("x"), 40_000)).otherwise(F.col("owner"))
        return msgspec.structs.replace(whole, golden=whole.golden.withColumn("owner", owner))

    monkeypatch.setattr(pipeline, "enrich", enrich_too_well)
    report = scene.load(runner=runner)
    assert isinstance(report, RunReport)
    whole = scene.prepared.report
    records = refused["merged_count"]
    assert (report.indexed, report.quarantined) == (whole.indexed - 1, whole.quarantined + records)
    assert report.rows_read == report.indexed + report.merged + report.quarantined
    assert report.quarantined_by_reason["refused"] == records
    assert documents_in(scene.lifecycle, scene.lifecycle.alias).keys() == scene.prepared.documents.keys() - {refused["customer_id"]}
    rows = read_rows(quarantine_folder(scene.settings), report.run_id, make_vault(scene.settings))
    (set_aside,) = [row for row in rows if "refused" in row["reasons"]]
    assert len(set_aside["reasons"]) == 2, "with Elasticsearch's own word for it"
    assert json.loads(set_aside["raw"])["customer_id"] == refused["customer_id"]
    assert refused["name"] not in "".join(capfd.readouterr())
    scene.row.load = "goes live without that customer, whose records are in quarantine with the reason"
    scene.row.readers = "the new base, whole but for the customer"
    scene.next_load_mends()


@pytest.mark.fault("a load that died has left customers and records that are half written")
def test_half_written_indices_of_a_run_before(scene: Scene) -> None:
    began_at = datetime.now(UTC) - timedelta(hours=1)  # were it of this very second, the next load could have its name
    index = scene.lifecycle.create(began_at, loading=True)
    client, records = scene.lifecycle._client, records_index(index)
    client.index(index=index, id="half", document={"customer_id": "half", "name": "Half"}, refresh=True)
    client.index(index=records, id="half", document={"component": 1}, refresh=True)
    scene.runs.begin(run_of(index), began_at, index)
    scene.readers_see("old")
    assert isinstance(scene.load(), RunReport)
    assert not client.indices.exists(index=index)
    assert not client.indices.exists(index=records)
    assert [(run.state, run.indexed) for run in scene.runs.page().runs if run.index == index] == [("failed", None)]
    scene.row.load = "is gone without a word"
    scene.next_load_mends()


@pytest.mark.fault("a job that died has left a half-written output, which is loaded")
def test_half_written_output_is_loaded(scene: Scene, runner: Runner, tmp_path: Path) -> None:
    """The parts that were whole have their names already; those of the tasks that died are in the committer's folder."""
    half = tmp_path / "export"
    (half / "_temporary" / "0").mkdir(parents=True)
    (half / "part-00000.csv").write_text("Name,Age,Gender,City\nAnna Half,40,F,Paris\n", encoding="utf-8")
    (half / "_temporary" / "0" / "part-00001.csv").write_text("Name,Age,Gender,Ci", encoding="utf-8")
    options = msgspec.structs.replace(scene.prepared.options, paths=(str(half),), orders=())
    error = scene.load(runner=runner, options=options)
    assert isinstance(error, InputError)
    assert "half-written" in error.detail
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("a run of `crmsearch clean` that died has left half-written files where the next one writes")
def test_half_written_files_of_a_run_before(scene: Scene, runner: Runner, tmp_path: Path) -> None:
    out = tmp_path / "cleaned"
    for folder in ("customers", "quarantine", "clusters"):
        (out / folder / "_temporary" / "0").mkdir(parents=True)
        (out / folder / "part-00000-half.parquet").write_bytes(b"PAR1 half")
        (out / folder / "_temporary" / "0" / "part-00001-half.csv").write_bytes(b"record_id,clus")
    (out / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError):
        clean_to_files(scene.direct, IngestOptions(paths=(str(tmp_path / "missing.csv"),)), out, runner=runner)
    assert not (out / "report.json").exists(), "a report says that what is beside it is whole"
    report = clean_to_files(scene.direct, scene.prepared.options, out, runner=runner)
    assert report.indexed == scene.prepared.report.indexed
    rows = parquet.read_table(out / "customers").to_pylist()
    assert {row["customer_id"] for row in rows} == scene.prepared.documents.keys()
    assert not list(out.rglob("*half*"))
    assert not list(out.rglob("_temporary"))
    scene.row.load = "is gone without a word"
    scene.readers_see("old")
    scene.next_load_mends()


KILLS = 6  # `make soak` does hundreds, of Elasticsearch too


@pytest.mark.fault("loads are killed at random moments, again and again")
def test_killed_at_random_moments(scene: Scene) -> None:
    with own_prefix(short_leases(scene.direct), "soak") as (settings, lifecycle):
        soak = Soak(settings, lifecycle, None, seed=7)
        soak.run(KILLS)
    assert soak.outcomes.total() == KILLS + 2
    scene.row.load = "is gone without a word"
    scene.row.readers = "one base, whole; the new one where the load had said so"
    scene.next_load_mends()


CLIENTS = 16
PAGE = 5


async def _page_through(service: SearchService, started: asyncio.Event) -> list[str]:
    """All customers of one search, page by page; ``started`` is set after the first page."""
    ids: list[str] = []
    cursor = None
    while True:
        answer = await service.search(SearchRequest(size=PAGE, cursor=cursor))
        ids += [hit.id for hit in answer.hits]
        started.set()
        cursor = answer.next_cursor
        if cursor is None:
            return ids


@pytest.mark.fault("a promotion while 16 clients page with cursors")
def test_promotion_while_clients_page(scene: Scene) -> None:
    async def page_while_loading() -> list[list[str]]:
        target = scene.direct.elasticsearch
        async with make_async_client(target) as client:
            backend = ElasticsearchBackend(client, target.index_prefix, target.timeout_s, make_vault(scene.direct))
            service = SearchService(backend, Cursors("k" * 32, 3600, datetime.now(UTC).timestamp), Resolver(None, utc_now), 1)
            seen: list[list[str]] = []
            done = asyncio.Event()

            async def one_client() -> None:
                while not done.is_set():
                    seen.append(await _page_through(service, asyncio.Event()))

            clients = [asyncio.create_task(one_client()) for _ in range(CLIENTS)]
            for _ in range(2):
                assert isinstance(await asyncio.to_thread(scene.load), RunReport)
            done.set()
            await asyncio.gather(*clients)
            return seen

    seen = asyncio.run(page_while_loading())
    bases = [sorted(each["customer_id"] for each in OLD), sorted(scene.prepared.documents)]
    assert all(sorted(ids) in bases for ids in seen), "no customer twice, none missing, never two bases in one search"
    assert {len(ids) for ids in seen} == {len(base) for base in bases}, "some began before the promotion and some after it"
    scene.readers_see("new")
    scene.next_load_mends()
