"""Starting a job and following it, with a small program in the place of the Spark job."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crmsearch import jobs
from crmsearch.artifacts import S3A, Artifact
from crmsearch.contract import RunReport
from crmsearch.errors import ConfigError, CountMismatchError, InputError, JobError, TooManyRejectedError
from crmsearch.java import Java
from crmsearch.jobs import connector_jar, job_environment, run_ingest, storage_jars
from crmsearch.settings import ElasticsearchSettings, Secret, Settings, SparkSettings, StorageSettings

REPORT = RunReport(
    run_id="r",
    crmsearch_version="0",
    began_at="2026-11-23T10:15:00Z",
    index=None,
    inputs=[],
    rows_read=1,
    indexed=1,
    merged=0,
    quarantined=0,
    quarantined_by_reason={},
    issues={},
    seconds={},
)
Start = Callable[..., RunReport]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    jar = tmp_path / "connector.jar"
    jar.touch()
    monkeypatch.setattr(jobs, "find_java", lambda *_: Java(tmp_path / "java", "21.0.1", 21, frozenset()))
    monkeypatch.setattr(jobs, "jobs_root", lambda: tmp_path)
    return Settings(spark=SparkSettings(connector_jar=str(jar)), elasticsearch=ElasticsearchSettings(password=Secret("geheim")))


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Start:
    """Runs a program as if it were the job."""

    def start(
        program: str, *arguments: str, on_event: Callable[[dict[str, Any]], None] = lambda _: None, timeout_s: float = 60
    ) -> RunReport:
        (tmp_path / "spark").mkdir(exist_ok=True)
        header = f"import json, os, signal, sys, time\nREPORT = {msgspec.json.encode(REPORT).decode()!r}\n"
        (tmp_path / "spark" / "ingest.py").write_text(header + textwrap.dedent(program), encoding="utf-8")
        spark = msgspec.structs.replace(settings.spark, timeout_s=timeout_s)
        return run_ingest(msgspec.structs.replace(settings, spark=spark), arguments, on_event)

    return start


def test_the_report_is_the_last_line_of_stdout(start: Start) -> None:
    assert start("print('a library speaks')\nprint(REPORT)") == REPORT


def test_arguments_and_events_go_through(start: Start) -> None:
    events: list[dict[str, Any]] = []
    program = r"""
        print("\x1e" + json.dumps({"stage": "clean", "arguments": sys.argv[1:]}), file=sys.stderr)
        print("no event", file=sys.stderr)
        print("\x1e" + json.dumps({"stage": "index", "done": 3, "total": 8}), file=sys.stderr)
        print(REPORT)
    """
    start(program, "a b.csv", "--index", "x", on_event=events.append)
    assert events == [
        {"stage": "clean", "arguments": ["--events", "a b.csv", "--index", "x"]},
        {"stage": "index", "done": 3, "total": 8},
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [("input_error", InputError), ("count_mismatch", CountMismatchError), ("job_failed", JobError), ("new_kind", JobError)],
)
def test_an_error_of_the_job_is_raised_as_what_it_was(start: Start, code: str, kind: type[Exception]) -> None:
    program = f"""
        print("\\x1e" + json.dumps({{"error": {code!r}, "detail": "what to do"}}), file=sys.stderr)
        sys.exit(5)
    """
    with pytest.raises(kind, match=r"^what to do$") as caught:
        start(program)
    assert type(caught.value) is kind


def test_a_run_of_too_many_rejected_rows_is_raised_with_its_report(start: Start) -> None:
    program = """
        print("\\x1e" + json.dumps({"error": "too_many_rejected", "detail": "3 of 5 rows"}), file=sys.stderr)
        print("a library speaks")
        print(REPORT)
        sys.exit(6)
    """
    with pytest.raises(TooManyRejectedError, match="3 of 5 rows") as caught:
        start(program)
    assert caught.value.report == REPORT
    with pytest.raises(TooManyRejectedError) as silent:
        start(program.replace("print(REPORT)", "").replace('print("a library speaks")', ""))
    assert silent.value.report is None


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('why it died', file=sys.stderr)\nsys.exit(3)", "exit code 3(.|\n)*why it died"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        ("sys.exit(0)", "exit code 0"),
    ],
)
def test_a_job_that_dies_shows_its_last_words(start: Start, program: str, words: str) -> None:
    with pytest.raises(JobError, match=words):
        start(program)


def test_only_the_last_words_are_shown(start: Start) -> None:
    with pytest.raises(JobError) as caught:
        start("for number in range(5000): print(f'line {number} ' + 'x' * 500, file=sys.stderr)\nsys.exit(1)")
    assert "line 4999" in caught.value.detail
    assert len(caught.value.detail) < 6000


def test_much_output_does_not_block_it(start: Start) -> None:
    assert start("print('x' * 10_000_000)\nprint('y' * 10_000_000, file=sys.stderr)\nprint(REPORT)") == REPORT


def test_a_job_that_takes_too_long_is_ended(start: Start, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(JobError, match="CRMSEARCH_SPARK_TIMEOUT_S"):
        start(f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)", timeout_s=1.5)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text(encoding="utf-8")), 0)


def test_an_interrupt_ends_the_job(start: Start, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    def interrupt(_: dict[str, Any]) -> None:
        # On the main thread, as Ctrl-C is.
        os.kill(os.getpid(), 2)

    assert threading.current_thread() is threading.main_thread()
    program = f"""
        open({str(pid_file)!r}, "w").write(str(os.getpid()))
        print("\\x1e" + json.dumps({{"stage": "clean"}}), file=sys.stderr, flush=True)
        time.sleep(60)
    """
    with pytest.raises(KeyboardInterrupt):
        start(program, on_event=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text(encoding="utf-8")), 0)


def test_settings_and_secrets_travel_by_environment(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRMSEARCH_API_PORT", "1")
    environment = job_environment(settings)
    assert environment["CRMSEARCH_ELASTICSEARCH_PASSWORD"] == "geheim"
    assert "CRMSEARCH_API_PORT" not in environment, "these settings count, not what they were made from"
    assert environment["JAVA_HOME"] == str(tmp_path / "java")
    assert environment["PYSPARK_PYTHON"] == sys.executable
    assert environment["SPARK_LOCAL_IP"] == "127.0.0.1"
    cluster = msgspec.structs.replace(settings, spark=SparkSettings(master="spark://host:7077"))
    assert job_environment(cluster).get("SPARK_LOCAL_IP") == os.environ.get("SPARK_LOCAL_IP")
    here = msgspec.structs.replace(settings, spark=SparkSettings(master="spark://localhost:7077", executor_python="/opt/python"))
    assert job_environment(here)["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert job_environment(here)["PYSPARK_PYTHON"] == "/opt/python"


def test_a_connector_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_SPARK_CONNECTOR_JAR"):
        connector_jar(Settings(spark=SparkSettings(connector_jar="/no/such.jar")))


@pytest.mark.parametrize(
    ("arguments", "staging_dir", "fetched"),
    [
        (["/data/a.csv", "hdfs://host:9000/a.csv", "--out", "file:///out"], "", False),
        (["s3a://bucket/a.csv"], "", True),
        (["a.csv", "--out", "s3://bucket/out"], "", True),
        (["zoho=oss://bucket/a.csv"], "", True),
        (["cosn://bucket/a.csv"], "", True),
        (["OBS://bucket/a.csv"], "", True),
        (["book.xlsx"], "s3a://bucket/tmp", True),
        (["notes about s3a://x.csv"], "", False),
    ],
)
def test_the_jars_of_object_stores_are_fetched_when_a_path_needs_them(
    arguments: list[str], staging_dir: str, fetched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Artifact] = []

    def fetch(artifact: Artifact, _: Path) -> Path:
        asked.append(artifact)
        return Path("/cache") / artifact.file_name

    monkeypatch.setattr(jobs, "fetch", fetch)
    jars = storage_jars(Settings(spark=SparkSettings(staging_dir=staging_dir)), arguments)
    assert asked == (list(S3A) if fetched else [])
    assert jars == ("/cache/hadoop-aws-3.3.4.jar,/cache/aws-java-sdk-bundle-1.12.262.jar" if fetched else "")


def test_jars_that_one_has_are_used_instead(tmp_path: Path) -> None:
    own = tmp_path / "own.jar"
    own.touch()
    jars = f"{own},local:///opt/spark/jars/sdk.jar"
    assert storage_jars(Settings(storage=StorageSettings(jars=jars)), ["s3a://bucket/a.csv"]) == jars
    with pytest.raises(ConfigError, match="CRMSEARCH_STORAGE_JARS"):
        storage_jars(Settings(storage=StorageSettings(jars=f"{own},/no/such.jar")), [])


def test_a_job_on_an_object_store_is_told_its_jars(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "fetch", lambda artifact, _: Path("/cache") / artifact.file_name)
    program = """
        assert os.environ["CRMSEARCH_STORAGE_JARS"].startswith("/cache/hadoop-aws-")
        print(REPORT)
    """
    assert start(program, "s3a://bucket/a.csv") == REPORT
