"""How commands speak: words and progress on stderr, data on stdout, as tables for people or JSON for machines."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from crmsearch.contract import InputReport, ReasonReport, RunReport
from crmsearch.errors import CrmSearchError
from crmsearch.logs import configure_logging
from crmsearch.settings import from_env

__all__ = ["data", "json_option", "print_json", "print_report", "print_table", "stages", "words"]

logger = logging.getLogger("crmsearch.load")

SHOWN_COLUMNS = 20
SHOWN_INPUTS, SHOWN_ROWS, SHOWN_SEGMENTS = 21, 6, 9  # of each table of a report, which shall fit a screen or little more

words = Console(stderr=True)
data = Console()
if not data.is_terminal:
    # A file or a pipe has no width; this one keeps the widest table on one line each.
    data = Console(width=180)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout; numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    numeric = [
        bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows) for place in range(len(columns))
    ]
    for column, right in zip(columns, numeric, strict=True):
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        # As Text, since a customer's name may hold what would be markup.
        table.add_row(*[Text(_shown(value)) for value in row])
    data.print(table)


def print_report(report: RunReport, where: str = "") -> None:
    """The run report for people, on about a screen; the page ``report.html`` and ``--json`` have all of it."""
    balance: list[tuple[Any, ...]] = [("all customers", "", *_balance(report))]
    balance += [(each.path, each.kind, *_balance(each)) for each in report.inputs]
    indexed = "indexed" if report.index else "kept"
    columns = ["table", "holds", "rows read", indexed, "merged", "removed", "unchanged", "quarantined", "share"]
    print_table(f"Run {report.run_id}", columns, _shortened(balance, SHOWN_INPUTS))
    _print_rules("Reasons of the quarantine", [each for each in report.reasons if each.severity == "reject"])
    _print_rules("Mended or dropped values", [each for each in report.reasons if each.severity != "reject"])
    if report.merges.links:
        reasons = sorted(report.merges.reasons.items(), key=lambda item: -item[1])
        print_table("Duplicates", ["what links them", "links"], _shortened(reasons))
    segments = [(name, count) for name, count in report.rfm_segments.items()]
    if segments or report.clusters:
        segments += [(f"{each.name} (cluster)", each.customers) for each in report.clusters]
        print_table("Segments", ["segment", "customers"], _shortened(segments, SHOWN_SEGMENTS))
    for line in _remarks(report):
        words.print(line, highlight=False, markup=False)
    seconds = ", ".join(f"{name} {spent:.1f} s" for name, spent in report.seconds.items())
    words.print(f"time: {seconds}{where}", highlight=False)


def _print_rules(title: str, rules: Sequence[ReasonReport]) -> None:
    """Rules with the rows that broke them, of which one may have broken several; the most frequent of every kind of rows."""
    rows: list[tuple[Any, ...]] = []
    for kind in dict.fromkeys(each.kind for each in rules):
        told = [(each.code, kind, each.action, each.rows, "  ".join(each.samples)) for each in rules if each.kind == kind]
        rows += _shortened(told)
    if rows:
        print_table(title, ["rule", "rows of", "what was done", "rows", "examples, masked"], rows)


def _balance(counts: RunReport | InputReport) -> tuple[Any, ...]:
    share = f"{counts.quarantined / counts.rows_read:.1%}" if counts.rows_read else "–"
    return counts.rows_read, counts.indexed, counts.merged, counts.removed, counts.unchanged, counts.quarantined, share


def _shortened(rows: Sequence[tuple[Any, ...]], most: int = SHOWN_ROWS) -> Sequence[tuple[Any, ...]]:
    """The first rows, and how many there are behind them."""
    if len(rows) <= most:
        return rows
    return [*rows[: most - 1], (f"… {len(rows) - most + 1} more", *(None for _ in rows[0][1:]))]


def _remarks(report: RunReport) -> Iterator[str]:
    """What is said beside the figures: what was not used, and what the search for duplicates came to."""
    for each in report.inputs:
        layout = f" of {each.preset} {each.table}".rstrip() if each.preset != "generic" else ""
        yield f"{each.path}: {each.format}, {each.encoding}, {each.kind}{layout}"
        if each.unmapped:
            shown = ", ".join(name[:40] for name in each.unmapped[:SHOWN_COLUMNS])
            rest = len(each.unmapped) - SHOWN_COLUMNS
            yield f"  columns not used: {shown}{f' and {rest:,} more' if rest > 0 else ''}"
    if report.changes is not None:
        yield (
            f"changes: {report.changes.customers_written:,} customers written, {report.changes.customers_deleted:,} deleted; "
            f"{report.changes.records_compared:,} records of the base compared"
        )
    merges = report.merges
    if merges.pairs_compared:
        yield (
            f"duplicates: {merges.pairs_compared:,} pairs compared, {merges.customers_merged:,} customers made of several records, "
            f"the largest of {merges.largest_cluster:,}; {merges.links_refused:,} links refused"
        )


@contextmanager
def stages(written: Callable[[], int] | None = None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show a job's events: a bar on a terminal, a line per stage elsewhere, of the log if that is to be JSON.

    ``written`` counts documents during ``index``.
    """
    settings = from_env().log
    if settings.format == "json":
        configure_logging(settings)
        try:
            yield _each_stage_once(lambda stage: logger.info("stage: %s", stage, extra={"stage": stage}))
        except CrmSearchError as error:
            logger.error("failed: %s", error.code)  # noqa: TRY400 - what went wrong is said by the command
            raise
        return
    if not words.is_terminal:
        yield _each_stage_once(lambda stage: words.print(f"{stage} …", highlight=False))
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=words, transient=True) as bar:
        task = bar.add_task("start", total=None)
        current, documents = "", None

        def show(event: dict[str, Any]) -> None:
            nonlocal current, documents
            if event["stage"] != current:
                current, documents = event["stage"], event.get("documents")
                bar.reset(task, description=current, total=documents)
            elif documents is not None and written is not None:
                bar.update(task, completed=written())
            elif "total" in event:
                bar.update(task, completed=event["done"], total=event["total"])

        yield show


def _each_stage_once(tell: Callable[[str], None]) -> Callable[[dict[str, Any]], None]:
    seen: set[str] = set()

    def show(event: dict[str, Any]) -> None:
        if event["stage"] not in seen:
            seen.add(event["stage"])
            tell(event["stage"])

    return show


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
