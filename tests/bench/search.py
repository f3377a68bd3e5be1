"""Searches through the API against the same bodies sent straight to Elasticsearch.

The straight side sends whatever the service sends for a search, be it one body or several one after the other. All sides use one thin
client that reads the whole answer and decodes nothing. Elasticsearch's request cache keeps no answers with hits, so nobody is served from
it; its other caches help whoever asks second, which each side does equally often.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from crmsearch.background import start_api, stop_api
from crmsearch.cli.look import ask
from crmsearch.cli.output import words
from crmsearch.indexing.names import customers_alias
from crmsearch.search.service import SearchBackend, SearchService
from crmsearch.settings import ApiSettings, Settings
from tests.bench.http import Poster, elasticsearch_poster
from tests.bench.questions import Question

__all__ = ["Rival", "api_url", "measure_search", "measure_suggest", "served", "spread"]

WARM_UP_PASSES = 2
PASSES = 4  # over all questions; even, so that each side goes first equally often
CLIENTS = 16
ROUNDS = 3
ROUND_S = 6.0
_JSON = {"Content-Type": "application/json"}

Bodies = tuple[bytes, ...]
Rival = Callable[[str], dict[str, Any]]  # the body that somebody else would send for a text


class Exchange(msgspec.Struct, frozen=True):
    """One question, and what each side sends for it, one body after the other."""

    kind: str
    bodies: dict[str, Bodies]


class Recorder:
    """A backend that passes everything on and keeps the bodies of searches."""

    def __init__(self, backend: SearchBackend) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._backend = backend

    async def search(self, body: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        self.bodies.append(body)
        return await self._backend.search(body, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@contextmanager
def api_url(settings: Settings) -> Iterator[str]:
    """Where an API of our own answers while it is needed."""
    words.print("search: starting the API …")
    url = start_api(settings, any_port=True).url
    try:
        yield url
    finally:
        stop_api(settings)


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Where an API answers over an index of its own; its state directory is too, so that no API that runs already is taken for it."""
    with TemporaryDirectory(prefix="crmsearch-state-") as state_dir:
        paths = msgspec.structs.replace(settings.paths, state_dir=state_dir)
        with api_url(msgspec.structs.replace(settings, paths=paths, api=ApiSettings())) as url:
            yield url


def measure_search(
    settings: Settings, url: str, questions: Sequence[Question], rivals: Mapping[str, tuple[str, Rival]] | None = None
) -> dict[str, Any]:
    """Latency with one client, interleaved, and requests per second with many, in turns.

    Args:
        settings: those of the API.
        url: where the API answers.
        questions: what is asked, over and over.
        rivals: further sides for the one client, each with the index that it asks and the body that it sends for a text.
    """
    rivals = rivals or {}
    alias = customers_alias(settings.elasticsearch.index_prefix)
    sides: dict[str, Callable[[], Poster]] = {
        "api": lambda: Poster(url, "/v1/customers/search", _JSON),
        "straight": lambda: elasticsearch_poster(settings.elasticsearch, f"/{alias}/_search"),
    }
    for name, (index, _) in rivals.items():
        sides[name] = lambda index=index: elasticsearch_poster(settings.elasticsearch, f"/{index}/_search")  # type: ignore[misc]
    exchanges = ask(settings, lambda service: _exchanges(service, settings, questions, rivals))
    words.print(f"search: {len(exchanges)} questions, one client …", highlight=False)
    one = _one_client(sides, exchanges)
    words.print(f"search: {CLIENTS} clients …", highlight=False)
    many: dict[str, list[float]] = {"api": [], "straight": []}
    for _ in range(ROUNDS):
        for name, rates in many.items():
            rates.append(_many_clients(sides[name], [each.bodies[name] for each in exchanges]))
    per_s = {name: round(median(rates)) for name, rates in many.items()}
    return {
        "questions": len(exchanges),
        "bodies_per_search": round(sum(len(each.bodies["straight"]) for each in exchanges) / len(exchanges), 2),
        "one_client": one,
        f"{CLIENTS}_clients_requests_per_s": {**per_s, "ratio": round(per_s["api"] / per_s["straight"], 3)},
        "ratio_p50": one["ratio_p50"],
        "ratio_clients": round(per_s["api"] / per_s["straight"], 3),
    }


