"""Rows of one run to records: rows of one key, or of one content where there is no key, are one record, of which the newest row tells.

The same as ``spark/resolve.py`` does over columns, for the few rows of an incremental load; a test holds both against each other.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

__all__ = ["MAX_ID_BYTES", "Group", "group_rows", "record_id"]

MAX_ID_BYTES = 512  # of a document's id; Elasticsearch refuses a longer one, and the whole run with it

Row = Mapping[str, Any]

# What a row has beside the fields of its document.
_BESIDE = frozenset({"source", "source_key", "removed"})


class Group(msgspec.Struct, frozen=True):
    """The rows of one record.

    Attributes:
        record: the document of the record with ``customer_id`` (its own id), ``fingerprint`` and ``withdrawn``; of one that its newest row
            removes no more than ``customer_id``, ``updated_at`` and ``removed``.
        sources: the source of every row, that of the leading row first.
    """

    record: dict[str, Any]
    sources: tuple[str, ...]

    @property
    def removes(self) -> bool:
        return bool(self.record.get("removed"))


def group_rows(rows: Iterable[Row], now: str) -> dict[str, Group]:
    """The records that rows tell of, by id.

    Args:
        rows: accepted rows as the job hands them over: documents without what is not known, and ``source``, ``source_key``,
            ``fingerprint``, ``withdrawn`` and ``removed``.
        now: ISO time of the run, at which a row without a date removes its record.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(record_id(row.get("source_system") or "generic", row.get("source_key") or row["fingerprint"]), []).append(row)
    return {name: _group(name, found, now) for name, found in groups.items()}


def record_id(system: str, key: str) -> str:
    """What a record is called: its key, with its system before it where that says more than ``generic``; a long name by its hash."""
    name = key if system == "generic" else f"{system}:{key}"
    return hashlib.sha256(name.encode()).hexdigest() if len(name.encode()) > MAX_ID_BYTES else name


def _group(name: str, rows: list[Row], now: str) -> Group:
    # From the last rank to the first, since sorting is stable.
    ordered = sorted(rows, key=lambda row: (row["fingerprint"], ",".join(row.get("quality_issues") or ()), row["source"]))
    ordered.sort(key=lambda row: (_said_at(row, now), bool(row.get("removed")), *_strictness(row)), reverse=True)
    lead, sources = ordered[0], tuple(row["source"] for row in ordered)
    if lead.get("removed"):
        return Group({"customer_id": name, "updated_at": _said_at(lead, now), "removed": True}, sources)
    record = {field: value for field, value in lead.items() if field not in _BESIDE}
    record |= {
        "customer_id": name,
        "source_system": lead.get("source_system") or "generic",
        "source_records": [name],
        "merged_count": len(rows),
        "match_confidence": 1.0,
    }
    if len(rows) > 1:
        same = "rows of the same source key" if lead.get("source_key") else "rows of the same content"
        record["merge_reasons"] = [f"{name}: {len(rows)} {same}"]
    if len({row["fingerprint"] for row in rows}) > 1:
        record["quality_issues"] = list(dict.fromkeys([*(lead.get("quality_issues") or ()), "key_conflict"]))
    return Group(record, sources)


def _said_at(row: Row, now: str) -> str:
    return row.get("updated_at") or (now if row.get("removed") else "")


def _strictness(row: Row) -> tuple[int, float]:
    """Of rows of one age one that withdraws a consent leads, then the most complete."""
    score = row.get("quality_score")
    return len(row.get("withdrawn") or ()), -1.0 if score is None else score
