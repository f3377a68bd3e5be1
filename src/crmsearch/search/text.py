"""What was typed, as words that a search can look up. Pure.

wang 上海 8812              every word must be found, each in any field
+86 138 0013 8000          one number, whatever its notation
"john smith"               these words next to each other
-vip  -"acme corp"         not these
city:北京  -tags:test       a filter of the closed grammar, on a field that can be filtered; city:"New York"
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import msgspec

from crmsearch.cleaning.forms import SHORTEST_ENDING
from crmsearch.cleaning.names import clean_name, is_salutation
from crmsearch.cleaning.places import find_place
from crmsearch.cleaning.spelling import is_han, split_words
from crmsearch.cleaning.values import Clean
from crmsearch.contract import FIELDS
from crmsearch.search.filters import Filter, parse_filter

__all__ = ["Chunk", "QueryText", "Word", "normalise_text", "parse_text"]

MAX_CHUNKS = 16  # parts that are looked up one by one in every field; a longer text is compared as a whole
_LONGEST_PLACE = 6  # characters of a Chinese city or province with its ending

Kind = Literal["latin", "han", "digits", "number", "code", "email", "local", "domain"]


class Word(msgspec.Struct, frozen=True):
    """One word, folded; numbers, codes and addresses in small letters, as they are written."""

    text: str
    kind: Kind


class Chunk(msgspec.Struct, frozen=True):
    """One part of what was typed, with the ways to understand it: each a run of words that all must be found."""

    written: str
    readings: tuple[tuple[Word, ...], ...]
    optional: bool = False  # a form of address, which no document holds


class QueryText(msgspec.Struct, frozen=True):
    """A parsed text.

    Attributes:
        whole: the text without its operators, spaces single.
        chunks: what must be found.
        phrases: words that must stand next to each other.
        without: words, numbers, addresses and codes that must not be found.
        without_phrases: phrases that must not be found.
        filters: conditions written in the text.
        unfiltered: the text without these conditions.
    """

    whole: str = ""
    chunks: tuple[Chunk, ...] = ()
    phrases: tuple[str, ...] = ()
    without: tuple[Chunk, ...] = ()
    without_phrases: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    unfiltered: str = ""

    @property
    def empty(self) -> bool:
        return not (self.chunks or self.phrases or self.without or self.without_phrases or self.filters)

    @property
    def only_signs(self) -> bool:
        """Whether something was typed that nothing can be found by; an asterisk stands for everything."""
        return self.empty and self.whole not in {"", "*"}

    @property
    def long(self) -> bool:
        return len(self.chunks) > MAX_CHUNKS

    @property
    def words(self) -> tuple[str, ...]:
        """The folded words of the whole."""
        return split_words(self.whole)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Neighbouring words in Latin letters, each two as one: a given name with its family name, or a word that a gap has got into."""
        return tuple(one + two for one, two in pairwise(self.words) if not is_han(one) and not is_han(two))


_QUOTES = str.maketrans("“”„«»「」", '"' * 7)
_OPERATOR = re.compile(
    r'(?<!\S)(?:(?P<field>-?[a-z_]+:(?:"[^"]*"|[^\s"]+))|(?P<minus>-?)"(?P<phrase>[^"]*)"|-(?P<word>[^\s\-"\d]\S*|\d\S{3,}))(?!\S)'
)
# What runs on a number behind a gap is a part of it and no operator: (020) -7946 0018.
_RUN_ON = re.compile(r"(?<=[\d)] )-(?=\d)")
_SCHEME = re.compile(r"(?<!\S)(?:mailto|tel|sip):(?=\S)", re.IGNORECASE)  # of an address or a number that was pasted as a link
_NUMBER = re.compile(r"(?<!\S)[+(]?\d[\d\s().\-/]*\d(?!\S)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")  # between two words typed without their gap: KarenLong
_CODE = re.compile(r"\w[\w.+:/-]*[._+:/-][\w.+:/-]*\w")  # john.smith, wang_wei88, C-00123, salesforce:003A


def normalise_text(text: str) -> str:
    """The query as it is searched: control characters to spaces, compatibility forms folded (NFKC), spaces single."""
    folded = unicodedata.normalize("NFKC", text)
    printable = "".join(" " if unicodedata.category(character).startswith("C") else character for character in folded)
    return " ".join(printable.split())


