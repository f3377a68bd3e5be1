"""How commands speak: words and progress on stderr, data on stdout, as tables for people or JSON for machines."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from crmsearch.contract import RunReport

__all__ = ["data", "json_option", "print_json", "print_report", "print_table", "stages", "words"]

SHOWN_COLUMNS = 20

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
    """The run report for people."""
    rows: list[tuple[str, Any]] = [
        ("rows read", report.rows_read),
        ("indexed" if report.index else "customers", report.indexed),
        ("merged (duplicates)", report.merged),
        ("quarantined (one row may have several reasons)", report.quarantined),
    ]
    rows += [(f"  for {code}", count) for code, count in report.quarantined_by_reason.items()]
    print_table(f"Run {report.run_id}", ["", "rows"], rows)
    if report.issues:
        print_table("Mended or dropped values", ["rule", "rows"], list(report.issues.items()))
    for each in report.inputs:
        words.print(f"{each.path}: {each.format}, {each.encoding}, {each.rows_read} rows", highlight=False, markup=False)
        if each.unmapped:
            shown = ", ".join(name[:40] for name in each.unmapped[:SHOWN_COLUMNS])
            rest = len(each.unmapped) - SHOWN_COLUMNS
            words.print(f"  columns not used: {shown}{f' and {rest:,} more' if rest > 0 else ''}", highlight=False, markup=False)
    seconds = ", ".join(f"{name} {spent:.1f} s" for name, spent in report.seconds.items())
    words.print(f"time: {seconds}{where}", highlight=False)


@contextmanager
def stages(written: Callable[[], int] | None = None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show a job's events: a bar on a terminal, a line per stage elsewhere. ``written`` counts documents during ``index``."""
    if not words.is_terminal:
        seen: set[str] = set()

        def tell(event: dict[str, Any]) -> None:
            if event["stage"] not in seen:
                seen.add(event["stage"])
                words.print(f"{event['stage']} …", highlight=False)

        yield tell
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


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
