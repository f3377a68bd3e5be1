"""Where and how a hit fits what was typed: matched fields, highlights, reasons. Pure.

Elasticsearch finds and orders; this tells why, from the document itself and the same table of ways. It is done here for the few hits of a
page, since Elasticsearch's highlighter neither knows helper forms (a pinyin, the end of a phone) nor is cheap.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from html import escape
from typing import Any

import msgspec

from crmsearch.cleaning.chinese import to_simplified
from crmsearch.cleaning.forms import FORMS, values_of
from crmsearch.cleaning.spelling import is_han, split_words, word_spans
from crmsearch.contract import FIELDS
from crmsearch.search.relevance import PHRASE_FIELDS, PRECISE, TOGETHER_WAY, TOLERANT, Stage, Way, ways_for
from crmsearch.search.text import QueryText, Word

__all__ = ["Match", "Matcher", "Reason"]

FRAGMENT = 80  # characters of a long text shown on each side of the first mark
_IN_PHRASES = frozenset(path.partition(".")[0] for path in PHRASE_FIELDS)
_MISSPELT = frozenset(("name_spellings", "name_joined", "name_sounds", "name_readings", "other_spellings", "email_spellings"))
WHOLE = 240  # characters up to which a text is shown whole
Spans = list[tuple[int, int]]
_Test = Callable[[str], bool]  # of a text of tokens
_Plan = tuple[tuple[Way, tuple[str, ...], _Test], ...]  # a way, its tokens, and what tells whether they are there
_Held = dict[str, list[tuple[str, str]]]  # by form: its fields with their tokens, as one text with a space around each


class Reason(msgspec.Struct, frozen=True):
    """Why one word of the query fits: ``smiht`` ``is spelt like`` the ``name``; ``weight`` is what it counts in the score."""

    word: str
    says: str
    field: str
    weight: float


class Match(msgspec.Struct, frozen=True):
    """What there is to say of one hit.

    Attributes:
        matched: fields that fit, those that count most first.
        highlights: by field, its values with what fits marked.
        reasons: of each word, the way that counts.
        unmatched: words that it does not have in any way; in the partial stage only.
        similar: a word that is spelt like one of the document -> that one.
        typed: words that it has as they were typed; not looked for in the precise stage, where all are.
    """

    matched: list[str]
    highlights: dict[str, list[str]]
    reasons: list[Reason]
    unmatched: list[str]
    similar: dict[str, str]
    typed: frozenset[str]


class _Found(msgspec.Struct, frozen=True):
    word: Word
    way: Way
    tokens: tuple[str, ...]
    fits: _Test
    field: str


class Matcher:
    """Tells for one search where each of its hits fits."""

    def __init__(self, text: QueryText, stage: Stage, *, highlight: bool = True, withheld: Collection[str] = ()) -> None:
        self._highlight = highlight
        self._withheld = withheld  # fields of whose values nothing is told but that they fit
        self._partial = stage == "partial"
        self._together = _together(text) if len(text.words) > 1 else None
        self._chunks = [] if text.long else text.chunks
        # Words of phrases, which are looked for in some fields only, and of a pasted text.
        plain = {_plain_word(each): _IN_PHRASES for phrase in text.phrases for each in split_words(phrase)}
        plain |= {_plain_word(each): frozenset(FIELDS) for each in text.words if text.long}
        self._plain = [(word, _plan(word, tolerant=False), fields) for word, fields in plain.items()]
        words = {word for chunk in self._chunks for reading in chunk.readings for word in reading}
        self._precise = {word: _plan(word, tolerant=False) for word in words}
        self._tolerant = {word: _plan(word, tolerant=True) for word in words} if stage != "precise" else {}

    def match(self, document: Mapping[str, Any]) -> Match:
        """Look at one document."""
        held: _Held = {}
        found: list[_Found] = []
        unmatched = []
        for chunk in self._chunks:
            readings = [[self._find(word, document, held) for word in reading] for reading in chunk.readings]
            whole = [reading for reading in readings if all(reading)]
            if whole:
                best = max(whole, key=lambda reading: sum(max(each.way.weight for each in each_word) for each_word in reading))
                found += [each for each_word in best for each in each_word]
            elif not chunk.optional:
                unmatched.append(chunk.written)
        for word, plan, fields in self._plain:
            found += [each for each in _holding(word, plan, document, held) if each.field in fields]
        if unmatched and not self._partial and self._together:
            # Every word fits in these stages: those that fit nowhere alone are one name together.
            found.append(self._together)
            unmatched = []
        told = [each for each in found if each.field not in self._withheld]
        ordered, best_ways = sorted(found, key=lambda each: -each.way.weight), _best_of_each(found)
        return Match(
            matched=list(dict.fromkeys(each.field for each in ordered)),
            highlights=_highlights(told, document) if self._highlight else {},
            reasons=[Reason(each.word.text, each.way.says, each.field, each.way.weight) for each in best_ways],
            unmatched=unmatched,
            # Nothing is corrected where only precise ways were looked for.
            similar=self._similar(best_ways, document) if self._tolerant else {},
            typed=frozenset(each.word.text for each in best_ways if each.way in PRECISE) if self._tolerant else frozenset(),
        )

    def _similar(self, best_ways: list[_Found], document: Mapping[str, Any]) -> dict[str, str]:
        told = [each for each in best_ways if each.field not in self._withheld]
        return {each.word.text: like for each in told if (like := _taken_for(each, document))}

    def _find(self, word: Word, document: Mapping[str, Any], held: _Held) -> list[_Found]:
        """All precise ways, the best for each field; if there are none, the one best way to be similar."""
        if found := _holding(word, self._precise[word], document, held):
            return found
        similar = _holding(word, self._tolerant.get(word, ()), document, held)
        return sorted(similar, key=lambda each: -each.way.weight)[:1]


def _together(text: QueryText) -> _Found:
    word = Word("".join(text.words), "latin")
    tokens = TOGETHER_WAY.tokens(word)
    return _Found(word, TOGETHER_WAY, tokens, _test(TOGETHER_WAY, tokens), "name")


def _plain_word(text: str) -> Word:
    return Word(text, "han" if is_han(text) else "latin")


@lru_cache(maxsize=4_096)
def _plan(word: Word, *, tolerant: bool) -> _Plan:
    """The ways that apply to a word, with its tokens for each, the weightiest first."""
    plan = [(way, tokens, _test(way, tokens)) for way, tokens in ways_for(word, tolerant=tolerant)]
    return tuple(sorted(plan, key=lambda each: -each[0].weight))


def _test(way: Way, tokens: tuple[str, ...]) -> _Test:
    """Whether a text holds the tokens as the way wants it. This runs some thousand times for each page of hits."""
    behind = "" if way.how == "beginning" else " "
    needles = tuple(f" {token}{behind}" for token in tokens)
    if way.how in {"all", "most"}:
        enough = len(needles) - (way.how == "most")
        return lambda text: sum(needle in text for needle in needles) >= enough
    if len(needles) == 1:
        (only,) = needles
        return lambda text: only in text
    return lambda text: any(needle in text for needle in needles)


def _holding(word: Word, plan: _Plan, document: Mapping[str, Any], held: _Held) -> list[_Found]:
    found: dict[str, _Found] = {}
    for way, tokens, fits in plan:
        if (texts := held.get(way.form)) is None:
            if all(field in found for field in FORMS[way.form].fields):
                continue  # a weightier way tells of each of them
            texts = held[way.form] = _texts(way.form, document)
        for field, text in texts:
            if field not in found and fits(text):
                found[field] = _Found(word, way, tokens, fits, field)
    return list(found.values())


def _texts(form: str, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields of a form that the document has, each as the index holds it."""
    made = FORMS[form]
    return [(field, "".join(map(made.text, values))) for field in made.fields if (values := values_of(document, field))]


