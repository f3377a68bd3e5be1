"""New, changed and removed records applied to the live customers: resolved against what is there, and written as whole documents.

The customers come to be the same as if all records had been loaded in full, as far as the blocks of the records at hand reach. Nothing is
half done for long: customers are written first and the records at hand last, so that a run that dies has not told of a record whose
customers are not written, and the same input once more makes it whole.
"""

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import reduce
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from crmsearch.errors import ConflictError
from crmsearch.indexing.analytics import Mirror, write_customers
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.kept_writes import kept_writes
from crmsearch.indexing.records import TIMEOUT_S, RecordStore, read_documents
from crmsearch.privacy.vault import Vault
from crmsearch.resolution.customers import make_customers
from crmsearch.resolution.figures import heirs, with_figures
from crmsearch.resolution.linking import Census, find_components, find_links
from crmsearch.resolution.rows import Group
from crmsearch.resolution.stored import Described, Stored, build_stored, counter_of_key, describe
from crmsearch.resolution.survivorship import is_older
from crmsearch.resolution.written import with_write

__all__ = ["PORTION", "Applied", "apply_changes"]

Document = dict[str, Any]

PORTION = 10_000  # records resolved at once: those compared with them, about ten for each in a base of a million, are held in memory
_TRIES = 3  # times that changes are resolved anew after somebody else has written what they rest on
_IDS = 2_000  # customers of one look-up
_OF_THE_RUN = frozenset({"run_id", "indexed_at"})  # of a customer that says the same as before, neither is worth a write


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of the records at hand.

    Attributes:
        homes: the customer of every record that was resolved, by record.
        told: records at hand that were new or changed.
        removed: records that are no more.
        written: customers whose documents were written.
        deleted: customers that are no more.
        compared: records of the base that were looked at.
        customers: how many there are now.
    """

    homes: dict[str, str]
    told: set[str]
    removed: set[str]
    written: set[str]
    deleted: set[str]
    compared: int
    customers: int


class _Plan(msgspec.Struct, frozen=True):
    """What is to be written."""

    customers: dict[str, Document]
    deleted: set[str]
    records: dict[str, Document]


def apply_changes(
    client: Elasticsearch,
    store: RecordStore,
    customers_index: str,
    mirror: Mirror | None,
    vault: Vault,
    groups: Mapping[str, Group],
    run_id: str,
    indexed_at: str,
) -> Applied:
    """Resolve the records at hand against those of the base, write what has changed, and make it visible.

    Many are taken in portions, of which each sees what those before it have written; the outcome is the same.

    Args:
        client: of Elasticsearch.
        store: the records of the live generation.
        customers_index: the live generation.
        mirror: its copies for analysts, if it has any.
        vault: what customers are sealed with.
        groups: the records at hand, by id.
        run_id: name of the run, for the documents.
        indexed_at: ISO time of the run, for the documents.

    Raises:
        ConflictError: somebody else went on writing the same customers.
        JobError: Elasticsearch refused a document.
    """

    def apply(portion: Mapping[str, Group]) -> Applied:
        for _ in range(_TRIES - 1):
            # What was written is whole; the rest is resolved anew, on what somebody else has written.
            with suppress(ConflictError):
                return _Changes(client, store, customers_index, mirror, vault, run_id, indexed_at).apply(portion)
        return _Changes(client, store, customers_index, mirror, vault, run_id, indexed_at).apply(portion)

    names = list(groups)
    # Nothing at hand is a portion too: it says how many customers there are.
    portions = [names[start : start + PORTION] for start in range(0, len(names), PORTION)] or [[]]
    with _no_collections():
        return reduce(_followed_by, (apply({name: groups[name] for name in portion}) for portion in portions))


@contextmanager
def _no_collections() -> Iterator[None]:
    """Do not look for garbage in circles meanwhile: a portion is some millions of objects and none such, and each look goes through them
    all, which took half of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _followed_by(first: Applied, then: Applied) -> Applied:
    """What has become of the records of both; the later portion may have given those of the earlier another customer."""
    return Applied(
        homes=first.homes | then.homes,
        told=first.told | then.told,
        removed=first.removed | then.removed,
        written=first.written - then.deleted | then.written,
        deleted=first.deleted - then.written | then.deleted,
        compared=first.compared + then.compared,
        customers=then.customers,
    )


