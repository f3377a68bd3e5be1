from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import InvalidRequestError
from crmsearch.search.lookup import MAX_FOUND, build_lookup_body, parse_lookup, read_lookup
from crmsearch.search.request import MAX_LOOKUP, LookupRequest, check_lookup

WANG = {"customer_id": "C1", "emails": ["wang@example.com"], "phones": ["+8613912345670", "+861087654321"]}
MULLER = {"customer_id": "C/2", "emails": ["muller@example.com", "wang@example.com"], "phones": ["+491712345678"]}


def _answer(*sources: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"hits": {"total": {"value": total or len(sources)}, "hits": [{"_source": source} for source in sources]}}


@pytest.mark.parametrize(
    ("written", "region", "indexed"),
    [
        ("+86 139 1234 5670", None, "+8613912345670"),
        ("0086-139-1234-5670", "DE", "+8613912345670"),
        ("139 1234 5670", "CN", "+8613912345670"),
        ("１３９１２３４５６７０", "cn", "+8613912345670"),
        ("0171/2345678", "DE", "+491712345678"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("nonsense", None, "nonsense"),
        ("12", "CN", "12"),
    ],
)
def test_phones_are_read_in_any_notation(written: str, region: str | None, indexed: str) -> None:
    assert read_lookup(LookupRequest(phones=[written], region=region)).phones == {written: indexed}


@pytest.mark.parametrize(
    ("written", "indexed"),
    [("Wang@Example.COM", "wang@example.com"), (" wang@example.com ", "wang@example.com"), ("test@test.com", "test@test.com"), ("@", "@")],
)
def test_emails_are_read_in_any_case(written: str, indexed: str) -> None:
    assert read_lookup(LookupRequest(emails=[written])).emails == {written: indexed}


def test_one_request_finds_them_all() -> None:
    asked = read_lookup(LookupRequest(ids=["C1", "C1"], emails=["B@x.de", "b@x.de"], phones=["+4917612345678"]))
    assert build_lookup_body(asked)["query"] == {
        "bool": {
            "filter": [
                {
                    "bool": {
                        "should": [
                            {"ids": {"values": ["C1"]}},
                            {"terms": {"emails_exact": ["b@x.de"]}},
                            {"terms": {"phones_exact": ["+4917612345678"]}},
                        ]
                    }
                }
            ]
        }
    }


def test_every_value_is_somebodys_or_not_found_and_everybody_is_there_once() -> None:
    request = LookupRequest(
        ids=["C/2", "c1", "nobody"],
        emails=["WANG@example.com", "müller@example.com"],
        phones=["139 1234 5670", "+86 10 8765 4321", "+44 20 7946 0018"],
        region="CN",
    )
    response = parse_lookup(read_lookup(request), _answer(WANG, MULLER))
    assert [customer.customer_id for customer in response.customers] == ["C/2", "C1"], "in the order of the values"
    assert response.not_found.ids == ["c1", "nobody"], "ids have letter case"
    assert response.not_found.emails == ["müller@example.com"], "the index folds it, which is not the same address"
    assert response.not_found.phones == ["+44 20 7946 0018"], "as it was written"


def test_a_reference_is_found_though_no_customer_shows_it() -> None:
    asked = read_lookup(LookupRequest(ids=["C1"], refs=["ref2", "ref1", "ref9"]))
    body = build_lookup_body(asked)
    assert body["query"]["bool"]["filter"][0]["bool"]["should"][-1] == {"terms": {"customer_ref": ["ref1", "ref2", "ref9"]}}
    assert body["docvalue_fields"] == ["customer_ref"]
    answer = _answer(MULLER, WANG)
    for hit, ref in zip(answer["hits"]["hits"], ("ref2", "ref1"), strict=True):
        hit["fields"] = {"customer_ref": [ref]}
    response = parse_lookup(asked, answer)
    assert [customer.customer_id for customer in response.customers] == ["C1", "C/2"]
    assert response.not_found.refs == ["ref9"]


def test_who_only_looks_like_a_value_is_not_answered() -> None:
    response = parse_lookup(read_lookup(LookupRequest(emails=["müller@example.com"])), _answer(MULLER))
    assert response.customers == []


def test_a_national_number_without_a_country_is_refused_and_not_said_to_be_unknown() -> None:
    with pytest.raises(InvalidRequestError, match=r"phones\[1\] is a national number; send region"):
        read_lookup(LookupRequest(phones=["+8613912345670", "139 1234 5670"]))


@pytest.mark.parametrize("region", ["XX", "UK"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(InvalidRequestError, match="region"):
        read_lookup(LookupRequest(region=region))


def test_limits_are_said() -> None:
    check_lookup(LookupRequest(ids=["x"] * 200, emails=["x"] * 200, phones=["x"] * 100))
    with pytest.raises(InvalidRequestError, match=f"501 values; at most {MAX_LOOKUP}"):
        check_lookup(LookupRequest(ids=["x"] * 200, emails=["x"] * 200, phones=["x"] * 100, refs=["x"]))
    with pytest.raises(InvalidRequestError, match=f"more than {MAX_FOUND} customers"):
        parse_lookup(read_lookup(LookupRequest(phones=["+8613912345670"])), _answer(WANG, total=MAX_FOUND + 1))


@given(st.lists(st.text(min_size=1, max_size=30), max_size=10), st.lists(st.text(min_size=1, max_size=30), max_size=10))
def test_any_values_are_accounted_for(ids: list[str], emails: list[str]) -> None:
    asked = read_lookup(LookupRequest(ids=ids, emails=emails))
    build_lookup_body(asked)
    sources = [{"customer_id": each} for each in ids[::2]]
    response = parse_lookup(asked, _answer(*sources))
    assert {customer.customer_id for customer in response.customers} | {*response.not_found.ids} == {*ids}
    assert {*response.not_found.emails} == {*emails}
