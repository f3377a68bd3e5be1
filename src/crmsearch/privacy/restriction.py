"""Whose processing is restricted (GDPR, article 18; PIPL, article 44): kept, and not used. Pure.

A restriction goes by the ids of the source records, not by that of the customer alone: whatever a load, a rollback or a merge makes of the
records, whoever is made of one of them is restricted. Of two customers that the records part into, both are.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import msgspec

__all__ = ["NOBODY", "Restricted", "Restriction", "restricted_by"]

_TERMS = 30_000  # of one clause; Elasticsearch takes 65,536


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """That the processing of one person is, or was, restricted.

    Attributes:
        restriction_id: its name.
        names: ids of the customer and of its source records, as they were then.
        restricted_at: ISO 8601, UTC.
        restricted_by: prefix of a key, or the user of the command line.
        lifted_at: likewise; ``None`` as long as it holds.
        lifted_by: likewise.
    """

    restriction_id: str
    names: list[str]
    restricted_at: str
    restricted_by: str
    lifted_at: str | None = None
    lifted_by: str | None = None


class Restricted(msgspec.Struct, frozen=True, dict=True):
    """Everybody whose processing is restricted, by the ids of customers and records."""

    names: frozenset[str]

    def holds(self, document: Mapping[str, Any]) -> bool:
        """Whether a customer is one of them."""
        return document["customer_id"] in self.names or not self.names.isdisjoint(document.get("source_records") or ())

    @cached_property
    def query(self) -> dict[str, Any]:
        """A clause that finds them."""
        names = sorted(self.names)
        parts = [names[start : start + _TERMS] for start in range(0, len(names), _TERMS)]
        either = [clause for part in parts for clause in ({"ids": {"values": part}}, {"terms": {"source_records": part}})]
        return {"bool": {"should": either or [{"match_none": {}}]}}

    @cached_property
    def others(self) -> dict[str, Any]:
        """A clause that finds everybody else."""
        return {"bool": {"must_not": [self.query]}}


NOBODY = Restricted(frozenset())


def restricted_by(restrictions: Iterable[Restriction]) -> Restricted:
    """Who is restricted by those of these that hold."""
    return Restricted(frozenset(name for each in restrictions if each.lifted_at is None for name in each.names))
