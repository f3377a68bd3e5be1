"""How people write and mistype: folded forms, slips of the finger, readings of Chinese names, notations of a phone number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from random import Random

import msgspec
import phonenumbers
from phonenumbers import PhoneNumberFormat
from pypinyin import lazy_pinyin
from rapidfuzz.distance import Levenshtein

from crmsearch.sample.draw import pick
from crmsearch.sample.names import GIVEN_READINGS, NICKNAMES, SURNAME_READINGS, TO_TRADITIONAL

__all__ = [
    "NICKNAMES_OF",
    "NOTATIONS",
    "Reading",
    "classify",
    "double_or_drop",
    "fold",
    "homophones_of",
    "is_han",
    "misspell",
    "pinyin_forms",
    "plain",
    "reading_of",
    "to_simplified",
    "to_traditional",
    "transpose",
]

_HAN_NAME = re.compile(r"[\u3400-\u9fff]{2,4}")
_UNDECOMPOSED = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ı": "i", "ł": "l", "Ł": "L"})
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")
_NEIGHBOURS = {key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _KEYBOARD for at, key in enumerate(row)}
_TO_SIMPLIFIED = {ord(traditional): chr(simplified) for simplified, traditional in TO_TRADITIONAL.items()}


def fold(text: str) -> str:
    """What nobody would call a different spelling: letter case and superfluous spaces."""
    return " ".join(text.casefold().split())


def plain(text: str) -> str:
    """``fold`` without accents: ``García-Peña`` is ``garcia-pena``."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNDECOMPOSED))
    return fold("".join(sign for sign in decomposed if not unicodedata.combining(sign)))


def is_han(name: str) -> bool:
    """Whether it is a Chinese personal name in characters."""
    return _HAN_NAME.fullmatch(name) is not None


def to_traditional(name: str) -> str:
    return name.translate(TO_TRADITIONAL)


def to_simplified(name: str) -> str:
    return name.translate(_TO_SIMPLIFIED)


# What people are called beside the short forms that the sample's own copies use.
_MORE_NICKNAMES = {
    "Robert": "Rob", "William": "Will", "Richard": "Rick", "James": "Jamie", "Michael": "Mick", "Thomas": "Tommy", "Daniel": "Danny",
    "Joseph": "Joey", "Edward": "Eddie", "Charles": "Charlie", "Andrew": "Drew", "David": "Dave", "Gregory": "Greg", "Jeffrey": "Jeff",
    "Timothy": "Tim", "Ronald": "Ron", "Donald": "Don", "Patrick": "Paddy", "Lawrence": "Larry", "Frances": "Fran", "Abigail": "Abby",
    "Elizabeth": "Beth", "Margaret": "Maggie", "Katherine": "Kathy", "Jacqueline": "Jackie", "Pamela": "Pam", "Christina": "Tina",
    "Theodore": "Ted", "Zachary": "Zach", "Joshua": "Josh", "Jonathan": "Jon", "Nathan": "Nate", "Natalie": "Nat", "Amanda": "Mandy",
}  # fmt: skip
NICKNAMES_OF: dict[str, tuple[str, ...]] = {
    name: tuple(table[name] for table in (NICKNAMES, _MORE_NICKNAMES) if name in table) for name in {**NICKNAMES, **_MORE_NICKNAMES}
}


def _letters(text: str) -> list[int]:
    """Places of letters in words that are long enough to be recognised with a mistake."""
    return [at for word in re.finditer(r"[^\W\d_]{4,}", text) for at in range(*word.span())]


def transpose(rng: Random, text: str) -> str | None:
    """Two letters of a word swapped; the second of them is never the word's first."""
    places = [at for at in _letters(text)[:-1] if text[at + 1].isalpha() and text[at].lower() != text[at + 1].lower()]
    if not places:
        return None
    at = pick(rng, places)
    swapped = text[at + 1] + text[at]
    return text[:at] + (swapped.title() if text[at].isupper() else swapped) + text[at + 2 :]


def double_or_drop(rng: Random, text: str) -> tuple[str, str] | None:
    """A letter written twice, or left out; and which of the two."""
    places = _letters(text)
    if not places:
        return None
    at = pick(rng, places)
    if rng.random() < 0.5:
        return text[: at + 1] + text[at].lower() + text[at + 1 :], "doubled"
    return text[:at] + text[at + 1 :], "missing"


def misspell(rng: Random, text: str) -> str:
    """One slip in letters and digits: a neighbouring key, a sign left out, two swapped, one doubled."""
    places = [at for at, sign in enumerate(text) if sign.isalnum()]
    at, kind = pick(rng, places), rng.random()
    following = text[at + 1 : at + 2]
    if kind < 0.25 and text[at].lower() in _NEIGHBOURS:
        return text[:at] + pick(rng, _NEIGHBOURS[text[at].lower()]) + text[at + 1 :]
    if kind < 0.5 and len(places) > 3:
        return text[:at] + text[at + 1 :]
    if kind < 0.75 and following.isalnum() and following != text[at]:
        return text[:at] + following + text[at] + text[at + 2 :]
    return text[: at + 1] + text[at:]


