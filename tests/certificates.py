"""Servers that present certificates made for a test, and answer as Elasticsearch does to its address."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from crmsearch.node.certificates import Certificates


def fingerprint(certificate: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="ascii")
    return path


class _Elasticsearch(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"version": {"number": "9.4.3"}}'
        self.send_response(200)
        for name, value in (("X-Elastic-Product", "Elasticsearch"), ("Content-Type", "application/json"), ("Content-Length", len(body))):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Elasticsearch)
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        # In the thread of the connection, where a handshake that fails holds up nobody.
        if self._context is not None:
            request = self._context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
        super().finish_request(request, client_address)  # type: ignore[arg-type]
        if isinstance(request, ssl.SSLSocket):
            request.close()

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path, made: Certificates | None, also_sent: str = "") -> Iterator[int]:
    """A server on loopback with these certificates, plain HTTP with none; yields its port."""
    context = None
    if made is not None:
        chain, key = write(folder / "server.crt", made.certificate + also_sent), write(folder / "server.key", made.private_key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
    with _Server(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
