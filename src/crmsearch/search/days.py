"""Days counted back from today, such as ``now-90d``. Pure.

They are bounds on a date, of a filter or of a range that is counted. A day is a day of UTC, and a query is asked with the day itself,
``2026-08-27``: as a lower bound from its first moment, as an upper one to its last. So the same request is the same query all day long,
which Elasticsearch's request cache needs, and two parts of one request never disagree about the time.
"""

import re
from calendar import monthrange
from datetime import date, timedelta

__all__ = ["days_back", "is_relative_day", "resolve_day"]

_RELATIVE = re.compile(r"now(?:-(?P<count>\d{1,5})(?P<unit>[dwMy]))?")
_MONTH = 146_097 / 4_800  # days, over the 400 years after which the calendar repeats
_MOST = {"d": 73_000, "w": 10_400, "M": 2_400, "y": 200}  # about 200 years; no date of a customer is older


def is_relative_day(text: str) -> bool:
    """Whether the text is ``now``, or ``now`` less a count of days, weeks, months (``M``) or years."""
    match = _RELATIVE.fullmatch(text)
    return match is not None and (match["unit"] is None or int(match["count"]) <= _MOST[match["unit"]])


def resolve_day(text: str, today: date) -> str:
    """The day that a relative one means, as ``YYYY-MM-DD``.

    A month or a year back is the same day of that month, or its last where it is shorter: ``now-1M`` on 31 March is 28 or 29 February.

    Args:
        text: for which ``is_relative_day`` holds.
        today: the day of UTC on which the question is asked.
    """
    match = _RELATIVE.fullmatch(text)
    assert match is not None
    if match["unit"] is None:
        return today.isoformat()
    count = int(match["count"])
    if match["unit"] in {"d", "w"}:
        return (today - timedelta(days=count * (7 if match["unit"] == "w" else 1))).isoformat()
    months = 12 * today.year + today.month - 1 - count * (12 if match["unit"] == "y" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(today.day, monthrange(year, month)[1])).isoformat()


def days_back(text: str) -> tuple[int, int]:
    """The fewest and the most days that a relative day lies back, whatever day is today; months and years differ by up to three days."""
    match = _RELATIVE.fullmatch(text)
    assert match is not None
    if match["unit"] is None:
        return 0, 0
    count = int(match["count"])
    if match["unit"] in {"d", "w"}:
        days = count * (7 if match["unit"] == "w" else 1)
        return days, days
    days = round(count * (12 if match["unit"] == "y" else 1) * _MONTH)
    return (days - 3, days + 3) if count else (0, 0)
