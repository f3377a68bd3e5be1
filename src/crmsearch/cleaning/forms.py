"""Search forms of a document, computed once when it is indexed, so that a search only looks terms up.

``FORMS`` is the table: each form is one field of the index, a text of tokens parted by spaces, made of some fields of the catalogue. The
same functions make the tokens of a query and tell afterwards where a hit matched.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from crmsearch.cleaning.chinese import pinyin_forms, pinyin_words, readings, soften
from crmsearch.cleaning.names import has_han
from crmsearch.cleaning.spelling import deletions, far_deletions, is_han, short_forms, sound, split_words, start_deletions, umlaut_forms
from crmsearch.contract import FIELDS

__all__ = ["FORMS", "STARTS", "Form", "compact", "grams", "search_forms", "values_of"]

MAX_JOINED = 4  # words of a Latin name that are also typed without spaces
SHORTEST_ENDING, LONGEST_ENDING = 4, 15  # digits of a phone by whose end it is found; fewer would list half of all customers
SHORTEST_BEGINNING, LONGEST_BEGINNING = 2, 48  # characters of an address typed so far
SHORTEST_OTHER = 4  # letters of a place or company whose misspellings are indexed
STARTS = range(3, 6)  # letters typed so far among which a slip is looked for
LONGEST_LOCAL = 30  # characters of the part before the @ whose misspellings are indexed
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_EMAIL_WORDS = re.compile(r"[a-z]{2,}")

Tokens = tuple[str, ...]


class Form(msgspec.Struct, frozen=True):
    """One field of the index that search alone reads.

    Attributes:
        name: of the field.
        fields: of the catalogue, that it is made of.
        tokens: those of one value, each once.
        text: the same as one text with a space before, between and behind them, in which a token is quickly found.
    """

    name: str
    fields: tuple[str, ...]
    tokens: Callable[[str], Tokens]
    text: Callable[[str], str]


def grams(han: str) -> Tokens:
    """What a run of Chinese characters is looked up by inside a longer one: its pairs, or itself if it is one character."""
    return tuple(han[at : at + 2] for at in range(len(han) - 1)) or (han,)


def compact(text: str) -> str:
    """A code without case and signs: ``C-00123`` is ``c00123``."""
    return _NOT_ALPHANUMERIC.sub("", text.casefold())


def _latin(words: Iterable[str]) -> list[str]:
    return [word for word in words if not is_han(word)]


def _name_words(name: str) -> Tokens:
    """Every word; a Chinese name whole, also if it is parted by a dot."""
    words = split_words(name)
    han = "".join(word for word in words if is_han(word))
    return (*words, *umlaut_forms(name), *([han] if han else []))


def _name_joined(name: str) -> Tokens:
    """What is typed in one go: wangxiaoming, wxm, xiaomingwang; johnsmith, smithjohn, jsmith, smithj, js, with and without middle names.

    The neighbours in a longer name are there too, so that José Díaz Navarro is told from José Navarro Díaz.
    """
    words = _latin(split_words(name))
    if has_han(name) or not 2 <= len(words) <= MAX_JOINED:
        return tuple(pinyin_forms(name))
    first, given, family = words[0], "".join(words[:-1]), words[-1]
    orders = (given + family, family + given, first + family, family + first)
    neighbours = (one + two for one, two in itertools.pairwise(words))
    return (*orders, *neighbours, given[0] + family, family + given[0], "".join(word[0] for word in words))


def _name_readings(name: str) -> Tokens:
    """Syllables of a Chinese name, the given name in one and its initials: wang xiao ming xiaoming xm."""
    if not has_han(name):
        return ()
    lines = [line.split(" ") for line in pinyin_words(name)]
    return tuple(itertools.chain.from_iterable((*line, "".join(word[0] for word in line[1:-1])) for line in lines))


def _name_sounds(name: str) -> Tokens:
    """Sounds of Latin words; of a Chinese name its reading, whole and given name alone, as it is heard."""
    softened = [soften(reading) for line in pinyin_words(name) for reading in _whole_and_given(line)]
    return (*(code for word in _latin(split_words(name)) if (code := sound(word))), *softened)


def _name_spellings(name: str) -> Tokens:
    read = [reading for line in pinyin_words(name) for reading in _whole_and_given(line)]
    return tuple(itertools.chain.from_iterable(deletions(word) for word in (*_latin(split_words(name)), *read)))


def _whole_and_given(line: str) -> list[str]:
    """``wang xiao ming xiaoming`` to wangxiaoming and xiaoming."""
    family, *given = line.split(" ")
    return [family + given[-1], given[-1]] if given else [family]


def _name_far_spellings(name: str) -> Tokens:
    return tuple(itertools.chain.from_iterable(far_deletions(word) for word in _latin(split_words(name))))


def _name_starts(name: str) -> Tokens:
    """The first letters of every word, with a slip among them."""
    starts = (word[:size] for word in _latin(split_words(name)) for size in STARTS if len(word) >= size)
    return tuple(itertools.chain.from_iterable(map(start_deletions, starts)))


def _name_nicknames(name: str) -> Tokens:
    return tuple(itertools.chain.from_iterable(short_forms(word) for word in _latin(split_words(name))))


def _name_grams(name: str) -> Tokens:
    return _characters_and_pairs("".join(word for word in _name_words(name)[-1:] if is_han(word)))


def _characters_and_pairs(han: str) -> Tokens:
    return (*han, *grams(han)) if han else ()


def _words(text: str) -> Tokens:
    """Words; of Chinese text every character and every pair of them."""
    return tuple(itertools.chain.from_iterable(_characters_and_pairs(word) if is_han(word) else (word,) for word in split_words(text)))


def _place_words(place: str) -> Tokens:
    """Words of a place, also without their gaps (newyork), and the reading of a Chinese one: 北京 is also beijing."""
    words = split_words(place)
    joined = ["".join(words)] if len(words) > 1 and place.isascii() else []
    return (*_words(place), *joined, *(reading for word in words if is_han(word) for reading in readings(word)))


def _other_spellings(text: str) -> Tokens:
    words = _latin(split_words(text))
    if 1 < len(words) <= MAX_JOINED:
        words.append("".join(words))
    return tuple(itertools.chain.from_iterable(deletions(word) for word in words if len(word) >= SHORTEST_OTHER))


def _email_parts(email: str) -> Tokens:
    """The address, the part before the @, the domain."""
    folded = email.casefold()
    local, _, domain = folded.rpartition("@")
    return (folded, local, domain)


def _email_beginnings(email: str) -> Tokens:
    """The address and its domain as far as they may have been typed."""
    folded = email.casefold()
    typed = (folded, folded.rpartition("@")[2])
    return tuple(each[:size] for each in typed for size in range(SHORTEST_BEGINNING, min(len(each), LONGEST_BEGINNING) + 1))


def _email_words(email: str) -> Tokens:
    return tuple(_EMAIL_WORDS.findall(email.casefold().rpartition("@")[0]))


def _email_spellings(email: str) -> Tokens:
    local = email.casefold().rpartition("@")[0]
    return deletions(local) if SHORTEST_OTHER <= len(local) <= LONGEST_LOCAL else ()


def _email_domain_spellings(email: str) -> Tokens:
    return deletions(email.casefold().rpartition("@")[2])


def _phone_endings(phone: str) -> Tokens:
    digits = phone.removeprefix("+")
    return (digits, *(digits[-size:] for size in range(SHORTEST_ENDING, min(len(digits), LONGEST_ENDING) + 1)))


def _exact(value: str) -> Tokens:
    """The whole value, whatever its case and gaps."""
    return ("".join(value.casefold().split()),)


def _id_forms(key: str) -> Tokens:
    """A key as a code, without and with the system it is of: ``salesforce:003-A`` is 003a and salesforce003a."""
    return (compact(key), compact(key.partition(":")[2]))


def _form(name: str, fields: tuple[str, ...], tokens: Callable[[str], Tokens], size: int = 65_536) -> Form:
    """A form that remembers ``size`` values: names, cities and companies repeat, in a base as among the hits of one search."""

    @lru_cache(maxsize=size)
    def unique(value: str) -> Tokens:
        return tuple(dict.fromkeys(token for token in tokens(value) if token))

    @lru_cache(maxsize=size)
    def text(value: str) -> str:
        return f" {' '.join(unique.__wrapped__(value))} "

    return Form(name, fields, unique, text)


_NAME = ("name",)
_PLACE = ("city", "district", "province")
_WORK = ("company", "job_title", "industry")
_PROSE = ("address", "postcode", "tags", "notes", "last_ticket_subject")

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        _form("name_words", _NAME, _name_words),
        _form("name_joined", _NAME, _name_joined),
        _form("name_readings", _NAME, _name_readings),
        _form("name_grams", _NAME, _name_grams),
        _form("name_nicknames", _NAME, _name_nicknames),
        _form("name_sounds", _NAME, _name_sounds),
        _form("name_spellings", _NAME, _name_spellings),
        _form("name_starts", _NAME, _name_starts),
        _form("name_far_spellings", _NAME, _name_far_spellings, 8_192),
        _form("place_words", _PLACE, _place_words),
        _form("work_words", _WORK, _words),
        _form("other_spellings", ("city", "district", "company"), _other_spellings),
        _form("prose_words", _PROSE, _words, 4_096),
        _form("email_parts", ("emails",), _email_parts, 8_192),
        _form("email_words", ("emails",), _email_words, 8_192),
        _form("email_spellings", ("emails",), _email_spellings, 8_192),
        _form("email_domain_spellings", ("emails",), _email_domain_spellings, 8_192),
        _form("email_beginnings", ("emails",), _email_beginnings, 8_192),
        _form("phone_endings", ("phones",), _phone_endings, 8_192),
        *(_form(field.path, (field.name,), _exact, 8_192) for field in FIELDS.values() if field.sealed),
        _form("id_forms", ("customer_id", "source_records"), _id_forms, 8_192),
    )
}


def values_of(document: Mapping[str, Any], field: str) -> list[str]:
    """The values of a field of text, as a list whatever it is."""
    value = document.get(field)
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def search_forms(document: Mapping[str, Any]) -> dict[str, str]:
    """The forms of a document: tokens parted by spaces, by the name of the form; those that would be empty are left out."""
    forms = {}
    for form in FORMS.values():
        tokens: dict[str, None] = {}
        for field in form.fields:
            for value in values_of(document, field):
                tokens.update(dict.fromkeys(form.tokens(value)))
        if tokens:
            forms[form.name] = " ".join(tokens)
    return forms
