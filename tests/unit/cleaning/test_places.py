from collections import Counter

import phonenumbers
import pytest

from crmsearch.cleaning.cities_china import CHINESE_CITIES
from crmsearch.cleaning.cities_world import WORLD_CITIES
from crmsearch.cleaning.place_tables import COUNTRIES, PROVINCES
from crmsearch.cleaning.places import CITIES, Place, clean_city, clean_country, clean_postcode, clean_province, split_city
from crmsearch.cleaning.text import match_key
from crmsearch.cleaning.values import Clean, Rejection

CODES = {line[:2] for line in COUNTRIES.strip().splitlines()}
PROVINCE_NAMES = {line.split("|")[0] for line in PROVINCES.strip().splitlines()}

# A city's line names its province and may name its country: these words are shared on purpose.
SHARED = {match_key(word) for word in CODES | PROVINCE_NAMES}


@pytest.mark.parametrize("table", [CHINESE_CITIES + WORLD_CITIES, PROVINCES, COUNTRIES], ids=["cities", "provinces", "countries"])
def test_no_spelling_means_two_places(table: str) -> None:
    owners: dict[str, str] = {}
    for line in filter(None, table.splitlines()):
        words = {word for part in line.split("|") for word in part.split(",") if not word.endswith("?")}
        for key in {match_key(word) for word in words} - {""} - SHARED:
            assert owners.setdefault(key, line) == line, key


def test_every_city_lies_in_a_known_country_and_province() -> None:
    assert len(CODES) == 249  # ISO 3166-1
    assert len(PROVINCE_NAMES) == 34  # all divisions of province level
    assert {city.country for city in CITIES.values()} <= CODES
    assert {city.province for city in CITIES.values()} <= PROVINCE_NAMES | {None}


def test_every_country_with_a_numbering_plan_is_known() -> None:
    # Ascension, Tristan da Cunha and Kosovo have a plan but no code of ISO's own.
    assert {code for code in phonenumbers.SUPPORTED_REGIONS if clean_country(code) != Clean(code)} == {"AC", "TA", "XK"}


@pytest.mark.parametrize("name", CITIES)
def test_a_canonical_name_is_its_own_spelling(name: str) -> None:
    assert clean_city(name) == Clean(name)
    assert clean_city(f"{name}市") == Clean(name, ("city_variant",))


def test_every_division_of_prefecture_level_is_there() -> None:
    by_province = Counter(line.split("|")[1] for line in CHINESE_CITIES.strip().splitlines())
    assert by_province.keys() == PROVINCE_NAMES
    # Prefecture-level divisions of the mainland's provinces; municipalities are one city each, county-level cities come on top.
    least = {
        "河北": 11, "山西": 11, "内蒙古": 12, "辽宁": 14, "吉林": 9, "黑龙江": 13, "江苏": 13, "浙江": 11, "安徽": 16,
        "福建": 9, "江西": 11, "山东": 16, "河南": 17, "湖北": 13, "湖南": 14, "广东": 21, "广西": 14, "海南": 4,
        "四川": 21, "贵州": 9, "云南": 16, "西藏": 7, "陕西": 10, "甘肃": 14, "青海": 8, "宁夏": 5, "新疆": 14,
    }  # fmt: skip
    assert sum(least.values()) == 333
    assert {province: by_province[province] for province, count in least.items() if by_province[province] < count} == {}


def test_one_form_in_one_run_whatever_the_language() -> None:
    for spellings, name in (
        (["北京", "北京市", "Beijing", "BEIJING", "beijing shi", "BJ", "Peking", "北京 ", "Beijing, China", "北京市北京市"], "北京"),
        (["London", "LONDON", "伦敦", "倫敦", "Londres", "London, UK", "London (England)"], "London"),
        (["München", "Munich", "muenchen", "慕尼黑", "Munich, Germany"], "Munich"),
        (["乌鲁木齐市", "烏魯木齊", "Urumqi", "Ürümqi", "Wulumuqi"], "乌鲁木齐"),
    ):
        assert {city.value for spelling in spellings if isinstance(city := clean_city(spelling), Clean)} == {name}, name


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("北京市朝阳区", Place("北京", "北京", "朝阳区")),
        ("北京 朝阳", Place("北京", "北京", "朝阳")),
        ("广东省深圳市南山区", Place("深圳", "广东", "南山区")),
        ("中国广东省广州市天河区体育西路1号", Place("广州", "广东", "天河区", "体育西路1号")),
        ("上海市世纪大道100号", Place("上海", "上海", None, "世纪大道100号")),
        ("江苏省昆山市", Place("昆山", "江苏")),
        ("四川省青禾市", Place("青禾", "四川")),
        ("吉林省", Place(None, "吉林")),
        ("吉林市昌邑区", Place("吉林", "吉林", "昌邑区")),
        ("Chaoyang District, Beijing", Place("北京", "北京", "Chaoyang District")),
    ],
)
def test_a_whole_place_in_the_cell_of_the_city(cell: str, place: Place) -> None:
    assert split_city(cell) == Clean(place, ("place_split",))


@pytest.mark.parametrize(
    "cell", ["北京路12号", "南京东路", "London, ON", "Paris, Texas", "Cambridge, MA", "浦东新区", "Sometown District, Nowhere"]
)
def test_what_only_looks_like_a_known_city(cell: str) -> None:
    assert split_city(cell) == Clean(Place(cell))


@pytest.mark.parametrize(("province", "city"), [("浙江", "台州"), ("江苏", "泰州"), (None, "Taizhou")])
def test_a_province_tells_cities_of_one_spelling_apart(province: str | None, city: str) -> None:
    outcome = clean_city("Taizhou", province)
    assert isinstance(outcome, Clean)
    assert outcome.value == city


def test_a_city_called_like_its_province() -> None:
    assert clean_city("吉林市") == Clean("吉林", ("city_variant",))
    assert clean_province("内蒙古自治区") == Clean("内蒙古", ("province_variant",))
    assert clean_province("廣東省") == Clean("广东", ("province_variant",))


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("10000", "CN", Clean("010000", ("postcode_zeros",))),
        ("10000", None, Clean("10000")),
        ("2134", "US", Clean("02134", ("postcode_zeros",))),
        ("2134-1234", "US", Clean("02134-1234", ("postcode_zeros",))),
        ("601", "US", Clean("00601", ("postcode_zeros",))),
        ("1067", "DE", Clean("01067", ("postcode_zeros",))),
        ("1067", "AT", Clean("1067")),
        ("99", "CN", Rejection("postcode_invalid")),
        ("SW1A1AA", "GB", Clean("SW1A 1AA", ("postcode_form",))),
        ("k1a0b1", "CA", Clean("K1A 0B1", ("postcode_form",))),
        ("1234ab", "NL", Clean("1234 AB", ("postcode_form",))),
        ("123456", "CN", Clean(None, ("placeholder",))),
        ("123456", "RU", Clean("123456")),
        ("00000", "US", Clean(None, ("placeholder",))),
    ],
)
def test_postcodes_of_known_countries(raw: str, country: str | None, expected: object) -> None:
    assert clean_postcode(raw, country) == expected
