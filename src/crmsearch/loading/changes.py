"""An incremental load: the job cleans the new rows, and they are applied to the live customers."""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from crmsearch.contract import ChangeReport, InputReport, RunReport
from crmsearch.errors import ConfigError, CountMismatchError, CrmSearchError
from crmsearch.indexing.changes import Applied
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.lock import Hold
from crmsearch.indexing.names import stamp
from crmsearch.indexing.runs import RunStore
from crmsearch.jobs import run_ingest
from crmsearch.keyfile import with_keys
from crmsearch.loading.full import writing
from crmsearch.loading.options import IngestOptions, OnEvent, Runner, run_arguments
from crmsearch.loading.reports import ONCE_MORE, SHOWN_RUNS, keep_failed_report, private_folder, why_failed, write_report
from crmsearch.loading.suppressed import told_of_suppressions
from crmsearch.logs import RUN_ID, one_run
from crmsearch.processes import command_lines
from crmsearch.resolution.rows import Group, group_rows
from crmsearch.settings import Settings

__all__ = ["load_changes"]


@one_run()
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
    with writing("ingest", lifecycle, runs, on_event) as hold:
        return _change(settings, lifecycle, runs, hold, options, on_event, runner)


def _change(
    settings: Settings, lifecycle: Lifecycle, runs: RunStore, hold: Hold, options: IngestOptions, on_event: OnEvent, runner: Runner
) -> RunReport:
    index = lifecycle.changeable()
    began_at = datetime.now(UTC)
    run_id = stamp(began_at)
    RUN_ID.set(run_id)
    indexed_at = began_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    quarantine = private_folder(settings.paths.state / "quarantine", run_id)
    report = None
    changes = private_folder(settings.paths.state / "changes")
    _clear_away_the_dead(changes)
    runs.begin(run_id, began_at, index, "incremental")
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=changes) as folder:
        rows = Path(folder) / "rows.jsonl"
        try:
            arguments = [
                *options.arguments(),
                *run_arguments(began_at, run_id),
                "--rows-out",
                str(rows),
                "--quarantine",
                quarantine.as_uri(),
            ]
            with told_of_suppressions(settings, lifecycle.suppressions, run_id) as told:
                report = runner(with_keys(settings, lifecycle.vault), [*arguments, *told], on_event)
            on_event({"stage": "apply"})
            hold.check()
            began = time.perf_counter()
            vault = lifecycle.vault
            sealed = map(msgspec.json.decode, rows.read_bytes().splitlines())
            groups = group_rows((vault.open(row, row["fingerprint"]) for row in sealed), indexed_at)
            applied = lifecycle.apply(index, groups, run_id, indexed_at)
            seconds = report.seconds | {"apply": round(time.perf_counter() - began, 3)}
            report = _changed_report(msgspec.structs.replace(report, index=index, seconds=seconds), groups, applied)
        except BaseException as error:
            with suppress(CrmSearchError):
                runs.advance(run_id, "failed", why_failed(error))
            keep_failed_report(settings, runs, error, report)
            if report is not None:
                error.add_note(ONCE_MORE)
            raise
    runs.save(report, "promoted")
    write_report(private_folder(settings.paths.state / "reports", run_id), report, runs.recent(SHOWN_RUNS))
    return report


def _clear_away_the_dead(changes: Path) -> None:
    """Remove the rows of runs that were killed before they could do it; they are people's data, and of no use to anybody."""
    for folder in changes.iterdir():
        pid = folder.name.partition("-")[0]
        if not pid.isdecimal() or not command_lines(int(pid)).get(int(pid)):
            shutil.rmtree(folder)


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
