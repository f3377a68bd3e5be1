"""Rules for cities, provinces, countries and postcodes.

A known city has one spelling: its Chinese name without 市 for a Chinese city (北京), its English name for any other (New York). A city
that is not in the table is kept as written, in its usual case.
"""

import re
from functools import lru_cache

import msgspec

from crmsearch.cleaning.chinese import to_simplified
from crmsearch.cleaning.cities_china import CHINESE_CITIES
from crmsearch.cleaning.cities_world import WORLD_CITIES
from crmsearch.cleaning.names import has_han
from crmsearch.cleaning.place_tables import COUNTRIES, PROVINCES, STATES
from crmsearch.cleaning.text import HAN, clean_code, clean_label, is_made_up_number, is_nothing, match_key, tidy, title_case
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = [
    "CITIES",
    "City",
    "Place",
    "clean_city",
    "clean_country",
    "clean_place",
    "clean_postcode",
    "clean_province",
    "country_of_province",
    "find_place",
    "split_city",
]


class City(msgspec.Struct, frozen=True):
    """A known city; ``sole`` is false where another large city of that name exists in another country."""

    name: str
    country: str
    province: str | None = None
    sole: bool = True


class Place(msgspec.Struct, frozen=True):
    """What the cell of a city says; ``address`` is what stands behind the district."""

    city: str | None = None
    province: str | None = None
    district: str | None = None
    address: str | None = None


def _rows(table: str) -> list[list[str]]:
    return [line.split("|") for line in table.strip().splitlines()]


def _words(*parts: str) -> list[str]:
    return [word for part in parts for word in part.split(",") if word]


def _spellings(*parts: str) -> set[str]:
    return {match_key(word) for word in _words(*parts)} - {""}


def _chinese_cities() -> list[tuple[City, list[str]]]:
    rows = [(*row, "CN")[:5] for row in _rows(CHINESE_CITIES)]
    return [
        (City(name.rstrip("?"), country, province or None), _words(name, pinyin, more)) for name, province, pinyin, more, country in rows
    ]


def _city_table() -> dict[str, City]:
    table = {match_key(word): city for city, words in _chinese_cities() for word in words if not word.endswith("?")}
    for name, country, others in _rows(WORLD_CITIES):
        foreign = City(name, country.rstrip("?"), sole=not country.endswith("?"))
        table |= dict.fromkeys(_spellings(name, others), foreign)
    return table


_CITIES = _city_table()
_CITIES_OF_PROVINCE = {(city.province, match_key(word)): city for city, words in _chinese_cities() for word in words}
CITIES: dict[str, City] = {city.name: city for city in _CITIES.values()}
_PROVINCES = {key: name for name, pinyin, others, *_ in _rows(PROVINCES) for key in _spellings(name, pinyin, others)}
_COUNTRY_OF_PROVINCE = {name: country[0] if country else "CN" for name, _, _, *country in _rows(PROVINCES)}
_MUNICIPALITIES = frozenset({"北京", "上海", "天津", "重庆", "香港", "澳门"})  # provinces that are one city
_COUNTRIES = {key: codes[0] for *codes, others in _rows(COUNTRIES) for key in _spellings(*codes, others)}
_STATES = {(country, key) for country, names in _rows(STATES) for key in _spellings(names)}
_STATE_KEYS = frozenset(key for _, key in _STATES)
_CHINESE = frozenset({"CN", "HK", "MO", "TW"})

_CITY_ENDING = re.compile(r"(?:市|地区|盟)$|(?i:[ ,]+(?:city|shi)$)")
_PROVINCE_ENDING = re.compile(r"(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)$|(?i:[ ,]+(?:province|sheng|shi)$)")
_STATE_CODE = re.compile(r"[A-Za-z]{2,3}")
_BRACKETS = re.compile(r"\s*[(（]([^()（）]+)[)）]$")

# A Chinese place as written from the large to the small: 中国广东省深圳市南山区…
_SEPARATORS = re.compile(r"[\s/,，、·|-]+")
_LEADING_COUNTRY = re.compile(r"^(?:中国|中华人民共和国)(?=.)")
_PROVINCE_FIRST = re.compile(
    rf"(?P<province>{'|'.join(sorted(_COUNTRY_OF_PROVINCE, key=len, reverse=True))})"
    "(?:省|(?<=北京|上海|天津|重庆)市|(?:壮族|回族|维吾尔)?自治区|特别行政区)?"
)
_HAN_CITIES = sorted({city.name for city, _ in _chinese_cities()}, key=len, reverse=True)
_CITY_FIRST = re.compile(rf"(?P<city>{'|'.join(_HAN_CITIES)})(?P<ending>市|地区|盟|[{HAN}]{{1,9}}?自治州)?")
_UNKNOWN_CITY = re.compile(rf"(?P<city>[{HAN}]{{2,6}}?)(?:市|地区|盟|自治州)")
_DISTRICT = re.compile(
    rf"(?:市辖区|县)?(?P<district>[{HAN}]{{1,9}}?(?:新区|自治县|矿区|林区|开发区|区|县|旗|市|镇|乡|街道))(?P<address>.*)"
)
_SHORT_DISTRICT = re.compile(f"[{HAN}]{{2,3}}(?<![路街村道号学院店厂])")
_LATIN_DISTRICT = re.compile(r".+ (?:district|county|new area|borough|qu|xian)", re.IGNORECASE)

