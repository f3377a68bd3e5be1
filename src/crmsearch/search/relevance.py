"""Relevance as one table: every way in which a word of a query may fit a customer, what it counts, and why.

A customer fits if every word fits in some way. Of the ways in which one word fits the best counts, and the score is the sum over the
words. So customers are ordered by how likely it is that somebody who meant them typed this: the numbers are logarithms of such
likelihoods (natural, shifted so that 0 says nothing), as in Fellegi and Sunter's theory of record linkage (1969). Where all words fit,
how rare a word is does not matter, since it is the same for all who have it. Where some are missing it does: to have a rare word is more
than to have a common one. So a weight holds a usual rarity, which the partial stage replaces by that of the very word (its BM25 idf).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import msgspec

from crmsearch.cleaning.chinese import readings, soften
from crmsearch.cleaning.forms import SHORTEST_ENDING, STARTS, compact, grams
from crmsearch.cleaning.places import find_place
from crmsearch.cleaning.spelling import deletions, far_deletions, is_han, sound, split_words, start_deletions
from crmsearch.search.text import Kind, Word

__all__ = [
    "ANOTHER_WAY",
    "AS_TYPED",
    "ENOUGH",
    "FAMILY_PAIR",
    "PAIR_BEGINNING",
    "PHRASE",
    "PHRASE_FIELDS",
    "PLACE_WORD",
    "PRECISE",
    "STAGES",
    "TOGETHER",
    "TOGETHER_SIMILAR",
    "TOGETHER_WAY",
    "TOLERANT",
    "WHOLE_NAME",
    "Stage",
    "Way",
    "ways_for",
]

Stage = Literal["precise", "tolerant", "partial"]
STAGES: tuple[Stage, ...] = ("precise", "tolerant", "partial")
ENOUGH = 10  # hits; when the precise stage has fewer, customers whose words are only similar are added behind them

# How rare a word of a form usually is: part of every weight of that form. In logarithms, so that 4.6 is one customer in a hundred.
RARITY = {"name": 6.0, "place": 3.5, "work": 3.0, "other": 3.0, "prose": 3.5, "email": 5.0, "phone": 5.0, "id": 6.0}
LEAST_EVIDENCE = 0.2  # what is left of a weight without its rarity at the least
ANOTHER_WAY = 0.15  # share of the weaker ways of a word: a customer whose name and address both fit stands above one of whom one fits

PLACE_WORD = 0.2  # share of the weaker words of a place, where a place counts once
AS_TYPED = 30.0  # every word fits as it was typed: above all whose words are only similar
WHOLE_NAME = 3.0  # the words are the whole name, in its order: above longer names that hold them
FAMILY_PAIR = 3.0  # two neighbouring words are the whole of a name without its gap: given and family name, not two strangers
PAIR_BEGINNING = 2.5  # they begin such a whole: "j smi" is rather John Smith than Smith Jane
TOGETHER = 9.0  # for each word, when together they are one name typed with gaps: above syllables, below literal words
TOGETHER_SIMILAR = 5.6  # the same with a slip in it
PHRASE = 10.0  # a phrase in quotes
PHRASE_FIELDS = ("name", "company", "job_title", "address", "notes", "last_ticket_subject", "city.words", "province.words", "tags.words")

_ONE_LETTER, _TWO_LETTERS = 1, 2


class Way(msgspec.Struct, frozen=True):
    """One way to fit.

    Attributes:
        form: the field of the index that is looked up; see ``cleaning.forms.FORMS``.
        how: ``any`` of the tokens is one of the document's, ``all`` are, ``most`` are (all but one), or one is the ``beginning`` of one.
        weight: what it counts.
        kinds: kinds of words it is for.
        tokens: of a word; none says that the way is not for this word.
        says: the way in words, between the word and the field.
        why: the reason for the weight.
    """

    form: str
    how: Literal["any", "all", "most", "beginning"]
    weight: float
    kinds: tuple[Kind, ...]
    tokens: Callable[[Word], tuple[str, ...]]
    says: str
    why: str

    @property
    def path(self) -> str:
        return f"{self.form}.edges" if self.how == "beginning" else self.form

    @property
    def evidence(self) -> float:
        """The weight without the usual rarity."""
        return max(self.weight - RARITY[self.form.partition("_")[0]], LEAST_EVIDENCE)


def _itself(word: Word) -> tuple[str, ...]:
    return (word.text,)


def _from(letters: int) -> Callable[[Word], tuple[str, ...]]:
    """The word itself, if it has so many letters."""
    return lambda word: (word.text,) if len(word.text) >= letters else ()


def _grams(word: Word) -> tuple[str, ...]:
    return grams(word.text)


def _code(word: Word) -> tuple[str, ...]:
    return (compact(word.text),)


def _long_code(word: Word) -> tuple[str, ...]:
    code = compact(word.text)
    return (code,) if len(code) >= 4 else ()


def _place(word: Word) -> tuple[str, ...]:
    """The words of a known place by the name it bears in documents; none if it is called so here too."""
    name = find_place(word.text)
    words = split_words(name) if name else ()
    if not name or words == (word.text,):
        return ()
    return tuple(token for each in words for token in (grams(each) if is_han(each) else (each,)))


def _endings(word: Word) -> tuple[str, ...]:
    """How a stored number may end. Zeros in front are those of 0086 or a trunk zero, which are not stored, or begin the last digits."""
    bare = word.text.lstrip("0")
    return tuple(ending for ending in dict.fromkeys((word.text, bare)) if len(ending) >= SHORTEST_ENDING)


def _many_endings(word: Word) -> tuple[str, ...]:
    return tuple(ending for ending in _endings(word) if len(ending) >= 7)


def _sounds(word: Word) -> tuple[str, ...]:
    code = sound(word.text)
    return (code,) if code else ()


def _soft(word: Word) -> tuple[str, ...]:
    heard = readings(word.text) if word.kind == "han" else (word.text,)
    return tuple(soften(each) for each in heard if len(each) > 2)


def _read(word: Word) -> tuple[str, ...]:
    return readings(word.text)


def _slips(word: Word) -> tuple[str, ...]:
    return deletions(word.text) if len(word.text) > 2 else ()


def _slips_of_long(word: Word) -> tuple[str, ...]:
    return deletions(word.text) if len(word.text) > 3 else ()


def _far_slips(word: Word) -> tuple[str, ...]:
    return far_deletions(word.text) or (deletions(word.text) if len(word.text) == 5 else ())


def _slips_so_far(word: Word) -> tuple[str, ...]:
    return start_deletions(word.text) if len(word.text) in STARTS else ()


def _slips_of_read(word: Word) -> tuple[str, ...]:
    return tuple(token for reading in readings(word.text) for token in deletions(reading))


def _characters(word: Word) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.text)) if len(word.text) > 2 else ()


def _all_characters(word: Word) -> tuple[str, ...]:
    return tuple(word.text) if len(word.text) == len(set(word.text)) > 1 else ()


def _local(word: Word) -> tuple[str, ...]:
    return (word.text.rpartition("@")[0],) if not word.text.startswith("@") else ()


def _local_slips(word: Word) -> tuple[str, ...]:
    local = word.text.rpartition("@")[0] if word.kind == "email" else word.text
    return deletions(local) if local else ()


def _domain_slips(word: Word) -> tuple[str, ...]:
    return deletions(word.text)


def _domain(word: Word) -> tuple[str, ...]:
    return (word.text.removeprefix("@"),) if word.text.startswith("@") else ()


_LATIN: tuple[Kind, ...] = ("latin",)
_WORDS: tuple[Kind, ...] = ("latin", "digits")
_HAN: tuple[Kind, ...] = ("han",)
_EMAIL: tuple[Kind, ...] = ("email",)
_CODES: tuple[Kind, ...] = ("latin", "digits", "number", "code")

PRECISE: tuple[Way, ...] = (
    # contacts and ids: hardly anybody shares them
    Way("email_parts", "any", 16, _EMAIL, _itself, "is", "a mailbox is one person's"),
    Way("email_beginnings", "any", 12, _EMAIL, _itself, "begins", "so many letters of an address are as good as all of it"),
    Way("email_parts", "any", 9, _EMAIL, _domain, "is the domain of", "a company's domain names its people"),
    Way("email_beginnings", "any", 8, _EMAIL, _domain, "is the domain of", "a domain that is still being typed"),
    Way("id_forms", "any", 14, _CODES, _code, "is", "nobody else has the key"),
    Way("id_forms", "beginning", 6, _CODES, _long_code, "begins", "keys are typed from the front"),
    Way("phone_endings", "any", 13, ("number", "digits"), _many_endings, "ends", "seven digits or more are one line, rarely two"),
    Way("phone_endings", "any", 9, ("number", "digits"), _endings, "ends", "four digits are shared by one customer in ten thousand"),
    Way("email_parts", "any", 11, ("local",), _itself, "is a part of", "the whole of what stands before the @"),
    Way("email_parts", "any", 5, ("domain",), _itself, "is a part of", "a domain is shared by thousands, or by one company"),
    # names, Chinese
    Way("name_words", "any", 12, _HAN, _itself, "is", "the whole name as written, in either script"),
    Way("name_words", "beginning", 10.5, _HAN, _itself, "begins", "surname first: what is typed first stands first"),
    Way("name_grams", "all", 9, _HAN, _grams, "is in", "a given name alone, or a part of a company's name"),
    # names, Latin letters
    Way("name_words", "any", 10, _LATIN, _from(_TWO_LETTERS), "is a word of", "three of four people type the word as it is written"),
    Way("name_joined", "any", 9.5, _LATIN, _itself, "is a way to type", "pinyin, or names in one go: below a literal word"),
    Way("name_readings", "any", 8.5, _LATIN, _itself, "is read in", "a syllable is shared by many characters"),
    Way("name_words", "beginning", 8, _LATIN, _itself, "begins a word of", "typed so far"),
    Way("name_joined", "beginning", 7, _LATIN, _from(_TWO_LETTERS), "begins a way to type", "pinyin typed so far"),
    # places, companies, e-mail words, free text: shared by many, so they count less than a name
    Way("place_words", "any", 7, _WORDS, _from(_TWO_LETTERS), "is in", "one of some hundred places"),
    Way("place_words", "all", 7, ("han", "latin"), _place, "is another name of", "as the place itself: NYC, Peking, 北京市"),
    Way("place_words", "all", 7, _HAN, _grams, "is in", "as above"),
    Way("place_words", "beginning", 5, _LATIN, _from(_TWO_LETTERS), "begins a word of", "typed so far"),
    Way("work_words", "any", 7, _WORDS, _from(_ONE_LETTER), "is in", "one of some thousand companies and titles"),
    Way("work_words", "all", 7, _HAN, _grams, "is in", "as above"),
    Way("work_words", "beginning", 5, _LATIN, _from(_TWO_LETTERS), "begins a word of", "typed so far"),
    Way("email_parts", "any", 9, _CODES, _from(_TWO_LETTERS), "is a part of", "the whole of what stands before the @"),
    Way("email_beginnings", "any", 7.4, _CODES, _from(_TWO_LETTERS), "begins", "typed so far: rather an address than a name in one go"),
    Way("email_words", "any", 5, _LATIN, _from(_TWO_LETTERS), "is a word of", "less than the name that the address was made of"),
    Way("prose_words", "any", 5, _WORDS, _itself, "is in", "notes and addresses are long: a word in them may be chance"),
    Way("prose_words", "all", 5, _HAN, _grams, "is in", "as above"),
)

# Looked for only when the above finds too little.
TOLERANT: tuple[Way, ...] = (
    Way("name_spellings", "any", 7.6, _LATIN, _slips, "is spelt like", "one slip in fourteen words typed"),
    Way("name_nicknames", "any", 7.3, _LATIN, _itself, "is short or long for", "one person in twenty goes by it"),
    Way("name_joined", "any", 7.5, _HAN, _read, "sounds the same as", "a wrong character of the same sound: below a literal one"),
    Way("name_readings", "any", 7, _HAN, _read, "sounds the same as", "of the given name or one character"),
    Way("name_sounds", "any", 6.5, ("han", "latin"), _soft, "sounds nearly like", "zh and z, ng and n, as misheard"),
    Way("name_spellings", "any", 5.5, _HAN, _slips_of_read, "sounds nearly like", "a wrong character of a similar sound"),
    Way("name_far_spellings", "any", 5.7, _LATIN, _far_slips, "is spelt a little like", "two slips in one word"),
    Way("name_sounds", "any", 5.2, _LATIN, _sounds, "sounds like", "misheard; a code is shared by names that are quite unlike"),
    Way("name_starts", "any", 4.3, _LATIN, _slips_so_far, "nearly begins a word of", "a slip in what is typed so far"),
    Way("name_grams", "all", 5, _HAN, _all_characters, "is scattered over", "a character left out, or another order"),
    Way("name_grams", "most", 4.5, _HAN, _characters, "is nearly", "one wrong character of three or more"),
    Way("name_nicknames", "beginning", 4, _LATIN, _itself, "begins a short form of", "an initial of what somebody is called"),
    Way("email_parts", "any", 9.5, _EMAIL, _local, "is a part of", "the same mailbox at some other domain"),
    Way("email_spellings", "any", 7, _EMAIL, _local_slips, "is spelt like", "a similar mailbox at some other domain"),
    Way("email_spellings", "any", 6, ("local",), _local_slips, "is spelt like", "one slip before the @, beside the domain"),
    Way("email_domain_spellings", "any", 2.5, ("domain",), _domain_slips, "is spelt like", "one slip behind the @"),
    Way("email_spellings", "any", 4, ("latin", "code"), _slips_of_long, "is spelt like", "as above, typed without the domain"),
    Way("other_spellings", "any", 4.6, _LATIN, _slips_of_long, "is spelt like", "a slip in a place or company"),
)


# Words of one name that were typed with gaps, which none of them tells alone; see ``TOGETHER``.
TOGETHER_WAY = Way("name_joined", "any", TOGETHER, _LATIN, _itself, "with its neighbours is a way to type", "above syllables")


@lru_cache(maxsize=4_096)
def ways_for(word: Word, *, tolerant: bool) -> tuple[tuple[Way, tuple[str, ...]], ...]:
    """The ways in which a word is looked up, with its tokens: the precise ones, or those that are looked for besides.

    Remembered, since the same word is looked up in several stages, and then looked for in every hit.
    """
    ways = TOLERANT if tolerant else PRECISE
    return tuple((way, tokens) for way in ways if word.kind in way.kinds and (tokens := way.tokens(word)))
