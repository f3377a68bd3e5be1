"""Intervals, tests and effect sizes: whether a difference is more than noise, and whether it is worth a word. Pure.

A test tells noise from difference; among many customers the smallest difference passes it. So beside each stands an effect size, on one
scale for means and shares (Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988).
"""

from collections.abc import Sequence
from math import asin, sqrt
from typing import Any

import msgspec
import numpy as np
from scipy.special import chdtrc, gammaln, ndtri, stdtr, stdtrit

__all__ = [
    "ALPHA",
    "EXACT_BELOW",
    "SMALL",
    "Association",
    "Interval",
    "MeanTest",
    "Sample",
    "associate",
    "benjamini_hochberg",
    "cohen_h",
    "effect_word",
    "hedges_g",
    "is_signal",
    "mean_interval",
    "merged",
    "newcombe_interval",
    "share_test",
    "welch_test",
    "wilson_interval",
    "without",
]

ALPHA = 0.05  # share of false alarms that is borne among what is called more than noise; intervals hold with 1 - ALPHA
SMALL, MEDIUM, LARGE = 0.2, 0.5, 0.8  # Cohen's bounds, of d and of h
EXACT_BELOW = 100  # customers expected in the smallest cell of two shares
_Z = float(ndtri(1 - ALPHA / 2))
Table = Sequence[Sequence[int]]


class Interval(msgspec.Struct, frozen=True):
    """Confidence interval at 95%."""

    low: float
    high: float


class Sample(msgspec.Struct, frozen=True):
    """What a test must know of some numbers; ``mean`` is of no meaning at n = 0, the sample ``variance`` (n-1) none below n = 2."""

    n: int
    mean: float = 0.0
    variance: float = 0.0


class MeanTest(msgspec.Struct, frozen=True):
    """``difference`` of two means, the first less the second."""

    difference: float
    interval: Interval
    p_value: float


class Association(msgspec.Struct, frozen=True):
    """Of two categories; ``v`` is Cramér's V from 0 to 1, ``cells`` how many the test counted after rare values were put together."""

    v: float
    p_value: float
    cells: int


# Shares


def wilson_interval(hits: float, n: float) -> Interval | None:
    """Interval of a share by its score test (Wilson, J. Am. Stat. Assoc. 22, 1927); ``None`` of nothing.

    It stays within 0 and 1 and covers as it should at small n and at shares near the ends (Brown, Cai and DasGupta, Stat. Sci. 16, 2001).
    """
    if n <= 0:
        return None
    share, z2 = hits / n, _Z * _Z
    centre, reach = share + z2 / (2 * n), _Z * sqrt(max(0.0, share * (1 - share)) / n + z2 / (4 * n * n))
    return Interval(max(0.0, (centre - reach) / (1 + z2 / n)), min(1.0, (centre + reach) / (1 + z2 / n)))


def newcombe_interval(hits_a: float, n_a: float, hits_b: float, n_b: float) -> Interval | None:
    """Interval of the difference of two independent shares, from their Wilson intervals (Newcombe, Stat. Med. 17, 1998, method 10)."""
    a, b = wilson_interval(hits_a, n_a), wilson_interval(hits_b, n_b)
    if a is None or b is None:
        return None
    share_a, share_b = hits_a / n_a, hits_b / n_b
    below, above = sqrt((share_a - a.low) ** 2 + (b.high - share_b) ** 2), sqrt((a.high - share_a) ** 2 + (share_b - b.low) ** 2)
    return Interval(max(-1.0, share_a - share_b - below), min(1.0, share_a - share_b + above))


def share_test(hits_a: float, n_a: float, hits_b: float, n_b: float) -> float | None:
    """P value for the equality of two independent shares: of the exact test, or of the "N-1" chi-square where counts are large.

    Campbell (Stat. Med. 26, 2007) recommends the chi-square from an expected count of 1 on. That holds for p values about 0.05; far out,
    where one of thousands of values has to stand, its tail is too thin below a hundred. The exact test is that of Fisher and Irwin,
    two-sided by Irwin's rule. Counts that are no whole numbers have the chi-square from 1 on, and ``None`` below, as do shares that are
    both 0 or both 1.
    """
    n, hits = n_a + n_b, hits_a + hits_b
    expected = min(n_a, n_b) * min(hits, n - hits) / n if n else 0.0
    if expected <= 0:
        return None
    if expected < EXACT_BELOW and all(float(count).is_integer() for count in (hits_a, n_a, hits_b, n_b)):
        return _exact_test(int(hits_a), int(n_a), int(hits), int(n))
    if expected < 1:
        return None
    cross = hits_a * (n_b - hits_b) - hits_b * (n_a - hits_a)
    return float(chdtrc(1, (n - 1) * (cross / n_a / n_b) * (cross / hits / (n - hits))))


def _exact_test(hits_a: int, n_a: int, hits: int, n: int) -> float:
    """Chance of a table no likelier than this one, with all sums as they are."""
    least = max(0, n_a + hits - n)
    found = np.arange(least, min(hits, n_a) + 1)
    chances = np.exp(_log_choose(hits, found) + _log_choose(n - hits, n_a - found) - _log_choose(n, n_a))
    # Equally likely tables differ in the last digits of their logarithms.
    return min(1.0, float(chances[chances <= chances[hits_a - least] * (1 + 1e-7)].sum()))


def _log_choose(of: int, some: Any) -> Any:
    return gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1)


def cohen_h(share_a: float, share_b: float) -> float:
    """Effect size of two shares: the difference of their arcsines, on Cohen's scale; the first less the second."""
    return 2 * asin(sqrt(min(1.0, share_a))) - 2 * asin(sqrt(min(1.0, share_b)))


# Means


