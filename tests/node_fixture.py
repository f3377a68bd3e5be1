"""Pytest plugin: ``node_settings``, an Elasticsearch for the whole test session; and nodes, alone or as a cluster, that may be killed.

With CRMSEARCH_ELASTICSEARCH_URL set the session's is that one, under an index prefix of its own; otherwise a local node of its own, or with
``--node docker`` one in a container. The local node starts sooner, and is the same server.
"""

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from crmsearch import node
from crmsearch.node.process import is_node
from crmsearch.processes import PORT_RANGE, free_port, wait_until
from crmsearch.settings import Settings, from_env
from crmsearch.trust import make_ssl_context

DEATH_TIMEOUT_S = 30.0
START_TIMEOUT_S = 300.0  # it is started while much else runs
MEMBERS = 3  # the fewest of which one may die and the others still agree on a master


@contextmanager
def local_settings(*, heap: str = "1g", port: int | None = None, tls: bool = False) -> Iterator[Settings]:
    """Settings of a local node with a state directory and ports of its own; whatever runs there at the end is stopped."""
    settings = from_env()
    # Not pytest's tmp_path: its parents are 0700, and a node started by root runs as another user.
    state_dir = Path(tempfile.mkdtemp(prefix="crmsearch-node-"))
    state_dir.chmod(0o711)
    settings = msgspec.structs.replace(
        settings,
        elasticsearch=msgspec.structs.replace(settings.elasticsearch, url=""),
        paths=msgspec.structs.replace(settings.paths, state_dir=str(state_dir)),
        node=msgspec.structs.replace(settings.node, port=free_port(port or _some_port()), heap=heap, tls=tls),
    )
    try:
        yield settings
    finally:
        node.stop(settings)
        shutil.rmtree(state_dir)


class MortalNode:
    """A local node that is killed and started again with the same data, on the same port."""

    def __init__(self, settings: Settings, membership: Mapping[str, node.ServerSetting] = node.SINGLE_NODE) -> None:
        patient = msgspec.structs.replace(settings.node, start_timeout_s=START_TIMEOUT_S)
        self._settings = msgspec.structs.replace(settings, node=patient)
        self._membership = membership
        node.start(self._settings, membership=membership)
        self.settings = node.connection(self._settings)

    def kill(self) -> None:
        """As a machine does that loses its power, as far as a process can: no goodbye, nothing flushed."""
        pid = int(node.status(self._settings)["pid"])
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not is_node(pid, node.node_files(self._settings)), DEATH_TIMEOUT_S)

    def start(self) -> None:
        """Start it, or leave it running."""
        assert node.start(self._settings, membership=self._membership).url == self.settings.elasticsearch.url


@contextmanager
def mortal_node() -> Iterator[MortalNode]:
    """A small node of its own, stopped at the end."""
    with local_settings(heap="512m") as settings:
        yield MortalNode(settings)


@contextmanager
def mortal_cluster() -> Iterator[dict[str, MortalNode]]:
    """Small nodes, by their names, that are one cluster of which every index may have copies; stopped at the end."""
    lowest = _some_port()
    with ExitStack() as stack:
        # The node puts its transport port beside that of HTTP.
        several = [stack.enter_context(local_settings(heap="512m", port=lowest + number * 2 * PORT_RANGE)) for number in range(MEMBERS)]
        addresses = [f"127.0.0.1:{settings.node.port + PORT_RANGE}" for settings in several]
        names = [f"member-{number}" for number in range(MEMBERS)]
        password = secrets.token_urlsafe(24)
        for settings in several:
            _keep_password(settings, password)

        def join(name: str, settings: Settings) -> MortalNode:
            membership: dict[str, node.ServerSetting] = {
                "node.name": name,
                "discovery.type": "multi-node",
                "discovery.seed_hosts": addresses,
                "cluster.initial_master_nodes": names,
            }
            return MortalNode(settings, membership)

        with ThreadPoolExecutor(MEMBERS) as pool:  # none answers before most of them have found each other
            members = dict(zip(names, pool.map(join, names, several), strict=True))
        yield members


def _some_port() -> int:
    return 20000 + secrets.randbelow(9000)


def _keep_password(settings: Settings, password: str) -> None:
    """Let a node have this password, which each would make for itself, since whoever asks the cluster has one."""
    files = node.node_files(settings)
    files.root.mkdir()
    files.root.chmod(0o711)
    with os.fdopen(os.open(files.password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(password + "\n")


@pytest.fixture(scope="session")
def node_settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that reach an Elasticsearch which holds nothing under their ``index_prefix`` yet.

    The state directory is the session's own too: in the usual one somebody's API may be running, which a test must not take for its own.
    """
    settings = from_env()
    if not settings.elasticsearch.url and request.config.getoption("--node") == "docker":
        yield request.getfixturevalue("contained_settings")
        return
    if not settings.elasticsearch.url:
        with local_settings() as own:
            yield node.ensure(own)
        return
    prefix = f"t{secrets.token_hex(4)}"
    settings = msgspec.structs.replace(
        settings,
        elasticsearch=msgspec.structs.replace(settings.elasticsearch, index_prefix=prefix),
        paths=msgspec.structs.replace(settings.paths, state_dir=str(tmp_path_factory.mktemp("state"))),
    )
    yield settings
    _delete_indices(settings)


def _delete_indices(settings: Settings) -> None:
    target = settings.elasticsearch
    headers = {"Authorization": f"ApiKey {target.api_key}"} if target.api_key else {}
    auth = (target.username, target.password) if target.username and not target.api_key else None
    verify = make_ssl_context(target) or True
    with httpx.Client(base_url=target.addresses[0].url, headers=headers, auth=auth, verify=verify, trust_env=False, timeout=30) as client:
        answer = client.get(f"/_cat/indices/{target.index_prefix}-*", params={"format": "json", "h": "index", "expand_wildcards": "all"})
        for row in answer.raise_for_status().json():
            client.delete(f"/{row['index']}").raise_for_status()
