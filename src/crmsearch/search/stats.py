"""Statistics computed inside Elasticsearch over the whole filtered population. Builders and parsers, pure.

Mean, sample variance (n-1) and standard deviation come from ``extended_stats`` and are exact. The median and other percentiles come from
a TDigest, which keeps every value, and so is exact, while it has fewer than 20 times its compression (Elasticsearch's HybridDigest);
the compression is set from the population, and each answer says which figures are exact.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.filters import build_filter
from crmsearch.search.query import build_text_query
from crmsearch.search.request import HistogramRequest, StatsRequest

__all__ = [
    "Exactness",
    "FieldStats",
    "Group",
    "HistogramBin",
    "StatsResponse",
    "build_stats_body",
    "find_cancelled",
    "parse_stats",
    "tdigest_compression",
]

EXACT_FACTOR = 20  # values kept per unit of compression before the digest starts to merge them
MAX_COMPRESSION = 10_000  # exact to 200,000 values; about 8 bytes x 20 x compression = 1.6 MB for each group at most
# Elasticsearch takes the variance from sums of squares. One this much smaller than the squared mean has fewer than nine good digits left,
# as with dates of one day, and is computed again by the method of Welford and Chan, which is slower.
CANCELLATION = 1e-6
_SQUARES = {
    "init_script": "state.n = 0L; state.mean = 0.0; state.squares = 0.0",
    "combine_script": "return state",
    "reduce_script": """
        long n = 0; double mean = 0; double squares = 0;
        for (part in states) {
            if (part == null || part.n == 0) continue;
            long both = n + part.n; double gap = part.mean - mean;
            squares += part.squares + gap * gap * n * part.n / both;
            mean += gap * part.n / both;
            n = both;
        }
        return squares
    """,
}
_ADD_SQUARE = """
    def found = doc['%(path)s'];
    if (found.size() > 0) {
        double x = found.%(value)s; double gap = x - state.mean;
        state.n++; state.mean += gap / state.n; state.squares += gap * (x - state.mean);
    }
"""
DAY_MS = 86_400_000


class Exactness(msgspec.Struct, frozen=True):
    median: bool
    percentiles: bool


class HistogramBin(msgspec.Struct, frozen=True):
    """Values from ``low`` to below ``high``, in the field's unit (dates: epoch milliseconds)."""

    low: float
    high: float
    count: int


