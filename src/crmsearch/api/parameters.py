"""Query parameters that several routes take, and how their texts are read."""

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from crmsearch.search.filters import Filter, parse_filter
from crmsearch.search.service import SearchService

__all__ = ["FilterTexts", "Service", "SortText", "read_filters", "read_names"]

Service = NamedDependency[SkipValidation[SearchService]]
FilterTexts = Annotated[
    list[str] | None, QueryParameter(name="filter", description="`city:北京|上海`, `age:20..39`, `segment:vip`; may be repeated")
]
SortText = Annotated[str, QueryParameter(description="Fields, separated by commas; `-revenue` is descending")]


def read_filters(texts: list[str] | None) -> list[Filter]:
    return [parse_filter(text) for text in texts or []]


def read_names(text: str) -> list[str]:
    """Names separated by commas."""
    return [name for name in text.split(",") if name]
