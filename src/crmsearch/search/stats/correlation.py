"""Pearson's correlation of every pair of fields, over the customers that have both. Pure.

The co-moments are gathered by the method of Welford and Chan, which keeps its digits where sums of products lose them, from the distances
to the mean of each field, which a first question asks for: the method itself drops digits of values far from zero, as dates are. The
interval is Fisher's: the inverse hyperbolic tangent of r is nearly normal with a standard error of 1 / sqrt(n - 3).
"""

import itertools
import math
from statistics import NormalDist
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.plan import build_population
from crmsearch.search.stats.request import CorrelationRequest

__all__ = ["CONFIDENCE", "Correlation", "CorrelationResponse", "build_correlation_body", "build_means_body", "parse_correlation"]

Body = dict[str, Any]

CONFIDENCE = 0.95
_MOMENTS = 6  # of a pair: n, both means, both sums of squares, the sum of products

_UPDATE = """
    if (has%(x)d && has%(y)d) {
        m = state.pair%(pair)d; m[0] += 1;
        double dx = x%(x)d - m[1]; double dy = x%(y)d - m[2];
        m[1] += dx / m[0]; m[2] += dy / m[0];
        m[3] += dx * (x%(x)d - m[1]); m[4] += dy * (x%(y)d - m[2]); m[5] += dx * (x%(y)d - m[2]);
    }
"""
_REDUCE = """
    List pairs = new ArrayList();
    for (int pair = 0; pair < params.pairs; pair++) {
        double[] all = new double[params.moments];
        for (state in states) {
            if (state == null) continue;
            double[] m = state['pair' + pair];
            if (m[0] == 0) continue;
            double n = all[0] + m[0]; double dx = m[1] - all[1]; double dy = m[2] - all[2]; double share = all[0] * m[0] / n;
            all[1] += dx * m[0] / n; all[2] += dy * m[0] / n;
            all[3] += m[3] + dx * dx * share; all[4] += m[4] + dy * dy * share; all[5] += m[5] + dx * dy * share;
            all[0] = n;
        }
        pairs.add(all);
    }
    return pairs
"""


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """Of two fields over ``n`` customers: ``r`` from -1 to 1, and between which bounds it lies with the confidence of the answer.

    ``None`` where there is no such figure, with the reason in ``reason``.
    """

    fields: tuple[str, str]
    n: int
    r: float | None
    low: float | None
    high: float | None
    reason: str | None = None


class CorrelationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """``withheld`` are pairs of fields that too few customers have both of."""

    population: int
    fields: list[str]
    pairs: list[Correlation]
    confidence: float = CONFIDENCE
    withheld: list[tuple[str, str]] = []
    took_ms: int = 0


def build_means_body(request: CorrelationRequest) -> Body:
    """The first question: the mean of each field."""
    return _over(request, {name: {"avg": {"field": FIELDS[name].path}} for name in _ordered(request)})


def build_correlation_body(request: CorrelationRequest, means: Body) -> Body:
    """One script over all fields; in the order of the catalogue, so that the same fields make the same script.

    Args:
        request: what is asked.
        means: the answer to ``build_means_body(request)``.
    """
    names = _ordered(request)
    shifts = [means["aggregations"][name]["value"] or 0.0 for name in names]
    read = "".join(_read(number, name) for number, name in enumerate(names))
    pairs = list(itertools.combinations(range(len(names)), 2))
    update = "".join(_UPDATE % {"x": x, "y": y, "pair": pair} for pair, (x, y) in enumerate(pairs))
    moments = {
        "init_script": "".join(f"state.pair{pair} = new double[{_MOMENTS}];" for pair in range(len(pairs))),
        "map_script": f"{read} double[] m;{update}",
        "combine_script": "return state",
        "reduce_script": _REDUCE,
        "params": {"pairs": len(pairs), "moments": _MOMENTS, "shifts": shifts},
    }
    return _over(request, {"moments": {"scripted_metric": moments}})


def parse_correlation(request: CorrelationRequest, answer: Body) -> CorrelationResponse:
    """The answer to ``build_correlation_body(request)``, its pairs in the order in which the fields were named."""
    names, moments = _ordered(request), answer["aggregations"]["moments"]["value"]
    found = dict(zip(itertools.combinations(names, 2), moments, strict=True))
    pairs = []
    for first, second in itertools.combinations(request.fields, 2):
        n, _, _, xx, yy, xy = found.get((first, second)) or found[second, first]
        pairs.append(_correlation((first, second), int(n), xx, yy, xy))
    return CorrelationResponse(
        population=answer["hits"]["total"]["value"], fields=list(request.fields), pairs=pairs, took_ms=answer["took"]
    )


def _correlation(fields: tuple[str, str], n: int, xx: float, yy: float, xy: float) -> Correlation:
    reason = None
    if n < 2:
        reason = "fewer than two customers have both"
    elif xx == 0 or yy == 0:
        reason = f"{fields[0] if xx == 0 else fields[1]} is the same for all of them"
    if reason is not None:
        return Correlation(fields=fields, n=n, r=None, low=None, high=None, reason=reason)
    r = max(-1.0, min(1.0, xy / math.sqrt(xx) / math.sqrt(yy)))
    if n < 4:
        return Correlation(fields=fields, n=n, r=r, low=None, high=None, reason="fewer than four customers give no interval")
    if abs(r) == 1:
        return Correlation(fields=fields, n=n, r=r, low=r, high=r)
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) / math.sqrt(n - 3)
    low, high = (math.tanh(math.atanh(r) + sign * reach) for sign in (-1, 1))
    return Correlation(fields=fields, n=n, r=r, low=low, high=high)


def _over(request: CorrelationRequest, aggs: Body) -> Body:
    return {"size": 0, "track_total_hits": True, "query": build_population(request.filters), "aggs": aggs}


def _ordered(request: CorrelationRequest) -> list[str]:
    return [name for name in FIELDS if name in request.fields]


def _read(number: int, name: str) -> str:
    value = "value.toInstant().toEpochMilli()" if FIELDS[name].type == "date" else "value"
    return (
        f"def doc{number} = doc['{FIELDS[name].path}']; boolean has{number} = doc{number}.size() > 0;"
        f" double x{number} = has{number} ? doc{number}.{value} - params.shifts[{number}] : 0.0;\n"
    )
