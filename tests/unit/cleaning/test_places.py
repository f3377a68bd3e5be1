import phonenumbers
import pytest

from crmsearch.cleaning.place_tables import CHINESE_CITIES, COUNTRIES, PROVINCES, WORLD_CITIES
from crmsearch.cleaning.places import CITIES, clean_city, clean_country, clean_province
from crmsearch.cleaning.text import match_key
from crmsearch.cleaning.values import Clean

CODES = {line[:2] for line in COUNTRIES.strip().splitlines()}
PROVINCE_NAMES = {line.split("|")[0] for line in PROVINCES.strip().splitlines()}

# A city's line names its province and may name its country: these words are shared on purpose.
SHARED = {match_key(word) for word in CODES | PROVINCE_NAMES}


@pytest.mark.parametrize("table", [CHINESE_CITIES + WORLD_CITIES, PROVINCES, COUNTRIES], ids=["cities", "provinces", "countries"])
def test_no_spelling_means_two_places(table: str) -> None:
    owners: dict[str, str] = {}
    for line in filter(None, table.splitlines()):
        for key in {match_key(word) for part in line.split("|") for word in part.split(",")} - {""} - SHARED:
            assert owners.setdefault(key, line) == line, key


def test_every_city_lies_in_a_known_country_and_province() -> None:
    assert len(CODES) == 249  # ISO 3166-1
    assert len(PROVINCE_NAMES) == 31
    assert {city.country for city in CITIES.values()} <= CODES
    assert {city.province for city in CITIES.values()} <= PROVINCE_NAMES | {None}


def test_every_country_with_a_numbering_plan_is_known() -> None:
    # Ascension, Tristan da Cunha and Kosovo have a plan but no code of ISO's own.
    assert {code for code in phonenumbers.SUPPORTED_REGIONS if clean_country(code) != Clean(code)} == {"AC", "TA", "XK"}


@pytest.mark.parametrize("name", CITIES)
def test_a_canonical_name_is_its_own_spelling(name: str) -> None:
    assert clean_city(name) == Clean(name)
    assert clean_city(f"{name}市") == Clean(name, ("city_variant",))


def test_a_province_before_its_city_is_skipped() -> None:
    assert clean_city("广东省深圳市") == Clean("深圳", ("city_variant",))
    assert clean_city("吉林市") == Clean("吉林市")  # the city of that name is not the province
    assert clean_province("内蒙古自治区") == Clean("内蒙古", ("province_variant",))
