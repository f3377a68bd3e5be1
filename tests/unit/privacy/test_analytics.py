from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS, Customer
from crmsearch.indexing.mappings import build_analytics_body
from crmsearch.privacy.analytics import ANALYTICS_FIELDS, CUSTOMER_REF, analytics_document, customer_ref, derive_reference_key
from crmsearch.privacy.suppression import key_id, subject_of
from crmsearch.settings import ElasticsearchSettings, Secret

PRIVACY_KEY = Secret("a key of these tests")
KEY = derive_reference_key(PRIVACY_KEY)
HIDDEN = {name for name, field in FIELDS.items() if field.sensitivity in {"personal", "sensitive"}}
ADA: dict[str, Any] = {
    "customer_id": "salesforce:003A",
    "name": "Ada Byron",
    "emails": ["ada@example.org"],
    "birth_date": "1980-12-10",
    "age": 45,
    "city": "London",
    "company": "Analytical Engines",
    "tags": [],
    "source_records": ["salesforce:003A"],
}


def test_an_analyst_sees_what_is_no_personal_data_under_a_reference() -> None:
    assert analytics_document(ADA, KEY) == {
        "customer_ref": customer_ref("salesforce:003A", KEY),
        "age": 45,
        "city": "London",
        "company": "Analytical Engines",
        "tags": [],
    }


def test_the_fields_that_are_held_back_are_those_that_name_or_reach_a_person_and_ids_that_point_outside() -> None:
    assert set(FIELDS) - set(ANALYTICS_FIELDS) == HIDDEN
    assert {"customer_id", "name", "emails", "phones", "address", "postcode", "location", "birth_date"} <= HIDDEN
    assert {"national_id", "notes", "last_ticket_subject", "source_records", "merge_reasons"} <= HIDDEN
    assert {"owner", "tags", "city", "age"} <= set(ANALYTICS_FIELDS)


@given(st.sets(st.sampled_from(sorted(FIELDS))), st.integers(0, 9))
def test_no_personal_value_survives(filled: set[str], salt: int) -> None:
    # Any value goes into any field here: what is left out goes by the field, whatever it holds.
    marks = {name: f"<{name} {salt}>" for name in FIELDS}
    values = {name: [marks[name]] if FIELDS[name].many else {"lat": marks[name]} if name == "location" else marks[name] for name in filled}
    customer = {**values, "customer_id": marks["customer_id"]}
    told = json.dumps(analytics_document(customer, KEY))
    assert [name for name in HIDDEN if marks[name] in told] == []
    assert {name for name in filled if marks[name] in told} == filled - HIDDEN


def test_every_field_of_a_document_is_mapped_so_that_it_can_be_counted() -> None:
    properties = build_analytics_body(ElasticsearchSettings())["mappings"]["properties"]
    assert set(properties) == {CUSTOMER_REF, *ANALYTICS_FIELDS}
    assert {each["type"] for each in properties.values()} <= {"keyword", "integer", "double", "date"}
    whole = msgspec.to_builtins(Customer(customer_id="1"))
    assert set(analytics_document(whole, KEY)) <= set(properties)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_reference_is_stable_opaque_and_one_customers_alone(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-z2-7]{32}", customer_ref(one, KEY))
    assert (customer_ref(one, KEY) == customer_ref(other, KEY)) == (one == other)
    assert customer_ref(one, KEY) != customer_ref(one, derive_reference_key(Secret("another key of these tests")))


def test_references_never_change() -> None:
    """They stand in links and in files of analysts."""
    assert customer_ref("C-00123", KEY) == "kwdw5aj6ukkt5wwmufgdmmd54iuog4jv"


def test_who_has_the_key_of_references_has_not_that_of_marks() -> None:
    assert KEY != PRIVACY_KEY
    assert key_id(KEY) != key_id(PRIVACY_KEY)
    assert customer_ref("C1", KEY) not in subject_of("C1", PRIVACY_KEY)
