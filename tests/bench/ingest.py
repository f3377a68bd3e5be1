"""The main job as a user starts it: a process of its own, from the CSV files to the promoted index."""

import time
from typing import Any

from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, load_customers
from crmsearch.sample import SampleReport
from crmsearch.settings import Settings
from tests.bench.memory import peak_memory

__all__ = ["measure_ingest"]


def measure_ingest(settings: Settings, sample: SampleReport) -> dict[str, Any]:
    """Rows per second of the whole, Spark's start included, and the seconds of each stage; the index stays for what follows."""
    words.print("ingest: loading the sample with its orders, tickets and campaigns …")
    files = sample.files
    options = IngestOptions(
        paths=(files["customers"],), orders=(files["orders"],), tickets=(files["tickets"],), campaigns=(files["campaigns"],), region="CN"
    )
    with make_client(settings.elasticsearch) as client, peak_memory() as peak:
        began = time.perf_counter()
        lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
        report = load_customers(settings, lifecycle, RunStore(client, settings.elasticsearch), options)
        spent_s = time.perf_counter() - began
    return {
        "rows": report.rows_read,
        "rows_of_all_kinds": sum(each.rows_read for each in report.inputs),
        "indexed": report.indexed,
        "merged": report.merged,
        "quarantined": report.quarantined,
        "seconds": round(spent_s, 2),
        "rows_per_s": round(report.rows_read / spent_s),
        "peak_memory_gib": peak(),
        "stage_seconds": {**report.seconds, "processes, verify, promote": round(spent_s - sum(report.seconds.values()), 3)},
    }
