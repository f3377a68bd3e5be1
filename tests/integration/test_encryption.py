"""Key data on the way through everything: in no file of Elasticsearch, of Spark or of quarantine, and found all the same; and its keys."""

from __future__ import annotations

import asyncio
import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as parquet
import pytest
from pyspark.sql import SparkSession

from crmsearch.contract import RunReport
from crmsearch.errors import ConfigError, ConflictError, CrmSearchError, KeyMissingError
from crmsearch.indexing.analytics import build_indexed
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.segments import SegmentStore
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import encryption_ring, make_vault, privacy_key
from crmsearch.loading import IngestOptions, Runner, load_changes, load_customers
from crmsearch.privacy.vault import Vault
from crmsearch.quarantine import quarantine_folder, read_rows
from crmsearch.rotation import finish_rotation, prepare_rotation, rotate_keys
from crmsearch.search.cursor import Cursors
from crmsearch.search.filters import Filter
from crmsearch.search.request import LookupRequest, SearchRequest
from crmsearch.search.segments import SegmentVersion
from crmsearch.search.service import ElasticsearchBackend, SearchService
from crmsearch.settings import EncryptionSettings, Settings, child_environment
from tests.documents import own_prefix, put_documents, runs_of

# So long that no ciphertext holds it by chance: six letters were once met among the hundred megabytes of a whole run.
MARK = "qzxjvkwpfhgm"
EMAIL, PHONE, NATIONAL_ID = f"{MARK}.wanda@{MARK}mail.org", "+4915798765432", "11010519491231002X"
LATER = f"{MARK}.later@{MARK}mail.org"
REJECTED = f"{MARK}-rejected"
PLANTED = [MARK, "15798765432", "98765432", NATIONAL_ID, REJECTED]
SEEN = "zwicknagelbau"  # a company, which is not sealed: the search for planted values would find what is there
HEADERS = ["Customer ID", "Name", "Email", "Phone", "National ID", "Company"]


def _write_file(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADERS, *rows])
    return path


@pytest.fixture(scope="module")
def installation(
    node_settings: Settings, runner: Runner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, Lifecycle, RunReport]]:
    """A full load, an incremental one, a write of an app, a segment and a rejected row, all with planted values."""
    folder = tmp_path_factory.mktemp("encryption")
    others = [[f"O{number}", f"Person {number}", f"p{number}@example.com", "", "", SEEN] for number in range(40)]
    full = [["C1", "Wanda Zimmer", EMAIL, PHONE, NATIONAL_ID, SEEN], *others, ["", "", REJECTED, "", "", ""]]
    later = [["C2", "Later Zimmer", LATER, PHONE, "", SEEN], ["C3", "Wanda Zimmer", EMAIL, PHONE, "", SEEN]]
    with own_prefix(node_settings, "sealed") as (settings, lifecycle):
        runs = runs_of(lifecycle)
        report = load_customers(
            settings, lifecycle, runs, IngestOptions(paths=(str(_write_file(folder / "full.csv", full)),)), runner=runner
        )
        load_changes(settings, lifecycle, runs, IngestOptions(paths=(str(_write_file(folder / "later.csv", later)),)), runner=runner)
        asyncio.run(_write_as_app(settings))
        yield settings, lifecycle, report


async def _write_as_app(settings: Settings) -> None:
    vault = make_vault(settings)
    async with make_async_client(settings.elasticsearch) as client:
        store = WriteStore(client, settings.elasticsearch, SuppressionReader(client, settings.elasticsearch, privacy_key(settings)), vault)
        await store.write({"A1": {"name": "Ada App", "emails": [f"app@{MARK}mail.org"]}}, refresh=True)
        segments = SegmentStore(client, settings.elasticsearch, vault)
        await segments.write(_segment(), None)


async def _write(settings: Settings, vault: Vault, name: str) -> None:
    async with make_async_client(settings.elasticsearch) as client:
        store = WriteStore(client, settings.elasticsearch, SuppressionReader(client, settings.elasticsearch, privacy_key(settings)), vault)
        await store.write({name: {"name": f"{name} App", "emails": [f"{name.lower()}@{MARK}mail.org"]}}, refresh=True)


def _segment() -> SegmentVersion:
    now = "2026-01-01T00:00:00Z"
    return msgspec.convert(
        {
            "name": "one-person",
            "label": "One person",
            "label_zh": "One person",
            "description": "",
            "q": PHONE,
            "filters": [{"field": "emails", "in": [EMAIL]}],
            "version": 1,
            "deleted": False,
            "created_at": now,
            "updated_at": now,
        },
        SegmentVersion,
    )


async def _found(settings: Settings, q: str = "", filters: Sequence[Filter] = ()) -> set[str]:
    async with make_async_client(settings.elasticsearch) as client:
        service = SearchService(
            ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings)),
            Cursors("k" * 32, 60, lambda: 0.0),
        )
        return {hit.id for hit in (await service.search(SearchRequest(q=q, filters=list(filters)))).hits}


