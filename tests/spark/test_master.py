"""The real job on a real cluster: a master and two workers of Spark on loopback, and an executor that dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pyarrow.parquet as pq
import pyspark
import pytest

from crmsearch.contract import RunReport
from crmsearch.errors import JobError
from crmsearch.java import find_java
from crmsearch.jobs import run_ingest
from crmsearch.processes import free_port, tail, wait_until
from crmsearch.sample import make_sample
from crmsearch.settings import Settings, from_env

START_TIMEOUT_S = 90
END_TIMEOUT_S = 30
ROWS = 100
BEGAN_AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


class Cluster(msgspec.Struct, frozen=True):
    """A standalone master with its workers: its address, and the processes that were started for it."""

    master: str
    workers: tuple[int, ...]

    def executors(self) -> list[int]:
        """Processes of the executors, which are children of our workers and of nobody else."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(status.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                command = status.with_name("cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            if parent in self.workers and b"CoarseGrainedExecutorBackend" in command:
                found.append(int(status.parent.name))
        return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    # What a cluster wants of a job stands in Spark's own file, without a setting of ours.
    (folder / "spark-defaults.conf").write_text(
        "spark.executor.memory 512m\nspark.executor.cores 1\nspark.cores.max 2\nspark.driver.memory 768m\n", encoding="utf-8"
    )
    port, page = free_port(7077), free_port(18080)
    started: list[subprocess.Popen[bytes]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        try:
            started.append(_start(folder, "master", "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)))
            for number in (1, 2):
                options = ("--host", "127.0.0.1", "--cores", "1", "--memory", "640m", "--work-dir", str(folder / f"work{number}"))
                started.append(
                    _start(folder, f"worker{number}", "worker.Worker", *options, "--webui-port", "0", f"spark://127.0.0.1:{port}")
                )
            _await_workers(page, started, folder)
            yield Cluster(f"spark://127.0.0.1:{port}", tuple(process.pid for process in started[1:]))
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(30)


def _start(folder: Path, name: str, role: str, *options: str) -> subprocess.Popen[bytes]:
    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "JAVA_HOME": str(find_java("spark", from_env().spark.java_home).home),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
    }
    with (folder / f"{name}.log").open("wb") as log:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}", *options]
        return subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _await_workers(page: int, started: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    def settled() -> bool:
        return _living_workers(page) == len(started) - 1 or any(process.poll() is not None for process in started)

    if not wait_until(settled, START_TIMEOUT_S) or _living_workers(page) < len(started) - 1:
        pytest.fail("Spark's cluster did not start:\n" + "\n".join(line for log in folder.glob("*.log") for line in tail(log, 10)))


def _living_workers(page: int) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{page}/json/", timeout=5) as answer:
            return sum(worker["state"] == "ALIVE" for worker in json.load(answer)["workers"])
    except OSError:
        return 0


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_sample(tmp_path_factory.mktemp("sample"), ROWS, 7).files


def _run(cluster: Cluster, sample: dict[str, str], out: Path, on_event: Any = lambda _: None) -> RunReport:
    settings: Settings = from_env()
    spark = msgspec.structs.replace(settings.spark, master=cluster.master, shuffle_partitions=2, timeout_s=600.0)
    arguments = [sample["customers"], "--out", str(out), "--region", "CN", "--run-id", "r"]
    return run_ingest(msgspec.structs.replace(settings, spark=spark), [*arguments, "--began-at", BEGAN_AT.isoformat()], on_event)


def _documents(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "customers").to_pylist()
    return sorted(rows, key=lambda row: str(row["customer_id"]))


def test_a_cluster_gives_the_same_documents_though_an_executor_dies(cluster: Cluster, sample: dict[str, str], tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(event: dict[str, Any]) -> None:
        # By now rows have been cleaned and lie in the memory of both executors.
        if event.get("stage") == "resolve" and not killed and (executors := cluster.executors()):
            os.kill(executors[0], signal.SIGKILL)
            killed.append(executors[0])

    first, second = tmp_path / "first", tmp_path / "second"
    try:
        report = _run(cluster, sample, first, kill_one)
    except JobError:
        # It may fail, but whole: what is not finished does not look as if it were.
        assert not (first / "customers" / "_SUCCESS").exists()
    else:
        assert report.rows_read == ROWS == report.indexed + report.merged + report.quarantined
    assert killed
    again = _run(cluster, sample, second)
    assert again.rows_read == ROWS == again.indexed + again.merged + again.quarantined
    assert len(_documents(second)) == again.indexed
    if (first / "customers" / "_SUCCESS").exists():
        assert _documents(first) == _documents(second)
    # The worker ends them when the job has said goodbye, which it does not wait for.
    assert wait_until(lambda: not cluster.executors(), END_TIMEOUT_S), "an executor has outlived its job"
