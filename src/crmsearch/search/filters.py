"""The closed filter grammar, in JSON and as a string.

    {"field": "city", "in": ["北京", "上海"]}       city:北京|上海
    {"field": "tags", "not_in": ["test"]}           -tags:test
    {"field": "age", "gte": 20, "lte": 39}          age:20..39      (both ends included; either may be left out)
    {"field": "age", "gte": 20, "lt": 40}           age:20..<40     (a sign beside the dots leaves that end out: 20<..<40)
    {"field": "emails", "exists": true}             emails:*        (-emails:* for those without)
    {"field": "created_at", "gte": "now-90d"}       created_at:now-90d..    (days, weeks, months M, years back from today in UTC)
    {"segment": "vip"}                              segment:vip     (its members)
    {"not_segment": "vip"}                          -segment:vip    (all others)

In a string a backslash takes the next character as it is, so ``company:A\\|B`` is one value. Nothing else is understood: no scripts, no
wildcards. Several filters must all hold.
"""

import re
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from crmsearch.contract import FIELDS, Field
from crmsearch.errors import FilterSyntaxError, InvalidRequestError, UnknownFieldError
from crmsearch.search.bins import cuts
from crmsearch.search.days import days_back, is_relative_day, resolve_day

__all__ = [
    "SEGMENT_NAME",
    "Filter",
    "ResolvedFilter",
    "build_filter",
    "check_filter",
    "check_segment_name",
    "days_are_known",
    "format_filter",
    "parse_filter",
    "with_days",
]

MAX_VALUES = 1000
MAX_VALUE = 256  # characters
_RANGED = {"integer", "double", "date"}
_BOUNDS = ("gte", "gt", "lte", "lt")
_FARTHEST = timedelta(hours=18)  # that a time zone may be from UTC, in Java
SEGMENT_NAME = r"[a-z0-9][a-z0-9-]{0,63}"
_RANGE = re.compile(r"([^|<]*?)(<?)\.\.(<?)([^|<]*)")
Scalar = str | int | float | bool
Ranged = TypeVar("Ranged", bound=msgspec.Struct)


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, rename={"in_": "in"}):
    """One condition: on a ``field`` exactly one of ``in``, ``not_in``, ``exists``, or bounds (``gte, gt, lte, lt``); or a saved segment.

    ``segment`` asks for the members of a segment, ``not_segment`` for all other customers. In bounds of a date ``now-90d`` and the like
    are days of UTC, counted back from today.
    """

    field: str = ""
    segment: str | None = None
    not_segment: str | None = None
    in_: list[Scalar] | None = None
    not_in: list[Scalar] | None = None
    gte: int | float | str | None = None
    gt: int | float | str | None = None
    lte: int | float | str | None = None
    lt: int | float | str | None = None
    exists: bool | None = None

    @property
    def bounds(self) -> dict[str, int | float | str]:
        return {name: getattr(self, name) for name in _BOUNDS if getattr(self, name) is not None}


class ResolvedFilter(Filter, frozen=True, kw_only=True):
    """A filter with what it means at this moment, as an Elasticsearch clause: the members of a segment, or the hits of a text."""

    clause: dict[str, Any]


def parse_filter(text: str) -> Filter:
    """One filter from its string form.

    Raises:
        FilterSyntaxError: the text is not of the grammar; it says what is missing.
        UnknownFieldError: the field cannot be filtered.
        InvalidRequestError: no segment can have the name.
    """
    negated = text.startswith("-")
    name, colon, rest = text.removeprefix("-").partition(":")
    if not colon or not name:
        raise FilterSyntaxError("a filter is field:value, e.g. city:北京|上海, age:20..39, emails:*, -tags:test, segment:vip")
    if name == "segment":
        check_segment_name(rest)
        return Filter(not_segment=rest) if negated else Filter(segment=rest)
    field = _filterable(name)
    if not rest:
        raise FilterSyntaxError(f"{name}: has no value; {name}:* asks for those that have one")
    if rest == "*":
        return Filter(field=name, exists=not negated)
    range_match = _RANGE.fullmatch(rest)
    if range_match and field.type in _RANGED:
        if negated:
            raise FilterSyntaxError(f"-{name}: a range cannot be negated; ask for the ranges beside it")
        low, above, below, high = range_match.groups()
        if (above and not low) or (below and not high):
            raise FilterSyntaxError(f"{name}: a bound is missing beside <; leave the sign out for a range without that end")
        ends = (("gt" if above else "gte", low), ("lt" if below else "lte", high))
        parsed = msgspec.convert({"field": name, **{bound: _scalar(field, value) for bound, value in ends if value}}, Filter)
    else:
        values = [_scalar(field, value) for value in _split_values(rest)]
        parsed = Filter(field=name, not_in=values) if negated else Filter(field=name, in_=values)
    check_filter(parsed)
    return parsed


