"""How each figure will be computed, decided from a look at the whole index that Elasticsearch keeps in its request cache. Pure.

Percentiles are exact in two ways. Of a field with few distinct values every value is counted, which holds at any number of customers.
Of any other field a TDigest keeps every value while there are fewer than 20 times its compression (Elasticsearch's HybridDigest), so the
compression follows from the number of customers. What neither covers is narrowed down by a second question; see ``refine``.
"""

import math
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.filters import Filter, build_filter
from crmsearch.search.query import build_text_query
from crmsearch.search.stats.histogram import Bins, choose_bins
from crmsearch.search.stats.request import StatsRequest

__all__ = ["Plan", "build_population", "build_probe", "make_plan"]

Body = dict[str, Any]

EXACT_FACTOR = 20  # values kept per unit of compression before the digest starts to merge them
MAX_KEPT = 200_000  # values that one digest keeps: 1.6 MB, and so much again for all groups of a field together
COUNTED_VALUES = 256  # distinct values up to which a field is counted value by value
MAX_COUNTED_BUCKETS = 20_000  # of all counted fields in all groups; Elasticsearch refuses 65,536


class Plan(msgspec.Struct, frozen=True):
    """How the figures of one question are computed.

    Attributes:
        population: customers of the whole index, an upper bound of those that the question covers.
        compression: of the digests of fields that are not counted.
        counted: fields that are counted value by value over the whole.
        counted_in_groups: those that are counted in each group too; none if that would be too many buckets.
        bins: the histograms, by field.
    """

    population: int
    compression: int
    counted: frozenset[str]
    counted_in_groups: frozenset[str]
    bins: dict[str, Bins]

    @property
    def kept(self) -> int:
        """From so many values on a digest is no longer exact."""
        return EXACT_FACTOR * self.compression


def build_population(q: str, filters: list[Filter]) -> Body:
    """The query for the customers that a question covers."""
    clauses = [build_filter(each) for each in filters]
    scoring = build_text_query(q)
    return {"bool": {"filter": clauses if scoring is None else [*clauses, scoring]}}


def build_probe(request: StatsRequest) -> Body:
    """How many customers there are and how many distinct values their fields have; the same for any query, unless bins are automatic."""
    names = sorted(set(request.numeric))
    # Up to the threshold the count is as good as exact; beyond, it only has to be seen to be large.
    aggs: Body = {
        f"{name}.distinct": {"cardinality": {"field": FIELDS[name].path, "precision_threshold": 4 * COUNTED_VALUES}} for name in names
    }
    if request.histogram is not None and request.histogram.bins is not None:
        extents = {f"{name}.{end}": {end: {"field": FIELDS[name].path}} for name in names for end in ("min", "max")}
        aggs["extent"] = {"filter": build_population(request.q, request.filters), "aggs": extents}
    return {"size": 0, "track_total_hits": True, "aggs": aggs}


def make_plan(request: StatsRequest, probe: Body) -> Plan:
    """From the answer to ``build_probe(request)``."""
    population = probe["hits"]["total"]["value"]
    aggregations = probe.get("aggregations", {})
    distinct = {name: aggregations[f"{name}.distinct"]["value"] for name in request.numeric}
    few = {name for name, count in distinct.items() if count <= COUNTED_VALUES}
    levels = [len(each.ranges) if each.ranges else request.size for each in request.groupings]
    groups = sum(math.prod(levels[: depth + 1]) for depth in range(len(levels)))
    buckets = groups * sum(distinct[name] for name in few)
    return Plan(
        population=population,
        compression=max(100, min(population, MAX_KEPT) // EXACT_FACTOR + 1),  # never below Elasticsearch's default of 100
        counted=frozenset(few),
        counted_in_groups=frozenset(few if buckets <= MAX_COUNTED_BUCKETS else ()),
        bins=_plan_bins(request, aggregations.get("extent", {})),
    )


def _plan_bins(request: StatsRequest, extent: Body) -> dict[str, Bins]:
    histogram = request.histogram
    if histogram is None:
        return {}
    ends = {name: [extent.get(f"{name}.{end}", {}).get("value") for end in ("min", "max")] for name in request.numeric}
    return {name: choose_bins(name, histogram, low, high) for name, (low, high) in ends.items()}
