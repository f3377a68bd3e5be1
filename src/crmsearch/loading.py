"""Loads. A full one fills a new index by the Spark job, verifies and promotes it, or removes it and nothing has changed.

An incremental one has the job clean the new rows, and applies them to the live customers.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.contract import ChangeReport, InputReport, RunReport
from crmsearch.errors import ConfigError, CountMismatchError, CrmSearchError, JobError, TooManyRejectedError
from crmsearch.indexing.changes import Applied
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import records_index
from crmsearch.indexing.runs import RunStore
from crmsearch.jobs import run_ingest
from crmsearch.report import render_report
from crmsearch.resolution.rows import Group, group_rows
from crmsearch.settings import Settings

__all__ = ["IngestOptions", "clean_to_files", "load_changes", "load_customers", "report_page"]

KEPT_GENERATIONS = 2  # beside the live one: yesterday's to roll back to, and the one before
SHOWN_RUNS = 20  # earlier runs in the trend of a report
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


def load_customers(
    settings: Settings,
    lifecycle: Lifecycle,
    runs: RunStore,
    options: IngestOptions,
    on_event: OnEvent = lambda _: None,
    runner: Runner = run_ingest,
) -> RunReport:
    """Load all customers anew and promote the result; its report is kept in ``crm-runs`` and as files in the state directory.

    Raises:
        InputError, JobError, BackendError, …: whatever went wrong; the new index is gone and the alias is as it was. A run that got as far
            as a report leaves it, with the reason of the failure.
    """
    began_at = datetime.now(UTC)
    index = lifecycle.create(began_at)
    report = None
    try:
        quarantine = _private_folder(settings.paths.state / "quarantine", index.rpartition("-")[2])
        arguments = [*options.arguments(), *_run_arguments(began_at), "--index", index, "--quarantine", quarantine.as_uri()]
        arguments += ["--records-index", records_index(index)]
        report = runner(settings, arguments, on_event)
        if report.indexed == 0:
            raise JobError(f"all {report.rows_read} rows are in quarantine ({quarantine}), so there is nothing to promote")
        on_event({"stage": "verify"})
        lifecycle.finish(index, report.indexed, report.records)
        lifecycle.promote(index)
    except BaseException as error:  # Ctrl-C too
        try:
            lifecycle.delete(index)
        except CrmSearchError:
            error.add_note(f"the incomplete index {index} could not be removed; the next successful ingest removes it")
        _keep_failed_report(settings, runs, error, report)
        raise
    lifecycle.prune(KEPT_GENERATIONS)
    _keep_report(settings, runs, report)
    return report


def load_changes(
    settings: Settings,
    lifecycle: Lifecycle,
    runs: RunStore,
    options: IngestOptions,
    on_event: OnEvent = lambda _: None,
    runner: Runner = run_ingest,
) -> RunReport:
    """Load new, changed and removed records of customers into the live generation; the report is kept like that of a full load.

    A run that fails or dies while it writes has written some customers anew, each of them whole; the same input once more writes the rest.

    Raises:
        InputError, JobError, BackendError, …: whatever went wrong. A run that got as far as a report leaves it, with the reason.
    """
    if options.orders or options.tickets or options.campaigns:
        raise ConfigError("an incremental load takes customers; orders, tickets and campaign responses are counted anew by a full one")
    index = lifecycle.changeable()
    began_at = datetime.now(UTC)
    run_id = began_at.strftime("%Y%m%dt%H%M%Sz")
    indexed_at = began_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    quarantine = _private_folder(settings.paths.state / "quarantine", run_id)
    report = None
    with tempfile.TemporaryDirectory(dir=_private_folder(settings.paths.state / "changes")) as folder:
        rows = Path(folder) / "rows.jsonl"
        try:
            arguments = [*options.arguments(), *_run_arguments(began_at), "--rows-out", str(rows), "--quarantine", quarantine.as_uri()]
            report = runner(settings, arguments, on_event)
            on_event({"stage": "apply"})
            began = time.perf_counter()
            groups = group_rows(map(msgspec.json.decode, rows.read_bytes().splitlines()), indexed_at)
            applied = lifecycle.apply(index, groups, run_id, indexed_at)
            seconds = report.seconds | {"apply": round(time.perf_counter() - began, 3)}
            report = _changed_report(msgspec.structs.replace(report, index=index, seconds=seconds), groups, applied)
        except BaseException as error:
            _keep_failed_report(settings, runs, error, report)
            raise
    _keep_report(settings, runs, report)
    return report


def _changed_report(report: RunReport, groups: Mapping[str, Group], applied: Applied) -> RunReport:
    """The report with what has become of the rows.

    Raises:
        CountMismatchError: a row is not accounted for.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for name, group in groups.items():
        home = applied.homes[name] if name in applied.told else None
        fate = "merged" if home is not None else "removed" if name in applied.removed else "unchanged"
        for place, source in enumerate(group.sources):
            counts[source, "indexed" if home == name and not place else fate] += 1
    inputs = [_changed_input(each, counts) for each in report.inputs]
    for each in inputs:
        if each.rows_read != each.indexed + each.merged + each.quarantined + each.removed + each.unchanged:
            raise CountMismatchError(f"{each.path}: the rows read do not add up; was the file changed during the run? Run it again")
    return msgspec.structs.replace(
        report,
        inputs=inputs,
        **{fate: sum(getattr(each, fate) for each in inputs) for fate in _FATES},
        changes=ChangeReport(
            customers_written=len(applied.written),
            customers_deleted=len(applied.deleted),
            records_compared=applied.compared,
            customers=applied.customers,
        ),
    )