@lru_cache(maxsize=4_096)
def parse_text(raw: str) -> QueryText:
    """Read what was typed.

    Raises:
        FilterSyntaxError, UnknownFieldError: a condition on a field of the catalogue is not of the grammar.
    """
    phrases: list[str] = []
    without: list[Chunk] = []
    without_phrases: list[str] = []
    filters: list[Filter] = []

    def take(match: re.Match[str]) -> str:
        if match["field"]:
            if not _names_a_field(match):
                return match[0]  # "re:" and "http:" are words
            filters.append(parse_filter(match["field"].replace('"', "")))
        elif match["word"] or match["minus"]:
            typed = match["word"] or match["phrase"]
            if match["word"] or "@" in typed or len(split_words(typed)) == 1:
                without.extend(_chunks(typed))
            else:
                without_phrases.append(typed)
        else:
            phrases.append(match["phrase"])
        return " "

    text = _RUN_ON.sub("", _SCHEME.sub("", normalise_text(raw).translate(_QUOTES)))
    rest = " ".join(_OPERATOR.sub(take, text).split())
    unfiltered = " ".join(_OPERATOR.sub(lambda match: " " if _names_a_field(match) else match[0], text).split())
    chunks = _chunks(rest)
    required = [chunk for chunk in chunks if not chunk.optional]
    if not required:
        chunks = tuple(msgspec.structs.replace(chunk, optional=False) for chunk in chunks)
    return QueryText(
        whole=rest,
        chunks=chunks,
        phrases=tuple(phrase for phrase in phrases if split_words(phrase)),
        without=tuple(without),
        without_phrases=tuple(phrase for phrase in without_phrases if split_words(phrase)),
        filters=tuple(filters),
        unfiltered=unfiltered,
    )


def _names_a_field(match: re.Match[str]) -> bool:
    name = (match["field"] or "").removeprefix("-").partition(":")[0]
    return name in FIELDS or name == "segment"


def _chunks(text: str) -> tuple[Chunk, ...]:
    chunks: dict[Chunk, None] = {}
    end = 0
    for match in _NUMBER.finditer(text):
        digits = re.sub(r"\(0\)|\D", "", match[0])  # +44 (0)20 …
        if len(digits) < SHORTEST_ENDING:
            continue
        chunks |= dict.fromkeys(map(_chunk, text[end : match.start()].split()))
        apart = tuple(Word(word, "digits") for word in split_words(match[0]))
        chunks[Chunk(match[0], ((Word(digits, "number"),), apart))] = None
        end = match.end()
    chunks |= dict.fromkeys(map(_chunk, text[end:].split()))
    return tuple(chunk for chunk in chunks if chunk.readings)


def _chunk(written: str) -> Chunk:
    if "@" in written.strip("@") or re.fullmatch(r"@[\w-]+\.[\w.-]+", written):
        local, _, domain = written.casefold().rpartition("@")
        parts = [(Word(local, "local"), Word(domain, "domain"))] if local and domain else []
        return Chunk(written, ((Word(written.casefold(), "email"),), *parts))
    words = split_words(written)
    readings = [_as_words(words)] if words else []
    if apart := split_words(_CAMEL.sub(" ", written)):
        readings += [_as_words(apart)] if apart != words else []
    if is_han(written[0]) and isinstance(named := clean_name(written), Clean) and named.value and split_words(named.value) != words:
        readings.append(_as_words(split_words(named.value)))  # without the title behind it: 王伟先生
    if len(words) == 1 and is_han(words[0]):
        readings += [tuple(Word(part, "han") for part in parts) for parts in _place_apart(words[0])]
    if _CODE.fullmatch(written):
        readings.append((Word(written.casefold(), "code"),))
    return Chunk(written, tuple(readings), optional=is_salutation(written))


def _as_words(words: tuple[str, ...]) -> tuple[Word, ...]:
    return tuple(Word(word, _kind(word)) for word in words)


def _kind(word: str) -> Kind:
    return "han" if is_han(word) else "digits" if word.isdecimal() and word.isascii() else "latin"


def _place_apart(run: str) -> list[tuple[str, str]]:
    """A run of Chinese characters as a place and what is written before or behind it: 上海李娜 is 上海 and 李娜."""
    parts = [(run[:at], run[at:]) for at in range(min(len(run) - 1, _LONGEST_PLACE), 1, -1) if find_place(run[:at])][:1]
    behind = [(run[:-at], run[-at:]) for at in range(min(len(run) - 1, _LONGEST_PLACE), 1, -1) if find_place(run[-at:])][:1]
    return parts + behind
