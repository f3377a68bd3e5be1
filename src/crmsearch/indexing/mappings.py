"""Index bodies, read from ``mappings/`` and completed with what a deployment sets."""

from typing import Any

import msgspec

from crmsearch.contract import CONTRACT_VERSION, FIELDS, FORMS_VERSION
from crmsearch.errors import ContractMismatchError
from crmsearch.privacy.analytics import ANALYTICS_FIELDS, CUSTOMER_REF
from crmsearch.resources import mappings_dir
from crmsearch.settings import ElasticsearchSettings

__all__ = [
    "CUSTOMER_REF",
    "VERSIONS",
    "build_analytics_body",
    "build_audit_body",
    "build_customers_body",
    "build_keys_body",
    "build_locks_body",
    "build_records_body",
    "build_restrictions_body",
    "build_runs_body",
    "build_segments_body",
    "build_serving_settings",
    "build_suppressions_body",
    "build_writes_body",
    "check_versions",
    "is_newer",
    "load_customers_body",
]

Body = dict[str, Any]

# What an index says of itself in ``_meta``. One of another version would be found in wrongly, or not at all.
VERSIONS = {"contract_version": CONTRACT_VERSION, "forms_version": FORMS_VERSION}

_LONGEST_VALUE = 256  # of text that is counted


def check_versions(index: str, meta: Body) -> None:
    """Raise ``ContractMismatchError`` if an index was built for another version than this crmsearch speaks."""
    for name, version in VERSIONS.items():
        if meta.get(name) == version:
            continue
        said = f"{index} has {name.replace('_', ' ')} {meta.get(name)}, this crmsearch speaks {version}"
        if is_newer(meta):
            raise ContractMismatchError(f"{said}; use the newer crmsearch that made it, or go back with `crmsearch index rollback`")
        raise ContractMismatchError(f"{said}; mend it with `crmsearch index rebuild`, or load again with `crmsearch ingest`")


def is_newer(meta: Body) -> bool:
    """Whether an index was built by a crmsearch that knows more than this one."""
    return any((meta.get(name) or 0) > version for name, version in VERSIONS.items())


def load_customers_body() -> Body:
    """``mappings/customers.json`` as it is."""
    body: Body = msgspec.json.decode((mappings_dir() / "customers.json").read_bytes())
    return body


def build_analytics_body(settings: ElasticsearchSettings) -> Body:
    """The body of an analysts' index: the fields of the catalogue that are no personal data, each of a type that can be counted."""
    whole = load_customers_body()
    known = whole["mappings"]["properties"]
    text = {"type": "keyword", "ignore_above": _LONGEST_VALUE}
    properties = {
        name: text if FIELDS[name].type == "text" else {key: value for key, value in known[name].items() if key != "fields"}
        for name in ANALYTICS_FIELDS
    }
    return {
        "settings": {"index": {"number_of_shards": settings.shards, "number_of_replicas": 0, "refresh_interval": "-1"}},
        "mappings": {
            "dynamic": "strict",
            "_meta": {"contract_version": CONTRACT_VERSION},
            "properties": {CUSTOMER_REF: {"type": "keyword"}, **properties},
        },
    }


def build_audit_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-audit``: one shard, so that whoever reads a chain never sees an event without those before it."""
    return _build_small_body("audit.json", settings)


def build_customers_body(settings: ElasticsearchSettings, key_id: str) -> Body:
    """The body of a new generation, set for loading: no refresh and no replicas until it is complete.

    It says by ``key_id`` which key its customers are sealed with.
    """
    body = load_customers_body()
    body["mappings"]["_meta"]["key_id"] = key_id
    body["settings"]["index"] |= {"number_of_shards": settings.shards, "number_of_replicas": 0, "refresh_interval": "-1"}
    return body


def build_keys_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-keys``: one shard, since it holds one document per key."""
    return _build_small_body("keys.json", settings)


def build_locks_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-locks``: one shard, since it holds one document while somebody writes."""
    return _build_small_body("locks.json", settings)


def build_records_body(settings: ElasticsearchSettings) -> Body:
    """The body of the index of records beside a new generation, set for loading like that one."""
    body: Body = msgspec.json.decode((mappings_dir() / "records.json").read_bytes())
    body["settings"]["index"] |= {"number_of_shards": settings.shards, "number_of_replicas": 0, "refresh_interval": "-1"}
    return body


def build_restrictions_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-restrictions``: one shard, since it holds one document per person who asked for it."""
    return _build_small_body("restrictions.json", settings)


def build_runs_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-runs``: one shard, since it holds one document per run."""
    return _build_small_body("runs.json", settings)


def build_segments_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-segments``: one shard, since it holds one document per version of a segment."""
    return _build_small_body("segments.json", settings)


def build_suppressions_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-suppressions``: one shard, since it holds one document per person who was erased."""
    return _build_small_body("suppressions.json", settings)


def build_writes_body(settings: ElasticsearchSettings) -> Body:
    """The body of ``crm-writes``: one shard, since it holds what people change by hand."""
    return _build_small_body("writes.json", settings)


def build_serving_settings(settings: ElasticsearchSettings) -> Body:
    """What a complete generation is set to before readers see it."""
    return {
        "index": {
            "number_of_replicas": settings.replicas,
            "refresh_interval": load_customers_body()["settings"]["index"]["refresh_interval"],
        }
    }


def _build_small_body(file_name: str, settings: ElasticsearchSettings) -> Body:
    body: Body = msgspec.json.decode((mappings_dir() / file_name).read_bytes())
    body["settings"]["index"]["number_of_replicas"] = settings.replicas
    return body
