"""What callers may ask: requests as Structs, their limits, and what is checked before a query is built."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crmsearch.contract import FIELDS, Field
from crmsearch.errors import InvalidRequestError, ResultWindowError, UnknownFieldError
from crmsearch.search.facet_request import FacetRequest, as_facet, check_facet
from crmsearch.search.filters import Filter, check_filter
from crmsearch.search.text import parse_text

__all__ = [
    "ExportFormat",
    "ExportRequest",
    "LookupRequest",
    "SearchRequest",
    "SuggestRequest",
    "check_export",
    "check_filters",
    "check_lookup",
    "check_search",
    "check_text",
    "parse_sort",
    "usable_field",
]

MAX_TEXT = 4096  # characters; more than anybody types, so that a pasted mail is still searched, at a bounded cost
MAX_SIZE = 100  # hits in one answer; the cursor reaches the rest
MAX_FILTERS = 32
MAX_FACETS = 16
MAX_LOOKUP = 500  # ids, e-mails, phones and references together; the lists of it still make one Elasticsearch request
MAX_VALUE = 512  # characters of one of them; no id is longer, in bytes at that
ExportFormat = Literal["csv", "ndjson"]


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
    """Values that name customers, 500 in all; ``refs`` are what analysts see in the place of ids.

    ``region`` is the country (ISO 3166-1 alpha-2) whose national phone numbers are meant.
    """

    ids: list[_Value] = []
    emails: list[_Value] = []
    phones: list[_Value] = []
    refs: list[_Value] = []
    region: Annotated[str, Meta(pattern="^[A-Za-z]{2}$")] | None = None


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All hits of a search as a file. ``fields`` are the columns in their order, all of the catalogue when left out."""

    q: str = ""
    filters: list[Filter] = []
    sort: list[str] = []
    format: ExportFormat
    fields: list[str] | None = None


def check_search(request: SearchRequest) -> None:
    """Raise the reason why this search cannot be answered, if there is one."""
    check_text(request.q)
    check_filters(request.filters)
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


def check_lookup(request: LookupRequest) -> None:
    """Raise the reason why this cannot be looked up, if there is one."""
    count = len(request.ids) + len(request.emails) + len(request.phones) + len(request.refs)
    if count > MAX_LOOKUP:
        raise InvalidRequestError(f"{count} values; at most {MAX_LOOKUP} ids, e-mails, phones and references are looked up at once")


def check_export(request: ExportRequest) -> None:
    """Raise the reason why this cannot be exported, if there is one."""
    check_text(request.q)
    check_filters(request.filters)
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
        field = usable_field(name, "a field to sort by", lambda field: field.sortable)
        parsed.append((field, order))
    return parsed


def check_text(text: str) -> None:
    """Raise ``InvalidRequestError`` if the text is longer than can be searched."""
    if len(text) > MAX_TEXT:
        raise InvalidRequestError(f"q has {len(text)} characters; at most {MAX_TEXT} are searched")
    parse_text(text)


def check_filters(filters: list[Filter]) -> None:
    """Raise the reason if there are too many filters, or one of them cannot be applied."""
    if len(filters) > MAX_FILTERS:
        raise InvalidRequestError(f"{len(filters)} filters; at most {MAX_FILTERS} in one request")
    for each in filters:
        check_filter(each)


def usable_field(name: str, role: str, usable: Callable[[Field], bool]) -> Field:
    """The field of the catalogue with this name.

    Raises:
        UnknownFieldError: there is none, or it is not ``role``; the text lists those that are ``usable``.
    """
    field = FIELDS.get(name)
    if field is None:
        raise UnknownFieldError(f"there is no field {name[:64]!r}; GET /v1/fields lists them")
    if not usable(field):
        raise UnknownFieldError(f"{name} is not {role}; these are: {', '.join(each.name for each in FIELDS.values() if usable(each))}")
    return field
