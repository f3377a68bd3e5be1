"""Which records become one customer, and which of them survives, whatever the order and the partitions of the rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from spark.resolve import with_golden_records
from spark.schemas import CLEANED, DOCUMENT_COLUMNS

RUN_ID, INDEXED_AT = "20260101t000000z", "2026-01-01T00:00:00Z"


def _resolve(spark: SparkSession, records: Sequence[dict[str, Any]], parts: int = 2) -> list[Row]:
    rows = [{"source_system": "generic", "quality_score": 0.5, "issues": [], "rejections": [], **record} for record in records]
    frame = spark.createDataFrame([tuple(row.get(name) for name in CLEANED.names) for row in rows], CLEANED).repartition(parts)
    golden = with_golden_records(frame, RUN_ID, INDEXED_AT)
    assert set(DOCUMENT_COLUMNS) <= set(golden.columns)
    return golden.collect()


def _survivors(rows: Sequence[Row]) -> dict[str, Row]:
    survivors = [row for row in rows if row["survivor"]]
    by_id = {row["customer_id"]: row for row in survivors}
    assert len(by_id) == len(survivors), "one survivor for each customer"
    return by_id


def test_equal_rows_without_a_key_become_one(spark: SparkSession) -> None:
    rows = _resolve(spark, [{"fingerprint": "f1", "name": "Ada"}] * 3 + [{"fingerprint": "f2", "name": "Bob"}])
    survivors = _survivors(rows)
    assert {key: row["merged_count"] for key, row in survivors.items()} == {"f1": 3, "f2": 1}
    assert survivors["f1"]["quality_issues"] is None
    assert (survivors["f1"]["source_records"], survivors["f1"]["match_confidence"]) == (["f1"], 1.0)
    assert (survivors["f1"]["run_id"], survivors["f1"]["indexed_at"]) == (RUN_ID, INDEXED_AT)
    assert len({row["record_id"] for row in rows}) == len(rows) == 4


def test_of_rows_with_one_key_the_newest_survives_and_the_conflict_is_noted(spark: SparkSession) -> None:
    records: list[dict[str, Any]] = [
        {"source_key": "K1", "fingerprint": "a", "name": "Old", "updated_at": "2024-01-01T00:00:00Z", "quality_score": 1.0},
        {"source_key": "K1", "fingerprint": "b", "name": "New", "updated_at": "2025-01-01T00:00:00Z", "quality_issues": ["spaces"]},
        {"source_key": "K1", "fingerprint": "c", "name": "Undated", "quality_score": 1.0},
        {"source_key": "K2", "fingerprint": "d", "name": "Alone", "quality_issues": ["spaces"]},
    ]
    survivors = _survivors(_resolve(spark, records))
    assert survivors["K1"]["name"] == "New"
    assert survivors["K1"]["merged_count"] == 3
    assert survivors["K1"]["quality_issues"] == ["spaces", "key_conflict"]
    assert survivors["K2"]["quality_issues"] == ["spaces"]


def test_without_dates_the_most_complete_survives(spark: SparkSession) -> None:
    records: list[dict[str, Any]] = [
        {"source_key": "K", "fingerprint": "a", "quality_score": 0.3},
        {"source_key": "K", "fingerprint": "z", "quality_score": 0.9},
        {"source_key": "K", "fingerprint": "b", "quality_score": None},
    ]
    assert _survivors(_resolve(spark, records))["K"]["fingerprint"] == "z"


def test_the_same_rows_under_one_key_are_no_conflict(spark: SparkSession) -> None:
    records = [{"source_key": "K", "fingerprint": "a"}] * 2
    (survivor,) = _survivors(_resolve(spark, records)).values()
    assert (survivor["merged_count"], survivor["quality_issues"]) == (2, None)


def test_keys_of_two_systems_do_not_meet(spark: SparkSession) -> None:
    records = [
        {"source_key": "1", "fingerprint": "a", "source_system": "zoho"},
        {"source_key": "1", "fingerprint": "b", "source_system": "salesforce"},
        {"source_key": "1", "fingerprint": "c"},
    ]
    survivors = _survivors(_resolve(spark, records))
    assert set(survivors) == {"zoho:1", "salesforce:1", "1"}
    assert survivors["zoho:1"]["source_records"] == ["zoho:1"]


@pytest.mark.parametrize("key", ["k" * 512, "k" * 513, "客" * 171, "客" * 500])
def test_ids_are_never_longer_than_elasticsearch_takes(spark: SparkSession, key: str) -> None:
    records = [{"source_key": key, "fingerprint": "a"}, {"source_key": key + "x", "fingerprint": "b"}]
    ids = list(_survivors(_resolve(spark, records)))
    assert len(ids) == 2
    assert all(len(each.encode()) <= 512 for each in ids)
    assert (key in ids) == (len(key.encode()) <= 512)


def test_the_outcome_does_not_depend_on_order_or_partitions(spark: SparkSession) -> None:
    records: list[dict[str, Any]] = [
        {
            "source_key": f"K{number % 7}" if number % 3 else None,
            "fingerprint": f"f{number % 5}",
            "name": f"Name {number % 5}",
            "updated_at": ("2025-01-01T00:00:00Z", "2024-01-01T00:00:00Z", None)[number % 4 % 3],
            "quality_score": (0.5, 0.8)[number % 2],
            # Rows that say the same may have been mended differently.
            "quality_issues": (None, ["spaces"], ["name_case"])[number % 11 % 3],
        }
        for number in range(120)
    ]
    outcomes = set()
    for seed, parts in ((1, 1), (2, 3), (3, 8)):
        random.Random(seed).shuffle(records)
        rows = _resolve(spark, records, parts)
        assert len(rows) == len(records)
        keyless = [row["record_id"] for row in rows if row["source_key"] is None]
        assert len(set(keyless)) == len(keyless)
        documents = (str([row[name] for name in DOCUMENT_COLUMNS]) for row in _survivors(rows).values())
        outcomes.add(tuple(sorted(documents)))
    assert len(outcomes) == 1
