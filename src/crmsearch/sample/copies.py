"""What differs when the same person is entered a second time: typing errors, other forms of the name, a new address or number."""

from collections.abc import Callable
from datetime import date

import msgspec

from crmsearch.sample.draw import Random, between, chance, fill, pick
from crmsearch.sample.names import HOMOPHONES, NICKNAMES, TO_TRADITIONAL, ascii_fold, draw_name
from crmsearch.sample.people import Person
from crmsearch.sample.places import draw_address, draw_number
from crmsearch.sample.records import ADDRESS, BIRTH, COMPANY, EMAIL, MOBILE, NAME, NATIONAL_ID, PHONE, POSTCODE

__all__ = ["CHANGES", "Change", "alter", "mistype"]

_TWO_ERRORS = 0.3  # of the mistyped cells have two errors, the others one

_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    key: row[max(0, at - 1) : at] + row[at + 1 : at + 2]
    for row in (*_KEYBOARD, *(r.upper() for r in _KEYBOARD))
    for at, key in enumerate(row)
}


class Change(msgspec.Struct, frozen=True):
    """One way in which a copy differs: how often, where, and the function that makes it; ``None`` says that it cannot be made here."""

    kind: str
    rate: float
    column: int
    make: Callable[[Random, str, Person], str | None]


def _other_sign(rng: Random, sign: str) -> str:
    """What a finger or an ear puts in place of a character; nothing if it knows no other."""
    if sign.isdigit() and sign.isascii():
        return str((int(sign) + between(rng, 1, 9)) % 10)
    return pick(rng, HOMOPHONES.get(sign) or _NEIGHBOURS.get(sign) or ascii_fold(sign) or ("",))


def _slip(rng: Random, text: str) -> str:
    at = int(rng.random() * len(text))
    kind = rng.random()
    if kind < 0.55 or len(text) < 3:
        other = _other_sign(rng, text[at])
        return text[:at] + other + text[at + 1 :] if len(text) + len(other) > 2 else text
    if kind < 0.75:
        return text[:at] + text[at + 1 :]
    if kind < 0.9:
        at = min(at, len(text) - 2)
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at] + text[at:]


def mistype(rng: Random, text: str) -> str:
    """The text with one or two typing errors, which leave its blanks single: superfluous ones are another kind of dirt."""
    text = _slip(rng, text)
    if chance(rng, _TWO_ERRORS):
        text = _slip(rng, text)
    return " ".join(text.split())


def _typo(rng: Random, text: str, _person: Person) -> str:
    return mistype(rng, text)


def _local_part_typo(rng: Random, email: str, _person: Person) -> str:
    local, at, domain = email.partition("@")
    return mistype(rng, local) + at + domain


def _number_typo(rng: Random, number: str, person: Person) -> str:
    known = 1 + len(person.city.country.dialling)  # nobody mistypes the country's part
    return number[:known] + mistype(rng, number[known:])


def _birth_typo(rng: Random, _birth: str, person: Person) -> str | None:
    birth = person.birth
    if not birth:
        return None
    if birth.day <= 12 and chance(rng, 0.4):
        return date(birth.year, birth.day, birth.month).isoformat()
    return date.fromordinal(birth.toordinal() + pick(rng, (-10, -1, 1, 10))).isoformat()


def _nickname(_rng: Random, full: str, person: Person) -> str | None:
    short = NICKNAMES.get(person.name.given) if person.name else None
    return f"{short} {person.name.family}" if person.name and short and full == person.name.full else None


def _initial(_rng: Random, full: str, person: Person) -> str | None:
    name = person.name
    return f"{name.given[0]}. {name.family}" if name and not name.han and full == name.full else None


def _romanised(_rng: Random, _full: str, person: Person) -> str | None:
    return person.name.romanised or None if person.name else None


def _traditional(_rng: Random, full: str, person: Person) -> str | None:
    return full.translate(TO_TRADITIONAL) if person.name else None


def _without_accents(_rng: Random, full: str, person: Person) -> str | None:
    name = person.name
    if not name or name.han or full.isascii():
        return None
    return " ".join(ascii_fold(word).title() for word in full.split())


def _married_name(rng: Random, _full: str, person: Person) -> str | None:
    name = person.name
    if not name or name.han or person.gender != "F":
        return None
    return f"{name.given} {draw_name(rng, pick(rng, person.city.country.cultures), 'F').family}"


def _moved(rng: Random, _address: str, person: Person) -> str:
    return draw_address(rng, person.city, pick(rng, person.city.districts)[0])


def _new_mobile(rng: Random, _mobile: str, person: Person) -> str:
    return draw_number(rng, person.city.country.mobile or person.city.landline)


def _new_email(rng: Random, email: str, person: Person) -> str:
    local = email.partition("@")[0].rstrip("0123456789") or "me"
    return f"{local}{between(rng, 100, 99_999)}@{pick(rng, person.city.country.mailers)}"


def _new_postcode(rng: Random, _postcode: str, person: Person) -> str:
    return fill(rng, person.city.postcode)


def _nothing(_rng: Random, _cell: str, _person: Person) -> str:
    return ""


CHANGES = (
    Change("copy_romanised", 0.08, NAME, _romanised),
    Change("copy_traditional", 0.06, NAME, _traditional),
    Change("copy_nickname", 0.15, NAME, _nickname),
    Change("copy_initial", 0.06, NAME, _initial),
    Change("copy_without_accents", 0.25, NAME, _without_accents),
    Change("copy_married_name", 0.04, NAME, _married_name),
    Change("copy_typo", 0.22, NAME, _typo),
    Change("copy_typo", 0.12, EMAIL, _local_part_typo),
    Change("copy_typo", 0.10, MOBILE, _number_typo),
    Change("copy_typo", 0.10, PHONE, _number_typo),
    Change("copy_typo", 0.25, ADDRESS, _typo),
    Change("copy_typo", 0.12, COMPANY, _typo),
    Change("copy_typo", 0.05, NATIONAL_ID, _typo),
    Change("copy_typo", 0.07, BIRTH, _birth_typo),
    Change("copy_moved", 0.06, ADDRESS, _moved),
    Change("copy_moved", 0.06, POSTCODE, _new_postcode),
    Change("copy_new_mobile", 0.06, MOBILE, _new_mobile),
    Change("copy_new_email", 0.08, EMAIL, _new_email),
    Change("copy_left_out", 0.12, EMAIL, _nothing),
    Change("copy_left_out", 0.10, MOBILE, _nothing),
    Change("copy_left_out", 0.35, NATIONAL_ID, _nothing),
    Change("copy_left_out", 0.20, COMPANY, _nothing),
    Change("copy_left_out", 0.20, BIRTH, _nothing),
)
"""Tried in this order; the first that changes a cell leaves no other one to it, so that a cell has two errors at most."""


def alter(rng: Random, row: list[str], person: Person) -> tuple[list[str], set[int]]:
    """Turn a record into a copy of it, in place.

    Returns:
        The kinds of change made, and the columns they are in.
    """
    kinds: list[str] = []
    touched: set[int] = set()
    for change in CHANGES:
        if rng.random() >= change.rate or change.column in touched or not row[change.column]:
            continue
        cell = change.make(rng, row[change.column], person)
        if cell is not None and cell != row[change.column]:
            row[change.column] = cell
            touched.add(change.column)
            kinds.append(change.kind)
    return kinds, touched
