"""Everything that Elasticsearch holds of one customer, found and removed: all kept generations, their source records, what apps wrote.

What analysts see of the customer goes with it; it tells nothing that the customer does not, so that finding leaves it out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from elasticsearch import Elasticsearch, helpers

from crmsearch.contract import FIELDS
from crmsearch.errors import BackendError, NotFoundError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import records_index, writes_index
from crmsearch.indexing.records import TIMEOUT_S, chunks, read_documents
from crmsearch.privacy.suppression import Suppressions, marks_of
from crmsearch.privacy.vault import Vault
from crmsearch.settings import ElasticsearchSettings, Secret

__all__ = ["Erasure", "Held", "Holding"]

Document = dict[str, Any]

_AT_ONCE = 1_000
_MARKED_BY = ["customer_id", "name", "birth_date", "emails", "phones", "national_id", "source_records"]


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of customers.

    Attributes:
        customers: documents by generation and id, the live generation first, then from the newest on. In an older one a customer may have
            another id, or still be several.
        records: source records by generation and id.
        writes: what apps wrote, by the id that they wrote to.
    """

    customers: dict[str, dict[str, Document]]
    records: dict[str, dict[str, Document]]
    writes: dict[str, Document]


class Held(Holding, frozen=True, kw_only=True):
    """What is held of one customer, and whose it is."""

    customer_id: str

    @property
    def known_as(self) -> set[str]:
        """Every id of the customer and of its source records, as the newest generation that has it tells."""
        return {self.customer_id} | _sources(self._newest)

    def marks(self, key: Secret) -> set[str]:
        """What the person is recognised by: the customer as it is today, each record of it, and what apps wrote."""
        names = self.known_as
        told = [*self._newest.values(), *self.writes.values()]
        told += [record for records in self.records.values() for name, record in records.items() if name in names]
        return set().union(*(marks_of(document, names, key) for document in told))

    @property
    def _newest(self) -> dict[str, Document]:
        return next(iter(self.customers.values()), {})


