"""From Elasticsearch's answer to ours. Pure."""

from typing import Any

import msgspec

from crmsearch.contract import FIELDS, Customer
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.facets import Facet, parse_facets, split_selections
from crmsearch.search.request import SearchRequest, SuggestRequest, normalise_text

__all__ = [
    "FieldInfo",
    "Hit",
    "SearchResponse",
    "SuggestResponse",
    "Suggestion",
    "field_infos",
    "parse_search",
    "parse_suggest",
]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One customer found: the score (``None`` without a text), HTML-safe highlights, and the fields that matched."""

    id: str
    score: float | None
    customer: Customer
    highlights: dict[str, list[str]]
    matched: list[str]
    explanation: dict[str, Any] | None = None


class SearchResponse(msgspec.Struct, frozen=True, kw_only=True):
    """``total_relation`` is ``eq`` when ``total`` is exact and ``gte`` when there are at least so many."""

    total: int
    total_relation: str
    took_ms: int
    hits: list[Hit]
    facets: list[Facet]
    next_cursor: str | None
    corrections: list[str]


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    id: str
    field: str


class SuggestResponse(msgspec.Struct, frozen=True):
    suggestions: list[Suggestion]


class FieldInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the catalogue, as callers see it."""

    name: str
    label: str
    label_zh: str
    group: str
    type: str
    many: bool
    searchable: bool
    filterable: bool
    ranged: bool
    facet: bool
    statistic: bool
    sortable: bool


def field_infos() -> list[FieldInfo]:
    """The whole catalogue."""
    return msgspec.convert(list(FIELDS.values()), list[FieldInfo], from_attributes=True)


def parse_search(request: SearchRequest, answer: dict[str, Any], cursors: Cursors, stage: str = "") -> SearchResponse:
    """The answer to ``build_search_body(request)``; ``stage`` is which stage of the search it answers, for the cursor."""
    found = answer["hits"]["hits"]
    _, selections = split_selections(request)
    next_cursor = None
    if request.size and len(found) == request.size:
        next_cursor = cursors.write(request, Position(found[-1]["_index"], found[-1]["sort"], stage))
    return SearchResponse(
        total=answer["hits"]["total"]["value"],
        total_relation=answer["hits"]["total"]["relation"],
        took_ms=answer["took"],
        hits=[_parse_hit(hit, scored=bool(normalise_text(request.q))) for hit in found],
        facets=parse_facets(request.facets, selections, answer.get("aggregations", {})),
        next_cursor=next_cursor,
        corrections=[],
    )


def parse_suggest(_: SuggestRequest, answer: dict[str, Any]) -> SuggestResponse:
    """The answer to ``build_suggest_body``."""
    suggestions = []
    for hit in answer["hits"]["hits"]:
        source = hit["_source"]
        fields = _matched(hit)
        suggestions.append(
            Suggestion(text=source.get("name") or source.get("company") or hit["_id"], id=hit["_id"], field=fields[0] if fields else "name")
        )
    return SuggestResponse(suggestions)


def _parse_hit(hit: dict[str, Any], *, scored: bool) -> Hit:
    highlights = hit.get("highlight", {})
    return Hit(
        id=hit["_id"],
        score=hit.get("_score") if scored else None,
        customer=msgspec.convert(hit["_source"], Customer),
        highlights=highlights,
        matched=list(dict.fromkeys([*_matched(hit), *highlights])),
        explanation=hit.get("_explanation"),
    )


def _matched(hit: dict[str, Any]) -> list[str]:
    """Catalogue fields of the named clauses that matched, in the order of the clause table."""
    return [field for field in dict.fromkeys(name.partition("|")[0] for name in hit.get("matched_queries", [])) if field]
