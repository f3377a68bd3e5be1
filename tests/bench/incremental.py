"""An incremental load into a loaded base, as a user starts it: changed, new and removed records, and when they are found."""

import csv
import time
from pathlib import Path
from typing import Any

from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.loading import IngestOptions, load_changes, load_customers
from crmsearch.sample import SampleReport
from crmsearch.settings import Settings
from tests.bench.memory import peak_memory

__all__ = ["CHANGES", "measure_incremental"]

CHANGES = 10_000  # rows, where the sample is that of a customer base of a million; of a smaller one a twentieth
_LATER = "2026-11-01"  # the day of the changes; the sample ends before it
_NOT_NEW = 3  # of four changes so many are of records that are there


def measure_incremental(settings: Settings, sample: SampleReport, folder: Path) -> dict[str, Any]:
    """Seconds of a full load with what its records add, and of changes to it by stage."""
    header, rows = _rows(Path(sample.files["customers"]))
    changes = min(CHANGES, max(1, len(rows) // 20))
    base, changed = _split(header, rows, changes)
    full = _load(settings, IngestOptions(paths=(_write(folder / "base.csv", header, base),), region="CN"), full=True)
    words.print(f"incremental: {changes:,} changes into {full['customers']:,} customers …", highlight=False)
    options = IngestOptions(paths=(_write(folder / "changes.csv", header, changed),), region="CN")
    figures: dict[str, Any] = {"full": full, "changes": changes, "incremental": _load(settings, options), "again": _load(settings, options)}
    words.print(f"incremental: {figures['incremental']['seconds']:.1f} s, again {figures['again']['seconds']:.1f} s", highlight=False)
    return figures


def _load(settings: Settings, options: IngestOptions, *, full: bool = False) -> dict[str, Any]:
    with make_client(settings.elasticsearch) as client, peak_memory() as peak:
        lifecycle = Lifecycle(client, settings.elasticsearch)
        began = time.perf_counter()
        report = (load_customers if full else load_changes)(settings, lifecycle, RunStore(client, settings.elasticsearch), options)
        spent_s = time.perf_counter() - began
        found_s = 0.0 if full else _found_after(lifecycle, report.run_id, report.changes.customers_written if report.changes else 0)
        live = next(each for each in lifecycle.generations() if each.live)
        stats = client.indices.stats(index=lifecycle.records(live.index).index, metric=["store"])
    return {
        "rows": report.rows_read,
        "indexed": report.indexed,
        "merged": report.merged,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "quarantined": report.quarantined,
        "customers": live.documents,
        "seconds": round(spent_s, 2),
        "found_after_s": round(found_s, 3),
        "peak_memory_gib": peak(),
        "customers_bytes": live.size_bytes,
        "records_bytes": stats["_all"]["primaries"]["store"]["size_in_bytes"],
        "stage_seconds": report.seconds,
    }


def _found_after(lifecycle: Lifecycle, run_id: str, written: int) -> float:
    """Seconds after the run's end until every customer that it wrote is found."""
    began = time.perf_counter()
    while lifecycle._client.count(index=lifecycle.alias, query={"term": {"run_id": run_id}})["count"] < written:
        if time.perf_counter() - began > 60:
            return float("inf")
    return time.perf_counter() - began


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    return header, [row for row in rows if len(row) == len(header)]


def _split(header: list[str], rows: list[list[str]], changes: int) -> tuple[list[list[str]], list[list[str]]]:
    """The rows of the base, and those of the changes: three quarters are records of the base with something else in them."""
    new = changes // (_NOT_NEW + 1)
    base, coming = rows[: len(rows) - new], rows[len(rows) - new :]
    phone, city, updated = (header.index(name) for name in ("Phone", "City", "Last Modified"))
    step = max(1, len(base) // (changes - new))
    changed = []
    for place, row in enumerate(base[: step * (changes - new) : step]):
        cells = [*row]
        cells[updated] = _LATER
        # Every second one moves, the others take the number of somebody else.
        cells[city if place % 2 else phone] = "Shanghai" if place % 2 else base[-1 - place][phone]
        changed.append(cells)
    return base, changed + coming


def _write(path: Path, header: list[str], rows: list[list[str]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)
