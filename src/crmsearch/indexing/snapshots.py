"""Backups: Elasticsearch's own snapshots of the live generation and of the service's state, and their restoration.

A snapshot shares the files that have not changed with those before it. What is restored never takes the place of anything: customers become
a new generation, verified and promoted like a load, and an index of state comes back only where there is none.
"""

from datetime import datetime
from typing import Any

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch.errors import BackendError, ConfigError, ContractMismatchError, NotFoundError
from crmsearch.indexing.analytics import AnalyticsStore
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.mappings import VERSIONS
from crmsearch.indexing.names import (
    analytics_index,
    records_index,
    restrictions_index,
    runs_index,
    segments_index,
    snapshots_repository,
    stamp,
    suppressions_index,
    writes_index,
)
from crmsearch.privacy.suppression import Suppressions
from crmsearch.privacy.vault import Vault
from crmsearch.settings import ElasticsearchSettings

__all__ = ["Snapshot", "Snapshots", "build_repository"]

PATIENCE_S = 6 * 3600.0  # for a snapshot or a restoration of millions of customers over a network


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One backup; ``state`` is Elasticsearch's, and only one with ``SUCCESS`` is whole."""

    name: str
    state: str
    made_at: str
    index: str
    documents: int
    versions: dict[str, int]


class Snapshots:
    """The owner of the repository of one index prefix."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings, vault: Vault) -> None:
        self._client = client.options(request_timeout=PATIENCE_S)
        self._settings = settings
        self._vault = vault
        self._repository = snapshots_repository(settings.index_prefix)
        self._state = [
            name(settings.index_prefix) for name in (runs_index, segments_index, suppressions_index, restrictions_index, writes_index)
        ]

    def create(self, index: str, now: datetime) -> Snapshot:
        """Back up a generation of today's contract and the service's state.

        Raises:
            ConfigError: there is no repository to be had.
            BackendError: a part could not be written.
        """
        self._register()
        name = stamp(now)
        with translated_errors():
            metadata = {
                "index": index,
                "documents": int(self._client.count(index=index)["count"]),
                "versions": VERSIONS,
            }
            made = self._client.snapshot.create(
                repository=self._repository,
                snapshot=name,
                indices=[index, records_index(index), analytics_index(self._settings.index_prefix, index), *self._state],
                ignore_unavailable=True,
                include_global_state=False,
                wait_for_completion=True,
                metadata=metadata,
            )
        snapshot = _parse(made["snapshot"])
        if snapshot.state != "SUCCESS":
            raise BackendError(f"the snapshot {name} is not whole ({snapshot.state}); Elasticsearch's log says why")
        return snapshot

    def all(self) -> list[Snapshot]:
        """Those there are, newest first."""
        self._register()
        with translated_errors():
            found = self._client.snapshot.get(repository=self._repository, snapshot="*", ignore_unavailable=True)
        return sorted((_parse(each) for each in found["snapshots"]), key=lambda each: each.name, reverse=True)

    def get(self, name: str | None) -> Snapshot:
        """The named one, or the newest that is whole.

        Raises:
            NotFoundError: there is none.
        """
        for each in self.all():
            if each.state == "SUCCESS" and name in {None, each.name}:
                return each
        raise NotFoundError("there is no such snapshot that is whole; `crmsearch snapshot list` shows those there are")

    def restore_customers(self, snapshot: Snapshot, target: str) -> None:
        """Bring the customers back as the index ``target``, which must not be there, with their records and their copies for analysts.

        Copies whose references were made with another key than this machine's stay away, for no writer could keep them in step.

        Raises:
            ContractMismatchError: they are of another contract.
        """
        if snapshot.versions != VERSIONS:
            raise ContractMismatchError(
                f"the snapshot {snapshot.name} is of another contract; restore it with the crmsearch that made it, then upgrade and run "
                "`crmsearch index rebuild`"
            )
        self._restore(snapshot, snapshot.index, target)
        if (records := records_index(snapshot.index)) in self._held(snapshot):
            self._restore(snapshot, records, records_index(target))
        copies = AnalyticsStore(self._client, self._settings, self._vault.reference_key, target)
        if (kept := analytics_index(self._settings.index_prefix, snapshot.index)) in self._held(snapshot):
            self._restore(snapshot, kept, copies.index)
            try:
                copies.mirror()
            except ConfigError:
                copies.delete()

    def leave_out(self, target: str, suppressions: Suppressions) -> int:
        """Remove those from what was restored who were erased since; returns how many customers that were."""
        return Erasure(self._client, self._settings, self._vault).drop_suppressed(target, suppressions)

    def restore_state(self, snapshot: Snapshot) -> list[str]:
        """Bring back those indices of the service's state that are missing; returns their names."""
        held = self._held(snapshot)
        with translated_errors():
            missing = [name for name in self._state if name in held and not self._client.indices.exists(index=name)]
        for name in missing:
            self._restore(snapshot, name, name)
        return missing

    def _held(self, snapshot: Snapshot) -> list[str]:
        with translated_errors():
            return list(self._client.snapshot.get(repository=self._repository, snapshot=snapshot.name)["snapshots"][0]["indices"])

    def _restore(self, snapshot: Snapshot, index: str, target: str) -> None:
        with translated_errors():
            done = self._client.snapshot.restore(
                repository=self._repository,
                snapshot=snapshot.name,
                indices=[index],
                rename_pattern="^.*$",
                rename_replacement=target,
                include_aliases=False,
                include_global_state=False,
                index_settings={"index.number_of_replicas": self._settings.replicas},
                wait_for_completion=True,
            )
        shards = done["snapshot"]["shards"]
        if shards["failed"] or shards["successful"] != shards["total"]:
            raise BackendError(f"{index} was not restored whole; Elasticsearch's log says why")

    def _register(self) -> None:
        if not self._settings.snapshots:
            raise ConfigError(
                "CRMSEARCH_ELASTICSEARCH_SNAPSHOTS is not set; name a folder of Elasticsearch's path.repo, or s3://bucket/path"
            )
        body = build_repository(self._settings.snapshots, self._settings.index_prefix)
        with translated_errors():
            try:
                self._client.snapshot.create_repository(name=self._repository, repository=body)
            except elasticsearch.ApiError as error:
                if str(error.error) not in {"repository_exception", "repository_verification_exception"}:
                    raise
                raise ConfigError(_why_not(body)) from error


def build_repository(location: str, prefix: str) -> dict[str, Any]:
    """The body of the repository in a folder or bucket, in a place of this prefix alone: two repositories must not share one."""
    if location.startswith("s3://"):
        bucket, _, path = location.removeprefix("s3://").partition("/")
        return {"type": "s3", "settings": {"bucket": bucket, "base_path": f"{path.strip('/')}/{prefix}".strip("/")}}
    return {"type": "fs", "settings": {"location": f"{location.rstrip('/')}/{prefix}", "compress": True}}


def _why_not(body: dict[str, Any]) -> str:
    if body["type"] == "s3":
        return (
            "Elasticsearch cannot keep snapshots in this bucket: it needs its module repository-s3, which the local node lacks, "
            "the bucket, and credentials in its keystore"
        )
    return "Elasticsearch cannot keep snapshots in this folder: every node must have it in path.repo, and be allowed to write there"


def _parse(found: dict[str, Any]) -> Snapshot:
    metadata = found.get("metadata", {})
    return Snapshot(
        name=found["snapshot"],
        state=found["state"],
        made_at=found["start_time"],
        index=metadata.get("index", ""),
        documents=metadata.get("documents", 0),
        versions=metadata.get("versions", {}),
    )
