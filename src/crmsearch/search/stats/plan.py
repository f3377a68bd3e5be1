"""How each figure will be computed, decided from looks at the index and at the customers that a question covers. Pure.

Percentiles are exact in three ways. Of a field with few distinct values every value is counted, which holds at any number of customers.
Of any other field a TDigest keeps every value while there are fewer than 20 times its compression (Elasticsearch's HybridDigest), so the
compression follows from the number of customers. Where all digests of an answer would keep too much, values are counted in ranges
instead, whose edges come from a sample, and further questions count in ever narrower ones; see ``refine``. Counts are a fraction of the
work of a digest and take a few kilobytes of Elasticsearch's request cache, where the values of a million customers take megabytes, which
are also read anew at every repeat.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.filters import Filter, build_filter
from crmsearch.search.stats.histogram import Bins, choose_bins
from crmsearch.search.stats.ranks import is_whole, next_value
from crmsearch.search.stats.request import StatsRequest

__all__ = ["Plan", "build_look", "build_population", "build_probe", "make_plan"]

Body = dict[str, Any]

EXACT_FACTOR = 20  # values kept per unit of compression before the digest starts to merge them
MIN_COMPRESSION = 100  # Elasticsearch's default
MAX_KEPT = 200_000  # values that all digests of an answer keep together: 1.6 MB in the cache, 20 ms at each repeat
COUNTED_VALUES = 256  # distinct values up to which a field is counted value by value
MAX_BUCKETS = 20_000  # of all counted fields in all groups, and of all ranges; Elasticsearch refuses 65,536
RANGES = 32  # of equal numbers of customers, of a field in a part; fewer where there are very many groups
MIN_RANGES = 2
NEAR = (0.25, 0.75, 1.75)  # per cent to both sides of what is asked for that ranges end at too; a sample of 10,000 misses a median by 0.5
SAMPLE = 10_000  # customers, if the question covers all, whose values choose the edges
TAILS = (0.1, 0.5, 99.5, 99.9)  # per cent: in a long tail the last of 32 ranges is nearly all of the scale


class Plan(msgspec.Struct, frozen=True):
    """How the figures of one question are computed.

    Attributes:
        population: an upper bound of the customers that the question covers.
        counted: fields that are counted value by value over the whole.
        counted_in_groups: those that are counted in each group too; none if that would be too many buckets.
        bins: the histograms, by field.
        edges: of the ranges that values of other fields are counted in; ``None`` where digests keep all values.
    """

    population: int
    counted: frozenset[str]
    counted_in_groups: frozenset[str]
    bins: dict[str, Bins]
    edges: dict[str, list[float]] | None = None

    @property
    def compression(self) -> int:
        """Of digests that keep every value."""
        return max(MIN_COMPRESSION, self.population // EXACT_FACTOR + 1)

    @property
    def kept(self) -> int:
        """From so many values on a digest is no longer exact."""
        return EXACT_FACTOR * self.compression


def build_population(filters: list[Filter]) -> Body:
    """The query for the customers that a question covers."""
    return {"bool": {"filter": [build_filter(each) for each in filters]}}


def build_probe(request: StatsRequest) -> Body:
    """How many customers there are and how many distinct values their fields have; the same for any query, unless bins are automatic."""
    names = sorted(set(request.numeric))
    # Up to the threshold the count is as good as exact; beyond, it only has to be seen to be large.
    aggs: Body = {
        f"{name}.distinct": {"cardinality": {"field": FIELDS[name].path, "precision_threshold": 4 * COUNTED_VALUES}} for name in names
    }
    if request.histogram is not None and request.histogram.bins is not None:
        extents = {f"{name}.{end}": {end: {"field": FIELDS[name].path}} for name in names for end in ("min", "max")}
        aggs["extent"] = {"filter": build_population(request.filters), "aggs": extents}
    return {"size": 0, "track_total_hits": True, "aggs": aggs}


def build_look(request: StatsRequest, probe: Body) -> Body | None:
    """Whom the question covers: how many, and the quantiles of a sample of them; ``None`` where digests keep the whole index anyway.

    Args:
        request: what is asked.
        probe: the answer to ``build_probe(request)``.
    """
    population, names = probe["hits"]["total"]["value"], _uncounted(request, probe)
    if _digests_suffice(request, population, names):
        return None
    percents = _sampled_percents(request.percentiles, MAX_BUCKETS // (len(names) * (1 + _groups(request))))
    # A digest that keeps the whole sample, so that a frequent value is seen as such.
    digest = {"tdigest": {"compression": 2 * SAMPLE // EXACT_FACTOR}, "keyed": False}
    quantiles = {name: {"percentiles": {"field": FIELDS[name].path, "percents": percents, **digest}} for name in names}
    probability = SAMPLE / population
    # The seed makes the answer the same each time, so that it can be kept; more than half is sampled as all.
    sample = {"random_sampler": {"probability": probability if probability <= 0.5 else 1.0, "seed": 1}, "aggs": quantiles}
    return {"size": 0, "track_total_hits": True, "query": build_population(request.filters), "aggs": {"sample": sample}}


def make_plan(request: StatsRequest, probe: Body, look: Body | None = None) -> Plan:
    """From the answers to ``build_probe(request)`` and, if there is such a question, to ``build_look``."""
    population, names = (look or probe)["hits"]["total"]["value"], _uncounted(request, probe)
    few = _few(request, probe)
    edges = None
    if look is not None and not _digests_suffice(request, population, names):
        edges = {name: _edges(name, look["aggregations"]["sample"][name]["values"]) for name in names}
    return Plan(
        population=population,
        counted=frozenset(few),
        counted_in_groups=frozenset(few if _counted_buckets(request, few) <= MAX_BUCKETS else ()),
        bins=_plan_bins(request, probe.get("aggregations", {}).get("extent", {})),
        edges=edges,
    )


def _few(request: StatsRequest, probe: Body) -> dict[str, int]:
    """Fields with few distinct values, and how many these are."""
    distinct = {name: probe["aggregations"][f"{name}.distinct"]["value"] for name in request.numeric}
    return {name: count for name, count in distinct.items() if count <= COUNTED_VALUES}


def _uncounted(request: StatsRequest, probe: Body) -> list[str]:
    """Fields that are not counted value by value, over the whole or in groups."""
    few = _few(request, probe)
    counted = few if _counted_buckets(request, few) <= MAX_BUCKETS else {}
    return sorted({name for name in request.numeric if name not in counted})


def _counted_buckets(request: StatsRequest, few: dict[str, int]) -> int:
    return _groups(request) * sum(few.values())


def _groups(request: StatsRequest) -> int:
    """How many there may be, of both levels."""
    levels = [len(each.ranges) if each.ranges else request.size for each in request.groupings]
    return sum(math.prod(levels[: depth + 1]) for depth in range(len(levels)))


def _digests_suffice(request: StatsRequest, population: int, names: list[str]) -> bool:
    """Whether digests may keep every value: over the whole, and so often again as customers are grouped."""
    return population * len(names) * (1 + len(request.groupings)) <= MAX_KEPT


def _sampled_percents(percentiles: Sequence[float], most: int) -> list[float]:
    """Where at most so many ranges meet, as far as two suffice."""
    near = {percent + side * distance for percent in (50.0, *percentiles) for distance in NEAR for side in (-1, 1)}
    chosen = {*_even(RANGES), *TAILS, *(round(percent, 6) for percent in near if 0 < percent < 100)}
    return sorted(chosen if len(chosen) < most else _even(max(MIN_RANGES, min(RANGES, most))))


def _even(ranges: int) -> list[float]:
    return [100 * number / ranges for number in range(1, ranges)]


def _edges(name: str, quantiles: list[Body]) -> list[float]:
    """Where ranges meet. A value so frequent that several quantiles fall on it has a range of its own."""
    found = [float(each["value"]) for each in quantiles if isinstance(each["value"], int | float) and math.isfinite(each["value"])]
    if is_whole(name):
        found = [float(math.ceil(value)) for value in found]
    frequent = [value for value, after in itertools.pairwise(found) if value == after]
    return sorted({*found, *(next_value(name, value) for value in frequent)}) or [0.0]


def _plan_bins(request: StatsRequest, extent: Body) -> dict[str, Bins]:
    histogram = request.histogram
    if histogram is None:
        return {}
    ends = {name: [extent.get(f"{name}.{end}", {}).get("value") for end in ("min", "max")] for name in request.numeric}
    return {name: choose_bins(name, histogram, low, high) for name, (low, high) in ends.items()}