def _files_with(folder: Path, words: Sequence[str]) -> dict[str, set[str]]:
    """Which of these words stand in which files, whatever their case."""
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            if here := {word for word in words if word.lower().encode() in content}:
                found[str(path.relative_to(folder))] = here
    return found


def test_no_file_of_the_node_or_of_quarantine_holds_a_planted_value(installation: tuple[Settings, Lifecycle, RunReport]) -> None:
    settings, lifecycle, report = installation
    everything = Path(node_state(settings))
    # What Elasticsearch has in memory is written, as at any flush.
    lifecycle._client.indices.flush(index=f"{settings.elasticsearch.index_prefix}*", force=True)
    found = _files_with(everything, [*PLANTED, SEEN])
    assert any(SEEN in words for words in found.values()), "what is not sealed is found there, so that the look is not blind"
    assert {path: words for path, words in found.items() if words != {SEEN}} == {}
    assert report.quarantined == 1
    assert any((quarantine_folder(settings) / report.run_id).glob("*.parquet"))


def node_state(settings: Settings) -> str:
    """Data and logs of the local node, and all that loads leave."""
    return settings.paths.state_dir


def test_spark_leaves_none_on_its_disks(installation: tuple[Settings, Lifecycle, RunReport], spark: SparkSession) -> None:
    jvm: Any = spark._jvm
    folders = [Path(str(each.toString())) for each in jvm.org.apache.spark.SparkEnv.get().blockManager().diskBlockManager().localDirs()]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files, "shuffles were written there"
    assert [found for folder in folders if (found := _files_with(folder, PLANTED))] == []
    assert spark.conf.get("spark.io.encryption.enabled") == "true"


def test_it_is_found_by_all_that_is_typed(installation: tuple[Settings, Lifecycle, RunReport]) -> None:
    settings = installation[0]
    typed = [EMAIL, f"{MARK}.w", f"{MARK}.wanad@{MARK}mail.org", "5432", "98765432", "0157 98765432", "wanda 5432"]
    for q in typed:
        assert "C1" in asyncio.run(_found(settings, q)), q
    for each in (
        Filter(field="emails", in_=[EMAIL.upper()]),
        Filter(field="phones", in_=[PHONE]),
        Filter(field="national_id", in_=[NATIONAL_ID.lower()]),
        Filter(field="national_id", exists=True),
    ):
        assert "C1" in asyncio.run(_found(settings, filters=[each])), each
    assert "C1" not in asyncio.run(_found(settings, filters=[Filter(field="phones", not_in=[PHONE])]))
    assert asyncio.run(_found(settings, "6543")) == set(), "from the middle of a number"


def test_it_is_shown_in_full_and_merged_by_it(installation: tuple[Settings, Lifecycle, RunReport]) -> None:
    settings = installation[0]

    async def looked_up() -> Any:
        async with make_async_client(settings.elasticsearch) as client:
            backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
            service = SearchService(backend, Cursors("k" * 32, 60, lambda: 0.0))
            return await service.lookup(LookupRequest(phones=[PHONE], emails=[f"app@{MARK}mail.org"]))

    answer = asyncio.run(looked_up())
    customers = {each.customer_id: each for each in answer.customers}
    assert customers["C1"].emails == [EMAIL]
    assert customers["C1"].national_id == NATIONAL_ID
    assert {"C1", "C3"} <= set(customers["C1"].source_records), "the incremental load has met the record by sealed numbers"
    assert customers["A1"].emails == [f"app@{MARK}mail.org"]


def test_rows_in_quarantine_are_shown_to_whom_has_the_key(installation: tuple[Settings, Lifecycle, RunReport]) -> None:
    settings, _, report = installation
    (row,) = read_rows(quarantine_folder(settings), report.run_id, make_vault(settings))
    assert REJECTED in row["raw"]
    (kept,) = parquet.read_table(quarantine_folder(settings) / report.run_id).to_pylist()
    assert kept["raw"].startswith("~")
    assert kept["reasons"] == row["reasons"]
    environment = {**child_environment(settings), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "crmsearch", "quarantine", report.run_id]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert REJECTED in shown.stdout


def test_a_service_without_the_key_is_not_ready(installation: tuple[Settings, Lifecycle, RunReport]) -> None:
    settings = _with_keys(installation[0], "b" * 43)

    async def check() -> None:
        async with make_async_client(settings.elasticsearch) as client:
            backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
            await SearchService(backend, Cursors("k" * 32, 60, lambda: 0.0)).check()

    with pytest.raises(KeyMissingError, match="CRMSEARCH_ENCRYPTION_KEYS"):
        asyncio.run(check())


def _with_keys(settings: Settings, keys: str) -> Settings:
    return msgspec.structs.replace(settings, encryption=EncryptionSettings(keys=keys))  # type: ignore[arg-type]


