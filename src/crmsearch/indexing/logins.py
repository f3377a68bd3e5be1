"""API keys of Elasticsearch, with the least privileges that each part of the product needs.

``ROLES`` is the table: what the job, the API and analysts may do. Elasticsearch itself keeps them to it. A key bears in its metadata for
which part and which index prefix it was made, and so is found again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from crmsearch.errors import ConfigError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.names import stamp
from crmsearch.settings import Secret

__all__ = ["ROLES", "Key", "Logins", "Role", "build_role_descriptor"]

Body = dict[str, Any]


class Grant(msgspec.Struct, frozen=True):
    """Privileges on indices; their names are behind the prefix."""

    indices: tuple[str, ...]
    privileges: tuple[str, ...]


class Role(msgspec.Struct, frozen=True):
    """One part of the product, and what it may do."""

    name: str
    purpose: str
    grants: tuple[Grant, ...]
    cluster: tuple[str, ...] = ()


# Generations, the aliases over them, and nothing that merely begins alike, such as the analysts' index.
# An index of an older version learns the fields it did not know; `manage`, which holds these too, would let its bearer delete it.
_LEARNS = ("indices:admin/mapping/put", "indices:admin/settings/update")
_CUSTOMERS = ("customers", "customers-loading", "customers-2*")

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            "job",
            "ingest, full and incremental, and crmsearch index",
            (
                # Indices are made, filled, refreshed, aliased and deleted; `manage` is the one privilege that has put_mapping and aliases.
                Grant((*_CUSTOMERS, "records-2*", "customers-analytics*"), ("manage", "read", "write")),
                Grant(("runs", "locks"), ("manage", "read", "write")),
                # What apps have written is laid over a new generation, who was erased is left out, and who is restricted is for no analyst.
                Grant(("writes", "suppressions", "restrictions"), ("read", "view_index_metadata", "maintenance")),
            ),
            cluster=("monitor",),  # version and health; the connector asks too
        ),
        Role(
            "api",
            "the API and console, crmsearch search, stats and segments",
            (
                # `monitor` is for `crmsearch serve`, which lists generations to see whether it knows their contract.
                # Single writes go into the live generation, which no `create_index` lets it make.
                # An erasure deletes documents, of all kept generations and of their records, while it holds the writers' lock.
                # Going back to the base before moves the alias. Elasticsearch has no narrower right than that over aliases, which can
                # take an index out as well as `delete` can take its documents.
                Grant(_CUSTOMERS, ("read", "index", "delete", "view_index_metadata", "monitor", "maintenance", "indices:admin/aliases")),
                Grant(("records-2*",), ("read", "delete", "view_index_metadata", "maintenance")),
                # Each write carries what analysts see of the customer, which the API itself has no need to read.
                Grant(("customers-analytics*",), ("index", "delete", "view_index_metadata", "maintenance", "indices:admin/aliases")),
                Grant(("segments",), ("read", "index", "create_index", "view_index_metadata")),
                Grant(("writes",), ("read", "index", "delete", "create_index", "view_index_metadata", "maintenance", *_LEARNS)),
                Grant(("suppressions", "restrictions", "locks"), ("read", "write", "manage")),
                # Keys are made and revoked, their use is noted; of a run it is noted that its result went live again.
                Grant(("keys",), ("read", "index", "create_index", "view_index_metadata", *_LEARNS)),
                Grant(("runs",), ("read", "index")),
                # Events are added and never changed: nobody has the privilege to index or delete here.
                Grant(("audit",), ("read", "create_doc", "create_index", "view_index_metadata")),
            ),
            cluster=("monitor",),  # an erasure waits until the index of the lock can be used
        ),
        Role(
            "analyst",
            "Kibana and notebooks, on what holds no personal data",
            (Grant(("customers-analytics*",), ("read", "view_index_metadata")),),
        ),
    )
}


class Key(msgspec.Struct, frozen=True):
    """A key that was made; ``encoded``, the secret, is known at that moment only."""

    id: str
    name: str
    role: str
    encoded: Secret = Secret()


def build_role_descriptor(role: Role, prefix: str) -> Body:
    """What Elasticsearch is told of a role: the body of an API key's role, and of ``PUT _security/role``."""
    return {
        "cluster": list(role.cluster),
        "indices": [
            {"names": [f"{prefix}-{name}" for name in grant.indices], "privileges": list(grant.privileges)} for grant in role.grants
        ],
    }


class Logins:
    """The owner of the keys of one index prefix. Making and revoking them takes a user who may, such as ``elastic``."""

    def __init__(self, client: Elasticsearch, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def make(self, role: Role, now: datetime) -> Key:
        """Make another key for a part.

        Raises:
            ConfigError: the login is itself a key; Elasticsearch lets a key make none that has privileges.
            BackendAuthError: the user may not make keys.
        """
        with translated_errors():
            if self._client.security.authenticate()["authentication_type"] == "api_key":
                raise ConfigError(
                    "keys are made by a user, not by a key; this once, set CRMSEARCH_ELASTICSEARCH_USERNAME and _PASSWORD in its place"
                )
            made = self._client.security.create_api_key(
                name=f"{self._prefix}-{role.name}-{stamp(now.astimezone(UTC))}",
                role_descriptors={role.name: build_role_descriptor(role, self._prefix)},
                metadata={"application": "crmsearch", "prefix": self._prefix, "role": role.name},
            )
        return Key(made["id"], made["name"], role.name, Secret(made["encoded"]))

    def all(self) -> list[Key]:
        """The keys that were made here and are valid, newest first."""
        with translated_errors():
            found = self._client.security.get_api_key(name=f"{self._prefix}-*", active_only=True)["api_keys"]
        own = [each for each in found if each.get("metadata", {}).get("prefix") == self._prefix]
        return [
            Key(each["id"], each["name"], each["metadata"].get("role", "")) for each in sorted(own, key=lambda each: -int(each["creation"]))
        ]

    def revoke(self, keys: Sequence[Key]) -> None:
        """Make keys void, at once and for good."""
        if keys:
            with translated_errors():
                self._client.security.invalidate_api_key(ids=[key.id for key in keys])

    def login(self) -> str:
        """Who is logged in, in words."""
        with translated_errors():
            who = self._client.security.authenticate()
        if who["authentication_type"] == "api_key":
            return f"key {who.get('api_key', {}).get('name', '')}"
        return f"user {who['username']}"

    def suffices_for(self) -> list[str]:
        """The parts whose privileges the login has."""
        return [role.name for role in ROLES.values() if self._has(build_role_descriptor(role, self._prefix))]

    def _has(self, descriptor: Body) -> bool:
        with translated_errors():
            answer = self._client.security.has_privileges(cluster=descriptor["cluster"], index=descriptor["indices"])
        return bool(answer["has_all_requested"])
