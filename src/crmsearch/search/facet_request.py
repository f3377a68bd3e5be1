"""What is counted beside a search: the values of a field, ranges of it, or a histogram. In JSON, and as a string for URLs.

    "city" or {"field": "city"}                                        city
    {"field": "age", "ranges": [{"lt": 20}, {"gte": 20, "lt": 40}]}    age:..<20|20..<40
    {"field": "revenue", "interval": 100}                              revenue:100
    {"field": "created_at", "interval": "month"}                       created_at:month
    {"field": "revenue", "interval": "auto"}                           revenue:auto

In a string several facets are separated by commas. A range is written as in a filter on the field, so that a filter can be made of it as
it is. Its upper end is left out, so that ranges which touch count nobody twice.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from crmsearch.contract import FIELDS, Field
from crmsearch.errors import FilterSyntaxError, InvalidRequestError, UnknownFieldError
from crmsearch.search.bins import CALENDAR, plain_number
from crmsearch.search.filters import Filter, format_filter, parse_filter, with_days
from crmsearch.search.ranges import check_ranges

__all__ = ["AUTO", "FacetRange", "FacetRequest", "as_facet", "check_facet", "facets_with_days", "format_facets", "parse_facet_list"]

AUTO = "auto"
MAX_RANGES = 50  # of one facet; a histogram may have more, since nobody writes it by hand
MIN_INTERVAL, MAX_INTERVAL = 1e-6, 1e15  # of numbers; narrower bins than a double can tell apart have no bounds


class FacetRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """From ``gte`` to below ``lt``; one of them may be left out."""

    gte: int | float | str | None = None
    lt: int | float | str | None = None

    def as_filter(self, field: str) -> Filter:
        """What selects this range."""
        return Filter(field=field, gte=self.gte, lt=self.lt)


class FacetRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One facet: its values, or ``ranges``, or a histogram by ``interval``.

    An interval is a number for numbers; ``day``, ``week``, ``month``, ``quarter`` or ``year`` for dates; ``auto`` for either.
    """

    field: str
    ranges: list[FacetRange] | None = None
    interval: int | float | str | None = None

    @property
    def spread(self) -> bool:
        """Whether it is counted by ranges or intervals, not by values."""
        return self.ranges is not None or self.interval is not None

    @property
    def open(self) -> bool:
        """Whether its ranges depend on how far the values found reach."""
        return self.interval is not None and FIELDS[self.field].type != "date"


def as_facet(facet: str | FacetRequest) -> FacetRequest:
    """The long form of a facet."""
    return FacetRequest(field=facet) if isinstance(facet, str) else facet


def parse_facet_list(text: str) -> list[str | FacetRequest]:
    """Facets from their string form.

    Raises:
        InvalidRequestError: the text is not of the grammar; it says what is wrong.
    """
    return [_parse_facet(part) for part in text.split(",") if part]


def format_facets(facets: Sequence[str | FacetRequest]) -> str:
    """The string form; ``parse_facet_list`` of it gives the facets back."""
    return ",".join(_format_facet(as_facet(facet)) for facet in facets)


def check_facet(facet: FacetRequest) -> None:
    """Raise the reason why this cannot be counted, if there is one."""
    field = FIELDS.get(facet.field)
    if field is None:
        raise UnknownFieldError(f"there is no field {facet.field[:64]!r} to count; GET /v1/fields lists them")
    if not facet.spread:
        if not field.facet:
            wayout = f'; ask for its ranges, e.g. "{field.name}:auto"' if field.ranged else ""
            raise UnknownFieldError(f"{field.name} is not a facet{wayout}; these are: {', '.join(_names('facet'))}")
        return
    _check_ranged(field)
    if facet.ranges is not None and facet.interval is not None:
        raise InvalidRequestError(f"the facet {field.name} has ranges and an interval; ask for one of them")
    if facet.ranges is not None:
        check_ranges(field, [each.as_filter(field.name) for each in facet.ranges], MAX_RANGES, ", and an interval makes more")
    elif facet.interval is not None:
        _check_interval(field, facet.interval)


def facets_with_days(facets: Sequence[str | FacetRequest], today: date) -> list[str | FacetRequest]:
    """Facets with days in the place of ``now`` and the like in their ranges."""
    return [
        msgspec.structs.replace(facet, ranges=[with_days(each, today) for each in facet.ranges])
        if isinstance(facet, FacetRequest) and facet.ranges
        else facet
        for facet in facets
    ]


def _parse_facet(text: str) -> str | FacetRequest:
    name, colon, rest = text.partition(":")
    if not colon:
        return name
    field = FIELDS.get(name)
    if field is None:
        raise UnknownFieldError(f"there is no field {name[:64]!r} to count; GET /v1/fields lists them")
    _check_ranged(field)
    if ".." not in rest:
        return FacetRequest(field=name, interval=plain_number(rest) if field.type != "date" else rest)
    ranges = []
    for part in rest.split("|"):
        bounds = parse_filter(f"{name}:{part}").bounds if ".." in part else {}
        if not bounds or not bounds.keys() <= {"gte", "lt"}:
            raise FilterSyntaxError(
                f"the ranges of the facet {name} are written 20..<40, ..<20 or 40..: with their lower end, without the upper"
            )
        ranges.append(msgspec.convert(bounds, FacetRange))
    return FacetRequest(field=name, ranges=ranges)


def _format_facet(facet: FacetRequest) -> str:
    if facet.ranges is not None:
        texts = [format_filter(each.as_filter(facet.field)).removeprefix(f"{facet.field}:") for each in facet.ranges]
        return f"{facet.field}:{'|'.join(texts)}"
    return facet.field if facet.interval is None else f"{facet.field}:{facet.interval}"


def _check_ranged(field: Field) -> None:
    if not field.ranged:
        raise UnknownFieldError(
            f'{field.name} is neither a number nor a date, so it has no ranges and no intervals; its values are counted by "{field.name}" '
            f"if it is a facet. Ranges have: {', '.join(_names('ranged'))}"
        )


def _check_interval(field: Field, interval: float | str) -> None:
    if interval == AUTO:
        return
    if field.type == "date":
        if interval not in CALENDAR:
            raise InvalidRequestError(f"the interval of {field.name}, a date, is one of {', '.join(CALENDAR)}, {AUTO}")
    elif isinstance(interval, str) or not MIN_INTERVAL <= interval <= MAX_INTERVAL:
        raise InvalidRequestError(f"the interval of {field.name} is a number from {MIN_INTERVAL:g} to {MAX_INTERVAL:g}, or {AUTO}")
    elif field.type == "integer" and interval != int(interval):
        raise InvalidRequestError(f"{field.name} is a whole number, and so is its interval")


def _names(flag: str) -> list[str]:
    return [field.name for field in FIELDS.values() if getattr(field, flag)]
