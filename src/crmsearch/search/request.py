"""What callers may ask: requests as Structs, their limits, and what is checked before a query is built."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crmsearch.contract import FIELDS, Field
from crmsearch.errors import InvalidRequestError, ResultWindowError, UnknownFieldError
from crmsearch.search.facet_request import FacetRequest, as_facet, check_facet
from crmsearch.search.filters import Filter, check_filter

__all__ = [
    "DEFAULT_PERCENTILES",
    "ExportFormat",
    "ExportRequest",
    "HistogramRequest",
    "LookupRequest",
    "SearchRequest",
    "StatsRequest",
    "SuggestRequest",
    "check_export",
    "check_lookup",
    "check_search",
    "check_stats",
    "normalise_text",
    "parse_sort",
]

MAX_TEXT = 256  # characters; a name, a number and a city fit many times over, and the cost of a query stays bounded
MAX_SIZE = 100  # hits in one answer; the cursor reaches the rest
MAX_FILTERS = 32
MAX_FACETS = 16
MAX_LOOKUP = 500  # ids, e-mails and phones together; three lists of it still make one Elasticsearch request
MAX_VALUE = 512  # characters of one of them; no id is longer, in bytes at that
MAX_STATS_FIELDS = 10
MAX_GROUPS = 200
MIN_INTERVAL, MAX_INTERVAL = 1e-6, 1e15  # of a histogram; narrower bins than a double can tell apart have no bounds
ExportFormat = Literal["csv", "ndjson"]
DEFAULT_PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One search.

    ``sort`` names fields, ``-`` for descending; empty is by relevance. ``cursor`` comes from the answer before. ``exact_total`` counts all
    hits however many they are.
    """

    q: str = ""
    filters: list[Filter] = []
    facets: Sequence[str | FacetRequest] = []
    sort: list[str] = []
    size: int = 20
    cursor: str | None = None
    highlight: bool = True
    explain: bool = False
    exact_total: bool = False


class SuggestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fragment typed so far."""

    q: str
    size: Annotated[int, Meta(ge=1, le=20)] = 8


_Value = Annotated[str, Meta(min_length=1, max_length=MAX_VALUE)]


class LookupRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values that name customers, 500 in all. ``region`` is the country (ISO 3166-1 alpha-2) whose national phone numbers are meant."""

    ids: list[_Value] = []
    emails: list[_Value] = []
    phones: list[_Value] = []
    region: Annotated[str, Meta(pattern="^[A-Za-z]{2}$")] | None = None


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All hits of a search as a file. ``fields`` are the columns in their order, all of the catalogue when left out."""

    q: str = ""
    filters: list[Filter] = []
    sort: list[str] = []
    format: ExportFormat
    fields: list[str] | None = None


class HistogramRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Equal-width bins: ``interval`` in the field's unit (days for dates), from a multiple of itself."""

    interval: float


class StatsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Statistics of numeric or date fields, whole or in groups; ``size`` is the largest number of groups."""

    fields: list[str]
    q: str = ""
    filters: list[Filter] = []
    by: str | None = None
    size: int = 20
    percentiles: tuple[float, ...] = DEFAULT_PERCENTILES
    histogram: HistogramRequest | None = None


def normalise_text(text: str) -> str:
    """The query as it is searched: control characters to spaces, compatibility forms folded (NFKC), spaces single."""
    folded = unicodedata.normalize("NFKC", text)
    printable = "".join(" " if unicodedata.category(character).startswith("C") else character for character in folded)
    return " ".join(printable.split())


def check_search(request: SearchRequest) -> None:
    """Raise the reason why this search cannot be answered, if there is one."""
    _check_text(request.q)
    _check_filters(request.filters)
    if not 0 <= request.size <= MAX_SIZE:
        raise ResultWindowError(f"size is {request.size}; it goes from 0 to {MAX_SIZE}, and next_cursor leads to the hits after these")
    if len(request.facets) > MAX_FACETS:
        raise InvalidRequestError(f"{len(request.facets)} facets; at most {MAX_FACETS} in one request")
    names = [facet.field for facet in map(as_facet, request.facets)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidRequestError(f"{twice[0]} is asked for as two facets, and a filter could not tell them apart; use two requests")
    for facet in request.facets:
        check_facet(as_facet(facet))
    parse_sort(request.sort)


def check_stats(request: StatsRequest) -> None:
    """Raise the reason why these statistics cannot be computed, if there is one."""
    _check_text(request.q)
    _check_filters(request.filters)
    if not 1 <= len(request.fields) <= MAX_STATS_FIELDS:
        raise InvalidRequestError(f"{len(request.fields)} fields; name from 1 to {MAX_STATS_FIELDS}")
    for name in request.fields:
        _field(
            name, "statistic", "numeric or a date, so it has no statistics", [field.name for field in FIELDS.values() if field.statistic]
        )
    if request.by is not None:
        _field(request.by, "facet", "a field to group by", [field.name for field in FIELDS.values() if field.facet])
    if not 1 <= request.size <= MAX_GROUPS:
        raise InvalidRequestError(f"size is {request.size}; from 1 to {MAX_GROUPS} groups can be asked for, other_count tells of the rest")
    if any(not 0 <= percent <= 100 for percent in request.percentiles) or len(request.percentiles) > 20:
        raise InvalidRequestError("percentiles are at most 20 numbers from 0 to 100")
    if request.histogram is not None and not MIN_INTERVAL <= request.histogram.interval <= MAX_INTERVAL:
        raise InvalidRequestError(f"the interval of a histogram is a number from {MIN_INTERVAL:g} to {MAX_INTERVAL:g}")


def check_lookup(request: LookupRequest) -> None:
    """Raise the reason why this cannot be looked up, if there is one."""
    count = len(request.ids) + len(request.emails) + len(request.phones)
    if count > MAX_LOOKUP:
        raise InvalidRequestError(f"{count} values; at most {MAX_LOOKUP} ids, e-mails and phones are looked up at once")


def check_export(request: ExportRequest) -> None:
    """Raise the reason why this cannot be exported, if there is one."""
    _check_text(request.q)
    _check_filters(request.filters)
    parse_sort(request.sort)
    fields = list(FIELDS) if request.fields is None else request.fields
    if not fields or len(set(fields)) < len(fields):
        raise InvalidRequestError("fields names each column once; leave it out for all of them")
    if unknown := [name for name in fields if name not in FIELDS]:
        raise UnknownFieldError(f"there is no field {unknown[0][:64]!r}; GET /v1/fields lists them")


def parse_sort(sort: list[str]) -> list[tuple[Field, str]]:
    """``-revenue`` to (field, "desc"); relevance is the empty list."""
    parsed = []
    for word in sort:
        name, order = (word[1:], "desc") if word.startswith("-") else (word, "asc")
        field = _field(name, "sortable", "a field to sort by", [field.name for field in FIELDS.values() if field.sortable])
        parsed.append((field, order))
    return parsed


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise InvalidRequestError(f"q has {len(text)} characters; at most {MAX_TEXT} are searched")


def _check_filters(filters: list[Filter]) -> None:
    if len(filters) > MAX_FILTERS:
        raise InvalidRequestError(f"{len(filters)} filters; at most {MAX_FILTERS} in one request")
    for each in filters:
        check_filter(each)


def _field(name: str, flag: str, role: str, allowed: list[str]) -> Field:
    field = FIELDS.get(name)
    if field is None:
        raise UnknownFieldError(f"there is no field {name[:64]!r}; GET /v1/fields lists them")
    if not getattr(field, flag):
        raise UnknownFieldError(f"{name} is not {role}; these are: {', '.join(allowed)}")
    return field