@pytest.fixture
def own(node_settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Lifecycle]]:
    """An installation with a file of keys, into which an app has written."""
    settings = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=str(tmp_path / "state")))
    with own_prefix(settings, "rotated") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [{"customer_id": "C1", "name": "Ada", "emails": [EMAIL]}]))
        asyncio.run(_write_as_app(settings))
        yield settings, lifecycle


def test_another_key_takes_over_step_by_step(own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own
    (old,) = encryption_ring(settings)
    with pytest.raises(ConfigError, match="--prepare"):
        rotate_keys(settings)
    prepared = prepare_rotation(settings)
    assert prepared.ring[0] == old, "it opens, and does not seal yet"
    with pytest.raises(ConfigError, match="several keys"):
        prepare_rotation(settings)
    assert asyncio.run(_found(settings, EMAIL)) == {"C1"}
    rotated = rotate_keys(settings)
    # A service that was not started anew since goes on writing: with the key of the generation, if it has it.
    asyncio.run(_write(settings, prepared, "A2"))
    with pytest.raises(KeyMissingError):
        asyncio.run(_write(settings, msgspec.structs.replace(prepared, ring=(old,)), "A3"))
    new = encryption_ring(settings)[0]
    assert encryption_ring(settings) == (new, old)
    assert (rotated.key_id, rotated.documents) == (make_vault(settings).key_id, 2)
    assert lifecycle.live() == rotated.index
    _sealed_with_one(settings, new)
    with pytest.raises(ConflictError, match="prune"):
        finish_rotation(settings)
    again = rotate_keys(settings)
    assert encryption_ring(settings) == (new, old), "once more it does not turn back"
    assert again.documents == 0
    Lifecycle(lifecycle._client, settings.elasticsearch, make_vault(settings)).prune(0)
    finish_rotation(settings)
    assert encryption_ring(settings) == (new,)
    assert asyncio.run(_found(settings, EMAIL)) == {"C1"}
    assert asyncio.run(_found(settings, f"app@{MARK}mail.org")) == {"A1"}
    assert asyncio.run(_found(settings, f"a2@{MARK}mail.org")) == {"A2"}


def test_what_is_sealed_with_an_old_key_keeps_it(own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own
    prepared = prepare_rotation(settings)
    rotated = rotate_keys(settings)
    Lifecycle(lifecycle._client, settings.elasticsearch, make_vault(settings)).prune(0)
    stray = build_indexed({"customer_id": "S1", "name": "Stray", "phones": [PHONE]}, None, prepared)
    lifecycle._client.index(index=rotated.index, id="S1", document=stray, refresh=True)
    with pytest.raises(ConflictError, match=prepared.key_id):
        finish_rotation(settings)
    assert len(encryption_ring(settings)) == 2
    rotate_keys(settings)
    Lifecycle(lifecycle._client, settings.elasticsearch, make_vault(settings)).prune(0)
    finish_rotation(settings)
    assert "S1" in asyncio.run(_found(settings, PHONE))


def test_no_change_is_loaded_under_another_key(installation: tuple[Settings, Lifecycle, RunReport], tmp_path: Path) -> None:
    settings = _with_keys(installation[0], "b" * 42 + "A")
    with make_client(settings.elasticsearch) as client:
        lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
        later = _write_file(tmp_path / "later.csv", [["N1", "Nobody Known", "n1@example.com", "", "", ""]])

        def no_job(*_: object) -> RunReport:
            raise AssertionError("the key is looked at first")

        with pytest.raises(KeyMissingError, match="CRMSEARCH_ENCRYPTION_KEYS"):
            load_changes(settings, lifecycle, runs_of(lifecycle), IngestOptions(paths=(str(later),)), runner=no_job)
        with pytest.raises(KeyMissingError):
            lifecycle.check_live()
    for asked in ({"q": PHONE}, {"filters": [Filter(field="phones", not_in=[PHONE])]}, {}):
        with pytest.raises(KeyMissingError):
            asyncio.run(_found(settings, **asked))


def _sealed_with_one(settings: Settings, key: str) -> None:
    """Whoever has the new key alone sees everything: customers, what apps wrote, segments."""
    alone = _with_keys(settings, key)
    assert asyncio.run(_found(alone, EMAIL)) == {"C1"}

    async def segment() -> Any:
        async with make_async_client(alone.elasticsearch) as client:
            return (await SegmentStore(client, alone.elasticsearch, make_vault(alone)).all())["one-person"]

    found = asyncio.run(segment())
    assert (found.q, found.filters[0].in_) == (PHONE, [EMAIL])


def test_keys_that_are_not_in_a_file_are_changed_where_they_are(own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own
    (old,) = encryption_ring(settings)
    given = _with_keys(settings, f"{'c' * 42}A,{old}")
    with pytest.raises(ConfigError, match="change them there"):
        prepare_rotation(given)
    rotate_keys(given)
    _sealed_with_one(settings, f"{'c' * 42}A")
    with pytest.raises(CrmSearchError):
        finish_rotation(given)
    assert lifecycle.live() is not None
