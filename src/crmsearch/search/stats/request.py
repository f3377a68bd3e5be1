"""What may be asked of statistics: requests as Structs, their short forms for URLs, and what is checked before a query is built."""

import itertools
import math
from datetime import date
from typing import Annotated, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError, UnknownFieldError
from crmsearch.search.filters import Filter, with_days
from crmsearch.search.ranges import check_ranges
from crmsearch.search.request import check_filters, check_text, usable_field

__all__ = [
    "DEFAULT_PERCENTILES",
    "CalendarUnit",
    "CorrelationRequest",
    "CrosstabRequest",
    "Grouping",
    "HistogramRequest",
    "Range",
    "StatsRequest",
    "check_correlation",
    "check_crosstab",
    "check_stats",
    "fields_of",
    "parse_grouping",
    "parse_groupings",
    "parse_histogram",
    "parse_percentiles",
    "with_grouped_days",
]

MAX_FIELDS = 10
MAX_PERCENTILES = 20
MAX_GROUPS = 200  # of one field, and ranges of one grouping
MAX_NESTED_GROUPS = 1000  # of two fields together
MAX_BINS = 200  # of an automatic histogram
AUTOMATIC_BINS = 30
MIN_INTERVAL, MAX_INTERVAL = 1e-6, 1e15  # of a histogram; narrower bins than a double can tell apart have no bounds
DEFAULT_PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)

CalendarUnit = Literal["hour", "day", "week", "month", "quarter", "year"]


class HistogramRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How values are counted in bins; one of three.

    Attributes:
        interval: equal widths in the field's unit (days for dates), from a multiple of itself.
        calendar: hours to years of the calendar, in UTC, weeks from Monday; for dates only.
        bins: an automatic width: the narrowest round one (for dates the shortest unit) that takes at most so many bins.
    """

    interval: float | None = None
    calendar: CalendarUnit | None = None
    bins: Annotated[int, Meta(ge=2, le=MAX_BINS)] | None = None


class Range(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Values from ``gte`` to below ``lt``; one of them may be left out. Dates as in filters."""

    gte: int | float | str | None = None
    lt: int | float | str | None = None
    label: Annotated[str, Meta(min_length=1, max_length=64)] | None = None

    @property
    def text(self) -> str:
        """The label, or the bounds as people write them."""
        if self.label is not None:
            return self.label
        if self.gte is None:
            return f"< {_shown(self.lt)}"
        return f"≥ {_shown(self.gte)}" if self.lt is None else f"{_shown(self.gte)} – < {_shown(self.lt)}"


class Grouping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What customers are grouped by: the values of a facet, or ranges of a number or a date, which must not overlap."""

    field: str
    ranges: list[Range] | None = None


class StatsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Statistics of numbers, dates and categories, whole and in groups of one or two fields.

    ``size`` is the largest number of groups of one field, and of values shown of a category.
    """

    fields: list[str]
    q: str = ""
    filters: list[Filter] = []
    by: str | Grouping | list[str | Grouping] | None = None
    size: int = 20
    percentiles: tuple[float, ...] = DEFAULT_PERCENTILES
    histogram: HistogramRequest | None = None

    @property
    def groupings(self) -> list[Grouping]:
        """``by`` in its full form: none, one or two."""
        given = self.by if isinstance(self.by, list) else [self.by]
        return [as_grouping(each) for each in given if each is not None]

    @property
    def numeric(self) -> list[str]:
        """Fields that have figures; the others have values with counts."""
        return [name for name in self.fields if FIELDS[name].statistic]

    @property
    def categorical(self) -> list[str]:
        return [name for name in self.fields if not FIELDS[name].statistic]


class CorrelationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pearson's correlation of every pair of these fields, each over the customers that have both."""

    fields: list[str]
    q: str = ""
    filters: list[Filter] = []


class CrosstabRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two groupings against each other; ``size`` is the largest number of values of each, the rest is put together."""

    rows: str | Grouping
    columns: str | Grouping
    q: str = ""
    filters: list[Filter] = []
    size: int = 20


Figures = TypeVar("Figures", StatsRequest, CorrelationRequest, CrosstabRequest)


def fields_of(request: StatsRequest | CorrelationRequest | CrosstabRequest) -> list[str]:
    """All fields that a request is about or groups by."""
    if isinstance(request, CrosstabRequest):
        return [as_grouping(each).field for each in (request.rows, request.columns)]
    return [*request.fields, *(each.field for each in request.groupings)] if isinstance(request, StatsRequest) else request.fields


def as_grouping(given: str | Grouping) -> Grouping:
    return Grouping(field=given) if isinstance(given, str) else given


def check_stats(request: StatsRequest) -> None:
    """Raise the reason why these statistics cannot be computed, if there is one."""
    check_text(request.q)
    check_filters(request.filters)
    if not 1 <= len(request.fields) <= MAX_FIELDS:
        raise InvalidRequestError(f"{len(request.fields)} fields; name from 1 to {MAX_FIELDS}")
    for name in request.fields:
        role = "numeric, a date or a category, so it has no statistics"
        usable_field(name, role, lambda field: field.statistic or field.facet)
    _check_size(request.size)
    groupings = request.groupings
    if len(groupings) > 2:
        raise InvalidRequestError(f"by has {len(groupings)} fields; group by one or two, and use filters for the rest")
    for each in groupings:
        _check_grouping(each)
    if len({each.field for each in groupings}) < len(groupings):
        raise InvalidRequestError(f"by has {groupings[0].field} twice")
    most = math.prod(len(each.ranges) if each.ranges else request.size for each in groupings)
    if len(groupings) == 2 and most > MAX_NESTED_GROUPS:
        raise InvalidRequestError(f"by asks for up to {most} groups of two fields; at most {MAX_NESTED_GROUPS}: lower size, or filter")
    if any(not 0 <= percent <= 100 for percent in request.percentiles) or len(request.percentiles) > MAX_PERCENTILES:
        raise InvalidRequestError(f"percentiles are at most {MAX_PERCENTILES} numbers from 0 to 100")
    if request.histogram is not None:
        if not request.numeric:
            raise InvalidRequestError("a histogram is of a number or a date, and none of the fields is one")
        _check_histogram(request.histogram, request.numeric)


def check_correlation(request: CorrelationRequest) -> None:
    """Raise the reason why these correlations cannot be computed, if there is one."""
    check_text(request.q)
    check_filters(request.filters)
    if not 2 <= len(set(request.fields)) == len(request.fields) <= MAX_FIELDS:
        raise InvalidRequestError(f"correlation takes from 2 to {MAX_FIELDS} different fields")
    for name in request.fields:
        usable_field(name, "numeric or a date, so it has no correlation", lambda field: field.statistic)


def check_crosstab(request: CrosstabRequest) -> None:
    """Raise the reason why this table cannot be made, if there is one."""
    check_text(request.q)
    check_filters(request.filters)
    _check_size(request.size)
    rows, columns = as_grouping(request.rows), as_grouping(request.columns)
    for each in (rows, columns):
        _check_grouping(each)
    if rows.field == columns.field:
        raise InvalidRequestError(f"rows and columns are both {rows.field}; name two fields")
    for each, other in ((rows, columns), (columns, rows)):
        if FIELDS[each.field].many:
            raise InvalidRequestError(
                f"{each.field} is a list, so a customer may be in several of its lines; ask for statistics of {each.field} by {other.field}"
            )


def with_grouped_days(request: Figures, today: date) -> Figures:
    """The request with days in the place of ``now`` and the like in the ranges that it groups by."""

    def known(given: str | Grouping) -> str | Grouping:
        if isinstance(given, str) or given.ranges is None:
            return given
        return msgspec.structs.replace(given, ranges=[with_days(each, today) for each in given.ranges])

    if isinstance(request, StatsRequest) and request.groupings:
        return msgspec.structs.replace(request, by=[known(each) for each in request.groupings])
    if isinstance(request, CrosstabRequest):
        return msgspec.structs.replace(request, rows=known(request.rows), columns=known(request.columns))
    return request


def parse_groupings(text: str) -> list[str | Grouping]:
    """``city,age:18|30|45`` to its groupings; empty for an empty text."""
    return [parse_grouping(each) for each in text.split(",") if each]


def parse_grouping(text: str) -> str | Grouping:
    """A field, or a field cut into ranges at the values after the colon: ``age:18|30|45``."""
    name, colon, values = text.partition(":")
    return _cut(name, values) if colon else name


def parse_histogram(text: str) -> HistogramRequest:
    """``10``, ``month``, ``auto`` or ``auto:50``.

    Raises:
        InvalidRequestError: it is none of these.
    """
    if text in get_args(CalendarUnit):
        return msgspec.convert({"calendar": text}, HistogramRequest)
    word, _, count = text.partition(":")
    try:
        if word == "auto":
            return msgspec.convert({"bins": int(count) if count else AUTOMATIC_BINS}, HistogramRequest)
        return HistogramRequest(interval=float(text))
    except ValueError as error:  # msgspec's ValidationError is one too
        units = ", ".join(get_args(CalendarUnit))
        raise InvalidRequestError(f"a histogram is a width (10), one of {units}, or auto, auto:2 to auto:{MAX_BINS}") from error


def parse_percentiles(text: str) -> tuple[float, ...]:
    """``5,50,95`` to its numbers; of an empty text the usual percentiles.

    Raises:
        InvalidRequestError: something in it is no number.
    """
    try:
        return tuple(float(number) for number in text.split(",") if number) or DEFAULT_PERCENTILES
    except ValueError as error:
        raise InvalidRequestError("percentiles are numbers from 0 to 100, separated by commas") from error


def _cut(name: str, text: str) -> Grouping:
    numeric = name in FIELDS and FIELDS[name].type in {"integer", "double"}
    try:
        at: list[float | str] = [float(value) if numeric else value for value in text.split("|")]
    except ValueError as error:
        raise InvalidRequestError(f"{name} is cut at numbers separated by |, e.g. age:18|30|45") from error
    bounds = [None, *at, None]
    return Grouping(field=name, ranges=[Range(gte=low, lt=high) for low, high in itertools.pairwise(bounds)])


def _check_size(size: int) -> None:
    if not 1 <= size <= MAX_GROUPS:
        raise InvalidRequestError(f"size is {size}; from 1 to {MAX_GROUPS} groups can be asked for, other_count tells of the rest")


def _check_grouping(grouping: Grouping) -> None:
    if grouping.ranges is None:
        field = FIELDS.get(grouping.field)
        if field is not None and field.statistic and not field.facet:
            raise UnknownFieldError(f"{field.name} has too many values to group by; group it by ranges, in a URL {field.name}:10|20|50")
        usable_field(grouping.field, "a field to group by", lambda field: field.facet)
        return
    field = usable_field(grouping.field, "a number or a date, so it has no ranges", lambda field: field.statistic)
    check_ranges(field, [Filter(field=field.name, gte=each.gte, lt=each.lt) for each in grouping.ranges], MAX_GROUPS)
    if len({each.text for each in grouping.ranges}) < len(grouping.ranges):
        raise InvalidRequestError(f"two ranges of {field.name} have the same label")


def _check_histogram(histogram: HistogramRequest, names: list[str]) -> None:
    given = [value for value in (histogram.interval, histogram.calendar, histogram.bins) if value is not None]
    if len(given) != 1:
        raise InvalidRequestError("a histogram has one of interval, calendar or bins")
    if histogram.interval is not None and not MIN_INTERVAL <= histogram.interval <= MAX_INTERVAL:
        raise InvalidRequestError(f"the interval of a histogram is a number from {MIN_INTERVAL:g} to {MAX_INTERVAL:g}")
    for name in names:
        if histogram.calendar is not None and FIELDS[name].type != "date":
            raise InvalidRequestError(f"{name} is not a date, so its histogram has no calendar interval; give interval or bins")


def _shown(bound: float | str | None) -> str:
    return f"{bound:.12g}" if isinstance(bound, int | float) else str(bound)
