"""Rules for dates, points in time, birth dates and ages. "Today" is always given by the caller."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

from crmsearch.cleaning.text import open_cell
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["age_on", "clean_age", "clean_birth_date", "clean_timestamp"]

MAX_AGE = 120  # years; the oldest person on record reached 122
EARLIEST_BIRTH = 1850  # year; old registers are no error, an older year is a slip of the pen
EARLIEST_EVENT = 1900  # year; no customer relation is older
MAX_CELL = 60  # characters; no date and no age is longer

# Days that programs write for a date nobody gave: the first of their calendar, or of the century. They are far commoner as such than as
# birthdays, and an age counted from one would be shown as a fact.
_DEFAULTS = frozenset(
    {"0001-01-01", "1000-01-01", "1111-11-11", "1601-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1900-01-02"}
    | {"1901-01-01", "1904-01-01", "1970-01-01"}
)
_ZERO = re.compile(r"0000[-/.]?00[-/.]?00(?:[ t]00:00(?::00(?:\.0+)?)?z?)?|00[-/.]00[-/.]0000")

# English, German, French, Spanish and Italian; the first three letters would not do: "juin" and "juillet" share them.
_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar jänner janvier enero ene gennaio",
            "feb february februar février fevrier febrero febbraio",
            "mar march märz maerz mars marzo",
            "apr april avril abril aprile abr",
            "may mai mayo maggio",
            "jun june juni juin junio giugno",
            "jul july juli juillet julio luglio",
            "aug august août aout agosto ago",
            "sep sept september septembre septiembre settembre",
            "oct october okt oktober octobre octubre ottobre",
            "nov november novembre noviembre",
            "dec december dez dezember décembre decembre diciembre dicembre dic",
        ),
        start=1,
    )
    for name in names.split()
}

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})Z?)?")
_CLOCK = re.compile(
    r"""(?P<day>.*?[0-9日]) (?: [ ]*t | [ ]*,?[ ]+ | (?<=日) )
        (?P<hour>[0-9]{1,2}) : (?P<minute>[0-9]{2}) (?: : (?P<second>[0-9]{2}) (?:[.,][0-9]+)? )?
        [ ]* (?P<half>[ap])?(?(half)\.?m\.?) [ ]* (?P<zone>z|utc|gmt|[+-][0-9]{2}(?::?[0-9]{2})?)?""",
    re.VERBOSE,
)
_CHINESE_HALF = re.compile(r" *(上午|下午|凌晨|早上|晚上) *([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)$")  # 2024/3/5 下午2:30
_WEEKDAY = re.compile(r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+")

_YEAR_FIRST = re.compile(r"([0-9]{4})\s*[-/.年 ]\s*([0-9]{1,2})\s*[-/.月 ]\s*([0-9]{1,2})\s*[日号]?")
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})\s*([-/. ])\s*([0-9]{1,2})\s*\2\s*([0-9]{4}|[0-9]{2})")
_DAY_MONTH_NAME = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th|er)?[.\s/-]*([^\W\d_]{3,9})[.,\s/-]*([0-9]{4}|[0-9]{2})")
_MONTH_NAME_DAY = re.compile(r"([^\W\d_]{3,9})[.\s-]*([0-9]{1,2})(?:st|nd|rd|th)?(?:,\s*|[\s-]+)([0-9]{4})")
_SERIAL = re.compile(r"([0-9]{5})(?:\.[0-9]+)?")
_EPOCH = re.compile(r"([0-9]{10})(?:[0-9]{3})?")  # seconds or milliseconds since 1970
_COMPACT_CLOCK = re.compile(r"([0-9]{8})([0-9]{2})([0-9]{2})([0-9]{2})")
_SERIAL_ZERO = date(1899, 12, 30)  # day 0 of spreadsheets, moved by one day for their false 29 February 1900

_Day = tuple[date, tuple[str, ...]]


@lru_cache(maxsize=65_536)
def clean_birth_date(raw: str, *, as_of: date, day_first: bool = True) -> Outcome[str]:
    """Clean a birth date to ``yyyy-MM-dd``; a time of day and its zone are ignored.

    Args:
        raw: the date as written.
        as_of: today; a later birth is impossible.
        day_first: how to read ``03/04/1990``, where both orders fit.
    """
    opened = open_cell(raw.lower(), limit=MAX_CELL, too_long="birth_date_invalid")
    if isinstance(opened, Rejection) or opened.value is None:
        return opened
    text = opened.value
    if _ZERO.fullmatch(text):
        return Rejection("birth_date_default")
    clock = _CLOCK.fullmatch(text)
    found = _read_day(clock["day"] if clock else text, as_of, day_first=day_first)
    if found is None:
        return Rejection("birth_date_invalid")
    day, issues = found
    written = day.isoformat()
    if written in _DEFAULTS:
        return Rejection("birth_date_default")
    if day.year < EARLIEST_BIRTH or day > as_of:
        return Rejection("birth_date_impossible")
    return Clean(written, (*opened.issues, *issues))


@lru_cache(maxsize=65_536)
def clean_timestamp(raw: str, *, as_of: date, day_first: bool = True) -> Outcome[str]:
    """Clean a past date to ``yyyy-MM-dd``, or a past point in time to ``yyyy-MM-ddTHH:MM:SSZ``.

    A time without a zone is taken for UTC. Seconds or milliseconds since 1970 are understood.

    Args:
        raw: the date as written.
        as_of: today; one day more is allowed, since it may already be tomorrow where the record was written.
        day_first: how to read ``03/04/2024``, where both orders fit.
    """
    noted: tuple[str, ...] = ()
    moment = _read_iso(raw)
    if moment is None:
        opened = open_cell(raw.lower(), limit=MAX_CELL, too_long="date_invalid")
        if isinstance(opened, Rejection) or opened.value is None:
            return opened
        if _ZERO.fullmatch(opened.value) or opened.value == "0":
            return Rejection("date_default")
        try:
            moment, issues = _read_moment(opened.value, as_of, day_first=day_first)
        except (ValueError, OverflowError):
            return Rejection("date_invalid")
        noted = (*opened.issues, *issues)
    if _day_of(moment).isoformat() in _DEFAULTS:
        return Rejection("date_default")
    if moment.year < EARLIEST_EVENT or _day_of(moment) > as_of + timedelta(days=1):
        return Rejection("date_impossible")
    written = f"{moment:%Y-%m-%dT%H:%M:%SZ}" if isinstance(moment, datetime) else moment.isoformat()
    return Clean(written, noted)


def _read_iso(raw: str) -> date | None:
    """Read the form that most systems write, by the shortest way; ``None`` for any other form, and for what does not exist."""
    match = _ISO.fullmatch(raw)
    if match is None:
        return None
    try:
        year, month, day, *clock = [int(part) for part in match.groups() if part is not None]
        if not clock:
            return date(year, month, day)
        hour, minute, second = clock
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _day_of(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _read_moment(text: str, as_of: date, *, day_first: bool) -> tuple[date, tuple[str, ...]]:
    """Read a day or a point in time.

    Raises:
        ValueError: the text is neither, or its parts are out of range.
        OverflowError: the zone carries it out of the calendar.
    """
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), UTC), ()
    if compact := _COMPACT_CLOCK.fullmatch(text):
        text = "{} {}:{}:{}".format(*compact.groups())
    text = _CHINESE_HALF.sub(lambda match: f" {match[2]} {'am' if match[1] in '上午凌晨早上' else 'pm'}", text)
    clock = _CLOCK.fullmatch(text)
    found = _read_day(clock["day"] if clock else text, as_of, day_first=day_first)
    if found is None:
        raise ValueError(text)
    day, issues = found
    if clock is None:
        return day, issues
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if clock["half"] == "p" else 0)
    moment = datetime.combine(day, time(hour, int(clock["minute"]), int(clock["second"] or 0)), _zone(clock["zone"]))
    return moment.astimezone(UTC), issues


def _zone(text: str | None) -> timezone:
    if text is None or text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:].lstrip(":") or 0))
    return timezone(-offset if text[0] == "-" else offset)


def _read_day(text: str, as_of: date, *, day_first: bool) -> _Day | None:
    """Read a calendar day in any of the known formats; ``None`` if there is no such day."""
    text = _WEEKDAY.sub("", text)
    try:
        if match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3])), ()
        if match := _YEAR_LAST.fullmatch(text):
            return _read_year_last(match, as_of, day_first=day_first)
        if match := _DAY_MONTH_NAME.fullmatch(text):
            year, issues = _full_year(match[3], as_of)
            return date(year, _MONTHS[match[2]], int(match[1])), issues
        if match := _MONTH_NAME_DAY.fullmatch(text):
            return date(int(match[3]), _MONTHS[match[1]], int(match[2])), ()
        if match := _SERIAL.fullmatch(text):
            return _SERIAL_ZERO + timedelta(days=int(match[1])), ("date_serial",)
    except (ValueError, KeyError):
        return None
    return None


def _read_year_last(match: re.Match[str], as_of: date, *, day_first: bool) -> _Day:
    first, sign, second = int(match[1]), match[2], int(match[3])
    year, issues = _full_year(match[4], as_of)
    # Dots are written only where the day comes first.
    swapped = sign != "." and second <= 12 and (first <= 12 and not day_first)
    swapped = swapped or second > 12
    if sign != "." and first <= 12 and second <= 12 and first != second:
        issues = (*issues, "date_ambiguous")
    return (date(year, first, second) if swapped else date(year, second, first)), issues


def _full_year(text: str, as_of: date) -> tuple[int, tuple[str, ...]]:
    if len(text) == 4:
        return int(text), ()
    year = as_of.year // 100 * 100 + int(text)
    return (year if year <= as_of.year else year - 100), ("date_century",)


def age_on(birth_date: date, as_of: date) -> int | None:
    """Completed years of life, or ``None`` outside 0 to 120."""
    years = as_of.year - birth_date.year - ((as_of.month, as_of.day) < (birth_date.month, birth_date.day))
    return years if 0 <= years <= MAX_AGE else None


_YEARS = re.compile(
    r"(?:(?:(?<=[0-9])| |-)(?:years?(?:[ -]old)?|yrs?\.?(?: old)?|y\.?/?o\.?|y|jahre?(?: alt)?|ans|años)|\s*(?:周岁|岁|歲|歳|才|세|살))$"
)
_NUMBER = re.compile(r"[+-]?\d{1,6}(?:\.\d+)?")
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: value for value, word in enumerate(_SMALL.split())} | {word: 10 * tens for tens, word in enumerate(_TENS.split(), start=2)}
_HAN_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "廿": 20, "卅": 30}
_HAN_NUMBER = re.compile(r"(?:([一二两])百)?零?(?:([二三四五六七八九])?(十)|([廿卅]))?([一二三四五六七八九])?")


@lru_cache(maxsize=4_096)
def clean_age(raw: str) -> Outcome[int]:
    """Clean an age to completed years from 1 to 120: digits, words (``forty-one``, ``四十一``), with or without a unit."""
    opened = open_cell(raw.lower(), limit=MAX_CELL, too_long="age_unreadable")
    if isinstance(opened, Rejection):
        return opened
    if opened.value is None:
        return Clean(None, opened.issues)
    text = opened.value
    bare = _YEARS.sub("", text)
    years = _first(bare, (_digits, _english, _han))
    if years is None:
        return Rejection("age_unreadable")
    if not 0 < years <= MAX_AGE:
        return Rejection("age_impossible")
    worded = bare != text or _NUMBER.fullmatch(bare) is None
    return Clean(years, (*opened.issues, "age_words") if worded else opened.issues)


def _first(text: str, readers: tuple[Callable[[str], int | None], ...]) -> int | None:
    return next((number for reader in readers if (number := reader(text)) is not None), None)


def _digits(text: str) -> int | None:
    return int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else None


def _english(text: str) -> int | None:
    words = [word for word in re.split(r"[\s-]+", text) if word != "and"]
    hundreds = 0
    if len(words) > 1 and words[1] == "hundred" and words[0] in {"a", "one", "two"}:
        hundreds, words = (200 if words[0] == "two" else 100), words[2:]
    values = [_WORDS.get(word) for word in words]
    match values:
        case [] if hundreds:
            return hundreds
        case [int(single)]:
            return hundreds + single
        case [int(tens), int(unit)] if tens >= 20 and 0 < unit < 10:
            return hundreds + tens + unit
    return None


def _han(text: str) -> int | None:
    if text in {"零", "〇"}:
        return 0
    match = _HAN_NUMBER.fullmatch(text)
    if match is None or not text:
        return None
    hundreds, tens, ten, short_tens, unit = match.groups()
    total = 100 * _HAN_DIGITS[hundreds] if hundreds else 0
    if ten:
        total += 10 * (_HAN_DIGITS[tens] if tens else 1)
    if short_tens:
        total += _HAN_DIGITS[short_tens]
    return total + (_HAN_DIGITS[unit] if unit else 0)
