"""How fast customers are found among many: the real API as a process, its bodies sent straight, and the plain fuzzy query beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from crmsearch.search.request import SearchRequest
from crmsearch.settings import Settings
from tests.bench.questions import Question
from tests.bench.relevance.asking import Judged
from tests.bench.relevance.base import make_base
from tests.bench.relevance.baselines import BASELINES, FACETS, SIZE
from tests.bench.relevance.kinds import KINDS, make_judged
from tests.bench.relevance.loading import baseline_index, loaded
from tests.bench.results import Aim
from tests.bench.search import CLIENTS, measure_search, measure_suggest, served

__all__ = ["judge_latency", "measure_latency"]

PER_KIND = 10
LARGE_ROWS = 1_000_000  # the base that milliseconds are promised for
RIVAL = "multi_match"
_LONGEST_FRAGMENT = 8
_MAX_P50_MS, _MAX_P95_MS, _MAX_SUGGEST_P95_MS = 15.0, 50.0, 30.0
_MAX_RATIO_P50, _MIN_RATIO_CLIENTS, _MIN_TIMES_FASTER = 1.3, 0.7, 4.0


def measure_latency(settings: Settings, work: Path, rows: int, seed: int, *, keep: bool = False) -> dict[str, Any]:
    """Search with three facets, and suggestions, over a base of ``rows`` customers; the questions are of all kinds."""
    base = make_base(work, rows, seed)
    judged = make_judged(base.people, list(KINDS.values()), seed, PER_KIND)
    questions = [Question(each.kind, SearchRequest(q=each.text, facets=list(FACETS), size=SIZE)) for each in judged]
    with loaded(settings, base.documents, f"base{rows}", keep=keep) as target, served(target) as url:
        figures = measure_search(target, url, questions, {RIVAL: (baseline_index(target), BASELINES[RIVAL])})
        figures["suggest_ms"] = measure_suggest(url, list(_fragments(judged, seed)))
    one = figures["one_client"]
    return {"rows": rows, **figures, "times_faster_p50": round(one[f"{RIVAL}_ms"]["p50"] / one["api_ms"]["p50"], 2)}


def judge_latency(figures: dict[str, Any]) -> list[Aim]:
    """What is promised; milliseconds only of the base that they are promised for."""
    one = figures["one_client"]
    aims = [
        Aim(figure="latency: API / Elasticsearch straight, p50", value=figures["ratio_p50"], at_most=_MAX_RATIO_P50),
        Aim(
            figure=f"latency: requests/s of {CLIENTS} clients, API / straight", value=figures["ratio_clients"], at_least=_MIN_RATIO_CLIENTS
        ),
        Aim(figure=f"latency: {RIVAL} / API, p50", value=figures["times_faster_p50"], at_least=_MIN_TIMES_FASTER),
    ]
    if figures["rows"] >= LARGE_ROWS:
        aims += [
            Aim(figure="latency: search with three facets, p50 ms", value=one["api_ms"]["p50"], at_most=_MAX_P50_MS),
            Aim(figure="latency: search with three facets, p95 ms", value=one["api_ms"]["p95"], at_most=_MAX_P95_MS),
            Aim(figure="latency: suggest, p95 ms", value=figures["suggest_ms"]["p95"], at_most=_MAX_SUGGEST_P95_MS),
        ]
    return aims


def _fragments(judged: list[Judged], seed: int) -> Iterator[str]:
    """What has been typed of a question so far: from one Chinese character or two others on."""
    rng = Random(seed)
    for each in judged:
        text = each.text.strip()
        shortest = 2 if text[0].isascii() else 1
        yield text[: shortest + int(rng.random() * (_LONGEST_FRAGMENT - shortest + 1))].strip()