class _Changes:
    """One try."""

    def __init__(
        self,
        client: Elasticsearch,
        store: RecordStore,
        customers_index: str,
        mirror: Mirror | None,
        vault: Vault,
        run_id: str,
        indexed_at: str,
    ) -> None:
        self._client = client.options(request_timeout=TIMEOUT_S)
        self._vault = vault
        self._store = store
        self._customers_index = customers_index
        self._mirror = mirror
        self._marks = {"run_id": run_id, "indexed_at": indexed_at}
        self._version, self._records = store.begin()

    def apply(self, groups: Mapping[str, Group]) -> Applied:
        kept = self._store.by_id(groups)
        news = {name: group for name, group in groups.items() if _says_more(group, kept.get(name))}
        come = {name: describe(group.record) for name, group in news.items() if not group.removes}
        gone = {name: kept[name] for name in news if name in kept and not kept[name].record.get("removed")}
        census = Census(self._records, [describe(one.record) for one in gone.values()], come.values())
        census.learn(come.values(), self._store.counts)
        touched, near = self._touched(census, come, gone)
        standing = {name: near.get(name) or describe(one.record) for name, one in touched.items() if name not in news}
        settled = standing | come
        census.learn(settled.values(), self._store.counts)
        plan, homes = self._resolve(census, settled, come, {**touched, **gone})
        removed = {name for name, group in news.items() if group.removes}
        self._write(plan, come, {name: groups[name].record for name in removed})
        return Applied(
            homes=homes,
            told=set(come),
            removed=removed,
            written=set(plan.customers),
            deleted=plan.deleted,
            compared=len(near),
            customers=self._count(),
        )

    def _touched(
        self, census: Census, come: Mapping[str, Described], gone: Mapping[str, Stored]
    ) -> tuple[dict[str, Stored], dict[str, Described]]:
        """The records that the changes may put together anew: all of the components that new records link to or old ones were in.

        Beside them those that were compared.
        """
        found = self._store.in_blocks(_looked_up(census, come.values()))
        found = {name: one for name, one in found.items() if name not in come and name not in gone}
        near = {name: describe(one.record) for name, one in found.items()}
        links, _ = find_links({**near, **come}, census.is_hot, census.model(come.values()), come.keys())
        linked = {name: found[name] for pair in links for name in pair if name in found}
        components = {one.component for one in (*linked.values(), *gone.values()) if one.component is not None}
        return self._store.in_components(sorted(components)) | linked, near

    def _resolve(
        self, census: Census, settled: Mapping[str, Described], come: Collection[str], before: Mapping[str, Stored]
    ) -> tuple[_Plan, dict[str, str]]:
        """Put the records together anew, and find out what differs from before."""
        model = census.model(settled.values())
        links, _ = find_links(settled, census.is_hot, model)
        documents: dict[str, Document] = {}
        members: dict[str, tuple[str, ...]] = {}
        homes: dict[str, str] = {}
        records: dict[str, Document] = {}
        for component, names in find_components(settled, links):
            made, _ = make_customers([settled[name].record for name in names], model)
            for document, cluster in made:
                home = document["customer_id"]
                documents[home], members[home] = document, cluster.members
                for name in cluster.members:
                    homes[name] = home
                    if name in come or (before[name].home, before[name].component) != (home, component):
                        records[name] = build_stored(settled[name], home, component, census.is_hot, self._version)
        old_customers = self._customers({*documents, *(one.home for one in before.values())})
        parts = heirs(old_customers.values(), members)
        writes = kept_writes(self._client, self._store.prefix, members, self._vault)
        changed = {}
        for home, document in documents.items():
            whole = _as_indexed(with_figures(document, parts.get(home, ())) | self._marks)
            for write in writes.get(home, ()):
                whole = with_write(whole, write)
            if not _says_the_same(whole, old_customers.get(home)):
                changed[home] = whole
        return _Plan(changed, old_customers.keys() - documents.keys(), records), homes

    def _customers(self, ids: Collection[str]) -> dict[str, Document]:
        found = read_documents(self._client, self._customers_index, sorted(ids), _IDS)
        return {name: self._vault.open(document, name) for name, document in found}

    def _write(self, plan: _Plan, come: Collection[str], removed: Mapping[str, Document]) -> None:
        write_customers(self._client, self._customers_index, self._mirror, self._vault, self._version, plan.customers.items(), plan.deleted)
        moved = ((name, record) for name, record in plan.records.items() if name not in come)
        self._store.write(self._version, moved)
        # The records at hand come last: what is told here of a record is true of its customers.
        at_hand = {name: plan.records[name] for name in come} | {name: _tombstone(each, self._version) for name, each in removed.items()}
        self._store.write(self._version, at_hand.items())
        with translated_errors():
            self._client.indices.refresh(index=[self._customers_index, self._store.index, *([self._mirror.index] if self._mirror else [])])

    def _count(self) -> int:
        with translated_errors():
            return int(self._client.count(index=self._customers_index)["count"])


def _says_more(group: Group, kept: Stored | None) -> bool:
    """Whether a record at hand tells anything that was not known: not the same again, and nothing older."""
    if kept is None:
        return not group.removes
    if is_older(group.record, kept.record):
        return False
    if group.removes or kept.record.get("removed"):
        return group.removes != bool(kept.record.get("removed"))
    return bool(group.record["fingerprint"] != kept.record.get("fingerprint"))


def _looked_up(census: Census, described: Iterable[Described]) -> list[int]:
    """Blocks in which a record's like may be found: each key, for a record that was written before the key was hot, and narrower ones.

    A record that was written while a key was hot stays in the narrower blocks when removals have let the key cool down. So they are looked
    up of each key that anybody else has; of a hot key only those that are not too frequent themselves.
    """
    keys = {key.value: key for one in described for key in one.keys}
    shared = [key for key in keys.values() if census.count(counter_of_key(key.value)) > 1]
    narrower = {block for key in shared for block in key.narrower if not (census.is_hot(key.value) and census.is_hot(block))}
    return sorted(keys.keys() | narrower)


def _tombstone(record: Document, version: int) -> Document:
    """What is kept of a removed record: when, so that an older row does not bring it back, and nothing of the person."""
    return {"removed": True, "written_at": version, "record": record}


def _as_indexed(document: Document) -> Document:
    """A customer as the index gives it back: without what is not known, and without what only the resolution reads."""
    return {name: value for name, value in document.items() if value not in (None, []) and name not in {"withdrawn", "fingerprint"}}


def _says_the_same(document: Document, old: Document | None) -> bool:
    return old is not None and all(document.get(name) == old.get(name) for name in document.keys() | old.keys() if name not in _OF_THE_RUN)
