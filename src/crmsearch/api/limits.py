"""Limits that all processes of the API on one machine share: a small SQLite file in the state directory.

A request costs one statement of some tens of microseconds. Where the file cannot be used the request is let in: a full disk is to stop
nobody who waits on the phone, and it is logged.
"""

import fcntl
import hashlib
import logging
import math
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from crmsearch.api.metrics import note_limited
from crmsearch.errors import TooManyRequestsError
from crmsearch.privacy.access import ANYBODY, Caller
from crmsearch.privacy.limits import LIMITS, Limit

__all__ = ["Buckets", "Spend", "make_spend", "spend"]

Spend = NamedDependency[SkipValidation[Callable[[float], None]]]

logger = logging.getLogger("crmsearch.limits")

_WAIT_MS = 50  # for another process that writes at the same moment
_START_WAIT_S = 10.0  # for others that write while this one opens the file
_NOTHING_S = 1e-6  # by which sums of seconds may be off
_SWEEP_EVERY = 10_000  # takings, after which names are forgotten that have paid all
_TAKE = """
INSERT INTO buckets VALUES (:name, :now + :cost)
ON CONFLICT (name) DO UPDATE SET paid_at = max(paid_at, :now) + :cost WHERE max(paid_at, :now) + :cost - :now - :window < :nothing
RETURNING paid_at
"""
_LOOK = "SELECT max(paid_at, :now) + :cost - :now - :window FROM buckets WHERE name = :name"
# A clock that was put back locks nobody out for longer than a whole burst takes.
_BOUND = "UPDATE buckets SET paid_at = :now + :window WHERE name = :name AND paid_at > :now + :window"


class Buckets:
    """What has been asked for by name, in a file that other processes use too."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._takings = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with _alone_in(path.parent):
                self._base = _open(path)
        except sqlite3.Error as error:
            logger.warning("each process keeps limits of its own, since %s cannot be used: %s", path.name, type(error).__name__)
            self._base = _open(Path(":memory:"))

    def take(self, kind: str, name: str, limit: Limit, cost: float = 1.0) -> None:
        """Let a request in that costs so much; one that costs more than a burst counts for a whole one.

        Raises:
            TooManyRequestsError: it is too early; how long to wait is told.
        """
        self._let_in(kind, name, limit, cost, take=True)

    def check(self, kind: str, name: str, limit: Limit) -> None:
        """Raise as ``take`` would, and take nothing."""
        self._let_in(kind, name, limit, 1.0, take=False)

    def close(self) -> None:
        self._base.close()

    def _let_in(self, kind: str, name: str, limit: Limit, cost: float, *, take: bool) -> None:
        values: dict[str, Any] = {
            # An address is somebody's, so that the file holds none.
            "name": f"{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}",
            "now": self._clock(),
            "cost": min(cost, limit.burst) / limit.per_s,
            "window": limit.window_s,
            "nothing": _NOTHING_S,
        }
        try:
            if take:
                self._sweep(values["now"])
                if self._base.execute(_TAKE, values).fetchone():
                    return
            found = self._base.execute(_LOOK, values).fetchone()
            early_s = 0.0 if found is None else found[0]
            if early_s > values["cost"]:
                self._base.execute(_BOUND, values)
        except sqlite3.Error as error:
            logger.warning("limits are not kept: %s", type(error).__name__)
            return
        if early_s >= _NOTHING_S:
            note_limited(kind)
            wait_s = max(1, math.ceil(min(early_s, values["cost"])))
            raise TooManyRequestsError(f"that is faster than {limit.per_s:.3g} requests a second; try again in {wait_s} s", wait_s)

    def _sweep(self, now: float) -> None:
        self._takings += 1
        if self._takings % _SWEEP_EVERY == 0:
            self._base.execute("DELETE FROM buckets WHERE paid_at < ?", (now,))


def _open(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=_START_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = OFF")  # who loses power loses no more than who had to wait
        base.execute("CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, paid_at REAL NOT NULL) WITHOUT ROWID")
        base.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
    except sqlite3.Error:
        base.close()
        raise
    return base


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process makes the file: SQLite does not wait, but fails, where two change the journal of a new file at once."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def spend(buckets: Buckets | None, caller: Caller, cost: float) -> None:
    """Let a caller spend so much of what the role allows; before there is a key, and without buckets, as much as anybody likes.

    Raises:
        TooManyRequestsError: it is too early.
    """
    if buckets is not None and caller is not ANYBODY:
        buckets.take("key", caller.prefix, LIMITS[caller.role], cost)


def make_spend(buckets: Buckets | None) -> Callable[[Request[Any, Any, Any]], Awaitable[Callable[[float], None]]]:
    """What provides handlers with a way to spend more than the request itself, for whom the guard has let in."""

    async def provide_spend(request: Request[Any, Any, Any]) -> Callable[[float], None]:
        return lambda cost: spend(buckets, request.state.caller, cost)

    return provide_spend
