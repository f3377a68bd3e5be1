"""Words as they are compared: folded, split, and in the forms that a misspelling, an accent or a nickname leaves the same."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

import jellyfish

from crmsearch.cleaning.chinese import to_simplified
from crmsearch.cleaning.text import HAN
from crmsearch.resources import mappings_dir

__all__ = [
    "deletions",
    "far_deletions",
    "fold",
    "is_han",
    "nicknames",
    "short_forms",
    "sound",
    "split_words",
    "start_deletions",
    "umlaut_forms",
    "word_spans",
]

# Letters that Unicode does not take apart.
_UNDECOMPOSED = str.maketrans({"ß": "ss", "ø": "o", "Ø": "o", "ı": "i", "æ": "ae", "œ": "oe", "đ": "d", "ł": "l", "Ł": "l", "þ": "th"})
_APOSTROPHES = str.maketrans("", "", "'’ʼ`´")
_NOT_WORD = re.compile(r"[^\w]+|_")
_WORDS = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+")
_WORDS_AS_WRITTEN = re.compile(rf"[{HAN}]+|[^\W_{HAN}](?:[^\W_{HAN}]|['’ʼ`´](?=[^\W_{HAN}])|[\u0300-\u036f])*")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})

SHORTEST_MISSPELT = 3  # letters of a word that is compared by its spelling or its sound
SHORTEST_FAR = 6  # letters from which two mistakes are likely enough, and leave enough to go by
LONGEST_FAR = 14  # letters; the number of pairs grows with the square
LONGEST_MISSPELT = 40  # letters; longer ones are not words


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """Words of a text in lower case, without accents and signs, in simplified characters, parted by one space."""
    if not text.isascii():
        text = to_simplified(text).translate(_UNDECOMPOSED)
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", text.translate(_APOSTROPHES).casefold()).strip()


@lru_cache(maxsize=65_536)
def split_words(text: str) -> tuple[str, ...]:
    """The folded words of a text, runs of Chinese characters apart from other letters: ``张wei`` is two words."""
    return tuple(_WORDS.findall(fold(text)))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand in it, as it is written; each span folds to the words of ``split_words``."""
    return [match.span() for match in _WORDS_AS_WRITTEN.finditer(text)]


@lru_cache(maxsize=65_536)
def umlaut_forms(text: str) -> tuple[str, ...]:
    """Its folded words with umlauts written out, where that differs: ``Müller`` is also ``mueller``."""
    composed = unicodedata.normalize("NFC", text).casefold()
    written_out = composed.translate(_UMLAUTS)
    return split_words(written_out) if written_out != composed else ()


def is_han(word: str) -> bool:
    """Whether a folded word is of Chinese characters."""
    return not word.isascii() and _HAN_FIRST.match(word) is not None


_HAN_FIRST = re.compile(f"[{HAN}]")


@lru_cache(maxsize=65_536)
def deletions(word: str) -> tuple[str, ...]:
    """The word and what is left of it without one letter.

    Two words one slip apart (a letter too many, too few, wrong, or two swapped) have one of these in common, so that spelling is compared
    by looking up whole terms. Symmetric delete, as in W. Garbe's SymSpell (2012). Of three letters two would be left, which Sam and Amy
    share, so such words have only themselves, and are found in the forms of longer ones: Jon in those of John.
    """
    if not SHORTEST_MISSPELT < len(word) <= LONGEST_MISSPELT:
        return (word,)
    return start_deletions(word)


def start_deletions(word: str) -> tuple[str, ...]:
    """The same of the first letters of a word, however few: what is typed so far."""
    return tuple(dict.fromkeys((word, *_without_one(word))))


@lru_cache(maxsize=65_536)
def far_deletions(word: str) -> tuple[str, ...]:
    """What is left of a longer word without up to two letters: two slips; nothing for words too short or too long for it."""
    if not SHORTEST_FAR <= len(word) <= LONGEST_FAR:
        return ()
    ones = _without_one(word)
    return tuple(dict.fromkeys((word, *ones, *(two for one in ones for two in _without_one(one)))))


def _without_one(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


def sound(word: str) -> str:
    """How a word in Latin letters sounds to an English ear, as a Metaphone code (L. Philips, 1990); empty where it would say too little."""
    return jellyfish.metaphone(word) if len(word) >= SHORTEST_MISSPELT and word.isascii() and word.isalpha() else ""


@cache
def nicknames() -> Mapping[str, frozenset[str]]:
    """Given name, folded -> its short forms; the table is ``mappings/nicknames.txt``."""
    table: dict[str, set[str]] = {}
    for line in (mappings_dir() / "nicknames.txt").read_text(encoding="utf-8").splitlines():
        full, *short = line.split("#", 1)[0].split() or [""]
        for name in short:
            table.setdefault(full, set()).add(name)
    return {full: frozenset(short) for full, short in table.items()}


@cache
def _groups() -> Mapping[str, tuple[str, ...]]:
    """Name -> all that people of that name may be called, itself included."""
    groups: dict[str, set[str]] = {}
    for full, short in nicknames().items():
        for name in (full, *short):
            groups.setdefault(name, set()).update((full, *short))
    return {name: tuple(sorted(group)) for name, group in groups.items()}


def short_forms(word: str) -> tuple[str, ...]:
    """What somebody called so may be called too: robert for bob, bob and rob for robert; nothing for a name that is not in the table."""
    return _groups().get(word, ())
