"""The connector against the plainest fast way to index: the same documents, index body and node, an empty index each time.

Both sides start from documents in memory: the bulk side from request bodies that are already serialised, the connector from a cached
DataFrame, which it serialises itself. The time is from the first request to the last answer, without Spark's start, without refresh.
"""

import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import msgspec
import pyarrow.parquet as parquet
from elasticsearch import Elasticsearch
from pyspark import StorageLevel
from pyspark.sql import SparkSession

from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.mappings import build_customers_body
from crmsearch.jobs import connector_jar, job_environment
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, clean_to_files
from crmsearch.settings import Settings
from spark.session import make_session
from spark.write import to_elasticsearch
from tests.bench.http import elasticsearch_poster

__all__ = ["measure_write"]

PAIRS = 4
BULK_THREADS = 2  # two and 2,000 documents were the fastest of several on two cores
BULK_DOCUMENTS = 2000
_INDEX = "bench-documents"
_COMPARED = 200  # documents whose two stored forms are compared


def measure_write(settings: Settings, customers_csv: Path, folder: Path) -> dict[str, Any]:
    """Documents per second of both sides and their ratio, from alternating repetitions after one that does not count."""
    words.print("write: cleaning the sample into Parquet …")
    clean_to_files(settings, IngestOptions(paths=(str(customers_csv),), region="CN"), folder)
    bodies, ids = _bulk_bodies(folder / "customers")
    bytes_sent = sum(map(len, bodies))
    with _spark(settings) as spark, make_client(settings.elasticsearch).options(request_timeout=120) as client:
        documents = spark.read.parquet(str(folder / "customers")).persist(StorageLevel.MEMORY_AND_DISK)
        assert documents.count() == len(ids)
        sides: dict[str, Callable[[], object]] = {
            "connector": lambda: to_elasticsearch(documents, _INDEX, settings, make_vault(settings)),
            "bulk": lambda: _send(settings, bodies),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        stored: dict[str, list[Any]] = {}
        for repetition in range(PAIRS + 1):
            # Who goes first alternates too, so that neither side always finds the node as the other left it.
            for name in sorted(sides, reverse=repetition % 2 == 1):
                spent_s = _timed_load(client, settings, sides[name], len(ids))
                words.print(f"write: {name} {len(ids) / spent_s:,.0f} documents/s{'' if repetition else ' (warm-up)'}", highlight=False)
                if repetition:
                    seconds[name].append(spent_s)
                else:
                    stored[name] = _stored(client, ids[:: max(1, len(ids) // _COMPARED)])
                client.indices.delete(index=_INDEX)
        assert stored["connector"] == stored["bulk"], "the two sides stored different documents"
        tasks = min(settings.spark.write_tasks, documents.rdd.getNumPartitions())
    ratios = [bulk / connector for connector, bulk in zip(seconds["connector"], seconds["bulk"], strict=True)]
    return {
        "documents": len(ids),
        "bytes_per_document": round(bytes_sent / len(ids)),
        "connector_tasks": tasks,
        "connector_documents_per_s": round(len(ids) / median(seconds["connector"])),
        "bulk_documents_per_s": round(len(ids) / median(seconds["bulk"])),
        "connector_runs_s": [round(spent, 2) for spent in seconds["connector"]],
        "bulk_runs_s": [round(spent, 2) for spent in seconds["bulk"]],
        "ratio_of_pairs": [round(ratio, 3) for ratio in ratios],
        "ratio": round(median(ratios), 3),
    }


@contextmanager
def _spark(settings: Settings) -> Iterator[SparkSession]:
    """A session in this process, with the Java, jar and settings that a job has."""
    jar = str(connector_jar(settings))
    settings = msgspec.structs.replace(settings, spark=msgspec.structs.replace(settings.spark, connector_jar=jar))
    with patch.dict(os.environ, job_environment(settings)):
        spark = make_session(settings.spark, "crmsearch bench")
        # Spark's own handler talks to its JVM over the connection that the interrupted call is still using, and fails.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield spark
        finally:
            spark.stop()


def _bulk_bodies(folder: Path) -> tuple[list[bytes], list[str]]:
    """The documents as request bodies of ``_bulk``, and their ids; like the connector, a field without a value is left out."""
    bodies, ids = [], []
    table = parquet.read_table(folder)
    for batch in table.to_batches(max_chunksize=BULK_DOCUMENTS):
        lines = []
        for row in batch.to_pylist():
            ids.append(row["customer_id"])
            lines.append(msgspec.json.encode({"index": {"_id": row["customer_id"]}}))
            lines.append(msgspec.json.encode({field: value for field, value in row.items() if value is not None}))
        bodies.append(b"\n".join(lines) + b"\n")
    return bodies, ids


def _timed_load(client: Elasticsearch, settings: Settings, load: Callable[[], object], expected: int) -> float:
    client.indices.create(index=_INDEX, **build_customers_body(settings.elasticsearch, make_vault(settings).key_id))
    began = time.perf_counter()
    load()
    spent_s = time.perf_counter() - began
    client.indices.refresh(index=_INDEX)
    found = client.count(index=_INDEX)["count"]
    assert found == expected, f"{found} documents arrived, {expected} were sent"
    return spent_s


def _send(settings: Settings, bodies: list[bytes]) -> None:
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        waiting.put(body)

    def work() -> None:
        with elasticsearch_poster(settings.elasticsearch, f"/{_INDEX}/_bulk", "application/x-ndjson") as poster:
            while True:
                try:
                    body = waiting.get_nowait()
                except queue.Empty:
                    return
                _, answer = poster.post(body)
                assert b'"errors":false' in answer[:100], "Elasticsearch refused a document"

    with ThreadPoolExecutor(BULK_THREADS) as pool:
        for worker in [pool.submit(work) for _ in range(BULK_THREADS)]:
            worker.result()


def _stored(client: Elasticsearch, ids: list[str]) -> list[Any]:
    return [each["_source"] for each in client.mget(index=_INDEX, ids=ids)["docs"]]
