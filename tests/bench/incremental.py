"""An incremental load into a loaded base, as a user starts it: changed, new and removed records, and when they are found."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, load_changes, load_customers
from crmsearch.sample import SampleReport
from crmsearch.settings import Settings
from tests.bench.memory import peak_memory

__all__ = ["CHANGES", "measure_incremental"]

CHANGES = 10_000  # rows, where the sample is that of a customer base of a million; of a smaller one a twentieth
_LATER = "2026-11-01"  # the day of the changes; the sample ends before it
_NOT_NEW = 3  # of four changes so many are of records that are there


def measure_incremental(settings: Settings, sample: SampleReport, folder: Path) -> dict[str, Any]:
    """Seconds of a full load with orders, tickets and campaigns and of what its records add, and of changes to it by stage."""
    files = sample.files
    base, changes = _split(Path(files["customers"]), folder, CHANGES)
    words.print("incremental: loading the base in full, with orders, tickets and campaigns …")
    options = IngestOptions(
        paths=(base,), orders=(files["orders"],), tickets=(files["tickets"],), campaigns=(files["campaigns"],), region="CN"
    )
    full = _load(settings, options, full=True)
    words.print(f"incremental: changes into {full['customers']:,} customers …", highlight=False)
    options = IngestOptions(paths=(changes,), region="CN")
    figures: dict[str, Any] = {"full": full, "incremental": _load(settings, options), "again": _load(settings, options)}
    words.print(f"incremental: {figures['incremental']['seconds']:.1f} s, again {figures['again']['seconds']:.1f} s", highlight=False)
    return figures


def _load(settings: Settings, options: IngestOptions, *, full: bool = False) -> dict[str, Any]:
    with make_client(settings.elasticsearch) as client, peak_memory() as peak:
        lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
        began = time.perf_counter()
        report = (load_customers if full else load_changes)(settings, lifecycle, RunStore(client, settings.elasticsearch), options)
        spent_s = time.perf_counter() - began
        found_s = 0.0 if full else _found_after(lifecycle, report.run_id, report.changes.customers_written if report.changes else 0)
        live = next(each for each in lifecycle.generations() if each.live)
        stats = client.indices.stats(index=lifecycle.records(live.index).index, metric=["store"])
    return {
        "rows": report.rows_read,
        "rows_of_all_kinds": sum(each.rows_read for each in report.inputs),
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


def _split(path: Path, folder: Path, changes: int) -> tuple[str, str]:
    """Files of the base and of the changes, of which three quarters are records of the base with something else in them."""
    total = sum(1 for _ in _rows(path)) - 1
    changes = min(changes, max(1, total // 20))
    new = changes // (_NOT_NEW + 1)
    header = next(_rows(path))
    phone, city, updated = (header.index(name) for name in ("Phone", "City", "Last Modified"))
    step = max(1, (total - new) // (changes - new))
    folder.mkdir(parents=True)
    base_file, changes_file = folder / "base.csv", folder / "changes.csv"
    with base_file.open("w", encoding="utf-8", newline="") as one, changes_file.open("w", encoding="utf-8", newline="") as other:
        base, coming = csv.writer(one), csv.writer(other)
        taken, before = 0, ""
        for place, row in enumerate(_rows(path), -1):
            if place < 0:
                base.writerow(row)
                coming.writerow(row)
                continue
            (base if place < total - new else coming).writerow(row)
            if place < total - new and place % step == 0 and taken < changes - new:
                # Every second one moves, the others take the number of somebody else.
                cells = [*row]
                cells[updated] = _LATER
                cells[city if taken % 2 else phone] = "Shanghai" if taken % 2 else before
                coming.writerow(cells)
                taken += 1
            before = row[phone]
    return str(base_file), str(changes_file)


def _rows(path: Path) -> Iterator[list[str]]:
    """The header and every whole row, one at a time: a million of them would not fit beside Spark."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        yield header
        yield from (row for row in rows if len(row) == len(header))
