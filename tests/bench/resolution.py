"""How well and how fast duplicates are found: ``python -m tests.bench.resolution [--large] [--rows N…] [--seeds N…]``.

Runs the real cleaning and resolution of Spark on the Febrl files and on generated samples, and compares the clusters with the truth, which
nothing but the scoring reads. Prints one line for each data set, and the exponent of time over records between samples.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from crmsearch.cleaning.headers import map_headers
from crmsearch.cleaning.record import RecordContext
from crmsearch.contract import MergeReport
from crmsearch.jobs import job_environment
from crmsearch.sample import AS_OF, make_sample
from crmsearch.settings import from_env
from spark.clean import with_cleaned_records
from spark.read import inspect_source, read_source
from spark.resolve import resolve
from spark.session import make_session

__all__ = ["Outcome", "Score", "clean_file", "clusters_of", "febrl_truth", "measure_resolution", "run_file", "sample_truth", "score"]

REAL = Path(__file__).parents[1] / "data" / "real"
SIZES = (10_000, 100_000)
LARGE = 1_000_000


class Score(msgspec.Struct, frozen=True):
    """Pairwise figures of a clustering: of all pairs put together, how many belong together (precision), and of all pairs that belong
    together, how many are (recall).
    """

    precision: float
    recall: float
    f1: float
    true_pairs: int
    found_pairs: int
    over_merged: int
    """Clusters that hold records of more than one person."""


class Outcome(msgspec.Struct, frozen=True):
    """One data set resolved; ``seconds`` are those of the resolution alone, its records being cleaned and in memory."""

    records: int
    seconds: float
    score: Score
    report: MergeReport


def score(clusters: Mapping[str, str], truth: Mapping[str, str]) -> Score:
    """Compare clusters with the truth.

    Args:
        clusters: record id -> cluster id. A record of the truth that is missing, as one in quarantine is, counts as a cluster of its own.
        truth: record id -> person; records without one are left out.
    """
    found = {record: clusters.get(record, f"\0{record}") for record in truth}
    both = Counter((found[record], person) for record, person in truth.items())
    right = sum(map(_pairs, both.values()))
    put_together, belong = sum(map(_pairs, Counter(found.values()).values())), sum(map(_pairs, Counter(truth.values()).values()))
    people = Counter(cluster for cluster, _ in both)
    return Score(
        precision=right / put_together if put_together else 1.0,
        recall=right / belong if belong else 1.0,
        f1=2 * right / (put_together + belong) if put_together + belong else 1.0,
        true_pairs=belong,
        found_pairs=put_together,
        over_merged=sum(count > 1 for count in people.values()),
    )


def _pairs(members: int) -> int:
    return members * (members - 1) // 2


def febrl_truth(path: Path) -> dict[str, str]:
    """Record -> person of a Febrl file, whose record ids bear the person's number."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0].strip(): row[0].split("-")[1] for row in rows}


