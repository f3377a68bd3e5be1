"""The kinds of question: how an agent would ask for a person, given what is on file or what another record says of them.

One row of ``KINDS`` each. A maker yields, for one person, what is typed, the kind of error in it, and the keys of those who could be meant
as well. It draws on the truth of the sample alone, never on tables of the search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

import msgspec
import phonenumbers

from crmsearch.sample.draw import pick
from tests.bench.relevance.base import Document, Person
from tests.bench.relevance.twins import (
    BEGINNING,
    ENDINGS,
    Key,
    sound_patterns,
    street_of,
    word_of_company,
)
from tests.bench.relevance.writing import (
    NICKNAMES_OF,
    NOTATIONS,
    Reading,
    classify,
    double_or_drop,
    fold,
    homophones_of,
    is_han,
    misspell,
    pinyin_forms,
    plain,
    reading_of,
    to_simplified,
    to_traditional,
    transpose,
)

__all__ = ["KINDS", "Asked", "Judged", "Kind", "make_judged"]

PER_KIND = 300


class Asked(msgspec.Struct, frozen=True):
    """One way to ask for a person."""

    text: str
    error: str
    twins: tuple[Key, ...]


class Judged(msgspec.Struct, frozen=True):
    """A question with its right answer."""

    kind: str
    text: str
    error: str
    twins: tuple[Key, ...]
    target: str


Maker = Callable[[Random, Person], Iterator[Asked]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of question; ``depth`` is how far down the right answer may stand to be of use: 1 or, for fragments, 10."""

    name: str
    depth: int
    make: Maker


def make_judged(people: list[Person], kinds: list[Kind], seed: int, per_kind: int = PER_KIND) -> list[Judged]:
    """The same people and seed give the same questions of a kind, whatever other kinds there are."""
    judged = []
    for kind in kinds:
        rng = Random(f"{seed} {kind.name}")
        order = sorted(people, key=lambda _: rng.random())
        found: list[Judged] = []
        for person in order:
            target = person.document["customer_id"]
            found += [Judged(kind.name, each.text, each.error, each.twins, target) for each in kind.make(rng, person)]
            if len(found) >= per_kind:
                break
        judged += found[:per_kind]
    return judged


def _known(document: Document, *fields: str) -> bool:
    return document["kind"] == "person" and all(document.get(field) for field in fields)


def _name_keys(document: Document, *, city: bool) -> tuple[Key, ...]:
    name = fold(document["name"])
    return (("name, city", name, fold(document["city"])),) if city else (("name", name),)


# Names, from another record and from the same.


def _from_copies(*, city: bool) -> Maker:
    fields = ("name", "city") if city else ("name",)

    def make(_: Random, person: Person) -> Iterator[Asked]:
        if not _known(person.document, *fields):
            return
        for copy in person.copies:
            if _known(copy.document, *fields):
                error = classify(person.document["name"], copy.document["name"], copy.name)
                if city and copy.city != person.document["city"]:
                    error = "city otherwise" if error == "as it is" else f"{error}, city otherwise"
                yield Asked(f"{copy.name} {copy.city}" if city else copy.name, error, _name_keys(person.document, city=city))

    return make


def _from_clean(*, city: bool, wanted: Callable[[str], bool] = lambda _: True) -> Maker:
    fields = ("name", "city") if city else ("name",)

    def make(_: Random, person: Person) -> Iterator[Asked]:
        document = person.document
        if _known(document, *fields) and wanted(document["name"]):
            yield Asked(" ".join(document[field] for field in fields), "as it is", _name_keys(document, city=city))

    return make


def _beginnings_of_copies(_: Random, person: Person) -> Iterator[Asked]:
    for copy in person.copies:
        for asked in _beginnings(copy.document):
            for meant in _beginnings(person.document):
                error = classify(person.document["name"], copy.document["name"], copy.name)
                yield Asked(asked.text, error, meant.twins)


def _beginnings_of_clean(_: Random, person: Person) -> Iterator[Asked]:
    yield from _beginnings(person.document)


def _beginnings(document: Document) -> Iterator[Asked]:
    if _known(document, "given_name", "family_name") and not is_han(document["name"]):
        given, family = document["given_name"], document["family_name"]
        yield Asked(f"{given[0]} {family[:3]}".lower(), "", (("initial, beginning", plain(given)[:1], plain(family)[:3]),))


def _latin(document: Document) -> bool:
    return (
        _known(document, "given_name", "family_name")
        and re.match(r"[^\W\d_]", document["name"]) is not None
        and not is_han(document["name"])
    )


def _nickname(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    first = document.get("given_name", "").split(" ")[0]
    if _latin(document) and first in NICKNAMES_OF:
        short, family = pick(rng, NICKNAMES_OF[first]), document["family_name"]
        yield Asked(f"{short} {family}", "", (("nickname", plain(short), plain(family)),))


def _swapped(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if _latin(document):
        words = plain(document["name"]).split()
        yield Asked(f"{document['family_name']} {document['given_name']}", "", (("words", *sorted(words)),))


def _letter(rng: Random, person: Person) -> Iterator[Asked]:
    if _latin(person.document) and (changed := double_or_drop(rng, person.document["name"])):
        yield Asked(changed[0], changed[1], _name_keys(person.document, city=False))


def _transposed(rng: Random, person: Person) -> Iterator[Asked]:
    if _latin(person.document) and (changed := transpose(rng, person.document["name"])):
        yield Asked(changed, "", _name_keys(person.document, city=False))


_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "Ø": "Oe"})


