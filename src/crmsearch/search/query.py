"""From a request to an Elasticsearch ``_search`` body. Pure.

What counts for what is in ``relevance``; here the ways become clauses. A search has stages: ``precise`` first; ``tolerant``, with the
similar forms too, where that finds too little; ``partial``, where not every word needs to be found, only if nothing else is left.
"""

from collections.abc import Sequence

from crmsearch.cleaning.forms import grams
from crmsearch.cleaning.spelling import deletions, is_han
from crmsearch.search.clauses import Body, any_of, best_of, constant, every_chunk, literally, most_chunks
from crmsearch.search.cursor import Position
from crmsearch.search.facets import build_facets, split_selections
from crmsearch.search.filters import Filter, build_filter
from crmsearch.search.relevance import (
    AS_TYPED,
    ENOUGH,
    FAMILY_PAIR,
    PAIR_BEGINNING,
    PHRASE,
    PHRASE_FIELDS,
    STAGES,
    TOGETHER,
    TOGETHER_SIMILAR,
    WHOLE_NAME,
    Stage,
)
from crmsearch.search.request import SearchRequest, SuggestRequest, parse_sort
from crmsearch.search.text import QueryText, parse_text

__all__ = [
    "Body",
    "build_count_body",
    "build_search_body",
    "build_suggest_body",
    "build_text_query",
    "build_vitals_body",
    "is_enough",
    "stages_of",
]

TOTAL_LIMIT = 10_000  # hits are counted exactly up to here; beyond, total_relation says "gte" unless exact_total is asked for
MAX_TOGETHER = 4  # words that may be one name typed with gaps
NEEDED_OF_LONG = "10%"  # of the words of a pasted text


def stages_of(q: str) -> tuple[Stage, ...]:
    """The stages that a text may go through, in their order; a text without words, or a pasted one, has but one."""
    text = parse_text(q)
    if text.long or not text.chunks:
        return STAGES[:1]
    return STAGES if sum(not chunk.optional for chunk in text.chunks) > 1 else STAGES[:2]


def is_enough(q: str, stage: Stage, total: int) -> bool:
    """Whether a stage has found enough to be the answer.

    A number, an address or a key that was found as typed is what was looked for; of words, a few more that are similar are welcome.
    """
    if stage != "precise" or total == 0:
        return total > 0
    words = {word for chunk in parse_text(q).chunks for reading in chunk.readings for word in reading}
    return total >= ENOUGH or any(word.kind == "email" or any(map(str.isdigit, word.text)) for word in words)


def build_text_query(q: str, stage: Stage = "precise") -> Body | None:
    """The scoring query for a text, or ``None`` for one that asks nothing; what is only signs nobody has.

    Raises:
        FilterSyntaxError, UnknownFieldError: a condition in the text is not of the grammar.
    """
    text = parse_text(q)
    if text.empty:
        return {"match_none": {}} if text.only_signs else None
    parts: Body = {
        "should": [],
        "must": _phrases(text),
        "filter": [build_filter(each) for each in text.filters],
        "must_not": _without(text),
    }
    if text.long:
        parts["must"].append(_pasted(text))
    elif text.chunks:
        parts["must"].append(_chunks(text, stage))
        if stage == "tolerant":
            parts["should"].append(constant(_chunks(text, "precise"), AS_TYPED))
        parts["should"] += every_chunk([chunk for chunk in text.chunks if chunk.optional], tolerant=False) + _wholes(text, stage)
    # Without words a condition alone would score 0, and Elasticsearch would call every hit equally good; so it is.
    return {"bool": {name: clauses for name, clauses in parts.items() if clauses}}


def _chunks(text: QueryText, stage: Stage) -> Body:
    """Every part must be found; in the partial stage, most of them."""
    chunks = [chunk for chunk in text.chunks if not chunk.optional]
    if stage == "partial":
        return most_chunks(text, chunks)
    every: Body = {"bool": {"must": every_chunk(chunks, tolerant=stage == "tolerant")}}
    together = _together(text, stage)
    return every if together is None else best_of([every, together], 0)


def _wholes(text: QueryText, stage: Stage) -> list[Body]:
    """What counts beyond the words: that they are the whole name, and that neighbours belong together.

    Not in the partial stage, where one word of the name and a rare place may say more than two words of a common name.
    """
    if stage == "partial":
        return []
    bonuses = [constant({"term": {"name.keyword": text.whole}}, WHOLE_NAME)]
    words = text.words
    if len(words) > 1 and all(map(is_han, words)):
        bonuses.append(constant({"term": {"name_words": "".join(words)}}, WHOLE_NAME))
    for pair in text.pairs:
        bonuses.append(constant({"term": {"name_joined": pair}}, FAMILY_PAIR))
        bonuses.append(constant({"term": {"name_joined.edges": pair}}, PAIR_BEGINNING))
    return bonuses


