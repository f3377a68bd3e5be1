"""Copying a generation into another of today's contract, when the sources it was loaded from are gone.

Documents are read as they are stored and written with today's search forms, which are not stored; fields that the contract no longer has
are left out. Elasticsearch's own ``_reindex`` knows nothing of the forms.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.contract import FIELDS, Customer, FieldContent
from crmsearch.errors import ContractMismatchError, JobError
from crmsearch.indexing.analytics import Mirror, build_indexed
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.records import RecordStore
from crmsearch.indexing.verify import build_contents_body, parse_contents
from crmsearch.privacy.vault import Vault
from crmsearch.resolution.linking import Census
from crmsearch.resolution.stored import build_stored, describe, parse_stored

__all__ = ["copy_customers", "copy_records", "measure_index"]

PAGE = 1_000  # documents read and written at once, of one or two kilobytes each
KEPT_OPEN = "5m"  # for one page

Document = dict[str, Any]


def copy_customers(client: Elasticsearch, source: str, target: str, mirror: Mirror | None, vault: Vault) -> int:
    """Write every document of ``source`` into ``target``, and its copy for analysts into ``mirror``; return how many.

    Raises:
        ContractMismatchError: a document cannot be read as a customer of this contract.
        JobError: Elasticsearch refuses one.
    """
    count = 0
    with translated_errors():
        for page in _pages(client, source):
            operations: list[Document] = []
            for stored in page:
                document = vault.open(_as_customer(stored, source), stored["customer_id"])
                name = document["customer_id"]
                operations += [{"index": {"_id": name}}, build_indexed(document, mirror, vault)]
                if mirror is not None:
                    operations += [{"index": {"_index": mirror.index, "_id": mirror.ref(name)}}, mirror.document(document)]
            answer = client.bulk(index=target, operations=operations, filter_path=["errors"])
            if answer["errors"]:
                raise JobError(
                    f"Elasticsearch refuses documents of {source} in an index of this contract; load again with `crmsearch ingest`"
                )
            count += len(page)
    return count


def copy_records(client: Elasticsearch, source: RecordStore, target: RecordStore, vault: Vault) -> int | None:
    """Write every source record of ``source`` into ``target`` and return how many; ``None`` if there are none to copy.

    Their blocks and what is counted of them are not stored, and are found out anew.
    """
    with translated_errors():
        if not client.indices.exists(index=source.index):
            return None
    _, standing = source.begin()
    count = 0
    with translated_errors():
        for page in _pages(client, source.index):
            documents = {each["record"]["customer_id"]: each for each in map(vault.open_record, page)}
            records = {name: stored for name, stored in documents.items() if not stored.get("removed")}
            described = {name: describe(stored["record"]) for name, stored in records.items()}
            census = Census(standing, (), ())
            census.learn(described.values(), source.counts)
            for name, one in described.items():
                kept = parse_stored(records[name])
                documents[name] = build_stored(one, kept.home, kept.component, census.is_hot, records[name]["written_at"])
            target.write({name: each["written_at"] for name, each in documents.items()}, documents.items())
            count += len(page)
    return count


def measure_index(client: Elasticsearch, index: str) -> list[FieldContent]:
    """What an index holds in the fields that it and the contract know, to be found again in its copy."""
    with translated_errors():
        known = client.indices.get_mapping(index=index)[index]["mappings"].get("properties", {})
        asked = [
            FieldContent(field=name, filled=0, total=0.0 if field.type in {"integer", "double", "date"} else None)
            for name, field in FIELDS.items()
            if name in known
        ]
        answer = client.search(index=index, track_total_hits=False, allow_partial_search_results=False, **build_contents_body(asked, known))
    return list(parse_contents(answer.body).values())


def _as_customer(stored: Document, source: str) -> Document:
    try:
        customer = msgspec.convert(stored, Customer)
    except msgspec.ValidationError as error:
        said = f"a document of {source} is no customer of this contract"
        raise ContractMismatchError(f"{said}; load again with `crmsearch ingest`") from error
    return {name: value for name, value in msgspec.to_builtins(customer).items() if name in stored}


def _pages(client: Elasticsearch, index: str) -> Iterator[Sequence[Document]]:
    opened = client.open_point_in_time(index=index, keep_alive=KEPT_OPEN)
    point, after = opened["id"], None
    try:
        while True:
            answer = client.search(
                pit={"id": point, "keep_alive": KEPT_OPEN},
                size=PAGE,
                sort=["_shard_doc"],
                search_after=after,
                track_total_hits=False,
                allow_partial_search_results=False,
            )
            hits = answer["hits"]["hits"]
            if not hits:
                return
            yield [hit["_source"] for hit in hits]
            point, after = answer["pit_id"], hits[-1]["sort"]
    finally:
        with suppress(elasticsearch.ApiError, elasticsearch.TransportError):  # it runs out by itself
            client.close_point_in_time(id=point)
