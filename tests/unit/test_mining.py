"""Scores, segments, risks and clusters, without Spark."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.mining.churn import LEAVES, SIGNS, STAYS, ChurnInput, churn_risk, signs_of
from crmsearch.mining.clusters import MIN_CUSTOMERS, fit_clusters
from crmsearch.mining.features import FEATURES, name_in_chinese
from crmsearch.mining.rfm import SEGMENTS, leading_digits, quintile_limits, quintile_score, segment_of

DOCS = (Path(__file__).parents[2] / "docs" / "mining.md").read_text(encoding="utf-8")

# RFM


def test_every_combination_of_scores_is_in_exactly_one_segment() -> None:
    seen = Counter((recency, value) for each in SEGMENTS for area in each.areas for recency in area[0] for value in area[1])
    assert set(seen) == {(recency, value) for recency in range(1, 6) for value in range(2, 11)}
    assert set(seen.values()) == {1}
    names = {segment_of(r, f, m) for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)}
    assert names == {each.name for each in SEGMENTS}


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ((5, 5, 5), "champions"),
        ((3, 5, 5), "loyal"),
        ((5, 1, 1), "new"),
        ((1, 5, 5), "cannot lose"),
        ((2, 3, 4), "at risk"),
        ((1, 1, 1), "lost"),
    ],
)
def test_segments(scores: tuple[int, int, int], name: str) -> None:
    assert segment_of(*scores) == name


def test_five_equal_groups_have_the_five_scores() -> None:
    limits = quintile_limits({10: 4, 20: 4, 30: 4, 40: 4, 50: 4})
    assert [quintile_score(value, limits) for value in (10, 20, 30, 40, 50)] == [1, 2, 3, 4, 5]


def test_few_different_values() -> None:
    assert quintile_score(7, quintile_limits({7: 100})) == 3
    assert quintile_score(7, quintile_limits({})) == 3
    limits = quintile_limits({1: 50, 2: 50})
    assert [quintile_score(value, limits) for value in (1, 2)] == [1, 3]
    # Most customers order once: those who came back exceed 80% of all.
    limits = quintile_limits({1: 80, 2: 15, 9: 5})
    assert [quintile_score(value, limits) for value in (1, 2, 9)] == [1, 5, 5]


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=200))
def test_a_score_is_the_whole_fifths_that_a_customer_exceeds(values: list[int]) -> None:
    limits = quintile_limits(Counter(values))
    for value in values:
        exceeded = sum(other < value for other in values)
        expected = 3 if len(set(values)) == 1 else 1 + 5 * exceeded // len(values)
        assert quintile_score(value, limits) == expected


@given(st.integers(0, 10**14))
def test_leading_digits(number: int) -> None:
    rounded = leading_digits(number)
    assert rounded <= number < rounded * 1.01 + 1
    assert len(str(rounded).rstrip("0")) <= 3
    assert str(rounded)[:3] == str(number)[:3]


# churn


CUSTOMERS = st.builds(
    ChurnInput,
    order_days=st.integers(1, 3000),
    span_days=st.integers(0, 20_000),
    recency_days=st.integers(0, 20_000),
    open_tickets=st.none() | st.integers(0, 50),
    satisfaction=st.none() | st.floats(1, 5),
    campaigns_sent=st.none() | st.integers(0, 50),
    campaigns_opened=st.none() | st.integers(0, 50),
)


def _with(customer: ChurnInput, **changes: float | None) -> ChurnInput:
    return ChurnInput(**{name: changes.get(name, getattr(customer, name)) for name in ChurnInput.__struct_fields__})


@given(CUSTOMERS, st.floats(0.5, 5000), st.integers(1, 5000))
def test_risk_is_a_probability_that_grows_with_silence(customer: ChurnInput, gap: float, later: int) -> None:
    risk = churn_risk(customer, gap)
    assert 0 <= risk <= 1
    assert churn_risk(_with(customer, recency_days=customer.recency_days + later), gap) >= risk


@given(CUSTOMERS, st.floats(0.5, 5000))
def test_every_sign_adds_to_the_risk(customer: ChurnInput, gap: float) -> None:
    calm = _with(customer, open_tickets=0, satisfaction=None, campaigns_sent=0)
    assert signs_of(calm) == []
    for change in ({"open_tickets": 1}, {"satisfaction": 2.9}, {"campaigns_sent": 3, "campaigns_opened": 0}):
        marked = _with(calm, **change)
        assert len(signs_of(marked)) == 1
        assert churn_risk(marked, gap) >= churn_risk(calm, gap)


def test_silence_is_measured_by_the_customers_own_pace() -> None:
    weekly = ChurnInput(order_days=11, span_days=70, recency_days=60)
    yearly = ChurnInput(order_days=5, span_days=1460, recency_days=60)
    assert churn_risk(weekly, 90) > 0.6 > 0.15 > churn_risk(yearly, 90)


def test_the_worked_example_of_the_documentation() -> None:
    customer = ChurnInput(order_days=5, span_days=200, recency_days=100, open_tickets=1)
    risk = churn_risk(customer, 90)
    assert risk == 0.452
    assert f"**{risk}**" in DOCS
    assert f"{churn_risk(_with(customer, open_tickets=0), 90)}" in DOCS


# clusters


def _people(number: int = 400) -> list[tuple[float | None, ...]]:
    rng = random.Random(5)
    kinds = ((8.0, 2.5, 3.0, 0.2, 0.8), (4.0, 0.7, 6.5, 0.2, 0.1), (6.0, 1.5, 5.0, 2.5, 0.5), (0.0, 0.0, None, 0.0, 0.5))
    return [tuple(None if at is None else max(0.0, at + rng.gauss(0, 0.15)) for at in kinds[place % 4]) for place in range(number)]


def test_clusters_are_found_and_named_whatever_the_order() -> None:
    rows = _people()
    clustering = fit_clusters(rows, 1)
    assert clustering is not None
    assert len(clustering.names) == len(set(clustering.names)) == 4
    assert clustering.silhouette > 0.6
    # Highest revenue first.
    assert clustering.names[0] == "many orders, recent orders"
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        assert fit_clusters(rows, 1) == clustering


def test_names_survive_other_starts_and_a_few_more_customers() -> None:
    first = fit_clusters(_people(), 1)
    assert first is not None
    for rows, seed in ((_people(), 2), (_people(430), 1)):
        again = fit_clusters(rows, seed)
        assert again is not None
        assert again.names == first.names


def test_too_few_customers_or_too_alike_have_no_clusters() -> None:
    assert fit_clusters(_people(MIN_CUSTOMERS - 1), 1) is None
    assert fit_clusters([(1.0, 1.0, 1.0, 0.0, None)] * 100, 1) is None
    assert fit_clusters([], 1) is None


def test_a_feature_that_nobody_tells_counts_for_nothing() -> None:
    rows = [(*row[:3], None, None) for row in _people()]
    clustering = fit_clusters(rows, 1)
    assert clustering is not None
    assert clustering.deviations[3:] == (0.0, 0.0)
    assert all(centre[3:] == (0.0, 0.0) for centre in clustering.centres)


def test_names_in_chinese() -> None:
    assert name_in_chinese("high revenue, recent orders") == "消费高，近期下单"
    assert name_in_chinese("average 2") == "一般2"
    for feature in FEATURES:
        assert re.fullmatch(r"[\u4e00-\u9fff]+", name_in_chinese(feature.low) + name_in_chinese(feature.high))


# documentation


def _table(heading: str) -> list[list[str]]:
    section = DOCS.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
    return rows[2:] if set(rows[1][0]) <= set("- ") else rows[1:]


def _span(numbers: range) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def test_the_segments_are_documented() -> None:
    expected = [
        [
            f"`{each.name}`",
            each.name_zh,
            " or ".join(f"{_span(recency)} with {_span(value)}" for recency, value in each.areas),
            each.advice,
        ]
        for each in SEGMENTS
    ]
    assert _table("RFM segments") == expected


def test_the_features_are_documented() -> None:
    assert _table("Clusters") == [
        [f"`{each.name}`", "logarithm" if each.is_count else "as it is", each.low, each.high, f"{each.low_zh}, {each.high_zh}"]
        for each in FEATURES
    ]


def test_the_signs_are_documented() -> None:
    assert _table("Churn risk") == [[each.name, each.meaning, f"{each.odds:g}"] for each in SIGNS.values()]
    assert LEAVES / (LEAVES + STAYS) == 0.2
    assert "one customer in five" in DOCS
