"""One raw row in, one customer document out, with the codes of all that was found wrong on the way."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import msgspec

from crmsearch.cleaning.categories import (
    EVERY_CHANNEL,
    OPT_OUTS,
    clean_consents,
    clean_deleted,
    clean_lifecycle,
    clean_opt_out,
    without_withdrawn,
)
from crmsearch.cleaning.dates import age_on, clean_age, clean_birth_date, clean_timestamp
from crmsearch.cleaning.emails import clean_emails
from crmsearch.cleaning.genders import clean_gender
from crmsearch.cleaning.names import (
    clean_company_name,
    clean_name,
    clean_name_part,
    has_han,
    is_salutation,
    join_name,
    looks_like_company,
    split_name,
)
from crmsearch.cleaning.national_ids import clean_national_id, read_chinese_id
from crmsearch.cleaning.phones import clean_phones
from crmsearch.cleaning.places import (
    CITIES,
    Place,
    clean_country,
    clean_place,
    clean_postcode,
    clean_province,
    country_of_province,
    split_city,
)
from crmsearch.cleaning.rules import RULES
from crmsearch.cleaning.text import clean_code, clean_label, clean_notes, split_list
from crmsearch.cleaning.values import Clean, Notes, Outcome, Rejection

__all__ = ["CleanRecord", "RecordContext", "clean_record", "quality_score"]

T = TypeVar("T")


class RecordContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a row does not say itself.

    Attributes:
        as_of: the day of the run, ``yyyy-MM-dd``; ages are counted to it, and later dates are impossible.
        source_system: the system the file comes from, unless a column says so.
        default_region: ISO 3166-1 alpha-2 code of the country whose national phone numbers are meant where a row has no country.
        day_first: how to read ``03/04/2024``.
        constants: clean values, by field, for rows that have none of their own; a file of leads has ``lifecycle`` "lead". ``kind``
            outweighs the guess: in a file of companies ("company") every name is a company's.
        removes: every row names a record that is deleted in its system.
    """

    as_of: str
    source_system: str = "generic"
    default_region: str | None = None
    day_first: bool = True
    constants: dict[str, str] = {}
    removes: bool = False


class CleanRecord(msgspec.Struct, frozen=True):
    """A cleaned row.

    Attributes:
        document: the fields of the contract that are known; ids of the customer, lineage and run are the job's to add.
        source_key: the row's id in its own system, if it has one.
        issues: codes of all that was mended or dropped, each once, in the order found.
        rejections: codes that send the row to quarantine; empty for a good row.
        withdrawn: consents that the row says are not given; they outweigh what older records of the customer agree to.
        removed: the record is deleted in its system.
    """

    document: dict[str, Any]
    source_key: str | None
    issues: tuple[str, ...]
    rejections: tuple[str, ...]
    withdrawn: tuple[str, ...] = ()
    removed: bool = False


class _Row(Notes):
    """The cells of one row by field, and the issues met so far."""

    __slots__ = ("cells", "constants")

    def __init__(self, cells: Sequence[str | None], columns: Sequence[str | None], constants: Mapping[str, str]) -> None:
        super().__init__()
        self.cells: dict[str, list[str]] = {}
        self.constants = constants
        for field, cell in zip(columns, cells, strict=False):
            if field is not None and cell:
                self.cells.setdefault(field, []).append(cell)

    def one(self, field: str, rule: Callable[[str], Outcome[T]]) -> T | None:
        cells = self.cells.get(field)
        return self.note(rule(cells[0])) if cells else None

    def word(self, field: str, rule: Callable[[str], Outcome[str]]) -> str | None:
        """The value of a text field, the constant where there is none."""
        value = self.one(field, rule)
        return value if value is not None else self.constants.get(field)

    def many(self, field: str, rule: Callable[[str], Outcome[tuple[str, ...]]]) -> list[str]:
        cells = self.cells.get(field, ())
        values = list(dict.fromkeys(value for cell in cells for value in self.note(rule(cell)) or ()))
        return values or ([self.constants[field]] if field in self.constants else [])

    def parts(self, field: str, rule: Callable[[str], Outcome[str]]) -> list[str]:
        return [value for cell in self.cells.get(field, ()) if (value := self.note(rule(cell))) is not None]