def classify(original: str, copy: str, raw: str) -> str:
    """What happened to a name on its way into another record: both as cleaned, and the cell as it was."""
    if fold(original) == fold(copy):
        return "as it is" if raw == original else "other notation"
    if is_han(original):
        if copy.isascii() or plain(copy).isascii():
            return "romanised"
        return "traditional" if to_simplified(original) == to_simplified(copy) else "typo"
    if plain(original) == plain(copy):
        return "without accents"
    (given, *_, family), (first, *_, last) = original.split() * 2, copy.split() * 2
    if plain(family) == plain(last):
        if len(first.strip(".")) == 1:
            return "initial"
        if plain(first) in map(plain, NICKNAMES_OF.get(given, ())):
            return "nickname"
    changed = Levenshtein.distance(plain(original), plain(copy))
    return "married name" if plain(given) == plain(first) and changed > _MOST_SLIPS else "typo"


_MOST_SLIPS = 3  # edits that two slips come to, one of them a swap and a sign


_COMPOUND = {
    "ouyang": ("ou", "yang"), "sima": ("si", "ma"), "shangguan": ("shang", "guan"), "zhuge": ("zhu", "ge"), "yuchi": ("yu", "chi"),
    "murong": ("mu", "rong"), "xiahou": ("xia", "hou"), "huangfu": ("huang", "fu"),
}  # fmt: skip
_LU = ("lv", "lyu", "lu")  # what is typed for lü


class Reading(msgspec.Struct, frozen=True):
    """A Chinese name in pinyin; ``surnames`` are the ways to type its family name, each in syllables."""

    surname: str
    surnames: tuple[tuple[str, ...], ...]
    given: tuple[str, ...]


@cache
def reading_of(name: str) -> Reading | None:
    """The reading of a name from the sample's own tables, not from the search's; ``None`` for a name that is not of them."""
    size = 2 if len(name) > 2 and name[:2] in SURNAME_READINGS else 1
    surname, given = name[:size], name[size:]
    if not is_han(name) or surname not in SURNAME_READINGS or not all(sign in GIVEN_READINGS for sign in given):
        return None
    whole = SURNAME_READINGS[surname]
    surnames = tuple((form,) for form in _LU) if whole == "lv" else (_COMPOUND.get(whole, (whole,)),)
    return Reading(surname, surnames, tuple(GIVEN_READINGS[sign] for sign in given))


def pinyin_forms(reading: Reading) -> dict[str, list[str]]:
    """What is typed for a name, by form as for 张伟; of a surname with several spellings each."""
    families = ["".join(syllables) for syllables in reading.surnames]
    firsts = ["".join(syllable[0] for syllable in syllables) for syllables in reading.surnames]
    given, initials = "".join(reading.given), "".join(syllable[0] for syllable in reading.given)
    return {
        "zhangwei": [family + given for family in families],
        "zhang wei": [f"{family} {given}" for family in families],
        "wei zhang": [f"{given} {family}" for family in families],
        "zw": [first + initials for first in dict.fromkeys(firsts)],
        "zhangw": [family + initials for family in families],
        "张wei": [to_simplified(reading.surname) + given],
    }


@cache
def _signs_by_sound() -> dict[str, list[str]]:
    """The 3,755 commonest characters (first level of GB 2312) by their usual reading."""
    by_sound: dict[str, list[str]] = {}
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            sign = bytes((high, low)).decode("gb2312", errors="ignore")
            if sign:
                by_sound.setdefault(lazy_pinyin(sign)[0], []).append(sign)
    return by_sound


def homophones_of(sign: str, sound: str) -> list[str]:
    """Other characters of this sound that an input method offers."""
    return [other for other in _signs_by_sound().get(sound, ()) if other != sign]


def _spaced(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def _digits(number: phonenumbers.PhoneNumber) -> str:
    return re.sub(r"\D", "", _spaced(number))


def _in_brackets(number: phonenumbers.PhoneNumber) -> str:
    return f"(+{number.country_code}) {phonenumbers.national_significant_number(number)}"


_FULL_WIDTH = str.maketrans({str(digit): chr(0xFF10 + digit) for digit in range(10)})
NOTATIONS: dict[str, Callable[[phonenumbers.PhoneNumber], str]] = {
    "E.164": lambda number: phonenumbers.format_number(number, PhoneNumberFormat.E164),
    "international": lambda number: phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
    "00": lambda number: f"00{number.country_code}{phonenumbers.national_significant_number(number)}",
    "national": _digits,
    "national, spaced": _spaced,
    "national, dashes": lambda number: re.sub(r"\W+", "-", _spaced(number)).strip("-"),
    "brackets": _in_brackets,
    "full width": lambda number: _digits(number).translate(_FULL_WIDTH),
}
