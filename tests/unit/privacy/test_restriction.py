"""A restriction goes by the ids of records, whatever they have become, in documents as in queries."""

from __future__ import annotations

from typing import Any

import pytest

from crmsearch.privacy.restriction import NOBODY, Restriction, restricted_by
from crmsearch.search.rows import confined, released

AT = "2026-11-27T00:00:00Z"
ADA = Restriction(restriction_id="1", names=["A", "zoho:1"], restricted_at=AT, restricted_by="x")
LIFTED = Restriction(restriction_id="2", names=["B"], restricted_at=AT, restricted_by="x", lifted_at=AT, lifted_by="x")
RESTRICTED = restricted_by([ADA, LIFTED])


@pytest.mark.parametrize(
    ("document", "holds"),
    [
        ({"customer_id": "A"}, True),
        ({"customer_id": "Z", "source_records": ["Z", "zoho:1"]}, True),
        ({"customer_id": "zoho:1"}, True),
        ({"customer_id": "B", "source_records": ["B"]}, False),
        ({"customer_id": "a"}, False),
    ],
)
def test_who_is_made_of_one_of_the_records_is_restricted(document: dict[str, Any], holds: bool) -> None:
    assert RESTRICTED.holds(document) is holds
    assert not NOBODY.holds(document)


def test_the_clause_names_customers_and_records() -> None:
    found = {"bool": {"should": [{"ids": {"values": ["A", "zoho:1"]}}, {"terms": {"source_records": ["A", "zoho:1"]}}]}}
    assert RESTRICTED.query == found
    assert RESTRICTED.others == {"bool": {"must_not": [found]}}
    assert NOBODY.others == {"bool": {"must_not": [{"bool": {"should": [{"match_none": {}}]}}]}}


def test_a_clause_is_never_longer_than_elasticsearch_takes() -> None:
    many = restricted_by([Restriction(restriction_id="1", names=[f"{n:06}" for n in range(70_000)], restricted_at="", restricted_by="")])
    sizes = [len(each["terms"]["source_records"]) for each in many.query["bool"]["should"] if "terms" in each]
    assert (len(sizes), sum(sizes)) == (3, 70_000)


def test_two_clauses_around_a_question_both_hold_also_beyond_the_query() -> None:
    body = {"aggs": {"a": {"significant_terms": {"field": "city"}}, "all": {"global": {}, "aggs": {"n": {"max": {"field": "age"}}}}}}
    both = confined(confined(body, {"term": {"country": "CN"}}), RESTRICTED.others)
    assert both["aggs"]["a"]["significant_terms"]["background_filter"] == {
        "bool": {"filter": [{"term": {"country": "CN"}}, RESTRICTED.others]}
    }
    answer = {"aggregations": {"all": {"confined": {"confined": {"n": {"value": 1}}}}}}
    assert released(released(answer)) == {"aggregations": {"all": {"n": {"value": 1}}}}
