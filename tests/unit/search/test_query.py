"""Whole request bodies are compared with files, so that a change of relevance shows in review; ``--update-bodies`` rewrites them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.cleaning.forms import FORMS
from crmsearch.errors import InvalidRequestError, ResultWindowError, UnknownFieldError
from crmsearch.search.cursor import Position
from crmsearch.search.filters import Filter
from crmsearch.search.query import TOTAL_LIMIT, build_search_body, build_suggest_body, build_text_query, is_enough, stages_of
from crmsearch.search.relevance import ENOUGH, PRECISE, STAGES, TOLERANT, Stage
from crmsearch.search.request import MAX_TEXT, SearchRequest, SuggestRequest, check_search

BODIES = Path(__file__).parents[2] / "data" / "bodies"
CASES: dict[str, SearchRequest] = {
    "empty": SearchRequest(),
    "latin": SearchRequest(q="jon smith"),
    "chinese": SearchRequest(q="王小明"),
    "phone": SearchRequest(q="+86 138-0013 8000", highlight=False),
    "tolerant": SearchRequest(q="smiht 王晓"),
    "partial": SearchRequest(q="mr smiht new york"),
    "operators": SearchRequest(q='smith "new york" -vip age:20..39'),
    "facets": SearchRequest(
        q="wang",
        filters=[Filter(field="city", in_=["北京"]), Filter(field="age", gte=20, lt=40), Filter(field="gender", in_=["female"])],
        facets=["city", "gender", "tags"],
        sort=["-revenue", "name"],
        size=5,
    ),
}


STAGE: dict[str, Stage] = {"tolerant": "tolerant", "partial": "partial"}


@pytest.mark.parametrize("name", CASES)
def test_bodies_are_as_recorded(name: str, update_bodies: bool) -> None:
    body, path = build_search_body(CASES[name], stage=STAGE.get(name, "precise")), BODIES / f"{name}.json"
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
        (SearchRequest(q="x" * (MAX_TEXT + 1)), InvalidRequestError),
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


def test_nothing_typed_is_no_query() -> None:
    assert build_text_query(" \u200b\n") is None
    assert build_suggest_body(SuggestRequest(q=" "))["query"] == {"match_none": {}}


def test_stages_follow_what_there_is_to_relax() -> None:
    assert stages_of("") == stages_of('"new york" -vip') == ("precise",)
    assert stages_of("smith") == ("precise", "tolerant")
    assert stages_of("smith london") == STAGES
    assert stages_of("mr smith") == ("precise", "tolerant"), "a form of address is not missed"


def test_when_a_stage_has_found_enough() -> None:
    assert not is_enough("smith", "precise", 0)
    assert not is_enough("smith", "precise", ENOUGH - 1)
    assert is_enough("smith", "precise", ENOUGH)
    assert is_enough("smith", "tolerant", 1)
    for exact in ("+86 138 0013 8000", "8812", "jon@x.com", "C-00123", "salesforce:003A", "wang88", "smith 8812"):
        assert is_enough(exact, "precise", 1), exact


def test_nothing_is_searched_fuzzily_and_similar_forms_wait_for_their_stage() -> None:
    for q in ("王小明", "jon smiht", "jon@x.com"):
        for stage in STAGES:
            assert "fuzz" not in json.dumps(build_text_query(q, stage))
    similar = {way.form for way in TOLERANT} - {way.form for way in PRECISE}
    precise = json.dumps(build_text_query("jon smiht", "precise"))
    assert not any(f'"{form}"' in precise for form in similar)
    tolerant = json.dumps(build_text_query("jonathan smiht jon jon@x.com", "tolerant"))
    assert [form for form in similar if f'"{form}"' not in tolerant] == []


def test_the_table_of_ways_is_sound() -> None:
    for way in (*PRECISE, *TOLERANT):
        assert way.form in FORMS
        assert way.kinds
        assert way.why
        assert way.weight > way.evidence > 0, way
    pinyin = max(way.weight for way in PRECISE if way.form == "name_joined")
    literal = min(way.weight for way in PRECISE if way.form == "name_words" and "han" in way.kinds)
    assert literal > pinyin


def test_a_pasted_text_is_compared_as_a_whole_within_the_limits_of_a_query() -> None:
    body = json.dumps(build_search_body(SearchRequest(q=" ".join(f"word{number}" for number in range(500)))))
    assert 500 < body.count('"term"') < 4 * 500 + 10


@given(st.text(max_size=256))
def test_any_text_gives_a_body(text: str) -> None:
    try:
        check_search(SearchRequest(q=text))
    except InvalidRequestError:
        return
    for stage in STAGES:
        json.dumps(build_search_body(SearchRequest(q=text), stage=stage))
        json.dumps(build_suggest_body(SuggestRequest(q=text), stage))