MAX_POSTCODE = 12  # characters; the longest in use are 10


@lru_cache(maxsize=65_536)
def split_city(raw: str, province: str | None = None) -> Outcome[Place]:
    """Read the cell of a city: Beijing, BJ and 北京市 become 北京; NYC and 纽约 become New York; 北京市朝阳区 is 北京 and its district.

    Args:
        raw: the cell.
        province: the clean province of the row, which tells the two cities called Taizhou apart.
    """
    outcome = clean_label(raw)
    if isinstance(outcome, Rejection):
        return outcome
    if outcome.value is None:
        return Clean(None, outcome.issues)
    text, issues = outcome.value, outcome.issues
    known = _find_city(text, province)
    if known is not None:
        return Clean(Place(known.name), issues if known.name == text else (*issues, "city_variant"))
    place = _split_han(text) if has_han(text) else _split_latin(text)
    if place is not None:
        changed = () if place == Place(text) else ("city_variant",) if place == Place(place.city) else ("place_split",)
        return Clean(place, (*issues, *changed))
    if not any(char.isalpha() for char in text):
        return Rejection("city_unreadable")
    if has_han(text):
        bare = text
        while len(bare) > 2 and (shorter := _CITY_ENDING.sub("", bare)) != bare:  # 昆山市 and 昆山 are one city, in the table or not
            bare = shorter
        if bare == text:
            return Clean(Place(bare), issues)
        shortened = split_city(bare, province)  # which may be a place of another kind: 海南 is a province
        return Clean(shortened.value, (*issues, "city_variant")) if isinstance(shortened, Clean) else shortened
    cased = title_case(text)
    return Clean(Place(cased), issues if cased == text else (*issues, "place_case"))


def clean_city(raw: str, province: str | None = None) -> Outcome[str]:
    """The city of :func:`split_city` alone."""
    outcome = split_city(raw, province)
    if isinstance(outcome, Rejection):
        return outcome
    return Clean(outcome.value.city if outcome.value is not None else None, outcome.issues)


def _find_city(text: str, province: str | None) -> City | None:
    """Look a city up as written, without its ending, in simplified characters, or before its country ("Paris, France")."""
    spellings = [text, _CITY_ENDING.sub("", text)]
    if has_han(text):
        simplified = to_simplified(text)
        spellings += [simplified, _CITY_ENDING.sub("", simplified)]
    keys = list(dict.fromkeys(map(match_key, spellings)))
    for key in keys:
        if (found := _CITIES_OF_PROVINCE.get((province, key)) or _CITIES.get(key)) is not None:
            return found
    before, comma, behind = _BRACKETS.sub(r",\1", text).partition(",")
    if not comma:
        return None
    found = _CITIES_OF_PROVINCE.get((_PROVINCES.get(match_key(behind)), match_key(before))) or _CITIES.get(match_key(before))
    return found if found is not None and _lies_in(found, behind.rpartition(",")[2]) else None


def find_place(text: str) -> str | None:
    """The one spelling of a known city or Chinese province, whatever it is called here: NYC is New York, Peking 北京, 广东省 广东."""
    city = _find_city(text, None)
    return city.name if city is not None else _PROVINCES.get(match_key(_PROVINCE_ENDING.sub("", text)))


def _lies_in(city: City, region: str) -> bool:
    """Tell whether a country, province or state may be that of a city; "London, ON" and "Paris, Texas" are other cities."""
    key = match_key(region)
    country = _COUNTRIES.get(key)
    if country == city.country or (country in _CHINESE and city.country in _CHINESE) or (city.country, key) in _STATES:
        return True
    province = _PROVINCES.get(key)
    if province is not None:
        return province == city.province
    return country is None and key not in _STATE_KEYS


def _split_han(text: str) -> Place | None:
    """Split a Chinese place at its endings; ``None`` if it does not begin with a known province or city."""
    line = _LEADING_COUNTRY.sub("", _SEPARATORS.sub("", to_simplified(text)))
    front = _PROVINCE_FIRST.match(line)
    if front is None:
        return _split_behind(None, line, ended=False)
    province = front["province"]
    behind = _split_behind(province, line[front.end() :], ended=front.end() > len(province))
    if behind is not None:
        return behind
    if front.end() == len(line):
        return Place(province if province in _MUNICIPALITIES else None, province)
    # 吉林市昌邑区: the city that is called like its province. The 海南 that is no province is named whole, or behind its own.
    own = CITIES.get(province)
    return _split_behind(None, line, ended=False) if own is not None and own.province == province else None


