"""The documents of a base put into two indices: the one that the search reads, with its forms, and that of the baselines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from crmsearch.cleaning.forms import search_forms
from crmsearch.cli.output import words
from crmsearch.indexing.analytics import build_indexed
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.mappings import load_customers_body
from crmsearch.keyfile import make_vault
from crmsearch.privacy.vault import Vault
from crmsearch.settings import ElasticsearchSettings, EncryptionSettings, Secret, Settings
from tests.bench.relevance.base import chunks, in_processes
from tests.bench.relevance.baselines import INDEX_BODY

__all__ = ["baseline_index", "loaded"]

_CHUNK = 1000
_KEY = Secret("A" * 43)  # of no worth: what is kept between runs must open in the next
_TIMEOUT_S = 120.0
_MERGE_TIMEOUT_S = 1800.0
_TELL_EVERY = 100_000
_PROBED = 1000


def baseline_index(settings: Settings) -> str:
    return f"{settings.elasticsearch.index_prefix}-baseline"


@contextmanager
def loaded(settings: Settings, documents: Path, word: str, *, baselines: bool = True, keep: bool = False) -> Iterator[Settings]:
    """Both indices under a prefix of their own; the settings to search them with.

    They are deleted at the end, or kept: then the next time they are taken as they are, as long as they would be filled with the same.
    """
    mark = f"_{_mark(documents)}" if keep else ""
    target = msgspec.structs.replace(settings.elasticsearch, index_prefix=f"relevance_{word}{mark}")
    settings = msgspec.structs.replace(settings, elasticsearch=target, encryption=EncryptionSettings(keys=_KEY))
    baseline = baseline_index(settings) if baselines or keep else None
    with make_client(target).options(request_timeout=_TIMEOUT_S) as client:
        vault = make_vault(settings)
        lifecycle = Lifecycle(client, target, vault)
        try:
            if not (keep and lifecycle.live()):
                _delete(client, word)  # of a run that was interrupted, or with another mark
                index = lifecycle.create(datetime.now(UTC))
                if baseline:
                    client.indices.create(index=baseline, **INDEX_BODY)
                count = _fill(target, vault, documents, index, baseline)
                if baseline:
                    client.options(request_timeout=_MERGE_TIMEOUT_S).indices.forcemerge(index=baseline, max_num_segments=1)
                    client.indices.refresh(index=baseline)
                lifecycle.finish(index, count)
                lifecycle.promote(index)
            yield settings
        finally:
            if not keep:
                _delete(client, word)


def _mark(documents: Path) -> str:
    """Changes when other documents, other forms of them or other mappings would be sent, as far as a few documents tell."""
    digest = hashlib.sha256(msgspec.json.encode([load_customers_body(), INDEX_BODY, documents.stat().st_size]))
    with documents.open("rb") as file:
        for line in islice(file, _PROBED):
            document = msgspec.json.decode(line)
            digest.update(msgspec.json.encode(document | search_forms(document)))
    return digest.hexdigest()[:10]


def _delete(client: Elasticsearch, word: str) -> None:
    patterns = [f"relevance_{word}-*", f"relevance_{word}_*"]
    for index in client.indices.get(index=patterns, expand_wildcards="all", features="aliases").body:
        client.indices.delete(index=index)


def _fill(target: ElasticsearchSettings, vault: Vault, documents: Path, index: str, baseline: str | None) -> int:
    words.print("relevance: indexing …")
    written = 0
    with documents.open("rb") as file:
        for count in in_processes(partial(_send, target, vault, index, baseline), chunks(file, _CHUNK)):
            if written // _TELL_EVERY < (written + count) // _TELL_EVERY:
                words.print(f"relevance: {written + count:,} indexed", highlight=False)
            written += count
    return written


def _send(target: ElasticsearchSettings, vault: Vault, index: str, baseline: str | None, lines: list[bytes]) -> int:
    operations: list[Any] = []  # lines of JSON, which the client sends as they are
    for line in lines:
        document = msgspec.json.decode(line)
        action = {"_index": index, "_id": document["customer_id"]}
        operations += [msgspec.json.encode({"index": action}), msgspec.json.encode(build_indexed(document, None, vault))]
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