def sample_truth(path: Path) -> dict[str, str]:
    """Record -> person of the ``truth.csv`` of a sample."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {record: person for record, person in rows}  # noqa: C416 - says what the columns are


def clean_file(spark: SparkSession, path: Path, region: str | None = None) -> DataFrame:
    """The accepted records of a customer file, as ``resolve`` takes them."""
    source = inspect_source(spark, str(path))
    context = RecordContext(as_of=AS_OF.isoformat(), default_region=region)
    columns = map_headers(source.headers).columns
    cleaned = with_cleaned_records(read_source(spark, source), source.headers, columns, context)
    return cleaned.where(F.size("rejections") == 0).withColumn("source", F.lit(source.path)).withColumn("run_id", F.lit("bench"))


def clusters_of(records: DataFrame) -> dict[str, str]:
    """Record -> customer."""
    return {row["record_id"]: row["customer_id"] for row in records.select("record_id", "customer_id").toLocalIterator()}


def run_file(spark: SparkSession, path: Path, truth: Mapping[str, str], region: str | None = None) -> Outcome:
    """Clean and resolve a file, and score the outcome."""
    accepted = clean_file(spark, path, region).persist(StorageLevel.MEMORY_AND_DISK)
    rows = accepted.count()
    began = time.monotonic()
    resolution = resolve(accepted, "bench", "2026-11-01T00:00:00Z")
    # Once over all records, as the job counts them.
    resolution.records.groupBy("source").agg(F.count_if("indexed")).collect()
    seconds = time.monotonic() - began
    outcome = Outcome(rows, seconds, score(clusters_of(resolution.records), truth), resolution.report)
    resolution.release()
    accepted.unpersist()
    return outcome


@contextmanager
def _spark() -> Iterator[SparkSession]:
    settings = from_env()
    os.environ.update(job_environment(settings))
    session = make_session(msgspec.structs.replace(settings.spark, master="local[2]"), "crmsearch resolution bench")
    try:
        yield session
    finally:
        session.stop()


def measure_resolution(rows: int, seed: int) -> dict[str, Any]:
    """Both Febrl files and two samples, one a tenth of the other: figures by data set, and how time grows."""
    figures: dict[str, Any] = {}
    with _spark() as spark, tempfile.TemporaryDirectory() as folder:
        for name in ("febrl1", "febrl2"):
            figures[name] = _figures(run_file(spark, REAL / f"{name}.csv", febrl_truth(REAL / f"{name}.csv")))
        outcomes = []
        for size in (rows // 10, rows):
            out = Path(folder) / str(size)
            make_sample(out, size, seed)
            outcomes.append(run_file(spark, out / "customers.csv", sample_truth(out / "truth.csv"), "CN"))
            figures[f"sample {size}"] = _figures(outcomes[-1])
    return figures | {"exponent": round(_exponent(outcomes[0], outcomes[1]), 2)}


def _figures(outcome: Outcome) -> dict[str, Any]:
    each = outcome.score
    return {
        "records": outcome.records,
        "seconds": round(outcome.seconds, 1),
        "f1": round(each.f1, 4),
        "precision": round(each.precision, 4),
        "recall": round(each.recall, 4),
        "over_merged": each.over_merged,
        "pairs_per_record": round(outcome.report.pairs_compared / outcome.records, 2),
    }


def _exponent(small: Outcome, large: Outcome) -> float:
    """The power of the number of records that the time grows with."""
    return math.log(large.seconds / small.seconds) / math.log(large.records / small.records)


def _say(name: str, outcome: Outcome) -> None:
    each, compared = outcome.score, outcome.report.pairs_compared / outcome.records
    sys.stdout.write(
        f"{name:>16} {outcome.records:>9} records {outcome.seconds:7.1f} s  F1 {each.f1:.4f}  precision {each.precision:.4f}  "
        f"recall {each.recall:.4f}  over-merged {each.over_merged}  pairs per record {compared:.2f}  "
        f"blocks capped {outcome.report.blocks_capped}\n"
    )
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the data sets and print their figures."""
    parser = argparse.ArgumentParser(prog="tests.bench.resolution", description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--large", action="store_true", help="a sample of a million records too")
    parser.add_argument("--rows", type=int, nargs="*", default=SIZES, help="sizes of the samples")
    parser.add_argument("--seeds", type=int, nargs="*", default=(7,), help="seeds of the samples")
    parsed = parser.parse_args(arguments)
    samples: list[Outcome] = []
    with _spark() as spark:
        for name in ("febrl1", "febrl2"):
            path = REAL / f"{name}.csv"
            _say(name, run_file(spark, path, febrl_truth(path)))
        for rows in [*parsed.rows, *([LARGE] if parsed.large else [])]:
            for seed in parsed.seeds:
                with tempfile.TemporaryDirectory() as folder:
                    make_sample(Path(folder), rows, seed)
                    outcome = run_file(spark, Path(folder) / "customers.csv", sample_truth(Path(folder) / "truth.csv"), "CN")
                _say(f"sample {rows}/{seed}", outcome)
                samples.append(outcome)
    if len(samples) > 1 and samples[0].records != samples[-1].records:
        power = _exponent(samples[0], samples[-1])
        sys.stdout.write(f"time grows with the number of records to the power of {power:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
