"""How a job tells of its progress: JSON text sequences (RFC 7464) on stderr for the CLI, plain lines for people."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from pyspark.sql import SparkSession

from crmsearch.errors import CrmSearchError

__all__ = ["RECORD_SEPARATOR", "Progress"]

RECORD_SEPARATOR = "\x1e"
POLL_S = 0.5


class Progress:
    """Stages of a job with the share of Spark tasks done, and the seconds that each took."""

    def __init__(self, *, machine: bool) -> None:
        self._machine = machine
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, spark: SparkSession | None = None, **facts: int) -> Iterator[None]:
        """Announce a stage with what is known of it, report its tasks while it runs, and keep its time."""
        began = time.perf_counter()
        self._tell({"stage": name, **facts}, f"{name} …")
        done = threading.Event()
        poller = threading.Thread(target=self._poll, args=(name, spark, done), daemon=True) if spark is not None and self._machine else None
        if poller is not None:
            poller.start()
        try:
            yield
        finally:
            done.set()
            if poller is not None:
                poller.join()
            self.seconds[name] = round(time.perf_counter() - began, 3)

    def failed(self, error: CrmSearchError) -> None:
        self._tell({"error": error.code, "detail": error.detail}, f"error: {error.detail}")

    def _poll(self, name: str, spark: SparkSession, done: threading.Event) -> None:
        tracker = spark.sparkContext.statusTracker()
        while not done.wait(POLL_S):
            stages = [info for info in map(tracker.getStageInfo, tracker.getActiveStageIds()) if info is not None]
            if stages:
                total = sum(info.numTasks for info in stages)
                self._tell({"stage": name, "done": sum(info.numCompletedTasks for info in stages), "total": total}, "")

    def _tell(self, event: dict[str, Any], words: str) -> None:
        if self._machine:
            sys.stderr.write(f"{RECORD_SEPARATOR}{msgspec.json.encode(event).decode()}\n")
        elif words:
            sys.stderr.write(words + "\n")
        sys.stderr.flush()
