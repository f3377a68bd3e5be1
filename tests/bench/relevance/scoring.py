"""From ranks to recall, and from twins to the recall that any ranking could reach. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, quantiles

from tests.bench.relevance.twins import Rivals

__all__ = ["DEPTHS", "certain", "latencies", "limits", "rank_of", "recalls"]

DEPTHS = (1, 5, 10)
_DEVIATIONS = 2.0


def rank_of(target: str, ids: Sequence[str]) -> int | None:
    """Place of the right answer, from 1; ``None`` when it is not among the hits."""
    return ids.index(target) + 1 if target in ids else None


def recalls(ranks: Sequence[int | None]) -> dict[str, float]:
    """``recall@k``: share of questions whose right answer is among the first k. ``mrr``: mean of 1/rank, 0 where it is not found."""
    found = {f"recall@{depth}": _mean([rank is not None and rank <= depth for rank in ranks]) for depth in DEPTHS}
    return {**found, "mrr": _mean([1 / rank if rank else 0.0 for rank in ranks])}


def limits(rivals: Sequence[Rivals]) -> dict[str, float]:
    """The recall to expect of the best ranking: those who are named literally first, then the twins, the right one anywhere among them."""
    return {f"recall@{depth}": _mean(_chances(rivals, depth)) for depth in DEPTHS}


def certain(rivals: Sequence[Rivals]) -> dict[str, float]:
    """The recall that the best ranking has but for bad luck among twins: its limit less two standard deviations."""
    return {f"recall@{depth}": round(_mean(_chances(rivals, depth)) - _DEVIATIONS * _deviation(rivals, depth), 4) for depth in DEPTHS}


def latencies(spent_ms: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    cuts = quantiles(spent_ms, n=20, method="inclusive") if len(spent_ms) > 1 else list(spent_ms) * 19
    return {"p50_ms": round(median(spent_ms), 2), "p95_ms": round(cuts[18], 2)}


def _chances(rivals: Sequence[Rivals], depth: int) -> list[float]:
    return [min(1.0, max(0, depth - each.literal) / each.twins) for each in rivals]


def _deviation(rivals: Sequence[Rivals], depth: int) -> float:
    return math.sqrt(sum(chance * (1 - chance) for chance in _chances(rivals, depth))) / len(rivals)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
