from __future__ import annotations

from typing import Any

from crmsearch.privacy.access import ROLES, Caller
from crmsearch.privacy.policy import sight_of
from crmsearch.search.cursor import Cursors
from crmsearch.search.filters import Filter
from crmsearch.search.relevance import Stage
from crmsearch.search.request import SearchRequest
from crmsearch.search.response import SearchResponse
from crmsearch.search.response import parse_search as parse_with

HIT: dict[str, Any] = {
    "_index": "crm-customers-20261123t101500z",
    "_id": "C1",
    "_score": 2.5,
    "_source": {"customer_id": "C1", "name": "王小明", "phones": ["+8613800138000"], "notes": "找王小明"},
    "sort": [2.5, "c1"],
}
ANSWER: dict[str, Any] = {"took": 4, "hits": {"total": {"value": 1, "relation": "eq"}, "hits": [HIT]}}
CURSORS = Cursors("a key of the tests", 60, lambda: 0.0)


def parse_search(request: SearchRequest, answer: dict[str, Any], stage: Stage = "precise") -> SearchResponse:
    return parse_with(request, answer, CURSORS, stage)


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


def test_the_cursor_of_a_full_page_leads_on_behind_its_last_hit() -> None:
    cursor = parse_search(SearchRequest(q="王小明", size=1), ANSWER).next_cursor
    position = CURSORS.read(SearchRequest(q="王小明", size=50, cursor=cursor))
    assert position is not None
    assert (position.index, position.after, position.stage) == ("crm-customers-20261123t101500z", [2.5, "c1"], "precise")


def test_a_short_page_is_the_last() -> None:
    assert parse_search(SearchRequest(size=2), ANSWER).next_cursor is None


def _seen(request: SearchRequest, answer: dict[str, Any], stage: Stage = "precise") -> SearchResponse:
    return parse_with(request, answer, CURSORS, stage, sight_of(Caller("p", "n", "agent", frozenset(ROLES["agent"])), None))


def test_what_is_masked_is_in_no_highlight_though_it_matched() -> None:
    for q in ("13800138000", "8000", "王小明"):
        hit = _seen(SearchRequest(q=q, explain=True), ANSWER).hits[0]
        assert hit.customer.phones == ["+86138****8000"]
        assert hit.customer.notes == "***"
        assert hit.matched == (["name", "notes"] if q == "王小明" else ["phones"])
        assert hit.highlights == ({"name": ["<mark>王小明</mark>"]} if q == "王小明" else {})
        assert "13800138000" not in str(hit).replace("word='13800138000'", "")


def test_what_is_masked_corrects_nothing() -> None:
    source = {"customer_id": "C1", "name": "Ada Byron", "emails": ["byron.lovelace@example.com"]}
    answer = {**ANSWER, "hits": {**ANSWER["hits"], "hits": [{**HIT, "_source": source}]}}
    request = SearchRequest(q="byron.lovelacw@example.com")
    assert parse_search(request, answer, "tolerant").hits[0].matched == ["emails"]
    for stage in ("tolerant", "partial"):
        assert "lovelace" not in str(_seen(request, answer, stage))
    assert _seen(SearchRequest(q="ada byrom"), answer, "tolerant").corrections == ["ada Byron"]