def _best_of_each(found: list[_Found]) -> list[_Found]:
    """For each word, in their order, the way that counts."""
    best: dict[Word, _Found] = {}
    for each in found:
        if each.word not in best or best[each.word].way.weight < each.way.weight:
            best[each.word] = each
    return list(best.values())


def _taken_for(found: _Found, document: Mapping[str, Any]) -> str | None:
    """The word of the document that a misspelt or misheard word was taken for, as it is written; none if it is no one word of the like."""
    if found.way not in TOLERANT or found.way.form not in _MISSPELT:
        return None
    for value in values_of(document, found.field):
        for start, end in _spans(found, value):
            like = value[start:end]
            return like if _is_like(found.word.text, like) else None
    return None


def _is_like(word: str, like: str) -> bool:
    """Whether a word may stand in the place of another: one other word, of as many characters if both are Chinese."""
    words = split_words(like)
    if len(words) != 1 or words[0] == word:
        return False
    return not is_han(word) or (is_han(words[0]) and len(words[0]) == len(word))


def _highlights(found: list[_Found], document: Mapping[str, Any]) -> dict[str, list[str]]:
    by_field: dict[str, list[_Found]] = {}
    for each in found:
        by_field.setdefault(each.field, []).append(each)
    highlights = {}
    for field, ways in by_field.items():
        marked = [_marked(value, spans) for value in values_of(document, field) if (spans := _all_spans(ways, value))]
        if marked:
            highlights[field] = marked
    return highlights


