"""The bench of statistics asks new questions, compares like with like, and judges a large base alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crmsearch.search.stats import check_stats
from tests.bench.stats import FIELDS, LARGE_ROWS, QUESTIONS, WARM_UP, _compare, _raw, _requests, judge_stats


def test_no_question_is_asked_twice() -> None:
    requests = list(_requests(7))
    assert len(requests) == WARM_UP + QUESTIONS == len({msgspec.json.encode(request) for request in requests})
    for request in requests:
        check_stats(request)
        body = msgspec.json.decode(_raw(request, whole=True))
        assert len(body["query"]["bool"]["filter"]) == len(request.filters)
        assert set(body["aggs"]["by"]["aggs"]) | {"by"} == set(body["aggs"])
        assert set(msgspec.json.decode(_raw(request, whole=False))["aggs"]) == {"by"}


def _answers(population: int, exact: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = {name: {"n": 3, "exact": {"percentiles": exact}} for name in FIELDS}
    ours = {"population": population, "fields": fields, "groups": [{"value": "Bern", "population": 3, "fields": fields}]}
    aggregations = {f"{name}.stats": {"count": 3} for name in FIELDS} | {"by": {"buckets": [{"key": "Bern", "doc_count": 3}]}}
    return ours, {"hits": {"total": {"value": 4}}, "aggregations": aggregations}


@pytest.mark.parametrize("exact", [False, True])
def test_answers_about_the_same_customers_are_compared(exact: bool) -> None:
    ours, theirs = _answers(4, exact)
    assert _compare(msgspec.json.encode(ours), msgspec.json.encode(theirs)) == exact
    ours, theirs = _answers(5, exact)
    with pytest.raises(AssertionError, match="different customers"):
        _compare(msgspec.json.encode(ours), msgspec.json.encode(theirs))


def test_only_a_large_base_is_judged() -> None:
    assert judge_stats({"rows": LARGE_ROWS - 1, "ratio_p50": 9.0}) == []
    (aim,) = judge_stats({"rows": LARGE_ROWS, "ratio_p50": 1.25})
    assert aim.shortfall == pytest.approx(0.05)
