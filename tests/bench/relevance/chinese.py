"""Questions by a Chinese name: homophones, the other script, pinyin in every form."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from crmsearch.sample.draw import pick
from tests.bench.relevance.asking import Asked, Maker, is_known
from tests.bench.relevance.base import Document, Person
from tests.bench.relevance.twins import Key, sound_patterns
from tests.bench.relevance.writing import (
    Reading,
    fold,
    homophones_of,
    pinyin_forms,
    reading_of,
    to_simplified,
    to_traditional,
)

__all__ = ["PINYIN", "homophone", "other_script", "pinyin", "pinyin_and_city", "rare_surname"]

PINYIN = ("zhangwei", "zhang wei", "wei zhang", "zw", "zhangw", "张wei")
"""The forms of pinyin, as for 张伟."""

_RARE_SURNAMES = "曾单單仇区區解查覃盖蓋尉"  # read otherwise than the same character as a word


def _han(document: Document, *fields: str) -> Reading | None:
    return reading_of(document["name"]) if is_known(document, "name", *fields) else None


def homophone(*, city: bool) -> Maker:
    """One character put as another of the same sound, as an input method offers it."""

    def make(rng: Random, person: Person) -> Iterator[Asked]:
        document = person.document
        reading = _han(document, *(["city"] if city else []))
        if reading is None:
            return
        name, sounds = to_simplified(document["name"]), reading.surnames[0] + reading.given
        at = int(rng.random() * len(name))
        others = homophones_of(name[at], sounds[at])
        if not others:
            return
        wrong = name[:at] + pick(rng, others) + name[at + 1 :]
        error = "surname" if at < len(reading.surname) else "given name"
        # Whoever is as near to the wrong name as the one who is meant shares a pattern.
        patterns = sound_patterns(wrong, sounds)
        if city:
            where = fold(document["city"])
            twins: tuple[Key, ...] = tuple(("sound, city", pattern, where) for pattern in patterns)
            yield Asked(f"{wrong} {document['city']}", error, twins, literal=(("name, city", wrong, where),))
        else:
            yield Asked(wrong, error, tuple(("sound", pattern) for pattern in patterns), literal=(("simplified", wrong),))

    return make


def other_script(_: Random, person: Person) -> Iterator[Asked]:
    name = person.document.get("name", "")
    if _han(person.document) is None:
        return
    twins: tuple[Key, ...] = (("simplified", to_simplified(name)),)
    if to_simplified(name) != name:
        yield Asked(to_simplified(name), "simplified for traditional", twins)
    elif to_traditional(name) != name:
        yield Asked(to_traditional(name), "traditional for simplified", twins)


def pinyin(form: str) -> Maker:
    def make(rng: Random, person: Person) -> Iterator[Asked]:
        reading = _han(person.document)
        if reading is not None:
            typed = pick(rng, pinyin_forms(reading)[form])
            yield Asked(typed, f"given name of {len(reading.given)}", (("pinyin", typed),))

    return make


def rare_surname(rng: Random, person: Person) -> Iterator[Asked]:
    """Every form for the surnames that are read in an unusual way, and for 吕, which is spelt in three."""
    reading = _han(person.document)
    if reading is None or (len(reading.surnames) == 1 and reading.surname[0] not in _RARE_SURNAMES):
        return
    for form, spellings in pinyin_forms(reading).items():
        typed = pick(rng, spellings)
        yield Asked(typed, f"{to_simplified(reading.surname)}, {form}", (("pinyin", typed),))


def pinyin_and_city(rng: Random, person: Person) -> Iterator[Asked]:
    reading = _han(person.document, "city")
    if reading is not None:
        form, spellings = pick(rng, list(pinyin_forms(reading).items()))
        typed, city = pick(rng, spellings), person.document["city"]
        yield Asked(f"{typed} {city}", form, (("pinyin, city", typed, fold(city)),))
