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

from crmsearch.contract import ChangeReport, FieldContent, InputReport, RunReport
from crmsearch.errors import ConfigError, CountMismatchError, CrmSearchError, JobError, NotFoundError, TooManyRejectedError
from crmsearch.indexing.changes import Applied
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.lock import Hold
from crmsearch.indexing.names import records_index, run_of
from crmsearch.indexing.runs import RunStore
from crmsearch.indexing.snapshots import Snapshots
from crmsearch.jobs import run_ingest
from crmsearch.report import render_report
from crmsearch.resolution.rows import Group, group_rows
from crmsearch.settings import Settings

__all__ = [
    "IngestOptions",
    "clean_to_files",
    "load_changes",
    "load_customers",
    "mend",
    "rebuild_customers",
    "report_page",
    "restore_customers",
]

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
        LoadRunningError: another load is running.
        LockLostError: this load was taken for dead by another, which goes on.
        InputError, JobError, BackendError, …: whatever went wrong; the new index is gone and the alias is as it was. A run that got as far
            as a report leaves it, with the reason of the failure.
    """
    with lifecycle.lock.held("ingest", lambda holder: on_event({"stage": f"wait for {holder.words}"})) as hold:
        mend(lifecycle, runs)
        return _load(settings, lifecycle, runs, hold, options, on_event, runner)


def rebuild_customers(lifecycle: Lifecycle, runs: RunStore, source: str | None, on_event: OnEvent = lambda _: None) -> str:
    """Copy a generation, the live one if none is named, into a new one of today's contract; promote it and return its name.

    Raises:
        NotFoundError: there is no such generation, or none is live.
        ContractMismatchError: its documents cannot be read as of this contract, or it is of a newer one.
        LoadRunningError, LockLostError, BackendError, …: as for a load; the new index is gone and the alias is as it was.
    """
    with lifecycle.lock.held("rebuild", lambda holder: on_event({"stage": f"wait for {holder.words}"})) as hold:
        mend(lifecycle, runs)
        source = source or lifecycle.live()
        if source is None:
            raise NotFoundError("no generation is live; name the one to rebuild, of those that `crmsearch index list` shows")
        began_at = datetime.now(UTC)
        index = lifecycle.create(began_at, loading=True)
        run_id = run_of(index)
        try:
            runs.begin(run_id, began_at, index)
            on_event({"stage": "copy"})
            documents, contents = lifecycle.copy(source, index)
            runs.advance(run_id, "written")
            _go_live(lifecycle, runs, hold, index, documents, contents, None, on_event)
        except BaseException as error:
            _undo(lifecycle, runs, index, error)
            raise
        runs.advance(run_id, "promoted")
        return index


def restore_customers(
    lifecycle: Lifecycle, runs: RunStore, snapshots: Snapshots, name: str | None, on_event: OnEvent = lambda _: None
) -> str:
    """Bring the customers of a snapshot, the newest if none is named, back as a new generation; promote it and return its name.

    Raises:
        NotFoundError: there is no such snapshot.
        ContractMismatchError: it is of another contract.
        LoadRunningError, LockLostError, BackendError, …: as for a load; the new index is gone and the alias is as it was.
    """
    with lifecycle.lock.held("restore", lambda holder: on_event({"stage": f"wait for {holder.words}"})) as hold:
        snapshot = snapshots.get(name)
        snapshots.restore_state(snapshot)
        mend(lifecycle, runs)
        began_at = datetime.now(UTC)
        index = lifecycle.next_name(began_at)
        try:
            runs.begin(run_of(index), began_at, index)
            on_event({"stage": "restore"})
            try:
                snapshots.restore_customers(snapshot, index)
            finally:
                lifecycle.adopt(index)
            _go_live(lifecycle, runs, hold, index, snapshot.documents, (), None, on_event)
        except BaseException as error:
            _undo(lifecycle, runs, index, error)
            raise
        runs.advance(run_of(index), "promoted")
        return index


def mend(lifecycle: Lifecycle, runs: RunStore) -> None:
    """Clear away what loads that died have left: their indices, and runs that never came to an end. For the holder of the lock."""
    lifecycle.discard_abandoned()
    unfinished = runs.unfinished()
    live = lifecycle.live() if unfinished else None
    for run in unfinished:
        if run.index == live:
            runs.advance(run.run_id, "promoted")
        else:
            runs.advance(run.run_id, "failed", "it ended without a word, and its index was removed")


def _load(
    settings: Settings, lifecycle: Lifecycle, runs: RunStore, hold: Hold, options: IngestOptions, on_event: OnEvent, runner: Runner
) -> RunReport:
    began_at = datetime.now(UTC)
    index = lifecycle.create(began_at, loading=True)
    run_id = run_of(index)
    report = None
    try:
        runs.begin(run_id, began_at, index)
        quarantine = _private_folder(settings.paths.state / "quarantine", run_id)
        arguments = [*options.arguments(), *_run_arguments(began_at, run_id), "--index", index, "--quarantine", quarantine.as_uri()]
        arguments += ["--records-index", records_index(index)]
        report = runner(settings, arguments, _noting_cleaned(runs, run_id, on_event))
        if report.indexed == 0:
            raise JobError(f"all {report.rows_read} rows are in quarantine ({quarantine}), so there is nothing to promote")
        runs.save(report, "written")
        _go_live(lifecycle, runs, hold, index, report.indexed, report.contents, report.records, on_event)
    except BaseException as error:  # Ctrl-C too
        if _undo(lifecycle, runs, index, error):
            _keep_failed_report(settings, runs, error, report)
        raise
    try:
        runs.advance(run_id, "promoted")
        lifecycle.prune(KEPT_GENERATIONS)
        _write_report(_private_folder(settings.paths.state / "reports", run_id), report, runs.recent(SHOWN_RUNS))
    except CrmSearchError as error:
        error.add_note(f"{index} is live; only what comes after a load was not done")
        raise
    return report


def _go_live(
    lifecycle: Lifecycle,
    runs: RunStore,
    hold: Hold,
    index: str,
    documents: int,
    contents: Sequence[FieldContent],
    records: int | None,
    on_event: OnEvent,
) -> None:
    """Verify a filled index and promote it, as long as the lock is ours."""
    on_event({"stage": "verify"})
    hold.check()
    lifecycle.finish(index, documents, contents, records)
    runs.advance(run_of(index), "verified")
    hold.check()
    lifecycle.promote(index, loading=True)


def _noting_cleaned(runs: RunStore, run_id: str, on_event: OnEvent) -> OnEvent:
    """Passes events on; when the job begins to write, its rows are clean."""
    noted: list[bool] = []

    def tell(event: dict[str, Any]) -> None:
        if event.get("stage") == "index" and not noted:
            noted.append(True)
            with suppress(CrmSearchError):  # a state that is not told is no reason to stop the writing
                runs.advance(run_id, "cleaned")
        on_event(event)

    return tell


def _undo(lifecycle: Lifecycle, runs: RunStore, index: str, error: BaseException) -> bool:
    """Remove the index of a load that has failed, and keep why; what cannot be done now is done by the next load.

    Returns:
        Whether the load has failed; ``False`` if its index went live all the same.
    """
    run_id = run_of(index)
    try:
        if not lifecycle.discard(index):
            error.add_note(f"{index} went live all the same")
            with suppress(CrmSearchError):
                runs.advance(run_id, "promoted")
            return False
    except CrmSearchError:
        error.add_note(f"the incomplete index {index} could not be removed; the next ingest removes it")
    with suppress(CrmSearchError):  # what went wrong first is what has to be told
        runs.advance(run_id, "failed", _reason(error))
    return True


def _keep_failed_report(settings: Settings, runs: RunStore, error: BaseException, report: RunReport | None) -> None:
    """The report of a run that failed, where it came so far as to have one."""
    if (failed := _failed_report(error, report)) is not None:
        with suppress(CrmSearchError):
            page = _write_report(_private_folder(settings.paths.state / "reports", failed.run_id), failed, runs.recent(SHOWN_RUNS))
            error.add_note(f"the report of the failed run: {page}")
            runs.save(failed, "failed")


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
    with lifecycle.lock.held("ingest", lambda holder: on_event({"stage": f"wait for {holder.words}"})) as hold:
        mend(lifecycle, runs)
        return _change(settings, lifecycle, runs, hold, options, on_event, runner)


def _change(
    settings: Settings, lifecycle: Lifecycle, runs: RunStore, hold: Hold, options: IngestOptions, on_event: OnEvent, runner: Runner
) -> RunReport:
    index = lifecycle.changeable()
    began_at = datetime.now(UTC)
    run_id = began_at.strftime("%Y%m%dt%H%M%Sz")
    indexed_at = began_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    quarantine = _private_folder(settings.paths.state / "quarantine", run_id)
    report = None
    with tempfile.TemporaryDirectory(dir=_private_folder(settings.paths.state / "changes")) as folder:
        rows = Path(folder) / "rows.jsonl"
        try:
            arguments = [
                *options.arguments(),
                *_run_arguments(began_at, run_id),
                "--rows-out",
                str(rows),
                "--quarantine",
                quarantine.as_uri(),
            ]
            report = runner(settings, arguments, on_event)
            on_event({"stage": "apply"})
            hold.check()
            began = time.perf_counter()
            groups = group_rows(map(msgspec.json.decode, rows.read_bytes().splitlines()), indexed_at)
            applied = lifecycle.apply(index, groups, run_id, indexed_at)
            seconds = report.seconds | {"apply": round(time.perf_counter() - began, 3)}
            report = _changed_report(msgspec.structs.replace(report, index=index, seconds=seconds), groups, applied)
        except BaseException as error:
            _keep_failed_report(settings, runs, error, report)
            raise
    runs.save(report, "promoted")
    _write_report(_private_folder(settings.paths.state / "reports", run_id), report, runs.recent(SHOWN_RUNS))
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
    return None if report is None else msgspec.structs.replace(report, failure=_reason(error))


def _reason(error: BaseException) -> str:
    return error.detail if isinstance(error, CrmSearchError) else "interrupted" if isinstance(error, KeyboardInterrupt) else "a defect"


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
    run_id = began_at.strftime("%Y%m%dt%H%M%Sz")
    elsewhere = "://" in str(out)
    folder = None if elsewhere else _private_folder(Path(out))
    place = str(out) if folder is None else folder.as_uri()
    try:
        report = runner(settings, [*options.arguments(), *_run_arguments(began_at, run_id), "--out", place], on_event)
    except TooManyRejectedError as error:
        if error.report is not None:
            page = _write_report(folder or _private_folder(settings.paths.state / "reports", error.report.run_id), error.report, ())
            error.add_note(f"the report of the failed run: {page}")
        raise
    _write_report(folder or _private_folder(settings.paths.state / "reports", report.run_id), report, ())
    return report


def _run_arguments(began_at: datetime, run_id: str) -> Sequence[str]:
    return ["--began-at", began_at.isoformat(), "--run-id", run_id]


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
