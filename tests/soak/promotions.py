"""Searches by several clients while generations are loaded, promoted and pruned, again and again: none may fail, none may see two bases.

Every base has a version, which all of its customers bear. A client reads a whole base page by page, or searches in it; what one visit finds
must be of one version, and whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec

from crmsearch.background import start_api, stop_api
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.loading import IngestOptions, load_customers
from crmsearch.settings import Settings
from tests.bench.results import Aim
from tests.clients import Ask, Clients
from tests.documents import own_prefix, runs_of
from tests.soak.kills import CUSTOMERS, make_base, version_writer

CLIENTS = 8
WORKERS = 2
PAGE = 100
SEARCH = "/v1/customers/search"
KEPT = 3  # the live generation and the two before it
LEAST_PROMOTIONS = 5  # so that some generations are pruned, however few the searches


def measure_promotions(settings: Settings, searches: int, tell: Callable[[str], None]) -> tuple[dict[str, Any], list[Aim]]:
    """Promote until so many searches are answered; what was seen, and the aim that none failed."""
    api = msgspec.structs.replace(settings.api, workers=WORKERS)
    with (
        own_prefix(msgspec.structs.replace(settings, api=api), "promotions") as (settings, lifecycle),
        make_client(settings.elasticsearch) as client,
    ):

        def load(version: int) -> None:
            options = IngestOptions(paths=("none",))
            load_customers(settings, lifecycle, runs_of(lifecycle), options, runner=version_writer(client, version))

        seen: set[int] = set()
        load(1)
        url = start_api(settings, any_port=True).url
        try:
            began = time.monotonic()
            with Clients(url, [_visit(number, seen) for number in range(CLIENTS)]).asking() as clients:
                version = 1
                while (len(clients.answers) < searches or version <= LEAST_PROMOTIONS) and not clients.errors:
                    version += 1
                    load(version)
                    _check_pruned(lifecycle)
                    tell(f"{len(clients.answers):,} searches, {version} generations promoted, {clients.errors.total()} errors")
            seconds = time.monotonic() - began
        finally:
            stop_api(settings)
    took_ms = sorted(each.took_ms for each in clients.answers)
    figures = {
        "searches": len(took_ms),
        "clients": CLIENTS,
        "promotions": version - 1,
        "versions_seen": len(seen),
        "seconds": round(seconds, 1),
        "errors": dict(clients.errors),
        "search_ms": {"p50": round(median(took_ms), 1), "p99": round(took_ms[len(took_ms) * 99 // 100], 1)},
    }
    return figures, [
        Aim(figure="promotions: errors", value=clients.errors.total(), at_most=0),
        Aim(figure="promotions: generations that searches saw", value=len(seen), at_least=2),
    ]


def _check_pruned(lifecycle: Lifecycle) -> None:
    generations = lifecycle.generations()
    assert len(generations) <= KEPT
    assert all(each.complete for each in generations)


def _visit(number: int, seen: set[int]) -> Callable[[Ask], None]:
    """What a client does: the odd ones read the base to its end by cursors, the even ones search for a name."""
    ids = sorted(each["customer_id"] for each in make_base(1))

    def read_all(ask: Ask) -> None:
        found: list[str] = []
        versions: set[int] = set()
        cursor = None
        while cursor is not None or not found:
            answer = ask(SEARCH, {"size": PAGE, "cursor": cursor})
            found += [hit["id"] for hit in answer["hits"]]
            versions |= {hit["customer"]["age"] for hit in answer["hits"]}
            cursor = answer["next_cursor"]
        assert sorted(found) == ids, "a customer is missing or there twice"
        assert len(versions) == 1, "pages of two bases"
        seen.update(versions)

    def search(ask: Ask) -> None:
        answer = ask(SEARCH, {"q": "person", "size": PAGE, "facets": ["city"]})
        versions = {hit["customer"]["age"] for hit in answer["hits"]}
        assert answer["total"] == CUSTOMERS, "not the whole base"
        assert len(versions) == 1, "hits of two bases"
        seen.update(versions)

    return read_all if number % 2 else search
