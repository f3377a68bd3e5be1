"""Kill loads at random moments, again and again, and look after each whether the customer base is whole.

Each run starts a load as a process of its own and kills it, or Elasticsearch, after a time drawn at random; the next load has to mend what
that left. Every base has a version, which all of its customers bear. After each kill readers must see all customers of one version: the
one that was live before, or the new one; and the new one for certain if the load had said that it is live. The same seed draws the same
times.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import msgspec
from elasticsearch import Elasticsearch

from crmsearch.contract import FieldContent, RunReport
from crmsearch.indexing.analytics import Mirror, write_customers
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, Runner, load_customers
from crmsearch.settings import Settings, child_environment, from_env
from tests.documents import documents_in, runs_of
from tests.node_fixture import MortalNode

ROOT = Path(__file__).parents[2]
CUSTOMERS = 240
BATCH = 40
LEASE_S = 1.0
NODE_KILLS = 0.1  # share of the runs in which Elasticsearch is killed, which takes long to start again
PATIENCE_S = 300.0
BEGUN, LIVE = "begun", "live"


class Soak:
    """The base under test, and what it must be."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, node: MortalNode | None, seed: int) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._node = node
        self._random = random.Random(seed)
        self._live = 0
        self._version = 0
        self._on_its_way = 0
        self.outcomes: Counter[str] = Counter()

    def run(self, runs: int, tell: Callable[[str], None] = lambda _: None) -> None:
        """Kill so many loads, and let one through at the end.

        Raises:
            AssertionError: readers did not see one whole base, or what was said to be live was not.
        """
        took_s = self._load(None)
        for number in range(1, runs + 1):
            # Each but the first waits for the lease of the one before it.
            self._load(self._random.uniform(0, 1.2) * (took_s + LEASE_S))
            tell(f"run {number} of {runs}: {dict(self.outcomes)}")
        self._load(None)
        assert runs_of(self._lifecycle).unfinished() == []
        assert not any(each.loading for each in self._lifecycle.generations())

    def _load(self, kill_after_s: float | None) -> float:
        """Start a load, kill it or the node after this time, and look; returns how long it took from its beginning."""
        self._version += 1
        victim = "nobody" if kill_after_s is None else "node" if self._node and self._random.random() < NODE_KILLS else "load"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.kills", str(self._version)],
            env=inherited | child_environment(self._settings),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline().strip() == BEGUN, child.communicate()[1]
        began = time.monotonic()
        try:
            child.wait(PATIENCE_S if kill_after_s is None else kill_after_s)
        except subprocess.TimeoutExpired:
            if victim == "node" and self._node is not None:
                self._node.kill()
                child.wait(PATIENCE_S)
                self._node.start()
            else:
                child.kill()
        said, complaints = child.communicate(timeout=PATIENCE_S)
        said_live = LIVE in said
        assert victim != "nobody" or said_live, complaints
        self._look(said_live)
        self.outcomes[f"{victim} killed, {'live' if self._live == self._version else 'not live'}"] += 1
        return time.monotonic() - began

    def _look(self, said_live: bool) -> None:
        found = documents_in(self._lifecycle, self._lifecycle.alias) if self._lifecycle.live() else {}
        versions = {each["age"] for each in found.values()}
        allowed = {self._version} if said_live else {self._live, self._version, self._on_its_way}
        assert versions <= allowed, f"readers see {versions}, not one of {allowed}"
        assert len(versions) == 1 or not self._live
        assert found.keys() == {each["customer_id"] for each in make_base(1)} or not found
        self._live = next(iter(versions), self._live)
        # A load that is killed may have sent its last word to Elasticsearch, which may be slow to act on it.
        self._on_its_way = self._version


def short_leases(settings: Settings) -> Settings:
    """The settings with a lock that is soon taken over from the dead."""
    return msgspec.structs.replace(settings, elasticsearch=msgspec.structs.replace(settings.elasticsearch, lock_lease_s=LEASE_S))


def make_base(version: int) -> list[dict[str, Any]]:
    return [{"customer_id": f"S{number}", "name": f"Person {number}", "age": version} for number in range(CUSTOMERS)]


def version_writer(client: Elasticsearch, version: int) -> Runner:
    """What stands in the place of the Spark job: the documents of one version, in small batches."""

    def write(settings: Settings, arguments: Sequence[str], on_event: Callable[[dict[str, Any]], None]) -> RunReport:
        given, vault = dict(pairwise(arguments)), make_vault(settings)
        index, run_id = given["--index"], given["--run-id"]
        mirror = Mirror(given["--analytics-index"], vault.reference_key)
        customers = [(each["customer_id"], each) for each in make_base(version)]
        on_event({"stage": "index"})
        for at in range(0, CUSTOMERS, BATCH):
            write_customers(client, index, mirror, vault, version, customers[at : at + BATCH])
        contents = [FieldContent(field="name", filled=CUSTOMERS), FieldContent(field="age", filled=CUSTOMERS, total=version * CUSTOMERS)]
        return RunReport(
            run_id=run_id,
            crmsearch_version="soak",
            began_at="2026-01-01T00:00:00Z",
            index=index,
            inputs=[],
            rows_read=CUSTOMERS,
            indexed=CUSTOMERS,
            merged=0,
            quarantined=0,
            quarantined_by_reason={},
            issues={},
            contents=contents,
            seconds={},
        )

    return write


def _load(settings: Settings, version: int, out: IO[str]) -> None:
    """What the process does that is killed: a whole load, but for Spark."""
    with make_client(settings.elasticsearch) as client:
        lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
        out.write(f"{BEGUN}\n")
        out.flush()
        load_customers(settings, lifecycle, runs_of(lifecycle), IngestOptions(paths=("none",)), runner=version_writer(client, version))
        out.write(f"{LIVE}\n")
        out.flush()


if __name__ == "__main__":
    _load(from_env(), int(sys.argv[1]), sys.stdout)
