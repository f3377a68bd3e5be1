"""Elasticsearch dies, is overloaded, is cut off or has no room, at each step of a load."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from crmsearch.contract import RunReport
from crmsearch.errors import CrmSearchError
from crmsearch.processes import wait_until
from tests.integration.faults.conftest import PATIENCE_S, Scene
from tests.node_fixture import MortalNode
from tests.proxy import Mode


def _generations_left(scene: Scene) -> int:
    return sum(each.loading for each in scene.lifecycle.generations())


@pytest.mark.fault("Elasticsearch is killed while Spark writes, and stays away")
def test_killed_while_writing(scene: Scene, fault_node: MortalNode) -> None:
    scene.proxy.when("_bulk", 3, fault_node.kill)
    error = scene.load()
    assert isinstance(error, CrmSearchError)
    assert "cannot be reached" in error.detail
    assert any("the next ingest removes it" in note for note in error.__notes__)
    fault_node.start()
    assert _generations_left(scene) == 1, "nobody was there to remove it"
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("Elasticsearch is killed while Spark writes, and comes back with its data")
def test_killed_and_back_while_writing(scene: Scene, fault_node: MortalNode) -> None:
    def die_and_rise() -> None:
        fault_node.kill()
        fault_node.start()

    scene.proxy.when("_bulk", 3, die_and_rise)
    assert isinstance(scene.load(scene.patient(retries=60)), RunReport)
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("Elasticsearch is killed at the verification")
def test_killed_at_verification(scene: Scene, fault_node: MortalNode) -> None:
    scene.proxy.when("/_refresh", 1, fault_node.kill)
    assert isinstance(scene.load(), CrmSearchError)
    fault_node.start()
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("Elasticsearch is killed before it carries out the promotion")
def test_killed_before_promotion(scene: Scene, fault_node: MortalNode) -> None:
    scene.proxy.when("POST /_aliases", 1, fault_node.kill)
    assert isinstance(scene.load(), CrmSearchError)
    fault_node.start()
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("Elasticsearch is killed after the promotion, before it has answered")
def test_killed_after_promotion(scene: Scene, fault_node: MortalNode) -> None:
    scene.proxy.when("POST /_aliases", 1, fault_node.kill, answered=True)
    assert isinstance(scene.load(), CrmSearchError)
    fault_node.start()
    scene.readers_see("new")
    (unfinished,) = scene.runs.unfinished()
    scene.next_load_mends()
    assert [run.state for run in scene.runs.page().runs if run.run_id == unfinished.run_id] == ["promoted"], "it did go live"


@pytest.mark.fault("the answer to the promotion is lost")
def test_lost_answer_to_promotion(scene: Scene) -> None:
    scene.proxy.when("POST /_aliases", 1, answered=True)
    assert isinstance(scene.load(), RunReport)
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("stall", marks=pytest.mark.fault("a connection dies unnoticed while Spark writes (half-open)")),
        pytest.param("reset", marks=pytest.mark.fault("a connection is reset while Spark writes")),
        pytest.param("cut", marks=[pytest.mark.soak, pytest.mark.fault("an answer is cut off while Spark writes")]),
    ],
)
def test_connection_lost_while_writing(scene: Scene, mode: Mode) -> None:
    scene.proxy.when("_bulk", 2, mode=mode)
    scene.proxy.when("_bulk", 5, mode=mode)
    assert isinstance(scene.load(scene.patient(answer_within_s=3.0)), RunReport)
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.fault("connections are reset for good while Spark writes")
def test_cut_off_for_good(scene: Scene) -> None:
    scene.proxy.when("_bulk", 3, lambda: scene.proxy.fail("refuse"))
    assert isinstance(scene.load(), CrmSearchError)
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("the network is slow")
def test_slow_network(scene: Scene) -> None:
    scene.proxy.fail("slow")
    assert isinstance(scene.load(), RunReport)
    scene.readers_see("new")
    scene.next_load_mends()


# Elasticsearch says that so little memory is not wise, which is the point.
OVERLOAD_WARNING = pytest.mark.filterwarnings("ignore:.*breaker.total.limit:elasticsearch.ElasticsearchWarning")


class Overload:
    """The node's memory breaker, told that hardly any memory may be used, so that the node itself refuses what it is sent."""

    def __init__(self, scene: Scene) -> None:
        self._client = scene.lifecycle._client
        self._before = self._refused()

    def begin(self) -> None:
        self._client.cluster.put_settings(persistent={"indices.breaker.total.limit": "1%"})

    def end(self) -> None:
        self._client.cluster.put_settings(persistent={"indices.breaker.total.limit": None})

    @property
    def refused(self) -> int:
        return self._refused() - self._before

    def _refused(self) -> int:
        # Such questions are answered whatever the memory.
        (node,) = self._client.nodes.stats(metric="breaker")["nodes"].values()
        return int(node["breakers"]["parent"]["tripped"])


@pytest.mark.fault("Elasticsearch answers 429 while Spark writes, and recovers")
@OVERLOAD_WARNING
def test_overloaded_for_a_while(scene: Scene) -> None:
    overload = Overload(scene)

    def recover_when_refused() -> None:
        assert wait_until(lambda: overload.refused > 0, PATIENCE_S)
        overload.end()

    scene.proxy.when("_bulk", 2, overload.begin)
    with ThreadPoolExecutor(1) as pool:
        recovery = pool.submit(recover_when_refused)
        report = scene.load(scene.patient())
        recovery.result(PATIENCE_S)
    assert isinstance(report, RunReport)
    assert overload.refused > 0
    scene.readers_see("new")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("Elasticsearch answers 429 without end")
@OVERLOAD_WARNING
def test_overloaded_for_good(scene: Scene) -> None:
    overload = Overload(scene)
    scene.proxy.when("_bulk", 2, overload.begin)
    try:
        error = scene.load(scene.patient(retries=1))
    finally:
        overload.end()
    assert isinstance(error, CrmSearchError)
    assert error.detail.startswith("indexing failed")
    assert overload.refused > 1
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.fault("the disk is full while Spark writes (flood stage)")
def test_full_disk(scene: Scene) -> None:
    """The block that Elasticsearch sets at its flood stage; that it sets it by itself is tested with the load of a whole sample."""
    client = scene.lifecycle._client

    def fill_up() -> None:
        client.indices.put_settings(index=f"{scene.lifecycle.alias}-loading", settings={"index.blocks.read_only_allow_delete": True})

    scene.proxy.when("_bulk", 3, fill_up)
    error = scene.load()
    assert isinstance(error, CrmSearchError)
    assert "disk is nearly full" in error.detail
    assert _generations_left(scene) == 0, "what frees the disk is still allowed"
    scene.readers_see("old")
    scene.next_load_mends()


@pytest.mark.soak
@pytest.mark.fault("the node is killed after a load and started again with the same data")
def test_restarted_with_the_same_data(scene: Scene, fault_node: MortalNode) -> None:
    assert isinstance(scene.load(), RunReport)
    fault_node.kill()
    fault_node.start()
    assert wait_until(lambda: bool(scene.lifecycle._client.count(index=scene.lifecycle.alias)["count"]), PATIENCE_S)
    scene.readers_see("new")
    scene.next_load_mends()
