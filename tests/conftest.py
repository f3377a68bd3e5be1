"""Fixtures for all tests.

What is expensive is made once per run, and only if a test asks for it: one Elasticsearch (``node_settings``), one Spark (``spark``), one
load of the sample through the real job (``loaded``), one API process over it (``api_url``), one browser, one HDFS.

Nothing is skipped silently: what could not run is named at the end with the reason and the remedy, and ``--require-all`` fails the run.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import msgspec
import pytest

from crmsearch.background import start_api, stop_api
from crmsearch.contract import RunReport
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.jobs import connector_jar, job_environment
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, Runner, load_customers
from crmsearch.sample import make_sample
from crmsearch.settings import Settings, from_env
from tests.documents import own_prefix, runs_of
from tests.hdfs import running_hdfs
from tests.node_container import contained_settings as contained_settings
from tests.node_container import docker_cleanup as docker_cleanup
from tests.node_container import docker_compose_command as docker_compose_command
from tests.node_container import docker_compose_file as docker_compose_file
from tests.node_container import docker_compose_project_name as docker_compose_project_name
from tests.node_container import docker_setup as docker_setup
from tests.node_container import node_secrets as node_secrets
from tests.node_fixture import node_settings as node_settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pyspark.sql import SparkSession

SAMPLE_ROWS = 3000
SAMPLE_SEED = 7


class Loaded(msgspec.Struct, frozen=True):
    """A sample loaded by the real job: where it is, its generations, its files, the report of the run."""

    settings: Settings
    lifecycle: Lifecycle
    sample: Path
    report: RunReport


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-bodies", action="store_true", help="rewrite the recorded request bodies in tests/data/bodies")
    parser.addoption("--update-faults", action="store_true", help="rewrite the table of faults in docs/loads.md as the tests observe them")
    parser.addoption("--node", choices=("local", "docker"), default="local", help="where the session's Elasticsearch runs")
    parser.addoption("--require-all", action="store_true", help="fail if any test could not run")


def pytest_configure() -> None:
    # A job that a script runs in the background ignores SIGINT, and so would every process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Nodes and Sparks of tests live too briefly for what the second compiler makes of their code: without it a node starts with 13 instead
    # of 24 seconds of processor time, and a load of a few thousand rows takes a quarter less.
    for name in ("CRMSEARCH_NODE_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"):
        os.environ.setdefault(name, "-XX:TieredStopAtLevel=1")
    # How long an example takes is the machine's affair, and the first one builds tables.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    left = sum(item.get_closest_marker("soak") is not None for item in terminalreporter.stats.get("deselected", []))
    if left:
        terminalreporter.write_line(f"{left} tests that take long are left to `make soak`.")
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        terminalreporter.write_line(f"Every {'other ' if left else ''}test ran; nothing was skipped.")
        return
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    terminalreporter.section("could not run")
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} tests: {reason.removeprefix('Skipped: ')}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and session.config.getoption("--require-all") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def update_bodies(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-bodies"))


@pytest.fixture(scope="session")
def lifecycle(node_settings: Settings) -> Iterator[Lifecycle]:
    client = make_client(node_settings.elasticsearch)
    yield Lifecycle(client, node_settings.elasticsearch, make_vault(node_settings))
    client.close()


@pytest.fixture(scope="session")
def loaded(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """The sample under a prefix of its own, where the loads of other tests do not take its place."""
    sample = tmp_path_factory.mktemp("sample")
    files = make_sample(sample, SAMPLE_ROWS, SAMPLE_SEED).files
    options = IngestOptions(
        paths=(files["customers"],), orders=(files["orders"],), tickets=(files["tickets"],), campaigns=(files["campaigns"],), region="CN"
    )
    with own_prefix(node_settings, "sample") as (settings, lifecycle):
        report = load_customers(settings, lifecycle, runs_of(lifecycle), options)
        yield Loaded(settings, lifecycle, sample, report)


@pytest.fixture(scope="session")
def api_url(loaded: Loaded) -> Iterator[str]:
    yield start_api(loaded.settings, any_port=True).url
    stop_api(loaded.settings)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One local Spark for all tests of the jobs; two tasks, few partitions, since frames are tiny."""
    from spark.session import make_session

    settings = from_env()
    jar = str(connector_jar(settings))
    small = msgspec.structs.replace(settings.spark, master="local[2]", driver_memory="1g", shuffle_partitions=2, connector_jar=jar)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in job_environment(settings).items():
            patch.setenv(name, value)
        session = make_session(small, "crmsearch tests")
        yield session
        session.stop()


@pytest.fixture(scope="session")
def runner(spark: SparkSession) -> Runner:
    """Carries out the ingest job in the shared Spark, which saves the ten seconds that a Spark of its own takes to start."""
    from spark.options import parse_arguments
    from spark.pipeline import run
    from spark.progress import Progress

    def run_here(settings: Settings, arguments: Sequence[str], _: object) -> RunReport:
        options, _events = parse_arguments(arguments)
        try:
            return run(spark, options, settings, Progress(machine=False))
        finally:
            spark.catalog.clearCache()

    return run_here


@pytest.fixture(scope="session")
def hdfs() -> Iterator[str]:
    """Address of a real HDFS."""
    with running_hdfs(from_env()) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no browser is installed; `apt-get install chromium` enables these tests")
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, and its background traffic has no place in a test.
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()
