"""Further questions: what the main answer leaves in doubt, asked narrowly enough to cost little beside it. Pure.

Where values were counted in ranges, a percentile lies in a gap between two marks. A further question counts in narrower ranges around the
place where it would be if the values in the gap were evenly spread; once few values are left in all gaps, they are counted one by one,
and the percentile is found. What is still in a gap at the end is told with the gap as its bound, which is certain.

A variance that lost its digits to cancellation is computed again in a second pass, from the distances to the mean of the first.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.figures import Summary, changed
from crmsearch.search.stats.groups import Part
from crmsearch.search.stats.ranks import (
    Gap,
    build_ranges,
    gap_around,
    is_whole,
    marks_of_ranges,
    next_value,
    ranks_of,
)

__all__ = ["Summaries", "build_refinement", "learn"]

Body = dict[str, Any]
Key = tuple[int, str]
Summaries = dict[Key, Summary]
"""By number of the part and name of the field."""
Gaps = dict[Key, dict[Gap, set[int]]]
"""What is looked into, with the ranks that are looked for in it."""

MAX_ROUNDS = 4  # further questions; two are the rule, and one more for a variance
MAX_GAPS = 500  # that are looked into; those of the whole come first
MAX_VALUES = 10_000  # distinct values counted in one question
STEPS = (1 / 64, 1 / 16, 1 / 4)  # of a gap, to both sides of where a value is expected, that ranges end at

_SQUARES = {
    "init_script": "state.n = 0L; state.sum = 0.0; state.squares = 0.0",
    "combine_script": "return state",
    # The distances are exact to the last digit or nearly so, and what the mean was rounded by is taken off again.
    "reduce_script": """
        long n = 0; double sum = 0; double squares = 0;
        for (part in states) {
            if (part != null) { n += part.n; sum += part.sum; squares += part.squares; }
        }
        return [n, n == 0 ? 0 : squares - sum * sum / n]
    """,
}
_ADD_SQUARE = """
    def found = doc['%(path)s'];
    if (found.size() > 0) { double x = found.%(value)s - params.mean; state.n++; state.sum += x; state.squares += x * x; }
