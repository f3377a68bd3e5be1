"""Every formula against SciPy, NumPy, or the example of the paper it comes from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmsearch.search.significance import (
    Interval,
    Sample,
    associate,
    benjamini_hochberg,
    cohen_h,
    effect_word,
    hedges_g,
    is_signal,
    mean_interval,
    merged,
    newcombe_interval,
    share_test,
    welch_test,
    wilson_interval,
    without,
)

_numbers = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=30)


def _sample(values: list[float]) -> Sample:
    array = np.array(values)
    return Sample(len(values), float(array.mean()) if values else 0.0, float(array.var(ddof=1)) if len(values) > 1 else 0.0)


def _same(found: Sample, values: list[float]) -> None:
    expected = _sample(values)
    assert found.n == expected.n
    if values:
        assert found.mean == pytest.approx(expected.mean, abs=1e-9)
        assert found.variance == pytest.approx(expected.variance, abs=1e-8)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (3, 10), (50, 100), (1, 1_000_000), (999_999, 1_000_000)])
def test_wilson_is_scipys(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    found = wilson_interval(hits, n)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_is_none() -> None:
    assert wilson_interval(0, 0) is None
    assert newcombe_interval(0, 0, 1, 2) is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    # Newcombe 1998, table II, method 10.
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0000)),
    ],
)
def test_newcombe_is_as_printed(counts: tuple[int, int, int, int], expected: tuple[float, float]) -> None:
    found = newcombe_interval(*counts)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("counts", [(300, 1000, 200, 1100), (400, 1000, 90_000, 200_000), (7.5, 70.5, 7, 90)])
def test_shares_are_tested_by_pearsons_chi_square_less_one(counts: tuple[float, float, float, float]) -> None:
    hits_a, n_a, hits_b, n_b = counts
    chi_square = stats.chi2_contingency([[hits_a, n_a - hits_a], [hits_b, n_b - hits_b]], correction=False).statistic
    assert share_test(*counts) == pytest.approx(stats.chi2.sf(chi_square * (n_a + n_b - 1) / (n_a + n_b), 1), rel=1e-9)


@pytest.mark.parametrize(
    "counts",
    [
        (30, 100, 20, 110),
        (5, 8, 1, 12),
        (7, 70, 7, 70),
        (1, 5, 0, 100),
        (12, 120, 0, 4000),
        (12, 197_400, 7, 802_600),
        (0, 3, 90, 100),
        (3, 3, 1, 90_000),
        (0, 40, 2, 900),
        (999, 1000, 1_000_000, 1_000_000),
        (500, 5000, 9_500, 995_000),
    ],
)
def test_small_counts_are_tested_exactly(counts: tuple[int, int, int, int]) -> None:
    hits_a, n_a, hits_b, n_b = counts
    expected = stats.fisher_exact([[hits_a, n_a - hits_a], [hits_b, n_b - hits_b]]).pvalue
    assert share_test(*counts) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("counts", [(0, 0, 1, 2), (0, 10, 0, 20), (10, 10, 20, 20), (0.5, 2.5, 0, 100), (0, 0, 0, 0)])
def test_where_no_share_test_holds_there_is_none(counts: tuple[float, float, float, float]) -> None:
    assert share_test(*counts) is None


def test_the_rarest_of_many_values_by_chance_are_no_signals() -> None:
    """Of 20,000 values that some twenty customers have, the most extreme in a fifth of all customers are chance."""
    random = np.random.default_rng(8)
    held, inside = random.poisson(20, 20_000), 0.2
    hits = random.binomial(held, inside)
    p_values = [share_test(int(a), 80_000, int(all_ - a), 320_000) for a, all_ in zip(hits, held, strict=True)]
    assert not any(is_signal(q) for q in benjamini_hochberg(p_values))


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(_numbers, _numbers)
def test_welch_is_scipys(a: list[float], b: list[float]) -> None:
    found = welch_test(_sample(a), _sample(b))
    assert found is not None
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b), abs=1e-9)
    if len(set(a)) == 1 and len(set(b)) == 1:
        assert found.p_value == (1.0 if a[0] == b[0] else 0.0)
        return
    expected: Any = stats.ttest_ind(a, b, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-7, abs=1e-12)
    interval = expected.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((interval.low, interval.high), rel=1e-7, abs=1e-7)


@given(_numbers)
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    found = mean_interval(_sample(values))
    assert found is not None
    if len(set(values)) == 1:
        assert found == Interval(values[0], values[0])
        return
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_below_two_values_there_is_neither_test_nor_interval() -> None:
    one, many = Sample(1, 3.0), Sample(9, 2.0, 1.0)
    assert mean_interval(one) is None
    assert welch_test(one, many) is None
    assert hedges_g(many, one) is None
    assert hedges_g(Sample(5, 1.0), Sample(5, 2.0)) is None


def test_effects_are_in_pooled_deviations_and_on_cohens_scale() -> None:
    a, b = [1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 4.0, 5.0, 6.0, 7.0]
    assert hedges_g(_sample(a), _sample(b)) == pytest.approx(-2 / np.sqrt(2.5) * (1 - 3 / 31))
    assert cohen_h(0.5, 0.3) == pytest.approx(0.411516846)
    assert [effect_word(size) for size in (0.1, -0.2, 0.6, -0.9)] == ["negligible", "small", "medium", "large"]


@given(st.lists(st.integers(-50, 50).map(float), max_size=20), st.lists(st.integers(-50, 50).map(float), max_size=20))
def test_samples_are_put_together_and_taken_apart(a: list[float], b: list[float]) -> None:
    both = merged(_sample(a), _sample(b))
    _same(both, a + b)
    _same(without(both, _sample(a)), b)


def test_a_large_offset_costs_the_merged_variance_nothing() -> None:
    values = list(1e9 + np.random.default_rng(3).normal(0, 1, 1000))
    assert merged(_sample(values[:300]), _sample(values[300:])).variance == pytest.approx(np.var(values, ddof=1), rel=1e-6)


def test_association_is_scipys_chi_square_and_bergsmas_v() -> None:
    table = [[30, 20, 10], [15, 25, 40]]
    found = associate(table)
    expected = stats.chi2_contingency(table, correction=False)
    n, k, r = 140, 3, 2
    phi = max(0, expected.statistic / n - (k - 1) * (r - 1) / (n - 1))
    least = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    assert found is not None
    assert (found.v, found.p_value, found.cells) == pytest.approx((np.sqrt(phi / least), expected.pvalue, 6))


@pytest.mark.parametrize(
    ("table", "pooled"),
    [
        # The rarest column joins the next rare one; an empty one is none.
        ([[30, 20, 10, 1, 0], [15, 25, 40, 0, 0]], [[31, 20, 10], [15, 25, 40]]),
        # A rare row is put to the next, the columns are left alone.
        ([[50, 10], [10, 50], [1, 1]], [[50, 10], [11, 51]]),
    ],
)
def test_rare_values_are_put_together(table: list[list[int]], pooled: list[list[int]]) -> None:
    found, expected = associate(table), stats.chi2_contingency(pooled, correction=False)
    assert found is not None
    assert found.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    "table", [[], [[]], [[5, 6, 7]], [[5], [6]], [[0, 0], [0, 0]], [[1, 0], [0, 1]], [[90, 10], [0, 0]], [[99, 1], [1, 0]]]
)
def test_too_few_customers_are_no_association(table: list[list[int]]) -> None:
    assert associate(table) is None


def test_v_is_one_where_one_value_tells_the_other_and_near_nothing_by_chance() -> None:
    sure = associate([[100, 0, 0], [0, 100, 0], [0, 0, 100]])
    assert sure is not None
    assert sure.v == pytest.approx(1.0)
    random = np.random.default_rng(5)
    p_values = []
    for _ in range(300):
        chance = associate(random.multinomial(2000, [1 / 20] * 20).reshape(4, 5).tolist())
        assert chance is not None
        assert chance.v < 0.1
        p_values.append(chance.p_value)
    # Under independence p values are even: of 300 some 15 are below 0.05.
    assert 5 <= sum(p < 0.05 for p in p_values) <= 30


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(list(p_values)) == pytest.approx(list(stats.false_discovery_control(p_values)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 30))
def test_tests_that_are_not_listed_count_as_if_they_had_found_nothing(p_values: list[float], more: int) -> None:
    whole = stats.false_discovery_control([*p_values, *[1.0] * more])
    assert benjamini_hochberg(list(p_values), len(p_values) + more) == pytest.approx(list(whole)[: len(p_values)])


def test_what_was_not_tested_is_not_adjusted() -> None:
    assert benjamini_hochberg([0.01, None, 0.04]) == pytest.approx([0.02, None, 0.04])
    assert benjamini_hochberg([]) == []
    assert [is_signal(q) for q in (None, 0.049, 0.05)] == [False, True, False]
