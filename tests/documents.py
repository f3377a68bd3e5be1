"""Hand-written customers put into an index of their own, with the helper forms that the job computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from crmsearch.indexing.analytics import write_customers
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import analytics_alias, analytics_index, records_index
from crmsearch.indexing.runs import RunStore
from crmsearch.keyfile import make_vault
from crmsearch.privacy.analytics import CUSTOMER_REF
from crmsearch.privacy.vault import Vault
from crmsearch.settings import Settings

BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def own_prefix(settings: Settings, word: str) -> Iterator[tuple[Settings, Lifecycle]]:
    """Settings and life cycle under an index prefix of their own, so that no other test's load takes the alias."""
    target = msgspec.structs.replace(settings.elasticsearch, index_prefix=f"{settings.elasticsearch.index_prefix}_{word}")
    settings = msgspec.structs.replace(settings, elasticsearch=target)
    with make_client(target) as client:
        lifecycle = Lifecycle(client, target, make_vault(settings))
        try:
            yield settings, lifecycle
        finally:
            for index in [generation.index for generation in lifecycle.generations()]:
                beside = [records_index(index), analytics_index(target.index_prefix, index)]
                client.indices.delete(index=[index, *beside], ignore_unavailable=True)
            state = ",".join(
                f"{target.index_prefix}-{name}"
                for name in ("runs", "segments", "locks", "writes", "keys", "suppressions", "restrictions", "audit")
            )
            client.indices.delete(index=state, ignore_unavailable=True)


def runs_of(lifecycle: Lifecycle) -> RunStore:
    """Where the loads of this life cycle keep their reports."""
    return RunStore(lifecycle._client, lifecycle._settings)


def put_documents(lifecycle: Lifecycle, documents: Iterable[dict[str, Any]], began_at: datetime = BEGAN_AT) -> str:
    """Make a generation of these documents, verified but not promoted; one without an id is numbered."""
    index = lifecycle.create(began_at)
    customers = {each["customer_id"]: each for each in ({"customer_id": f"N{number}", **given} for number, given in enumerate(documents))}
    write_customers(lifecycle._client, index, lifecycle.analytics(index).mirror(), lifecycle.vault, 1, customers.items())
    lifecycle.finish(index, len(customers), for_analysts=True)
    return index


def open_hit(vault: Vault, hit: dict[str, Any]) -> dict[str, Any]:
    """A document of any index as it was before it was sealed."""
    source = vault.open(hit["_source"], hit["_id"])
    if "record" in source:
        source = vault.open_record(source)
    if isinstance(source.get("document"), dict):
        source = {**source, "document": vault.open(source["document"], hit["_id"])}
    return source


def check_in_step(lifecycle: Lifecycle) -> None:
    """Analysts see exactly the live customers, without their personal data, and each is found by its reference."""
    client, prefix = lifecycle._client, lifecycle._settings.index_prefix
    live, alias = str(lifecycle.live()), analytics_alias(prefix)
    mirror = lifecycle.analytics(live).mirror()
    assert mirror is not None
    assert list(client.indices.get_alias(name=alias).body) == [mirror.index]
    client.indices.refresh(index=[live, alias])
    customers = documents_in(lifecycle, live)
    hits = client.search(index=alias, size=10_000)["hits"]["hits"]
    assert {hit["_id"]: hit["_source"] for hit in hits} == {mirror.ref(name): mirror.document(each) for name, each in customers.items()}
    by_ref = client.search(index=live, size=10_000, source=False, docvalue_fields=[{"field": CUSTOMER_REF}])["hits"]["hits"]
    assert {hit["_id"]: hit["fields"][CUSTOMER_REF] for hit in by_ref} == {name: [mirror.ref(name)] for name in customers}


def documents_in(lifecycle: Lifecycle, index: str) -> dict[str, dict[str, Any]]:
    """All customers of a small index as they were before they were sealed, by id."""
    found: dict[str, dict[str, Any]] = {}
    with_all: dict[str, Any] = {"index": index, "size": 5_000, "sort": [{"customer_id.exact": "asc"}]}
    hits = lifecycle._client.search(**with_all)["hits"]["hits"]
    while hits:
        found |= {hit["_id"]: lifecycle.vault.open(hit["_source"], hit["_id"]) for hit in hits}
        hits = lifecycle._client.search(**with_all, search_after=hits[-1]["sort"])["hits"]["hits"]
    return found
