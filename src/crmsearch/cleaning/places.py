"""Rules for cities, provinces, countries and postcodes.

A known city has one spelling: its Chinese name without 市 for a Chinese city (北京), its English name for any other (New York). A city
that is not in the table is kept as written, in its usual case.
"""

import re
from functools import lru_cache

import msgspec

from crmsearch.cleaning.place_tables import CHINESE_CITIES, COUNTRIES, PROVINCES, WORLD_CITIES
from crmsearch.cleaning.text import clean_code, clean_text, is_nothing, match_key, tidy, title_case
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["CITIES", "City", "clean_city", "clean_country", "clean_place", "clean_postcode", "clean_province", "country_of_province"]


class City(msgspec.Struct, frozen=True):
    """A known city; ``sole`` is false where another large city of that name exists in another country."""

    name: str
    country: str
    province: str | None = None
    sole: bool = True


def _rows(table: str) -> list[list[str]]:
    return [line.split("|") for line in table.strip().splitlines()]


def _spellings(*parts: str) -> set[str]:
    return {match_key(word) for part in parts for word in part.split(",")} - {""}


def _city_table() -> dict[str, City]:
    table: dict[str, City] = {}
    for name, province, pinyin, others, *elsewhere in _rows(CHINESE_CITIES):
        chinese = City(name, elsewhere[0] if elsewhere else "CN", province or None)
        table |= dict.fromkeys(_spellings(name, pinyin, others), chinese)
    for name, country, others in _rows(WORLD_CITIES):
        foreign = City(name, country.rstrip("?"), sole=not country.endswith("?"))
        table |= dict.fromkeys(_spellings(name, others), foreign)
    return table


_CITIES = _city_table()
CITIES: dict[str, City] = {city.name: city for city in _CITIES.values()}
_PROVINCES = {key: name for name, pinyin, others in _rows(PROVINCES) for key in _spellings(name, pinyin, others)}
_PROVINCE_NAMES = frozenset(_PROVINCES.values())
_COUNTRIES = {key: codes[0] for *codes, others in _rows(COUNTRIES) for key in _spellings(*codes, others)}

_CITY_ENDING = re.compile(r"市$|(?i:[ ,]+(?:city|shi)$)")
_PROVINCE_ENDING = re.compile(r"(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)$|(?i:[ ,]+(?:province|sheng|shi)$)")
_PROVINCE_BEFORE = re.compile(rf"(?:{'|'.join(sorted(_PROVINCE_NAMES))})(?:省|市|(?:壮族|回族|维吾尔)?自治区)?[ ]?(?=.{{2}})")
_FLOAT = re.compile(r"(?<=[0-9])\.0$")  # what a spreadsheet makes of a code of digits
_STATE_CODE = re.compile(r"[A-Za-z]{2,3}")

MAX_POSTCODE = 12  # characters; the longest in use are 10


@lru_cache(maxsize=65_536)
def clean_city(raw: str) -> Outcome[str]:
    """Clean a city to its one spelling: Beijing, BJ and 北京市 become 北京; NYC and 纽约 become New York."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    text = outcome.value
    known = _find_city(text)
    if known is not None:
        return Clean(known.name, outcome.issues if known.name == text else (*outcome.issues, "city_variant"))
    if not any(char.isalpha() for char in text):
        return Rejection("city_unreadable")
    return _in_usual_case(text, outcome.issues)


def _find_city(text: str) -> City | None:
    """Look a city up as written, without its ending, behind its province, or before a comma ("Paris, France")."""
    bare = _CITY_ENDING.sub("", text)
    behind_province = _CITY_ENDING.sub("", _PROVINCE_BEFORE.sub("", text, count=1))
    before_comma = text.partition(",")[0]
    candidates = (match_key(spelling) for spelling in (text, bare, behind_province, before_comma))
    return next((_CITIES[key] for key in candidates if key in _CITIES), None)


@lru_cache(maxsize=16_384)
def clean_province(raw: str) -> Outcome[str]:
    """Clean a province or state: Chinese ones to their short Chinese name (广东), codes such as ``nsw`` to capitals."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    text = outcome.value
    keys = (match_key(text), match_key(_PROVINCE_ENDING.sub("", text)))
    known = next((_PROVINCES[key] for key in keys if key in _PROVINCES), None)
    if known is not None:
        return Clean(known, outcome.issues if known == text else (*outcome.issues, "province_variant"))
    cased = title_case(text)
    if _STATE_CODE.fullmatch(cased) and not is_nothing(cased.upper()):
        cased = cased.upper()
    return Clean(cased, outcome.issues if cased == text else (*outcome.issues, "place_case"))


def clean_place(raw: str) -> Outcome[str]:
    """Clean the name of any other place, such as a district."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    return _in_usual_case(outcome.value, outcome.issues)


def _in_usual_case(text: str, issues: tuple[str, ...]) -> Clean[str]:
    cased = title_case(text)
    return Clean(cased, issues if cased == text else (*issues, "place_case"))


@lru_cache(maxsize=4_096)
def clean_country(raw: str) -> Outcome[str]:
    """Clean a country to its ISO 3166-1 alpha-2 code, from codes and names in English, Chinese and some native ones."""
    tidied = tidy(raw, compatible=True)
    if tidied.value is None:
        return tidied
    # Before the test for placeholders, since NA is Namibia; N/A, which has the same key, is not.
    code = _COUNTRIES.get(match_key(tidied.value))
    if code is not None and "/" not in tidied.value:
        return Clean(code, tidied.issues)
    outcome = clean_code(raw)
    return Rejection("country_unknown") if isinstance(outcome, Clean) and outcome.value is not None else outcome


def country_of_province(province: str) -> str | None:
    """The country of a clean province, where the table knows it."""
    return "CN" if province in _PROVINCE_NAMES else None


def clean_postcode(raw: str) -> Outcome[str]:
    """Clean a postcode: capitals, and no ``.0`` from a spreadsheet. Its form is not checked, as there are some 200."""
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    code = _FLOAT.sub("", outcome.value).upper()
    if len(code) > MAX_POSTCODE or not any(char.isdigit() for char in code):
        return Rejection("postcode_invalid")
    return Clean(code, outcome.issues)
