"""Rates of clustered trials: the design effect against its definition, and intervals that cover as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.search.campaigns import CampaignInsight, parse_campaigns
from crmsearch.search.grouping import Grouping, Meaning
from crmsearch.search.significance import wilson_interval

Customers = list[tuple[int, int]]  # campaigns sent and opened, of every customer


def _figures(customers: Customers) -> dict[str, Any]:
    sent, hits = (np.array([each[place] for each in customers], dtype=float) for place in (0, 1))

    def stats(values: Any) -> dict[str, float]:
        return {"sum": float(values.sum()), "sum_of_squares": float((values**2).sum())}

    opened = {"opened": stats(hits), "opened.product": {"value": float((hits * sent).sum())}}
    none = {name: stats(0 * hits) for name in ("clicked", "converted")} | {
        f"{name}.product": {"value": 0.0} for name in ("clicked", "converted")
    }
    return {"sent": stats(sent), **opened, **none}


def _insight(groups: dict[str, Customers], size: int = 20) -> CampaignInsight:
    everyone = [each for some in groups.values() for each in some]
    buckets = [{"key": name, "doc_count": len(some), **_figures(some)} for name, some in groups.items()]
    answer = {
        "took": 1,
        "hits": {"total": {"value": len(everyone)}},
        "aggregations": {
            **_figures(everyone),
            "groups": {"buckets": buckets, "sum_other_doc_count": 0},
            "missing": {"doc_count": 3},
            "distinct": {"value": len(groups)},
        },
    }
    return parse_campaigns(Grouping(by="city", size=size), Meaning(filters=[]), answer, "opened")


@given(st.lists(st.integers(1, 9).flatmap(lambda sent: st.tuples(st.just(sent), st.integers(0, sent))), min_size=2, max_size=30))
def test_the_design_effect_is_that_of_a_ratio_over_customers(customers: Customers) -> None:
    found = _insight({"a": customers}).total.opened
    sent, hits = (np.array([each[place] for each in customers], dtype=float) for place in (0, 1))
    rate = hits.sum() / sent.sum()
    assert found.rate == pytest.approx(rate)
    if 0 < rate < 1:
        variance = ((hits - rate * sent) ** 2).sum() / sent.sum() ** 2 * len(customers) / (len(customers) - 1)
        assert found.design_effect == pytest.approx(max(1.0, variance / (rate * (1 - rate) / sent.sum())))
    else:
        assert found.design_effect == pytest.approx((sent**2).sum() / sent.sum())
    assert found.interval == wilson_interval(hits.sum() / found.design_effect, sent.sum() / found.design_effect)


def _covered(random: np.random.Generator, *, clustered: bool) -> tuple[float, float]:
    """How often the interval of 400 customers' rate, and one that takes campaigns for independent, hold the true rate of 0.3."""
    ours = plain = 0
    for _ in range(400):
        sent = random.integers(1, 9, 400)
        rates = random.beta(0.9, 2.1, 400) if clustered else np.full(400, 0.3)
        hits = random.binomial(sent, rates)
        found = _insight({"a": list(zip(sent.tolist(), hits.tolist(), strict=True))}).total.opened.interval
        naive = wilson_interval(hits.sum(), sent.sum())
        assert found is not None
        assert naive is not None
        ours += found.low <= 0.3 <= found.high
        plain += naive.low <= 0.3 <= naive.high
    return ours / 400, plain / 400


def test_intervals_cover_the_truth_also_when_a_customers_responses_are_alike() -> None:
    ours, plain = _covered(np.random.default_rng(11), clustered=True)
    assert 0.92 <= ours <= 0.98
    assert plain < 0.85
    ours, _ = _covered(np.random.default_rng(12), clustered=False)
    assert 0.92 <= ours <= 0.98


def test_groups_are_ranked_by_what_is_sure_and_the_best_is_told_from_the_rest() -> None:
    answer = _insight({"lucky": [(1, 1)] * 3, "good": [(2, 1), (4, 2), (2, 1)] * 100, "poor": [(4, 0), (3, 1)] * 150})
    assert [each.value for each in answer.groups] == ["good", "lucky", "poor"]
    [best] = answer.best
    assert (best.response, best.value, best.rate, best.distinguishable) == ("opened", "good", 0.5, True)
    assert best.rest_rate == pytest.approx(153 / 1053)
    assert best.difference == pytest.approx(0.5 - 153 / 1053)
    assert best.difference_interval is not None
    assert best.difference is not None
    assert 0 < best.difference_interval.low < best.difference < best.difference_interval.high
    assert "“good” is the surest to open: 50.0% of campaigns sent (95% interval 46" in best.sentence
    assert (answer.population, answer.missing_count, answer.other_groups, answer.other_count) == (603, 3, 0, 0)


def test_equal_groups_are_not_told_apart() -> None:
    answer = _insight({"a": [(2, 1), (3, 1)] * 50, "b": [(2, 1), (3, 1)] * 51})
    [best] = answer.best
    assert not best.distinguishable
    assert best.sentence.endswith("the difference may be noise.")


def test_groups_that_are_not_listed_are_counted() -> None:
    answer = _insight({"a": [(2, 2)] * 9, "b": [(2, 1)] * 8, "c": [(2, 0)] * 7}, size=1)
    assert (len(answer.groups), answer.other_groups, answer.other_count) == (1, 2, 15)


def test_without_responses_nobody_is_best() -> None:
    assert _insight({"a": [(2, 0)] * 9, "b": [(2, 0)] * 8}).best == []
    assert _insight({}).groups == []
