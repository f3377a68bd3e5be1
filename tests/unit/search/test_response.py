from __future__ import annotations

import base64
from typing import Any

import pytest

from crmsearch.errors import CursorError
from crmsearch.search.filters import Filter
from crmsearch.search.request import SearchRequest
from crmsearch.search.response import decode_cursor, parse_search

HIT: dict[str, Any] = {
    "_index": "crm-customers-20261123t101500z",
    "_id": "C1",
    "_score": 2.5,
    "_source": {"customer_id": "C1", "name": "王小明", "phones": ["+8613800138000"], "notes": "找王小明"},
    "sort": [2.5, "c1"],
}
ANSWER: dict[str, Any] = {"took": 4, "hits": {"total": {"value": 1, "relation": "eq"}, "hits": [HIT]}}


def _facet(buckets: dict[str, int], selected: dict[str, int] | None = None) -> dict[str, Any]:
    def listed(counts: dict[str, int]) -> list[dict[str, Any]]:
        return [{"key": key, "doc_count": count} for key, count in counts.items()]

    answer: dict[str, Any] = {
        "values": {"buckets": listed(buckets), "sum_other_doc_count": 9, "doc_count_error_upper_bound": 0},
        "missing": {"doc_count": 4},
    }
    return answer | ({"selected": {"buckets": listed(selected)}} if selected is not None else {})


def test_a_hit_says_what_matched_the_weightiest_first() -> None:
    hit = parse_search(SearchRequest(q="王小明"), ANSWER).hits[0]
    assert hit.matched == ["name", "notes"]
    assert hit.highlights == {"name": ["<mark>王小明</mark>"], "notes": ["找<mark>王小明</mark>"]}
    assert hit.explanation is None
    assert hit.customer.phones == ["+8613800138000"]
    assert hit.score == 2.5


def test_a_stage_beyond_the_precise_offers_corrections() -> None:
    answer = parse_search(SearchRequest(q="王晓明 2026"), ANSWER, "partial")
    assert answer.corrections == ["王小明 2026"]
    assert answer.hits[0].unmatched == ["2026"]
    assert answer.stage == "partial"
    assert parse_search(SearchRequest(q="王小明"), ANSWER, "precise").corrections == []


def test_an_explanation_gives_each_word_its_weight() -> None:
    (reason,) = parse_search(SearchRequest(q="王小明", explain=True), ANSWER).hits[0].explanation or []
    assert (reason.word, reason.says, reason.field) == ("王小明", "is", "name")
    assert reason.weight > 0


def test_selected_values_stay_listed_with_their_counts() -> None:
    request = SearchRequest(facets=["city"], filters=[Filter(field="city", in_=["拉萨", "nowhere"])])
    answer = {**ANSWER, "aggregations": {"city": _facet({"北京": 7}, selected={"拉萨": 2})}}
    (facet,) = parse_search(request, answer).facets
    assert [(bucket.value, bucket.count, bucket.selected) for bucket in facet.buckets] == [
        ("北京", 7, False),
        ("拉萨", 2, True),
        ("nowhere", 0, True),
    ]
    assert (facet.other_count, facet.missing_count) == (7, 4)


def test_cursor_leads_back_to_its_position_whatever_the_page_size() -> None:
    request = SearchRequest(q="王小明", size=1)
    cursor = parse_search(request, ANSWER).next_cursor
    position = decode_cursor(SearchRequest(q="王小明", size=50, cursor=cursor))
    assert position is not None
    assert (position.index, position.after) == ("crm-customers-20261123t101500z", [2.5, "c1"])


def test_a_short_page_is_the_last() -> None:
    assert parse_search(SearchRequest(size=2), ANSWER).next_cursor is None


@pytest.mark.parametrize(
    "cursor", ["", "garbage", "%%%", base64.urlsafe_b64encode(b"[1,2]").decode(), base64.urlsafe_b64encode(b"{}").decode()]
)
def test_malformed_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        decode_cursor(SearchRequest(cursor=cursor))


def test_cursor_of_another_query_is_refused() -> None:
    cursor = parse_search(SearchRequest(q="王小明", size=1), ANSWER).next_cursor
    with pytest.raises(CursorError):
        decode_cursor(SearchRequest(q="李娜", size=1, cursor=cursor))
