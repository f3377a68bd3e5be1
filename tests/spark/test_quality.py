"""Quality of the fields, counted by hand on small frames, and what stands behind the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from crmsearch.cleaning.record import RecordContext
from crmsearch.contract import FIELDS, FieldQuality
from spark.clean import with_cleaned_records
from spark.quality import count_rules, profile
from spark.schemas import CLEANED, DOCUMENT_COLUMNS, FILLED_BITS

ROWS = StructType([StructField("cells", ArrayType(StringType())), StructField("damaged", StringType())])
COLUMNS = ("customer_id", "name", "emails", "age", "notes")
Cells = Sequence[str | None]

CUSTOMERS: tuple[Cells, ...] = (
    ("1", "Ada Lovelace", "ada@lovelace.org; ada@example.org", "36", None),
    ("2", "Ada Lovelace", "ada@lovelace.org", "999", None),
    ("3", "  Alan  Turing ", "alan@", "  ", None),
    ("4", "N/A", "grace@navy.mil", None, None),
    (None, "???", "nobody@", "41", None),  # rejected: nobody is left
)


def _cleaned(spark: SparkSession, rows: Sequence[Cells] = CUSTOMERS, damaged: Sequence[str] = ("a,line,too,long",)) -> DataFrame:
    frame = spark.createDataFrame([*((list(cells), None) for cells in rows), *(([None] * len(COLUMNS), line) for line in damaged)], ROWS)
    return with_cleaned_records(frame.coalesce(1), COLUMNS, COLUMNS, RecordContext(as_of="2026-11-23"))


def _golden(spark: SparkSession, documents: Sequence[dict[str, Any]]) -> DataFrame:
    rows = [tuple(document.get(column.name) for column in CLEANED if column.name in DOCUMENT_COLUMNS) for document in documents]
    return spark.createDataFrame(rows, StructType([column for column in CLEANED if column.name in DOCUMENT_COLUMNS]))


GOLDEN: tuple[dict[str, Any], ...] = (
    {"customer_id": "1", "name": "Ada Lovelace", "emails": ["ada@lovelace.org", "ada@example.org"], "age": 36, "revenue": 5.0},
    {"customer_id": "3", "name": "Alan Turing", "emails": []},
    {"customer_id": "4", "emails": ["grace@navy.mil"]},
)


@pytest.fixture(scope="module")
def profiled(spark: SparkSession) -> dict[str, FieldQuality]:
    return {each.field: each for each in profile(_cleaned(spark), _golden(spark, GOLDEN), COLUMNS)}


def test_completeness_is_over_the_rows_read_and_over_the_customers(profiled: dict[str, FieldQuality]) -> None:
    before = {name: round(profiled[name].filled_before * 6) for name in COLUMNS}
    assert before == {"customer_id": 4, "name": 5, "emails": 5, "age": 3, "notes": 0}, "of 6 rows; a cell of spaces is empty"
    after = {name: round(profiled[name].filled_after * 3) for name in COLUMNS}
    assert after == {"customer_id": 3, "name": 2, "emails": 2, "age": 1, "notes": 0}


def test_validity_is_over_the_filled_cells(profiled: dict[str, FieldQuality]) -> None:
    assert {name: profiled[name].valid for name in COLUMNS} == {
        "customer_id": 1.0,
        "name": 0.6,
        "emails": 0.6,
        "age": pytest.approx(2 / 3),
        "notes": None,
    }


def test_uniqueness_is_over_the_values_of_accepted_records_and_lists_count_their_elements(profiled: dict[str, FieldQuality]) -> None:
    unique = {name: (profiled[name].unique_before, profiled[name].unique_after) for name in COLUMNS}
    # Few values are counted exactly by the sketch.
    assert unique == {
        "customer_id": (1.0, 1.0),
        "name": (pytest.approx(2 / 3, abs=1e-5), 1.0),
        "emails": (0.75, 1.0),
        "age": (None, None),
        "notes": (None, None),
    }


def test_fields_are_those_that_a_source_had_or_the_run_filled(profiled: dict[str, FieldQuality]) -> None:
    assert list(profiled) == ["customer_id", "name", "age", "emails", "notes", "revenue"]
    assert profiled["revenue"] == FieldQuality(
        field="revenue", filled_before=0.0, filled_after=0.333333, valid=None, unique_before=None, unique_after=None
    )


def test_a_frame_without_rows_has_a_profile(spark: SparkSession) -> None:
    empty = profile(_cleaned(spark, [], []), _golden(spark, []), ["name"])
    assert empty == [FieldQuality(field="name", filled_before=0.0, filled_after=0.0, valid=None, unique_before=None, unique_after=None)]
    applied = count_rules(_cleaned(spark, [], []))
    assert (applied.reasons, applied.rejections, applied.issues) == ([], {}, {})


@pytest.mark.parametrize("different", [1_000, 6_000])
def test_many_different_values_are_estimated_within_five_hundredths(spark: SparkSession, different: int) -> None:
    golden = spark.range(8_000).select(
        *(
            F.concat(F.lit("p"), F.col("id") % different).alias(name)
            if name == "name"
            else F.lit(None).cast(CLEANED[name].dataType).alias(name)
            for name in DOCUMENT_COLUMNS
        )
    )
    (name,) = [each for each in profile(_cleaned(spark, [], []), golden) if each.field == "name"]
    assert name.unique_after == pytest.approx(different / 8_000, rel=0.05)


def test_every_field_that_an_export_carries_has_a_bit_of_its_own() -> None:
    bits = list(FILLED_BITS.values())
    assert len(set(bits)) == len(bits)
    assert sum(bits) < 2**63
    assert {name for name, field in FIELDS.items() if field.group in {"identity", "contact", "work", "relationship"}} == set(FILLED_BITS)


def test_reasons_count_rows_and_show_masked_cells(spark: SparkSession) -> None:
    found = {each.code: each for each in count_rules(_cleaned(spark)).reasons}
    assert set(found) >= {"email_invalid", "spaces", "age_impossible", "no_identity", "cell_count"}
    assert found["email_invalid"].rows == 2
    assert found["email_invalid"].samples == ["a***@", "n***@"]
    assert found["spaces"].samples == ["␣␣A***␣␣T***␣"]
    assert found["age_impossible"].samples == ["999"]
    assert found["cell_count"].samples == []
    assert (found["no_identity"].severity, found["no_identity"].kind, found["no_identity"].rows) == ("reject", "customers", 1)
    assert "alan@" not in str(found)


def test_the_most_frequent_rule_is_first_and_its_samples_do_not_depend_on_the_order(spark: SparkSession) -> None:
    rows: list[Cells] = [(str(number), f"Person {chr(65 + number)}", f"{chr(97 + number)}nna@", "999", None) for number in range(9)]
    rows += [("x", "Anna", None, "-3", None)]
    forth, back = (count_rules(frame).reasons for frame in (_cleaned(spark, rows, []), _cleaned(spark, rows, []).repartition(3)))
    assert [(each.code, each.rows) for each in forth] == [("age_impossible", 10), ("email_invalid", 9)]
    assert forth == back
    assert all(len(each.samples) <= 3 for each in forth)


def test_codes_of_rejected_and_of_accepted_rows_are_counted_apart(spark: SparkSession) -> None:
    rows: list[Cells] = [
        ("1", "  Ada  King ", "ada@", "36", None),
        ("2", "Ada", None, None, None),
        (None, "  ??  ?", "x@", "  41  y", None),
    ]
    applied = count_rules(_cleaned(spark, rows, ["a,line", "another"]))
    assert applied.rejections == {"cell_count": 2, "email_invalid": 1, "name_placeholder": 1, "no_identity": 1}
    assert applied.issues == {"email_invalid": 1, "spaces": 1}
    # What was mended in a rejected row speaks neither against it nor of an accepted one.
    assert {each.code: each.rows for each in applied.reasons} == {
        "cell_count": 2,
        "email_invalid": 2,
        "spaces": 2,
        "age_words": 1,
        "name_placeholder": 1,
        "no_identity": 1,
    }
