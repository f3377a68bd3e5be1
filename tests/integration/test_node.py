"""The embedded node for real: own state directory and ports, the server of the shared cache."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from crmsearch import node
from crmsearch.errors import BackendUnavailableError, NodeError
from crmsearch.node.process import is_node
from crmsearch.processes import port_is_free
from crmsearch.settings import Settings
from tests.node_fixture import local_settings

pytestmark = pytest.mark.skipif(not Path("/proc/net").exists(), reason="looks at processes and sockets under /proc")


@pytest.fixture(scope="module")
def local() -> Iterator[Settings]:
    with local_settings(heap="512m") as settings:
        yield settings


def call(settings: Settings, method: str, path: str, **options: object) -> httpx.Response:
    target = settings.elasticsearch
    with httpx.Client(base_url=target.url, auth=(target.username, target.password), trust_env=False, timeout=30) as client:
        return client.request(method, path, **options)  # type: ignore[arg-type]


def pid_of(settings: Settings) -> int:
    pid = node.status(settings)["pid"]
    assert isinstance(pid, int)
    return pid


def test_started_it_answers_to_its_password_only(local: Settings) -> None:
    connected = node.ensure(local)
    assert call(connected, "GET", "/").json()["version"]["number"] == "9.4.3"
    wrong = msgspec.structs.replace(connected, elasticsearch=msgspec.structs.replace(connected.elasticsearch, password="wrong"))
    assert call(wrong, "GET", "/").status_code == 401
    with httpx.Client(trust_env=False) as client:
        assert client.get(connected.elasticsearch.url).status_code == 401
    assert node.status(local)["health"] in {"green", "yellow"}


def test_started_twice_is_started_once(local: Settings) -> None:
    first, second = node.start(local), node.start(local)
    assert first == second
    assert first.pid == pid_of(local)
    assert node.connection(local).elasticsearch.url == first.url


def test_it_listens_on_loopback_only(local: Settings) -> None:
    record = node.start(local)
    hexadecimal = {f"{port:04X}" for port in (record.http_port, record.transport_port)}
    listening: set[str] = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and port in hexadecimal:
                listening.add(address)
    # 127.0.0.1, as itself and as IPv6 writes it
    assert listening
    assert listening <= {"0100007F", "0000000000000000FFFF00000100007F"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the node as another user")
def test_roots_node_runs_as_an_unprivileged_user(local: Settings) -> None:
    node.start(local)
    status = Path(f"/proc/{pid_of(local)}/status").read_text()
    uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    groups = next(line.split()[1:] for line in status.splitlines() if line.startswith("Groups:"))
    assert "0" not in uids
    assert "0" not in groups


def test_documents_go_into_made_indices_only(local: Settings) -> None:
    connected = node.ensure(local)
    assert call(connected, "PUT", "/typo/_doc/1", json={"a": 1}).status_code == 404
    assert call(connected, "POST", "/_security/api_key", json={"name": "test"}).status_code == 200


def test_killed_it_starts_again_with_its_data_and_password_on_another_port(local: Settings) -> None:
    connected = node.ensure(local)
    assert call(connected, "PUT", "/kept", json={"settings": {"number_of_replicas": 0}}).status_code == 200
    assert call(connected, "PUT", "/kept/_doc/1?refresh=true", json={"name": "王小明"}).status_code == 201
    port = node.start(local).http_port
    os.kill(pid_of(local), signal.SIGKILL)
    wait_until_stopped(local)
    with pytest.raises(BackendUnavailableError):
        node.connection(local)

    with socket.create_server(("127.0.0.1", port)):
        again = node.ensure(local)
        assert node.start(local).http_port != port
    assert again.elasticsearch.password == connected.elasticsearch.password
    assert call(again, "GET", "/kept/_doc/1").json()["_source"] == {"name": "王小明"}


def wait_until_stopped(settings: Settings) -> None:
    deadline = time.monotonic() + 20
    while node.status(settings)["health"] != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_left_by_a_killed_start_is_ended(local: Settings) -> None:
    node.start(local)
    abandoned = pid_of(local)
    node.node_files(local).record.unlink()
    with pytest.raises(BackendUnavailableError):
        node.connection(local)
    assert node.status(local)["health"] == "unreachable"
    assert node.start(local).pid != abandoned
    assert not is_node(abandoned, node.node_files(local))


def test_logs_tell_of_the_start(local: Settings) -> None:
    node.start(local)
    assert any("started" in line for line in node.logs(local, 500))


def test_stopped_it_is_gone_and_so_it_is_said(local: Settings) -> None:
    port = node.start(local).http_port
    pid = pid_of(local)
    assert node.stop(local) is True
    assert node.stop(local) is False
    assert not is_node(pid, node.node_files(local))
    assert port_is_free(port)
    assert node.status(local)["health"] == "stopped"
    with pytest.raises(BackendUnavailableError):
        node.connection(local)


def test_a_heap_too_small_fails_with_the_reason_and_leaves_nothing() -> None:
    with local_settings(heap="4m") as settings:
        with pytest.raises(NodeError, match=r"(?s)console\.log.*(heap|memory|Memory)"):
            node.start(settings)
        assert node.status(settings) == {
            "url": None,
            "version": "9.4.3",
            "state_dir": settings.paths.state_dir,
            "pid": None,
            "health": "stopped",
        }
