"""Which bins an automatic histogram has, and where those of the calendar end."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmsearch.errors import InvalidRequestError
from crmsearch.search.stats.histogram import DAY_MS, Bins, HistogramBin, build_histogram, choose_bins, parse_histogram_bins
from crmsearch.search.stats.request import HistogramRequest

numbers = st.floats(-1e9, 1e9, allow_nan=False)


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


@given(low=numbers, span=st.floats(0, 1e9), most=st.integers(2, 200))
@example(low=4e8, span=6e8, most=2)
def test_automatic_bins_are_as_many_as_wanted_at_most(low: float, span: float, most: int) -> None:
    high = low + span
    width = choose_bins("revenue", HistogramRequest(bins=most), low, high).width
    assert width is not None
    assert math.floor(high / width) - math.floor(low / width) + 1 <= most
    if high > low:
        # The next narrower round width would not do or could not be told apart.
        scale = 10 ** math.floor(math.log10(width) + 1e-9)
        narrower = width / {1.0: 2, 2.0: 2, 2.5: 1.25, 5.0: 2}[round(width / scale, 3)]
        fits = math.floor(high / narrower) - math.floor(low / narrower) + 1 <= most
        assert not fits or narrower < max(max(abs(low), abs(high)) * 2.0**-50, 1e-300) * 10


@given(low=st.integers(0, 10_000), span=st.integers(0, 10_000), most=st.integers(2, 200))
def test_whole_numbers_have_whole_widths(low: int, span: int, most: int) -> None:
    width = choose_bins("age", HistogramRequest(bins=most), float(low), float(low + span)).width
    assert width is not None
    assert width == int(width) >= 1


@pytest.mark.parametrize(
    ("low", "high", "unit"),
    [
        ("2026-01-01", "2026-01-01", "hour"),
        ("2026-01-01", "2026-01-02", "hour"),
        ("2026-01-01", "2026-01-20", "day"),
        ("2026-01-01", "2026-03-01", "week"),
        ("2025-01-01", "2026-06-01", "month"),
        ("2020-01-01", "2026-01-01", "quarter"),
        ("2010-01-01", "2026-01-01", "year"),
        ("1900-01-01", "2026-01-01", "year"),
    ],
)
def test_dates_have_the_shortest_unit_that_is_not_too_many(low: str, high: str, unit: str) -> None:
    assert choose_bins("created_at", HistogramRequest(bins=30), _ms(low), _ms(high)) == Bins(unit=unit)  # type: ignore[arg-type]


def test_without_values_there_is_a_width_all_the_same() -> None:
    assert choose_bins("revenue", HistogramRequest(bins=30), None, None) == Bins(width=1.0)


def test_an_interval_of_dates_is_in_days() -> None:
    assert choose_bins("created_at", HistogramRequest(interval=2), None, None) == Bins(width=2 * DAY_MS)
    assert choose_bins("age", HistogramRequest(interval=2), None, None) == Bins(width=2)


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [
        ("hour", "2026-01-01T05:00", "2026-01-01T06:00"),
        ("day", "2026-02-28", "2026-03-01"),
        ("week", "2025-12-29", "2026-01-05"),
        ("month", "2024-02-01", "2024-03-01"),
        ("month", "2025-12-01", "2026-01-01"),
        ("quarter", "2025-10-01", "2026-01-01"),
        ("year", "1969-01-01", "1970-01-01"),
    ],
)
def test_bins_of_the_calendar_end_where_the_next_begins(unit: str, low: str, high: str) -> None:
    answer = {"buckets": [{"key": _ms(low), "doc_count": 3}]}
    assert parse_histogram_bins("created_at", Bins(unit=unit), answer) == [HistogramBin(_ms(low), _ms(high), 3)]  # type: ignore[arg-type]


def test_the_last_year_of_the_calendar_has_an_end() -> None:
    low = _ms("9999-01-01")
    (last,) = parse_histogram_bins("created_at", Bins(unit="year"), {"buckets": [{"key": low, "doc_count": 1}]})
    assert last.high - last.low == 365 * DAY_MS


def test_aggregations() -> None:
    assert build_histogram("age", Bins(width=10.0)) == {"histogram": {"field": "age", "interval": 10.0, "min_doc_count": 1}}
    assert build_histogram("created_at", Bins(unit="week")) == {
        "date_histogram": {"field": "created_at", "calendar_interval": "week", "min_doc_count": 1}
    }


@pytest.mark.parametrize(
    ("name", "bins", "step", "wayout"),
    [
        ("created_at", Bins(unit="hour"), 3_600_000, "take day or wider"),
        ("age", Bins(width=1), 1, "take 2 or wider"),
        ("revenue", Bins(width=0.001), 0.001, "take 0.002 or wider"),
    ],
)
def test_too_many_bins_are_refused_with_the_way_round(name: str, bins: Bins, step: float, wayout: str) -> None:
    buckets = [{"key": place * step, "doc_count": 1} for place in range(1_001)]
    assert len(parse_histogram_bins(name, bins, {"buckets": buckets[:1_000]})) == 1_000
    with pytest.raises(InvalidRequestError, match=f"1,001 bins of {name}, more than 1,000; {wayout}, auto, or a filter on {name}"):
        parse_histogram_bins(name, bins, {"buckets": buckets})
