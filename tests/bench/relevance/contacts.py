"""Questions by phone, e-mail and id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import phonenumbers

from crmsearch.sample.draw import pick
from tests.bench.relevance.asking import Asked
from tests.bench.relevance.base import Person
from tests.bench.relevance.twins import BEGINNING, ENDINGS
from tests.bench.relevance.writing import (
    NOTATIONS,
    fold,
    misspell,
    plain,
)

__all__ = ["customer_id", "email", "email_beginning", "local_part", "misspelt_email", "phone", "phone_ending"]


def phone(rng: Random, person: Person) -> Iterator[Asked]:
    for phone in person.document.get("phones", ())[:1]:
        notation = pick(rng, list(NOTATIONS))
        yield Asked(NOTATIONS[notation](phonenumbers.parse(phone)), notation, (("phone", phone),))


def phone_ending(rng: Random, person: Person) -> Iterator[Asked]:
    for phone in person.document.get("phones", ())[:1]:
        length = pick(rng, ENDINGS)
        digits = phone.removeprefix("+")[-length:]
        yield Asked(digits, f"last {length}", (("ending", digits),))


def _email_of(person: Person) -> str:
    emails = person.document.get("emails") or [""]
    return str(emails[0])


_HABITS: dict[str, Callable[[str], str]] = {"as it is": str, "upper case": str.upper, "spaces around": lambda email: f"  {email} "}


def email(rng: Random, person: Person) -> Iterator[Asked]:
    if email := _email_of(person):
        habit = pick(rng, list(_HABITS))
        yield Asked(_HABITS[habit](email), habit, (("e-mail", fold(email)),))


def misspelt_email(rng: Random, person: Person) -> Iterator[Asked]:
    if email := _email_of(person):
        local, _, domain = email.partition("@")
        if rng.random() < 0.5:
            error, text = "local part", f"{misspell(rng, local)}@{domain}"
        else:
            error, text = "domain", f"{local}@{misspell(rng, domain)}"
        yield Asked(text, error, (("e-mail", fold(email)),), literal=(("e-mail", fold(text)),))


def local_part(_: Random, person: Person) -> Iterator[Asked]:
    if local := _email_of(person).partition("@")[0]:
        yield Asked(local, "", (("local part", fold(local)),))


def email_beginning(_: Random, person: Person) -> Iterator[Asked]:
    if email := _email_of(person):
        # Whoever is called so rightly comes first: milner is rather a name than the beginning of milner.jo@example.com.
        typed = fold(email)[:BEGINNING]
        literal = (("local part", typed), ("name word", plain(typed)), ("pinyin", typed))
        yield Asked(email[:BEGINNING], "", (("e-mail beginning", typed),), literal)


def customer_id(rng: Random, person: Person) -> Iterator[Asked]:
    identifier: str = person.document["customer_id"]
    ways = {"as it is": identifier, "lower case": identifier.lower(), "source key": identifier.partition(":")[2]}
    way = pick(rng, list(ways))
    yield Asked(ways[way], way, (("id", identifier),))
