"""Pytest plugin: ``node_settings``, an Elasticsearch for the whole test session.

With CRMSEARCH_ELASTICSEARCH_URL set it is that one, under an index prefix of its own; otherwise a local node of the session's own.
"""

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from crmsearch import node
from crmsearch.node.process import is_node
from crmsearch.processes import free_port, wait_until
from crmsearch.settings import Settings, from_env
from crmsearch.trust import make_ssl_context

DEATH_TIMEOUT_S = 30.0
START_TIMEOUT_S = 300.0  # it is started while much else runs


@contextmanager
def local_settings(*, heap: str = "1g", tls: bool = False) -> Iterator[Settings]:
    """Settings of a local node with a state directory and ports of its own; whatever runs there at the end is stopped."""
    settings = from_env()
    # Not pytest's tmp_path: its parents are 0700, and a node started by root runs as another user.
    state_dir = Path(tempfile.mkdtemp(prefix="crmsearch-node-"))
    state_dir.chmod(0o711)
    settings = msgspec.structs.replace(
        settings,
        elasticsearch=msgspec.structs.replace(settings.elasticsearch, url=""),
        paths=msgspec.structs.replace(settings.paths, state_dir=str(state_dir)),
        node=msgspec.structs.replace(settings.node, port=free_port(20000 + secrets.randbelow(9000)), heap=heap, tls=tls),
    )
    try:
        yield settings
    finally:
        node.stop(settings)
        shutil.rmtree(state_dir)


class MortalNode:
    """A local node that is killed and started again with the same data, on the same port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.settings = node.ensure(settings)

    def kill(self) -> None:
        """As a machine does that loses its power, as far as a process can: no goodbye, nothing flushed."""
        pid = int(node.status(self._settings)["pid"])
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not is_node(pid, node.node_files(self._settings)), DEATH_TIMEOUT_S)

    def start(self) -> None:
        """Start it, or leave it running."""
        assert node.start(self._settings).url == self.settings.elasticsearch.url


@contextmanager
def mortal_node() -> Iterator[MortalNode]:
    """A small node of its own, stopped at the end."""
    with local_settings(heap="512m") as settings:
        patient = msgspec.structs.replace(settings.node, start_timeout_s=START_TIMEOUT_S)
        yield MortalNode(msgspec.structs.replace(settings, node=patient))


@pytest.fixture(scope="session")
def node_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that reach an Elasticsearch which holds nothing under their ``index_prefix`` yet.

    The state directory is the session's own too: in the usual one somebody's API may be running, which a test must not take for its own.
    """
    settings = from_env()
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
