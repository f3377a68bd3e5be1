"""Why records are one customer, as an agent may ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import Customer
from crmsearch.search.lineage import build_lineage, linked_records

PHONE = "zoho:17 = salesforce:3: same phone, similar name (0.998)"
EMAIL = "salesforce:3 = 81: same e-mail (1.000)"


def test_each_record_has_the_links_that_name_it() -> None:
    customer = Customer(
        customer_id="salesforce:3",
        source_records=["salesforce:3", "zoho:17", "81"],
        merge_reasons=[PHONE, EMAIL],
        merged_count=3,
        match_confidence=0.998,
    )
    lineage = build_lineage(customer)
    assert (lineage.customer_id, lineage.merged_count, lineage.match_confidence) == ("salesforce:3", 3, 0.998)
    assert {each.record: each.links for each in lineage.records} == {"salesforce:3": [PHONE, EMAIL], "zoho:17": [PHONE], "81": [EMAIL]}


def test_a_customer_of_one_record_has_no_links() -> None:
    lineage = build_lineage(Customer(customer_id="7", source_records=["7"]))
    assert (lineage.merged_count, lineage.match_confidence) == (1, None)
    assert [(each.record, each.links) for each in lineage.records] == [("7", [])]


@pytest.mark.parametrize(
    ("reason", "records", "linked"),
    [
        ("1 = 11: same e-mail (1.000)", ["1", "11"], ("1", "11")),
        ("a = b = c: same e-mail (1.000)", ["a", "a = b", "c", "b"], ("a = b", "c")),
        ("a: b = c: same e-mail (1.000)", ["a: b", "c"], ("a: b", "c")),
        ("x = c: d: same name (0.970)", ["x", "c", "c: d"], ("x", "c: d")),
        ("somebody = else: same name (0.970)", ["x"], ()),
        ("zoho:17: 2 rows of the same source key", ["zoho", "zoho:17", "1"], ("zoho:17",)),
    ],
)
def test_ids_may_hold_the_signs_between_them(reason: str, records: list[str], linked: tuple[str, ...]) -> None:
    assert linked_records(reason, records) == linked


@given(st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=6, unique=True), st.data())
def test_a_link_names_two_records_of_the_customer(records: list[str], data: st.DataObject) -> None:
    left, right = data.draw(st.permutations(records))[:2]
    linked = linked_records(f"{left} = {right}: same phone (0.990)", records)
    assert len(linked) == 2
    if not any(sign in record for record in records for sign in "=:"):
        assert linked == (left, right)
