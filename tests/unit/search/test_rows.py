"""Rules by rows: what may be one, and that no body escapes them. That they mean the same here and there is tested on a real node."""

from __future__ import annotations

from typing import Any

import pytest

from crmsearch.errors import InvalidRequestError
from crmsearch.search.compare import build_compare_body
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.profile import build_profile_body
from crmsearch.search.request import SearchRequest
from crmsearch.search.rows import MAX_ROWS, confined, read_rows, released, row_texts

CLAUSE = {"term": {"country": "CN"}}
A, B = {"term": {"city": "a"}}, {"term": {"city": "b"}}


@pytest.mark.parametrize(
    "text", ["segment:vip", "-segment:vip", "created_at:now-90d..", "phones:+8613800138000", "name:x", "nothing:x", "city", ""]
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_rows((text,))


def test_a_rule_has_a_filter_and_not_too_many() -> None:
    for texts in ((), ("country:CN",) * (MAX_ROWS + 1)):
        with pytest.raises(InvalidRequestError, match="from 1 to"):
            read_rows(texts)
    assert row_texts([]) == []
    assert row_texts(["age:20..<40", "-tags:test"]) == ["age:20..<40", "-tags:test"]


@pytest.mark.parametrize(
    ("text", "document", "holds"),
    [
        ("country:CN|HK", {"country": "HK"}, True),
        ("country:CN|HK", {"country": "DE"}, False),
        ("country:CN|HK", {}, False),
        ("country:CN", {"country": "cn"}, False),
        ("-tags:test", {}, True),
        ("-tags:test", {"tags": ["vip", "test"]}, False),
        ("tags:vip", {"tags": ["vip", "test"]}, True),
        ("tags:*", {"tags": []}, False),
        ("company:*", {"company": "x" * 257}, False),
        ("age:20..39", {"age": 39}, True),
        ("age:20..<39", {"age": 39}, False),
        ("created_at:2026-01-01..2026-01-31", {"created_at": "2026-01-31T23:59:59Z"}, True),
        ("created_at:..<2026-01-31", {"created_at": "2026-01-31T00:00:00Z"}, False),
        ("created_at:2026-01-31", {"created_at": "2026-01-31T12:00:00Z"}, True),
    ],
)
def test_a_rule_is_decided_from_a_document(text: str, document: dict[str, Any], holds: bool) -> None:
    assert read_rows((text,)).holds(document) is holds


def test_all_filters_of_a_rule_must_hold() -> None:
    rule = read_rows(("country:CN", "-owner:D"))
    assert rule.holds({"country": "CN", "owner": "A"})
    assert not rule.holds({"country": "CN", "owner": "D"})
    assert rule.text == "country:CN -owner:D"


def test_a_body_is_confined_with_its_score_and_without_change_to_itself() -> None:
    body = {"query": A, "size": 3}
    assert confined(body, CLAUSE) == {"query": {"bool": {"must": [A], "filter": [CLAUSE]}}, "size": 3}
    assert body == {"query": A, "size": 3}
    assert confined({"size": 0}, CLAUSE)["query"] == {"bool": {"must": [{"match_all": {}}], "filter": [CLAUSE]}}


def test_what_looks_beyond_the_query_is_confined_too() -> None:
    body = confined(build_compare_body(A, B), CLAUSE)
    assert body["aggs"]["everyone"] == {"global": {}, "aggs": {"confined": {"filter": CLAUSE}}}
    answer = {"took": 1, "aggregations": {"everyone": {"doc_count": 9, "confined": {"doc_count": 4}}, "other": {"value": 1}}}
    assert released(answer)["aggregations"] == {"everyone": {"doc_count": 4}, "other": {"value": 1}}
    proposed = confined(build_profile_body(A), CLAUSE)["aggs"]["proposed"]["aggs"]
    assert proposed
    assert all(each["significant_terms"]["background_filter"] == CLAUSE for each in proposed.values())


def test_a_cursor_is_of_one_rule() -> None:
    cursors = Cursors("a key of the tests", 60, lambda: 0.0)
    request = SearchRequest(q="x")
    mine = cursors.within("country:CN")
    token = mine.write(request, Position("i", [1]))
    asked = SearchRequest(q="x", cursor=token)
    assert mine.read(asked) == Position("i", [1])
    for other in (cursors, cursors.within("country:DE")):
        with pytest.raises(InvalidRequestError, match="another search"):
            other.read(asked)