def measure_suggest(url: str, fragments: Sequence[str]) -> dict[str, float]:
    """Latency of suggestions through the API for what has been typed so far."""
    bodies = [msgspec.json.encode({"q": fragment}) for fragment in fragments]
    spent = []
    with Poster(url, "/v1/customers/suggest", _JSON) as poster:
        for number in range(WARM_UP_PASSES + PASSES):
            for body in bodies:
                took_ms, _ = poster.post(body)
                if number >= WARM_UP_PASSES:
                    spent.append(took_ms)
    return spread(spent)


async def _exchanges(
    service: SearchService, settings: Settings, questions: Sequence[Question], rivals: Mapping[str, tuple[str, Rival]]
) -> list[Exchange]:
    recorder = Recorder(service._backend)
    service._backend = recorder
    # The timeout is the one that the API adds, so the bodies are the same.
    timeout = {"timeout": f"{int(settings.elasticsearch.timeout_s * 900)}ms"}
    exchanges = []
    for question in questions:
        recorder.bodies.clear()
        await service.search(question.request)
        bodies: dict[str, Bodies] = {
            "api": (msgspec.json.encode(question.request),),
            "straight": tuple(msgspec.json.encode({**body, **timeout}) for body in recorder.bodies),
        }
        for name, (_, build) in rivals.items():
            bodies[name] = (msgspec.json.encode(build(question.request.q)),)
        exchanges.append(Exchange(question.kind, bodies))
    return exchanges


def _one_client(sides: Mapping[str, Callable[[], Poster]], exchanges: Sequence[Exchange]) -> dict[str, Any]:
    spent: dict[str, dict[str, list[float]]] = {name: {each.kind: [] for each in exchanges} for name in sides}
    names = list(sides)
    with ExitStack() as stack:
        posters = {name: stack.enter_context(make_poster()) for name, make_poster in sides.items()}
        for each in exchanges:
            _compare(posters["api"].post(each.bodies["api"][0])[1], [posters["straight"].post(body)[1] for body in each.bodies["straight"]])
        for number in range(WARM_UP_PASSES + PASSES):
            for place, each in enumerate(exchanges):
                turn = (number + place) % len(names)
                for name in names[turn:] + names[:turn]:
                    took_ms = sum(posters[name].post(body)[0] for body in each.bodies[name])
                    if number >= WARM_UP_PASSES:
                        spent[name][each.kind].append(took_ms)
    everything = {name: [took_ms for kind in by_kind.values() for took_ms in kind] for name, by_kind in spent.items()}
    added = [api_ms - straight_ms for api_ms, straight_ms in zip(everything["api"], everything["straight"], strict=True)]
    return {
        "measured_per_side": len(added),
        **{f"{name}_ms": spread(values) for name, values in everything.items()},
        "added_ms_p50": round(median(added), 2),
        "ratio_p50": round(median(everything["api"]) / median(everything["straight"]), 3),
        "p50_ms_by_kind": {
            kind: {name: round(median(by_kind[kind]), 2) for name, by_kind in spent.items()} for kind in sorted(spent["api"])
        },
    }


def _compare(api: bytes, straight: Sequence[bytes]) -> None:
    """The API must have found what its own bodies find, or the comparison means nothing; of several bodies it may take a part of each."""
    ours = {hit["id"] for hit in msgspec.json.decode(api)["hits"]}
    theirs = {hit["_id"] for answer in straight for hit in msgspec.json.decode(answer)["hits"]["hits"]}
    assert ours <= theirs, "the API found customers that Elasticsearch did not"
    assert ours == theirs or len(straight) > 1, "API and Elasticsearch found different customers"


def spread(values: list[float]) -> dict[str, float]:
    """Milliseconds in the middle, of the slow ones, and of the slowest."""
    cuts = quantiles(values, n=100)
    return {"p50": round(median(values), 2), "p95": round(cuts[94], 2), "max": round(max(values), 2)}


def _many_clients(make_poster: Callable[[], Poster], searches: Sequence[Bodies]) -> float:
    """Searches per second that ``CLIENTS`` connections get answered, each asking again as soon as it is answered."""
    stop = threading.Event()

    def ask(offset: int) -> int:
        answered = 0
        with make_poster() as poster:
            for bodies in islice(cycle(searches), offset, None):
                if stop.is_set():
                    break
                for body in bodies:
                    poster.post(body)
                answered += 1
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        clients = [pool.submit(ask, number * len(searches) // CLIENTS) for number in range(CLIENTS)]
        try:
            stop.wait(ROUND_S)
        finally:
            stop.set()
        answered = sum(client.result() for client in clients)
        return answered / (time.perf_counter() - began)
