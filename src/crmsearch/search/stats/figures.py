"""Figures of one numeric field in one part: the aggregations, and the figures they give. Dates in epoch milliseconds. Pure."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import BackendUnavailableError
from crmsearch.search.stats.groups import Part
from crmsearch.search.stats.histogram import HistogramBin, build_histogram, parse_histogram_bins
from crmsearch.search.stats.plan import Plan
from crmsearch.search.stats.ranks import Mark, Percentile, bounded, build_ranges, marks_of_ranges, percentile_of_counts

__all__ = [
    "ErrorBound",
    "Exactness",
    "FieldStats",
    "Summary",
    "build_figures",
    "changed",
    "make_figures",
    "read_summary",
]

Body = dict[str, Any]

COUNTED_SIZE = 10_000  # buckets asked of a counted field; far beyond its distinct values, so that none is left out


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


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the first answer says of one field in one part.

    ``squares`` is the sum of squared distances to the mean, ``None`` where Elasticsearch's way of computing it has lost too many digits.
    Where values were counted in ranges, ``marks`` in their order bound the percentiles ``open``; the others are known.
    """

    n: int
    min: float | None = None
    max: float | None = None
    sum: float = 0.0
    mean: float = 0.0
    squares: float | None = 0.0
    percentiles: dict[float, Percentile] = {}
    marks: list[Mark] = []
    open: tuple[float, ...] = ()


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
            aggs[f"{name}.stats"] = {"extended_stats": {"field": path}}
            if plan.edges is None:
                digest = {"tdigest": {"compression": plan.compression}, "keyed": False}
                aggs[f"{name}.percentiles"] = {"percentiles": {"field": path, "percents": _all(percentiles), **digest}}
            else:
                aggs[f"{name}.ranges"] = {"range": {"field": path, "ranges": build_ranges([None, *plan.edges[name], None], key="0")}}
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
    moments: Body = {"n": n, "min": low, "max": high, "sum": stats["sum"], "mean": stats["avg"], "squares": _squares(stats)}
    if plan.edges is not None:
        ends = [(0, low), (1, low), (n - 1, high), (n, high)]
        return Summary(
            **moments, marks=sorted([*ends, *marks_of_ranges(name, part.answer[f"{name}.ranges"]["buckets"])]), open=tuple(asked)
        )
    if n >= plan.kept:
        raise changed()
    found = {each["key"]: float(each["value"]) for each in part.answer[f"{name}.percentiles"]["values"]}
    return Summary(**moments, percentiles={percent: Percentile.of(found[percent]) for percent in asked})


def make_figures(name: str, part: Part, percentiles: Sequence[float], plan: Plan, summary: Summary) -> FieldStats:
    """The figures as they are answered, from a summary that nothing more will be asked about."""
    n = summary.n
    found = summary.percentiles | {percent: bounded(summary.marks, percent, n) for percent in summary.open}
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
        histogram=None if bins is None else parse_histogram_bins(name, bins, part.answer[f"{name}.histogram"]),
        exact=exact,
        error_bound=bound,
        reason={0: "no customer here has a value", 1: "one value has no variance"}.get(n),
    )


def _summary_of_counts(answer: Body, asked: Sequence[float]) -> Summary:
    if answer["sum_other_doc_count"]:
        raise changed()
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


def changed() -> BackendUnavailableError:
    """A look beforehand found few values, or customers, and now there are many."""
    return BackendUnavailableError("the customers changed while they were being counted; ask again")


def _squares(stats: Body) -> float | None:
    if stats["min"] == stats["max"]:
        return 0.0
    if stats["variance_population"] < _CANCELLATION * stats["avg"] ** 2:
        return None
    return float(stats["variance_population"] * stats["count"])


def _all(percentiles: Sequence[float]) -> list[float]:
    return sorted({50.0, *(float(percent) for percent in percentiles)})


def _key(percent: float) -> str:
    return f"{percent:.12g}"
