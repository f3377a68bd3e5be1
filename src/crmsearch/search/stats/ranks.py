"""Percentiles as ranks, and what counts say for certain about the value at a rank. Pure."""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS

__all__ = [
    "Gap",
    "Mark",
    "Percentile",
    "bounded",
    "build_ranges",
    "gap_around",
    "is_whole",
    "marks_of_ranges",
    "next_value",
    "percentile_of_counts",
    "ranks_of",
]

Body = dict[str, Any]
Mark = tuple[int, float]
"""A count and a value: of all values in order, those from this place on are not smaller than it, and those before not greater."""


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


class Gap(msgspec.Struct, frozen=True, order=True):
    """What is known around a rank: the values from place ``before`` to before ``after`` lie from ``low`` to ``high``."""

    before: int
    low: float
    after: int
    high: float

    @property
    def count(self) -> int:
        return self.after - self.before

    def position(self, rank: int) -> float:
        """Where the value would be if the values in the gap were evenly spread."""
        return self.low + (self.high - self.low) * min(1.0, (rank - self.before + 0.5) / self.count)


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


def is_whole(name: str) -> bool:
    """Whether values of a field are whole numbers; dates are, in milliseconds."""
    return FIELDS[name].type != "double"


def next_value(name: str, value: float, towards: float = math.inf) -> float:
    """The neighbour of a value among those that a field can hold."""
    if is_whole(name):
        return value + 1 if towards > value else value - 1
    return math.nextafter(value, towards)


def build_ranges(edges: Sequence[float | None], key: str) -> list[Body]:
    """Ranges from edge to edge; ``None`` is an open end. The key is theirs together, and their order that of the edges."""
    return [
        {"key": key, **({} if low is None else {"from": low}), **({} if high is None else {"to": high})}
        for low, high in itertools.pairwise(edges)
    ]


def marks_of_ranges(name: str, buckets: Iterable[Body]) -> Iterator[Mark]:
    """What ranges in their order say; the first ones of a key begin at the place that is the key.

    A range holds the values from its lower edge to below the upper one. Where its values are counted one by one, each is known.
    """
    key, place = None, 0
    for bucket in buckets:
        if bucket["key"] != key:
            key, place = bucket["key"], int(bucket["key"])
        if "from" in bucket:
            yield place, bucket["from"]
        each = place
        for value in bucket.get("values", {}).get("buckets", ()):
            yield each, float(value["key"])
            each += value["doc_count"]
            yield each, float(value["key"])
        place += bucket["doc_count"]
        if "to" in bucket:
            yield place, next_value(name, bucket["to"], -math.inf)


def gap_around(marks: Sequence[Mark], rank: int) -> Gap:
    """The marks closest to a rank, of those in order: the last value at it or before it, and the first that is behind it.

    Of marks with one value those furthest from the rank, so that as many values lie from ``low`` to ``high`` as the gap counts.
    """
    behind = bisect_left(marks, (rank + 1, -math.inf))
    first, last = behind - 1, behind
    while first and marks[first - 1][1] == marks[first][1]:
        first -= 1
    while last + 1 < len(marks) and marks[last + 1][1] == marks[last][1]:
        last += 1
    return Gap(marks[first][0], marks[first][1], marks[last][0], marks[last][1])


def bounded(marks: Sequence[Mark], percent: float, n: int) -> Percentile:
    """A percentile with the bounds that marks to both sides of its ranks give."""
    first, last, share = ranks_of(percent, n)
    here, there = gap_around(marks, first), gap_around(marks, last)
    low, high = here.low + share * (there.low - here.low), here.high + share * (there.high - here.high)
    value = here.position(first) + share * (there.position(last) - here.position(first))
    return Percentile(min(max(value, low), high), low, high)
