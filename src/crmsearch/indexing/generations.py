"""The generations of the customer index as Elasticsearch has them."""

from contextlib import suppress
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.mappings import VERSIONS
from crmsearch.indexing.names import analytics_alias, analytics_index, customers_alias, customers_pattern, generation_time, loading_alias

__all__ = ["Generation", "find_generations"]

_TRIES = 3


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One index of customers; ``analytics`` says whether analysts have theirs beside it, ``key_id`` which key it is sealed with."""

    index: str
    live: bool
    documents: int
    size_bytes: int
    created_at: str
    contract_version: int | None
    forms_version: int | None
    complete: bool
    loading: bool
    analytics: bool
    key_id: str | None

    @property
    def versions(self) -> dict[str, Any]:
        """Of the contract and the search forms that it was made for."""
        return {name: getattr(self, name) for name in VERSIONS}


def find_generations(client: Elasticsearch, prefix: str) -> list[Generation]:
    """All generations, newest first."""
    pattern, alias, loading, analysts = customers_pattern(prefix), customers_alias(prefix), loading_alias(prefix), analytics_alias(prefix)
    with translated_errors():
        # One that is deleted at this moment is not one of them any more, and no error.
        found = client.indices.get(index=pattern, ignore_unavailable=True, features=["aliases", "mappings"])
        stats = _stats(client, pattern)
        analytics = client.indices.get_alias(index=f"{analysts}-2*z", ignore_unavailable=True).body
    generations = []
    for index, body in found.body.items():
        began_at = generation_time(prefix, index)
        if began_at is None:
            continue
        primaries = stats.get(index, {}).get("primaries", {})
        meta = body["mappings"].get("_meta", {})
        generations.append(
            Generation(
                index=index,
                live=alias in body.get("aliases", {}),
                documents=primaries.get("docs", {}).get("count", 0),
                size_bytes=primaries.get("store", {}).get("size_in_bytes", 0),
                created_at=began_at.isoformat(),
                contract_version=meta.get("contract_version"),
                forms_version=meta.get("forms_version"),
                complete=meta.get("complete", False),
                loading=loading in body.get("aliases", {}),
                analytics=analytics_index(prefix, index) in analytics,
                key_id=meta.get("key_id"),
            )
        )
    return sorted(generations, key=lambda generation: generation.index, reverse=True)


def _stats(client: Elasticsearch, pattern: str) -> dict[str, Any]:
    """What Elasticsearch counts of each; asked again when one is deleted at this moment, for which it refuses to tell of any."""
    for _ in range(_TRIES):
        with suppress(elasticsearch.NotFoundError):
            return dict(client.indices.stats(index=pattern, metric=["docs", "store"])["indices"])
    return dict(client.indices.stats(index=pattern, metric=["docs", "store"])["indices"])
