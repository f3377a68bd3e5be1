"""Whole request bodies are compared with files, so that a change of relevance shows in review; ``--update-bodies`` rewrites them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import InvalidRequestError, ResultWindowError, UnknownFieldError
from crmsearch.search.cursor import Position
from crmsearch.search.filters import Filter
from crmsearch.search.query import CLAUSES, TOTAL_LIMIT, Text, build_search_body, build_suggest_body, build_text_query
from crmsearch.search.request import SearchRequest, SuggestRequest, check_search, normalise_text

BODIES = Path(__file__).parents[2] / "data" / "bodies"
CASES: dict[str, SearchRequest] = {
    "empty": SearchRequest(),
    "latin": SearchRequest(q="jon smith"),
    "chinese": SearchRequest(q="王小明"),
    "phone": SearchRequest(q="+86 138-0013 8000", highlight=False),
    "facets": SearchRequest(
        q="wang",
        filters=[Filter(field="city", in_=["北京"]), Filter(field="age", gte=20, lt=40), Filter(field="gender", in_=["female"])],
        facets=["city", "gender", "tags"],
        sort=["-revenue", "name"],
        size=5,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bodies_are_as_recorded(name: str, update_bodies: bool) -> None:
    body, path = build_search_body(CASES[name]), BODIES / f"{name}.json"
    if update_bodies:
        path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert body == json.loads(path.read_text(encoding="utf-8"))


def test_selected_value_narrows_other_facets_but_not_its_own() -> None:
    body = build_search_body(CASES["facets"])
    female: dict[str, Any] = {"terms": {"gender": ["female"]}}
    beijing: dict[str, Any] = {"terms": {"city": ["北京"]}}
    assert body["aggs"]["city"]["filter"] == {"bool": {"filter": [female]}}
    assert body["aggs"]["gender"]["filter"] == {"bool": {"filter": [beijing]}}
    assert body["aggs"]["tags"]["filter"] == {"bool": {"filter": [beijing, female]}}
    assert body["post_filter"] == {"bool": {"filter": [beijing, female]}}
    assert body["query"]["bool"]["filter"] == [{"range": {"age": {"gte": 20, "lt": 40}}}]


def test_filter_on_a_field_that_is_no_requested_facet_narrows_everything() -> None:
    body = build_search_body(SearchRequest(filters=[Filter(field="city", in_=["北京"])], facets=["gender"]))
    assert "post_filter" not in body
    assert body["query"]["bool"]["filter"] == [{"terms": {"city": ["北京"]}}]


def test_two_selections_on_one_facet_are_ambiguous() -> None:
    twice = SearchRequest(filters=[Filter(field="city", in_=["北京"]), Filter(field="city", in_=["上海"])], facets=["city"])
    with pytest.raises(InvalidRequestError):
        build_search_body(twice)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (SearchRequest(q="x" * 257), InvalidRequestError),
        (SearchRequest(size=101), ResultWindowError),
        (SearchRequest(size=-1), ResultWindowError),
        (SearchRequest(facets=["name"]), UnknownFieldError),
        (SearchRequest(facets=["colour"]), UnknownFieldError),
        (SearchRequest(sort=["tags"]), UnknownFieldError),
        (SearchRequest(facets=["city"] * 17), InvalidRequestError),
        (SearchRequest(filters=[Filter(field="city", in_=["x"])] * 33), InvalidRequestError),
    ],
)
def test_what_cannot_be_answered_is_refused(request_: SearchRequest, error: type[InvalidRequestError]) -> None:
    with pytest.raises(error):
        check_search(request_)


def test_a_position_is_where_the_search_goes_on() -> None:
    body = build_search_body(SearchRequest(sort=["name"]), Position("crm-customers-20260101t000000z", ["wang", "C1"]))
    assert body["search_after"] == ["wang", "C1"]
    assert len(body["search_after"]) == len(body["sort"])


def test_all_hits_are_counted_when_that_is_asked_for() -> None:
    assert build_search_body(SearchRequest())["track_total_hits"] == TOTAL_LIMIT
    assert build_search_body(SearchRequest(exact_total=True))["track_total_hits"] is True


@pytest.mark.parametrize(
    ("raw", "endings"),
    [
        ("+86 138 0013 8000", ["8613800138000"]),
        ("0086 138-0013-8000", ["008613800138000", "8613800138000"]),
        ("+44 (0)20 7946 0018", ["442079460018"]),
        ("(415) 555-0123", ["4155550123"]),
        ("１３８００１３８０００", ["13800138000"]),
        ("0800", ["0800"]),
        ("800", []),
        ("apt 8000", []),
    ],
)
def test_phone_numbers_are_known_in_any_notation(raw: str, endings: list[str]) -> None:
    assert Text.of(raw).endings == endings


def test_query_text_is_folded_and_freed_of_control_characters() -> None:
    assert normalise_text("  Ｗang\u0000\u200b\n 上海 ") == "Wang 上海"
    assert build_text_query(" \u200b\n") is None


def test_no_clause_edits_han_words() -> None:
    query = json.dumps(build_text_query("王小明"))
    assert "fuzziness" not in query


def test_clause_names_are_unique_and_speak_for_fields() -> None:
    names = [(clause.field, clause.way) for clause in CLAUSES]
    assert len(set(names)) == len(names)


@given(st.text(max_size=256))
def test_any_text_gives_a_body(text: str) -> None:
    json.dumps(build_search_body(SearchRequest(q=text)))
    json.dumps(build_suggest_body(SuggestRequest(q=text)))
