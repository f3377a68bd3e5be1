"""Figures of one numeric field in one part: the aggregations, and the figures they give. Dates in epoch milliseconds. Pure."""

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import BackendUnavailableError
from crmsearch.search.stats.groups import Part
from crmsearch.search.stats.histogram import HistogramBin, build_histogram, parse_histogram_bins
from crmsearch.search.stats.plan import Plan

__all__ = [
    "ErrorBound",
    "Exactness",
    "FieldStats",
    "Percentile",
    "Summary",
    "build_figures",
    "make_figures",
    "percentile_of_counts",
    "percentiles_to_ask",
    "ranks_of",
    "read_summary",
]

Body = dict[str, Any]

COUNTED_SIZE = 10_000  # buckets asked of a counted field; far beyond its distinct values, so that none is left out
# Where percentiles may turn out inexact, those this far (in per cent) to both sides are asked too, as the bracket that a second question
# looks into: 500 ranks of a million. A digest of the largest compression was measured to miss by 20.
BRACKET = 0.05


class Exactness(msgspec.Struct, frozen=True):
    median: bool
    percentiles: bool


class ErrorBound(msgspec.Struct, frozen=True):
    """How far each figure may be from the exact one, in the field's unit; certain, from counts of the values below and above."""

    median: float
    percentiles: dict[str, float]


class FieldStats(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="numeric"):
    """Figures of one field; dates in epoch milliseconds. ``None`` where there is no such figure, with the reason in ``reason``.

    All but the percentiles is exact to nine digits; ``error_bound`` is there where ``exact`` says that a percentile is not.
    """

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
    error_bound: ErrorBound | None = None
    reason: str | None = None


class Percentile(msgspec.Struct, frozen=True):
    """A value found, and between which two the exact one lies; all three are the same where it is exact."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float) -> "Percentile":
        return cls(value, value, value)

    @property
    def exact(self) -> bool:
        return self.low == self.high

    @property
    def error_bound(self) -> float:
        return max(self.value - self.low, self.high - self.value)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the first answer says of one field in one part.

    ``squares`` is the sum of squared distances to the mean, ``None`` where Elasticsearch's way of computing it has lost too many digits.
    ``doubts`` are estimated percentiles, each with those a little to both sides of it, which are no bounds before values are counted.
    """

    n: int
    min: float | None = None
    max: float | None = None
    sum: float = 0.0
    mean: float = 0.0
    squares: float | None = 0.0
    percentiles: dict[float, Percentile] = {}
    doubts: dict[float, Percentile] = {}


# Elasticsearch takes the variance from sums of squares. One this much smaller than the squared mean has fewer than nine good digits left,
# as with dates of one day.
_CANCELLATION = 1e-6


def build_figures(names: Sequence[str], percentiles: Sequence[float], plan: Plan, *, whole: bool) -> Body:
    """Aggregations for the figures of these fields."""
    counted = plan.counted if whole else plan.counted_in_groups
    aggs: Body = {}
    for name in names:
        path = FIELDS[name].path
        if name in counted:
            aggs[f"{name}.counts"] = {"terms": {"field": path, "size": COUNTED_SIZE, "order": {"_key": "asc"}}}
        else:
            percents = percentiles_to_ask(percentiles, brackets=plan.population >= plan.kept)
            digest = {"tdigest": {"compression": plan.compression}, "keyed": False}
            aggs[f"{name}.stats"] = {"extended_stats": {"field": path}}
            aggs[f"{name}.percentiles"] = {"percentiles": {"field": path, "percents": percents, **digest}}
        if name in plan.bins:
            aggs[f"{name}.histogram"] = build_histogram(path, plan.bins[name])
    return aggs


def read_summary(name: str, part: Part, percentiles: Sequence[float], plan: Plan) -> Summary:
    """What ``build_figures`` found of one field in one part."""
    asked = _all(percentiles)
    if name in (plan.counted if part.number == 0 else plan.counted_in_groups):
        return _summary_of_counts(part.answer[f"{name}.counts"], asked)
    stats = part.answer[f"{name}.stats"]
    n = stats["count"]
    if n == 0:
        return Summary(n=0)
    low, high = float(stats["min"]), float(stats["max"])
    found = {each["key"]: float(each["value"]) for each in part.answer[f"{name}.percentiles"]["values"]}
    settled = dict.fromkeys((0.0, 100.0), None) if n >= plan.kept and low < high else found
    ends = {0.0: low, 100.0: high}
    return Summary(
        n=n,
        min=low,
        max=high,
        sum=stats["sum"],
        mean=stats["avg"],
        squares=_squares(stats),
        percentiles={percent: Percentile.of(ends.get(percent, found[percent])) for percent in asked if percent in settled},
        doubts={percent: _bracketed(name, found, percent) for percent in asked if percent not in settled},
    )


