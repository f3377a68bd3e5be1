"""What each facet costs by itself: the API's answer with it against the same question without any, over nearly all customers.

A question differs from all before in the second since which its customers were created, so that nobody has counted it before.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import msgspec

from crmsearch.cli.output import words
from crmsearch.contract import FIELDS
from crmsearch.search.facet_request import FacetRequest
from crmsearch.search.request import SearchRequest
from crmsearch.settings import Settings
from tests.bench.http import Poster
from tests.bench.questions import created_since
from tests.bench.relevance.base import make_base
from tests.bench.relevance.loading import loaded
from tests.bench.search import served

__all__ = ["measure_facets"]

WARM_UP, QUESTIONS = 2, 10
SPREAD = (
    FacetRequest(field="age", interval="auto"),
    FacetRequest(field="quality_score", interval=10),
    FacetRequest(field="created_at", interval="year"),
    FacetRequest(field="created_at", interval="auto"),
)
_JSON = {"Content-Type": "application/json"}


def measure_facets(settings: Settings, work: Path, rows: int, seed: int, *, keep: bool = False) -> dict[str, Any]:
    """One client; each facet by its name: milliseconds beyond those of the question without it, at the median."""
    facets = [FacetRequest(field=name) for name, field in FIELDS.items() if field.facet]
    base = make_base(work, rows, seed)
    with loaded(settings, base.documents, f"base{rows}", baselines=False, keep=keep) as target, served(target) as url:
        words.print(f"facets: {len(facets) + len(SPREAD)} facets, {QUESTIONS} questions each …", highlight=False)
        with Poster(url, "/v1/customers/search", _JSON) as poster:
            rng = Random(seed)
            beyond = {_name(each): _cost(poster, each, rng) for each in (*facets, *SPREAD)}
            alone = median(_ask(poster, rng) for _ in range(QUESTIONS))
    return {"rows": rows, "without_ms": round(alone, 2), "beyond_ms": dict(sorted(beyond.items(), key=lambda one: -one[1]))}


def _cost(poster: Poster, facet: FacetRequest, rng: Random) -> float:
    """With it and without it in turns, so that what else the machine does falls on both."""
    took = [(_ask(poster, rng, facet), _ask(poster, rng)) for _ in range(WARM_UP + QUESTIONS)][WARM_UP:]
    return round(median(one for one, _ in took) - median(other for _, other in took), 2)


def _ask(poster: Poster, rng: Random, *facets: FacetRequest) -> float:
    request = SearchRequest(filters=[created_since(rng)], facets=facets, size=1, highlight=False)
    took_ms, _ = poster.post(msgspec.json.encode(request))
    return took_ms


def _name(facet: FacetRequest) -> str:
    return f"{facet.field}:{facet.interval}" if facet.spread else facet.field
