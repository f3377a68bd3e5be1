"""Cleaning in Spark gives what the pure rules give, and sets aside what cannot be a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from crmsearch.cleaning.record import CleanRecord, RecordContext, clean_record
from crmsearch.cleaning.rules import RULES
from crmsearch.contract import FIELDS
from spark.clean import with_cleaned_records
from spark.schemas import CLEANED, FILLED_BITS

CASES_FILE = Path(__file__).parents[1] / "data" / "cleaning_cases.csv"
ROWS = StructType([StructField("cells", ArrayType(StringType())), StructField("damaged", StringType())])
Cells = list[str | None]


def _context(region: str = "") -> RecordContext:
    return RecordContext(as_of="2026-11-23", default_region=region or None)


def _clean(
    spark: SparkSession,
    rows: Sequence[tuple[Cells, str | None]],
    columns: Sequence[str],
    context: RecordContext | None = None,
    parts: int = 2,
) -> list[Row]:
    frame = spark.createDataFrame(rows, ROWS).repartition(parts)
    cleaned = with_cleaned_records(frame, [column.title() for column in columns], columns, context or _context())
    assert cleaned.schema == CLEANED
    return cleaned.collect()


def _known(row: Row, names: Sequence[str]) -> dict[str, Any]:
    values = row.asDict(recursive=True)
    return {name: values[name] for name in names if values[name] is not None}


def _cases() -> dict[str, list[dict[str, str]]]:
    """The cells of every case, by region."""
    by_region: dict[str, list[dict[str, str]]] = {}
    with CASES_FILE.open(encoding="utf-8", newline="") as file:
        for case in csv.DictReader(file):
            cells = json.loads(case["raw"]) if case["field"] == "row" else {"name": "Ada Lovelace", case["field"]: case["raw"]}
            by_region.setdefault(case["region"], []).append(cells)
    return by_region


def _reasons(record: CleanRecord) -> list[str]:
    """Why a row is set aside: the values that were dropped belong to it, since with them it might have stayed."""
    dropped = [code for code in record.issues if RULES[code].severity == "blank"]
    return [*record.rejections, *dropped] if record.rejections else []


def test_every_case_comes_out_as_the_pure_rules_give_it(spark: SparkSession) -> None:
    checked = 0
    for region, cases in _cases().items():
        columns = sorted({field for cells in cases for field in cells})
        # The key is not touched by the rules and tells which case a row was.
        numbered = [[cells.get(field) for field in columns] + [f"case-{number}"] for number, cells in enumerate(cases)]
        columns = [*(column if column != "customer_id" else "" for column in columns), "customer_id"]
        rows = {row["source_key"]: row for row in _clean(spark, [(cells, None) for cells in numbered], columns, _context(region))}
        assert len(rows) == len(cases)
        for cells in numbered:
            row, expected = rows[cells[-1]], clean_record(cells, columns, _context(region))
            assert _known(row, list(FIELDS)) == expected.document
            assert row["issues"] == list(expected.issues)
            assert row["rejections"] == _reasons(expected)
            assert tuple(row["withdrawn"]) == expected.withdrawn
            assert (row["raw"] is None) == (not expected.rejections)
            checked += 1
    assert checked >= 150


def test_a_row_with_a_wrong_number_of_cells_is_rejected_whole(spark: SparkSession) -> None:
    (row,) = _clean(spark, [([None, None], "Ada,Paris,too,many")], ["name", "city"])
    assert (row["rejections"], row["issues"], row["raw"]) == (["cell_count"], [], "Ada,Paris,too,many")
    assert _known(row, list(FIELDS)) == {"source_system": "generic"}
    assert row["source_key"] is None
    assert row["fingerprint"]


def test_a_key_that_comes_first_is_known_though_its_row_is_damaged(spark: SparkSession) -> None:
    rows: list[tuple[Cells, str | None]] = [(["C1", "Ada"], "C1,Ada,Paris,too,many")]
    (first,), (later,) = (_clean(spark, rows, columns) for columns in (["customer_id", "name"], ["name", "customer_id"]))
    assert (first["source_key"], first["name"], later["source_key"]) == ("C1", None, None)


def test_the_reader_says_by_which_rule_a_row_is_damaged(spark: SparkSession) -> None:
    frame = spark.createDataFrame([([None], '{"name": "Ada"')], ROWS)
    (row,) = with_cleaned_records(frame, ["Name"], ["name"], _context(), damage="malformed").collect()
    assert row["rejections"] == ["malformed"]


def test_a_row_of_undecodable_bytes_is_rejected_with_its_cells(spark: SparkSession) -> None:
    (row,) = _clean(spark, [(["M\ufffdller", "Paris", None], None)], ["name", "city", "age"])
    assert row["rejections"] == ["undecodable"]
    assert json.loads(row["raw"]) == {"Name": "M\ufffdller", "City": "Paris", "Age": None}


def test_all_reasons_are_given(spark: SparkSession) -> None:
    (row,) = _clean(spark, [(["n/a", "\ufffd"], None)], ["name", "city"])
    assert row["rejections"][:2] == ["no_identity", "undecodable"]
    assert "name_placeholder" in row["rejections"]


def test_rows_that_say_the_same_have_the_same_fingerprint(spark: SparkSession) -> None:
    rows: list[Cells] = [
        ["K1", "Ada Lovelace", "Paris"],
        ["K1", "  Ada  Lovelace ", "PARIS"],
        ["K2", "Ada Lovelace", "Paris"],
        ["K1", "Ada Lovelace", "London"],
        [None, "Ada Lovelace", "Paris"],
    ]
    found = _clean(spark, [(cells, None) for cells in rows], ["customer_id", "name", "city"], parts=1)
    prints = [row["fingerprint"] for row in found]
    assert len(prints) == 5
    assert len(set(prints)) == 4


@pytest.mark.parametrize("parts", [1, 7])
def test_as_many_rows_come_out_as_went_in(spark: SparkSession, parts: int) -> None:
    rows: list[tuple[Cells, str | None]] = [([f"Name {number}", None], None) for number in range(50)]
    rows += [([None, None], "damaged")] * 20
    assert len(_clean(spark, rows, ["name", "city"], parts=parts)) == 70
    assert _clean(spark, [], ["name", "city"], parts=parts) == []


def test_cells_with_anything_in_them_are_told_by_bits(spark: SparkSession) -> None:
    columns = ["name", "city", "emails", "emails", ""]
    rows: list[tuple[Cells, str | None]] = [
        (["Ada", "  ", "", "not an address", "ignored"], None),
        ([None, "Paris", None, None, "x"], None),
        ([None] * 5, "damaged"),
    ]
    found = {row["filled"] for row in _clean(spark, rows, columns, parts=1)}
    assert found == {FILLED_BITS["name"] | FILLED_BITS["emails"], FILLED_BITS["city"], 0}


def test_the_first_cells_that_break_a_rule_are_kept_masked(spark: SparkSession) -> None:
    rows: list[tuple[Cells, str | None]] = [([f"{letter}nna Kern", f"{letter}nna@", "Paris"], None) for letter in "ABCDE"]
    found = _clean(spark, rows, ["name", "emails", "city"], parts=1)
    assert [[tuple(one) for one in row["samples"] or ()] for row in found] == [
        *([("email_invalid", f"{letter}***@")] for letter in "ABC"),
        [],
        [],
    ]


def test_the_cell_that_broke_a_rule_is_found_in_whichever_column_it_stands(spark: SparkSession) -> None:
    (row,) = _clean(
        spark, [(["Ada King", "2024-05-05", "3024-01-01", "  Long  Street "], None)], ["name", "created_at", "updated_at", "address"]
    )
    assert {one["code"]: one["sample"] for one in row["samples"]} == {
        "date_impossible": "****-**-**",
        "spaces": "␣␣L*** (10 to 49 characters)",
    }


def test_what_cannot_be_shown_has_no_sample(spark: SparkSession) -> None:
    (row,) = _clean(spark, [(["n/a", None], None)], ["name", "city"])
    assert "no_identity" in row["rejections"]
    assert {one["code"] for one in row["samples"]} & {"no_identity", "name_missing"} == set()
    (damaged,) = _clean(spark, [([None, None], "Ada,Paris,too,many")], ["name", "city"])
    assert damaged["samples"] is None
