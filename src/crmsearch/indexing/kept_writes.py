"""What apps have written, as it is kept in ``crm-writes``, and laid over generations that may not know it."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from elasticsearch import Elasticsearch, helpers

from crmsearch.errors import ConflictError
from crmsearch.indexing.analytics import Mirror, write_customers
from crmsearch.indexing.client import ensure_index, translated_errors
from crmsearch.indexing.mappings import build_writes_body
from crmsearch.indexing.names import writes_index
from crmsearch.indexing.records import chunks, read_documents, write_documents
from crmsearch.privacy.vault import Vault
from crmsearch.resolution.written import Write, with_write
from crmsearch.settings import ElasticsearchSettings

__all__ = ["build_kept", "kept_writes", "parse_kept", "put_write", "replay_writes", "reseal_write"]

Document = dict[str, Any]

_AT_ONCE = 1_000  # writes that are laid over a generation together


def build_kept(write: Write, vault: Vault) -> Document:
    """A write as it is kept; ``parse_kept`` takes it back."""
    return {**msgspec.to_builtins(write), "document": vault.seal(write.document, write.customer_id)}


def reseal_write(source: Document, vault: Vault) -> Document:
    """A kept write, sealed with the key that seals now."""
    return {**source, "document": vault.reseal(source["document"], source["customer_id"])}


def parse_kept(source: Document, vault: Vault) -> Write:
    """The write in what is kept of it."""
    return msgspec.convert({**source, "document": vault.open(source["document"], source["customer_id"])}, Write)


def put_write(
    client: Elasticsearch, settings: ElasticsearchSettings, index: str, mirror: Mirror | None, vault: Vault, write: Write
) -> None:
    """Keep what is written of a customer whom no source knows, and make it in a generation, for the holder of the writers' lock."""
    kept = writes_index(settings.index_prefix)
    ensure_index(client, kept, build_writes_body(settings))
    write_documents(client, kept, write.written_at, [(write.customer_id, build_kept(write, vault))])
    write_customers(client, index, mirror, vault, write.written_at, [(write.customer_id, with_write(None, write))])
    with translated_errors():
        client.indices.refresh(index=[kept, index, *([mirror.index] if mirror else [])])


def kept_writes(client: Elasticsearch, prefix: str, members: Mapping[str, Collection[str]], vault: Vault) -> dict[str, list[Write]]:
    """The writes of each customer, by its id, the newest last; ``members`` are the ids of its records, which may all be written to."""
    index = writes_index(prefix)
    with translated_errors():
        if not client.indices.exists(index=index):
            return {}
    names = sorted({name for records in members.values() for name in records})
    found = {name: parse_kept(source, vault) for name, source in read_documents(client, index, names, _AT_ONCE)}
    kept = {}
    for home, records in members.items():
        if writes := [found[name] for name in records if name in found]:
            kept[home] = sorted(writes, key=lambda write: write.written_at)
    return kept


def replay_writes(client: Elasticsearch, prefix: str, index: str, mirror: Mirror | None, vault: Vault) -> int:
    """Lay all kept writes over a generation that may not know them, and its copies for analysts; returns how many customers that changed.

    A write goes to the customer of its id, or to the one that the sources have merged it into. Where neither is there, an app had created
    the customer, and it stands alone; or the sources know it no more, and the write rests.
    """
    with translated_errors():
        if not client.indices.exists(index=writes_index(prefix)):
            return 0
        client.indices.refresh(index=[writes_index(prefix), index])
        hits = helpers.scan(client, index=writes_index(prefix), query={"sort": ["written_at"]}, preserve_order=True, size=_AT_ONCE)
        writes = (parse_kept(hit["_source"], vault) for hit in hits)
        changed = sum(_replay(client, index, mirror, vault, some) for some in chunks(writes, _AT_ONCE))
        if changed:
            client.indices.refresh(index=[index, *([mirror.index] if mirror else [])])
    return changed


def _replay(client: Elasticsearch, index: str, mirror: Mirror | None, vault: Vault, writes: Iterable[Write]) -> int:
    """The older ones first, so that of several for one customer the newest holds."""
    by_id = {write.customer_id: write for write in writes}
    documents = _customers(client, index, by_id, vault)
    homes = _merged_into(client, index, by_id.keys() - documents.keys())
    documents |= _customers(client, index, homes.values(), vault)
    changed: dict[str, Document] = {}
    versions: dict[str, int] = {}
    for name, write in by_id.items():
        home = homes.get(name, name)
        before = documents.get(home)
        if before is None and not write.creates:
            continue
        after = with_write(before, write)
        if after != before:
            documents[home] = changed[home] = after
            versions[home] = write.written_at
    # Who was overtaken by a newer write has lost nothing.
    with suppress(ConflictError):
        write_customers(client, index, mirror, vault, versions, changed.items())
    return len(changed)


def _customers(client: Elasticsearch, index: str, ids: Iterable[str], vault: Vault) -> dict[str, Document]:
    """Those of the customers that are there, open, by id."""
    return {name: vault.open(document, name) for name, document in read_documents(client, index, ids, _AT_ONCE)}


def _merged_into(client: Elasticsearch, index: str, records: Collection[str]) -> dict[str, str]:
    """The customers that these records are of, as far as there are any."""
    if not records:
        return {}
    query = {"query": {"bool": {"filter": {"terms": {"source_records": sorted(records)}}}}, "_source": ["source_records"]}
    with translated_errors():
        hits = list(helpers.scan(client, index=index, query=query, size=_AT_ONCE))
    return {record: hit["_id"] for hit in hits for record in hit["_source"]["source_records"] if record in records}