def _split_behind(province: str | None, line: str, *, ended: bool) -> Place | None:
    """Split what stands behind the province; ``ended`` says that 省 or 市 stood there too."""
    found = _CITY_FIRST.match(line)
    if found is not None and province is not None and (province, found["city"]) not in _CITIES_OF_PROVINCE:
        found = None
    if found is None and province is not None:
        if province in _MUNICIPALITIES:
            return _with_district(province, province, line, sure=ended) if line else None
        found = _UNKNOWN_CITY.match(line)
        if found is not None and split_city(found["city"]) != Clean(Place(found["city"])):
            found = None  # no city is called 广东 or 王市
    if found is None:
        return None
    city = found["city"]
    own = CITIES[city].province if province is None and city in CITIES else province
    return _with_district(own, city, line[found.end() :], sure="ending" not in found.groupdict() or found["ending"] is not None)


def _with_district(province: str | None, city: str, rest: str, *, sure: bool) -> Place | None:
    if not rest:
        return Place(city, province)
    if found := _DISTRICT.fullmatch(rest):
        return Place(city, province, found["district"], found["address"] or None)
    if _SHORT_DISTRICT.fullmatch(rest):
        return Place(city, province, rest)
    return Place(city, province, None, rest) if sure else None  # 北京路1号 is a street


def _split_latin(text: str) -> Place | None:
    """Split "Chaoyang District, Beijing"."""
    district, comma, behind = text.partition(",")
    if not comma or _LATIN_DISTRICT.fullmatch(district.strip()) is None:
        return None
    city = _find_city(behind.strip(), None)
    return Place(city.name, city.province, title_case(district.strip())) if city is not None else None


@lru_cache(maxsize=16_384)
def clean_province(raw: str) -> Outcome[str]:
    """Clean a province or state: Chinese ones to their short Chinese name (广东), codes such as ``nsw`` to capitals."""
    outcome = clean_label(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    text = outcome.value
    simplified = to_simplified(text)
    keys = (match_key(simplified), match_key(_PROVINCE_ENDING.sub("", simplified)))
    known = next((_PROVINCES[key] for key in keys if key in _PROVINCES), None)
    if known is not None:
        return Clean(known, outcome.issues if known == text else (*outcome.issues, "province_variant"))
    cased = title_case(text)
    if _STATE_CODE.fullmatch(cased) and not is_nothing(cased.upper()):
        cased = cased.upper()
    return Clean(cased, outcome.issues if cased == text else (*outcome.issues, "place_case"))


def clean_place(raw: str) -> Outcome[str]:
    """Clean the name of any other place, such as a district."""
    outcome = clean_label(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    cased = title_case(outcome.value)
    return Clean(cased, outcome.issues if cased == outcome.value else (*outcome.issues, "place_case"))


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
    return _COUNTRY_OF_PROVINCE.get(province)


# Country -> digits of its postcodes, where some begin with a zero.
_POSTCODE_DIGITS = {"CN": 6, "US": 5, "DE": 5, "FR": 5, "IT": 5, "ES": 5}
# Country -> a postcode without its space, in two parts.
_POSTCODE_FORMS = {
    "GB": re.compile(r"([A-Z]{1,2}[0-9][0-9A-Z]?)([0-9][A-Z]{2})"),
    "CA": re.compile(r"([A-Z][0-9][A-Z])[ -]?([0-9][A-Z][0-9])"),
    "NL": re.compile(r"([1-9][0-9]{3})([A-Z]{2})"),
}
_ZIP_PLUS_4 = re.compile(r"([0-9]{3,5})-([0-9]{4})")


def clean_postcode(raw: str, country: str | None = None) -> Outcome[str]:
    """Clean a postcode: capitals, and no traces of a spreadsheet.

    Where the country is known, the zeros it lost at the front come back, British, Canadian and Dutch ones get their space, and Chinese ones
    must have six digits. Other forms are not checked, as there are some 200.

    Args:
        raw: the postcode as written.
        country: ISO 3166-1 alpha-2 code of the customer's country, if known.
    """
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    code, issues = outcome.value.upper(), outcome.issues
    if code.isdigit() and (set(code) == {"0"} or (country in {"CN", None} and len(code) == 6 and is_made_up_number(code))):
        return Clean(None, (*issues, "placeholder"))
    if len(code) > MAX_POSTCODE or not any(char.isdigit() for char in code):
        return Rejection("postcode_invalid")
    padded = _with_zeros(code, country)
    if padded != code:
        issues = (*issues, "postcode_zeros")
    if country == "CN" and not (padded.isdigit() and len(padded) == 6):
        return Rejection("postcode_invalid")
    form = _POSTCODE_FORMS.get(country or "")
    if form is not None and (match := form.fullmatch(padded)) and padded != f"{match[1]} {match[2]}":
        return Clean(f"{match[1]} {match[2]}", (*issues, "postcode_form"))
    return Clean(padded, issues)


def _with_zeros(code: str, country: str | None) -> str:
    digits = _POSTCODE_DIGITS.get(country or "", 0)
    if country == "US" and (match := _ZIP_PLUS_4.fullmatch(code)):
        return f"{match[1].zfill(5)}-{match[2]}"
    # One zero can be lost anywhere, two only in Puerto Rico (00601).
    return code.zfill(digits) if code.isdigit() and 0 < digits - len(code) <= (2 if country == "US" else 1) else code
