"""An issuer of tokens on loopback, as OpenID Connect has it: it says where its keys are, and signs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "crmsearch"


class LocalIssuer:
    """Signs with the newest of its keys, and tells all of them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked = 0
        self.is_away = False
        self.says_issuer = address
        self.keys: list[RSAKey] = []
        self.change_key()

    def change_key(self) -> None:
        """Sign with another key from now on; the old one is told no more."""
        self.keys = [RSAKey.generate_key(2048, {"kid": f"key-{time.monotonic_ns()}", "use": "sig"})]

    def sign(self, **claims: Any) -> str:
        """A token that is good for five minutes, unless something else is said; ``None`` leaves a claim out."""
        usual = {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": "u-1",
            "exp": int(time.time()) + 300,
            "roles": ["agent"],
            "preferred_username": "li.na",
        }
        told = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.keys[-1].kid}, told, self.keys[-1])

    def answer(self, path: str) -> dict[str, Any] | None:
        self.asked += 1
        if self.is_away:
            return None
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.says_issuer, "jwks_uri": f"{self.address}/keys"}
        return {"keys": [key.as_dict(private=False) for key in self.keys]} if path == "/keys" else None


@contextmanager
def local_issuer() -> Iterator[LocalIssuer]:
    """One that answers as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = issuer.answer(self.path)
            self.send_response(200 if found is not None else 503)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = LocalIssuer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
