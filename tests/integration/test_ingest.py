"""The main job on real input: real Spark, real connector, real node, real HDFS."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as parquet
import pytest
from pyspark.sql import SparkSession

from crmsearch.cleaning.forms import FORMS
from crmsearch.contract import InputReport, RunReport
from crmsearch.errors import (
    BackendAuthError,
    BackendReadOnlyError,
    BackendUnavailableError,
    CountMismatchError,
    CrmSearchError,
    InputError,
    JobError,
)
from crmsearch.indexing.client import make_client, translated_errors
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.jobs import run_ingest
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, Runner, clean_to_files, load_customers
from crmsearch.quarantine import read_rows
from crmsearch.settings import Secret, Settings
from tests.conftest import SAMPLE_ROWS, Loaded
from tests.documents import documents_in, runs_of

DATA = Path(__file__).parents[1] / "data"


def _options(*paths: Path | str, **given: object) -> IngestOptions:
    return msgspec.convert({"paths": [str(path) for path in paths], **given}, IngestOptions)


def _assert_balanced(report: RunReport) -> None:
    counted: list[RunReport | InputReport] = [report, *report.inputs]
    for each in counted:
        assert each.rows_read == each.indexed + each.merged + each.quarantined
    customers = [each for each in report.inputs if each.kind == "customers"]
    for count in ("rows_read", "indexed", "merged", "quarantined"):
        assert sum(getattr(each, count) for each in customers) == getattr(report, count)


def _rows_of(path: Path) -> int:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for row in csv.reader(file) if row) - 1


def test_the_sample_is_loaded_whole(loaded: Loaded) -> None:
    report, lifecycle = loaded.report, loaded.lifecycle
    _assert_balanced(report)
    assert report.rows_read == SAMPLE_ROWS == _rows_of(loaded.sample / "customers.csv")
    assert {"no_identity", "cell_count"} <= report.quarantined_by_reason.keys()
    generation = next(each for each in lifecycle.generations() if each.index == report.index)
    assert generation.complete
    assert generation.documents == report.indexed
    with translated_errors():
        source = lifecycle._client.search(index=report.index, size=1)["hits"]["hits"][0]["_source"]
    assert source["run_id"] == report.run_id
    assert not FORMS.keys() & source.keys()


def test_quarantine_holds_every_rejected_row_with_its_reasons(loaded: Loaded) -> None:
    folder = loaded.settings.paths.state / "quarantine" / loaded.report.run_id
    everything = list(read_rows(folder.parent, folder.name, make_vault(loaded.settings)))
    rows = [row for row in everything if row["kind"] == "customers"]
    assert len(rows) == loaded.report.quarantined
    assert len(everything) == sum(each.quarantined for each in loaded.report.inputs)
    assert all(row["reasons"] and row["raw"] and row["run_id"] == loaded.report.run_id for row in everything)
    assert (folder.parent.stat().st_mode & 0o777) == 0o700
    whole = [json.loads(row["raw"]) for row in rows if row["reasons"] != ["cell_count"]]
    assert all("Customer ID" in row for row in whole)


@pytest.mark.parametrize("name", ["crm_data.csv", "crm_data_zh.csv", "febrl1.csv", "febrl2.csv"])
def test_shared_files_go_through_with_their_headers_found(node_settings: Settings, lifecycle: Lifecycle, name: str, runner: Runner) -> None:
    report = load_customers(node_settings, lifecycle, runs_of(lifecycle), _options(DATA / "real" / name), runner=runner)
    _assert_balanced(report)
    assert report.rows_read == _rows_of(DATA / "real" / name)
    assert report.inputs[0].unmapped == []
    assert lifecycle.live() == report.index
    if name.startswith("crm_data"):
        assert set(report.inputs[0].columns.values()) == {"name", "age", "gender", "city"}
        assert report.quarantined_by_reason["cell_count"] == 13
        assert report.merged >= 70
        cities = _facet(lifecycle, "city")
        assert all(city.isascii() for city in cities) or all(not city.isascii() for city in cities), "one canonical form per city"
        assert len(cities) <= 12
    else:
        persons = {"febrl1.csv": 500, "febrl2.csv": 4000}[name]
        assert report.quarantined == 0
        assert persons <= report.indexed <= 1.02 * persons
        assert report.merges.customers_merged > 0


def _facet(lifecycle: Lifecycle, field: str) -> dict[str, int]:
    aggs = {"values": {"terms": {"field": field, "size": 1000}}}
    answer = lifecycle._client.search(index=lifecycle.alias, size=0, aggs=aggs)
    return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["values"]["buckets"]}


@pytest.mark.parametrize("name", ["crm_data.csv", "crm_data_zh.csv"])
def test_four_columns_from_hdfs(
    node_settings: Settings, lifecycle: Lifecycle, runner: Runner, spark: SparkSession, hdfs: str, name: str, tmp_path: Path
) -> None:
    target = f"{hdfs}/crm_data.csv"
    _put(spark, DATA / "real" / name, target)
    report = load_customers(node_settings, lifecycle, runs_of(lifecycle), _options(target), runner=runner)
    _assert_balanced(report)
    assert report.inputs[0].path == target
    assert report.rows_read == _rows_of(DATA / "real" / name)
    assert lifecycle.live() == report.index
    with pytest.raises(InputError, match="does not exist"):
        clean_to_files(node_settings, _options(f"{hdfs}/no-such-file.csv"), tmp_path / "out", runner=runner)


def _put(spark: SparkSession, source: Path, target: str) -> None:
    """Copy a file into HDFS, as `hdfs dfs -put -f` does."""
    session: Any = spark
    path = session._jvm.org.apache.hadoop.fs.Path
    file_system = path(target).getFileSystem(session._jsc.hadoopConfiguration())
    file_system.copyFromLocalFile(False, True, path(str(source)), path(target))


def test_the_same_input_gives_the_same_documents(node_settings: Settings, lifecycle: Lifecycle, runner: Runner) -> None:
    options = _options(DATA / "real" / "febrl1.csv")
    # A process of its own, with another seed for hashes, and the Spark that has seen other data.
    runners = (run_ingest, runner)
    reports = [load_customers(node_settings, lifecycle, runs_of(lifecycle), options, runner=each) for each in runners]
    first, second = (_documents(lifecycle, report) for report in reports)
    assert first == second
    assert len(first) == reports[0].indexed


def _documents(lifecycle: Lifecycle, report: RunReport) -> dict[str, dict[str, object]]:
    found = documents_in(lifecycle, str(report.index))
    return {name: {key: value for key, value in each.items() if key not in {"run_id", "indexed_at"}} for name, each in found.items()}


def test_clean_writes_files_that_can_be_scored(node_settings: Settings, tmp_path: Path, runner: Runner) -> None:
    report = clean_to_files(node_settings, _options(DATA / "real" / "crm_data.csv"), tmp_path / "out", runner=runner)
    _assert_balanced(report)
    assert report.index is None
    assert parquet.read_table(tmp_path / "out" / "customers").num_rows == report.indexed
    assert parquet.read_table(tmp_path / "out" / "quarantine").num_rows == report.quarantined
    (part,) = (tmp_path / "out" / "clusters").glob("*.csv")
    with part.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    records = [row["record_id"] for row in rows]
    assert len(set(records)) == len(records) >= report.indexed + report.merged
    assert len({row["cluster_id"] for row in rows if not row["cluster_id"].startswith("rejected:")}) == report.indexed
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["rows_read"] == report.rows_read


def test_explicit_columns_win_and_unused_ones_are_named(node_settings: Settings, tmp_path: Path, runner: Runner) -> None:
    path = tmp_path / "kunden.csv"
    path.write_text("Kunde,Ort,Favourite colour\nAda Lovelace,London,green\n", encoding="utf-8")
    report = clean_to_files(node_settings, _options(path, columns=["name=Kunde", "city=Ort"]), tmp_path / "out", runner=runner)
    assert report.inputs[0].columns == {"Kunde": "name", "Ort": "city"}
    assert report.inputs[0].unmapped == ["Favourite colour"]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", {}, "is empty"),
        (b"Stephanie Pena,41,F,Paris\nJasmine Lopez,58,M,New York\n", {}, "none of its 4 columns is known"),
        (b"Alpha,Beta\n1,2\n", {}, "none of its 2 columns is known"),
        (b"Name,Age\n", {}, "no row"),
        ("姓名,城市\n王小明,北京\n".encode("gb18030"), {}, "--encoding gb18030"),
        (b"\x7fELF\x00\x00\x01", {}, "binary"),
        (b'Name,City\nAda,"Paris\nBob,Rome\n', {}, "never closed"),
        (b"Name,City\nAda,Paris\n", {"columns": ["name=Kunde"]}, "Kunde"),
        (b"Name,City\nAda,Paris\n", {"columns": ["nome=Name"]}, "nome"),
    ],
)
def test_unusable_files_change_nothing(
    loaded: Loaded, lifecycle: Lifecycle, tmp_path: Path, content: bytes, options: dict[str, object], words: str, runner: Runner
) -> None:
    live, generations = lifecycle.live(), len(lifecycle.generations())
    path = tmp_path / "input.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        load_customers(loaded.settings, lifecycle, runs_of(lifecycle), _options(path, **options), runner=runner)
    assert caught.value.exit_code == 5
    assert "Stephanie" not in caught.value.detail
    assert lifecycle.live() == live
    assert len(lifecycle.generations()) == generations


def test_a_file_without_any_usable_row_is_not_promoted(loaded: Loaded, lifecycle: Lifecycle, tmp_path: Path, runner: Runner) -> None:
    live = lifecycle.live()
    path = tmp_path / "input.csv"
    path.write_text("Name,Age\nn/a,3\n,4\n", encoding="utf-8")
    with pytest.raises(JobError, match="all 2 rows are in quarantine"):
        load_customers(loaded.settings, lifecycle, runs_of(lifecycle), _options(path), runner=runner)
    assert lifecycle.live() == live


def test_a_load_of_which_elasticsearch_refuses_all_fails_without_showing_any(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    client = make_client(loaded.settings.elasticsearch)
    broken = Lifecycle(client, loaded.settings.elasticsearch, make_vault(loaded.settings))
    live, generations = broken.live(), [each.index for each in broken.generations()]
    create = broken.create

    def create_with_a_wrong_type(began_at: datetime, *, loading: bool) -> str:
        index = create(began_at, loading=loading)
        aliases = client.indices.get_alias(index=index)[index]["aliases"]
        client.indices.delete(index=index)
        client.indices.create(index=index, aliases=aliases, mappings={"dynamic": "strict", "properties": {"city": {"type": "integer"}}})
        return index

    monkeypatch.setattr(broken, "create", create_with_a_wrong_type)
    path = tmp_path / "input.csv"
    path.write_text("Name,City,Email\nGeheim Name,Paris,geheim@example.org\n", encoding="utf-8")
    with pytest.raises(JobError, match="all 1 rows are in quarantine") as caught:
        load_customers(loaded.settings, broken, runs_of(broken), _options(path))
    shown = caught.value.detail + "".join(capfd.readouterr())
    assert "eheim" not in shown
    assert broken.live() == live
    assert [each.index for each in broken.generations()] == generations
    client.close()


def test_a_wrong_count_is_not_promoted(
    loaded: Loaded, lifecycle: Lifecycle, runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    live = lifecycle.live()
    finish = lifecycle.finish
    monkeypatch.setattr(lifecycle, "finish", lambda index, expected, *rest, **named: finish(index, expected + 1, *rest, **named))
    path = tmp_path / "input.csv"
    path.write_text("Name,City\nAda,Paris\n", encoding="utf-8")
    with pytest.raises(CountMismatchError, match="holds 1 documents, the job wrote 2"):
        load_customers(loaded.settings, lifecycle, runs_of(lifecycle), _options(path), runner=runner)
    assert lifecycle.live() == live


def _elsewhere(settings: Settings, **given: object) -> Settings:
    return msgspec.structs.replace(settings, elasticsearch=msgspec.structs.replace(settings.elasticsearch, **given))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"url": "http://127.0.0.1:1"}, BackendUnavailableError),
        ({"password": Secret("wrong")}, BackendAuthError),
    ],
)
def test_a_node_that_is_down_or_refuses(loaded: Loaded, given: dict[str, object], error: type[CrmSearchError]) -> None:
    settings = _elsewhere(loaded.settings, **given)
    client = make_client(settings.elasticsearch)
    lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
    with pytest.raises(error) as caught:
        load_customers(settings, lifecycle, runs_of(lifecycle), _options(loaded.sample / "customers.csv"))
    assert caught.value.exit_code == 4
    client.close()


WATERMARKS = [f"cluster.routing.allocation.disk.watermark.{mark}" for mark in ("low", "high", "flood_stage")]


@pytest.fixture
def fill_disk(loaded: Loaded) -> Iterator[Callable[[str], None]]:
    """Makes the node's disk full as it sees it: it is told to keep more free than any machine has. Waits for its block on an index."""
    with make_client(loaded.settings.elasticsearch) as client:

        def fill(index: str) -> None:
            client.cluster.put_settings(persistent={**dict.fromkeys(WATERMARKS, "1000tb"), "cluster.info.update.interval": "10s"})
            for _ in range(80):
                settings = client.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
                if settings.get("index.blocks.read_only_allow_delete"):
                    return
                client.cluster.reroute()  # has it look at the disk
                time.sleep(0.5)
            raise AssertionError("the node did not notice that its disk is full")

        yield fill
        client.cluster.put_settings(persistent=dict.fromkeys([*WATERMARKS, "cluster.info.update.interval"]))
        client.indices.put_settings(index="*", settings={"index.blocks.read_only_allow_delete": None})