def clean_record(cells: Sequence[str | None], columns: Sequence[str | None], context: RecordContext) -> CleanRecord:
    """Clean one row; never raises for what is in a cell.

    Args:
        cells: the row. Whether it has the right number of cells is for the reader of the file to judge; here they are paired in order.
        columns: the field of each column, as ``map_headers`` found them.
        context: what the row does not say itself.
    """
    row = _Row(cells, columns, context.constants)
    as_of = date.fromisoformat(context.as_of)
    document: dict[str, Any] = _identity(row)  # first, since its issues say why a name is missing
    document |= _life(row, as_of, context)
    document |= _places(row)
    document |= _contact(row, document["country"], context)
    document |= _relationship(row, as_of, context)
    withdrawn = _withdraw(row, document)
    _compare_with_id(row, document)
    source_key = row.one("customer_id", clean_code)
    removed = context.removes or row.one("deleted", clean_deleted) is True
    rejections = _rejections(document, source_key, removed=removed)
    if removed:  # a row that removes a record need not say who it was
        row.issues.pop("name_missing", None)
    document["quality_issues"] = list(row.issues)
    document["quality_score"] = quality_score(document)
    known = {field: value for field, value in document.items() if value is not None and value != []}
    return CleanRecord(known, source_key, tuple(row.issues), rejections, withdrawn, removed)


_IDENTITY = ("name", "company", "emails", "phones", "national_id")


def _rejections(document: Mapping[str, Any], source_key: str | None, *, removed: bool) -> tuple[str, ...]:
    """What speaks against the row. One that removes a record need not say who it was, but which record it is."""
    if removed:
        return () if source_key else ("removal_without_key",)
    return () if any(document[field] for field in _IDENTITY) else ("no_identity",)


def _identity(row: _Row) -> dict[str, Any]:
    kind = row.constants.get("kind")
    if kind == "company":
        return _company_identity(row)
    written = (row.cells.get("name") or [""])[0]
    name = row.one("name", clean_name)
    given, family = row.one("given_name", clean_name_part), row.one("family_name", clean_name_part)
    explained = _is_explained(row)
    company = row.word("company", clean_label)
    if name is None or _is_turned(name, given, family):
        name, written = join_name(given, family), ""
    if kind is None and name is None and company is not None:
        name, kind = company, "company"
    elif kind is None and name is not None and looks_like_company(name):
        company, kind = company or name, "company"
    elif name is None:
        if not explained:
            row.issues["name_missing"] = None
    elif given is None and family is None:
        given, family = split_name(name, written)
    return {"name": name, "given_name": given, "family_name": family, "company": company, "kind": kind or "person"}


def _is_turned(name: str, given: str | None, family: str | None) -> bool:
    """Whether a system wrote a Chinese name in the order of Latin ones (``小明 王``), as its own parts show."""
    return given is not None and family is not None and has_han(given) and has_han(family) and given != family and name == given + family


def _company_identity(row: _Row) -> dict[str, Any]:
    """The names of a row that is known to be a company: its name may stand in either column."""
    name = row.one("name", clean_company_name)
    explained = _is_explained(row)
    company = row.word("company", clean_label)
    if name is None and company is None and not explained:
        row.issues["name_missing"] = None
    return {"name": name or company, "given_name": None, "family_name": None, "company": company or name, "kind": "company"}


def _is_explained(row: _Row) -> bool:
    """Tell whether the issues so far say already why there is no name."""
    return not row.issues.keys().isdisjoint({"name_placeholder", "formula_cell"})


def _life(row: _Row, as_of: date, context: RecordContext) -> dict[str, Any]:
    """Gender, birth date and age; a birth date outweighs an age, which grows old in a file."""
    gender = row.word("gender", clean_gender)
    born = row.one("birth_date", lambda cell: clean_birth_date(cell, as_of=as_of, day_first=context.day_first))
    age = row.one("age", clean_age)
    if born is not None:
        derived = age_on(date.fromisoformat(born), as_of)
        if age is not None and (derived is None or abs(derived - age) > 1):
            row.issues["age_conflict"] = None
        age = derived
    return {"gender": gender, "birth_date": born, "age": age}


def _compare_with_id(row: _Row, document: Mapping[str, Any]) -> None:
    """Note where a Chinese identity number contradicts the row. Nothing is taken from it: it is there to identify, not to profile."""
    facts = read_chinese_id(document["national_id"]) if document["national_id"] is not None else None
    if facts is None:
        return
    if document["birth_date"] not in {None, facts.birth_date}:
        row.issues["birth_date_conflict"] = None
    if document["gender"] in {"female", "male"} and document["gender"] != facts.gender:
        row.issues["gender_conflict"] = None