"""


def build_refinement(query: Body, parts: list[Part], summaries: Summaries, rounds: int) -> Body | None:
    """The next question over the same customers, or ``None`` if there is nothing more to be asked.

    Args:
        query: who is covered.
        parts: in the order of their numbers.
        summaries: what is known by now.
        rounds: questions that have been asked before.
    """
    if cancelled := [key for key, summary in summaries.items() if summary.squares is None]:
        return _build_squares(query, parts, summaries, cancelled)
    gaps = _gaps(summaries) if rounds < MAX_ROUNDS else {}
    if not gaps:
        return None
    looks = _build_values(gaps) if rounds == MAX_ROUNDS - 1 or _count(gaps) <= MAX_VALUES else _build_ranges(gaps)
    # Narrowed by the query: as a filter of an aggregation the same clauses took ten times as long.
    near = {"bool": {"filter": [query, {"bool": {"should": list(_near(gaps))}}]}}
    aggs = {str(number): {"filter": _all_of(parts[number]), "aggs": aggs} for number, aggs in looks.items()}
    return {"size": 0, "track_total_hits": False, "query": near, "aggs": aggs}


def learn(summaries: Summaries, answer: Body) -> Summaries:
    """The summaries with what the answer to ``build_refinement`` adds.

    Raises:
        BackendUnavailableError: it is not about the same customers.
    """
    learnt = dict(summaries)
    for number, part in answer["aggregations"].items():
        for name in part.keys() - {"doc_count"}:
            key = int(number), name
            found = _with_squares if "value" in part[name] else _with_marks
            learnt[key] = found(name, summaries[key], part[name])
    return learnt


def _with_squares(_: str, summary: Summary, found: Body) -> Summary:
    n, squares = found["value"]
    if n != summary.n:
        raise changed()
    return msgspec.structs.replace(summary, squares=squares)


def _with_marks(name: str, summary: Summary, found: Body) -> Summary:
    marks = list(summary.marks)
    last = {value: place for place, value in marks}
    for _, ranges in groupby(found["buckets"], key=lambda bucket: bucket["key"]):
        added = list(marks_of_ranges(name, ranges))
        place, value = added[-1]
        if last.get(value) != place:
            raise changed()  # since the end of the gap is another place now
        marks += added
    return msgspec.structs.replace(summary, marks=sorted(marks))


def _build_squares(query: Body, parts: list[Part], summaries: Summaries, cancelled: list[Key]) -> Body:
    aggs: Body = {}
    for number, name in cancelled:
        value = "value.toInstant().toEpochMilli()" if FIELDS[name].type == "date" else "value"
        script = _ADD_SQUARE % {"path": FIELDS[name].path, "value": value}
        squares = {"scripted_metric": {**_SQUARES, "map_script": script, "params": {"mean": summaries[number, name].mean}}}
        aggs.setdefault(str(number), {"filter": _all_of(parts[number]), "aggs": {}})["aggs"][name] = squares
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggs}


def _gaps(summaries: Summaries) -> Gaps:
    """Around every percentile that is not known, those of the first parts alone if they are too many."""
    gaps: Gaps = {}
    number = 0
    for key, summary in summaries.items():
        for rank in sorted({rank for percent in summary.open for rank in ranks_of(percent, summary.n)[:2]}):
            gap = gap_around(summary.marks, rank)
            if gap.low < gap.high and (gap in gaps.get(key, {}) or number < MAX_GAPS):
                found = gaps.setdefault(key, {}).setdefault(gap, set())
                number += not found
                found.add(rank)
    return gaps


def _count(gaps: Gaps) -> int:
    return sum(gap.count for each in gaps.values() for gap in each)


def _build_ranges(gaps: Gaps) -> dict[int, Body]:
    """Counts around the ranks in each gap, by part."""
    looks: dict[int, Body] = {}
    for (number, name), found in gaps.items():
        ranges = [each for gap, ranks in sorted(found.items()) for each in build_ranges(_edges(name, gap, ranks), key=str(gap.before))]
        looks.setdefault(number, {})[name] = {"range": {"field": FIELDS[name].path, "ranges": ranges}}
    return looks


def _edges(name: str, gap: Gap, ranks: Iterable[int]) -> list[float]:
    """From one end of a gap to the other by way of where the values at these ranks may be."""
    edges = {gap.high}  # if nothing else is between two neighbours
    for rank in ranks:
        edges |= {gap.position(rank) + side * step * (gap.high - gap.low) for step in STEPS for side in (-1, 1)}
    if is_whole(name):
        edges = {float(round(edge)) for edge in edges}
    return [gap.low, *sorted(edge for edge in edges if gap.low < edge <= gap.high), next_value(name, gap.high)]


def _build_values(gaps: Gaps) -> dict[int, Body]:
    """The values in each gap, by part: all of them in the smaller gaps, and so many as are left from below in the others."""
    looks: dict[int, Body] = {}
    wanted = sorted((gap.count, key, gap) for key, found in gaps.items() for gap in found)
    sizes, left = {}, MAX_VALUES
    for place, (count, key, gap) in enumerate(wanted):
        sizes[key, gap] = max(1, min(count, left // (len(wanted) - place)))
        left -= sizes[key, gap]
    for (number, name), found in gaps.items():
        path = FIELDS[name].path
        # One size for all gaps of a field in a part, as it is one aggregation.
        values = {"terms": {"field": path, "size": max(sizes[(number, name), gap] for gap in found), "order": {"_key": "asc"}}}
        ranges = [each for gap in sorted(found) for each in build_ranges([gap.low, next_value(name, gap.high)], key=str(gap.before))]
        looks.setdefault(number, {})[name] = {"range": {"field": path, "ranges": ranges}, "aggs": {"values": values}}
    return looks


def _near(gaps: Gaps) -> Iterator[Body]:
    """Clauses for the customers in any gap, one for gaps that overlap."""
    for name in sorted({name for _, name in gaps}):
        ends = sorted((gap.low, gap.high) for (_, other), found in gaps.items() if other == name for gap in found)
        merged: list[tuple[float, float]] = []
        for low, high in ends:
            if merged and low <= merged[-1][1]:
                low, before = merged.pop()
                high = max(high, before)
            merged.append((low, high))
        for low, high in merged:
            bounds: Body = {"gte": low, "lte": high}
            if FIELDS[name].type == "date":
                bounds = {"gte": int(low), "lte": int(high), "format": "epoch_millis"}
            yield {"range": {FIELDS[name].path: bounds}}


def _all_of(part: Part) -> Body:
    return {"bool": {"filter": [*part.filters]}}
