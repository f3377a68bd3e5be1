"""Bins of a histogram: which ones, the aggregation, and back. Dates are in epoch milliseconds, calendar units in UTC. Pure."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.stats.request import CalendarUnit, HistogramRequest

__all__ = ["DAY_MS", "MOST_BINS", "Bins", "HistogramBin", "build_histogram", "choose_bins", "parse_histogram_bins"]

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_800_000.0  # the first of January of 10000, where Python's calendar ends
_UNITS_MS: dict[CalendarUnit, float] = {
    "hour": DAY_MS / 24,
    "day": DAY_MS,
    "week": 7 * DAY_MS,
    "month": 30.4 * DAY_MS,
    "quarter": 91.3 * DAY_MS,
    "year": 365.2 * DAY_MS,
}
MOST_BINS = 1_000  # of an answer that are not empty; nobody reads more, and they take 55 kB
_ROUND = (1.0, 2.0, 2.5, 5.0)  # times a power of ten


class Bins(msgspec.Struct, frozen=True):
    """Equal widths from a multiple of themselves, or a unit of the calendar; one of the two."""

    width: float | None = None
    unit: CalendarUnit | None = None


class HistogramBin(msgspec.Struct, frozen=True):
    """Values from ``low`` to below ``high``, in the field's unit (dates: epoch milliseconds). Empty bins are left out."""

    low: float
    high: float
    count: int


def choose_bins(name: str, request: HistogramRequest, low: float | None, high: float | None) -> Bins:
    """The bins of a field whose values go from ``low`` to ``high``, which only an automatic width needs; ``None`` if it has no value."""
    if request.calendar is not None:
        return Bins(unit=request.calendar)
    if request.interval is not None:
        return Bins(width=request.interval * (DAY_MS if FIELDS[name].type == "date" else 1))
    low, high, most = low or 0.0, high or 0.0, request.bins or 1
    if FIELDS[name].type == "date":
        # A year where even years are too many: the calendar has nothing wider.
        return Bins(unit=next((unit for unit, length in _UNITS_MS.items() if (high - low) / length + 2 <= most), "year"))
    return Bins(width=_round_width(low, high, most, whole=FIELDS[name].type == "integer"))


def build_histogram(path: str, bins: Bins) -> dict[str, Any]:
    if bins.unit is not None:
        return {"date_histogram": {"field": path, "calendar_interval": bins.unit, "min_doc_count": 1}}
    return {"histogram": {"field": path, "interval": bins.width, "min_doc_count": 1}}


def parse_histogram_bins(name: str, bins: Bins, answer: dict[str, Any]) -> list[HistogramBin]:
    """The buckets of ``build_histogram`` for a field.

    Raises:
        InvalidRequestError: there are more than ``MOST_BINS``.
    """
    found = [HistogramBin(bucket["key"], _end(bins, bucket["key"]), bucket["doc_count"]) for bucket in answer["buckets"]]
    if len(found) > MOST_BINS:
        wider = choose_bins(name, HistogramRequest(bins=MOST_BINS), found[0].low, found[-1].high)
        raise InvalidRequestError(
            f"the histogram has {len(found):,} bins of {name}, more than {MOST_BINS:,}; take {wider.unit or f'{wider.width:g}'} or wider, "
            f"auto, or a filter on {name}"
        )
    return found


def _round_width(low: float, high: float, most: int, *, whole: bool) -> float:
    """The narrowest round width that takes at most so many bins (two at least, since bins end at zero) and that a double can tell apart."""
    if low == high:
        return 1.0
    power = math.floor(math.log10(max((high - low) / most, max(abs(low), abs(high)) * 2.0**-50, 1e-300)))
    for exponent in range(power, power + 3):
        for factor in _ROUND:
            # Through text, since 2.5 * 0.1 is not 0.25 in binary.
            width = float(f"{factor}e{exponent}")
            if whole and width != int(width):
                continue
            if math.floor(high / width) - math.floor(low / width) + 1 <= most:
                return width
    return float(f"1e{power + 3}")


def _end(bins: Bins, low: float) -> float:
    if bins.width is not None:
        return low + bins.width
    assert bins.unit is not None
    if bins.unit in {"hour", "day", "week"}:
        return low + _UNITS_MS[bins.unit]
    began = _EPOCH + timedelta(milliseconds=low)
    months = began.year * 12 + began.month - 1 + {"month": 1, "quarter": 3, "year": 12}[bins.unit]
    if months >= 10_000 * 12:
        return _LAST_MS
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000
