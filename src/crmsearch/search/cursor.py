"""Cursors: where a search goes on, signed so that nobody can make one up, and good for a while only.

A cursor is ``payload.signature``, both in base64 for URLs. The payload is JSON: when it was issued, a mark of the search it belongs to, and
the position. The signature is HMAC-SHA-256 over the payload (RFC 2104). The mark is keyed too: a plain hash would let whoever sees a cursor
in a URL try names until one fits.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from copy import copy
from typing import Any

import msgspec

from crmsearch.errors import CursorError
from crmsearch.search.relevance import Stage
from crmsearch.search.request import SearchRequest

__all__ = ["Cursors", "Position"]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a search goes on: the generation it began in, the sort values of its last hit, and which of its stages found them."""

    index: str
    after: list[str | int | float | None]
    stage: Stage = "precise"


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    issued_at: int  # seconds since the epoch
    mark: str
    position: Position


class Cursors:
    """Writes and reads the cursors of one key."""

    def __init__(self, key: str, lifetime_s: int, now: Callable[[], float]) -> None:
        """Take what cursors rest on.

        Args:
            key: signs them; every process that is to read them has the same.
            lifetime_s: seconds from one page to the request for the next.
            now: seconds since the epoch.
        """
        self._key = key.encode()
        self._lifetime_s = lifetime_s
        self._now = now
        self._rows = ""

    def within(self, rows: str) -> "Cursors":
        """Cursors of the same key under a rule by rows, which are no good under another one."""
        found = copy(self)
        found._rows = rows
        return found

    def write(self, request: SearchRequest, position: Position) -> str:
        """The cursor that leads the same search on from there."""
        payload = msgspec.json.encode(_Payload(int(self._now()), self._mark(request), position))
        return f"{_encode(payload)}.{_encode(self._sign(payload))}"

    def read(self, request: SearchRequest) -> Position | None:
        """Where the request's cursor points, if it has one.

        Raises:
            CursorError: it is malformed, not ours, too old, or of another search.
        """
        if request.cursor is None:
            return None
        payload, _, signature = request.cursor.partition(".")
        try:
            found, given = _decode(payload), _decode(signature)
        except ValueError as error:
            raise CursorError("the cursor is malformed; use next_cursor of an answer as it is") from error
        if not hmac.compare_digest(given, self._sign(found)):
            raise CursorError("the cursor is not one of ours; use next_cursor of an answer as it is, or start again without it")
        try:
            read = msgspec.json.decode(found, type=_Payload)
        except msgspec.DecodeError as error:
            raise CursorError("the cursor was made by another version; start the search again without it") from error
        if self._now() - read.issued_at > self._lifetime_s:
            raise CursorError("the cursor has expired; start the search again without it")
        if not hmac.compare_digest(read.mark, self._mark(request)):
            raise CursorError("the cursor belongs to another search; start again without it")
        return read.position

    def _mark(self, request: SearchRequest) -> str:
        """What makes two requests the same search: the text, the filters, the order, and the rule by rows, if there is one."""
        same: list[Any] = ["search", request.q, request.filters, request.sort, *([self._rows] if self._rows else [])]
        return self._sign(msgspec.json.encode(same)).hex()[:16]

    def _sign(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
