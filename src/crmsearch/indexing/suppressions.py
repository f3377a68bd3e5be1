"""``crm-suppressions``: one document for each person who was erased, the certificate and the marks by which no load brings them back."""

from collections.abc import Mapping
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import AsyncElasticsearch, Elasticsearch, helpers

from crmsearch.errors import ConfigError, NotFoundError
from crmsearch.indexing.client import ensure_index, exchange, translated_errors
from crmsearch.indexing.mappings import build_suppressions_body
from crmsearch.indexing.names import suppressions_index
from crmsearch.privacy.suppression import Suppressions, key_id, marks_of
from crmsearch.settings import ElasticsearchSettings, Secret

__all__ = ["Certificate", "SuppressionReader", "SuppressionStore"]

_AT_ONCE = 1_000  # certificates of one page


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody was erased, without a word about whom.

    Attributes:
        certificate_id: its name.
        erased_at: ISO 8601, UTC.
        by: who did it: the prefix of a key, or the user of the command line.
        subject: keyed hash of the customer's id, by which who knows the id can show that it is meant.
        removed: documents that were removed, by index; rows of quarantine under ``quarantine``.
        marks: number of keyed hashes that keep the person from being loaded again.
    """

    certificate_id: str
    erased_at: str
    by: str
    subject: str
    removed: dict[str, int]
    marks: int


class SuppressionStore:
    """The owner of ``crm-suppressions``. The index is made with the first person; until then there are none."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client
        self._settings = settings
        self.index = suppressions_index(settings.index_prefix)

    def add(self, certificate: Certificate, marks: set[str], key: Secret) -> None:
        """Keep a person's marks, which whoever begins to load or write from now on knows; the same certificate again replaces the first."""
        ensure_index(self._client, self.index, build_suppressions_body(self._settings))
        document = msgspec.to_builtins(certificate) | {"marks": sorted(marks), "key_id": key_id(key)}
        with translated_errors():
            self._client.index(index=self.index, id=certificate.certificate_id, document=document, refresh=True)

    def lift(self, certificate_id: str) -> None:
        """Let a person be loaded and written again.

        Raises:
            NotFoundError: there is no such certificate.
        """
        with translated_errors():
            try:
                self._client.delete(index=self.index, id=certificate_id, refresh=True)
            except elasticsearch.NotFoundError as error:
                raise NotFoundError("there is no certificate of this name") from error

    def read(self, key: Secret) -> Suppressions | None:
        """Everybody who was erased; ``None`` if nobody was.

        Raises:
            ConfigError: their marks were made with another key, so that nobody could be recognised.
        """
        marks: set[str] = set()
        with translated_errors():
            if not self._client.indices.exists(index=self.index):
                return None
            for hit in helpers.scan(self._client, index=self.index, size=_AT_ONCE, query={"_source": ["marks", "key_id"]}):
                if hit["_source"]["key_id"] != key_id(key):
                    raise ConfigError(
                        "people were erased under another key, and a load could bring them back: set CRMSEARCH_PRIVACY_KEY to the key of "
                        "the machine where they were erased (privacy.key in its state directory)"
                    )
                marks.update(hit["_source"]["marks"])
        return Suppressions(key, frozenset(marks)) if marks else None


class SuppressionReader:
    """Tells the API whether somebody who is written was erased."""

    def __init__(self, client: AsyncElasticsearch, settings: ElasticsearchSettings, key: Secret) -> None:
        self._client = client
        self._timeout_s = settings.timeout_s
        self._index = suppressions_index(settings.index_prefix)
        self._key = key

    async def find(self, documents: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Ids of those customers, of these documents by id, who were erased."""
        marks = {name: marks_of(document, [name], self._key) for name, document in documents.items()}
        asked = sorted(set().union(*marks.values()))
        async with exchange(self._timeout_s):
            answer = await self._client.search(
                index=self._index,
                query={"terms": {"marks": asked}},
                source_includes=["marks"],
                size=len(asked),  # none of which more than one person has; and where several have one, each is reason enough
                ignore_unavailable=True,
                allow_partial_search_results=False,
            )
        held = {mark for hit in answer["hits"]["hits"] for mark in hit["_source"]["marks"]}
        return {name for name, own in marks.items() if not held.isdisjoint(own)}
