"""The scene of every fault: nodes that may be killed, a proxy before each that may fail, a base that is live, and a load with real Spark.

Each test breaks something during a load and then looks three times: what the load said, what readers see (the old base or the new one,
whole, document by document), and that the next load mends what was left. The three make a row of the table in ``docs/loads.md``, which
``--update-faults`` writes; without it, a row that is not as observed is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as parquet
import pytest
from pyspark.sql import DataFrame, SparkSession

from crmsearch.background import start_api, stop_api
from crmsearch.contract import RunReport
from crmsearch.errors import CrmSearchError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, Runner, clean_to_files, load_customers
from crmsearch.sample import make_sample
from crmsearch.settings import Settings, from_env
from tests.clients import Ask, Clients
from tests.documents import documents_in, own_prefix, put_documents, runs_of
from tests.faults_table import FaultRow, read_rows, update_rows
from tests.node_fixture import MortalNode, mortal_node
from tests.proxy import Proxy

ROWS = 400
WRITE_TASKS = 8  # each sends its customers in a request of its own, so that there is a middle to break off in
LEASE_S = 2.0
PATIENCE_S = 60.0
CLIENTS = 8
OLD: list[dict[str, Any]] = [{"customer_id": f"O{number}", "name": f"Old {number}", "age": 40} for number in range(50)]

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def fault_node() -> Iterator[MortalNode]:
    with mortal_node() as node:
        yield node


class Prepared(msgspec.Struct, frozen=True):
    """A sample that the real job has cleaned: its report, its customers for Spark to write, and as they must be found in the index."""

    report: RunReport
    golden: DataFrame
    documents: Documents
    options: IngestOptions


@pytest.fixture(scope="session")
def prepared(runner: Runner, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    files = make_sample(tmp_path_factory.mktemp("sample"), ROWS, 11).files
    options = IngestOptions(paths=(files["customers"],), orders=(files["orders"],), region="CN")
    out = tmp_path_factory.mktemp("cleaned")
    report = clean_to_files(from_env(), options, out, runner=runner)
    rows = parquet.read_table(out / "customers").to_pylist()
    documents = {row["customer_id"]: {name: value for name, value in row.items() if value is not None} for row in rows}
    return Prepared(report, spark.read.parquet(str(out / "customers")).repartition(WRITE_TASKS), documents, options)


class Scene:
    """One load that something happens to, and what comes of it."""

    def __init__(self, direct: Settings, lifecycle: Lifecycle, proxies: Sequence[Proxy], prepared: Prepared, name: str) -> None:
        self.direct = direct
        self.lifecycle = lifecycle
        self.proxies = proxies
        self.prepared = prepared
        self.row = FaultRow(fault=name)
        addresses = ",".join(f"http://127.0.0.1:{proxy.port}" for proxy in proxies)
        through = msgspec.structs.replace(direct.elasticsearch, url=addresses, lock_lease_s=LEASE_S)
        writing = msgspec.structs.replace(direct.spark, write_tasks=WRITE_TASKS, write_retries=0)
        self.settings = msgspec.structs.replace(direct, elasticsearch=through, spark=writing)

    @property
    def proxy(self) -> Proxy:
        """The one before the only node."""
        (proxy,) = self.proxies
        return proxy

    @property
    def runs(self) -> RunStore:
        return runs_of(self.lifecycle)

    def write(self, settings: Settings, arguments: Sequence[str], on_event: Callable[[dict[str, Any]], None]) -> RunReport:
        """The part of the job that a fault of Elasticsearch meets: Spark writes by the connector; cleaning was done before."""
        from spark.write import analytics_to_elasticsearch, to_elasticsearch

        given = dict(pairwise(arguments))
        on_event({"stage": "index"})
        to_elasticsearch(self.prepared.golden, given["--index"], settings, make_vault(settings), for_analysts=True)
        analytics_to_elasticsearch(self.prepared.golden, given["--analytics-index"], settings, make_vault(settings))
        # No records are written here: what breaks is the same for them.
        return msgspec.structs.replace(self.prepared.report, run_id=given["--run-id"], index=given["--index"], records=0)

    def load(
        self, settings: Settings | None = None, runner: Runner | None = None, options: IngestOptions | None = None
    ) -> RunReport | CrmSearchError:
        """A load through the proxy; its end is kept for the table."""
        settings = settings or self.settings
        options = options or self.prepared.options
        with make_client(settings.elasticsearch) as client:
            lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
            try:
                report = load_customers(settings, lifecycle, runs_of(lifecycle), options, runner=runner or self.write)
            except CrmSearchError as error:
                self.row.load = f"fails: `{error.code}`"
                return error
        self.row.load = "goes live"
        return report

    def patient(self, retries: int = 6, answer_within_s: float = 60.0) -> Settings:
        """Settings of a load that waits for Elasticsearch to come back, but not long for any one answer."""
        writing = msgspec.structs.replace(self.settings.spark, write_retries=retries, write_timeout_s=answer_within_s)
        return msgspec.structs.replace(self.settings, spark=writing)

    def readers_see(self, what: str) -> None:
        """The alias points at one complete generation, which holds the old base or the new one, document by document."""
        (index,) = self.lifecycle._client.indices.get_alias(name=self.lifecycle.alias).body
        generation = next(each for each in self.lifecycle.generations() if each.index == index)
        assert generation.complete
        assert not generation.loading
        found = documents_in(self.lifecycle, self.lifecycle.alias)
        expected = {"old": {each["customer_id"]: each for each in OLD}, "new": self.prepared.documents}[what]
        assert found == expected
        if not self.row.readers:
            self.row.readers = f"the {what} base, whole"

    def next_load_mends(self) -> None:
        """The next load goes live, and leaves neither a half-built index nor a run without an end nor a lock."""
        for proxy in self.proxies:
            proxy.heal()
        first = self.row.load
        report = self.load()
        self.row.load = first
        assert isinstance(report, RunReport), report
        self.readers_see("new")
        assert self.runs.unfinished() == []
        assert self.lifecycle.lock.holder() is None
        assert all(each.complete and not each.loading for each in self.lifecycle.generations())
        assert [run.state for run in self.runs.page().runs if run.index == report.index] == ["promoted"]
        self.row.again = "goes live, nothing is left over"

    @contextmanager
    def searching(self, *, workers: int = 1, tries: int = 1) -> Iterator[tuple[Clients, int]]:
        """Clients search by the API while the block goes on, and each of their answers is of one whole base; with the API's process.

        Args:
            workers: processes of the API.
            tries: times that a client sends a request whose connection to the API breaks.
        """
        settings = msgspec.structs.replace(self.direct, api=msgspec.structs.replace(self.direct.api, workers=workers))
        totals = {len(OLD), len(self.prepared.documents)}

        def visit(text: str) -> Callable[[Ask], None]:
            def search(ask: Ask) -> None:
                answer = ask("/v1/customers/search", {"q": text, "facets": ["city"]})
                assert text or answer["total"] in totals, "not a whole base"

            return search

        texts = islice(cycle(("", "old", "wang", "138")), CLIENTS)
        record = start_api(settings, any_port=True)
        try:
            with Clients(record.url, [visit(text) for text in texts], tries).asking() as clients:
                clients.wait_for(CLIENTS, PATIENCE_S)
                yield clients, record.pid
        finally:
            stop_api(settings)
        assert not clients.errors, clients.errors


@contextmanager
def staged(at: Settings, prepared: Prepared, request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Scene]:
    """The scene on one node or several, with the old base live; what was observed is compared with the table at the end."""
    name = request.node.get_closest_marker("fault").args[0]
    at_home = msgspec.structs.replace(at, paths=msgspec.structs.replace(at.paths, state_dir=str(state_dir)))
    with own_prefix(at_home, "fault") as (direct, lifecycle), ExitStack() as stack:
        lifecycle.promote(put_documents(lifecycle, OLD))
        addresses = direct.elasticsearch.addresses
        proxies = [stack.enter_context(Proxy((address.host, address.port), late_s=1.0).running()) for address in addresses]
        scene = Scene(direct, lifecycle, proxies, prepared, name)
        yield scene
    if scene.row.complete:
        _compare(scene.row, request.config)


@pytest.fixture
def scene(fault_node: MortalNode, prepared: Prepared, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    fault_node.start()
    with staged(fault_node.settings, prepared, request, tmp_path / "state") as scene:
        yield scene
        fault_node.start()


def _compare(row: FaultRow, config: pytest.Config) -> None:
    if config.getoption("--update-faults"):
        update_rows([row])
        return
    assert row in read_rows(), f"docs/loads.md does not tell what was observed: {row}; run these tests with --update-faults"
