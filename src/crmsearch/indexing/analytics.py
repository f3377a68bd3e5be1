"""``crm-customers-analytics-…``: the customers of one generation without their personal data, for analysts.

Each generation has its own, which is made, filled, promoted and deleted with it. Whoever writes a customer writes the copy in the same
request and under the same version, so that both are overtaken, or not, alike. A generation of an older crmsearch has none: its writers go
on without, and a rebuild makes one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.errors import ConfigError, ContentMismatchError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.mappings import build_analytics_body, build_serving_settings
from crmsearch.indexing.names import analytics_index
from crmsearch.indexing.records import TIMEOUT_S, build_action, read_documents, version_of, write_actions
from crmsearch.privacy.analytics import CUSTOMER_REF, analytics_document, customer_ref
from crmsearch.privacy.restriction import NOBODY, Restricted
from crmsearch.privacy.suppression import key_id
from crmsearch.privacy.vault import Vault
from crmsearch.settings import ElasticsearchSettings, Secret

__all__ = ["AnalyticsStore", "Mirror", "build_indexed", "check_key", "write_customers"]

Document = dict[str, Any]


class Mirror(msgspec.Struct, frozen=True):
    """The analysts' index beside a generation that has one, what its references are made with, and of whom it holds nothing."""

    index: str
    reference_key: Secret
    restricted: Restricted = NOBODY

    def ref(self, customer_id: str) -> str:
        """The id of a customer's document here."""
        return customer_ref(customer_id, self.reference_key)

    def document(self, customer: Mapping[str, Any]) -> Document:
        """What is kept here of a customer."""
        return analytics_document(customer, self.reference_key)

    def copy(self, customer: Mapping[str, Any]) -> Document | None:
        """The same; ``None`` for somebody whose processing is restricted, of whom there must be none."""
        return None if self.restricted.holds(customer) else self.document(customer)


class AnalyticsStore:
    """The owner of the analysts' index beside one generation."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings, reference_key: Secret, customers_index: str) -> None:
        self._client = client.options(request_timeout=TIMEOUT_S)
        self._settings = settings
        self._key = reference_key
        self.index = analytics_index(settings.index_prefix, customers_index)

    def create(self) -> None:
        """Make the empty index of a new generation; it says which key its references are made with, without telling it."""
        body = build_analytics_body(self._settings)
        body["mappings"]["_meta"]["key_id"] = key_id(self._key)
        with translated_errors():
            self._client.indices.create(index=self.index, **body)

    def mirror(self) -> Mirror | None:
        """What its writers need; ``None`` if the generation has none.

        Raises:
            ConfigError: its references are made with another key.
        """
        with translated_errors():
            try:
                found = self._client.indices.get_mapping(index=self.index)
            except elasticsearch.NotFoundError:
                return None
        check_key(self.index, found[self.index]["mappings"].get("_meta", {}), self._key)
        return Mirror(self.index, self._key)

    def finish(self) -> int:
        """Make a filled index fit for use and return how many documents it holds."""
        with translated_errors():
            self._client.indices.put_settings(index=self.index, settings=build_serving_settings(self._settings))
            self._client.indices.refresh(index=self.index)
            return int(self._client.count(index=self.index)["count"])

    def check_copies(self, customers: Mapping[str, Document]) -> None:
        """Raise ``ContentMismatchError`` if the copy of one of these customers, by id, is not what it must be."""
        mirror = Mirror(self.index, self._key)
        wanted = {mirror.ref(name): mirror.document(customer) for name, customer in customers.items()}
        if dict(read_documents(self._client, self.index, wanted, len(wanted) or 1)) != wanted:
            raise ContentMismatchError(
                f"{self.index} does not hold the customers as they are; was it written with another CRMSEARCH_PRIVACY_KEY? "
                "It was not promoted"
            )

    def delete(self) -> None:
        """Delete the index; one that is not there is no error."""
        with translated_errors():
            self._client.indices.delete(index=self.index, ignore_unavailable=True)


def check_key(index: str, meta: Mapping[str, Any], reference_key: Secret) -> None:
    """Raise ``ConfigError`` if the references of an index are made with another key."""
    if meta.get("key_id") != key_id(reference_key):
        raise ConfigError(
            f"the references in {index} are made with another key than this machine's; set CRMSEARCH_PRIVACY_KEY to the one it was loaded "
            "with, which is that of every machine"
        )


def build_indexed(customer: Mapping[str, Any], mirror: Mirror | None, vault: Vault) -> Document:
    """A customer as it is indexed: sealed, with the forms that searches look up, and the reference by which analysts speak of it."""
    referred = {} if mirror is None else {CUSTOMER_REF: mirror.ref(customer["customer_id"])}
    return {**vault.seal(customer, customer["customer_id"]), **vault.forms(customer), **referred}


def write_customers(
    client: Elasticsearch,
    index: str,
    mirror: Mirror | None,
    vault: Vault,
    version: int | Mapping[str, int],
    customers: Iterable[tuple[str, Document]],
    deleted: Collection[str] = (),
) -> None:
    """Write whole open customers into a generation, and delete some, with their copies for analysts; else as ``write_documents``."""
    changes = chain(customers, ((name, None) for name in deleted))
    pairs = (_both(index, mirror, vault, name, version_of(version, name), customer) for name, customer in changes)
    write_actions(client, chain.from_iterable(pairs))


def _both(index: str, mirror: Mirror | None, vault: Vault, name: str, version: int, customer: Document | None) -> Iterator[Document]:
    """What is to be done to a customer and to the copy, one behind the other; without a document they are deleted."""
    yield build_action(index, name, version, None if customer is None else build_indexed(customer, mirror, vault))
    if mirror is not None:
        yield build_action(mirror.index, mirror.ref(name), version, None if customer is None else mirror.copy(customer))
