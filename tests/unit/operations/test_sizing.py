"""The figures of docs/sizing.md come from the results of the benches, and its table from the arithmetic that it tells."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
GENERATIONS, COPIES, FREE = 4, 2, 0.15
SHARD_BYTES, CACHE_BYTES = 30e9, 32e9
NODES_AT_LEAST = 3
GROWTH = 1.5  # of the work for each factor of ten


def _figures(name: str, day: int = 26) -> dict[str, Any]:
    result = json.loads((ROOT / "tests" / "bench" / "results" / f"2026-11-{day}-{name}-1000000.json").read_text(encoding="utf-8"))
    return dict(result["figures"][name])


FULL, CHANGED = _figures("incremental")["full"], _figures("incremental", 27)
RECORDS = FULL["indexed"] + FULL["merged"]
CUSTOMER_BYTES = FULL["customers_bytes"] / FULL["customers"]
BYTES = (FULL["customers_bytes"] + FULL["records_bytes"]) / FULL["customers"]
CORE_SECONDS = 2 * FULL["seconds"] / FULL["rows"] * 1e6
LATENCY, STATS = _figures("latency"), _figures("stats")


def _measured() -> dict[str, str]:
    stages, one = FULL["stage_seconds"], LATENCY["one_client"]
    changed, again = CHANGED["incremental"], CHANGED["again"]
    return {
        f"customers that {FULL['rows']:,} rows came to": f"{FULL['customers']:,}",
        "index of customers, a customer": f"{CUSTOMER_BYTES:,.0f} bytes",
        "source records, a record": f"{FULL['records_bytes'] / RECORDS:,.0f} bytes",
        "both together, a customer": f"{BYTES:,.0f} bytes",
        "full load, rows of customers a second": f"{FULL['rows'] / FULL['seconds']:.0f}",
        "full load, core-seconds a million rows": f"{CORE_SECONDS:,.0f}",
        "most memory of all processes of the load": f"{FULL['peak_memory_gib']:.1f} GiB",
        "time of a load: clean, resolve, enrich, index, records": ", ".join(
            f"{stages[name]:.0f}" for name in ("clean", "resolve", "enrich", "index", "records")
        )
        + " s",
        "incremental load of 10,000 rows, nothing else running": (
            f"{changed['seconds']:.0f} s, of which applying {changed['stage_seconds']['apply']:.0f}"
        ),
        "the same rows again": f"{again['seconds']:.0f} s",
        "search with three facets, one client, p50 and p95": f"{one['api_ms']['p50']:.1f}, {one['api_ms']['p95']:.1f} ms",
        "the same straight to Elasticsearch": f"{one['straight_ms']['p50'] + 1e-9:.1f}, {one['straight_ms']['p95'] + 1e-9:.1f} ms",
        "searches a second, 16 clients, API and Elasticsearch on the same 2 cores": f"{LATENCY['16_clients_requests_per_s']['api']}",
        "suggestions, p95": f"{LATENCY['suggest_ms']['p95']:.1f} ms",
        "exact statistics of three fields in 20 groups, new and repeated, p50": (
            f"{STATS['new_ms']['api']['p50'] / 1000:.2f}, {STATS['repeated_ms']['api']['p50'] / 1000:.2f} s"
        ),
    }


def _rows(marker: str) -> list[list[str]]:
    table = PAGE.partition(f"<!-- {marker}")[2].split("\n\n")[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_measured_figures_are_those_of_the_benches() -> None:
    assert {name: value for name, value, _ in _rows("measured")} == _measured()


def test_facets_cost_what_their_bench_says() -> None:
    text = (ROOT / "tests" / "bench" / "results" / "2026-11-27-facets-200000.json").read_text(encoding="utf-8")
    figures = json.loads(text)["figures"]["facets"]
    told = {name.strip("`"): took for row in _rows("facets") for name, took in zip(row[::2], row[1::2], strict=True) if name}
    assert told == {name: f"{took:.1f}" for name, took in figures["beyond_ms"].items()}
    assert f"the question alone takes {figures['without_ms']:.1f} ms" in PAGE


def _bytes(value: float) -> str:
    return f"{value / 1e12:.1f} TB" if value >= 1e12 else f"{value / 1e9:.0f} GB"


@pytest.mark.parametrize("row", _rows("worked out"), ids=lambda row: str(row[0]))
def test_the_rest_is_arithmetic(row: list[str]) -> None:
    customers = int(row[0].replace(",", ""))
    disk = customers * BYTES * GENERATIONS * COPIES / (1 - FREE)
    cached = customers * CUSTOMER_BYTES * COPIES
    shards = math.ceil(customers * CUSTOMER_BYTES / SHARD_BYTES)
    nodes = max(NODES_AT_LEAST, math.ceil(cached / CACHE_BYTES))
    rows = customers * FULL["rows"] / FULL["customers"]
    hours = rows / 1e6 * CORE_SECONDS / 3600 * GROWTH ** math.log10(customers / 1e6)
    assert row[1:] == [_bytes(disk), _bytes(cached), str(shards), str(nodes), f"{hours:,.0f}", f"{math.ceil(hours / 4):,}"]
