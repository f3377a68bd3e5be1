"""The documents of a base put into two indices: the one that the search reads, with its forms, and that of the baselines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from crmsearch.cleaning.forms import search_forms
from crmsearch.cli.output import words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.settings import ElasticsearchSettings, Settings
from tests.bench.relevance.base import chunks, in_processes
from tests.bench.relevance.baselines import INDEX_BODY

__all__ = ["baseline_index", "loaded"]

_CHUNK = 1000
_TIMEOUT_S = 120.0
_TELL_EVERY = 100_000


def baseline_index(settings: Settings) -> str:
    return f"{settings.elasticsearch.index_prefix}-baseline"


@contextmanager
def loaded(settings: Settings, documents: Path, word: str, *, baselines: bool = True) -> Iterator[Settings]:
    """Both indices under a prefix of their own; the settings to search them with. They are deleted at the end."""
    target = msgspec.structs.replace(settings.elasticsearch, index_prefix=f"relevance_{word}")
    settings = msgspec.structs.replace(settings, elasticsearch=target)
    with make_client(target).options(request_timeout=_TIMEOUT_S) as client:
        _delete(client, settings)  # of a run that was interrupted
        lifecycle = Lifecycle(client, target)
        try:
            index = lifecycle.create(datetime.now(UTC))
            if baselines:
                client.indices.create(index=baseline_index(settings), **INDEX_BODY)
            count = _fill(target, documents, index, baseline_index(settings) if baselines else None)
            lifecycle.finish(index, count)
            lifecycle.promote(index)
            if baselines:
                client.indices.refresh(index=baseline_index(settings))
            yield settings
        finally:
            _delete(client, settings)


def _delete(client: Elasticsearch, settings: Settings) -> None:
    prefix = settings.elasticsearch.index_prefix
    for index in client.indices.get(index=f"{prefix}-*", expand_wildcards="all", features="aliases").body:
        client.indices.delete(index=index)


def _fill(target: ElasticsearchSettings, documents: Path, index: str, baseline: str | None) -> int:
    words.print("relevance: indexing …")
    written = 0
    with documents.open("rb") as file:
        for count in in_processes(partial(_send, target, index, baseline), chunks(file, _CHUNK)):
            if written // _TELL_EVERY < (written + count) // _TELL_EVERY:
                words.print(f"relevance: {written + count:,} indexed", highlight=False)
            written += count
    return written


def _send(target: ElasticsearchSettings, index: str, baseline: str | None, lines: list[bytes]) -> int:
    operations: list[Any] = []  # lines of JSON, which the client sends as they are
    for line in lines:
        document = msgspec.json.decode(line)
        action = {"_index": index, "_id": document["customer_id"]}
        operations += [msgspec.json.encode({"index": action}), msgspec.json.encode(document | search_forms(document))]
        if baseline:
            operations += [msgspec.json.encode({"index": action | {"_index": baseline}}), line.rstrip(b"\n")]
    answer = _client(target).bulk(operations=operations)
    if answer["errors"]:
        raise RuntimeError("Elasticsearch refused a document")
    return len(lines)


@cache
def _client(target: ElasticsearchSettings) -> Elasticsearch:
    """One for each process."""
    return make_client(target).options(request_timeout=_TIMEOUT_S)