_FATES = ("indexed", "merged", "removed", "unchanged")


def _changed_input(each: InputReport, counts: Mapping[tuple[str, str], int]) -> InputReport:
    return msgspec.structs.replace(each, **{fate: counts.get((each.path, fate), 0) for fate in _FATES})


def _failed_report(error: BaseException, report: RunReport | None) -> RunReport | None:
    """The report of a run whose result will not go live, with the reason; ``None`` if the run did not come so far."""
    if isinstance(error, TooManyRejectedError):
        report = error.report
    failure = error.detail if isinstance(error, CrmSearchError) else "interrupted" if isinstance(error, KeyboardInterrupt) else "a defect"
    return None if report is None else msgspec.structs.replace(report, failure=failure)


def _keep_failed_report(settings: Settings, runs: RunStore, error: BaseException, report: RunReport | None) -> None:
    if (failed := _failed_report(error, report)) is not None:
        with suppress(CrmSearchError):  # what went wrong first is what has to be told
            _keep_report(settings, runs, failed)
            error.add_note(f"the report of the failed run: {report_page(settings, failed)}")


def _keep_report(settings: Settings, runs: RunStore, report: RunReport) -> None:
    """In ``crm-runs``, and as a page that compares it with the runs before."""
    earlier = runs.recent(SHOWN_RUNS)
    runs.save(report)
    _write_report(_private_folder(settings.paths.state / "reports", report.run_id), report, earlier)


def report_page(settings: Settings, report: RunReport) -> Path:
    """Where a load has put the page that shows its report."""
    return settings.paths.state / "reports" / report.run_id / "report.html"


def clean_to_files(
    settings: Settings, options: IngestOptions, out: Path | str, on_event: OnEvent = lambda _: None, runner: Runner = run_ingest
) -> RunReport:
    """The Spark part alone: ``customers/``, ``quarantine/``, ``clusters/`` and the report in ``out``, readable by the owner only.

    Where ``out`` is the URI of another file system, the report stays here; see ``report_page``.
    """
    began_at = datetime.now(UTC)
    elsewhere = "://" in str(out)
    folder = None if elsewhere else _private_folder(Path(out))
    place = str(out) if folder is None else folder.as_uri()
    try:
        report = runner(settings, [*options.arguments(), *_run_arguments(began_at), "--out", place], on_event)
    except TooManyRejectedError as error:
        if error.report is not None:
            page = _write_report(folder or _private_folder(settings.paths.state / "reports", error.report.run_id), error.report, ())
            error.add_note(f"the report of the failed run: {page}")
        raise
    _write_report(folder or _private_folder(settings.paths.state / "reports", report.run_id), report, ())
    return report


def _run_arguments(began_at: datetime) -> Sequence[str]:
    return ["--began-at", began_at.isoformat(), "--run-id", began_at.strftime("%Y%m%dt%H%M%Sz")]


def _write_report(folder: Path, report: RunReport, earlier: Sequence[RunReport]) -> Path:
    """``report.json`` for machines and ``report.html`` for people, whose path is returned."""
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    page = folder / "report.html"
    page.write_text(render_report(report, earlier), encoding="utf-8")
    return page


def _private_folder(parent: Path, name: str = "") -> Path:
    """A folder of personal data: nobody but its owner may look inside, nor see what there is."""
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    for each in (parent, folder):
        each.chmod(0o700)
    return folder.absolute()