def _places(row: _Row) -> dict[str, Any]:
    """City, province, country and district; a known city tells the others where they are blank and nothing contradicts it."""
    province = row.word("province", clean_province)
    place = row.one("city", lambda cell: split_city(cell, province)) or _NO_PLACE
    city = place.city or row.constants.get("city")
    district = row.word("district", clean_place) or place.district
    country = row.word("country", clean_country)
    known = CITIES.get(city) if city is not None else None
    province = province or place.province
    if country is None and province is not None:
        country = country_of_province(province)
    if known is not None and province is None and country in {None, known.country}:
        province = known.province
        if known.sole:
            country = known.country
    address = _joined(row.parts("address", clean_label)) or place.address
    return {"city": city, "province": province, "country": country, "district": district, "address": address}


_NO_PLACE = Place()


def _contact(row: _Row, country: str | None, context: RecordContext) -> dict[str, Any]:
    regions = tuple(dict.fromkeys(region for region in (country, context.default_region) if region)) or (None,)
    return {
        "emails": row.many("emails", clean_emails),
        "phones": row.many("phones", lambda cell: clean_phones(cell, regions)),
        "postcode": row.one("postcode", lambda cell: clean_postcode(cell, country)),
        "national_id": row.one("national_id", lambda cell: clean_national_id(cell, country)),
    }


def _joined(parts: list[str]) -> str | None:
    """Join the columns of an address; a house number needs no comma before its street."""
    address = ""
    for part in parts:
        between = " " if address.replace(" ", "").isdigit() else ", "
        address = f"{address}{between}{part}" if address else part
    return address or None


def _relationship(row: _Row, as_of: date, context: RecordContext) -> dict[str, Any]:
    def when(cell: str) -> Outcome[str]:
        return clean_timestamp(cell, as_of=as_of, day_first=context.day_first)

    return {
        "job_title": row.word("job_title", _clean_job_title),
        "industry": row.word("industry", clean_label),
        "lifecycle": row.word("lifecycle", clean_lifecycle),
        "owner": row.word("owner", clean_label),
        "source_system": row.word("source_system", clean_code) or context.source_system,
        "tags": row.many("tags", split_list),
        "consents": row.many("consents", clean_consents),
        "created_at": row.one("created_at", when),
        "updated_at": row.one("updated_at", when),
        "last_activity_at": row.one("last_activity_at", when),
        "notes": row.word("notes", clean_notes),
    }


def _withdraw(row: _Row, document: dict[str, Any]) -> tuple[str, ...]:
    """What the row refuses, which goes from its own consents too. A cell of consents that says something and yields none refuses all."""
    said = [(channel, row.note(clean_opt_out(cell))) for field, channel in OPT_OUTS.items() for cell in row.cells.get(field, ())]
    refused = [channel for channel, is_refused in said if is_refused]
    if not document["consents"] and any(not cell.isspace() for cell in row.cells.get("consents", ())):
        refused.append(EVERY_CHANNEL)
    withdrawn = (EVERY_CHANNEL,) if EVERY_CHANNEL in refused else tuple(dict.fromkeys(refused))
    standing = without_withdrawn(document["consents"], withdrawn)
    if standing != document["consents"]:
        row.issues["consent_withdrawn"] = None
        document["consents"] = standing
    return withdrawn


def _clean_job_title(raw: str) -> Outcome[str]:
    """A column named "Title" holds job titles in one system and ``Mr`` or ``Ms`` in another."""
    outcome = clean_label(raw)
    if isinstance(outcome, Clean) and outcome.value is not None and is_salutation(outcome.value):
        return Rejection("salutation_title")
    return outcome


# Share of the score -> the fields of which one must be known.
_PERSON_GROUPS = (
    (0.30, ("name",)),
    (0.30, ("emails", "phones")),
    (0.15, ("city",)),
    (0.15, ("birth_date", "age")),
    (0.10, ("gender",)),
)
_COMPANY_GROUPS = ((0.40, ("name",)), (0.40, ("emails", "phones")), (0.20, ("city",)))
_LOSS = 0.05  # of the score for each kind of value that had to be dropped; what could be mended costs nothing


def quality_score(document: Mapping[str, Any]) -> float:
    """How complete and sound a document is, from 0 to 1.

    The shares of the groups that are known, less 0.05 for each code of severity ``blank`` among its issues: a person with a name, an
    e-mail or phone, a city, an age and a gender has 1, one with a name only 0.3. Age and gender do not count for companies.
    """
    groups = _COMPANY_GROUPS if document.get("kind") == "company" else _PERSON_GROUPS
    complete = sum(share for share, fields in groups if any(document.get(field) not in (None, [], "unknown") for field in fields))
    dropped = sum(RULES[code].severity == "blank" for code in document.get("quality_issues", ()))
    return round(min(1.0, max(0.0, complete - _LOSS * dropped)), 2)
