"""How a word is looked up: the ways of ``relevance`` as Elasticsearch clauses. Pure."""

from typing import Any

from crmsearch.search.relevance import ANOTHER_WAY, PLACE_WORD, PRECISE, TOLERANT, Way, ways_for
from crmsearch.search.text import Chunk, QueryText, Word

__all__ = ["Body", "any_of", "best_of", "constant", "every_chunk", "literally", "most_chunks"]

Body = dict[str, Any]

MOST_RARITIES = 20  # tokens of a word whose rarity is looked up one by one
_ALL = (*PRECISE, *TOLERANT)
_PLACES = tuple(way for way in _ALL if way.form in {"place_words", "other_spellings"})
# Guesses at a word that is still being typed. Where words are missing anyway, they find strangers by chance.
_GUESSES = tuple(way for way in _ALL if way.form == "name_starts" or (way.form, way.how) == ("name_joined", "beginning"))
_ELSEWHERE = tuple(way for way in _ALL if way not in _PLACES and way not in _GUESSES)
_NOT_LITERAL = {"name_joined", "name_readings", "email_beginnings"}
_WRITTEN = tuple(way for way in PRECISE if way.how != "beginning" and way.form not in _NOT_LITERAL)
# Of single words, not of whole names, which are two words anyway.
_JOINED = tuple(way for way in _ALL if way.form in {"name_words", "name_spellings"} and way.how == "any")


def any_of(path: str, tokens: tuple[str, ...]) -> Body:
    return {"term": {path: tokens[0]}} if len(tokens) == 1 else {"terms": {path: list(tokens)}}


def all_of(path: str, tokens: tuple[str, ...]) -> Body:
    return {"bool": {"filter": [{"term": {path: token}} for token in tokens]}} if len(tokens) > 1 else any_of(path, tokens)


def constant(query: Body, weight: float) -> Body:
    return {"constant_score": {"filter": query, "boost": weight}}


def best_of(queries: list[Body], others: float = ANOTHER_WAY) -> Body:
    """The best of several explanations, with a share of the others."""
    return {"dis_max": {"queries": queries, "tie_breaker": others}}


def every_chunk(chunks: list[Chunk], *, tolerant: bool) -> list[Body]:
    """A clause for each part of the text: the best way to understand it; of a way that is several words, all of them."""
    return [_chunk(chunk, tolerant=tolerant) for chunk in chunks]


def literally(chunk: Chunk) -> Body:
    """Customers who have a word, number, address or code as it is written: no beginnings, and nothing that only sounds so."""
    readings = [{"bool": {"filter": [_as_written(word) for word in reading]}} for reading in chunk.readings]
    return {"bool": {"should": readings}}


def _as_written(word: Word) -> Body:
    found = [_look_up(way, tokens) for way in _WRITTEN if word.kind in way.kinds and (tokens := way.tokens(word))]
    # The name of a mail domain without its ending: gmail.
    return {"bool": {"should": [*found, any_of("email_beginnings", (f"{word.text}.",))]}}


def _chunk(chunk: Chunk, *, tolerant: bool) -> Body:
    queries: list[Body] = []
    for reading in chunk.readings:
        if len(reading) == 1:
            queries += _by_weight(reading[0], tolerant=tolerant)
        else:
            queries.append({"bool": {"must": [best_of(_by_weight(word, tolerant=tolerant)) for word in reading]}})
    return best_of(queries)


def _by_weight(word: Word, *, tolerant: bool) -> list[Body]:
    ways = [*ways_for(word, tolerant=False), *(ways_for(word, tolerant=True) if tolerant else ())]
    return [constant(_look_up(way, tokens), way.weight) for way, tokens in ways]


def _look_up(way: Way, tokens: tuple[str, ...]) -> Body:
    if way.how == "all":
        return all_of(way.path, tokens)
    if way.how == "most":
        return {"bool": {"should": [any_of(way.path, (token,)) for token in tokens], "minimum_should_match": -1}}
    return any_of(way.path, tokens)


def most_chunks(text: QueryText, chunks: list[Chunk]) -> Body:
    """As many parts as can be found, a third of them at least; each counts by how rare what is found is.

    The words of a place are one fact (Ringwood East, 上海 浦东), so the best of them counts, with a share of the others; without it a place
    of two words would outweigh a name. Neighbours are also looked up as one word, where a gap has got into it: "rei d" is Reid.
    """
    words = [word for chunk in chunks for reading in chunk.readings for word in reading]
    pairs = [Word(pair, "latin") for pair in text.pairs]
    clauses = [_most_of(chunk) for chunk in chunks]
    clauses += [best_of(_by_rarity(pair, _JOINED), 0) for pair in pairs]
    if places := [best_of(found, 0) for word in (*words, *pairs) if (found := _by_rarity(word, _PLACES))]:
        clauses.append(best_of(places, PLACE_WORD))
    return {"bool": {"should": clauses, "minimum_should_match": max(1, len(chunks) // 3)}}


def _most_of(chunk: Chunk) -> Body:
    readings: list[Body] = []
    for reading in chunk.readings:
        found = [best_of(_by_rarity(word, _ELSEWHERE), 0) for word in reading]
        readings.append(found[0] if len(found) == 1 else {"bool": {"should": found}})
    return best_of(readings, 0)


def _by_rarity(word: Word, ways: tuple[Way, ...]) -> list[Body]:
    """Of each way the rarest token that is found counts, by its idf, which is all that the similarity ``rarity`` of the mapping counts."""
    clauses = []
    for way in ways:
        if word.kind not in way.kinds or not (tokens := way.tokens(word)):
            continue
        if way.how not in {"any", "beginning"} or len(tokens) > MOST_RARITIES:
            clauses.append(constant(_look_up(way, tokens), way.weight))
            continue
        rarities: list[Body] = [{"term": {way.path: token}} for token in tokens]
        rarest = best_of(rarities, 0) if len(rarities) > 1 else rarities[0]
        clauses.append({"bool": {"must": [rarest, constant({"match_all": {}}, way.evidence)]}})
    return clauses
