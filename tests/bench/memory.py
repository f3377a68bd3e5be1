"""Memory of the processes that a measurement starts, from Linux's /proc."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["descendants", "peak_memory", "resident_mib"]

_POLL_S = 0.5
_KIB_PER_GIB = 2**20
_KIB_PER_MIB = 2**10


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Gives the greatest proportional set size, in GiB, that this process's descendants had together while the block ran.

    Proportional, since Python workers forked from one another share most of their pages (``smaps_rollup``, see proc(5)).
    """
    peaks = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            peaks.append(sum(_pss_kib(pid) for pid in descendants(os.getpid())))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: round(max(peaks) / _KIB_PER_GIB, 2)
    finally:
        done.set()
        watcher.join()


def resident_mib(pid: int) -> float:
    """Proportional set size of a process with its descendants now, in MiB."""
    return sum(_pss_kib(each) for each in {pid, *descendants(pid)}) / _KIB_PER_MIB


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have, as long as their parents live."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    queue = [pid]
    while queue:
        queue += (new := [child for child in children.get(queue.pop(), []) if child not in found])
        found.update(new)
    return found


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
