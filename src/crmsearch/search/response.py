"""From Elasticsearch's answer to ours. Pure."""

import re
from typing import Any

import msgspec

from crmsearch.cleaning.spelling import is_han
from crmsearch.contract import FIELDS, Customer
from crmsearch.privacy.policy import WHOLE, Sight
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.facets import Facet, parse_facets, split_selections
from crmsearch.search.match import Match, Matcher, Reason
from crmsearch.search.relevance import Stage
from crmsearch.search.request import SearchRequest, SuggestRequest
from crmsearch.search.text import parse_text
from crmsearch.search.vocabulary import VOCABULARY, Word

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


CORRECTED_HITS = 5  # best hits that corrections are taken from
MAX_CORRECTIONS = 3


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One customer found: the score (``None`` without a text), HTML-safe highlights, and the fields that matched.

    ``unmatched`` are parts of the text that the customer does not have, which only hits of the partial stage may lack. ``explanation``
    tells, if asked for, what each word counts.
    """

    id: str
    score: float | None
    customer: Customer
    highlights: dict[str, list[str]]
    matched: list[str]
    unmatched: list[str] = []
    explanation: list[Reason] | None = None


class SearchResponse(msgspec.Struct, frozen=True, kw_only=True):
    """``total_relation`` is ``eq`` when ``total`` is exact and ``gte`` when there are at least so many.

    ``stage`` is ``precise`` when every word was found as typed, ``tolerant`` when similar words count too, since few customers had them as
    typed, and ``partial`` when no customer has them all. ``corrections`` are texts that would have been found as typed.
    """

    total: int
    total_relation: str
    took_ms: int
    hits: list[Hit]
    facets: list[Facet]
    next_cursor: str | None
    corrections: list[str]
    stage: Stage = "precise"


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    id: str
    field: str


class SuggestResponse(msgspec.Struct, frozen=True):
    suggestions: list[Suggestion]


class FieldInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the catalogue, as callers see it; ``values`` are those that have names of their own, all others are data."""

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
    sealed: bool
    values: list[Word]


def field_infos() -> list[FieldInfo]:
    """The whole catalogue."""
    told = [name for name in FieldInfo.__struct_fields__ if name != "values"]
    return [
        FieldInfo(**{name: getattr(field, name) for name in told}, values=list(VOCABULARY[field.name].values()))
        for field in FIELDS.values()
    ]


def parse_search(
    request: SearchRequest, answer: dict[str, Any], cursors: Cursors, stage: Stage = "precise", sight: Sight = WHOLE
) -> SearchResponse:
    """The answer to ``build_search_body(request, stage=stage)``."""
    found = answer["hits"]["hits"]
    _, selections = split_selections(request)
    next_cursor = None
    if request.size and len(found) == request.size:
        next_cursor = cursors.write(request, Position(found[-1]["_index"], found[-1]["sort"], stage))
    text = parse_text(request.q)
    matcher = Matcher(text, stage, highlight=request.highlight, withheld=sight.withheld)
    matches = [matcher.match(hit["_source"]) for hit in found]
    return SearchResponse(
        total=answer["hits"]["total"]["value"],
        total_relation=answer["hits"]["total"]["relation"],
        took_ms=answer["took"],
        hits=[_hit(request, hit, match, sight, scored=not text.empty) for hit, match in zip(found, matches, strict=True)],
        facets=parse_facets(request.facets, selections, answer.get("aggregations", {})),
        next_cursor=next_cursor,
        corrections=_corrections(request.q, matches) if stage != "precise" else [],
        stage=stage,
    )


def parse_suggest(request: SuggestRequest, answer: dict[str, Any], stage: Stage = "precise", sight: Sight = WHOLE) -> SuggestResponse:
    """The answer to ``build_suggest_body``."""
    matcher = Matcher(parse_text(request.q), stage, highlight=False)
    suggestions = []
    for hit in answer["hits"]["hits"]:
        source = hit["_source"]
        fields = matcher.match(source).matched
        source = sight.shown(source)
        suggestions.append(
            Suggestion(text=source.get("name") or source.get("company") or hit["_id"], id=hit["_id"], field=fields[0] if fields else "name")
        )
    return SuggestResponse(suggestions)


def _corrections(q: str, matches: list[Match]) -> list[str]:
    """What was probably meant: the text with its misspelt words as the best hits write them.

    A word that a hit has as it was typed is none of them, and pinyin is not mixed with characters.
    """
    alone = len(q.split()) == 1
    typed = frozenset().union(*(match.typed for match in matches))
    found: dict[str, None] = {}
    for match in matches[:CORRECTED_HITS]:
        text = q
        for word, like in match.similar.items():
            if word in typed or not (alone or is_han(word) == is_han(like)):
                continue
            # Letters of the document are taken as they are: no part of them is a reference to a group.
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", like.replace("\\", r"\\"), text, flags=re.IGNORECASE)
        if text.casefold() != q.casefold():
            found[text] = None
    return list(found)[:MAX_CORRECTIONS]


def _hit(request: SearchRequest, hit: dict[str, Any], match: Match, sight: Sight, *, scored: bool) -> Hit:
    return Hit(
        id=hit["_id"],
        score=hit.get("_score") if scored else None,
        customer=msgspec.convert(sight.shown(hit["_source"]), Customer),
        highlights=match.highlights,
        matched=match.matched,
        unmatched=match.unmatched,
        explanation=match.reasons if request.explain else None,
    )