def mean_interval(sample: Sample) -> Interval | None:
    """Interval of a mean by Student's t; ``None`` below two values."""
    if sample.n < 2:
        return None
    reach = float(stdtrit(sample.n - 1, 1 - ALPHA / 2)) * sqrt(sample.variance / sample.n)
    return Interval(sample.mean - reach, sample.mean + reach)


def welch_test(a: Sample, b: Sample) -> MeanTest | None:
    """Difference of the means of two independent samples of any variances (Welch, Biometrika 34, 1947); ``None`` below two values."""
    if min(a.n, b.n) < 2:
        return None
    difference, part_a, part_b = a.mean - b.mean, a.variance / a.n, b.variance / b.n
    error = sqrt(part_a + part_b)
    if error == 0:
        return MeanTest(difference, Interval(difference, difference), 1.0 if difference == 0 else 0.0)
    freedom = (part_a + part_b) ** 2 / (part_a**2 / (a.n - 1) + part_b**2 / (b.n - 1))
    reach = float(stdtrit(freedom, 1 - ALPHA / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(difference) / error))
    return MeanTest(difference, Interval(difference - reach, difference + reach), p_value)


def hedges_g(a: Sample, b: Sample) -> float | None:
    """Difference of two means in pooled standard deviations, freed of its bias (Hedges, J. Educ. Stat. 6, 1981); ``None`` without any."""
    if min(a.n, b.n) < 2:
        return None
    freedom = a.n + b.n - 2
    pooled = ((a.n - 1) * a.variance + (b.n - 1) * b.variance) / freedom
    return (a.mean - b.mean) / sqrt(pooled) * (1 - 3 / (4 * freedom - 1)) if pooled > 0 else None


def merged(a: Sample, b: Sample) -> Sample:
    """Both samples as one (Chan, Golub and LeVeque, Am. Stat. 37, 1983)."""
    if not a.n or not b.n:
        return a if a.n else b
    n, gap = a.n + b.n, b.mean - a.mean
    squares = _squares(a) + _squares(b) + gap * gap * a.n * b.n / n
    return Sample(n, a.mean + gap * b.n / n, squares / (n - 1))


def without(whole: Sample, part: Sample) -> Sample:
    """What remains of a sample when a part of it is taken away: ``merged`` turned round."""
    n = whole.n - part.n
    if n <= 0 or not part.n:
        return Sample(0) if n <= 0 else whole
    mean = whole.mean + (whole.mean - part.mean) * part.n / n
    gap = part.mean - mean
    squares = _squares(whole) - _squares(part) - gap * gap * part.n * n / whole.n
    return Sample(n, mean, max(0.0, squares) / (n - 1) if n > 1 else 0.0)


def _squares(sample: Sample) -> float:
    return sample.variance * max(0, sample.n - 1)


# Tables


def associate(table: Table) -> Association | None:
    """How strongly two categories hang together: chi-square test, and Cramér's V freed of its bias.

    The correction of V is that of Bergsma (J. Korean Stat. Soc. 42, 2013). The rarest values are put together until the test holds
    (Cochran, Biometrics 10, 1954: every expected count 1 or more, four fifths of them 5 or more). ``None`` if it does not even with two
    rows and two columns.
    """
    rows = [list(row) for row in table if sum(row)]
    columns = [list(column) for column in zip(*rows, strict=True) if sum(column)]
    while columns and min(len(columns), len(columns[0])) >= 2:
        rows = [list(row) for row in zip(*columns, strict=True)]
        totals, sums = [sum(column) for column in columns], [sum(row) for row in rows]
        n = sum(totals)
        expected = [total * of_row / n for total in totals for of_row in sums]
        if min(expected) >= 1 and sum(each >= 5 for each in expected) >= 0.8 * len(expected):
            return _associated(columns, expected, n)
        if len(rows) > 2 and (len(columns) == 2 or min(sums) < min(totals)):
            columns = rows
        columns = _pool_rarest(columns)
    return None


def _associated(columns: Table, expected: Sequence[float], n: int) -> Association:
    observed = [count for column in columns for count in column]
    chi_square = sum((count - usual) ** 2 / usual for count, usual in zip(observed, expected, strict=True))
    k, r = len(columns), len(columns[0])
    freedom = (k - 1) * (r - 1)
    phi = max(0.0, chi_square / n - freedom / (n - 1))
    least = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return Association(min(1.0, sqrt(phi / least)), float(chdtrc(freedom, chi_square)), k * r)


def _pool_rarest(columns: list[list[int]]) -> list[list[int]]:
    ordered = sorted(columns, key=sum)
    return [*ordered[2:], [first + second for first, second in zip(ordered[0], ordered[1], strict=True)]]


# Many of them


def benjamini_hochberg(p_values: Sequence[float | None], tests: int = 0) -> list[float | None]:
    """What share of false alarms one bears by believing a p value and all smaller ones.

    The method is that of Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995).

    Args:
        p_values: of the tests that were made; ``None`` where one could not be made, and stays so.
        tests: hypotheses there were, if more than p values are given: then these are thought to be the smallest.
    """
    ranked = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    total, least = max(tests, len(ranked)), 1.0
    adjusted: list[float | None] = [None] * len(p_values)
    for rank in range(len(ranked), 0, -1):
        p, place = ranked[rank - 1]
        least = min(least, p * total / rank)
        adjusted[place] = least
    return adjusted


def is_signal(q_value: float | None) -> bool:
    """Whether an adjusted p value calls a difference more than noise."""
    return q_value is not None and q_value < ALPHA


def effect_word(effect: float) -> str:
    """Cohen's word for an effect size."""
    size = abs(effect)
    return "negligible" if size < SMALL else "small" if size < MEDIUM else "medium" if size < LARGE else "large"
