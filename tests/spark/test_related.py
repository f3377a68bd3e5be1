"""Cleaning related rows in Spark gives what the pure rules give, and sets aside what cannot be a row."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from crmsearch.cleaning.record import RecordContext
from crmsearch.cleaning.related import clean_related
from crmsearch.contract import InputKind
from spark.related import RELATED_ARROW, with_cleaned_related

ROWS = StructType([StructField("cells", ArrayType(StringType())), StructField("damaged", StringType())])
CONTEXT = RecordContext(as_of="2026-11-23")
COLUMNS: dict[InputKind, list[str]] = {
    "orders": ["order_id", "customer_id", "ordered_at", "amount", "currency", "category", "status"],
    "tickets": ["ticket_id", "customer_id", "subject", "priority", "status", "opened_at", "closed_at", "satisfaction"],
    "campaigns": ["response_id", "customer_id", "campaign", "channel", "sent_at", "opened", "clicked", "converted"],
}
CELLS: dict[InputKind, list[list[str | None]]] = {
    "orders": [
        ["O1", "C1", "2026-01-05 10:00", "12.50", "EUR", "BOOKS", "paid"],
        ["O2", None, "2026-01-05", "12", None, None, None],
        ["O3", "C1", "never", "-3", "eur", "Books", "refunded"],
        [None, None, None, None, None, None, None],
    ],
    "tickets": [
        ["T1", "C1", "Refund", "high", "closed", "2026-01-05 10:00", "2026-01-05 12:00", "4"],
        ["T2", "C1", "退款", "高", "处理中", "2026年1月5日", None, None],
        [None, "C1", None, None, None, None, None, "11"],
    ],
    "campaigns": [
        ["R1", "C1", "Spring", "email", "2026-01-05", "no", "yes", None],
        ["R2", "C1", "Spring", "email", "2026-01-05", "2026-01-06", None, None],
    ],
}


def _clean(spark: SparkSession, rows: Sequence[tuple[list[str | None] | None, str | None]], kind: InputKind, parts: int = 2) -> list[Row]:
    frame = spark.createDataFrame(rows, ROWS).repartition(parts)
    cleaned = with_cleaned_related(frame, [name.title() for name in COLUMNS[kind]], COLUMNS[kind], kind, CONTEXT)
    assert cleaned.columns == RELATED_ARROW[kind].names
    return cleaned.collect()


@pytest.mark.parametrize("kind", list(COLUMNS))
def test_every_row_comes_out_as_the_pure_rules_give_it(spark: SparkSession, kind: InputKind) -> None:
    found = {row["raw"]: row for row in _clean(spark, [(cells, None) for cells in CELLS[kind]], kind)}
    assert len(found) == len(CELLS[kind])
    for cells in CELLS[kind]:
        raw = json.dumps(dict(zip([name.title() for name in COLUMNS[kind]], cells, strict=True)), ensure_ascii=False, separators=(",", ":"))
        row, expected = found[raw], clean_related(kind, cells, COLUMNS[kind], CONTEXT)
        for name in RELATED_ARROW[kind].names:
            if name in expected.values:
                assert row[name] == expected.values[name], name
        assert (row["source_key"], row["customer_key"], row["stage"]) == (expected.source_key, expected.customer_key, expected.stage)
        assert row["issues"] == list(expected.issues)
        assert row["rejections"][: len(expected.rejections)] == list(expected.rejections)
        assert bool(row["rejections"]) == bool(expected.rejections)


def test_a_dropped_value_is_a_reason_when_the_row_is_lost(spark: SparkSession) -> None:
    (row,) = _clean(spark, [(["O1", "C1", "never", "5", None, None, None], None)], "orders")
    assert row["rejections"] == ["order_undated", "date_invalid"]


def test_damaged_and_undecodable_rows_are_rejected_whole(spark: SparkSession) -> None:
    rows = _clean(spark, [(None, "O1,C1,too,many"), (["O2", "C1", "2026-01-05", "5", None, "M\ufffdbel", None], None)], "orders")
    by_raw = {row["raw"]: row["rejections"] for row in rows}
    assert by_raw.pop("O1,C1,too,many") == ["cell_count"]
    assert list(by_raw.values()) == [["undecodable"]]


@pytest.mark.parametrize(
    ("kind", "cells", "samples"),
    [
        ("orders", ["O1", "C1", "neverday", "5", None, None, None], {"order_undated": "********", "date_invalid": "********"}),
        ("orders", ["O1", "C1", "2026-01-05", "on request", None, None, None],
         {"order_without_amount": "o*** (10 to 49 characters)", "number_invalid": "o*** (10 to 49 characters)"}),
        ("orders", ["O1", "C1", "2026-01-05", "5", "shells", "BOOKS", "purple"],
         {"currency_unknown": "s*** (2 to 9 characters)", "category_case": "B*** (2 to 9 characters)",
          "order_status_unknown": "p*** (2 to 9 characters)"}),
        ("orders", ["O1", None, "2026-01-05", "5", None, None, None], {}),
        ("tickets", ["T1", "C1", "  Refund  for Anna ", "high", "open", "2026-01-05", "2026-01-06", "11"],
         {"spaces": "␣␣R*** (10 to 49 characters)", "ticket_still_open": "2026-**-**", "satisfaction_unreadable": "11"}),
        ("campaigns", ["R1", "C1", "Spring", "email", "2026-01-05", "no", "Anna did", None],
         {"flag_unreadable": "A*** (2 to 9 characters)"}),
        ("campaigns", ["R1", "C1", "Spring", "email", "2026-01-05", "no", "yes", None], {"campaign_steps": "no"}),
    ],
)  # fmt: skip
def test_the_cells_behind_a_rule_are_kept_masked(
    spark: SparkSession, kind: InputKind, cells: list[str | None], samples: dict[str, str]
) -> None:
    rows = _clean(spark, [(cells, None)] * 5, kind, parts=1)
    shown = [{one["code"]: one["sample"] for one in row["samples"] or ()} for row in rows]
    assert shown == [samples] * 3 + [{}] * 2, "three of each rule and part of a file"


def test_rows_that_say_the_same_have_the_same_fingerprint(spark: SparkSession) -> None:
    rows: list[list[str | None]] = [
        ["O1", "C1", "2026-01-05", "5", None, None, None],
        ["O1", " C1", "05.01.2026", "5.00", None, None, "paid"],
        ["O1", "C2", "2026-01-05", "5", None, None, None],
        ["O1", "C1", "2026-01-05", "5", "EUR", None, None],
    ]
    prints = [row["fingerprint"] for row in _clean(spark, [(cells, None) for cells in rows], "orders")]
    assert len(set(prints)) == 3


@pytest.mark.parametrize("parts", [1, 7])
def test_as_many_rows_come_out_as_went_in(spark: SparkSession, parts: int) -> None:
    assert len(_clean(spark, [(CELLS["tickets"][0], None)] * 50 + [(None, "damaged")] * 20, "tickets", parts)) == 70
    assert _clean(spark, [], "tickets", parts) == []