class Erasure:
    """Finds and removes what is held of single customers under one index prefix. For the holder of the writers' lock, but for ``find``."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings, vault: Vault) -> None:
        self._client = client.options(request_timeout=TIMEOUT_S)
        self._writes = writes_index(settings.index_prefix)
        self._vault = vault
        self._lifecycle = Lifecycle(client, settings, vault)

    def find(self, customer_id: str) -> Held:
        """Look into everything.

        Raises:
            NotFoundError: nothing is held of a customer of this id.
        """
        indices = self._indices()
        names = {customer_id}
        for index in indices:
            if found := self._read(index, [customer_id]):
                names |= _sources(found)
                break
        else:
            if not self._read(self._writes, names):
                raise NotFoundError(
                    "there is no customer with this id, in no generation; of a merged record, name the customer that it is of"
                )
        held = self._held(indices, names)
        return Held(customer_id=customer_id, customers=held.customers, records=held.records, writes=held.writes)

    def find_all(self, customer_ids: Collection[str]) -> Holding:
        """What is held of several customers of the live generation, so many that one request may name them and their records."""
        indices = self._indices()
        return self._held(indices, set(customer_ids) | _sources(self._read(indices[0], customer_ids)))

    def matching(self, query: Document) -> set[str]:
        """Ids of the customers of the live generation that fit a query, but for whose processing is restricted: they are kept.

        Raises:
            IndexNotReadyError: there is none.
        """
        self._lifecycle.check_live()
        both = {"bool": {"filter": [self._vault.hide(query), self._lifecycle.restrictions.now().others]}}
        return {name for name, _ in self._scan(self._lifecycle.alias, {"query": both, "_source": ["customer_id"]})}

    def population(self) -> int:
        """How many customers the live generation has."""
        with translated_errors():
            return int(self._client.count(index=self._lifecycle.alias)["count"])

    def count(self, index: str, values: Sequence[tuple[str, str]]) -> list[int]:
        """How many customers of a generation have each of these words in its field."""
        asked = {str(at): {"filter": {"term": {FIELDS[field].path: value}}} for at, (field, value) in enumerate(values)}
        with translated_errors():
            answer = self._client.search(index=index, size=0, aggs=asked)
        return [answer["aggregations"][name]["doc_count"] for name in asked]

    def _indices(self) -> list[str]:
        """All generations: the live one, then from the newest on."""
        return [each.index for each in sorted(self._lifecycle.generations(), key=lambda each: not each.live)]  # stable: newest first

    def _held(self, indices: Collection[str], names: set[str]) -> Holding:
        customers = {index: found for index in indices if (found := self._customers(index, names))}
        records = {index: found for index in indices if (found := self._records(index, names | _sources(customers.get(index, {}))))}
        writes = self._read(self._writes, names.union(*customers.values()))
        told = {
            name: self._vault.open(write["document"], name) | {key: write[key] for key in ("withdrawn",) if key in write}
            for name, write in writes.items()
        }
        return Holding(customers=customers, records=records, writes=told)

    def remove(self, held: Holding) -> dict[str, int]:
        """Remove it all; returns how many documents went, by index.

        Raises:
            ConfigError: what analysts see of a generation is of another key, so that the customer cannot be found there; nothing went.
            BackendError: some are still there; done once more, it removes the rest.
        """
        doomed: dict[str, Collection[str]] = {index: found.keys() for index, found in held.customers.items()}
        copies = [copy for index, found in held.customers.items() for copy in self._copies(index, found).items()]
        doomed |= {records_index(index): found.keys() for index, found in held.records.items()}
        doomed |= {self._writes: held.writes.keys()} if held.writes else {}
        removed = {index: self._delete(index, names) for index, names in [*doomed.items(), *copies]}
        if any(self._read(index, names) for index, names in doomed.items()):
            raise BackendError("not everything could be removed; repeat the erasure")
        return removed

    def drop_suppressed(self, index: str, suppressions: Suppressions) -> int:
        """Remove people who were erased from a generation that came from elsewhere, such as a backup made before; returns how many went."""
        doomed: dict[str, list[str]] = {}
        for name, sealed in self._scan(index, {"_source": _MARKED_BY}):
            document = self._vault.open(sealed, name)
            records = document.get("source_records") or []
            if suppressions.find(document, [name, *records]):
                doomed[name] = records
        for each, names in {index: doomed, **self._copies(index, doomed)}.items():
            self._delete(each, names)
        if self._is_there(records_index(index)):
            self._delete(records_index(index), {record for name, records in doomed.items() for record in (name, *records)})
        if self._is_there(self._writes):
            writes = self._scan(self._writes, {})
            self._delete(self._writes, [name for name, write in writes if self._is_suppressed(name, write, suppressions)])
        return len(doomed)

    def _is_suppressed(self, name: str, write: Document, suppressions: Suppressions) -> bool:
        return suppressions.find(self._vault.open(write["document"], name), [name]) is not None

    def _copies(self, index: str, names: Iterable[str]) -> dict[str, list[str]]:
        """The ids that analysts know customers of a generation by, under the name of their index; empty if it has none."""
        mirror = self._lifecycle.analytics(index).mirror()
        return {} if mirror is None else {mirror.index: [mirror.ref(name) for name in names]}

    def _customers(self, index: str, names: Collection[str]) -> dict[str, Document]:
        """The customers of one generation that bear one of these ids or are made of one of these records."""
        either = [{"ids": {"values": sorted(names)}}, {"terms": {"source_records": sorted(names)}}]
        found = self._scan(index, {"query": {"bool": {"should": either}}})
        return {name: self._vault.open(document, name) for name, document in found}

    def _records(self, index: str, names: Collection[str]) -> dict[str, Document]:
        """The source records of one generation, as the sources told them."""
        found = self._read(records_index(index), names)
        return {name: self._vault.open_record(source)["record"] for name, source in found.items()}

    def _read(self, index: str, names: Collection[str]) -> dict[str, Document]:
        """Documents by id, whether or not anybody has refreshed; none of an index that is not there."""
        return dict(read_documents(self._client, index, sorted(names), _AT_ONCE)) if self._is_there(index) else {}

    def _scan(self, index: str, query: Document) -> Iterator[tuple[str, Document]]:
        with translated_errors():
            self._client.indices.refresh(index=index)
            for hit in helpers.scan(self._client, index=index, query=query, size=_AT_ONCE):
                yield hit["_id"], hit["_source"]

    def _is_there(self, index: str) -> bool:
        with translated_errors():
            return bool(self._client.indices.exists(index=index))

    def _delete(self, index: str, names: Iterable[str]) -> int:
        """Delete documents by id, those that nobody has refreshed too; returns how many there were.

        Raises:
            BackendError: some were not deleted.
        """
        removed = 0
        with translated_errors():
            for some in chunks(names, _AT_ONCE):
                answer = self._client.bulk(index=index, operations=[{"delete": {"_id": name}} for name in some])
                outcomes = [item["delete"]["status"] for item in answer["items"]]
                if not {200, 404}.issuperset(outcomes):
                    raise BackendError("not everything could be removed; repeat the erasure")
                removed += outcomes.count(200)
            self._client.indices.refresh(index=index)
        return removed


def _sources(customers: Mapping[str, Document]) -> set[str]:
    return {record for document in customers.values() for record in document.get("source_records") or ()}
