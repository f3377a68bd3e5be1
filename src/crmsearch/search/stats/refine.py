"""The second question: what the first answer leaves in doubt, asked narrowly enough to cost little beside it. Pure.

A percentile that a full TDigest only estimates is looked for between two values close to both sides of it: how many values lie below them
tells the true ranks, and the values in between are counted one by one. So the exact percentile is found, or else a certain bound given.
A variance that lost its digits to cancellation is computed again by the method of Welford and Chan, whose terms are small.
"""

import itertools
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.figures import Percentile, Summary, percentile_of_counts, ranks_of
from crmsearch.search.stats.groups import Part

__all__ = ["Summaries", "build_refinement", "settle"]

Body = dict[str, Any]
Summaries = dict[tuple[int, str], Summary]
"""By number of the part and name of the field."""

MAX_LOOKED_INTO = 400  # brackets in one request; percentiles beyond have the minimum and maximum as bounds
MAX_VALUES = 1_000  # distinct values counted in a bracket
MAX_BUCKETS = 40_000  # of all brackets together; Elasticsearch refuses 65,536

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


class _Bracket(msgspec.Struct, frozen=True):
    """One percentile to be looked for."""

    part: Part
    field: str
    percent: float
    estimate: Percentile

    @property
    def key(self) -> str:
        return f"{self.part.number}|{self.field}|{self.percent:.12g}"


def build_refinement(query: Body, parts: list[Part], summaries: Summaries) -> Body | None:
    """The second request over the same customers, or ``None`` if nothing is in doubt. ``parts`` are in the order of their numbers."""
    brackets = _brackets(parts, summaries)
    aggs: Body = {}
    for each in brackets:
        low, high = each.estimate.low, each.estimate.high
        path = FIELDS[each.field].path
        values = {"terms": {"field": path, "size": min(MAX_VALUES, MAX_BUCKETS // len(brackets)), "order": {"_key": "asc"}}}
        aggs[f"{each.key}|below"] = _within(each, {"lt": low})
        aggs[f"{each.key}|inside"] = _within(each, {"gte": low, "lte": high}) | {"aggs": {"values": values}}
    for number, name in _cancelled(summaries):
        value = "value.toInstant().toEpochMilli()" if FIELDS[name].type == "date" else "value"
        script = _ADD_SQUARE % {"path": FIELDS[name].path, "value": value}
        squares = {"scripted_metric": {**_SQUARES, "map_script": script}}
        aggs[f"{number}|{name}|squares"] = {"filter": _all_of(parts[number]), "aggs": {"squares": squares}}
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": aggs} if aggs else None


def settle(parts: list[Part], summaries: Summaries, answer: Body | None) -> Summaries:
    """The summaries without doubts, by the answer to ``build_refinement``."""
    found = {} if answer is None else answer["aggregations"]
    percentiles: dict[tuple[int, str], dict[float, Percentile]] = {}
    for key, summary in summaries.items():
        # What is not looked into lies between the extremes, which is all that is certain.
        ends = summary.min or 0.0, summary.max or 0.0
        percentiles[key] = summary.percentiles | {percent: Percentile(each.value, *ends) for percent, each in summary.doubts.items()}
    for each in _brackets(parts, summaries):
        key = each.part.number, each.field
        percentiles[key][each.percent] = _look(each, summaries[key], found[f"{each.key}|below"]["doc_count"], found[f"{each.key}|inside"])
    squares = {(number, name): found[f"{number}|{name}|squares"]["squares"]["value"] for number, name in _cancelled(summaries)}
    return {
        key: msgspec.structs.replace(summary, percentiles=percentiles[key], doubts={}, squares=squares.get(key, summary.squares))
        for key, summary in summaries.items()
    }


def _look(bracket: _Bracket, summary: Summary, below: int, inside: Body) -> Percentile:
    """The percentile from the counts of values below its bracket and of each value inside, exact or with its bounds."""
    counts = [(float(bucket["key"]), int(bucket["doc_count"])) for bucket in inside["values"]["buckets"]]
    first, last, _ = ranks_of(bracket.percent, summary.n)
    if below <= first and last < below + sum(count for _, count in counts):
        return Percentile.of(percentile_of_counts(counts, bracket.percent, summary.n, before=below))
    estimate = bracket.estimate
    low = estimate.low if below <= first else summary.min or 0.0
    high = estimate.high if last < below + inside["doc_count"] else summary.max or 0.0
    return Percentile(min(max(estimate.value, low), high), low, high)


def _brackets(parts: list[Part], summaries: Summaries) -> list[_Bracket]:
    found = (
        _Bracket(parts[number], name, percent, estimate)
        for (number, name), summary in summaries.items()
        for percent, estimate in summary.doubts.items()
    )
    return list(itertools.islice(found, MAX_LOOKED_INTO))


def _cancelled(summaries: Summaries) -> list[tuple[int, str]]:
    return [key for key, summary in summaries.items() if summary.squares is None]


def _within(bracket: _Bracket, bounds: Body) -> Body:
    field = FIELDS[bracket.field]
    if field.type == "date":
        bounds = {**bounds, "format": "epoch_millis"}
    return {"filter": _all_of(bracket.part, {"range": {field.path: bounds}})}


def _all_of(part: Part, *more: Body) -> Body:
    return {"bool": {"filter": [*part.filters, *more]}}
