"""Kibana's stand-in in the place of Kibana's image in the compose stack: with the configuration that its set-up made, over TLS.

Logins and roles are Elasticsearch's, as they are with Kibana. What else it is given it forgets when it ends.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.kibana_server import Answer, Body, StandIn, make_server

PORT = 5601


class Contained(StandIn):
    """A stand-in whose users are those of an Elasticsearch."""

    def __init__(self, elasticsearch: httpx.Client, password: str) -> None:
        super().__init__()
        self._elasticsearch = elasticsearch
        self._own = httpx.BasicAuth("kibana_system", password)

    def may_enter(self, authorization: str) -> bool:
        return self._authenticates(headers={"Authorization": authorization})

    def _authenticates(self, **login: Any) -> bool:
        try:
            return self._elasticsearch.get("/_security/_authenticate", **login).is_success
        except httpx.TransportError:
            return False

    def _status(self) -> Answer:
        return super()._status() if self._authenticates(auth=self._own) else (503, b"Kibana server is not ready yet")

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        answer = super().answer(method, target, headers, body)
        place, _, name = target.rpartition("/")
        if method == "PUT" and place.endswith("/api/security/role") and answer[0] == 204:
            role: Body = msgspec.json.decode(body)["elasticsearch"]
            login = {"Authorization": headers["Authorization"]}
            self._elasticsearch.put(f"/_security/role/{name}", json=role, headers=login).raise_for_status()
        return answer


def main(config: Path) -> None:
    """Listen as the configuration says, until somebody ends the process."""
    said = dict(line.split(": ", 1) for line in config.read_text(encoding="ascii").splitlines())
    [authority], [url] = (msgspec.json.decode(said[f"elasticsearch.{name}"]) for name in ("ssl.certificateAuthorities", "hosts"))
    client = httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=authority), trust_env=False, timeout=10)
    server = make_server(Contained(client, said["elasticsearch.password"]), "0.0.0.0", PORT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(said["server.ssl.certificate"], said["server.ssl.key"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1].removeprefix("--config=")))
