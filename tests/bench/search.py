"""Searches through the API against the same bodies sent straight to Elasticsearch.

Both sides use one thin client that reads the whole answer and decodes nothing. Elasticsearch's request cache keeps no answers with hits,
so nobody is served from it; its other caches help whoever asks second, which each side does equally often.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from crmsearch.background import start_api, stop_api
from crmsearch.cli.output import words
from crmsearch.indexing.names import customers_alias
from crmsearch.search.query import build_search_body
from crmsearch.settings import Settings
from tests.bench.http import Poster, elasticsearch_poster
from tests.bench.questions import Question, make_questions

__all__ = ["measure_search"]

WARM_UP_PASSES = 2
PASSES = 4  # over all questions; even, so that each side goes first equally often
CLIENTS = 16
ROUNDS = 3
ROUND_S = 6.0


class Exchange(msgspec.Struct, frozen=True):
    """One question as both sides get it."""

    kind: str
    api: bytes
    straight: bytes


def measure_search(settings: Settings, customers_csv: Path, seed: int) -> dict[str, Any]:
    """Latency with one client, interleaved, and requests per second with many, in turns."""
    exchanges = [_exchange(question, settings) for question in make_questions(customers_csv, seed)]
    path = f"/{customers_alias(settings.elasticsearch.index_prefix)}/_search"
    words.print("search: starting the API …")
    url = start_api(settings, any_port=True).url
    try:
        sides: dict[str, Callable[[], Poster]] = {
            "api": lambda: Poster(url, "/v1/customers/search", {"Content-Type": "application/json"}),
            "straight": lambda: elasticsearch_poster(settings.elasticsearch, path),
        }
        words.print(f"search: {len(exchanges)} questions, one client …")
        one = _one_client(sides, exchanges)
        words.print(f"search: {CLIENTS} clients …")
        many: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, make_poster in sides.items():
                many[name].append(_many_clients(make_poster, [getattr(each, name) for each in exchanges]))
    finally:
        stop_api(settings)
    per_s = {name: round(median(rates)) for name, rates in many.items()}
    return {
        "questions": len(exchanges),
        "one_client": one,
        f"{CLIENTS}_clients_requests_per_s": {**per_s, "ratio": round(per_s["api"] / per_s["straight"], 3)},
        "ratio_p50": one["ratio_p50"],
    }


def _exchange(question: Question, settings: Settings) -> Exchange:
    # The timeout is the one that the API adds, so the bodies are the same.
    straight = {**build_search_body(question.request), "timeout": f"{int(settings.elasticsearch.timeout_s * 900)}ms"}
    return Exchange(question.kind, msgspec.json.encode(question.request), msgspec.json.encode(straight))


def _one_client(sides: dict[str, Callable[[], Poster]], exchanges: list[Exchange]) -> dict[str, Any]:
    spent: dict[str, dict[str, list[float]]] = {name: {each.kind: [] for each in exchanges} for name in sides}
    with sides["api"]() as api, sides["straight"]() as straight:
        posters = {"api": api, "straight": straight}
        for each in exchanges:
            _compare(api.post(each.api)[1], straight.post(each.straight)[1])
        for number in range(WARM_UP_PASSES + PASSES):
            for place, each in enumerate(exchanges):
                for name in sorted(posters, reverse=(number + place) % 2 == 1):
                    took_ms, _ = posters[name].post(getattr(each, name))
                    if number >= WARM_UP_PASSES:
                        spent[name][each.kind].append(took_ms)
    everything = {name: [took_ms for kind in by_kind.values() for took_ms in kind] for name, by_kind in spent.items()}
    added = [api_ms - straight_ms for api_ms, straight_ms in zip(everything["api"], everything["straight"], strict=True)]
    return {
        "measured_per_side": len(added),
        **{f"{name}_ms": _spread(values) for name, values in everything.items()},
        "added_ms_p50": round(median(added), 2),
        "ratio_p50": round(median(everything["api"]) / median(everything["straight"]), 3),
        "p50_ms_by_kind": {
            kind: {name: round(median(by_kind[kind]), 2) for name, by_kind in spent.items()} for kind in sorted(spent["api"])
        },
    }


def _compare(api: bytes, straight: bytes) -> None:
    """Both sides must have found the same, or the comparison means nothing."""
    ours, theirs = msgspec.json.decode(api), msgspec.json.decode(straight)
    found = {hit["_id"] for hit in theirs["hits"]["hits"]}
    assert {hit["id"] for hit in ours["hits"]} == found, "API and Elasticsearch found different customers"


def _spread(values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {"p50": round(median(values), 2), "p95": round(cuts[94], 2), "max": round(max(values), 2)}


def _many_clients(make_poster: Callable[[], Poster], bodies: list[bytes]) -> float:
    """Requests per second that ``CLIENTS`` connections get answered, each asking again as soon as it is answered."""
    stop = threading.Event()

    def ask(offset: int) -> int:
        answered = 0
        with make_poster() as poster:
            for body in islice(cycle(bodies), offset, None):
                if stop.is_set():
                    break
                poster.post(body)
                answered += 1
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        clients = [pool.submit(ask, number * len(bodies) // CLIENTS) for number in range(CLIENTS)]
        try:
            stop.wait(ROUND_S)
        finally:
            stop.set()
        answered = sum(client.result() for client in clients)
        return answered / (time.perf_counter() - began)
