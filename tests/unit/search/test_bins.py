from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.search.bins import CALENDAR, bin_count, cuts, edges, label, nice_width, parse_step, step_end

AGE, REVENUE, CREATED = FIELDS["age"], FIELDS["revenue"], FIELDS["created_at"]


@pytest.mark.parametrize(
    ("span", "most", "width"),
    [
        (78, 10, 10),
        (49, 10, 5),
        (20, 10, 2),
        (10, 10, 1),
        (0, 10, 1),
        (6800, 10, 1000),
        (0.83, 10, 0.1),
        (0.2, 10, 0.02),
        (1e15, 10, 10**14),
    ],
)
def test_widths_are_round(span: float, most: int, width: float) -> None:
    assert nice_width(span, most) == width


@given(st.floats(0, 1e15, allow_subnormal=False), st.integers(1, 400))
def test_a_width_is_the_least_round_one(span: float, most: int) -> None:
    width = Decimal(repr(float(nice_width(span, most))))
    assert width.as_tuple().digits[0] in {1, 2, 5}
    assert not any(width.as_tuple().digits[1:])
    assert width * most >= Decimal(repr(span)) or width == 1
    assert span == 0 or width * Decimal("0.4") * most <= Decimal(repr(span))


def test_edges_are_the_numbers_a_reader_expects() -> None:
    assert edges(0.05, 0.65, 0.1) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert edges(0.3, 0.3, 0.1) == [0.3, 0.4]
    assert edges(-3, 12, 5) == [-5, 0, 5, 10, 15]
    assert edges(18.0, 20.0, 20) == [0, 20, 40]


@given(st.floats(-1e6, 1e6), st.floats(0, 50), st.sampled_from([0.001, 0.1, 0.25, 1, 7, 100]))
def test_edges_hold_all_values_and_nothing_more(low: float, bins: float, width: float) -> None:
    high = low + bins * width
    found = edges(low, high, width)
    assert len(found) == bin_count(low, high, width) + 1
    assert found[0] <= low < found[1]
    assert found[-2] <= high < found[-1]
    assert all(math.isclose(after - before, width, rel_tol=1e-6) for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("field", "bounds", "same"),
    [
        (AGE, {"gt": 19}, {"gte": 20}),
        (AGE, {"lte": 39}, {"lt": 40}),
        (CREATED, {"gt": "2026-01-30"}, {"gte": "2026-01-31"}),
        (CREATED, {"lte": "2026-01-31"}, {"lt": "2026-02-01"}),
        (CREATED, {"gte": "2026-01-31"}, {"gte": "2026-01-31T01:00:00+01:00"}),
        (CREATED, {"lt": "9999-12-31"}, {"lt": "9999-12-31T00:00:00Z"}),
    ],
)
def test_a_range_has_many_forms(field: Any, bounds: dict[str, Any], same: dict[str, Any]) -> None:
    assert cuts(field, bounds) == cuts(field, same)


def test_ends_of_doubles_are_told_apart() -> None:
    (low, high), (low_open, high_open) = cuts(REVENUE, {"gte": 5, "lte": 9}), cuts(REVENUE, {"gt": 5, "lt": 9})
    assert low < low_open < high_open < high
    assert cuts(REVENUE, {}) == ((-math.inf, 0), (math.inf, 0))


@pytest.mark.parametrize(
    ("begin", "step", "end"),
    [
        ("2026-02-28", "day", "2026-03-01"),
        ("2026-12-28", "week", "2027-01-04"),
        ("2026-12-01", "month", "2027-01-01"),
        ("2026-10-01", "quarter", "2027-01-01"),
        ("2026-01-01", "year", "2027-01-01"),
        ("9999-12-01", "month", None),
        ("9999-12-31", "day", None),
    ],
)
def test_bins_of_a_calendar_end_where_the_next_begin(begin: str, step: str, end: str | None) -> None:
    assert step_end(begin, CALENDAR[step]) == end


@given(st.dates(date(1800, 1, 1), date(2200, 1, 1)), st.sampled_from(["1d", "7d", "1M", "3M", "1y", "5y", "100y"]))
def test_bins_that_the_server_chose_have_ends_too(day: date, text: str) -> None:
    begin = day if text.endswith("d") else day.replace(day=1)
    end = step_end(begin.isoformat(), parse_step(text))
    assert end is not None
    days = {"1d": (1, 1), "7d": (7, 7), "1M": (28, 31), "3M": (89, 92), "1y": (365, 366), "5y": (1825, 1827), "100y": (36524, 36525)}[text]
    assert timedelta(days[0]) <= date.fromisoformat(end) - begin <= timedelta(days[1])


@pytest.mark.parametrize(
    ("field", "gte", "lt", "step", "text"),
    [
        (AGE, 20, 40, None, "20–39"),
        (AGE, 3, 4, None, "3"),
        (AGE, 60, None, None, "≥ 60"),
        (REVENUE, None, 0.5, None, "< 0.5"),
        (REVENUE, 100, 200, None, "100–200"),
        (CREATED, "2026-01-05", "2026-01-06", (1, "d"), "2026-01-05"),
        (CREATED, "2026-01-05", "2026-01-12", (7, "d"), "2026-01-05 – 2026-01-11"),
        (CREATED, "2026-01-01", "2026-02-01", (1, "M"), "2026-01"),
        (CREATED, "2026-10-01", "2027-01-01", (3, "M"), "2026-Q4"),
        (CREATED, "2026-01-01", "2027-01-01", (12, "M"), "2026"),
        (CREATED, "2020-01-01", "2025-01-01", (60, "M"), "2020–2024"),
        (CREATED, "2020-01-01", "2025-01-01", None, "2020-01-01 – 2024-12-31"),
        (CREATED, "2020-01-01T10:00:00Z", "2025-01-01", None, "2020-01-01T10:00:00Z – 2025-01-01"),
    ],
)
def test_ranges_have_short_names(field: Any, gte: Any, lt: Any, step: Any, text: str) -> None:
    assert label(field, gte, lt, step) == text
