"""How a load is asked for, and how it asks for the job."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from crmsearch.contract import RunReport
from crmsearch.settings import Settings

__all__ = ["IngestOptions", "OnEvent", "Runner", "run_arguments"]

OnEvent = Callable[[dict[str, Any]], None]
# Carries out spark/ingest.py with these arguments; the tests run it in their own Spark.
Runner = Callable[[Settings, Sequence[str], OnEvent], RunReport]


class IngestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How sources are read; see ``spark/options.py``. A path may bear the name of its system: ``zoho=leads.csv``."""

    paths: tuple[str, ...]
    orders: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    source: str = "auto"
    encoding: str = "UTF-8"
    region: str | None = None
    day_first: bool = True
    columns: tuple[str, ...] = ()
    max_rejected: float | None = None

    def arguments(self) -> list[str]:
        """Arguments of the job."""
        words = [*self.paths, "--source", self.source, "--encoding", self.encoding]
        for option, paths in (
            ("--orders", self.orders),
            ("--tickets", self.tickets),
            ("--campaigns", self.campaigns),
            ("--removed", self.removed),
        ):
            words += [word for path in paths for word in (option, path)]
        words += ["--region", self.region] if self.region else []
        words += [] if self.day_first else ["--month-first"]
        for column in self.columns:
            words += ["--map", column]
        words += [] if self.max_rejected is None else ["--max-rejected", str(self.max_rejected)]
        return words


def run_arguments(began_at: datetime, run_id: str) -> Sequence[str]:
    """Arguments of the job that are of the run and not of what was asked for."""
    return ["--began-at", began_at.isoformat(), "--run-id", run_id]