def format_filter(filter_: Filter) -> str:
    """The string form; ``parse_filter`` of it gives the filter back."""
    if filter_.segment is not None:
        return f"segment:{filter_.segment}"
    if filter_.not_segment is not None:
        return f"-segment:{filter_.not_segment}"
    if filter_.exists is not None:
        return f"{'' if filter_.exists else '-'}{filter_.field}:*"
    if filter_.bounds:
        low = _plain(filter_.gte) if filter_.gt is None else f"{_plain(filter_.gt)}<"
        high = _plain(filter_.lte) if filter_.lt is None else f"<{_plain(filter_.lt)}"
        return f"{filter_.field}:{low}..{high}"
    values = filter_.in_ if filter_.in_ is not None else filter_.not_in or []
    joined = "|".join(re.sub(r"([\\|*])", r"\\\1", _plain(value)) for value in values)
    return f"{'-' if filter_.in_ is None else ''}{filter_.field}:{joined}"


def check_filter(filter_: Filter) -> None:
    """Raise ``FilterSyntaxError`` or ``UnknownFieldError`` with the reason if the filter cannot be applied."""
    if isinstance(filter_, ResolvedFilter) or _names_segment(filter_):
        return
    field = _filterable(filter_.field)
    bounds = filter_.bounds
    given = [name for name, value in (("in", filter_.in_), ("not_in", filter_.not_in), ("exists", filter_.exists)) if value is not None]
    if bounds:
        given.append("a range")
    if len(given) != 1:
        found = " and ".join(given) or "nothing"
        raise FilterSyntaxError(f"the filter on {field.name} must have one of in, not_in, exists or a range; it has {found}")
    if bounds:
        _check_bounds(field, bounds)
    values = filter_.in_ if filter_.in_ is not None else filter_.not_in
    if values is not None:
        if not 1 <= len(values) <= MAX_VALUES:
            raise FilterSyntaxError(f"the filter on {field.name} has {len(values)} values; from 1 to {MAX_VALUES} are possible")
        for value in values:
            _check_value(field, value)


def check_segment_name(name: str) -> None:
    """Raise ``InvalidRequestError`` if no segment can have this name."""
    if re.fullmatch(SEGMENT_NAME, name) is None:
        raise InvalidRequestError("the name of a segment has small letters, digits and hyphens, from 1 to 64, and no hyphen in front")


def with_days(ranged: Ranged, today: date) -> Ranged:
    """A filter, or a range that is counted, with days in the place of ``now`` and the like."""
    bounds = {name: resolve_day(value, today) for name, value in _relative_days(ranged).items()}
    return msgspec.structs.replace(ranged, **bounds) if bounds else ranged


def days_are_known(filter_: Filter) -> bool:
    """Whether no bound is left that is counted back from today."""
    return not _relative_days(filter_)


def build_filter(filter_: Filter) -> dict[str, Any]:
    """The Elasticsearch clause of a checked and resolved filter.

    Raises:
        FilterSyntaxError: a segment or a relative day is left in it, as where it was written into a text.
    """
    if isinstance(filter_, ResolvedFilter):
        return filter_.clause
    if not filter_.field or _relative_days(filter_):
        raise FilterSyntaxError("segments, and days counted back from today, can be asked for in filters only")
    path = FIELDS[filter_.field].path
    if filter_.exists is not None:
        present: dict[str, Any] = {"exists": {"field": path}}
        return present if filter_.exists else {"bool": {"must_not": [present]}}
    if filter_.bounds:
        return {"range": {path: filter_.bounds}}
    if filter_.in_ is not None:
        return {"terms": {path: filter_.in_}}
    return {"bool": {"must_not": [{"terms": {path: filter_.not_in}}]}}


def _relative_days(ranged: msgspec.Struct) -> dict[str, str]:
    bounds = {name: getattr(ranged, name, None) for name in _BOUNDS}
    return {name: value for name, value in bounds.items() if isinstance(value, str) and is_relative_day(value)}


def _names_segment(filter_: Filter) -> bool:
    """Whether it is a filter by a segment, and a sound one."""
    names = [name for name in (filter_.segment, filter_.not_segment) if name is not None]
    if not names:
        return False
    if len(names) == 2 or filter_.field or filter_.bounds or any(x is not None for x in (filter_.in_, filter_.not_in, filter_.exists)):
        raise FilterSyntaxError("a filter by a segment has segment or not_segment, and nothing else; use several filters")
    check_segment_name(names[0])
    return True


