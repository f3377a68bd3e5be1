"""The kinds of question: how an agent would ask for a person, given what is on file or what another record says of them.

Makers draw on the truth of the sample alone, never on tables of the search.
"""

from __future__ import annotations

from random import Random

from tests.bench.relevance import chinese, combined, contacts, names
from tests.bench.relevance.asking import Asked, Judged, Kind
from tests.bench.relevance.base import Document, Person
from tests.bench.relevance.twins import keys_of
from tests.bench.relevance.writing import is_han

__all__ = ["KINDS", "PER_KIND", "make_judged"]

PER_KIND = 300


def make_judged(people: list[Person], kinds: list[Kind], seed: int, per_kind: int = PER_KIND) -> list[Judged]:
    """The same people and seed give the same questions of a kind, whatever other kinds there are."""
    judged = []
    for kind in kinds:
        rng = Random(f"{seed} {kind.name}")
        order = sorted(people, key=lambda _: rng.random())
        found: list[Judged] = []
        for person in order:
            found += [_judged(kind, each, person.document) for each in kind.make(rng, person)]
            if len(found) >= per_kind:
                break
        judged += found[:per_kind]
    return judged


def _judged(kind: Kind, asked: Asked, meant: Document) -> Judged:
    named = tuple(key for key in keys_of(meant) if key in asked.literal)
    # Where the one who is meant is named literally too, whoever else is is its twin.
    twins, literal = (named, ()) if named else (asked.twins, asked.literal)
    return Judged(kind.name, asked.text, asked.error, twins, meant["customer_id"], literal)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("name and city, corrupted", 1, names.from_copies(city=True)),
        Kind("name and city, clean", 1, names.from_clean(city=True)),
        Kind("name, corrupted", 1, names.from_copies(city=False)),
        Kind("name, clean", 1, names.from_clean(city=False)),
        Kind("initial and beginning, corrupted", 10, names.beginnings_of_copies),
        Kind("initial and beginning, clean", 10, names.beginnings_of_clean),
        Kind("nickname", 1, names.nickname),
        Kind("swapped order", 1, names.swapped),
        Kind("doubled or missing letter", 1, names.doubled_or_missing),
        Kind("transposed letters", 1, names.transposed),
        Kind("accents left out", 1, names.without_accents),
        Kind("part of the name", 1, names.part_of_name),
        Kind("phone", 1, contacts.phone),
        Kind("phone ending", 10, contacts.phone_ending),
        Kind("e-mail", 1, contacts.email),
        Kind("e-mail misspelt", 1, contacts.misspelt_email),
        Kind("e-mail local part", 1, contacts.local_part),
        Kind("e-mail beginning", 10, contacts.email_beginning),
        Kind("customer id", 1, contacts.customer_id),
        Kind("name and company", 1, combined.name_and_company),
        Kind("surname, city, phone ending", 1, combined.surname_city_ending),
        Kind("surname and city", 10, combined.surname_and_city),
        Kind("surname and job", 10, combined.surname_and_job),
        Kind("name, city, tag", 1, combined.name_city_tag),
        Kind("address and city", 1, combined.address_and_city),
        Kind("Chinese name and city", 1, names.from_clean(city=True, wanted=is_han)),
        Kind("Chinese name", 1, names.from_clean(city=False, wanted=is_han)),
        Kind("Chinese homophone", 1, chinese.homophone(city=False)),
        Kind("Chinese homophone and city", 1, chinese.homophone(city=True)),
        Kind("traditional or simplified", 1, chinese.other_script),
        *(Kind(f"pinyin {form}", 10, chinese.pinyin(form)) for form in chinese.PINYIN),
        Kind("pinyin of rare surnames", 10, chinese.rare_surname),
        Kind("pinyin and city", 10, chinese.pinyin_and_city),
    )
}
"""All kinds, in the order of the table."""
