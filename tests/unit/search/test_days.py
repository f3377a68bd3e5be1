from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.search.days import days_back, is_relative_day, resolve_day

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("now", "2026-03-31"),
        ("now-0d", "2026-03-31"),
        ("now-1d", "2026-03-30"),
        ("now-90d", "2025-12-31"),
        ("now-2w", "2026-03-17"),
        ("now-1M", "2026-02-28"),
        ("now-25M", "2024-02-29"),
        ("now-3M", "2025-12-31"),
        ("now-1y", "2025-03-31"),
        ("now-200y", "1826-03-31"),
    ],
)
def test_a_day_is_counted_back_from_today(text: str, day: str) -> None:
    assert is_relative_day(text)
    assert resolve_day(text, TODAY) == day


def test_the_leap_day_of_a_year_without_one_is_the_last_of_february() -> None:
    assert resolve_day("now-1y", date(2028, 2, 29)) == "2027-02-28"
    assert resolve_day("now-4y", date(2028, 2, 29)) == "2024-02-29"


@pytest.mark.parametrize(
    "text", ["", "today", "NOW", "now-", "now-1", "now-1m", "now-1h", "now+1d", "now-1d/d", "now -1d", "now-1.5d", "now-201y", "now-99999d"]
)
def test_nothing_else_is_a_relative_day(text: str) -> None:
    assert not is_relative_day(text)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2400, 1, 1)), st.integers(0, 73_000))
def test_days_and_weeks_are_plain_differences(today: date, count: int) -> None:
    assert date.fromisoformat(resolve_day(f"now-{count}d", today)) == today - timedelta(days=count)
    weeks = min(count, 10_400)
    assert resolve_day(f"now-{weeks}w", today) == resolve_day(f"now-{7 * weeks}d", today)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2400, 1, 1)), st.integers(0, 200))
def test_a_year_is_twelve_months_and_never_reaches_into_the_next_one(today: date, years: int) -> None:
    day = date.fromisoformat(resolve_day(f"now-{years}y", today))
    assert resolve_day(f"now-{12 * years}M", today) == day.isoformat()
    assert (day.year, day.month) == (today.year - years, today.month)
    assert day.day in {today.day, 28}


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2400, 1, 1)), st.integers(0, 200), st.sampled_from("dwMy"))
def test_a_day_lies_as_far_back_as_it_is_said_to_at_the_least_and_the_most(today: date, count: int, unit: str) -> None:
    text = f"now-{count}{unit}"
    fewest, most = days_back(text)
    assert fewest <= (today - date.fromisoformat(resolve_day(text, today))).days <= most
    assert most - fewest <= 6
