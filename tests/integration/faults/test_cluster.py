"""A cluster of three nodes loses one while customers are loaded and clients search."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from crmsearch.contract import RunReport
from crmsearch.errors import JobError
from crmsearch.indexing.names import analytics_index, records_index
from crmsearch.processes import wait_until
from tests.integration.faults.conftest import PATIENCE_S, Prepared, Scene, staged
from tests.node_fixture import MEMBERS, MortalNode, mortal_cluster

pytestmark = pytest.mark.soak  # three servers take their time to start, and so does each that comes back

ANSWERS = 100  # that must come after something has happened

Cluster = dict[str, MortalNode]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with mortal_cluster() as members:
        yield members


@pytest.fixture
def spread_scene(cluster: Cluster, prepared: Prepared, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """The scene on the cluster, where everything that is live has a copy."""
    for member in cluster.values():
        member.start()
    any_member = next(iter(cluster.values())).settings
    addresses = ",".join(member.settings.elasticsearch.url for member in cluster.values())
    target = msgspec.structs.replace(any_member.elasticsearch, url=addresses, replicas=1)
    with staged(msgspec.structs.replace(any_member, elasticsearch=target), prepared, request, tmp_path / "state") as scene:
        yield scene
        for member in cluster.values():
            member.start()


def _holders(scene: Scene, index: str) -> set[str]:
    """The names of the nodes that hold a part of an index, or are about to: one that moves is told as ``from -> address id to``."""
    shards = scene.lifecycle._client.cat.shards(index=index, format="json", h=["node"])
    nodes = [str(shard["node"]) for shard in shards.body if isinstance(shard, dict) and shard["node"]]
    return {part.split()[-1] for node in nodes for part in node.split(" -> ")}


def _loading(scene: Scene) -> str:
    (index,) = (each.index for each in scene.lifecycle.generations() if each.loading)
    return index


def _gather(scene: Scene, index: str) -> str:
    """Bring all that a load writes to one node, and return its name: three indices without copies lie on all three nodes otherwise."""
    client, parts = scene.lifecycle._client, [records_index(index), analytics_index(scene.direct.elasticsearch.index_prefix, index)]
    client.cluster.put_settings(persistent={"cluster.routing.rebalance.enable": "none"})
    assert wait_until(lambda: len(_holders(scene, index)) == 1, PATIENCE_S)
    (home,) = _holders(scene, index)
    for part in parts:
        for node in _holders(scene, part) - {home}:
            client.cluster.reroute(commands=[{"move": {"index": part, "shard": 0, "from_node": node, "to_node": home}}])
    assert wait_until(lambda: _holders(scene, ",".join([index, *parts])) == {home}, PATIENCE_S)
    client.cluster.put_settings(persistent={"cluster.routing.rebalance.enable": None})
    return home


def _while_writing(scene: Scene, action: Callable[[], None]) -> None:
    """Do it once in the midst of the writing: of eight batches, one of three nodes gets three."""
    once = threading.Lock()

    def first_time() -> None:
        if once.acquire(blocking=False):
            action()

    for proxy in scene.proxies:
        proxy.when("_bulk", 2, first_time)


def _is_whole_again(scene: Scene) -> bool:
    health = scene.lifecycle._client.cluster.health()
    return (health["status"], health["number_of_nodes"]) == ("green", MEMBERS)


@pytest.mark.fault("one of three nodes is killed while Spark writes to another and clients search")
def test_another_node_is_killed(spread_scene: Scene, cluster: Cluster) -> None:
    victims: list[str] = []

    def kill() -> None:
        home = _gather(spread_scene, _loading(spread_scene))
        victims.append(min(cluster.keys() - {home}))
        cluster[victims[0]].kill()

    with spread_scene.searching() as (clients, _):
        _while_writing(spread_scene, kill)
        report = spread_scene.load(spread_scene.patient(answer_within_s=5.0))
        assert isinstance(report, RunReport)
        assert victims
        clients.wait_for(ANSWERS, PATIENCE_S)
        spread_scene.readers_see("new")
        assert len(_holders(spread_scene, report.index or "")) == 2, "a copy was made before it went live, on the nodes that are left"
        cluster[victims[0]].start()
        assert wait_until(lambda: _is_whole_again(spread_scene), PATIENCE_S)
        clients.wait_for(ANSWERS, PATIENCE_S)
    spread_scene.readers_see("new")
    spread_scene.next_load_mends()


@pytest.mark.fault("one of three nodes is killed while Spark writes to it and clients search, and stays away")
def test_the_node_that_is_written_to_is_killed(spread_scene: Scene, cluster: Cluster) -> None:
    victims: list[str] = []

    def kill() -> None:
        victims.extend(_holders(spread_scene, _loading(spread_scene)))
        cluster[victims[0]].kill()

    with spread_scene.searching() as (clients, _):
        _while_writing(spread_scene, kill)
        assert isinstance(spread_scene.load(spread_scene.patient(retries=0, answer_within_s=2.0)), JobError)
        assert victims
        clients.wait_for(ANSWERS, PATIENCE_S)
        spread_scene.readers_see("old")
        spread_scene.next_load_mends()
        cluster[victims[0]].start()
        assert wait_until(lambda: _is_whole_again(spread_scene), PATIENCE_S)
        clients.wait_for(ANSWERS, PATIENCE_S)
    spread_scene.readers_see("new")


@pytest.mark.fault("one of three nodes is killed while Spark writes to it and clients search, and comes back with its data")
def test_the_node_that_is_written_to_comes_back(spread_scene: Scene, cluster: Cluster) -> None:
    victims: list[str] = []

    def die_and_rise() -> None:
        victims.extend(_holders(spread_scene, _loading(spread_scene)))
        cluster[victims[0]].kill()
        cluster[victims[0]].start()

    with spread_scene.searching() as (clients, _):
        _while_writing(spread_scene, die_and_rise)
        assert isinstance(spread_scene.load(spread_scene.patient(retries=60, answer_within_s=5.0)), RunReport)
        assert victims
        assert wait_until(lambda: _is_whole_again(spread_scene), PATIENCE_S)
        clients.wait_for(ANSWERS, PATIENCE_S)
    spread_scene.readers_see("new")
    spread_scene.next_load_mends()
