"""What a load leaves for people to read, in the state directory and in ``crm-runs``."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from crmsearch.contract import RunReport
from crmsearch.errors import CrmSearchError, TooManyRejectedError
from crmsearch.indexing.runs import RunStore
from crmsearch.report import render_report
from crmsearch.settings import Settings

__all__ = ["ONCE_MORE", "REPORT_FILES", "SHOWN_RUNS", "keep_failed_report", "private_folder", "report_page", "why_failed", "write_report"]

ONCE_MORE = "it may have written some customers, and the same input once more writes the rest"  # of an incremental load
logger = logging.getLogger("crmsearch.load")

REPORT_FILES = ("report.json", "report.html")  # for machines and for people
SHOWN_RUNS = 20  # earlier runs in the trend of a report


def keep_failed_report(settings: Settings, runs: RunStore, error: BaseException, report: RunReport | None) -> None:
    """The report of a run that failed, where it came so far as to have one."""
    if (failed := _failed_report(error, report)) is not None:
        with suppress(CrmSearchError):
            page = write_report(private_folder(settings.paths.state / "reports", failed.run_id), failed, runs.recent(SHOWN_RUNS))
            error.add_note(f"the report of the failed run: {page}")
            runs.save(failed, "failed")


def _failed_report(error: BaseException, report: RunReport | None) -> RunReport | None:
    """The report of a run whose result will not go live, with the reason; ``None`` if the run did not come so far."""
    if isinstance(error, TooManyRejectedError):
        report = error.report
    return None if report is None else msgspec.structs.replace(report, failure=why_failed(error))


def why_failed(error: BaseException) -> str:
    """The reason that is kept with a failed run."""
    return error.detail if isinstance(error, CrmSearchError) else "interrupted" if isinstance(error, KeyboardInterrupt) else "a defect"


def report_page(settings: Settings, report: RunReport) -> Path:
    """Where a load has put the page that shows its report."""
    return settings.paths.state / "reports" / report.run_id / "report.html"


def write_report(folder: Path, report: RunReport, earlier: Sequence[RunReport]) -> Path:
    """Both files of a report; the path of that for people is returned."""
    for_machines, page = (folder / name for name in REPORT_FILES)
    for_machines.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    page.write_text(render_report(report, earlier), encoding="utf-8")
    facts = {name: getattr(report, name) for name in ("rows_read", "indexed", "merged", "quarantined")}
    logger.info("report written", extra={**facts, "seconds": round(sum(report.seconds.values()), 1)})
    return page


def private_folder(parent: Path, name: str = "") -> Path:
    """A folder of personal data: nobody but its owner may look inside, nor see what there is."""
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    for each in (parent, folder):
        each.chmod(0o700)
    return folder.absolute()