def _without_accents(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    name = document.get("name", "")
    if not _latin(document) or name.isascii():
        return
    if document.get("country") == "DE" and name.translate(_TWO_LETTERS) != name and rng.random() < 0.5:
        yield Asked(plain(name.translate(_TWO_LETTERS)), "umlaut as two letters", _name_keys(document, city=False))
    else:
        yield Asked(plain(name), "plain letters", (("plain", plain(name)),))


def _part_of_name(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if not _latin(document):
        return
    given, *middle = document["given_name"].split(" ")
    family = document["family_name"]
    parts = re.split(r"[ -]", family)
    if len(parts) > 1:
        error = "one half" if "-" in family else "without particle" if parts[0].lower() in _PARTICLES else "one of two surnames"
        word = parts[-1] if error == "without particle" else pick(rng, parts)
        yield Asked(f"{given} {word}", error, (("given, word", plain(given), plain(word)),))
    elif middle:
        error = "without middle initial" if len(middle[0].strip(".")) == 1 else "first and last word"
        yield Asked(f"{given} {family}", error, (("given, word", plain(given), plain(family)),))


_PARTICLES = {"van", "von", "de", "del", "der", "la", "le", "du", "zu", "st.", "di", "da"}


# Contact data.


def _phone(rng: Random, person: Person) -> Iterator[Asked]:
    for phone in person.document.get("phones", ())[:1]:
        notation = pick(rng, list(NOTATIONS))
        yield Asked(NOTATIONS[notation](phonenumbers.parse(phone)), notation, (("phone", phone),))


def _phone_ending(rng: Random, person: Person) -> Iterator[Asked]:
    for phone in person.document.get("phones", ())[:1]:
        length = pick(rng, ENDINGS)
        digits = phone.removeprefix("+")[-length:]
        yield Asked(digits, f"last {length}", (("ending", digits),))


def _email_of(person: Person) -> str:
    emails = person.document.get("emails") or [""]
    return str(emails[0])


_HABITS: dict[str, Callable[[str], str]] = {"as it is": str, "upper case": str.upper, "spaces around": lambda email: f"  {email} "}


def _email(rng: Random, person: Person) -> Iterator[Asked]:
    if email := _email_of(person):
        habit = pick(rng, list(_HABITS))
        yield Asked(_HABITS[habit](email), habit, (("e-mail", fold(email)),))


def _misspelt_email(rng: Random, person: Person) -> Iterator[Asked]:
    if email := _email_of(person):
        local, _, domain = email.partition("@")
        if rng.random() < 0.5:
            yield Asked(f"{misspell(rng, local)}@{domain}", "local part", (("e-mail", fold(email)),))
        else:
            yield Asked(f"{local}@{misspell(rng, domain)}", "domain", (("e-mail", fold(email)),))


def _local_part(_: Random, person: Person) -> Iterator[Asked]:
    if local := _email_of(person).partition("@")[0]:
        yield Asked(local, "", (("local part", fold(local)),))


def _email_beginning(_: Random, person: Person) -> Iterator[Asked]:
    if email := _email_of(person):
        yield Asked(email[:BEGINNING], "", (("e-mail beginning", fold(email)[:BEGINNING]),))


def _customer_id(rng: Random, person: Person) -> Iterator[Asked]:
    identifier: str = person.document["customer_id"]
    ways = {"as it is": identifier, "lower case": identifier.lower(), "source key": identifier.partition(":")[2]}
    way = pick(rng, list(ways))
    yield Asked(ways[way], way, (("id", identifier),))


# Several things at once.


def _name_and_company(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    word = word_of_company(document)
    if not word or not _known(document, "family_name"):
        return
    if is_han(document["name"]):
        yield Asked(f"{document['name']} {word}", "Chinese", (("name, company", fold(document["name"]), fold(word)),))
    elif _latin(document):
        yield Asked(f"{document['family_name']} {word}", "surname", (("surname, company", fold(document["family_name"]), fold(word)),))


def _surname_city_ending(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if not _known(document, "family_name", "city", "phones"):
        return
    surname, error = document["family_name"], "surname"
    reading = reading_of(document["name"])
    if reading and rng.random() < 0.5:
        surname, error = "".join(pick(rng, reading.surnames)), "pinyin surname"
    city, ending = document["city"], document["phones"][0][-4:]
    yield Asked(f"{surname} {city} {ending}", error, (("surname, city, ending", fold(surname), fold(city), ending),))


def _surname_and_city(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if _known(document, "family_name", "city"):
        surname, city = document["family_name"], document["city"]
        yield Asked(
            f"{surname} {city}", "Chinese" if is_han(document["name"]) else "Latin", (("surname, city", fold(surname), fold(city)),)
        )


def _name_city_tag(rng: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if _known(document, "name", "city", "tags"):
        name, city, tag = document["name"], document["city"], pick(rng, document["tags"])
        yield Asked(f"{name} {city} {tag}", "", (("name, city, tag", fold(name), fold(city), fold(tag)),))


def _surname_and_job(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if _known(document, "family_name", "job_title"):
        surname, job = document["family_name"], document["job_title"]
        yield Asked(f"{surname} {job}", "Chinese" if is_han(document["name"]) else "Latin", (("surname, job", fold(surname), fold(job)),))


def _address(_: Random, person: Person) -> Iterator[Asked]:
    document = person.document
    if document.get("address") and document.get("city"):
        street, city = street_of(document["address"]), document["city"]
        yield Asked(f"{street} {city}", "", (("street, city", fold(street), fold(city)),))


# Chinese.


def _han(document: Document, *fields: str) -> Reading | None:
    return reading_of(document["name"]) if _known(document, "name", *fields) else None


def _homophone(*, city: bool) -> Maker:
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
        # Whoever bears the wrong name itself shares the first pattern, whoever is as near to it as the one who is meant another.
        patterns = sound_patterns(wrong, sounds)
        if city:
            where = fold(document["city"])
            yield Asked(f"{wrong} {document['city']}", error, tuple(("sound, city", pattern, where) for pattern in patterns))
        else:
            yield Asked(wrong, error, tuple(("sound", pattern) for pattern in patterns))

    return make


def _other_script(_: Random, person: Person) -> Iterator[Asked]:
    name = person.document.get("name", "")
    if _han(person.document) is None:
        return
    twins: tuple[Key, ...] = (("simplified", to_simplified(name)),)
    if to_simplified(name) != name:
        yield Asked(to_simplified(name), "simplified for traditional", twins)
    elif to_traditional(name) != name:
        yield Asked(to_traditional(name), "traditional for simplified", twins)


_MANY_READINGS = "曾单仇区解查覃盖尉單區蓋"


def _error_of(reading: Reading) -> str:
    if len(reading.surnames) > 1:
        return "lv, lyu, lu"
    if reading.surname[0] in _MANY_READINGS:
        return "surname of several readings"
    return f"given name of {len(reading.given)}"


def _pinyin(form: str) -> Maker:
    def make(rng: Random, person: Person) -> Iterator[Asked]:
        reading = _han(person.document)
        if reading is not None:
            typed = pick(rng, pinyin_forms(reading)[form])
            yield Asked(typed, _error_of(reading), (("pinyin", typed),))

    return make


def _pinyin_and_city(rng: Random, person: Person) -> Iterator[Asked]:
    reading = _han(person.document, "city")
    if reading is not None:
        form, spellings = pick(rng, list(pinyin_forms(reading).items()))
        typed, city = pick(rng, spellings), person.document["city"]
        yield Asked(f"{typed} {city}", form, (("pinyin, city", typed, fold(city)),))


PINYIN = ("zhangwei", "zhang wei", "wei zhang", "zw", "zhangw", "张wei")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("name and city, corrupted", 1, _from_copies(city=True)),
        Kind("name and city, clean", 1, _from_clean(city=True)),
        Kind("name, corrupted", 1, _from_copies(city=False)),
        Kind("name, clean", 1, _from_clean(city=False)),
        Kind("initial and beginning, corrupted", 10, _beginnings_of_copies),
        Kind("initial and beginning, clean", 10, _beginnings_of_clean),
        Kind("nickname", 1, _nickname),
        Kind("swapped order", 1, _swapped),
        Kind("doubled or missing letter", 1, _letter),
        Kind("transposed letters", 1, _transposed),
        Kind("accents left out", 1, _without_accents),
        Kind("part of the name", 1, _part_of_name),
        Kind("phone", 1, _phone),
        Kind("phone ending", 10, _phone_ending),
        Kind("e-mail", 1, _email),
        Kind("e-mail misspelt", 1, _misspelt_email),
        Kind("e-mail local part", 1, _local_part),
        Kind("e-mail beginning", 10, _email_beginning),
        Kind("customer id", 1, _customer_id),
        Kind("name and company", 1, _name_and_company),
        Kind("surname, city, phone ending", 1, _surname_city_ending),
        Kind("surname and city", 10, _surname_and_city),
        Kind("surname and job", 10, _surname_and_job),
        Kind("name, city, tag", 1, _name_city_tag),
        Kind("address and city", 1, _address),
        Kind("Chinese name and city", 1, _from_clean(city=True, wanted=is_han)),
        Kind("Chinese name", 1, _from_clean(city=False, wanted=is_han)),
        Kind("Chinese homophone", 1, _homophone(city=False)),
        Kind("Chinese homophone and city", 1, _homophone(city=True)),
        Kind("traditional or simplified", 1, _other_script),
        *(Kind(f"pinyin {form}", 10, _pinyin(form)) for form in PINYIN),
        Kind("pinyin and city", 10, _pinyin_and_city),
    )
}
"""All kinds, in the order of the table."""
