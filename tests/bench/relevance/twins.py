"""Who cannot be told from whom by a question, and so the best that any ranking could reach.

``keys_of`` says of a document by which questions it would be asked for. All documents with a key that a question has are its twins: nothing
in the question tells the wanted one from the others, so it is first in one of as many cases as there are twins. Before them stand those
who bear what was typed literally: who types Jon Smith for John Smith will be shown every Jon Smith first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from tests.bench.relevance.base import Document, chunks, in_processes
from tests.bench.relevance.writing import NICKNAMES_OF, fold, is_han, pinyin_forms, plain, reading_of, to_simplified

__all__ = ["Key", "Rivals", "count_rivals", "keys_of", "sound_patterns", "street_of", "word_of_company"]

Key = tuple[str, ...]
Numbers = Mapping[Key, Sequence[int]]


class Rivals(msgspec.Struct, frozen=True):
    """How many customers fit a question as well as the one who is meant, that one included, and how many bear what was typed literally."""

    twins: int
    literal: int = 0


ENDINGS = range(4, 12)  # digits at the end of a phone number
BEGINNING = 6  # characters of an e-mail
_CHUNK = 5000


def keys_of(document: Document) -> Iterator[Key]:
    """All keys of a document: the way of asking, then the folded values that are asked for."""
    yield "id", document["customer_id"]
    yield from _contact_keys(document)
    name, city = document.get("name"), fold(document.get("city") or "")
    if not name:
        return
    yield "name", fold(name)
    yield "name, city", fold(name), city
    for tag in document.get("tags", ()):
        yield "name, city, tag", fold(name), city, fold(tag)
    words = plain(name).split()
    yield "plain", plain(name)
    for word in words:
        yield "name word", word
    yield "words", *sorted(words)
    if family := document.get("family_name"):
        yield from _family_keys(document, family, city)
        yield from _given_keys(document.get("given_name") or "", family)
    yield from _chinese_keys(name, city)
    if len(words) == 2:
        # What is also the pinyin of somebody else: literally, typed in one go, or the initials.
        one, two = words
        for typed in (f"{one} {two}", one + two, two + one, two + one[0], one[0] + two[0]):
            yield "pinyin", typed
            yield "pinyin, city", typed, city


def _contact_keys(document: Document) -> Iterator[Key]:
    for phone in document.get("phones", ()):
        yield "phone", phone
        for length in ENDINGS:
            yield "ending", phone.removeprefix("+")[-length:]
    for email in document.get("emails", ()):
        yield "e-mail", fold(email)
        yield "local part", fold(email).rpartition("@")[0]
        yield "e-mail beginning", fold(email)[:BEGINNING]
    if document.get("address") and document.get("city"):
        yield "street, city", fold(street_of(document["address"])), fold(document["city"])


def _family_keys(document: Document, family: str, city: str) -> Iterator[Key]:
    yield "surname, city", fold(family), city
    if job := document.get("job_title"):
        yield "surname, job", fold(family), fold(job)
    if word := word_of_company(document):
        yield "surname, company", fold(family), fold(word)
        yield "name, company", fold(document["name"]), fold(word)
    reading = reading_of(document["name"])
    spellings = ["".join(syllables) for syllables in reading.surnames] if reading else []
    for phone in document.get("phones", ()):
        for spelling in (fold(family), *spellings):
            yield "surname, city, ending", spelling, city, phone[-4:]


def _given_keys(given: str, family: str) -> Iterator[Key]:
    yield "initial, beginning", plain(given)[:1], plain(family)[:3]
    first = (given.split() or [""])[0]
    for short in (first, *NICKNAMES_OF.get(first, ())):
        yield "nickname", plain(short), plain(family)
    for word in re.split(r"[ -]", plain(family)):
        yield "given, word", plain(first), word


def _chinese_keys(name: str, city: str) -> Iterator[Key]:
    reading = reading_of(name) if is_han(name) else None
    if reading is None:
        return
    simplified = to_simplified(name)
    yield "simplified", simplified
    for forms in pinyin_forms(reading).values():
        for typed in forms:
            yield "pinyin", typed
            yield "pinyin, city", typed, city
    for pattern in sound_patterns(simplified, reading.surnames[0] + reading.given):
        yield "sound", pattern
        yield "sound, city", pattern, city


def sound_patterns(name: str, syllables: Sequence[str]) -> list[str]:
    """The name with one character after the other put as its sound: two names share one if a single homophone turns one into the other."""
    return [f"{name[:at]}[{sound}]{name[at + 1 :]}" for at, sound in enumerate(syllables)]


def street_of(address: str) -> str:
    """Street and number: up to the first comma, or to the number of the house in Chinese."""
    return address[: address.index("号") + 1] if "号" in address else address.split(",")[0]


def word_of_company(document: Document) -> str:
    """What a company is called for short: the brand of a Chinese one, which follows the city, the first word of another."""
    company: str = document.get("company") or ""
    if not company.isascii() and (city := document.get("city")):
        return company.removeprefix(city)[:2] if company.startswith(city) else ""
    return company.split()[0] if company else ""


def count_rivals(documents: Path, asked: Sequence[tuple[Sequence[Key], Sequence[Key]]]) -> list[Rivals]:
    """For each question, by the keys of its twins and of those whom it names literally, how many documents have one of them; streamed.

    Who is both counts as named literally.
    """
    alike: dict[Key, list[int]] = {}
    named: dict[Key, list[int]] = {}
    for number, (twins, literal) in enumerate(asked):
        for key in twins:
            alike.setdefault(key, []).append(number)
        for key in literal:
            named.setdefault(key, []).append(number)
    twins_of: Counter[int] = Counter()
    literal_of: Counter[int] = Counter()
    with documents.open("rb") as file:
        for counted in in_processes(partial(_count, alike, named), chunks(file, _CHUNK)):
            twins_of.update(counted[0])
            literal_of.update(counted[1])
    return [Rivals(twins_of[number], literal_of[number]) for number in range(len(asked))]


def _count(alike: Numbers, named: Numbers, lines: list[bytes]) -> tuple[Counter[int], Counter[int]]:
    twins: Counter[int] = Counter()
    literal: Counter[int] = Counter()
    for line in lines:
        keys = set(keys_of(msgspec.json.decode(line)))
        first = {number for key in keys if key in named for number in named[key]}
        literal.update(first)
        twins.update({number for key in keys if key in alike for number in alike[key]} - first)
    return twins, literal
