"""Generations of the customer index: create, verify, promote, roll back, prune.

A load fills a new index that no reader sees. Only when it is complete and verified does one ``_aliases`` call point the readers at it;
a failed load deletes its index and leaves the alias as it was. Nobody writes to the alias.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.errors import BackendReadOnlyError, CountMismatchError, IndexNotReadyError, InvalidRequestError, NotFoundError
from crmsearch.indexing.changes import Applied, apply_changes
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.mappings import VERSIONS, build_customers_body, build_serving_settings, check_versions
from crmsearch.indexing.names import customers_alias, customers_index, customers_pattern, generation_time
from crmsearch.indexing.records import RecordStore
from crmsearch.resolution.rows import Group
from crmsearch.settings import ElasticsearchSettings

__all__ = ["Generation", "Lifecycle"]

ALLOCATION_TIMEOUT = "5s"  # shorter than any sensible timeout_s, so that Elasticsearch answers before the client gives up


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One index of customers."""

    index: str
    live: bool
    documents: int
    size_bytes: int
    created_at: str
    contract_version: int | None
    forms_version: int | None
    complete: bool


class Lifecycle:
    """The owner of the alias and of every generation behind it."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client
        self._settings = settings
        self.alias = customers_alias(settings.index_prefix)

    def create(self, began_at: datetime) -> str:
        """Make the empty index of a run that began at ``began_at`` and return its name.

        Raises:
            BackendReadOnlyError: Elasticsearch has no room for it.
        """
        index = customers_index(self._settings.index_prefix, began_at)
        with translated_errors():
            try:
                created = self._client.indices.create(index=index, timeout=ALLOCATION_TIMEOUT, **build_customers_body(self._settings))
            except elasticsearch.BadRequestError as error:
                if "resource_already_exists" in str(error.error):
                    raise InvalidRequestError(
                        f"{index} exists already: another load began in the same second; run this one again"
                    ) from error
                raise
        if not created["shards_acknowledged"]:
            self.delete(index)
            raise BackendReadOnlyError("Elasticsearch finds no room for a new index: its disk is nearly full, or a data node is missing")
        self.records(index).create()
        return index

    def records(self, index: str) -> RecordStore:
        """The source records of a generation."""
        return RecordStore(self._client, self._settings, index)

    def finish(self, index: str, expected_documents: int, expected_records: int | None = None) -> None:
        """Make a filled index and its records fit for use, and check that they hold what the job says it wrote.

        A job started by spark-submit may have written no records; then their index goes, and only full loads are possible.

        Raises:
            CountMismatchError: Elasticsearch holds another number of documents.
            NotFoundError: there is no such generation.
        """
        self._generation(index)
        with translated_errors():
            self._client.indices.put_settings(index=index, settings=build_serving_settings(self._settings))
            self._client.indices.refresh(index=index)
            found = int(self._client.count(index=index)["count"])
            if found != expected_documents:
                raise CountMismatchError(f"{index} holds {found} documents, the job wrote {expected_documents}; it was not promoted")
            records = self.records(index)
            kept = records.finish()
            if expected_records is not None and kept != expected_records:
                raise CountMismatchError(f"{records.index} holds {kept} records, the job wrote {expected_records}; it was not promoted")
            if not kept:
                records.delete()
            self._client.indices.put_mapping(index=index, meta={**VERSIONS, "complete": True})
            status = "yellow" if self._settings.replicas == 0 else "green"
            self._client.cluster.health(index=index, wait_for_status=status, timeout="60s")

    def promote(self, index: str) -> str | None:
        """Point the alias at ``index`` in one call and return the generation it pointed at before.

        The call names the old index and demands that it still bears the alias; and it makes the new one the alias' write index, of which
        Elasticsearch allows one. So two promotions at once cannot both succeed, not even the first ones.

        Raises:
            NotFoundError: there is no such generation.
            InvalidRequestError: its load never finished, or another generation was promoted at the same time.
            ContractMismatchError: the index was built for another contract.
        """
        generation = self._generation(index)
        check_versions(index, {name: getattr(generation, name) for name in VERSIONS})
        if not generation.complete:
            raise InvalidRequestError(f"{index} was never completed by its load, so it cannot be promoted")
        old = self.live()
        actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": self.alias, "is_write_index": True}}]
        if old and old != index:
            actions.insert(0, {"remove": {"index": old, "alias": self.alias, "must_exist": True}})
        with translated_errors():
            try:
                self._client.indices.update_aliases(actions=actions)
            except elasticsearch.ApiError as error:
                if str(error.error) in {"aliases_not_found_exception", "illegal_state_exception"}:
                    raise InvalidRequestError(
                        f"{index} was not promoted: another generation was at the same moment; promote it again if it is still wanted"
                    ) from error
                raise
        return old

    def rollback(self) -> tuple[str, str]:
        """Point the alias at the newest complete generation before the live one; returns (from, to).

        Raises:
            NotFoundError: there is no live or no earlier generation.
        """
        generations = self.generations()
        live = next((position for position, generation in enumerate(generations) if generation.live), None)
        if live is None:
            raise NotFoundError("no generation is live, so there is nothing to roll back from")
        earlier = [generation for generation in generations[live + 1 :] if generation.complete]
        if not earlier:
            raise NotFoundError("there is no earlier generation to go back to")
        self.promote(earlier[0].index)
        return generations[live].index, earlier[0].index

    def prune(self, keep: int) -> list[str]:
        """Delete what is older than the live generation but for the ``keep`` newest complete ones; returns what was deleted.

        A generation newer than the live one may be a load under way: it is left alone. Without a live one nothing is deleted.
        """
        generations = self.generations()
        live = next((position for position, generation in enumerate(generations) if generation.live), len(generations))
        older = generations[live + 1 :]
        kept = [generation.index for generation in older if generation.complete][:keep]
        doomed = [generation.index for generation in older if generation.index not in kept]
        for index in doomed:
            self.delete(index)
        return doomed

    def delete(self, index: str) -> None:
        """Delete one generation that is not live; one that is already gone is no error.

        Raises:
            InvalidRequestError: it is live.
            NotFoundError: the name is not that of a generation.
        """
        if generation_time(self._settings.index_prefix, index) is None:
            raise NotFoundError(f"{index} is not the name of a generation of {self.alias}")
        if index == self.live():
            raise InvalidRequestError(f"{index} is live; promote another generation first")
        self.records(index).delete()
        with translated_errors():
            self._client.indices.delete(index=index, ignore_unavailable=True)

    def live(self) -> str | None:
        """The generation that readers see, if any."""
        with translated_errors():
            if not self._client.indices.exists_alias(name=self.alias):
                return None
            return str(next(iter(self._client.indices.get_alias(name=self.alias).body)))

    def changeable(self) -> str:
        """The live generation, into which changes may be written.

        Raises:
            IndexNotReadyError: none is live.
            ContractMismatchError: it was built for another contract.
        """
        index = self.live()
        if index is None:
            raise IndexNotReadyError("there are no customers yet that could be changed; load all once with `crmsearch ingest`")
        generation = self._generation(index)
        check_versions(index, {name: getattr(generation, name) for name in VERSIONS})
        return index

    def apply(self, index: str, groups: Mapping[str, Group], run_id: str, indexed_at: str) -> Applied:
        """Write new, changed and removed records into a live generation; see ``apply_changes``."""
        return apply_changes(self._client, self.records(index), index, groups, run_id, indexed_at)

    def generations(self) -> list[Generation]:
        """All generations, newest first."""
        pattern, prefix = customers_pattern(self._settings.index_prefix), self._settings.index_prefix
        with translated_errors():
            found = self._client.indices.get(index=pattern, allow_no_indices=True, features=["aliases", "mappings"])
            stats = self._client.indices.stats(index=pattern, metric=["docs", "store"])["indices"]
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
                    live=self.alias in body.get("aliases", {}),
                    documents=primaries.get("docs", {}).get("count", 0),
                    size_bytes=primaries.get("store", {}).get("size_in_bytes", 0),
                    created_at=began_at.isoformat(),
                    contract_version=meta.get("contract_version"),
                    forms_version=meta.get("forms_version"),
                    complete=meta.get("complete", False),
                )
            )
        return sorted(generations, key=lambda generation: generation.index, reverse=True)

    def written(self, index: str) -> int:
        """Documents written so far, refreshed or not; a progress bar polls it."""
        with translated_errors():
            stats = self._client.indices.stats(index=index, metric=["indexing"])
        return int(stats["indices"][index]["primaries"]["indexing"]["index_total"])

    def _generation(self, index: str) -> Generation:
        for generation in self.generations():
            if generation.index == index:
                return generation
        raise NotFoundError(f"there is no generation {index}; `crmsearch index list` shows those there are")
