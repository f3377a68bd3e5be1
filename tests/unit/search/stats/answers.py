"""Answers of Elasticsearch made by hand, with what the parsers read of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

Body = dict[str, Any]


def whole(population: int, aggregations: Body, took: int = 3) -> Body:
    return {"took": took, "hits": {"total": {"value": population}}, "aggregations": aggregations}


def terms(counts: dict[Any, int], other: int = 0, **inner: Any) -> Body:
    buckets = [{"key": key, "doc_count": count, **inner.get(str(key), {})} for key, count in counts.items()]
    return {"buckets": buckets, "sum_other_doc_count": other, "doc_count_error_upper_bound": 0}


def counted(name: str, values: Sequence[float]) -> Body:
    """What a field that is counted value by value is answered with."""
    return {f"{name}.counts": terms(dict(sorted(Counter(values).items())))}


def digested(name: str, values: Sequence[float], percents: Sequence[float], shift: float = 0.0) -> Body:
    """What a field that goes through a digest is answered with; ``shift`` makes the digest miss by so many ranks."""
    array = np.sort(np.array(values, dtype=float))
    moved = [min(100.0, max(0.0, percent + 100 * shift / max(1, len(array)))) for percent in percents]
    found = np.percentile(array, moved) if len(array) else [None] * len(moved)
    stats = {
        "count": len(array),
        "min": array.min() if len(array) else None,
        "max": array.max() if len(array) else None,
        "sum": float(array.sum()),
        "avg": array.mean() if len(array) else None,
        "variance_population": array.var() if len(array) else None,
    }
    percentiles = [{"key": percent, "value": value} for percent, value in zip(percents, found, strict=True)]
    return {f"{name}.stats": stats, f"{name}.percentiles": {"values": percentiles}}


def looked_into(body: Body, field: str, values: Sequence[float]) -> Body:
    """The answer to the looks of a further question over the whole, counted from the values."""
    found: Body = {}
    for name, agg in body["aggs"].items():
        if name.endswith("|squares"):
            found[name] = {"squares": {"value": float(np.var(values) * len(values))}}
            continue
        bounds = agg["filter"]["bool"]["filter"][-1]["range"][field]
        low, high, below = bounds.get("gte", -np.inf), bounds.get("lte", np.inf), bounds.get("lt", np.inf)
        chosen = [value for value in values if low <= value <= high and value < below]
        found[name] = {"doc_count": len(chosen)}
        if "aggs" in agg:
            wanted = agg["aggs"]["values"]["terms"]
            found[name]["meta"] = agg["meta"]
            ordered = sorted(Counter(chosen).items(), reverse=wanted["order"]["_key"] == "desc")
            found[name]["values"] = terms(dict(ordered[: wanted["size"]]))
    return found
