"""Drawing from tables with one seeded generator: the same values on every machine.

Only ``Random.random`` is used, with tables that are expanded or rounded once: its stream is guaranteed, that of ``choices``,
``gauss`` or ``shuffle`` may change between Python versions, and ``math.exp`` may differ in its last bit between platforms.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp
from random import Random
from statistics import NormalDist
from typing import TypeVar

__all__ = ["LOG_NORMAL", "NORMAL", "Random", "between", "chance", "deck", "fill", "pick", "skewed", "words"]

T = TypeVar("T")

_QUANTILES = 2048
_STANDS_FOR = {"#": "0123456789", "@": "ABDEFGHJLNPQRSTUWXYZ"}  # the letters are those a British postcode may end in

NORMAL = tuple(round(NormalDist().inv_cdf((i + 0.5) / _QUANTILES), 4) for i in range(_QUANTILES))
"""Quantiles of the standard normal distribution: a pick is a draw."""

LOG_NORMAL = tuple(round(exp(0.9 * z), 4) for z in NORMAL)
"""Quantiles of a log-normal distribution with median 1 and sigma 0.9; mean 1.5, 99.9 % below 16."""


def words(text: str) -> tuple[str, ...]:
    """Split a table written as text, at its commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def deck(weights: Mapping[T, int]) -> tuple[T, ...]:
    """Every value as often as its weight says, so that a uniform pick is a weighted one."""
    return tuple(value for value, weight in weights.items() for _ in range(weight))


def skewed(values: Iterable[T]) -> tuple[T, ...]:
    """A deck in which frequency falls with rank, as that of names does: the first is some twelve times as common as the last."""
    ranked = tuple(values)
    return deck({value: max(2, round(24 / (1 + 12 * rank / len(ranked)))) for rank, value in enumerate(ranked)})


def pick(rng: Random, values: Sequence[T]) -> T:
    """One value, uniformly."""
    return values[int(rng.random() * len(values))]


def between(rng: Random, low: int, high: int) -> int:
    """A whole number, both ends included."""
    return low + int(rng.random() * (high - low + 1))


def chance(rng: Random, probability: float) -> bool:
    """Whether something of this probability happens."""
    return rng.random() < probability


def fill(rng: Random, pattern: str) -> str:
    """Replace every ``#`` by a digit and every ``@`` by a capital letter."""
    return "".join([pick(rng, _STANDS_FOR[c]) if c in _STANDS_FOR else c for c in pattern])