def make_figures(name: str, part: Part, percentiles: Sequence[float], plan: Plan, summary: Summary) -> FieldStats:
    """The figures as they are answered, from a summary whose doubts are settled."""
    n, found = summary.n, summary.percentiles
    variance = summary.squares / (n - 1) if n > 1 and summary.squares is not None else None
    shown = {_key(percent): found[float(percent)] for percent in percentiles if n}
    exact = Exactness(median=not n or found[50.0].exact, percentiles=all(each.exact for each in shown.values()))
    bound = None
    if not (exact.median and exact.percentiles):
        bound = ErrorBound(found[50.0].error_bound, {percent: each.error_bound for percent, each in shown.items()})
    bins = plan.bins.get(name)
    return FieldStats(
        n=n,
        missing=part.population - n,
        min=summary.min,
        max=summary.max,
        sum=summary.sum if n else None,
        mean=summary.mean if n else None,
        median=found[50.0].value if n else None,
        variance=variance,
        std_deviation=None if variance is None else math.sqrt(variance),
        percentiles={_key(percent): found[float(percent)].value if n else None for percent in percentiles},
        histogram=None if bins is None else parse_histogram_bins(bins, part.answer[f"{name}.histogram"]),
        exact=exact,
        error_bound=bound,
        reason={0: "no customer here has a value", 1: "one value has no variance"}.get(n),
    )


def percentiles_to_ask(percentiles: Sequence[float], *, brackets: bool) -> list[float]:
    """The percentiles with the median, and those beside each where they may have to be narrowed down."""
    asked = set(_all(percentiles))
    if brackets:
        asked |= {end for percent in asked for end in _bracket(percent)}
    return sorted(asked)


def ranks_of(percent: float, n: int) -> tuple[int, int, float]:
    """Between which two of ``n`` values in order, counted from 0, a percentile lies, and what share of the way to the second.

    Linear interpolation as NumPy does by default, and Excel's PERCENTILE.INC, and Spark's ``percentile``.
    """
    position = percent / 100 * (n - 1)
    first, share = math.floor(position), position - math.floor(position)
    return first, first + 1 if share else first, share


def percentile_of_counts(counts: Sequence[tuple[float, int]], percent: float, n: int) -> float:
    """A percentile of ``n`` values that are given in order with their counts."""
    first, last, share = ranks_of(percent, n)
    ends = list(itertools.accumulate(count for _, count in counts))
    low, high = (counts[bisect_right(ends, rank)][0] for rank in (first, last))
    return low + share * (high - low)


def _summary_of_counts(answer: Body, asked: Sequence[float]) -> Summary:
    if answer["sum_other_doc_count"]:
        # The look at the index found few values and this one finds thousands.
        raise BackendUnavailableError("the customers changed while they were being counted; ask again")
    counts = [(float(bucket["key"]), int(bucket["doc_count"])) for bucket in answer["buckets"]]
    n = sum(count for _, count in counts)
    if not n:
        return Summary(n=0)
    total = math.fsum(value * count for value, count in counts)
    mean = total / n
    return Summary(
        n=n,
        min=counts[0][0],
        max=counts[-1][0],
        sum=total,
        mean=mean,
        squares=math.fsum(count * (value - mean) ** 2 for value, count in counts) if len(counts) > 1 else 0.0,
        percentiles={percent: Percentile.of(percentile_of_counts(counts, percent, n)) for percent in asked},
    )


def _bracketed(name: str, found: dict[float, float], percent: float) -> Percentile:
    low, high = (found[end] for end in _bracket(percent))
    if FIELDS[name].type != "double":
        # Between two whole numbers, or milliseconds, there is no value.
        low, high = math.floor(low), math.ceil(high)
    return Percentile(found[percent], low, high)


def _squares(stats: Body) -> float | None:
    if stats["min"] == stats["max"]:
        return 0.0
    if stats["variance_population"] < _CANCELLATION * stats["avg"] ** 2:
        return None
    return float(stats["variance_population"] * stats["count"])


def _bracket(percent: float) -> tuple[float, float]:
    return max(0.0, round(percent - BRACKET, 9)), min(100.0, round(percent + BRACKET, 9))


def _all(percentiles: Sequence[float]) -> list[float]:
    return sorted({50.0, *(float(percent) for percent in percentiles)})


def _key(percent: float) -> str:
    return f"{percent:.12g}"
