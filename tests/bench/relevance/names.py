"""Questions by name: as another record has it, as it is, and with an error of each kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from crmsearch.sample.draw import pick
from tests.bench.relevance.asking import Asked, Maker, is_known, name_keys
from tests.bench.relevance.base import Document, Person
from tests.bench.relevance.twins import Key
from tests.bench.relevance.writing import (
    NICKNAMES_OF,
    classify,
    double_or_drop,
    fold,
    is_han,
    plain,
    transpose,
)

__all__ = [
    "beginnings_of_clean",
    "beginnings_of_copies",
    "doubled_or_missing",
    "from_clean",
    "from_copies",
    "is_latin",
    "nickname",
    "part_of_name",
    "swapped",
    "transposed",
    "without_accents",
]


def from_copies(*, city: bool) -> Maker:
    """The cells of further records of the person, as the clerks wrote them."""
    fields = ("name", "city") if city else ("name",)

    def make(_: Random, person: Person) -> Iterator[Asked]:
        if not is_known(person.document, *fields):
            return
        for copy in person.copies:
            if is_known(copy.document, *fields):
                error = classify(person.document["name"], copy.document["name"], copy.name)
                if city and copy.city != person.document["city"]:
                    error = "city otherwise" if error == "as it is" else f"{error}, city otherwise"
                text = f"{copy.name} {copy.city}" if city else copy.name
                yield Asked(text, error, name_keys(person.document, city=city), name_keys(copy.document, city=city))

    return make


def from_clean(*, city: bool, wanted: Callable[[str], bool] = lambda _: True) -> Maker:
    """The name as it is on file, of those whose name is wanted."""
    fields = ("name", "city") if city else ("name",)

    def make(_: Random, person: Person) -> Iterator[Asked]:
        document = person.document
        if is_known(document, *fields) and wanted(document["name"]):
            yield Asked(" ".join(document[field] for field in fields), "as it is", name_keys(document, city=city))

    return make


def beginnings_of_copies(_: Random, person: Person) -> Iterator[Asked]:
    for copy in person.copies:
        for asked in _beginnings(copy.document):
            for meant in _beginnings(person.document):
                error = classify(person.document["name"], copy.document["name"], copy.name)
                yield Asked(asked.text, error, meant.twins, literal=asked.twins)


def beginnings_of_clean(_: Random, person: Person) -> Iterator[Asked]:
    yield from _beginnings(person.document)


def _beginnings(document: Document) -> Iterator[Asked]:
    if is_known(document, "given_name", "family_name") and not is_han(document["name"]):
        given, family = document["given_name"], document["family_name"]
        yield Asked(f"{given[0]} {family[:3]}".lower(), "", (("initial, beginning", plain(given)[:1], plain(family)[:3]),))


def is_latin(document: Document) -> bool:
    return (
        is_known(document, "given_name", "family_name")
        and re.match(r"[^\W\d_]", document["name"]) is not None
        and not is_han(document["name"])
    )


def nickname(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    first = document.get("given_name", "").split(" ")[0]
    if is_latin(document) and first in NICKNAMES_OF:
        short, family = pick(rng, NICKNAMES_OF[first]), document["family_name"]
        text = f"{short} {family}"
        yield Asked(text, "", (("nickname", plain(short), plain(family)),), _whole(text))


def swapped(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if is_latin(document):
        words = plain(document["name"]).split()
        text = f"{document['family_name']} {document['given_name']}"
        yield Asked(text, "", (("words", *sorted(words)),), _whole(text))


def doubled_or_missing(rng: Random, person: Person) -> Iterator[Asked]:
    if is_latin(person.document) and (changed := double_or_drop(rng, person.document["name"])):
        yield Asked(changed[0], changed[1], name_keys(person.document, city=False), _whole(changed[0]))


def transposed(rng: Random, person: Person) -> Iterator[Asked]:
    if is_latin(person.document) and (changed := transpose(rng, person.document["name"])):
        yield Asked(changed, "", name_keys(person.document, city=False), _whole(changed))


_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "Ø": "Oe"})


def without_accents(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    name = document.get("name", "")
    if not is_latin(document) or name.isascii():
        return
    if document.get("country") == "DE" and name.translate(_TWO_LETTERS) != name and rng.random() < 0.5:
        text = plain(name.translate(_TWO_LETTERS))
        yield Asked(text, "umlaut as two letters", name_keys(document, city=False), _whole(text))
    else:
        yield Asked(plain(name), "plain letters", (("plain", plain(name)),), _whole(plain(name)))


def part_of_name(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if not is_latin(document):
        return
    given, *middle = document["given_name"].split(" ")
    family = document["family_name"]
    parts = re.split(r"[ -]", family)
    if len(parts) > 1:
        error = "one half" if "-" in family else "without particle" if parts[0].lower() in _PARTICLES else "one of two surnames"
        word = parts[-1] if error == "without particle" else pick(rng, parts)
        text = f"{given} {word}"
        yield Asked(text, error, (("given, word", plain(given), plain(word)),), _whole(text))
    elif middle:
        error = "without middle initial" if len(middle[0].strip(".")) == 1 else "first and last word"
        text = f"{given} {family}"
        yield Asked(text, error, (("given, word", plain(given), plain(family)),), _whole(text))


def _whole(name: str) -> tuple[Key, ...]:
    return (("name", fold(name)),)


_PARTICLES = {"van", "von", "de", "del", "der", "la", "le", "du", "zu", "st.", "di", "da"}
