"""Questions by several things at once."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from crmsearch.sample.draw import pick
from tests.bench.relevance.asking import Asked, is_known
from tests.bench.relevance.base import Person
from tests.bench.relevance.names import is_latin
from tests.bench.relevance.twins import street_of, word_of_company
from tests.bench.relevance.writing import (
    fold,
    is_han,
    reading_of,
)

__all__ = ["address_and_city", "name_and_company", "name_city_tag", "surname_and_city", "surname_and_job", "surname_city_ending"]


def name_and_company(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    word = word_of_company(document)
    if not word or not is_known(document, "family_name"):
        return
    if is_han(document["name"]):
        yield Asked(f"{document['name']} {word}", "Chinese", (("name, company", fold(document["name"]), fold(word)),))
    elif is_latin(document):
        yield Asked(f"{document['family_name']} {word}", "surname", (("surname, company", fold(document["family_name"]), fold(word)),))


def surname_city_ending(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if not is_known(document, "family_name", "city", "phones"):
        return
    surname, error = document["family_name"], "surname"
    reading = reading_of(document["name"])
    if reading and rng.random() < 0.5:
        surname, error = "".join(pick(rng, reading.surnames)), "pinyin surname"
    city, ending = document["city"], document["phones"][0][-4:]
    yield Asked(f"{surname} {city} {ending}", error, (("surname, city, ending", fold(surname), fold(city), ending),))


def surname_and_city(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if is_known(document, "family_name", "city"):
        surname, city = document["family_name"], document["city"]
        yield Asked(
            f"{surname} {city}", "Chinese" if is_han(document["name"]) else "Latin", (("surname, city", fold(surname), fold(city)),)
        )


def name_city_tag(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if is_known(document, "name", "city", "tags"):
        name, city, tag = document["name"], document["city"], pick(rng, document["tags"])
        yield Asked(f"{name} {city} {tag}", "", (("name, city, tag", fold(name), fold(city), fold(tag)),))


def surname_and_job(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if is_known(document, "family_name", "job_title"):
        surname, job = document["family_name"], document["job_title"]
        yield Asked(f"{surname} {job}", "Chinese" if is_han(document["name"]) else "Latin", (("surname, job", fold(surname), fold(job)),))


def address_and_city(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if document.get("address") and document.get("city"):
        street, city = street_of(document["address"]), document["city"]
        yield Asked(f"{street} {city}", "", (("street, city", fold(street), fold(city)),))
