"""Many clients for many minutes: does anything fail, grow slower, or grow?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, median
from typing import Any

import msgspec

from crmsearch.background import start_api, stop_api
from crmsearch.loading import IngestOptions, load_customers
from crmsearch.sample import make_sample
from crmsearch.settings import Settings
from tests.bench.memory import resident_mib
from tests.bench.questions import make_questions
from tests.bench.results import Aim
from tests.clients import Answered, Ask, Clients
from tests.documents import own_prefix, runs_of

WORKERS = 2
MINUTE_S = 60.0
LOOK_S = 5.0
MAX_GROWTH = 0.05  # from the second minute, when everything is warm, to the last
SEARCH, SUGGEST, STATS = "/v1/customers/search", "/v1/customers/suggest", "/v1/stats"

Request = tuple[str, dict[str, Any]]


def measure_load(
    settings: Settings, rows: int, seed: int, clients: int, minutes: int, tell: Callable[[str], None]
) -> tuple[dict[str, Any], list[Aim]]:
    """Load a sample, let so many clients ask for so many minutes; figures by minute, and the aims."""
    api = msgspec.structs.replace(settings.api, workers=WORKERS)
    with own_prefix(msgspec.structs.replace(settings, api=api), "load") as (settings, lifecycle):
        tell(f"loading a sample of {rows:,} rows …")
        files = make_sample(settings.paths.state / "sample", rows, seed).files
        report = load_customers(settings, lifecycle, runs_of(lifecycle), IngestOptions(paths=(files["customers"],), region="CN"))
        requests = _requests(Path(files["customers"]), seed)
        record = start_api(settings, any_port=True)
        try:
            visits = [_visit(requests, len(requests) * number // clients) for number in range(clients)]
            began_s = time.monotonic()
            with _watched(record.pid) as memory, Clients(record.url, visits).asking() as asking:
                for minute in range(1, minutes + 1):
                    threading.Event().wait(max(0.0, began_s + minute * MINUTE_S - time.monotonic()))
                    tell(f"minute {minute}: {_figures_of(asking.answers, memory, began_s, minute)}, {asking.errors.total()} errors")
        finally:
            stop_api(settings)
    by_minute = [_figures_of(asking.answers, memory, began_s, minute) for minute in range(1, minutes + 1)]
    figures = {
        "customers": report.indexed,
        "clients": clients,
        "workers": WORKERS,
        "requests": len(asking.answers),
        "errors": dict(asking.errors),
        "minutes": {str(minute): each for minute, each in enumerate(by_minute, 1)},
    }
    return figures, [Aim(figure="load: errors", value=asking.errors.total(), at_most=0), *_growth(by_minute)]


def _requests(customers_csv: Path, seed: int) -> list[Request]:
    """Searches as agents type them; each is followed by what the console asks while one types, and some by figures."""
    requests: list[Request] = []
    for number, question in enumerate(make_questions(customers_csv, seed)):
        requests.append((SEARCH, msgspec.to_builtins(question.request)))
        requests.append((SUGGEST, {"q": question.request.q[:4]}))
        if number % 10 == 0:
            requests.append((STATS, {"fields": ["age"], "by": "city"}))
    return requests


def _visit(requests: Sequence[Request], offset: int) -> Callable[[Ask], object]:
    """One request after the other, over and over."""
    own = islice(cycle(requests), offset, None)
    return lambda ask: ask(*next(own))


@contextmanager
def _watched(pid: int) -> Iterator[list[tuple[float, float]]]:
    """Looks at the memory of the API's processes every few seconds: when, and MiB."""
    seen: list[tuple[float, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_S):
            seen.append((time.monotonic(), resident_mib(pid)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _figures_of(answers: Sequence[Answered], memory: Sequence[tuple[float, float]], began_s: float, minute: int) -> dict[str, float]:
    """Of one minute, from 1."""
    first, last = began_s + (minute - 1) * MINUTE_S, began_s + minute * MINUTE_S
    took_ms = sorted(each.took_ms for each in list(answers) if first <= each.at_s < last)
    held = [mib for at_s, mib in memory if first <= at_s < last]
    return {
        "requests": len(took_ms),
        "p50_ms": round(median(took_ms), 1),
        "p99_ms": round(took_ms[len(took_ms) * 99 // 100], 1),
        "memory_mib": round(mean(held), 1),
    }


def _growth(minutes: Sequence[dict[str, float]]) -> list[Aim]:
    """What may not grow from the second minute to the last, as shares; nothing in a run too short to tell."""
    if len(minutes) < 3:
        return []
    warm, last = minutes[1], minutes[-1]
    return [
        Aim(figure=f"load: growth of {name}", value=round(last[name] / warm[name] - 1, 4), at_most=MAX_GROWTH)
        for name in ("p99_ms", "memory_mib")
    ]