def test_a_disk_that_fills_up_during_the_load_fails_it(
    loaded: Loaded, lifecycle: Lifecycle, runner: Runner, fill_disk: Callable[[str], None], tmp_path: Path
) -> None:
    live, generations = lifecycle.live(), len(lifecycle.generations())
    path = tmp_path / "input.csv"
    path.write_text("Name,City\nAda,Paris\n", encoding="utf-8")
    settings = msgspec.structs.replace(loaded.settings, spark=msgspec.structs.replace(loaded.settings.spark, write_retries=0))

    def run_on_a_full_disk(settings: Settings, arguments: Sequence[str], on_event: Any) -> RunReport:
        fill_disk(arguments[arguments.index("--index") + 1])
        return runner(settings, arguments, on_event)

    with pytest.raises(JobError, match="disk is nearly full"):
        load_customers(settings, lifecycle, runs_of(lifecycle), _options(path), runner=run_on_a_full_disk)
    assert lifecycle.live() == live
    assert len(lifecycle.generations()) == generations
    # And while it is full, a load says so before Spark is started.
    with pytest.raises(BackendReadOnlyError, match="disk is nearly full"):
        load_customers(settings, lifecycle, runs_of(lifecycle), _options(path), runner=runner)
    assert len(lifecycle.generations()) == generations


def test_java_that_spark_cannot_use_is_named(loaded: Loaded, tmp_path: Path) -> None:
    settings = msgspec.structs.replace(loaded.settings, spark=msgspec.structs.replace(loaded.settings.spark, java_home=str(tmp_path)))
    with pytest.raises(CrmSearchError, match="17 or 21") as caught:
        clean_to_files(settings, _options(loaded.sample / "customers.csv"), tmp_path / "out")
    assert caught.value.exit_code == 2
    shutil.rmtree(tmp_path / "out")
