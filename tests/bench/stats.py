"""What exact figures cost: the API's statistics of three fields in twenty groups against Elasticsearch's own aggregation, new and repeated.

The raw aggregation is what one would send for the same answer: ``extended_stats`` and five percentiles of each field, over the whole and
under a ``terms`` aggregation, with the default digest, which is an estimate. A second one has the groups alone. New questions differ in
their filters and find the request cache empty, so that nobody has computed them before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import msgspec

from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.names import customers_alias
from crmsearch.search.filters import Filter, build_filter
from crmsearch.search.stats import StatsRequest
from crmsearch.settings import Settings
from tests.bench.http import Poster, elasticsearch_poster
from tests.bench.questions import created_since
from tests.bench.relevance.base import make_base
from tests.bench.relevance.loading import loaded
from tests.bench.results import Aim
from tests.bench.search import served, spread

__all__ = ["judge_stats", "measure_stats"]

# Ages have few distinct values and are counted; moments, in seconds over years, are as good as all different. The customers of the base
# have no orders, and so no money.
FIELDS = ("age", "created_at", "last_activity_at")
BY, GROUPS = "city", 20
PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
WARM_UP, QUESTIONS, REPEATS = 4, 24, 4
LARGE_ROWS = 1_000_000  # the base that the ratio is promised for; among few customers the way to Elasticsearch and back is most of it
MAX_RATIO_P50 = 1.2
_JSON = {"Content-Type": "application/json"}
Aggs = dict[str, Any]


def measure_stats(settings: Settings, work: Path, rows: int, seed: int, *, keep: bool = False) -> dict[str, Any]:
    """One client, the sides in turns: every question new on each side, and then repeated on each."""
    base = make_base(work, rows, seed)
    with loaded(settings, base.documents, f"base{rows}", baselines=False, keep=keep) as target, served(target) as url:
        index = customers_alias(target.elasticsearch.index_prefix)
        sides: dict[str, Callable[[], Poster]] = {
            "api": lambda: Poster(url, "/v1/stats", _JSON),
            "raw": lambda: elasticsearch_poster(target.elasticsearch, f"/{index}/_search?request_cache=false"),
            "raw_cached": lambda: elasticsearch_poster(target.elasticsearch, f"/{index}/_search?request_cache=true"),
        }
        words.print(f"stats: {QUESTIONS} questions, each new and {REPEATS} times repeated …", highlight=False)
        with ExitStack() as stack:
            client = stack.enter_context(make_client(target.elasticsearch))
            posters = {name: stack.enter_context(make()) for name, make in sides.items()}
            figures = _measure(posters, lambda: client.indices.clear_cache(index=index, request=True), seed)
    return {"rows": rows, "fields": list(FIELDS), "groups": GROUPS, "percentiles": list(PERCENTILES), **figures}


def judge_stats(figures: dict[str, Any]) -> list[Aim]:
    """What is promised of a large base."""
    if figures["rows"] < LARGE_ROWS:
        return []
    return [Aim(figure="stats: new, API / raw aggregation, p50", value=figures["ratio_p50"], at_most=MAX_RATIO_P50)]


def _measure(posters: dict[str, Poster], forget: Callable[[], object], seed: int) -> dict[str, Any]:
    new: dict[str, list[float]] = {"api": [], "raw": [], "raw_groups": []}
    repeated: dict[str, list[float]] = {"api": [], "raw": []}
    exact: list[bool] = []
    for number, request in enumerate(_requests(seed)):
        bodies = {"api": msgspec.json.encode(request), "raw": _raw(request, whole=True), "raw_groups": _raw(request, whole=False)}
        names = list(new)[number % 3 :] + list(new)[: number % 3]
        answers = {}
        for name in names:
            # Elasticsearch keeps an answer for the filter that it comes to: where all customers are since two moments, they are one.
            forget()
            took_ms, answers[name] = posters["api" if name == "api" else "raw"].post(bodies[name])
            if number >= WARM_UP:
                new[name].append(took_ms)
        exact.append(_compare(answers["api"], answers["raw"]))
        posters["raw_cached"].post(bodies["raw"])  # once to be kept
        for turn in range(REPEATS):
            for name in ("api", "raw")[:: 1 if turn % 2 else -1]:
                took_ms, _ = posters["api" if name == "api" else "raw_cached"].post(bodies[name])
                if number >= WARM_UP:
                    repeated[name].append(took_ms)
    return {
        "questions": len(new["api"]),
        "exact": f"{sum(exact)} of {len(exact)} answers to the last figure",
        "new_ms": {name: spread(values) for name, values in new.items()},
        "repeated_ms": {name: spread(values) for name, values in repeated.items()},
        "ratio_p50": round(median(new["api"]) / median(new["raw"]), 3),
        "ratio_p50_of_groups_alone": round(median(new["api"]) / median(new["raw_groups"]), 3),
    }


def _requests(seed: int) -> Iterator[StatsRequest]:
    """Nearly all customers, or those of a gender or a life-cycle stage, each since another second."""
    rng = Random(seed)
    narrower: tuple[list[Filter], ...] = (
        [],
        [Filter(field="gender", in_=["female", "male"])],
        [Filter(field="lifecycle", not_in=["churned"])],
    )
    for number in range(WARM_UP + QUESTIONS):
        filters = [created_since(rng), *narrower[number % 3]]
        yield StatsRequest(fields=list(FIELDS), by=BY, size=GROUPS, percentiles=PERCENTILES, filters=filters)


def _raw(request: StatsRequest, *, whole: bool) -> bytes:
    figures: Aggs = {f"{name}.stats": {"extended_stats": {"field": name}} for name in FIELDS}
    figures |= {f"{name}.percentiles": {"percentiles": {"field": name, "percents": PERCENTILES}} for name in FIELDS}
    aggs: Aggs = {"by": {"terms": {"field": BY, "size": GROUPS}, "aggs": figures}, **(figures if whole else {})}
    query = {"bool": {"filter": [build_filter(each) for each in request.filters]}}
    return msgspec.json.encode({"size": 0, "track_total_hits": True, "query": query, "aggs": aggs})


def _compare(api: bytes, raw: bytes) -> bool:
    """Both must be about the same customers, or the comparison means nothing; whether the API calls all its figures exact."""
    ours, theirs = msgspec.json.decode(api), msgspec.json.decode(raw)
    found = theirs["aggregations"]
    assert ours["population"] == theirs["hits"]["total"]["value"], "API and Elasticsearch counted different customers"
    groups = {group["value"]: group["population"] for group in ours["groups"]}
    assert groups == {bucket["key"]: bucket["doc_count"] for bucket in found["by"]["buckets"]}, (
        "API and Elasticsearch found different groups"
    )
    for name in FIELDS:
        assert ours["fields"][name]["n"] == found[f"{name}.stats"]["count"], f"API and Elasticsearch have different values of {name}"
    parts = [ours, *ours["groups"]]
    return all(part["fields"][name]["exact"]["percentiles"] for part in parts for name in FIELDS)
