"""Which copy of an index is asked."""

from __future__ import annotations

from crmsearch.search.query import build_search_body
from crmsearch.search.request import SearchRequest
from crmsearch.search.service import _preferred_copy


def test_all_pages_of_a_question_are_of_one_copy_and_questions_spread() -> None:
    first = build_search_body(SearchRequest(q="wang", size=10))
    assert _preferred_copy(first) == _preferred_copy({**first, "search_after": [1.5, "C1"]})
    copies = {_preferred_copy(build_search_body(SearchRequest(q=f"wang {number}"))) for number in range(200)}
    assert len(copies) > 32
    assert not any(copy.startswith("_") for copy in copies), "these are words of Elasticsearch's own"
