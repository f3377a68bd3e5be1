"""Clients of the API that ask again as soon as they are answered, while something happens to what they ask."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from crmsearch.processes import wait_until

_TIMEOUT_S = 60.0

# Asks with a path and a body, and gives the answer's body.
Ask = Callable[[str, dict[str, Any]], Any]
Visit = Callable[[Ask], object]


class Answered(NamedTuple):
    """One answer: when it was asked for, by the monotonic clock, and how long it took."""

    at_s: float
    took_ms: float


class Clients:
    """So many clients as there are visits, each in a thread of its own.

    Attributes:
        answers: in the order in which they came.
        errors: how often each kind of error was met; an answer that a visit finds wrong is an ``AssertionError``, with what it says.
    """

    def __init__(self, url: str, visits: Sequence[Visit], tries: int = 1) -> None:
        """Take what is asked.

        Args:
            url: of the API.
            visits: what each client does again and again.
            tries: times that a request is sent whose connection breaks.
        """
        self._url = url
        self._visits = visits
        self._tries = tries
        self._stop = threading.Event()
        self.answers: list[Answered] = []
        self.errors: Counter[str] = Counter()

    @contextmanager
    def asking(self) -> Iterator[Clients]:
        """They ask for the time of the block; at its end all have been answered."""
        with ThreadPoolExecutor(len(self._visits)) as pool:
            running = [pool.submit(self._visit_on, visit) for visit in self._visits]
            try:
                yield self
            finally:
                self._stop.set()
        for each in running:
            each.result()

    def wait_for(self, more: int, timeout_s: float) -> None:
        """Wait until so many more answers have come."""
        wanted = len(self.answers) + more
        assert wait_until(lambda: len(self.answers) >= wanted or bool(self.errors), timeout_s), f"{len(self.answers)} answers in time"

    def _visit_on(self, visit: Visit) -> None:
        connection = _connect(self._url)

        def ask(path: str, body: dict[str, Any]) -> Any:
            encoded = msgspec.json.encode(body)
            began_s = time.monotonic()
            answer = self._exchange(connection, path, encoded)
            self.answers.append(Answered(began_s, (time.monotonic() - began_s) * 1000))
            return msgspec.json.decode(answer)

        while not self._stop.is_set():
            try:
                visit(ask)
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.errors[f"{type(error).__name__}: {error}"] += 1
        connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
        for left in reversed(range(self._tries)):
            try:
                connection.request("POST", path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()  # the next request opens it again
                if not left:
                    raise
            else:
                break
        # Not the body, which may quote what was asked.
        assert response.status == 200, f"{path} answered {response.status}"
        return answer


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
