"""The kinds of question: how an agent would ask for a person, given what is on file or what another record says of them.

Makers draw on the truth of the sample alone, never on tables of the search.
"""

from __future__ import annotations

from random import Random

from tests.bench.relevance import chinese, combined, contacts, names
from tests.bench.relevance.asking import Judged, Kind
from tests.bench.relevance.base import Person
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
            target = person.document["customer_id"]
            found += [Judged(kind.name, each.text, each.error, each.twins, target) for each in kind.make(rng, person)]
            if len(found) >= per_kind:
                break
        judged += found[:per_kind]
    return judged


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
