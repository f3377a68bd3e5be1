"""A source record as it is kept beside the customers, so that later rows can be resolved against it.

A golden document says what several records agree on, not what each of them said; resolving needs each of them. So every record is kept with
its blocks, by which it is found, and with what is counted of it, by which it is judged.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from crmsearch.resolution.features import Features, build_features
from crmsearch.resolution.keys import Key, blocking_keys
from crmsearch.resolution.weights import EVERY, frequency_values

__all__ = ["Described", "Stored", "blocks_of", "build_stored", "counter_of_key", "counter_of_value", "describe", "parse_stored"]

_COUNTER = (1 << 48) - 1
"""Counters have 48 bits, which the columns of Lucene keep in six bytes: among 30 million of them one in ten million meets another."""


class Described(msgspec.Struct, frozen=True):
    """A record with what it is found and judged by."""

    record: Mapping[str, Any]
    features: Features
    keys: Sequence[Key]
    values: Sequence[str]

    def counters(self) -> list[int]:
        """What is counted of the record: its blocking keys, and the values whose frequency says how rare an agreement is."""
        return [*(counter_of_key(key.value) for key in self.keys), *map(counter_of_value, self.values)]


class Stored(msgspec.Struct, frozen=True):
    """A record as it was kept.

    Attributes:
        record: its document, with ``customer_id`` (its own id), ``fingerprint`` and ``withdrawn``.
        home: the customer it belongs to.
        component: number of the records that links connect it with; ``None`` if no link touches it.
    """

    record: dict[str, Any]
    home: str
    component: int | None = None


def describe(record: Mapping[str, Any]) -> Described:
    """Find out what a record is compared by."""
    features = build_features(record, record["customer_id"])
    return Described(record, features, blocking_keys(features), [value for value in frequency_values(features) if value != EVERY])


def counter_of_key(key: int) -> int:
    """The counter of a blocking key."""
    return key & _COUNTER


@lru_cache(maxsize=65_536)
def counter_of_value(value: str) -> int:
    """The counter of a value that ``frequency_values`` gives."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=6).digest(), "big")


def blocks_of(keys: Iterable[Key], is_hot: Callable[[int], bool]) -> list[int]:
    """Where a record is found: its keys, and in the place of those that too many records share the narrower ones."""
    return list(dict.fromkeys(block for key in keys for block in (key.narrower if is_hot(key.value) else (key.value,))))


def build_stored(described: Described, home: str, component: int | None, is_hot: Callable[[int], bool], written_at: int) -> dict[str, Any]:
    """The document of a record, before it is sealed (``privacy.vault.Vault.seal_record``).

    Args:
        described: the record.
        home: the customer it belongs to.
        component: number of the component, if links touch it.
        is_hot: whether too many records share a key.
        written_at: version of the document, see ``RecordStore``.
    """
    narrower = [block for key in described.keys if is_hot(key.value) for block in key.narrower]
    document: dict[str, Any] = {
        "customer_id": home,
        "counted": [*described.counters(), *map(counter_of_key, narrower)],
        "blocks": blocks_of(described.keys, is_hot),
        "written_at": written_at,
        "record": {name: value for name, value in described.record.items() if value not in (None, [])},
    }
    return document if component is None else document | {"component": component}


def parse_stored(document: Mapping[str, Any]) -> Stored:
    """The record in a document of ``build_stored``."""
    return Stored(document["record"], document.get("customer_id", ""), document.get("component"))
