"""One keep-alive connection that posts JSON: the same client for both sides of a comparison, and the thinnest there is."""

import base64
import http.client
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from crmsearch.settings import ElasticsearchSettings

__all__ = ["Poster", "elasticsearch_poster"]

_TIMEOUT_S = 60.0
_IDLE_S = 4.0  # the API gives up a connection after five


class Poster:
    """Posts bodies to one path of one server."""

    def __init__(self, url: str, path: str, headers: dict[str, str]) -> None:
        self._connection = _connect(url)
        self._path, self._headers = path, headers
        self._used_at = time.monotonic()

    def post(self, body: bytes) -> tuple[float, bytes]:
        """Milliseconds from sending to the last byte of the answer, and the answer.

        Raises:
            RuntimeError: the answer is not 200; its body is not told, as it may quote documents.
        """
        if time.monotonic() - self._used_at > _IDLE_S:
            self._connection.close()  # as the server may have done; the next request opens it anew
        began = time.perf_counter()
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        took_ms = (time.perf_counter() - began) * 1000
        self._used_at = time.monotonic()
        if response.status != 200:
            raise RuntimeError(f"{self._path} answered {response.status}")
        return took_ms, answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()


def elasticsearch_poster(settings: ElasticsearchSettings, path: str, content_type: str = "application/json") -> Poster:
    """Posts to the bench's own node, which knows names and passwords."""
    login = base64.b64encode(f"{settings.username}:{settings.password!s}".encode()).decode()
    return Poster(settings.url, path, {"Content-Type": content_type, "Authorization": f"Basic {login}"})


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
