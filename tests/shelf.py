"""An audit index in memory, which may be away: what ``AuditTrail`` asks of Elasticsearch, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import elasticsearch
import msgspec

from crmsearch.indexing.audit import AuditTrail
from crmsearch.privacy.audit import Event
from crmsearch.settings import ElasticsearchSettings

__all__ = ["Shelf", "make_trail"]


class Shelf:
    """Stands in for the asynchronous client."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.away = False
        self.loses_answers = False
        self.indices = SimpleNamespace(exists=self._exists)

    @property
    def events(self) -> list[Event]:
        """All events but the service's own."""
        return [event for event in self.everything if event.action not in {"anchor", "end"}]

    @property
    def everything(self) -> list[Event]:
        found = [msgspec.convert(each, Event) for each in self.documents.values()]
        return sorted(found, key=lambda event: (event.chain, event.sequence))

    def options(self, **_: Any) -> Shelf:
        return self

    async def bulk(self, index: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        self._answer()
        items = []
        for create, document in zip(operations[::2], operations[1::2], strict=True):
            name = create["create"]["_id"]
            items.append({"create": {"status": 409 if name in self.documents else 201}})
            self.documents.setdefault(name, document)
        if self.loses_answers:
            self.loses_answers = False
            raise elasticsearch.ConnectionError("the answer was lost")
        return {"items": items}

    async def mget(self, index: str, ids: list[str]) -> dict[str, Any]:
        self._answer()
        return {"docs": [{"_id": name, "found": name in self.documents, "_source": self.documents.get(name)} for name in ids]}

    async def search(self, **_: Any) -> dict[str, Any]:
        self._answer()
        last = {event.chain: event for event in self.everything}.values()
        return {"aggregations": {"chains": {"buckets": [{"last": {"hits": {"hits": [{"_source": _head(event)}]}}} for event in last]}}}

    async def _exists(self, index: str) -> bool:
        self._answer()
        return True

    def _answer(self) -> None:
        if self.away:
            raise elasticsearch.ConnectionError("away")


def make_trail(shelf: Shelf, **given: Any) -> AuditTrail:
    client: Any = shelf
    return AuditTrail(client, ElasticsearchSettings(), **given)


def _head(event: Event) -> dict[str, Any]:
    return {"chain": event.chain, "sequence": event.sequence, "hash": event.hash}
