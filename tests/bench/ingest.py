"""The main job as a user starts it: a process of its own, from the CSV to the promoted index."""

import time
from pathlib import Path
from typing import Any

from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.loading import IngestOptions, load_customers
from crmsearch.settings import Settings

__all__ = ["measure_ingest"]


def measure_ingest(settings: Settings, customers_csv: Path) -> dict[str, Any]:
    """Rows per second of the whole, Spark's start included, and the seconds of each stage; the index stays for what follows."""
    words.print("ingest: loading the sample …")
    with make_client(settings.elasticsearch) as client:
        began = time.perf_counter()
        report = load_customers(
            settings, Lifecycle(client, settings.elasticsearch), IngestOptions(paths=(str(customers_csv),), region="CN")
        )
        spent_s = time.perf_counter() - began
    return {
        "rows": report.rows_read,
        "indexed": report.indexed,
        "merged": report.merged,
        "quarantined": report.quarantined,
        "seconds": round(spent_s, 2),
        "rows_per_s": round(report.rows_read / spent_s),
        "stage_seconds": {**report.seconds, "processes, verify, promote": round(spent_s - sum(report.seconds.values()), 3)},
    }
