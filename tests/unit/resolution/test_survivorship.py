"""Which value of several stands, and that none is made up."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.resolution.clusters import Cluster, Link
from crmsearch.resolution.survivorship import MAX_VALUES, POLICIES, merge_records
from tests.unit.resolution.people import PROVEN


def _record(record_id: str, **fields: Any) -> dict[str, Any]:
    base = {"customer_id": record_id, "source_records": [record_id], "merged_count": 1, "source_system": "generic", "quality_score": 0.5}
    return base | fields


def _named(given: str, family: str, name: str = "") -> dict[str, Any]:
    return {"name": name or f"{given} {family}", "given_name": given, "family_name": family}


def _merge(*records: dict[str, Any]) -> dict[str, Any]:
    ids = sorted(record["customer_id"] for record in records)
    links = tuple(Link(ids[0], other, 0.998, ("same phone", "similar given name")) for other in ids[1:])
    return merge_records(records, Cluster(tuple(ids), links))


OLD, NEW = {"updated_at": "2024-01-01T00:00:00Z"}, {"updated_at": "2025-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (_named("John", "Smith"), _named("J.", "Smith"), {"name": "John Smith", "given_name": "John"}),
        (_named("小明", "王", "王小明"), _named("Xiaoming", "Wang"), {"name": "王小明", "family_name": "王"}),
        (_named("Jon", "Smith"), _named("John", "Smith"), {"name": "John Smith"}),
        ({"gender": "male"}, {"gender": "unknown"}, {"gender": "male"}),
        ({"birth_date": "1980-04-03", "age": 46}, {"age": 45}, {"birth_date": "1980-04-03", "age": 46}),
        ({"national_id": PROVEN[0]}, {"national_id": "123"}, {"national_id": PROVEN[0]}),
        ({"emails": ["a@x.org", "b@x.org"]}, {"emails": ["c@x.org", "a@x.org"]}, {"emails": ["c@x.org", "a@x.org", "b@x.org"]}),
        ({"consents": ["email", "sms"]}, {"consents": ["sms"]}, {"consents": ["sms"]}),
        ({"consents": ["email"]}, {}, {"consents": ["email"]}),
        ({"address": "1 Mill Lane", "city": "London"}, {"city": "Leeds", "postcode": "LS1"}, {"address": "1 Mill Lane", "city": "London"}),
        ({"company": "Acme", "job_title": "Buyer"}, {"company": "Zenith"}, {"company": "Zenith"}),
        ({"notes": "old"}, {"notes": "new"}, {"notes": "new"}),
        ({"lifecycle": "lead"}, {}, {"lifecycle": "lead"}),
        ({"created_at": "2020-01-01T00:00:00Z"}, {"created_at": "2021-01-01T00:00:00Z"}, {"created_at": "2020-01-01T00:00:00Z"}),
        ({"quality_issues": ["spaces"]}, {"quality_issues": ["key_conflict"]}, {"quality_issues": ["key_conflict", "spaces"]}),
    ],
)  # fmt: skip
def test_policies(old: dict[str, Any], new: dict[str, Any], expected: dict[str, Any]) -> None:
    document = _merge(_record("a", **OLD, **old), _record("b", **NEW, **new))
    assert {field: document.get(field) for field in expected} == expected
    assert document["updated_at"] == NEW["updated_at"]


def test_facts_of_one_place_or_work_are_not_mixed() -> None:
    document = _merge(
        _record("a", **OLD, address="1 Mill Lane", city="London", postcode="E1"), _record("b", **NEW, address="2 Rue A", city="Paris")
    )
    assert (document["address"], document["city"], document.get("postcode")) == ("2 Rue A", "Paris", None)
    document = _merge(_record("a", **OLD, company="Acme", job_title="Buyer"), _record("b", **NEW, company="Zenith"))
    assert "job_title" not in document


@pytest.mark.parametrize(
    ("agreed", "withdrawn", "expected"),
    [
        ((OLD, ["email"]), (NEW, ["marketing"]), None),
        ((OLD, ["email", "sms"]), (NEW, ["email"]), ["sms"]),
        ((NEW, ["email", "sms"]), (OLD, ["email"]), ["email", "sms"]),
        ((NEW, ["email", "sms"]), ({}, ["email"]), ["sms"]),
        (({}, ["email", "sms"]), (OLD, ["email"]), ["sms"]),
        ((OLD, ["email", "sms"]), (OLD, ["email"]), ["sms"]),
        (({"updated_at": "2024-01-01T09:00:00Z"}, ["email"]), ({"updated_at": "2024-01-01"}, ["email"]), None),
        (({"updated_at": "2024-01-01T09:00:00Z"}, ["email"]), ({"updated_at": "2024-01-01T08:00:00Z"}, ["email"]), ["email"]),
        ((OLD, ["marketing", "phone"]), (NEW, ["email"]), ["phone"]),
        ((OLD, ["sms"]), (NEW, ["email"]), ["sms"]),
    ],
)
def test_what_was_withdrawn_does_not_come_back(
    agreed: tuple[dict[str, str], list[str]], withdrawn: tuple[dict[str, str], list[str]], expected: list[str] | None
) -> None:
    document = _merge(_record("a", **agreed[0], consents=agreed[1]), _record("b", **withdrawn[0], withdrawn=withdrawn[1]))
    assert document.get("consents") == expected


def test_what_a_third_record_withdraws_is_withdrawn_too() -> None:
    refusals = [_record("b", **NEW, withdrawn=["email"]), _record("c", **NEW, withdrawn=["sms"])]
    assert _merge(_record("a", **OLD, consents=["email", "sms", "post"]), *refusals)["consents"] == ["post"]


def test_of_records_of_one_age_the_most_trusted_system_is_heard() -> None:
    records = [
        _record("zoho:1", source_system="zoho", notes="z"),
        _record("salesforce:1", source_system="salesforce", notes="s"),
        _record("1", notes="g"),
    ]
    assert _merge(*records)["notes"] == "s"


def test_the_customer_bears_the_id_of_the_record_created_first() -> None:
    document = _merge(
        _record("b", created_at="2019-01-01T00:00:00Z", source_system="zoho"), _record("a", created_at="2020-01-01T00:00:00Z"), _record("0")
    )
    assert (document["customer_id"], document["source_system"]) == ("b", "zoho")
    assert _merge(_record("b"), _record("a"))["customer_id"] == "a"


def test_lineage() -> None:
    document = _merge(
        _record("zoho:17"), _record("salesforce:3", merged_count=2, merge_reasons=["salesforce:3: 2 rows of the same source key"])
    )
    assert document["source_records"] == ["salesforce:3", "zoho:17"]
    assert document["merged_count"] == 3
    assert document["match_confidence"] == 0.998
    assert document["merge_reasons"] == [
        "salesforce:3 = zoho:17: same phone, similar given name (0.998)",
        "salesforce:3: 2 rows of the same source key",
    ]


def test_quality_follows_the_merged_document() -> None:
    document = _merge(_record("a", name="王小明", given_name="小明", family_name="王"), _record("b", phones=["+8613812345678"]))
    assert document["quality_score"] == 0.6


def test_lists_are_capped() -> None:
    emails = [f"{number}@x.org" for number in range(2 * MAX_VALUES)]
    assert _merge(_record("a", emails=emails), _record("b"))["emails"] == emails[:MAX_VALUES]


def test_every_field_of_an_export_has_a_policy() -> None:
    named = {field for fields in POLICIES for field in fields.split(", ")}
    made = {field.name for field in FIELDS.values() if field.group in {"commerce", "service", "marketing", "mined"}}
    own = {
        "customer_id",
        "source_system",
        "quality_score",
        "source_records",
        "merge_reasons",
        "merged_count",
        "match_confidence",
        "run_id",
        "indexed_at",
    }
    assert named | made | own == set(FIELDS)


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["John Smith", "J. Smith", "王小明", "Smith"]),
        "gender": st.sampled_from(["male", "female", "unknown"]),
        "birth_date": st.sampled_from(["1980-04-03", "1981-04-03"]),
        "emails": st.lists(st.sampled_from(["a@x.org", "b@x.org"]), unique=True),
        "city": st.sampled_from(["London", "Paris"]),
        "address": st.sampled_from(["1 Mill Lane", "2 Rue A"]),
        "national_id": st.sampled_from([*PROVEN, "123"]),
        "updated_at": st.sampled_from(["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
        "created_at": st.sampled_from(["2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]),
        "source_system": st.sampled_from(["zoho", "salesforce", "generic"]),
        "notes": st.sampled_from(["x", "y"]),
    },
)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_values_are_never_made_up_and_order_does_not_matter(rows: list[dict[str, Any]], rng: random.Random) -> None:
    records = [_record(f"r{place}", **row) for place, row in enumerate(rows)]
    document = _merge(*records)
    for field in ("name", "gender", "birth_date", "city", "address", "national_id", "updated_at", "created_at", "notes", "customer_id"):
        assert document.get(field) in {record.get(field) for record in records}
    assert set(document.get("emails", ())) == {email for record in records for email in record.get("emails", ())}
    if "address" in document:
        assert any((document["address"], document.get("city")) == (record.get("address"), record.get("city")) for record in records)
    rng.shuffle(records)
    assert _merge(*records) == document
