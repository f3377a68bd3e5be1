"""What callers may ask: requests as Structs, their limits, and what is checked before a query is built."""

import unicodedata
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from crmsearch.contract import FIELDS, Field
from crmsearch.errors import InvalidRequestError, ResultWindowError, UnknownFieldError
from crmsearch.search.filters import Filter, check_filter

__all__ = [
    "SearchRequest",
    "SuggestRequest",
    "check_filters",
    "check_search",
    "check_text",
    "normalise_text",
    "parse_sort",
    "usable_field",
]

MAX_TEXT = 256  # characters; a name, a number and a city fit many times over, and the cost of a query stays bounded
MAX_SIZE = 100  # hits in one answer; the cursor reaches the rest
MAX_FILTERS = 32
MAX_FACETS = 16


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One search. ``sort`` names fields, ``-`` for descending; empty is by relevance. ``cursor`` comes from the answer before."""

    q: str = ""
    filters: list[Filter] = []
    facets: list[str] = []
    sort: list[str] = []
    size: int = 20
    cursor: str | None = None
    highlight: bool = True
    explain: bool = False


class SuggestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fragment typed so far."""

    q: str
    size: Annotated[int, Meta(ge=1, le=20)] = 8


def normalise_text(text: str) -> str:
    """The query as it is searched: control characters to spaces, compatibility forms folded (NFKC), spaces single."""
    folded = unicodedata.normalize("NFKC", text)
    printable = "".join(" " if unicodedata.category(character).startswith("C") else character for character in folded)
    return " ".join(printable.split())


def check_search(request: SearchRequest) -> None:
    """Raise the reason why this search cannot be answered, if there is one."""
    check_text(request.q)
    check_filters(request.filters)
    if not 0 <= request.size <= MAX_SIZE:
        raise ResultWindowError(f"size is {request.size}; it goes from 0 to {MAX_SIZE}, and next_cursor leads to the hits after these")
    if len(request.facets) > MAX_FACETS:
        raise InvalidRequestError(f"{len(request.facets)} facets; at most {MAX_FACETS} in one request")
    for name in request.facets:
        usable_field(name, "a facet", lambda field: field.facet)
    parse_sort(request.sort)


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