def _all_spans(ways: list[_Found], value: str) -> Spans:
    """Where the words stand, in order and without overlaps."""
    holding = (each for each in ways if each.fits(FORMS[each.way.form].text(value)))
    spans = sorted({span for each in holding for span in _spans(each, value)})
    joined: Spans = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _spans(found: _Found, value: str) -> Spans:
    if found.field == "phones":
        longest = max((len(token) for token in found.tokens if value.endswith(token)), default=len(value))
        return [(len(value) - longest, len(value))]
    if found.field == "emails":
        folded = value.casefold()
        at = max((folded.find(token), len(token)) for token in found.tokens)
        return [(at[0], at[0] + at[1])] if at[0] >= 0 else [(0, max(folded.rfind("@"), 1))]
    if found.word.kind == "han" and (inside := _inside(found.word.text, value)):
        return inside
    form = FORMS[found.way.form]
    words = word_spans(value)
    holding = [(start, end) for start, end in words if _holds_some(found, form.text(value[start:end]))]
    return holding or [(words[0][0], words[-1][1])] if words else [(0, len(value))]


def _holds_some(found: _Found, text: str) -> bool:
    return any(f" {token} " in text for token in found.tokens) if found.way.how == "all" else found.fits(text)


def _inside(han: str, value: str) -> Spans:
    """Where a run of Chinese characters stands in a text, in either script."""
    simplified = to_simplified(value)
    if len(simplified) != len(value):
        return []
    return [(at, at + len(han)) for at in range(len(value)) if simplified.startswith(han, at)]


def _marked(value: str, spans: Spans) -> str:
    """The text as HTML that is safe to show, with ``<mark>`` as its only markup; of a long one the part around the first mark."""
    first, last = (0, len(value)) if len(value) <= WHOLE else (max(0, spans[0][0] - FRAGMENT), min(len(value), spans[0][1] + FRAGMENT))
    parts, end = [], first
    for start, stop in spans:
        if start >= last:
            break
        parts += [escape(value[end:start]), "<mark>", escape(value[start:stop]), "</mark>"]
        end = stop
    before, behind = "…" if first else "", "…" if last < len(value) else ""
    return f"{before}{''.join(parts)}{escape(value[end : max(end, last)])}{behind}"