def _filterable(name: str) -> Field:
    if not name:
        raise FilterSyntaxError("a filter names a field, or a segment")
    field = FIELDS.get(name)
    if field is None:
        raise UnknownFieldError(f"there is no field {name[:64]!r} to filter by; GET /v1/fields lists them")
    if not field.filterable or field.type == "geo_point":
        raise UnknownFieldError(f"{name} cannot be filtered by; search for its words instead")
    return field


def _check_bounds(field: Field, bounds: dict[str, int | float | str]) -> None:
    if field.type not in _RANGED:
        raise FilterSyntaxError(f"{field.name} is not a number or a date, so it has no range; use in")
    if {"gte", "gt"} <= bounds.keys() or {"lte", "lt"} <= bounds.keys():
        raise FilterSyntaxError(f"the range of {field.name} has two bounds on one side")
    relative = {name: value for name, value in bounds.items() if field.type == "date" and isinstance(value, str) and is_relative_day(value)}
    for name, value in bounds.items():
        if name not in relative:
            _check_value(field, value)
    if _is_reversed(field, bounds, relative):
        raise FilterSyntaxError(f"the range of {field.name} ends before it begins")


def _is_reversed(field: Field, bounds: dict[str, int | float | str], relative: dict[str, str]) -> bool:
    """Whether a range ends before it begins on any day: one between a date and a day counted back may do so on some days only.

    One that begins and ends at the same value, and leaves it out, is merely empty.
    """
    begin, end = bounds.get("gte", bounds.get("gt")), bounds.get("lte", bounds.get("lt"))
    if begin is None or end is None or begin == end:
        return False
    if len(relative) == 1:
        return False
    if relative:
        return days_back(str(begin))[1] < days_back(str(end))[0]
    low, high = cuts(field, bounds)
    return low > high or (low == high and "lte" in bounds)


def _check_value(field: Field, value: Scalar) -> None:
    """The type of the value must be the field's, so that Elasticsearch never has to refuse it."""
    if field.type in {"integer", "double"}:
        # Of NaN every comparison is false.
        if isinstance(value, str | bool) or not abs(value) <= 2**53 or (field.type == "integer" and value != int(value)):
            raise FilterSyntaxError(
                f"{field.name} is {'a whole number' if field.type == 'integer' else 'a number'}; the filter has another value"
            )
        if field.type == "integer" and abs(value) >= 2**31:
            raise FilterSyntaxError(f"{field.name} goes up to 2147483647")
    elif field.type == "date":
        if not isinstance(value, str) or not _is_date(value):
            raise FilterSyntaxError(
                f"{field.name} is a date, e.g. 2026-11-23 or 2026-11-23T10:15:00Z, or in a range a day back from today: "
                "now, now-90d, now-2w, now-6M, now-1y; time zones go up to 18:00; the filter has another value"
            )
    elif not isinstance(value, str):
        raise FilterSyntaxError(f"{field.name} is text; put its values in quotes")
    elif not 1 <= len(value) <= MAX_VALUE:
        raise FilterSyntaxError(f"a value of {field.name} has {len(value)} characters; from 1 to {MAX_VALUE} are possible")


def _is_date(value: str) -> bool:
    try:
        parsed = datetime.fromisoformat(value) if "T" in value else datetime.combine(date.fromisoformat(value), datetime.min.time())
    except ValueError:
        return False
    # The forms that the mapping's strict_date_optional_time takes; fromisoformat takes more (20261123, 2026-W48, +05:99).
    form = r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:[0-5]\d)?)?"
    return abs(parsed.utcoffset() or timedelta()) <= _FARTHEST and re.fullmatch(form, value) is not None


def _split_values(text: str) -> list[str]:
    """Split at ``|``, a backslash taking the next character as it is."""
    values, current, characters = [], "", iter(text)
    for character in characters:
        if character == "\\":
            current += next(characters, "")
        elif character == "|":
            values.append(current)
            current = ""
        else:
            current += character
    return [*values, current]


def _scalar(field: Field, text: str) -> Scalar:
    if field.type not in {"integer", "double"}:
        return text
    try:
        number = float(text)
    except ValueError:
        raise FilterSyntaxError(f"{field.name} is a number; the filter has another value") from None
    if number != number or number in {float("inf"), float("-inf")}:
        raise FilterSyntaxError(f"{field.name} is a number; the filter has another value")
    return int(number) if number == int(number) else number


def _plain(value: Scalar | None) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
