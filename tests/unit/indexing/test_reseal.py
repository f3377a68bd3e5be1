"""What the service keeps of its own is sealed anew, whether it was sealed before or not."""

from __future__ import annotations

from typing import Any

from crmsearch.indexing.kept_writes import reseal_write
from crmsearch.indexing.segments import SegmentStore, reseal_segment
from crmsearch.settings import ElasticsearchSettings
from tests.vaults import NEXT, ROTATED, VAULT

NOW = "2026-01-01T00:00:00Z"
SEGMENT: dict[str, Any] = {
    "name": "one-person",
    "version": 1,
    "deleted": False,
    "label": "One person",
    "description": "",
    "q": "13800138000",
    "filters": [{"field": "emails", "in": ["ada@example.com"]}],
    "created_at": NOW,
    "updated_at": NOW,
}


def test_a_segment_of_any_day_is_sealed_with_the_key_of_today() -> None:
    ours: Any = None
    for before in (SEGMENT, reseal_segment(SEGMENT, VAULT)):
        after = reseal_segment(before, ROTATED)
        assert "13800138000" not in str(after)
        assert "ada@example.com" not in str(after)
        read = SegmentStore(ours, ElasticsearchSettings(), NEXT)._parse(after)
        assert (read.q, read.filters[0].in_) == ("13800138000", ["ada@example.com"])
        assert reseal_segment(after, ROTATED) == after


def test_a_write_of_any_day_is_sealed_with_the_key_of_today() -> None:
    plain = {"customer_id": "C1", "written_at": 1, "creates": True, "document": {"name": "Ada", "emails": ["ada@example.com"]}}
    for before in (plain, reseal_write(plain, VAULT)):
        after = reseal_write(before, ROTATED)
        assert "ada@example.com" not in str(after)
        assert NEXT.open(after["document"], "C1") == plain["document"]
        assert reseal_write(after, ROTATED) == after
