"""Hand-written customers put into an index of their own, with the helper forms that the job computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from crmsearch.cleaning.forms import search_forms
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import records_index
from crmsearch.indexing.runs import RunStore
from crmsearch.settings import Settings

BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def own_prefix(settings: Settings, word: str) -> Iterator[tuple[Settings, Lifecycle]]:
    """Settings and life cycle under an index prefix of their own, so that no other test's load takes the alias."""
    target = msgspec.structs.replace(settings.elasticsearch, index_prefix=f"{settings.elasticsearch.index_prefix}_{word}")
    settings = msgspec.structs.replace(settings, elasticsearch=target)
    with make_client(target) as client:
        lifecycle = Lifecycle(client, target)
        try:
            yield settings, lifecycle
        finally:
            for generation in lifecycle.generations():
                client.indices.delete(index=f"{generation.index},{records_index(generation.index)}", ignore_unavailable=True)
            state = ",".join(
                f"{target.index_prefix}-{name}" for name in ("runs", "segments", "locks", "writes", "keys", "suppressions", "audit")
            )
            client.indices.delete(index=state, ignore_unavailable=True)


def runs_of(lifecycle: Lifecycle) -> RunStore:
    """Where the loads of this life cycle keep their reports."""
    return RunStore(lifecycle._client, lifecycle._settings)


def put_documents(lifecycle: Lifecycle, documents: Iterable[dict[str, Any]], began_at: datetime = BEGAN_AT) -> str:
    """Make a generation of these documents, verified but not promoted; one without an id is numbered."""
    index = lifecycle.create(began_at)
    operations: list[dict[str, Any]] = []
    for number, given in enumerate(documents):
        document = {"customer_id": f"N{number}", **given}
        operations += [{"index": {"_id": document["customer_id"]}}, document | search_forms(document)]
    if operations:
        assert not lifecycle._client.bulk(index=index, operations=operations)["errors"]
    lifecycle.finish(index, len(operations) // 2)
    return index


def documents_in(lifecycle: Lifecycle, index: str) -> dict[str, dict[str, Any]]:
    """All documents of a small index as they are stored, by id."""
    found: dict[str, dict[str, Any]] = {}
    with_all: dict[str, Any] = {"index": index, "size": 5_000, "sort": [{"customer_id.exact": "asc"}]}
    hits = lifecycle._client.search(**with_all)["hits"]["hits"]
    while hits:
        found |= {hit["_id"]: hit["_source"] for hit in hits}
        hits = lifecycle._client.search(**with_all, search_after=hits[-1]["sort"])["hits"]["hits"]
    return found
