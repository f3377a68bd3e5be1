"""The Spark part of a load alone, for files."""

from datetime import UTC, datetime
from pathlib import Path

from crmsearch.contract import RunReport
from crmsearch.errors import TooManyRejectedError
from crmsearch.indexing.names import stamp
from crmsearch.jobs import run_ingest
from crmsearch.loading.options import IngestOptions, OnEvent, Runner, run_arguments
from crmsearch.loading.reports import REPORT_FILES, private_folder, write_report
from crmsearch.logs import RUN_ID, one_run
from crmsearch.settings import Settings

__all__ = ["clean_to_files"]


@one_run()
def clean_to_files(
    settings: Settings, options: IngestOptions, out: Path | str, on_event: OnEvent = lambda _: None, runner: Runner = run_ingest
) -> RunReport:
    """The Spark part alone: ``customers/``, ``quarantine/``, ``clusters/`` and the report in ``out``, readable by the owner only.

    Where ``out`` is the URI of another file system, the report stays here; see ``report_page``. What a run before has left there is written
    over; the report comes last, so that a folder without one is not whole.
    """
    began_at = datetime.now(UTC)
    run_id = stamp(began_at)
    RUN_ID.set(run_id)
    elsewhere = "://" in str(out)
    folder = None if elsewhere else private_folder(Path(out))
    place = str(out) if folder is None else folder.as_uri()
    if folder is not None:
        for name in REPORT_FILES:
            (folder / name).unlink(missing_ok=True)
    try:
        report = runner(settings, [*options.arguments(), *run_arguments(began_at, run_id), "--out", place], on_event)
    except TooManyRejectedError as error:
        if error.report is not None:
            page = write_report(folder or private_folder(settings.paths.state / "reports", error.report.run_id), error.report, ())
            error.add_note(f"the report of the failed run: {page}")
        raise
    write_report(folder or private_folder(settings.paths.state / "reports", report.run_id), report, ())
    return report
