"""``python -m tests.bench``: measure writing, the main job and searching on this machine."""

import argparse
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from crmsearch import node
from crmsearch.cli.output import words
from crmsearch.errors import CrmSearchError
from crmsearch.sample import make_sample
from crmsearch.settings import ApiSettings, Settings
from tests.bench.cleaning import measure_cleaning
from tests.bench.console import judge_console, measure_console
from tests.bench.facets import measure_facets
from tests.bench.incremental import CHANGES, measure_incremental
from tests.bench.ingest import measure_ingest
from tests.bench.questions import make_questions
from tests.bench.relevance.latency import judge_latency, measure_latency
from tests.bench.relevance.measure import measure_relevance
from tests.bench.relevance.table import print_relevance
from tests.bench.relevance.verdict import BASE_ROWS, DROPPED, judge
from tests.bench.resolution import measure_resolution
from tests.bench.results import Aim, Result, describe_machine, describe_versions, print_result, save_result
from tests.bench.search import api_url, measure_search
from tests.bench.stats import judge_stats, measure_stats
from tests.bench.write import measure_write
from tests.node_fixture import local_settings

PARTS = ("clean", "resolve", "ingest", "search", "relevance", "write")
ON_DEMAND = ("latency", "stats", "facets", "incremental", "console")  # meant for a million customers; the last needs a browser
KEPT = {"relevance", "latency", "stats", "facets", "console"}  # about customers that --work keeps; all others take a sample's files
ROWS = 100_000
NODE_HEAP = "2g"
MIN_F1_FEBRL, MIN_F1_SAMPLE = 0.995, 0.98  # pairwise, after clustering
MAX_RESOLVE_S = 90.0  # for 100,000 records on two cores
MIN_WRITE_RATIO = 0.8  # connector to plain bulk requests, documents per second
MAX_INCREMENTAL_S = 60.0  # for 10,000 changes into a million customers, on two cores
MAX_FOUND_S = 2.0  # after the end of an incremental load
MAX_SEARCH_RATIO = 1.5  # API to Elasticsearch straight, median latency