def _together(text: QueryText, stage: Stage) -> Body | None:
    """Words of one name that were typed with a gap: Mc Donald, zhang wei, ou yang na na; with a slip somewhere in the tolerant stage."""
    words = text.words
    if not 2 <= len(words) <= MAX_TOGETHER or any(map(is_han, words)):
        return None
    whole = "".join(words)
    # Counted as if each of the words were found so.
    queries = [constant({"term": {form: whole}}, TOGETHER * len(words)) for form in ("name_words", "name_joined")]
    if stage != "precise":
        queries.append(constant(any_of("name_spellings", deletions(whole)), TOGETHER_SIMILAR * len(words)))
    return {"dis_max": {"queries": queries}}


def _phrases(text: QueryText) -> list[Body]:
    return [constant(_phrase(phrase), PHRASE) for phrase in text.phrases]


def _phrase(phrase: str) -> Body:
    return {"multi_match": {"query": phrase, "type": "phrase", "fields": list(PHRASE_FIELDS)}}


def _without(text: QueryText) -> list[Body]:
    return [*map(literally, text.without), *map(_phrase, text.without_phrases)]


def _pasted(text: QueryText) -> Body:
    """A text too long to look for each part everywhere: customers of whom many of its words are told, the rare ones counting most."""
    forms = ("name_words", "place_words", "work_words", "prose_words")
    words = [token for word in dict.fromkeys(text.words) for token in (grams(word) if is_han(word) else (word,))]
    clauses = [{"dis_max": {"queries": [{"term": {form: word}} for form in forms]}} for word in dict.fromkeys(words)]
    return {"bool": {"should": clauses, "minimum_should_match": NEEDED_OF_LONG}}


def build_count_body(q: str, filters: Sequence[Filter], stage: Stage) -> Body:
    """Whether a stage finds enough; counting stops there."""
    scoring = build_text_query(q, stage)
    clauses = [build_filter(each) for each in filters]
    query: Body = {"bool": {"filter": clauses if scoring is None else [*clauses, scoring]}}
    return {"size": 0, "track_total_hits": ENOUGH, "query": query}


def build_search_body(request: SearchRequest, position: Position | None = None, stage: Stage = "precise") -> Body:
    """Translate a checked request; ``position`` continues after the last hit of an earlier answer."""
    narrowing, selections = split_selections(request)
    scoring = build_text_query(request.q, stage)
    filters = [build_filter(each) for each in narrowing]
    query: Body = {"bool": {"filter": filters, **({"must": [scoring]} if scoring else {})}} if scoring or filters else {"match_all": {}}
    body: Body = {
        "query": query,
        "size": request.size,
        "sort": _build_sort(request, scored=scoring is not None),
        "track_scores": scoring is not None,
        "track_total_hits": request.exact_total or TOTAL_LIMIT,
    }
    if selections:
        body["post_filter"] = {"bool": {"filter": [build_filter(each) for each in selections.values()]}}
    if request.facets:
        body["aggs"] = build_facets(request.facets, selections)
    if position is not None:
        body["search_after"] = position.after
    return body


def build_suggest_body(request: SuggestRequest, stage: Stage = "precise", filters: Sequence[Filter] = ()) -> Body:
    """Customers that fit the fragment, among those that the filters leave; counting all of them would cost more than finding the best."""
    query = build_text_query(request.q, stage) or {"match_none": {}}
    return {
        "query": {"bool": {"must": [query], "filter": [build_filter(each) for each in filters]}} if filters else query,
        "size": request.size,
        "sort": [{"_score": {"order": "desc"}}],
        "track_total_hits": False,
    }


def _build_sort(request: SearchRequest, scored: bool) -> list[Body]:
    sort: list[Body] = [{field.path: {"order": order, "missing": "_last"}} for field, order in parse_sort(request.sort)]
    if not sort and scored:
        sort = [{"_score": {"order": "desc"}}]
    # The id makes the order total, so that a cursor neither repeats nor skips a hit; letter case counts, as it does between ids.
    return [*sort, {"customer_id.exact": {"order": "asc"}}]


def build_vitals_body() -> Body:
    """The ``_search`` body that counts all customers and finds when the newest was written."""
    return {"size": 0, "track_total_hits": True, "query": {"match_all": {}}, "aggs": {"newest": {"max": {"field": "indexed_at"}}}}
