"""SIGTERM to a real API process: what is under way is answered, nothing new is taken, and it ends.

Elasticsearch is played by a server that answers when it is told to, so that a request is surely under way when the signal comes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from crmsearch.processes import free_port, wait_until

PATIENCE_S = 90.0  # several processes start, and the machine may be busy with other things


class Gate:
    """A server that refuses all with 400, at once while it is open, else as soon as it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.held = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                # The audit trail asks too, and is none of the requests under way.
                if "customers" in self.path and not gate.open.is_set():
                    gate.held.set()
                    assert gate.open.wait(PATIENCE_S)
                body = b'{"error":{"type":"played"},"status":400}'
                self.send_response(400)
                for name, value in (
                    ("X-Elastic-Product", "Elasticsearch"),
                    ("Content-Type", "application/json"),
                    ("Content-Length", len(body)),
                ):
                    self.send_header(name, str(value))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    thread = threading.Thread(target=gate.server.serve_forever, daemon=True)
    thread.start()
    yield gate
    gate.open.set()
    gate.server.shutdown()
    gate.server.server_close()
    thread.join(PATIENCE_S)


def _is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_under_way_is_answered_before_the_process_ends(gate: Gate, workers: int, tmp_path: Path) -> None:
    port = free_port(8700)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    settings = {
        "CRMSEARCH_ELASTICSEARCH_URL": f"http://127.0.0.1:{gate.server.server_address[1]}",
        "CRMSEARCH_STATE_DIR": str(tmp_path),
        "CRMSEARCH_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "crmsearch", "serve", "--port", str(port), "--workers", str(workers)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**inherited, **settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        assert wait_until(lambda: _is_live(url), PATIENCE_S), (tmp_path / "log").read_text(encoding="utf-8")
        gate.open.clear()
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(httpx.get, f"{url}/health/ready", trust_env=False, timeout=PATIENCE_S)
            assert gate.held.wait(PATIENCE_S)
            process.send_signal(signal.SIGTERM)
            assert wait_until(lambda: not _is_live(url), PATIENCE_S), "nothing new is taken"
            assert process.poll() is None
            assert not under_way.done()
            gate.open.set()
            answer = under_way.result(PATIENCE_S)
        assert answer.status_code == 502
        assert answer.json()["code"] == "backend_error", "the whole answer"
        assert process.wait(PATIENCE_S) in {0, 130, -signal.SIGTERM}
    finally:
        process.kill()
        process.wait(PATIENCE_S)
