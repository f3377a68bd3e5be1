"""Where the bins of a histogram begin and end, and what they are called. Arithmetic, pure.

A range is two cuts of the line of values: a cut lies just before a value or just behind it. So ``age > 19`` and ``age >= 20`` are one
range, and so are all of 31 January and what is before 1 February.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from crmsearch.contract import Field

__all__ = ["CALENDAR", "Cut", "Step", "bin_count", "cuts", "edges", "label", "nice_width", "parse_step", "plain_number", "step_end"]

Number = int | float
Cut = tuple[float, int]  # a value, and 0 before or 1 behind it; dates in milliseconds since the epoch
Step = tuple[int, str]  # how many days (``d``) or months (``M``)

CALENDAR: dict[str, Step] = {"day": (1, "d"), "week": (7, "d"), "month": (1, "M"), "quarter": (3, "M"), "year": (12, "M")}
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_NICE = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))


def cuts(field: Field, bounds: Mapping[str, int | float | str]) -> tuple[Cut, Cut]:
    """The two cuts of a checked range (``gte, gt, lte, lt``), as Elasticsearch reads it.

    A day as a bound is met from its first moment by ``gte`` and ``lt``, and behind its last by ``gt`` and ``lte``; so is a minute or a
    second of which no part is given.
    """
    low, high = (-math.inf, 0), (math.inf, 0)
    for name, value in bounds.items():
        behind = name in {"gt", "lte"}
        cut = _date_cut(str(value), behind) if field.type == "date" else _number_cut(value, behind, whole=field.type == "integer")
        if name.startswith("g"):
            low = cut
        else:
            high = cut
    return low, high


def nice_width(span: float, most: int) -> Number:
    """The least of 1, 2 and 5 times a power of ten that cuts ``span`` into ``most`` parts or fewer; 1 for nothing to cut."""
    if not span:
        return 1
    wanted = Decimal(repr(float(span))) / most
    power = Decimal(10) ** wanted.adjusted()
    return _number(next(nice * power for nice in _NICE if nice * power >= wanted))


def bin_count(low: Number, high: Number, width: Number) -> int:
    """How many bins from multiple to multiple of ``width`` hold the values from ``low`` to ``high``."""
    first, last = (math.floor(Decimal(repr(value)) / Decimal(repr(width))) for value in (low, high))
    return last - first + 1


def edges(low: Number, high: Number, width: Number) -> list[Number]:
    """The multiples of ``width`` from at most ``low`` to above ``high``, one more than ``bin_count``.

    They are the decimal numbers that a reader expects, ``0.3`` and not three times the double nearest to ``0.1``.
    """
    step = Decimal(repr(width))
    first = math.floor(Decimal(repr(low)) / step)
    return [_number((first + number) * step) for number in range(bin_count(low, high, width) + 1)]


def parse_step(text: str) -> Step:
    """The width of the bins that Elasticsearch chose, such as ``7d``, ``3M`` or ``10y``."""
    match = re.fullmatch(r"(\d+)([dMy])", text)
    assert match is not None, text
    count = int(match[1])
    return (12 * count, "M") if match[2] == "y" else (count, match[2])


def step_end(begin: str, step: Step) -> str | None:
    """The day on which the bin that begins on a day (``YYYY-MM-DD``) ends, not in it; ``None`` behind the last year that can be written."""
    count, unit = step
    day = date.fromisoformat(begin)
    if unit == "d":
        return (day + timedelta(days=count)).isoformat() if (date.max - day).days >= count else None
    months = 12 * day.year + day.month - 1 + count
    return date(months // 12, months % 12 + 1, 1).isoformat() if months // 12 <= date.max.year else None


def label(field: Field, gte: float | str | None, lt: float | str | None, step: Step | None = None) -> str:
    """A range in words short enough for a list: ``20–39``, ``≥ 60``, ``2026-01``; ``step`` is that of a calendar's bin."""
    if gte is None or lt is None:
        return f"< {lt}" if gte is None else f"≥ {gte}"
    if field.type == "date":
        return _date_label(str(gte), str(lt), step)
    last = int(lt) - 1 if field.type == "integer" else lt
    return f"{gte}" if last == gte else f"{gte}–{last}"


def plain_number(text: str) -> int | float | str:
    """A number from its text, whole where it can be; another text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number == int(number) else number


def _number_cut(value: float | str, behind: bool, whole: bool) -> Cut:
    number = float(value)
    return (number + 1, 0) if behind and whole else (number, int(behind))


def _date_cut(text: str, behind: bool) -> Cut:
    if "T" not in text:
        return (date.fromisoformat(text).toordinal() - _EPOCH.toordinal() + int(behind)) * DAY_MS, 0
    moment = datetime.fromisoformat(text)
    since = (moment.replace(tzinfo=None) - _EPOCH - (moment.utcoffset() or timedelta())) / timedelta(milliseconds=1)
    whole = 0 if "." in text else 1_000 if re.search(r"T\d\d:\d\d:", text) else 60_000
    return (since + whole, 0) if behind and whole else (since, int(behind))


def _date_label(gte: str, lt: str, step: Step | None) -> str:
    count, unit = step or (0, "")
    if unit == "M" and count == 1:
        return gte[:7]
    if unit == "M" and count == 3:
        return f"{gte[:4]}-Q{(int(gte[5:7]) + 2) // 3}"
    if unit == "M" and count % 12 == 0:
        return gte[:4] if count == 12 else f"{gte[:4]}–{int(lt[:4]) - 1}"
    if "T" in gte or "T" in lt:
        return f"{gte} – {lt}"
    last = (date.fromisoformat(lt) - timedelta(days=1)).isoformat()
    return gte if last == gte else f"{gte} – {last}"


def _number(value: Decimal) -> Number:
    return int(value) if value == value.to_integral_value() else float(value)
