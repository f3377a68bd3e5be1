"""Blocking: records are compared only if they share a key.

Each pass has keys of its own, so that a record found wanting in one field is found by another. A key that too many records share is
replaced by narrower ones, which add a second fact; a fact that is not known adds none, so that records without it are not compared for
that key.
"""

import hashlib
from functools import lru_cache
from typing import NamedTuple, Protocol

from crmsearch.resolution.features import ROLES, Features, soundex

__all__ = ["MAX_BLOCK", "MAX_NAMESAKES", "PASSES", "Key", "block_limit", "blocking_keys"]

MAX_BLOCK = 50
"""Records that may share a key and still all be compared with each other: at most 1,225 pairs, 25 per record."""
MAX_NAMESAKES = 8
"""The same for keys of names, which grow with the customer base: the more records, the more of them have any name in common."""

PASSES: dict[str, str] = {
    "phone": "same phone",
    "email": "same e-mail",
    "mailbox": "same part of the e-mail before the @, six characters or more and no role such as info",
    "id": "same national id",
    "birth_name": "same birth date (day and month in either order), and the same sound of a given or family name",
    "birth_place": "same birth date (day and month in either order), and the same postcode, city or house numbers",
    "name_place": "same sounds of given and family name in either order, and the same city or postcode",
    "name": "same letters of the full name, words in any order",
    "address": "same house numbers, first letters of the street, and postcode or city",
    "postcode_name": "same postcode, and the same sound of the family name",
    "company": "company accounts: same name without the legal form, or the same internet domain",
}
"""Every pass with what the records of one of its keys have in common."""


_OF_NAMES = frozenset({"name", "name_place", "postcode_name", "birth_place", "birth_name"})


class Key(NamedTuple):
    """One key, and the second facts that make narrower ones of it; a fact that is not known is empty."""

    value: int
    facts: tuple[str, ...] = ()

    @property
    def narrower(self) -> tuple[int, ...]:
        """The keys that take its place where it is too frequent. Few are, so that they are made when they are asked for."""
        return tuple(self.value ^ _fact(each) for each in self.facts if each)


class _Add(Protocol):
    def __call__(self, name: str, *parts: str, narrow: tuple[str, ...] = ()) -> None: ...


def _hash(*parts: str) -> int:
    """A signed 64-bit number: short to shuffle, and two keys that met by chance would cost a comparison and no more.

    The last bit is set in keys of names.
    """
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big", signed=True)
    return number | 1 if parts[0] in _OF_NAMES else number & ~1


@lru_cache(maxsize=65_536)
def _fact(text: str) -> int:
    """The number of a second fact; it leaves the last bit of a key as it is."""
    return _hash("fact", text)


def block_limit(key: int) -> int:
    """How many records may share a key and still be compared."""
    return MAX_NAMESAKES if key & 1 else MAX_BLOCK


def blocking_keys(record: Features) -> list[Key]:
    """The keys of a record, each once, in the order of the passes."""
    keys: dict[int, Key] = {}

    def add(name: str, *parts: str, narrow: tuple[str, ...] = ()) -> None:
        value = _hash(name, *parts)
        keys.setdefault(value, Key(value, narrow))

    sounds = _sounds(record)
    birth = _undirected(record.birth)
    # A second fact of the same person, which tells the members of a crowd apart.
    person = tuple(filter(None, ("+".join(sorted(sounds)), f"b{birth}" if birth else "")))
    for phone in record.phones:
        add("phone", phone, narrow=person or (record.organisation,))
    for email in record.emails:
        local = email.partition("@")[0]
        add("email", email, narrow=person or (record.organisation,))
        if len(local) >= 6 and local not in ROLES:
            add("mailbox", local, narrow=person)
    if record.national_id:
        add("id", record.national_id, narrow=person)
    if record.company:
        _add_company(record, add)
        return list(keys.values())
    if birth:
        for sound in sounds:
            add("birth_name", birth, sound, narrow=_others(sounds, sound) or (record.postcode, record.city))
        for place in filter(None, (record.postcode, record.city, record.numbers)):
            add("birth_place", birth, place, narrow=sounds)
    if len(sounds) > 1:
        pair = "+".join(sorted(sounds))
        exact = _letters(record)
        for place in filter(None, (record.city, record.postcode)):
            add("name_place", pair, place, narrow=_narrow_name(record, exact))
        add("name", exact, narrow=_narrow_name(record, ""))
    elif record.whole:
        add("name", record.whole, narrow=(record.postcode, birth))
    if record.address and record.numbers:
        street = "".join(char for char in record.address if char.isalpha())[:4]
        for place in filter(None, (record.postcode, record.city)):
            add("address", record.numbers, street, place, narrow=sounds)
    if record.postcode:
        for sound in sounds:
            add("postcode_name", record.postcode, sound, narrow=_others(sounds, sound))
    return list(keys.values())


def _add_company(record: Features, add: _Add) -> None:
    if record.organisation:
        add("company", record.organisation, narrow=(record.city, record.postcode))
    for email in record.emails:
        add("company", email.partition("@")[2], narrow=(record.organisation, record.city))


def _sounds(record: Features) -> tuple[str, ...]:
    """Sounds of the first given name and of the last family name."""
    words = (record.given.partition(" ")[0], record.family.rpartition(" ")[2])
    return tuple(dict.fromkeys(soundex(word) for word in words if word))


def _others(sounds: tuple[str, ...], sound: str) -> tuple[str, ...]:
    return tuple("+".join(sorted((sound, other))) for other in sounds if other != sound)


def _letters(record: Features) -> str:
    return "+".join(sorted((record.given.replace(" ", ""), record.family.replace(" ", ""))))


def _narrow_name(record: Features, exact: str) -> tuple[str, ...]:
    """Namesakes of one city are compared if a year of birth, a day of birth or a postcode agrees too."""
    year, _, day = record.birth.partition("-")
    facts = (f"y{year}" if year else "", f"d{day}" if day else "", f"p{record.postcode}" if record.postcode else "")
    return tuple(f"{exact}|{fact}" for fact in facts if fact)


def _undirected(birth: str) -> str:
    """A birth date whose day and month have no order, as 3 April and 4 March are the same to a careless clerk."""
    year, month, day = (birth[:4], birth[5:7], birth[8:10]) if birth else ("", "", "")
    return f"{year}{min(month, day)}{max(month, day)}"
