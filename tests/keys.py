"""Keys of callers without an index to keep them in, for tests of what a role may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from crmsearch.privacy.access import KeyRecord, Role, make_key

__all__ = ["Keys", "bearer"]


class Keys:
    """Stands in for ``KeyReader``."""

    def __init__(self) -> None:
        self.records: dict[str, KeyRecord] = {}

    def make(self, role: Role, **given: Any) -> str:
        key, record = make_key("test", role, given.get("scopes", ()), datetime.now(UTC), None)
        self.records[record.prefix] = record
        return key

    async def find(self, prefix: str) -> KeyRecord | None:
        return self.records.get(prefix)

    async def any(self) -> bool:
        return bool(self.records)

    async def note_use(self, prefix: str) -> None:
        assert prefix in self.records


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
