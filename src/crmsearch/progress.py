"""Showing that something long goes on: a bar on a terminal, a plain line now and then elsewhere; always on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["ProgressFactory", "show_progress"]

# Called with a description and the total in bytes (None: unknown); gives a function to call with the bytes done so far.
ProgressFactory = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]

_LINE_INTERVAL_S = 15.0
_MIB = 1 << 20


@contextmanager
def show_progress(description: str, total_bytes: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show ``description`` with a bar of bytes, or with a spinner and the time elapsed when there is no total.

    Yields:
        A function to call often with the number of bytes done so far (0 keeps a spinner alive).
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines(console, description, total_bytes)
        return
    columns = (BarColumn(), DownloadColumn(binary_units=True)) if total_bytes else ()
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), *columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(description, total=total_bytes)
        yield lambda done_bytes: bar.update(task, completed=done_bytes)


def _plain_lines(console: Console, description: str, total_bytes: int | None) -> Callable[[int], None]:
    console.print(f"{description} …", highlight=False, markup=False, soft_wrap=True)
    shown_at = time.monotonic()

    def show(done_bytes: int) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= _LINE_INTERVAL_S:
            shown_at = time.monotonic()
            amount = f"{done_bytes // _MIB} of {total_bytes // _MIB} MiB" if total_bytes else "still at it"
            console.print(f"{description}: {amount}", highlight=False, markup=False, soft_wrap=True)

    return show
