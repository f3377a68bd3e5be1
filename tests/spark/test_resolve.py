"""Which records become one customer, and what that customer's document says, whatever the order and the partitions of the rows."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from crmsearch.resolution.rows import group_rows
from crmsearch.resolution.stored import parse_stored
from crmsearch.sample import make_sample
from spark.records import with_stored_form
from spark.resolve import Resolution, resolve
from spark.schemas import CLEANED, DOCUMENT_COLUMNS
from tests.bench.resolution import clean_file, clusters_of, febrl_truth, sample_truth, score
from tests.vaults import VAULT

RUN_ID, INDEXED_AT = "20260101t000000z", "2026-01-01T00:00:00Z"
REAL = Path(__file__).parents[1] / "data" / "real"

JOHN: dict[str, Any] = {
    "name": "John Smith", "given_name": "John", "family_name": "Smith", "kind": "person", "gender": "male", "birth_date": "1980-04-03",
    "age": 46, "emails": ["john.smith80@example.org"], "phones": ["+447911123456"], "address": "12 High Street", "city": "London",
    "postcode": "SW1A1AA",
}  # fmt: skip
PROVEN = ("110105199005064016", "110105199005066011")  # numbers that pass their check


def _resolve(spark: SparkSession, records: Sequence[dict[str, Any]], parts: int = 2) -> Resolution:
    rows = [
        {
            "source_system": "generic",
            "quality_score": 0.5,
            "issues": [],
            "rejections": [],
            "fingerprint": str(place),
            "source": "a.csv",
            **record,
        }
        for place, record in enumerate(records)
    ]
    schema = StructType([*CLEANED.fields, StructField("source", StringType())])
    frame = spark.createDataFrame([tuple(row.get(name) for name in schema.names) for row in rows], schema)
    return resolve(frame.repartition(parts), RUN_ID, INDEXED_AT)


def _golden(resolution: Resolution) -> dict[str, Row]:
    assert tuple(resolution.golden.columns) == DOCUMENT_COLUMNS
    rows = {row["customer_id"]: row for row in resolution.golden.collect()}
    records = resolution.records.collect()
    leaders = [row["customer_id"] for row in records if row["indexed"]]
    assert sorted(leaders) == sorted(rows), "one record leads each customer"
    assert {row["customer_id"] for row in records} == set(rows)
    assert sum(row["merged_count"] for row in rows.values()) == len(records)
    resolution.release()
    return rows


def test_equal_rows_without_a_key_become_one(spark: SparkSession) -> None:
    resolution = _resolve(spark, [{"fingerprint": "f1", "name": "Ada"}] * 3 + [{"fingerprint": "f2", "name": "Bob"}])
    assert len({row["record_id"] for row in resolution.records.collect()}) == 4
    golden = _golden(resolution)
    assert {key: row["merged_count"] for key, row in golden.items()} == {"f1": 3, "f2": 1}
    assert golden["f1"]["quality_issues"] is None
    assert (golden["f1"]["source_records"], golden["f1"]["match_confidence"]) == (["f1"], 1.0)
    assert golden["f1"]["merge_reasons"] == ["f1: 3 rows of the same content"]
    assert golden["f2"]["merge_reasons"] is None
    assert (golden["f1"]["run_id"], golden["f1"]["indexed_at"]) == (RUN_ID, INDEXED_AT)


def test_of_rows_with_one_key_the_newest_survives_and_the_conflict_is_noted(spark: SparkSession) -> None:
    records: list[dict[str, Any]] = [
        {"source_key": "K1", "fingerprint": "a", "name": "Old", "updated_at": "2024-01-01T00:00:00Z", "quality_score": 1.0},
        {"source_key": "K1", "fingerprint": "b", "name": "New", "updated_at": "2025-01-01T00:00:00Z", "quality_issues": ["spaces"]},
        {"source_key": "K1", "fingerprint": "c", "name": "Undated", "quality_score": 1.0},
        {"source_key": "K2", "fingerprint": "z", "name": "Fuller", "quality_score": 0.9, "quality_issues": ["spaces"]},
        {"source_key": "K2", "fingerprint": "d", "name": "Emptier", "quality_score": 0.3},
        {"source_key": "K3", "fingerprint": "e", "name": "Same"},
        {"source_key": "K3", "fingerprint": "e", "name": "Same"},
    ]
    golden = _golden(_resolve(spark, records))
    assert {key: row["name"] for key, row in golden.items()} == {"K1": "New", "K2": "Fuller", "K3": "Same"}
    assert golden["K1"]["quality_issues"] == ["spaces", "key_conflict"]
    assert golden["K1"]["merge_reasons"] == ["K1: 3 rows of the same source key"]
    assert golden["K3"]["quality_issues"] is None


def test_keys_of_two_systems_do_not_meet(spark: SparkSession) -> None:
    records: list[dict[str, Any]] = [
        {"source_key": "1", "source_system": "zoho"},
        {"source_key": "1", "source_system": "salesforce"},
        {"source_key": "1", "source_system": None},
    ]
    resolution = _resolve(spark, records)
    assert {row["record_id"] for row in resolution.records.collect()} == {"zoho:1", "salesforce:1", "1"}
    golden = _golden(resolution)
    assert set(golden) == {"zoho:1", "salesforce:1", "1"}
    assert golden["zoho:1"]["source_records"] == ["zoho:1"]


def test_ids_are_never_longer_than_elasticsearch_takes(spark: SparkSession) -> None:
    keys = ["k" * 512, "k" * 513, "客" * 171, "客" * 500]
    golden = _golden(_resolve(spark, [{"source_key": key} for key in keys]))
    assert len(golden) == len(keys)
    assert all(len(each.encode()) <= 512 for each in golden)
    assert [key in golden for key in keys] == [True, False, False, False]


def test_records_of_one_person_become_a_golden_record_with_its_lineage(spark: SparkSession) -> None:
    records = [
        JOHN | {"source_key": "17", "source_system": "zoho", "created_at": "2019-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
                "consents": ["email", "sms"], "source": "b.csv"},
        JOHN | {"source_key": "3", "source_system": "salesforce", "created_at": "2020-01-01T00:00:00Z",
                "updated_at": "2025-01-01T00:00:00Z",
                "name": "Jhon Smith", "given_name": "Jhon", "emails": ["jon@example.org"], "notes": "newest"},
        JOHN | {"source_key": "3", "source_system": "salesforce", "name": "Jhon Smith"},
        {"source_key": "9", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "city": "London"},
    ]  # fmt: skip
    resolution = _resolve(spark, records)
    report = resolution.report
    assert (report.links, report.customers_merged, report.largest_cluster, report.links_refused) == (1, 1, 3, 0)
    assert (sum(report.confidence.values()), report.pairs_compared) == (1, 1)
    assert [row["customer_id"] for row in resolution.records.collect() if row["source"] == "b.csv"] == ["zoho:17"]
    golden = _golden(resolution)
    assert set(golden) == {"zoho:17", "9"}
    john = golden["zoho:17"]
    assert (john["source_system"], john["merged_count"], john["notes"]) == ("zoho", 3, "newest")
    assert john["source_records"] == ["salesforce:3", "zoho:17"]
    assert john["emails"] == ["jon@example.org", "john.smith80@example.org"]
    assert (john["created_at"], john["updated_at"]) == ("2019-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
    assert john["consents"] == ["email", "sms"]
    assert john["quality_issues"] == ["key_conflict"]
    assert 0.9 < john["match_confidence"] <= 1
    (link, same) = john["merge_reasons"]
    assert link.startswith("salesforce:3 = zoho:17: similar given name, same family name, same birth date")
    assert same == "salesforce:3: 2 rows of the same source key"


def test_a_refusal_of_consent_outweighs_what_was_agreed_before(spark: SparkSession) -> None:
    records = [
        JOHN | {"source_key": "1", "updated_at": "2024-01-01T00:00:00Z", "consents": ["email", "sms"]},
        JOHN | {"source_key": "2", "updated_at": "2025-01-01T00:00:00Z", "withdrawn": ["email"]},
        {"source_key": "3", "fingerprint": "x", "name": "Ada", "consents": ["sms"], "quality_score": 0.9},
        {"source_key": "3", "fingerprint": "y", "name": "Ada", "withdrawn": ["marketing"], "quality_score": 0.3},
    ]
    golden = _golden(_resolve(spark, records))
    assert {key: row["consents"] for key, row in golden.items()} == {"1": ["sms"], "3": None}


def test_two_proven_numbers_are_never_one_customer(spark: SparkSession) -> None:
    records = [JOHN | {"source_key": str(place), "national_id": number} for place, number in enumerate([*PROVEN, None])]
    resolution = _resolve(spark, records)
    assert resolution.report.links_refused == 1
    golden = _golden(resolution)
    assert sorted(row["merged_count"] for row in golden.values()) == [1, 2]
    assert {row["national_id"] for row in golden.values()} == set(PROVEN)


def test_a_crowd_with_one_phone_is_neither_merged_nor_slow(spark: SparkSession) -> None:
    rng = random.Random(5)
    given, family = (["".join(rng.choices("abcdefghiklmnorstuw", k=6)).title() for _ in range(400)] for _ in range(2))
    people = [(rng.choice(given), rng.choice(family)) for _ in range(20_000)]
    records = [
        {"source_key": str(place), "name": f"{first} {last}", "given_name": first, "family_name": last, "phones": ["+861012345678"]}
        for place, (first, last) in enumerate(people)
    ]
    began = time.monotonic()
    resolution = _resolve(spark, records)
    assert resolution.report.blocks_capped >= 1
    assert resolution.report.customers_merged == 0
    assert resolution.report.pairs_compared < 5 * len(records)
    resolution.release()
    assert time.monotonic() - began < 120


def test_a_crowd_with_one_key_is_one_customer_and_not_slow(spark: SparkSession) -> None:
    records = [{"source_key": "1", "fingerprint": str(place % 7), "name": "Ada"} for place in range(20_000)]
    (ada,) = _golden(_resolve(spark, records)).values()
    assert (ada["merged_count"], ada["quality_issues"]) == (20_000, ["key_conflict"])


def test_the_outcome_does_not_depend_on_order_or_partitions(spark: SparkSession) -> None:
    rng = random.Random(3)
    records: list[dict[str, Any]] = []
    for number in range(60):
        first, last = rng.choice(["John", "Jon", "Mary", "Paul"]), rng.choice(["Smith", "Smyth", "Brown"])
        records.append(
            JOHN
            | {
                "source_key": f"K{number % 50}" if number % 3 else None,
                "fingerprint": f"f{number % 40}",
                "name": f"{first} {last}",
                "given_name": first,
                "family_name": last,
                "phones": [f"+4479111234{number % 12:02}"],
                "emails": [f"mail{number % 9}@example.org"] if number % 4 else None,
                "birth_date": f"198{number % 3}-04-03",
                "updated_at": ("2025-01-01T00:00:00Z", "2024-01-01T00:00:00Z", None)[number % 4 % 3],
                "quality_issues": (None, ["spaces"], ["name_case"])[number % 11 % 3],
            }
        )
    outcomes = set()
    for seed, parts in ((1, 1), (2, 5)):
        random.Random(seed).shuffle(records)
        golden = _golden(_resolve(spark, records, parts))
        outcomes.add(str(sorted(golden.items())))
    assert len(outcomes) == 1


def test_nothing_in_nothing_out(spark: SparkSession) -> None:
    resolution = _resolve(spark, [])
    assert (resolution.golden.count(), resolution.records.count(), resolution.report.links) == (0, 0, 0)
    resolution.release()


def test_real_records_with_known_truth(spark: SparkSession) -> None:
    path = REAL / "febrl1.csv"
    resolution = resolve(clean_file(spark, path), RUN_ID, INDEXED_AT)
    found = score(clusters_of(resolution.records), febrl_truth(path))
    resolution.release()
    assert found.f1 >= 0.995
    assert found.over_merged == 0


def test_sample_with_known_truth(spark: SparkSession, tmp_path: Path) -> None:
    make_sample(tmp_path, 3000, 11)
    resolution = resolve(clean_file(spark, tmp_path / "customers.csv", "CN"), RUN_ID, INDEXED_AT)
    found = score(clusters_of(resolution.records), sample_truth(tmp_path / "truth.csv"))
    resolution.release()
    assert found.f1 >= 0.98
    assert found.precision >= 0.995
    assert found.over_merged <= 1


def test_records_that_say_little_are_not_merged(spark: SparkSession) -> None:
    """Name, age, gender and city make no identity: only rows that are equal become one."""
    accepted = clean_file(spark, REAL / "crm_data.csv")
    resolution = resolve(accepted, RUN_ID, INDEXED_AT)
    assert resolution.report.links == 0
    assert resolution.golden.count() == accepted.select("fingerprint").distinct().count()
    resolution.release()


def test_rows_of_one_record_are_grouped_alike_with_and_without_spark(spark: SparkSession) -> None:
    chance = random.Random(5)
    choices: dict[str, list[Any]] = {
        "source_key": ["K1", "K2", "K3", "键", None],
        "source_system": ["generic", "zoho", None],
        "fingerprint": ["a", "b", "c"],
        "updated_at": [None, "2024-01-01", "2024-01-01T10:00:00Z", "2025-01-01"],
        "withdrawn": [None, [], ["email"], ["email", "sms"]],
        "quality_score": [None, 0.5, 1.0],
        "quality_issues": [None, ["spaces"], ["full_width", "spaces"]],
        "source": ["a.csv", "b.csv"],
    }
    rows = [{name: chance.choice(values) for name, values in choices.items()} | {"name": f"N{place}"} for place in range(200)]
    # Of rows that are equal in all that ranks them either may lead.
    rows = [row | {"name": "N" + repr([row[name] for name in choices])} for row in rows]
    resolution = _resolve(spark, rows)
    leaders = {row["customer_id"]: row.asDict() for row in resolution.leaders.collect()}
    groups = group_rows([{name: value for name, value in row.items() if value is not None} for row in rows], INDEXED_AT)
    assert leaders.keys() == groups.keys()
    names = {*DOCUMENT_COLUMNS, "fingerprint", "withdrawn"} - {"run_id", "indexed_at"}
    for record_id, group in groups.items():
        assert {name: group.record.get(name) or None for name in names} == {name: leaders[record_id][name] or None for name in names}
    resolution.release()


def test_records_are_kept_with_their_customer_and_component(spark: SparkSession) -> None:
    copy = {**JOHN, "source_key": "J2", "phones": []}
    resolution = _resolve(spark, [{**JOHN, "source_key": "J1"}, copy, {"source_key": "X", "name": "Xenia Quist", "kind": "person"}])
    rows = {row["record_id"]: row for row in with_stored_form(resolution.leaders, resolution.hot, 42, VAULT).collect()}
    stored = {name: parse_stored(VAULT.open_record(row.asDict())) for name, row in rows.items()}
    assert {name: one.home for name, one in stored.items()} == {"J1": "J1", "J2": "J1", "X": "X"}
    assert stored["J1"].component == stored["J2"].component is not None
    assert stored["X"].component is None
    assert {row["written_at"] for row in rows.values()} == {42}
    assert set(rows["J1"]["blocks"]) & set(rows["J2"]["blocks"])
    assert stored["J2"].record["emails"] == JOHN["emails"]
    assert not {"run_id", "indexed_at", "phones"} & stored["J2"].record.keys()
    resolution.release()
