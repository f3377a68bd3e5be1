"""Generations of the customer index: create, verify, promote, roll back, prune.

A load fills a new index that no reader sees. Only when it is complete and verified does one ``_aliases`` call point the readers at it;
a failed load deletes its index and leaves the alias as it was. Nobody writes to the alias.

While a load fills its index, this bears a second alias, ``crm-customers-loading``. The call that promotes it takes that alias away and
demands that it is there; so does whoever wants to delete the index of a load that failed, or died, or only seems dead. Elasticsearch
carries such calls out one after the other, so exactly one of the two succeeds, whatever either believes: what is deleted is never live, and
a load that was given up never goes live.

What analysts see of a generation, ``crm-customers-analytics-…``, is made, promoted and deleted with it: one call moves both aliases.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.contract import FieldContent
from crmsearch.errors import (
    BackendReadOnlyError,
    CountMismatchError,
    IndexNotReadyError,
    InvalidRequestError,
    NotFoundError,
)
from crmsearch.indexing.analytics import AnalyticsStore, Mirror
from crmsearch.indexing.changes import Applied, apply_changes
from crmsearch.indexing.client import ALLOCATION_TIMEOUT, translated_errors
from crmsearch.indexing.fitness import merge_segments, wait_for_copies
from crmsearch.indexing.generations import Generation, find_generations
from crmsearch.indexing.kept_writes import put_write, replay_writes
from crmsearch.indexing.lock import Holder, WriterLock
from crmsearch.indexing.mappings import VERSIONS, build_customers_body, build_serving_settings, check_versions, is_newer
from crmsearch.indexing.names import (
    analytics_alias,
    customers_alias,
    customers_index,
    generation_time,
    loading_alias,
)
from crmsearch.indexing.rebuild import copy_customers, copy_records, measure_index
from crmsearch.indexing.records import RecordStore
from crmsearch.indexing.restrictions import RestrictionStore
from crmsearch.indexing.suppressions import SuppressionStore
from crmsearch.indexing.verify import check_contents, check_count, check_searches
from crmsearch.privacy.vault import Vault
from crmsearch.resolution.rows import Group
from crmsearch.resolution.written import Write
from crmsearch.settings import ElasticsearchSettings

__all__ = ["Lifecycle"]

PATIENCE_S = 300.0  # for what takes long over a whole index: a refresh after millions of documents, a count of every field


class Lifecycle:
    """The owner of both aliases and of every generation behind them; ``vault`` seals what it writes."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings, vault: Vault) -> None:
        self._client = client
        self._settings = settings
        self.vault = vault
        self._analytics_alias = analytics_alias(settings.index_prefix)
        self._loading_alias = loading_alias(settings.index_prefix)
        self.alias = customers_alias(settings.index_prefix)
        self.lock = WriterLock(client, settings)
        self.suppressions = SuppressionStore(client, settings)
        self.restrictions = RestrictionStore(client, settings)

    def create(self, began_at: datetime, *, loading: bool = False) -> str:
        """Make the empty index of a run that began at ``began_at`` and return its name.

        Args:
            began_at: aware.
            loading: it is filled by a holder of the writers' lock, and must be promoted or discarded as such.

        Raises:
            BackendReadOnlyError: Elasticsearch has no room for it.
        """
        index = self.next_name(began_at)
        aliases: dict[str, Any] = {self._loading_alias: {}} if loading else {}
        with translated_errors():
            try:
                created = self._client.indices.create(
                    index=index, timeout=ALLOCATION_TIMEOUT, aliases=aliases, **build_customers_body(self._settings, self.vault.key_id)
                )
            except elasticsearch.BadRequestError as error:
                if "resource_already_exists" in str(error.error):
                    raise InvalidRequestError(f"{index} exists already: another was made in the same second; run this one again") from error
                raise
        if not created["shards_acknowledged"]:
            self.delete(index)
            raise BackendReadOnlyError("Elasticsearch finds no room for a new index: its disk is nearly full, or a data node is missing")
        self.records(index).create()
        self.analytics(index).create()
        return index

    def records(self, index: str) -> RecordStore:
        """The source records of a generation."""
        return RecordStore(self._client, self._settings, self.vault, index)

    def analytics(self, index: str) -> AnalyticsStore:
        """What analysts see of a generation."""
        return AnalyticsStore(self._client, self._settings, self.vault.reference_key, index)

    def mirrors(self) -> dict[str, Mirror | None]:
        """The analysts' index of each generation that is there; raises as ``AnalyticsStore.mirror``."""
        return {each.index: self.analytics(each.index).mirror() for each in self.generations()}

    def _vault_of(self, index: str) -> Vault:
        """What seals with the key of a generation; raises ``KeyMissingError`` if it is not ours."""
        return self.vault.of(index, self._generation(index).key_id)

    def _mirror(self, index: str) -> Mirror | None:
        """What writers of a generation need for its analysts, with whom to leave out."""
        mirror = self.analytics(index).mirror()
        return mirror and msgspec.structs.replace(mirror, restricted=self.restrictions.now())

    def next_name(self, began_at: datetime) -> str:
        """What to call a generation that is begun now.

        Names are in the order in which generations are made, whatever the clock says: where it was put back, or has not moved on since
        the last one, the name is of a second later than that.
        """
        prefix = self._settings.index_prefix
        newest = next((generation_time(prefix, each.index) for each in self.generations()), None)
        return customers_index(prefix, began_at if newest is None else max(began_at, newest + timedelta(seconds=1)))

    def adopt(self, index: str) -> None:
        """Mark an index that came from elsewhere as being loaded, if it is there, so that it can be promoted or discarded as such."""
        with translated_errors(), suppress(elasticsearch.NotFoundError):
            self._client.indices.put_alias(index=index, name=self._loading_alias)

    def finish(
        self,
        index: str,
        expected_documents: int,
        contents: Sequence[FieldContent] = (),
        expected_records: int | None = None,
        *,
        for_analysts: bool = False,
    ) -> None:
        """Make a filled index and its records fit for use, and check that they hold what the job says it wrote, and that searches find it.

        A job started by spark-submit may have written no records; then their index goes, and only full loads are possible. The same holds
        of what analysts see, unless it must be there (``for_analysts``).

        Raises:
            CountMismatchError: Elasticsearch holds another number of documents.
            ContentMismatchError: a field is filled more or less often or adds up to something else than the job says, or customers are not
                found by the product's own searches.
            BackendUnavailableError: there are not data nodes enough for the copies that are set.
            NotFoundError: there is no such generation.
        """
        generation = self._generation(index)
        merge_segments(self._client, index, generation.size_bytes)
        client = self._client.options(request_timeout=max(PATIENCE_S, self._settings.timeout_s))
        with translated_errors():
            client.indices.put_settings(index=index, settings=build_serving_settings(self._settings))
            client.indices.refresh(index=index)
            check_count(client, index, expected_documents)
            check_contents(client, index, contents)
            drawn = check_searches(client, index, self.vault)
            analytics = self._finish_analytics(index, expected_documents, drawn, required=for_analysts)
            wait_for_copies(self._client, [index, *self._finish_records(index, expected_records), *analytics], self._settings.replicas)
            client.indices.put_mapping(index=index, meta={**VERSIONS, "key_id": generation.key_id, "complete": True})

    def _finish_records(self, index: str, expected: int | None) -> list[str]:
        """The index of records, checked, if there are any."""
        records = self.records(index)
        kept = records.finish()
        if expected is not None and kept != expected:
            raise CountMismatchError(f"{records.index} holds {kept} records, the job wrote {expected}; it was not promoted")
        if not kept:
            records.delete()
        return [records.index] if kept else []

    def _finish_analytics(self, index: str, expected: int, drawn: Mapping[str, dict[str, Any]], *, required: bool) -> list[str]:
        """The analysts' index, checked, if there is one."""
        analytics = self.analytics(index)
        if not required and analytics.mirror() is None:
            return []
        if not analytics.finish() and not required:
            analytics.delete()
            return []
        # What a job wrote is of everybody, and what a snapshot holds is of whoever was not restricted then.
        restricted, left_out = self.restrictions.now(), self.restrictions.settle(index, analytics.mirror())
        kept = analytics.finish()
        if kept != expected - left_out:
            raise CountMismatchError(f"{analytics.index} holds {kept} documents, and {index} {expected - left_out}; it was not promoted")
        analytics.check_copies({name: customer for name, customer in drawn.items() if not restricted.holds(customer)})
        return [analytics.index]

    def promote(self, index: str, *, loading: bool = False) -> str | None:
        """Point the alias at ``index`` in one call and return the generation it pointed at before; what apps have written goes with it.

        The call names the old index and demands that it still bears the alias; and it makes the new one the alias' write index, of which
        Elasticsearch allows one. So two promotions at once cannot both succeed, not even the first ones.

        Args:
            index: a complete generation.
            loading: it was filled by the caller, who must not have lost the writers' lock since.

        Raises:
            NotFoundError: there is no such generation.
            InvalidRequestError: its load never finished, or another generation was promoted at the same time, or the load was given up.
            ContractMismatchError: the index was built for another contract.
        """
        generation = self._generation(index)
        check_versions(index, generation.versions)
        if not generation.complete:
            raise InvalidRequestError(f"{index} was never completed by its load, so it cannot be promoted")
        old = self.live()
        actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": self.alias, "is_write_index": True}}]
        if old and old != index:
            actions.insert(0, {"remove": {"index": old, "alias": self.alias, "must_exist": True}})
        if loading or generation.loading:
            actions.insert(0, {"remove": {"index": index, "alias": self._loading_alias, "must_exist": True}})
        mirror = self._mirror(index)
        actions += self._analytics_actions(mirror.index if mirror else None)
        vault = self.vault.of(index, generation.key_id)
        self._catch_up(index, mirror, vault)
        self._point(index, actions)
        # What was written while the alias went over may have gone to the old generation alone.
        self._catch_up(index, mirror, vault)
        return old

    def _catch_up(self, index: str, mirror: Mirror | None, vault: Vault) -> None:
        """Bring what apps wrote, and whom people had restricted, into a generation that may not know of it."""
        replay_writes(self._client, self._settings.index_prefix, index, mirror, vault)
        self.restrictions.settle(index, mirror)

    def _analytics_actions(self, index: str | None) -> list[dict[str, Any]]:
        """What moves the analysts' alias; beside a generation without an index for them it goes, rather than show other customers."""
        old = [each for each in self._bearers(self._analytics_alias) if each != index]
        actions: list[dict[str, Any]] = [{"remove": {"index": each, "alias": self._analytics_alias, "must_exist": True}} for each in old]
        return actions if index is None else [*actions, {"add": {"index": index, "alias": self._analytics_alias}}]

    def _point(self, index: str, actions: Sequence[dict[str, Any]]) -> None:
        with translated_errors():
            try:
                self._client.indices.update_aliases(actions=actions)
            except elasticsearch.ApiError as error:
                # Only the answer may have been lost, and the client has asked again.
                if self.live() == index:
                    return
                if str(error.error) in {"aliases_not_found_exception", "illegal_state_exception", "index_not_found_exception"}:
                    raise InvalidRequestError(
                        f"{index} was not promoted: another generation was at the same moment, or its load was given up; "
                        "promote it again if it is still wanted"
                    ) from error
                raise
            except elasticsearch.TransportError:
                if self.live() != index:
                    raise

    def discard(self, index: str) -> bool:
        """Delete the index of a load that failed or died; ``False`` if it went live after all, and so stays.

        Raises:
            BackendError: Elasticsearch cannot be asked; the next load discards it.
        """
        with translated_errors():
            try:
                self._client.indices.update_aliases(
                    actions=[{"remove": {"index": index, "alias": self._loading_alias, "must_exist": True}}]
                )
            except elasticsearch.NotFoundError:
                # It was promoted, or it is gone; or it was begun by hand, and is nobody's to discard.
                return not self._client.indices.exists(index=index)
        self.delete(index)
        return True

    def discard_abandoned(self) -> list[str]:
        """Discard what loads that died have left; for the holder of the writers' lock alone. Returns the names."""
        return [each.index for each in self.generations() if each.loading and self.discard(each.index)]

    def rollback(self, on_wait: Callable[[Holder], None] = lambda _: None) -> tuple[str, str]:
        """Point the alias at the newest complete generation before the live one; returns (from, to). Nothing else may write meanwhile.

        Args:
            on_wait: as of ``WriterLock.held``.

        Raises:
            NotFoundError: there is no live or no earlier generation.
            LoadRunningError: a load is writing customers at this moment.
        """
        with self.lock.held("rollback", on_wait):
            return self._roll_back()

    def _roll_back(self) -> tuple[str, str]:
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
        self.analytics(index).delete()
        with translated_errors():
            self._client.indices.delete(index=index, ignore_unavailable=True)

    def live(self) -> str | None:
        """The generation that readers see, if any."""
        return next(iter(self._bearers(self.alias)), None)

    def _bearers(self, alias: str) -> list[str]:
        """The indices behind an alias. It is asked for as an index: asked for by name, Elasticsearch goes through all there are, and fails
        if one of them is deleted at this moment.
        """
        with translated_errors():
            return list(self._client.indices.get_alias(index=alias, ignore_unavailable=True).body)

    def check_live(self) -> None:
        """Raise why the live generation cannot be served: another contract (with the command that mends it), or a key that is not there."""
        if (generation := self._live_generation()) is not None:
            check_versions(generation.index, generation.versions)
            self.vault.check_key(generation.index, generation.key_id)

    def copy(self, source: str, target: str) -> tuple[int, list[FieldContent], int | None]:
        """Fill a new generation with the customers of another and their records, and what analysts see of it.

        Returns:
            How many customers there are, what their fields must hold, and how many records, if there are any.

        Raises:
            ContractMismatchError: ``source`` is of a newer contract, or not to be read as of this one.
            InvalidRequestError: its load never finished.
        """
        generation = self._generation(source)
        if is_newer(generation.versions):
            check_versions(source, generation.versions)
        if not generation.complete:
            raise InvalidRequestError(f"{source} was never completed by its load, so it cannot be rebuilt")
        client = self._client.options(request_timeout=max(PATIENCE_S, self._settings.timeout_s))
        records = copy_records(client, self.records(source), self.records(target), self.vault)
        return copy_customers(client, source, target, self.analytics(target).mirror(), self.vault), measure_index(client, source), records

    def changeable(self) -> str:
        """The live generation, into which changes may be written.

        Raises:
            IndexNotReadyError: none is live.
            ContractMismatchError: it was built for another contract.
        """
        generation = self._live_generation()
        if generation is None:
            raise IndexNotReadyError("there are no customers yet that could be changed; load all once with `crmsearch ingest`")
        check_versions(generation.index, generation.versions)
        self.vault.check_key(generation.index, generation.key_id)
        return generation.index

    def apply(self, index: str, groups: Mapping[str, Group], run_id: str, indexed_at: str) -> Applied:
        """Write new, changed and removed records into a live generation; see ``apply_changes``."""
        mirror = self._mirror(index)
        vault = self._vault_of(index)
        store = RecordStore(self._client, self._settings, vault, index)
        applied = apply_changes(self._client, store, index, mirror, vault, groups, run_id, indexed_at)
        self.restrictions.settle(index, mirror)
        return applied

    def put_write(self, index: str, write: Write) -> None:
        """Write a customer whom no source knows into a generation, and let every later one have it."""
        put_write(self._client, self._settings, index, self._mirror(index), self._vault_of(index), write)

    def generations(self) -> list[Generation]:
        """All generations, newest first."""
        return find_generations(self._client, self._settings.index_prefix)

    def written(self, index: str) -> int:
        """Documents written so far, refreshed or not; a progress bar polls it."""
        with translated_errors():
            stats = self._client.indices.stats(index=index, metric=["indexing"])
        return int(stats["indices"][index]["primaries"]["indexing"]["index_total"])

    def _live_generation(self) -> Generation | None:
        return next((each for each in self.generations() if each.live), None)

    def _generation(self, index: str) -> Generation:
        for generation in self.generations():
            if generation.index == index:
                return generation
        raise NotFoundError(f"there is no generation {index}; `crmsearch index list` shows those there are")