_DESCRIPTION = """\
Measure crmsearch on this machine, with a local node of its own in a temporary folder:

  clean   the cleaning rules, rows per second of one core
  resolve entity resolution: F1 against the truth of the sample and of labelled files, seconds, growth
  ingest  the main job as a process with orders, tickets and campaigns: rows per second, peak memory
  search  the API against the same bodies sent straight to Elasticsearch
  relevance  recall and latency of judged questions by kind beside two plain baselines, among 5,000 customers and on the Febrl files
  write   the Spark connector against plain bulk requests
  incremental (only when named) changed and new records into a base of --rows: seconds by stage, what the kept records add
  latency (only when named) searches among very many through the API, straight, and by the plain baseline
  console (only when named, needs Chromium) from the key to the frame that shows the hits, in the console, while one types
  facets  (only when named) what each facet adds to a question over nearly all customers
  stats   (only when named) statistics of three fields in twenty groups through the API against the raw aggregation, new and repeated

Tables go to stdout, the figures to tests/bench/results/<day>.json. Exit code 1 when an aim is not met, or when a kind of question is
answered less well than the newest recorded figures say.
"""
_EXAMPLES = """\
examples:
  make bench
  .venv/bin/python -m tests.bench --rows 5000              a quick look
  .venv/bin/python -m tests.bench --only search --seed 3
  .venv/bin/python -m tests.bench --only ingest --rows 1000000
  .venv/bin/python -m tests.bench --only relevance --rows 1000000 --work /var/tmp/bench
  .venv/bin/python -m tests.bench --only console --work /var/tmp/bench
  .venv/bin/python -m tests.bench --only incremental --rows 1000000
  .venv/bin/python -m tests.bench --only latency --rows 1000000 --work /var/tmp/bench
  .venv/bin/python -m tests.bench --only facets --rows 200000 --work /var/tmp/bench
  .venv/bin/python -m tests.bench --only stats --rows 1000000 --work /var/tmp/bench
  .venv/bin/python -m tests.bench --only relevance latency stats --rows 1000000 --work /var/tmp/bench
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, help=f"rows of the sample (default {ROWS}); with --only relevance, customers (default {BASE_ROWS})"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the sample and of the questions (default 7)")
    parser.add_argument("--only", nargs="+", choices=(*PARTS, *ON_DEMAND), metavar="PART", help="measure these parts alone")
    parser.add_argument(
        "--work", type=Path, help="folder that keeps the customers of relevance, latency, stats, facets and console for the next time"
    )
    arguments = parser.parse_args()
    parts = tuple(arguments.only or PARTS)
    default_rows = BASE_ROWS if parts == ("relevance",) else ROWS
    rows = arguments.rows or default_rows
    # What ends the run must end the node, the API and Spark too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = _measure(parts, rows, arguments.seed, arguments.work)
    except CrmSearchError as error:
        words.print(f"error: {error.detail}", markup=False, highlight=False)
        return error.exit_code
    except KeyboardInterrupt:
        words.print("interrupted; nothing was recorded")
        return 130
    qualifiers = [*(arguments.only or []), *([str(rows)] if rows != default_rows else [])]
    if result.figures.get("relevance", {}).get("shortcomings", {}).get("below_recorded"):
        qualifiers.append(DROPPED)
    path = save_result(result, *qualifiers)
    print_result(result, {"relevance": print_relevance})
    words.print(f"figures: {path}", highlight=False)
    missed = [aim for aim in result.aims if aim.shortfall]
    for aim in missed:
        words.print(f"not met: {aim.figure} is {aim.value:.4g}, {aim.bound}; it is off by {aim.shortfall:.2g}", highlight=False)
    return 1 if missed else 0


def _measure(parts: tuple[str, ...], rows: int, seed: int, work: Path | None) -> Result:
    load_average = os.getloadavg()
    began_at = datetime.now(UTC).isoformat(timespec="seconds")
    figures: dict[str, dict[str, Any]] = {}
    aims: list[Aim] = []
    with tempfile.TemporaryDirectory(prefix="crmsearch-bench-") as folder, local_settings(heap=NODE_HEAP) as own:
        # The API is measured as it is by default, whatever the environment sets.
        settings = node.ensure(msgspec.structs.replace(own, api=ApiSettings()))
        versions = describe_versions(settings)
        keep = len(KEPT & set(parts)) > 1  # the same customers are indexed once, and go with the node
        if "relevance" in parts:
            customers = BASE_ROWS if parts == PARTS else rows
            figures["relevance"], _ = measure_relevance(settings, work or Path(folder), customers, seed, keep=keep)
            aims += judge(figures["relevance"])
        if "latency" in parts:
            figures["latency"] = measure_latency(settings, work or Path(folder), rows, seed, keep=keep)
            aims += judge_latency(figures["latency"])
        if "stats" in parts:
            figures["stats"] = measure_stats(settings, work or Path(folder), rows, seed, keep=keep)
            aims += judge_stats(figures["stats"])
        if "facets" in parts:
            figures["facets"] = measure_facets(settings, work or Path(folder), rows, seed, keep=keep)
        if "console" in parts:
            figures["console"] = measure_console(settings, work or Path(folder), rows, seed, keep=keep)
            aims += judge_console(figures["console"])
        if set(parts) - KEPT:
            _measure_sample(parts, settings, Path(folder), rows, seed, figures, aims)
    return Result(
        began_at=began_at,
        rows=rows,
        seed=seed,
        load_average_before=load_average,
        machine={**describe_machine(), "node_heap": NODE_HEAP, "spark_driver_memory": own.spark.driver_heap},
        versions=versions,
        figures=figures,
        aims=aims,
    )


def _measure_sample(
    parts: tuple[str, ...], settings: Settings, folder: Path, rows: int, seed: int, figures: dict[str, dict[str, Any]], aims: list[Aim]
) -> None:
    """The parts that need the files of a sample; what they find is added to ``figures`` and ``aims``."""
    words.print(f"sample: {rows:,} rows …", highlight=False)
    sample = make_sample(folder / "sample", rows, seed)
    customers_csv = Path(sample.files["customers"])
    if "clean" in parts:
        figures["clean"] = measure_cleaning(customers_csv)
    if "resolve" in parts:
        words.print("resolve: Febrl files and samples …")
        figures["resolve"] = resolved = measure_resolution(rows, seed)
        for name, least in (("febrl1", MIN_F1_FEBRL), ("febrl2", MIN_F1_FEBRL), (f"sample {rows}", MIN_F1_SAMPLE)):
            aims.append(Aim(figure=f"resolve: F1 on {name}", value=resolved[name]["f1"], at_least=least))
        if rows == ROWS:
            aims.append(Aim(figure="resolve: seconds", value=resolved[f"sample {rows}"]["seconds"], at_most=MAX_RESOLVE_S))
    if "ingest" in parts or "search" in parts:
        ingested = measure_ingest(settings, sample)
        if "ingest" in parts:
            figures["ingest"] = ingested
    if "search" in parts:
        with api_url(settings) as url:
            figures["search"] = found = measure_search(settings, url, make_questions(customers_csv, seed))
        aims.append(Aim(figure="search: API / Elasticsearch straight, p50", value=found["ratio_p50"], at_most=MAX_SEARCH_RATIO))
    if "incremental" in parts:
        figures["incremental"] = changed = measure_incremental(settings, sample, folder / "incremental")
        if changed["incremental"]["rows"] >= CHANGES:
            aims.append(Aim(figure="incremental: seconds", value=changed["incremental"]["seconds"], at_most=MAX_INCREMENTAL_S))
        aims.append(Aim(figure="incremental: seconds until found", value=changed["incremental"]["found_after_s"], at_most=MAX_FOUND_S))
    if "write" in parts:
        figures["write"] = written = measure_write(settings, customers_csv, folder / "cleaned")
        aims.append(Aim(figure="write: connector / plain bulk, documents/s", value=written["ratio"], at_least=MIN_WRITE_RATIO))


if __name__ == "__main__":
    sys.exit(main())
