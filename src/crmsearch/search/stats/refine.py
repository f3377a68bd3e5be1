"""Further questions: what the main answer leaves in doubt, asked narrowly enough to cost little beside it. Pure.

A percentile that a full TDigest only estimates is looked for between two values: how many values lie below the lower one tells the true
ranks, and the values from there on are counted one by one. Each count is a mark, "so many values lie before this one", and marks to both
sides of a rank are certain bounds of the value there; where they meet, it is found. The first looks are taken where the digest points,
further ones between the marks that are known by then.

A variance that lost its digits to cancellation is computed again in a second pass, from the distances to the mean of the first.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.figures import Percentile, Summary, ranks_of
from crmsearch.search.stats.groups import Part

__all__ = ["Summaries", "build_refinement", "settle"]

Body = dict[str, Any]
Key = tuple[int, str]
Summaries = dict[Key, Summary]
"""By number of the part and name of the field."""
Mark = tuple[int, float]
"""A count and a value: of all values in order, those from this place on are not smaller than it, and those before not greater."""

MAX_ROUNDS = 2  # further questions; the second is rarely needed, for values that lie in clouds with nothing in between
MAX_LOOKS = 400  # in one request
MAX_VALUES = 2_000  # distinct values counted in a look
MAX_BUCKETS = 40_000  # of all looks together; Elasticsearch refuses 65,536

_SQUARES = {
    "init_script": "state.n = 0L; state.sum = 0.0; state.squares = 0.0",
    "combine_script": "return state",
    # The distances are exact to the last digit or nearly so, and what the mean was rounded by is taken off again.
    "reduce_script": """
        long n = 0; double sum = 0; double squares = 0;
        for (part in states) {
            if (part != null) { n += part.n; sum += part.sum; squares += part.squares; }
        }
        return n == 0 ? 0 : squares - sum * sum / n
    """,
}
_ADD_SQUARE = """
    def found = doc['%(path)s'];
    if (found.size() > 0) { double x = found.%(value)s - params.mean; state.n++; state.sum += x; state.squares += x * x; }
"""


class _Look(msgspec.Struct, frozen=True):
    """Values from ``low`` to ``high`` to be counted one by one, from below or from above."""

    key: Key
    low: float
    high: float
    from_above: bool = False


def build_refinement(query: Body, parts: list[Part], summaries: Summaries, answers: Sequence[Body]) -> Body | None:
    """The next question over the same customers, or ``None`` if there is nothing more to be asked.

    Args:
        query: who is covered.
        parts: in the order of their numbers.
        summaries: what the main answer says.
        answers: those to the questions that this has built before, in order.
    """
    if len(answers) == MAX_ROUNDS:
        return None
    looks = list(dict.fromkeys(_looks(summaries, _read_marks(summaries, answers), first=not answers)))[:MAX_LOOKS]
    aggs: Body = {}
    for place, look in enumerate(looks):
        number, name = look.key
        order = {"_key": "desc" if look.from_above else "asc"}
        values = {"terms": {"field": FIELDS[name].path, "size": min(MAX_VALUES, MAX_BUCKETS // len(looks)), "order": order}}
        # What is looked for comes back with the answer, which can so be read by itself.
        inside = {**_within(parts[number], name, {"gte": look.low, "lte": look.high}), "aggs": {"values": values}}
        aggs[f"{number}|{name}|{place}|below"] = _within(parts[number], name, {"lt": look.low})
        aggs[f"{number}|{name}|{place}|inside"] = {**inside, "meta": msgspec.to_builtins(look)}
    for number, name in _cancelled(summaries) if not answers else ():
        value = "value.toInstant().toEpochMilli()" if FIELDS[name].type == "date" else "value"
        script = _ADD_SQUARE % {"path": FIELDS[name].path, "value": value}
        squares = {"scripted_metric": {**_SQUARES, "map_script": script, "params": {"mean": summaries[number, name].mean}}}
        aggs[f"{number}|{name}|squares"] = {"filter": _all_of(parts[number]), "aggs": {"squares": squares}}
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": aggs} if aggs else None


def settle(summaries: Summaries, answers: Sequence[Body]) -> Summaries:
    """The summaries without doubts, by the answers to ``build_refinement``: every percentile with its bounds."""
    marks = _read_marks(summaries, answers)
    squares = {key: answers[0]["aggregations"][f"{key[0]}|{key[1]}|squares"]["squares"]["value"] for key in _cancelled(summaries)}
    return {
        key: msgspec.structs.replace(
            summary,
            percentiles=summary.percentiles
            | {percent: _bounded(marks[key], percent, summary.n, each.value) for percent, each in summary.doubts.items()},
            doubts={},
            squares=squares.get(key, summary.squares),
        )
        for key, summary in summaries.items()
    }


def _looks(summaries: Summaries, marks: dict[Key, list[Mark]], *, first: bool) -> Iterator[_Look]:
    for key, summary in summaries.items():
        for percent, estimate in summary.doubts.items():
            if first:
                yield _Look(key, estimate.low, estimate.high)
                continue
            for rank in ranks_of(percent, summary.n)[:2]:
                (before, low), (after, high) = _around(marks[key], rank)
                if low < high:
                    yield _Look(key, low, high, from_above=after - rank < rank - before)


def _read_marks(summaries: Summaries, answers: Sequence[Body]) -> dict[Key, list[Mark]]:
    marks: dict[Key, list[Mark]] = {
        key: [(0, summary.min or 0.0), (summary.n, summary.max or 0.0)] for key, summary in summaries.items() if summary.doubts
    }
    for answer in answers:
        for name, found in answer["aggregations"].items():
            if name.endswith("|inside"):
                look = msgspec.convert(found["meta"], _Look)
                below = answer["aggregations"][name.replace("|inside", "|below")]["doc_count"]
                marks[look.key] += _marks_of(look, below, found)
    return {key: sorted(each) for key, each in marks.items()}


def _marks_of(look: _Look, below: int, inside: Body) -> Iterator[Mark]:
    through = below + inside["doc_count"]
    yield from ((below, look.low), (through, look.high))
    place = through if look.from_above else below
    for bucket in inside["values"]["buckets"]:
        yield place, bucket["key"]
        place += -bucket["doc_count"] if look.from_above else bucket["doc_count"]
        yield place, bucket["key"]


def _around(marks: list[Mark], rank: int) -> tuple[Mark, Mark]:
    """The marks closest to a rank: the greatest value that is at it or before it, and the smallest that is behind it."""
    return max((mark for mark in marks if mark[0] <= rank), key=lambda mark: mark[1]), min(
        (mark for mark in marks if mark[0] > rank), key=lambda mark: mark[1]
    )


def _bounded(marks: list[Mark], percent: float, n: int, estimate: float) -> Percentile:
    first, last, share = ranks_of(percent, n)
    (_, low), (_, high) = _around(marks, first)
    (_, next_low), (_, next_high) = _around(marks, last)
    low, high = low + share * (next_low - low), high + share * (next_high - high)
    return Percentile(min(max(estimate, low), high), low, high)


def _cancelled(summaries: Summaries) -> list[Key]:
    return [key for key, summary in summaries.items() if summary.squares is None]


def _within(part: Part, name: str, bounds: Body) -> Body:
    if FIELDS[name].type == "date":
        bounds = {**bounds, "format": "epoch_millis"}
    return {"filter": _all_of(part, {"range": {FIELDS[name].path: bounds}})}


def _all_of(part: Part, *more: Body) -> Body:
    return {"bool": {"filter": [*part.filters, *more]}}
