"""A full load fills a new index, verifies and promotes it, or removes it and nothing has changed; so does what copies an index."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from crmsearch.contract import FieldContent, RunReport
from crmsearch.errors import CrmSearchError, JobError, NotFoundError
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.lock import Hold
from crmsearch.indexing.names import records_index, run_of
from crmsearch.indexing.runs import RunStore
from crmsearch.indexing.snapshots import Snapshots
from crmsearch.jobs import run_ingest
from crmsearch.keyfile import privacy_key, with_keys
from crmsearch.loading.options import IngestOptions, OnEvent, Runner, run_arguments
from crmsearch.loading.reports import ONCE_MORE, SHOWN_RUNS, keep_failed_report, private_folder, why_failed, write_report
from crmsearch.loading.suppressed import told_of_suppressions
from crmsearch.logs import RUN_ID, one_run
from crmsearch.settings import Settings

__all__ = ["KEPT_GENERATIONS", "load_customers", "rebuild_customers", "restore_customers", "writing"]

KEPT_GENERATIONS = 2  # beside the live one: yesterday's to roll back to, and the one before


@one_run()
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
    with writing("ingest", lifecycle, runs, on_event) as hold:
        return _load(settings, lifecycle, runs, hold, options, on_event, runner)


def rebuild_customers(lifecycle: Lifecycle, runs: RunStore, source: str | None, on_event: OnEvent = lambda _: None) -> str:
    """Copy a generation, the live one if none is named, into a new one of today's contract; promote it and return its name.

    Raises:
        NotFoundError: there is no such generation, or none is live.
        ContractMismatchError: its documents cannot be read as of this contract, or it is of a newer one.
        LoadRunningError, LockLostError, BackendError, …: as for a load; the new index is gone and the alias is as it was.
    """
    with writing("rebuild", lifecycle, runs, on_event) as hold:
        source = source or lifecycle.live()
        if source is None:
            raise NotFoundError("no generation is live; name the one to rebuild, of those that `crmsearch index list` shows")
        began_at = datetime.now(UTC)
        index = lifecycle.create(began_at, loading=True)
        run_id = run_of(index)
        try:
            runs.begin(run_id, began_at, index)
            on_event({"stage": "copy"})
            documents, contents, records = lifecycle.copy(source, index)
            runs.advance(run_id, "written")
            _go_live(lifecycle, runs, hold, index, documents, contents, records, on_event, for_analysts=True)
        except BaseException as error:
            _undo(lifecycle, runs, index, error)
            raise
        runs.advance(run_id, "promoted")
        return index


def restore_customers(
    settings: Settings,
    lifecycle: Lifecycle,
    runs: RunStore,
    snapshots: Snapshots,
    name: str | None,
    on_event: OnEvent = lambda _: None,
) -> str:
    """Bring the customers of a snapshot, the newest if none is named, back as a new generation; promote it and return its name.

    Who was erased since does not come back.

    Raises:
        NotFoundError: there is no such snapshot.
        ContractMismatchError: it is of another contract.
        LoadRunningError, LockLostError, BackendError, …: as for a load; the new index is gone and the alias is as it was.
    """
    with _locked("restore", lifecycle, on_event) as hold:
        snapshot = snapshots.get(name)
        snapshots.restore_state(snapshot)
        mend(lifecycle, runs)  # of what the snapshot tells as well
        began_at = datetime.now(UTC)
        index = lifecycle.next_name(began_at)
        try:
            runs.begin(run_of(index), began_at, index)
            on_event({"stage": "restore"})
            try:
                snapshots.restore_customers(snapshot, index)
            finally:
                lifecycle.adopt(index)
            suppressions = lifecycle.suppressions.read(privacy_key(settings))
            dropped = snapshots.leave_out(index, suppressions) if suppressions else 0
            # A backup of an older crmsearch, or of another key, has nothing for analysts.
            _go_live(lifecycle, runs, hold, index, snapshot.documents - dropped, (), None, on_event, for_analysts=False)
        except BaseException as error:
            _undo(lifecycle, runs, index, error)
            raise
        runs.advance(run_of(index), "promoted")
        return index


@contextmanager
def writing(work: str, lifecycle: Lifecycle, runs: RunStore, on_event: OnEvent) -> Iterator[Hold]:
    """Hold the writers' lock, with what loads that died have left cleared away; raises as ``WriterLock.held``."""
    with _locked(work, lifecycle, on_event) as hold:
        mend(lifecycle, runs)
        yield hold


def _locked(work: str, lifecycle: Lifecycle, on_event: OnEvent) -> AbstractContextManager[Hold]:
    return lifecycle.lock.held(work, lambda holder: on_event({"stage": f"wait for {holder.words}"}))


def mend(lifecycle: Lifecycle, runs: RunStore) -> None:
    """Clear away what loads that died have left: their indices, and runs that never came to an end. For the holder of the lock."""
    lifecycle.discard_abandoned()
    unfinished = runs.unfinished()
    live = lifecycle.live() if unfinished else None
    for run in unfinished:
        if run.mode == "incremental":
            runs.advance(run.run_id, "failed", f"it ended without a word; {ONCE_MORE}")
        elif run.index == live:
            runs.advance(run.run_id, "promoted")
        else:
            runs.advance(run.run_id, "failed", "it ended without a word, and its index was removed")


def _load(
    settings: Settings, lifecycle: Lifecycle, runs: RunStore, hold: Hold, options: IngestOptions, on_event: OnEvent, runner: Runner
) -> RunReport:
    began_at = datetime.now(UTC)
    index = lifecycle.create(began_at, loading=True)
    run_id = run_of(index)
    RUN_ID.set(run_id)
    report = None
    try:
        runs.begin(run_id, began_at, index)
        quarantine = private_folder(settings.paths.state / "quarantine", run_id)
        arguments = [*options.arguments(), *run_arguments(began_at, run_id), "--index", index, "--quarantine", quarantine.as_uri()]
        arguments += ["--records-index", records_index(index), "--analytics-index", lifecycle.analytics(index).index]
        with told_of_suppressions(settings, lifecycle.suppressions, run_id) as told:
            report = runner(with_keys(settings, lifecycle.vault), [*arguments, *told], _noting_cleaned(runs, run_id, on_event))
        if report.indexed == 0:
            raise JobError(f"all {report.rows_read} rows are in quarantine ({quarantine}), so there is nothing to promote")
        runs.save(report, "written")
        _go_live(lifecycle, runs, hold, index, report.indexed, report.contents, report.records, on_event, for_analysts=True)
    except BaseException as error:  # Ctrl-C too
        if _undo(lifecycle, runs, index, error):
            keep_failed_report(settings, runs, error, report)
        raise
    try:
        runs.advance(run_id, "promoted")
        lifecycle.prune(KEPT_GENERATIONS)
        write_report(private_folder(settings.paths.state / "reports", run_id), report, runs.recent(SHOWN_RUNS))
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
    *,
    for_analysts: bool,
) -> None:
    """Verify a filled index and promote it, as long as the lock is ours."""
    on_event({"stage": "verify"})
    hold.check()
    lifecycle.finish(index, documents, contents, records, for_analysts=for_analysts)
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
        runs.advance(run_id, "failed", why_failed(error))
    return True