class FieldStats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one field; dates in epoch milliseconds. ``None`` where there is no such figure, with the reason in ``reason``."""

    n: int
    missing: int
    min: float | None
    max: float | None
    sum: float | None
    mean: float | None
    median: float | None
    variance: float | None
    std_deviation: float | None
    percentiles: dict[str, float | None]
    histogram: list[HistogramBin] | None
    exact: Exactness
    reason: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    value: str | int | float
    label: str
    population: int
    fields: dict[str, FieldStats]


class StatsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """``groups`` is ``None`` without ``by``; customers in no listed group are told by ``other_count`` and ``missing_count``."""

    population: int
    fields: dict[str, FieldStats]
    groups: list[Group] | None = None
    other_count: int = 0
    missing_count: int = 0
    took_ms: int = 0


def tdigest_compression(population: int) -> int:
    """The smallest compression that keeps ``population`` values exact, between Elasticsearch's default 100 and a bound on memory."""
    return min(max(100, population // EXACT_FACTOR + 1), MAX_COMPRESSION)


def build_stats_body(request: StatsRequest, population: int, cancelled: Sequence[str] = ()) -> dict[str, Any]:
    """Translate a checked request.

    Args:
        request: what is asked.
        population: an upper bound of the customers it covers.
        cancelled: fields whose variance had too few good digits in a first answer; see ``find_cancelled``.
    """
    compression = tdigest_compression(population)
    figures: dict[str, Any] = {}
    for name in request.fields:
        figures |= _build_field(name, request, compression)
    for name in cancelled:
        value = "value.toInstant().toEpochMilli()" if FIELDS[name].type == "date" else "value"
        figures[f"{name}.squares"] = {
            "scripted_metric": {**_SQUARES, "map_script": _ADD_SQUARE % {"path": FIELDS[name].path, "value": value}}
        }
    aggs = dict(figures)
    if request.by is not None:
        path = FIELDS[request.by].path
        aggs["by"] = {"terms": {"field": path, "size": request.size}, "aggs": figures}
        aggs["by_missing"] = {"missing": {"field": path}}
    filters = [build_filter(each) for each in request.filters]
    scoring = build_text_query(request.q)
    if scoring is not None:
        filters.append(scoring)
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": filters}}, "aggs": aggs}


def find_cancelled(request: StatsRequest, answer: dict[str, Any]) -> list[str]:
    """Fields whose variance lost its digits in this answer, whole or in a group."""
    whole = answer["aggregations"]
    parts = [whole, *whole.get("by", {}).get("buckets", [])]
    return [name for name in request.fields if any(_has_cancelled(part[f"{name}.stats"]) for part in parts)]


def parse_stats(request: StatsRequest, answer: dict[str, Any], population: int) -> StatsResponse:
    """The answer to ``build_stats_body(request, population)``."""
    compression = tdigest_compression(population)
    aggregations = answer["aggregations"]
    total = answer["hits"]["total"]["value"]
    groups = None
    if request.by is not None:
        groups = [
            Group(
                value=bucket["key"],
                label=str(bucket["key"]),
                population=bucket["doc_count"],
                fields=_parse_fields(request, bucket, compression),
            )
            for bucket in aggregations["by"]["buckets"]
        ]
    return StatsResponse(
        population=total,
        fields=_parse_fields(request, aggregations, compression),
        groups=groups,
        other_count=aggregations["by"]["sum_other_doc_count"] if request.by else 0,
        missing_count=aggregations["by_missing"]["doc_count"] if request.by else 0,
        took_ms=answer["took"],
    )


def _build_field(name: str, request: StatsRequest, compression: int) -> dict[str, Any]:
    path = FIELDS[name].path
    percents = sorted({50.0, *request.percentiles})
    aggs: dict[str, Any] = {
        f"{name}.stats": {"extended_stats": {"field": path}},
        f"{name}.missing": {"missing": {"field": path}},
        f"{name}.percentiles": {"percentiles": {"field": path, "percents": percents, "tdigest": {"compression": compression}}},
    }
    if request.histogram is not None:
        width = _bin_width(name, request.histogram)
        aggs[f"{name}.histogram"] = {"histogram": {"field": path, "interval": width, "min_doc_count": 1}}
    return aggs


def _parse_fields(request: StatsRequest, answer: dict[str, Any], compression: int) -> dict[str, FieldStats]:
    return {name: _parse_field(name, request, answer, compression) for name in request.fields}


def _parse_field(name: str, request: StatsRequest, answer: dict[str, Any], compression: int) -> FieldStats:
    stats, missing = answer[f"{name}.stats"], answer[f"{name}.missing"]["doc_count"]
    n = stats["count"]
    # Beside each date stands its text, under 50.0_as_string.
    found = answer[f"{name}.percentiles"]["values"].items()
    values = {float(percent): _finite(value) for percent, value in found if not percent.endswith("_as_string")}
    exact = n < EXACT_FACTOR * compression
    variance = _parse_variance(stats, answer.get(f"{name}.squares", {}).get("value"))
    reasons = {0: "no customer here has a value", 1: "one value has no variance"}
    histogram = None
    if request.histogram is not None:
        width = _bin_width(name, request.histogram)
        bins = answer[f"{name}.histogram"]["buckets"]
        histogram = [HistogramBin(bucket["key"], bucket["key"] + width, bucket["doc_count"]) for bucket in bins]
    return FieldStats(
        n=n,
        missing=missing,
        min=_finite(stats["min"]),
        max=_finite(stats["max"]),
        sum=_finite(stats["sum"]) if n else None,
        mean=_finite(stats["avg"]),
        median=values.get(50.0),
        variance=variance,
        std_deviation=None if variance is None else math.sqrt(variance),
        percentiles={f"{percent:.12g}": values.get(float(percent)) for percent in request.percentiles},
        histogram=histogram,
        exact=Exactness(median=exact, percentiles=exact),
        reason=reasons.get(n),
    )


def _parse_variance(stats: dict[str, Any], squares: float | None) -> float | None:
    """Sample variance; ``squares`` is the sum of squared distances to the mean where it had to be computed apart."""
    if stats["count"] < 2:
        return None
    if stats["min"] == stats["max"]:
        return 0.0
    return _finite(stats["variance_sampling"]) if squares is None else squares / (stats["count"] - 1)


def _has_cancelled(stats: dict[str, Any]) -> bool:
    if stats["count"] < 2 or stats["min"] == stats["max"]:
        return False
    return bool(stats["variance_sampling"] < CANCELLATION * stats["avg"] ** 2)


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _bin_width(name: str, histogram: HistogramRequest) -> float:
    """Width of a bin in the unit that Elasticsearch computes in: milliseconds for dates."""
    return histogram.interval * (DAY_MS if FIELDS[name].type == "date" else 1)
