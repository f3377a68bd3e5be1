"""Elasticsearch stalls, breaks off, is gone and comes back: what the API answers meanwhile, and that it recovers by itself.

The API is a process of its own; between it and a real node stands a proxy that fails as told. Every wait has an end: the clients here give
up after a few times the configured timeout.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from crmsearch.background import start_api, stop_api
from crmsearch.processes import wait_until
from crmsearch.search.export import PAGE
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents
from tests.proxy import Mode, Proxy

TIMEOUT_S = 1.5
PATIENCE_S = 4 * TIMEOUT_S  # within which any failure must have been answered; the machine may be busy with other things
RECOVERY_S = 20.0
CUSTOMERS = 4 * PAGE + 10

SEARCH = ("POST", "/v1/customers/search", {"q": "wang", "facets": ["city", {"field": "age", "interval": "auto"}]})
REQUESTS: list[tuple[str, str, Any]] = [
    SEARCH,
    ("POST", "/v1/customers/suggest", {"q": "wang"}),
    ("POST", "/v1/customers/lookup", {"ids": ["R1"]}),
    ("POST", "/v1/customers/export", {"format": "ndjson"}),
    ("POST", "/v1/stats", {"fields": ["age"]}),
    ("GET", "/v1/customers/R1", None),
    ("GET", "/v1/customers/R1/similar", None),
    ("GET", "/v1/runs", None),
    ("GET", "/health/ready", None),
]
MODES: list[tuple[Mode, int, str]] = [
    ("stall", 504, "backend_timeout"),
    ("reset", 503, "backend_unavailable"),
    ("late reset", 504, "backend_timeout"),
    ("cut", 503, "backend_unavailable"),
    ("refuse", 503, "backend_unavailable"),
]


@pytest.fixture(scope="module")
def base(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A state directory of its own, so that the API of other tests is not taken for this one's."""
    state = tmp_path_factory.mktemp("state")
    node_settings = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=str(state)))
    with own_prefix(node_settings, "resilience") as (settings, lifecycle):
        lifecycle.promote(
            put_documents(
                lifecycle, ({"customer_id": f"R{number}", "name": "Wang Geheim", "age": number % 90} for number in range(CUSTOMERS))
            )
        )
        yield settings


@pytest.fixture(scope="module")
def proxy(base: Settings) -> Iterator[Proxy]:
    (node,) = base.elasticsearch.addresses
    with Proxy((node.host, node.port), late_s=TIMEOUT_S * 0.8).running() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def api(base: Settings, proxy: Proxy) -> Iterator[httpx.Client]:
    through = msgspec.structs.replace(base.elasticsearch, url=f"http://127.0.0.1:{proxy.port}", timeout_s=TIMEOUT_S)
    settings = msgspec.structs.replace(base, elasticsearch=through)
    url = start_api(settings, any_port=True).url
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S) as client:
        yield client
    stop_api(settings)


@pytest.fixture
def http(api: httpx.Client, proxy: Proxy) -> Iterator[httpx.Client]:
    """The API in good order before the test, and again after it."""
    assert wait_until(lambda: api.get("/health/ready").status_code == 200, RECOVERY_S)
    # Whether there are keys is known from the first call on; before it, nobody is let in while Elasticsearch is away.
    assert wait_until(lambda: api.get("/v1/fields").status_code == 200, RECOVERY_S)
    yield api
    proxy.heal()


def _ask(http: httpx.Client, request: tuple[str, str, Any]) -> httpx.Response:
    method, path, body = request
    return http.request(method, path, json=body)


def _recovered(http: httpx.Client) -> bool:
    return all(_ask(http, request).status_code == 200 for request in REQUESTS)


@pytest.mark.parametrize(("mode", "status", "code"), MODES)
def test_failures_are_told_in_time_and_pass(http: httpx.Client, proxy: Proxy, mode: Mode, status: int, code: str) -> None:
    proxy.fail(mode)
    for request in REQUESTS:
        answer = _ask(http, request)
        assert answer.headers["content-type"].startswith("application/problem+json"), (request, answer.text)
        # The runs are asked for without another try, so that they see the break itself.
        expected = (503, "backend_unavailable") if mode == "late reset" and request[1] == "/v1/runs" else (status, code)
        assert (answer.status_code, answer.json()["code"]) == expected, request
        assert int(answer.headers["retry-after"]) > 0
        assert "Geheim" not in answer.text
    assert http.get("/health/live").status_code == 200, "the process itself is well"
    assert http.get("/v1/fields").status_code == 200
    proxy.heal()
    assert wait_until(lambda: _recovered(http), RECOVERY_S)


def test_many_callers_at_once_are_all_told_and_all_served_again(http: httpx.Client, proxy: Proxy) -> None:
    def call(_: int) -> int:
        with httpx.Client(base_url=http.base_url, trust_env=False, timeout=PATIENCE_S) as client:
            return _ask(client, SEARCH).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(call, range(16))) == {200}
        proxy.fail("stall")
        assert set(pool.map(call, range(16))) == {504}
        proxy.heal()
        assert wait_until(lambda: set(pool.map(call, range(16))) == {200}, RECOVERY_S)


def test_connections_that_died_unnoticed_are_given_up(http: httpx.Client, proxy: Proxy) -> None:
    """A firewall that forgot a connection drops what is sent on it; new connections work."""
    assert _ask(http, SEARCH).status_code == 200
    proxy.fail("stall")
    assert _ask(http, SEARCH).status_code == 504
    proxy.heal()
    assert wait_until(lambda: _recovered(http), RECOVERY_S)


@pytest.mark.parametrize("mode", ["reset", "cut", "stall"])
@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_an_export_that_fails_in_the_middle_is_cut_off(http: httpx.Client, proxy: Proxy, mode: Mode, format_: str) -> None:
    body = {"format": format_, "fields": ["customer_id"]}
    whole = http.post("/v1/customers/export", json=body).content
    proxy.fail(mode, after_requests=2)
    received = bytearray()
    with http.stream("POST", "/v1/customers/export", json=body) as answer:
        assert (answer.status_code, answer.headers["x-total-count"]) == (200, str(CUSTOMERS))
        with pytest.raises(httpx.RemoteProtocolError):
            deque(map(received.extend, answer.iter_bytes()), maxlen=0)
    assert 0 < len(received) < len(whole)
    assert whole.startswith(received)
    proxy.heal()
    assert wait_until(lambda: http.get("/health/ready").status_code == 200, RECOVERY_S)
    assert http.post("/v1/customers/export", json=body).content == whole


def test_the_log_names_the_failures_and_nobody(http: httpx.Client, proxy: Proxy, base: Settings) -> None:
    proxy.fail("cut", after_requests=1)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/v1/customers/export", json={"format": "csv", "q": "geheim"})
    log = (Path(base.paths.state_dir) / "api" / "api.log").read_text(encoding="utf-8")
    assert "export cut off: backend_unavailable" in log
    assert "backend_timeout" in log
    assert "geheim" not in log.lower()
    assert json.dumps("R17") not in log
