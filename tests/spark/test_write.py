"""What is written where: connector options, files, and a run whose counts do not add up."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from crmsearch.errors import ConfigError, CountMismatchError, InputError, JobError
from crmsearch.privacy.analytics import ANALYTICS_FIELDS, CUSTOMER_REF, analytics_document, customer_ref
from crmsearch.settings import ElasticsearchSettings, EncryptionSettings, PrivacySettings, Secret, Settings, SparkSettings, from_env
from spark import pipeline
from spark.options import JobOptions, NamedPath, parse_arguments
from spark.pipeline import run
from spark.progress import Progress
from spark.resolve import Resolution, resolve
from spark.schemas import CLEANED, DOCUMENT_COLUMNS
from spark.write import _PASSING, _write_failure, as_indexed, connector_options, to_elasticsearch, with_references
from tests.vaults import VAULT

SOURCE = "Customer ID,Name,City\nK1,Ada,Paris\nK1,Ada,Paris\n,Bob,Rome\n,Bob,Rome\nn/a,n/a,Rome\nshort\n"


def _options(**given: Any) -> dict[str, str]:
    return connector_options(ElasticsearchSettings(**given), SparkSettings(write_retries=6, write_timeout_s=2.5))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9201", {"es.nodes": "127.0.0.1:9201", "es.net.ssl": "false"}),
        ("http://localhost", {"es.nodes": "localhost:9200", "es.net.ssl": "false"}),
        ("https://es.example.com", {"es.nodes": "es.example.com:443", "es.net.ssl": "true"}),
        ("https://es1.example.com:9243/,https://es2.example.com", {"es.nodes": "es1.example.com:9243,es2.example.com:443"}),
        ("https://proxy.example.com/search/es", {"es.nodes": "proxy.example.com:443", "es.nodes.path.prefix": "/search/es"}),
    ],
)
def test_the_address_is_taken_apart(url: str, expected: dict[str, str]) -> None:
    options = _options(url=url)
    assert expected.items() <= options.items()
    assert ("es.nodes.path.prefix" in options) == ("/search" in url)


def _documents(spark: SparkSession, document: dict[str, Any]) -> DataFrame:
    row = tuple(document.get(name) for name in DOCUMENT_COLUMNS)
    return spark.createDataFrame([row], StructType([CLEANED[name] for name in DOCUMENT_COLUMNS]))


def test_documents_get_the_forms_that_searches_look_up(spark: SparkSession) -> None:
    document = {"customer_id": "C1", "name": "曾小明", "emails": ["zeng@qq.com"], "age": 30, "location": {"lat": 1.0, "lon": 2.0}}
    (row,) = as_indexed(_documents(spark, document), VAULT).collect()
    known = {name: value for name, value in row.asDict(recursive=True).items() if value is not None}
    assert "zeng@qq.com" not in known["emails"]
    assert VAULT.open(known, "C1") == document | VAULT.forms(document)


def test_documents_bear_references_and_analysts_get_theirs(spark: SparkSession) -> None:
    key = VAULT.reference_key
    document = {"customer_id": "C1", "name": "曾小明", "age": 30, "tags": ["vip"], "location": {"lat": 1.0, "lon": 2.0}, "notes": "x"}
    documents = _documents(spark, document)
    (row,) = as_indexed(documents, VAULT, for_analysts=True).collect()
    assert row[CUSTOMER_REF] == customer_ref("C1", key)
    (row,) = with_references(documents, key).collect()
    assert list(row.asDict()) == [CUSTOMER_REF, *ANALYTICS_FIELDS]
    known = {name: value for name, value in row.asDict(recursive=True).items() if value is not None}
    assert known == analytics_document(document, key)
    assert known.keys() == {"customer_ref", "age", "tags"}


def test_nothing_is_kept_without_the_keys_that_it_is_sealed_with(spark: SparkSession) -> None:
    options, _ = parse_arguments(["customers.csv", "--index", "crm-customers-1", "--analytics-index", "crm-customers-analytics-1"])
    assert options.analytics_index == "crm-customers-analytics-1"
    with pytest.raises(ConfigError, match="CRMSEARCH_PRIVACY_KEY and CRMSEARCH_ENCRYPTION_KEYS"):
        run(spark, options, Settings(), Progress(machine=False))


def test_writing_is_by_id_into_an_index_that_is_there() -> None:
    options = _options(url="http://localhost")
    assert options["es.index.auto.create"] == "false"
    assert options["es.nodes.wan.only"] == "true"
    assert options["es.batch.write.retry.count"] == "6"
    assert options["es.http.timeout"] == "3s"


def test_several_nodes_are_all_named() -> None:
    assert _options(url="http://127.0.0.1:9201, http://localhost:9202")["es.nodes"] == "127.0.0.1:9201,localhost:9202"


def test_an_api_key_wins_over_a_user() -> None:
    login = {"es.net.http.auth.user", "es.net.http.auth.pass", "es.net.http.header.Authorization"}
    assert not login & _options(url="http://localhost").keys()
    user = _options(url="http://localhost", username="elastic", password=Secret("secret"))
    assert (user["es.net.http.auth.user"], user["es.net.http.auth.pass"]) == ("elastic", "secret")
    both = _options(url="http://localhost", username="elastic", password=Secret("secret"), api_key=Secret("a2V5"))
    assert both["es.net.http.header.Authorization"] == "ApiKey a2V5"
    assert "es.net.http.auth.user" not in both


def test_plans_and_event_logs_hide_the_login(spark: SparkSession) -> None:
    given = {"username": "elastic", "password": Secret("geheim")}
    secret = {**_options(url="http://localhost", **given), "es.net.ssl.truststore.pass": "geheim"}
    secret |= {"es.net.http.header.Authorization": "ApiKey geheim"}
    jvm: Any = spark._jvm
    shown = jvm.org.apache.spark.sql.internal.SQLConf.get().redactOptions(jvm.PythonUtils.toScalaMap(secret)).toString()
    assert "es.net.http.auth.pass" in shown
    assert "geheim" not in shown


@pytest.mark.parametrize("url", ["", "es.example.com:9200"])
def test_without_an_address_nothing_is_begun(url: str) -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_ELASTICSEARCH_URL"):
        _options(url=url)


def test_a_node_that_is_down_fails_the_write_without_a_document(spark: SparkSession) -> None:
    settings = Settings(elasticsearch=ElasticsearchSettings(url="http://127.0.0.1:1"), spark=SparkSettings(write_retries=1))
    documents = _documents(spark, {"customer_id": "geheim", "name": "Geheim"})
    with pytest.raises(JobError, match="cannot be reached") as caught:
        to_elasticsearch(documents, "crm-customers-20260101t000000z", settings, VAULT)
    assert "eheim" not in caught.value.detail


@pytest.fixture
def job(tmp_path: Path) -> JobOptions:
    path = tmp_path / "customers.csv"
    path.write_text(SOURCE, encoding="utf-8")
    return JobOptions(
        inputs=(NamedPath(str(path)),),
        run_id="20260101t000000z",
        began_at=datetime(2026, 1, 1, tzinfo=UTC),
        out=(tmp_path / "out").as_uri(),
    )


def test_every_row_is_in_one_place(spark: SparkSession, job: JobOptions, tmp_path: Path) -> None:
    report = run(spark, job, from_env(), Progress(machine=False))
    assert (report.rows_read, report.indexed, report.merged, report.quarantined) == (6, 2, 2, 2)
    assert report.quarantined_by_reason.items() >= {"cell_count": 1, "no_identity": 1}.items()
    assert set(report.seconds) == {"inspect", "clean", "resolve", "enrich", "profile", "write files"}
    documents = spark.read.parquet(str(tmp_path / "out" / "customers"))
    assert tuple(documents.columns) == DOCUMENT_COLUMNS
    assert documents.count() == 2
    (part,) = (tmp_path / "out" / "clusters").glob("*.csv")
    with part.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    records = [row["record_id"] for row in rows]
    assert len(records) == len(set(records))
    assert len({row["cluster_id"] for row in rows}) == report.indexed + report.quarantined


REMOVALS = "Customer ID,Name,Deleted,Email\nK1,Ada,no,ada@example.com\nK2,Bob,yes,\nK3,,1,\n,Cy,yes,\n"


def test_rows_marked_as_deleted_are_left_out_of_a_full_load(spark: SparkSession, job: JobOptions, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(REMOVALS, encoding="utf-8")
    report = run(spark, job, from_env(), Progress(machine=False))
    assert (report.rows_read, report.indexed, report.removed, report.quarantined) == (4, 1, 2, 1)
    assert report.quarantined_by_reason == {"removal_without_key": 1}
    assert (report.inputs[0].removed, report.records) == (2, 1)
    assert [row["customer_id"] for row in spark.read.parquet(str(tmp_path / "out" / "customers")).collect()] == ["K1"]


def _with_keys() -> Settings:
    """Settings as a load gives them to the job."""
    encryption, privacy = EncryptionSettings(keys=VAULT.ring[0]), PrivacySettings(key=Secret("a key of these tests"))
    return msgspec.structs.replace(from_env(), encryption=encryption, privacy=privacy)


def test_a_run_that_only_cleans_hands_the_accepted_rows_over(spark: SparkSession, job: JobOptions, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(REMOVALS, encoding="utf-8")
    (tmp_path / "gone.csv").write_text("Customer ID\nK7\n", encoding="utf-8")
    inputs = (*job.inputs, NamedPath(str(tmp_path / "gone.csv"), "customers", "zoho", removes=True))
    rows_out = tmp_path / "rows.jsonl"
    job = msgspec.structs.replace(job, inputs=inputs, out=None, rows_out=str(rows_out))
    report = run(spark, job, _with_keys(), Progress(machine=False))
    assert (report.mode, report.rows_read, report.quarantined, report.indexed) == ("incremental", 5, 1, 0)
    assert (rows_out.stat().st_mode & 0o777) == 0o600
    rows = {row["source_key"]: row for row in map(msgspec.json.decode, rows_out.read_bytes().splitlines())}
    assert {key: (row["source_system"], row["removed"]) for key, row in rows.items()} == {
        "K1": ("generic", False), "K2": ("generic", True), "K3": ("generic", True), "K7": ("zoho", True)
    }  # fmt: skip
    assert (rows["K1"]["name"], "city" in rows["K1"]) == ("Ada", False)
    assert rows["K1"]["emails"] != ["ada@example.com"]
    assert VAULT.open(rows["K1"], rows["K1"]["fingerprint"])["emails"] == ["ada@example.com"]


@pytest.mark.parametrize(("header", "reason"), [("Order ID,Customer ID,Order Date,Amount", "holds orders"), ("Name,City", "which records")])
def test_only_customers_and_keys_of_removed_ones_are_handed_over(
    spark: SparkSession, job: JobOptions, tmp_path: Path, header: str, reason: str
) -> None:
    other = tmp_path / "other.csv"
    other.write_text(f"{header}\na,b\n", encoding="utf-8")
    named = NamedPath(str(other), "customers", removes=True) if "Name" in header else NamedPath(str(other))
    job = msgspec.structs.replace(job, inputs=(*job.inputs, named), out=None, rows_out=str(tmp_path / "rows.jsonl"))
    with pytest.raises(InputError, match=reason):
        run(spark, job, _with_keys(), Progress(machine=False))


def test_counts_that_do_not_add_up_fail_the_run_before_anything_is_written(
    spark: SparkSession, job: JobOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(*given: Any) -> Resolution:
        whole = resolve(*given)
        return msgspec.structs.replace(whole, records=whole.records.where("indexed"))

    monkeypatch.setattr(pipeline, "resolve", lossy)
    with pytest.raises(CountMismatchError, match="6 rows were read"):
        run(spark, job, from_env(), Progress(machine=False))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("defect", ["customer_id is null", "false"])
def test_documents_that_are_not_one_for_each_customer_fail_the_run(
    spark: SparkSession, job: JobOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str
) -> None:
    def broken(*given: Any) -> Resolution:
        whole = resolve(*given)
        golden = whole.golden.withColumn("customer_id", F.lit(None).cast("string")) if "null" in defect else whole.golden.where(defect)
        return msgspec.structs.replace(whole, golden=golden)

    monkeypatch.setattr(pipeline, "resolve", broken)
    with pytest.raises(CountMismatchError, match="of 0 ids for 2 customers"):
        run(spark, job, from_env(), Progress(machine=False))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        "EsHadoopInvalidRequest: [HEAD] on [crm-customers-2026] failed; server[127.0.0.1:9200] returned [429|Too Many Requests:]",
        "EsHadoopInvalidRequest: [GET] on [_cluster/health] failed; server[127.0.0.1:9200] returned [503|Service Unavailable:]",
        "EsHadoopRemoteException: circuit_breaking_exception: [parent] Data too large",
    ],
)
def test_an_overload_passes_whatever_request_it_refuses(words: str) -> None:
    assert any(mark in words for mark in _PASSING)
    assert "overloaded" in _write_failure(words)
