"""One full load: a new index is filled by the Spark job, verified and promoted, or it is removed and nothing has changed."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.contract import RunReport
from crmsearch.errors import CrmSearchError, JobError
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.jobs import run_ingest
from crmsearch.settings import Settings

__all__ = ["IngestOptions", "clean_to_files", "load_customers"]

KEPT_GENERATIONS = 2  # beside the live one: yesterday's to roll back to, and the one before
OnEvent = Callable[[dict[str, Any]], None]
# Carries out spark/ingest.py with these arguments; the tests run it in their own Spark.
Runner = Callable[[Settings, Sequence[str], OnEvent], RunReport]


class IngestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How sources are read; see ``spark/ingest.py``."""

    paths: tuple[str, ...]
    source: str = "generic"
    encoding: str = "UTF-8"
    region: str | None = None
    day_first: bool = True
    columns: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Arguments of the job."""
        words = [*self.paths, "--source", self.source, "--encoding", self.encoding]
        words += ["--region", self.region] if self.region else []
        words += [] if self.day_first else ["--month-first"]
        for column in self.columns:
            words += ["--map", column]
        return words


def load_customers(
    settings: Settings, lifecycle: Lifecycle, options: IngestOptions, on_event: OnEvent = lambda _: None, runner: Runner = run_ingest
) -> RunReport:
    """Load all customers anew and promote the result.

    Raises:
        InputError, JobError, BackendError, …: whatever went wrong; the new index is gone and the alias is as it was.
    """
    began_at = datetime.now(UTC)
    index = lifecycle.create(began_at)
    try:
        quarantine = _private_folder(settings.paths.state / "quarantine", index.rpartition("-")[2])
        report = runner(settings, [*options.arguments(), *_run_arguments(began_at), "--index", index, "--quarantine", quarantine], on_event)
        if report.indexed == 0:
            raise JobError(f"all {report.rows_read} rows are in quarantine ({quarantine}), so there is nothing to promote")
        on_event({"stage": "verify"})
        lifecycle.finish(index, report.indexed)
        lifecycle.promote(index)
    except BaseException as error:  # Ctrl-C too
        try:
            lifecycle.delete(index)
        except CrmSearchError:
            error.add_note(f"the incomplete index {index} could not be removed; the next successful ingest removes it")
        raise
    lifecycle.prune(KEPT_GENERATIONS)
    return report


def clean_to_files(
    settings: Settings, options: IngestOptions, out: Path, on_event: OnEvent = lambda _: None, runner: Runner = run_ingest
) -> RunReport:
    """The Spark part alone: ``customers/``, ``quarantine/``, ``clusters/`` and ``report.json`` in ``out``, readable by the owner only."""
    out.mkdir(parents=True, exist_ok=True)
    out.chmod(0o700)
    began_at = datetime.now(UTC)
    report = runner(settings, [*options.arguments(), *_run_arguments(began_at), "--out", out.absolute().as_uri()], on_event)
    (out / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return report


def _run_arguments(began_at: datetime) -> Sequence[str]:
    return ["--began-at", began_at.isoformat(), "--run-id", began_at.strftime("%Y%m%dt%H%M%Sz")]


def _private_folder(parent: Path, name: str) -> str:
    """A folder of personal data: nobody but its owner may look inside."""
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    parent.chmod(0o700)
    return folder.absolute().as_uri()
