"""Answers of Elasticsearch made by hand, with what the parsers read of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from crmsearch.search.stats.ranks import build_ranges

Body = dict[str, Any]


def whole(population: int, aggregations: Body, took: int = 3) -> Body:
    return {"took": took, "hits": {"total": {"value": population}}, "aggregations": aggregations}


def terms(counts: dict[Any, int], other: int = 0, **inner: Any) -> Body:
    buckets = [{"key": key, "doc_count": count, **inner.get(str(key), {})} for key, count in counts.items()]
    return {"buckets": buckets, "sum_other_doc_count": other, "doc_count_error_upper_bound": 0}


def counted(name: str, values: Sequence[float]) -> Body:
    """What a field that is counted value by value is answered with."""
    return {f"{name}.counts": terms(dict(sorted(Counter(values).items())))}


def digested(name: str, values: Sequence[float], percents: Sequence[float]) -> Body:
    """What a field that goes through a digest is answered with."""
    found = np.percentile(values, percents) if len(values) else [None] * len(percents)
    percentiles = [{"key": percent, "value": value} for percent, value in zip(percents, found, strict=True)]
    return {f"{name}.stats": moments(values), f"{name}.percentiles": {"values": percentiles}}


def ranged(name: str, values: Sequence[float], edges: Sequence[float]) -> Body:
    """What a field whose values are counted in ranges is answered with."""
    return {f"{name}.stats": moments(values), f"{name}.ranges": counted_in(build_ranges([None, *edges, None], "0"), values)}


def moments(values: Sequence[float]) -> Body:
    array = np.array(values, dtype=float)
    return {
        "count": len(array),
        "min": array.min() if len(array) else None,
        "max": array.max() if len(array) else None,
        "sum": float(array.sum()),
        "avg": array.mean() if len(array) else None,
        "variance_population": array.var() if len(array) else None,
    }


def counted_in(ranges: Sequence[Body], values: Sequence[float], size: int = 0) -> Body:
    """Ranges with what is in them, and so many values of each, as Elasticsearch has it."""
    buckets, ordered = [], np.sort(np.array(values, dtype=float))
    for each in ranges:
        first, last = np.searchsorted(ordered, [each.get("from", -np.inf), each.get("to", np.inf)])
        inside = ordered[first:last].tolist()
        found = {"values": terms(dict(sorted(Counter(inside).items())[:size]))} if size else {}
        buckets.append({**each, "doc_count": len(inside), **found})
    return {"buckets": sorted(buckets, key=lambda bucket: (bucket.get("from", -np.inf), bucket.get("to", np.inf)))}


def asked_further(body: Body, name: str, values: Sequence[float]) -> Body:
    """The answer to a further question about a field over the whole, computed from the values."""
    (found,) = body["aggs"]["0"]["aggs"].values()
    if "scripted_metric" in found:
        return {"0": {name: {"value": [len(values), float(np.var(values) * len(values))]}}}
    size = found["aggs"]["values"]["terms"]["size"] if "aggs" in found else 0
    return {"0": {"doc_count": 1, name: counted_in(found["range"]["ranges"], values, size)}}
