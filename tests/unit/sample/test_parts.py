"""The parts of the generator, each by itself."""

import re
from collections import Counter
from random import Random

import pytest

from crmsearch.sample.copies import CHANGES, alter, mistype
from crmsearch.sample.dirt import RULES, SHAPES, soil
from crmsearch.sample.draw import LOG_NORMAL, NORMAL, deck, fill, skewed
from crmsearch.sample.files import AS_OF
from crmsearch.sample.names import CULTURES, TO_TRADITIONAL, ascii_fold, draw_name
from crmsearch.sample.notation import age_in_words, in_other_phone_notation
from crmsearch.sample.people import Person, draw_person
from crmsearch.sample.places import CITIES, COUNTRIES, City
from crmsearch.sample.records import HEADER, NAME, draw_record, record_id


@pytest.fixture
def rng() -> Random:
    return Random(42)


def person_of(rng: Random, code: str) -> Person:
    """Somebody who lives in the country of this code."""
    return next(person for serial in range(10_000) if (person := draw_person(rng, serial, AS_OF)).city.country.code == code and person.name)


def test_a_deck_holds_values_by_weight() -> None:
    assert deck({"a": 2, "b": 1}) == ("a", "a", "b")
    counts = Counter(skewed("abcdef"))
    assert counts["a"] > 3 * counts["f"] > 0


def test_quantiles_are_those_of_the_distributions() -> None:
    assert sum(NORMAL) == pytest.approx(0, abs=1e-6)
    assert sum(z * z for z in NORMAL) / len(NORMAL) == pytest.approx(1, abs=0.01)
    assert LOG_NORMAL[len(LOG_NORMAL) // 2] == pytest.approx(1, abs=0.01)


def test_patterns_are_filled(rng: Random) -> None:
    assert re.fullmatch(r"SW\d \d[A-Z]{2}", fill(rng, "SW# #@@"))


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Müller-Lüdenscheid", "mullerludenscheid"), ("O'Brien", "obrien"), ("Weiß", "weiss"), ("Sørensen", "sorensen"), ("Ayşe", "ayse")],
)
def test_names_fold_to_plain_letters(text: str, folded: str) -> None:
    assert ascii_fold(text) == folded


@pytest.mark.parametrize("culture", [*CULTURES, "chinese", "traditional", "overseas"])
@pytest.mark.parametrize("gender", ["F", "M"])
def test_names_have_all_their_forms(rng: Random, culture: str, gender: str) -> None:
    for _ in range(300):
        name = draw_name(rng, culture, gender)
        assert name.given in name.full
        assert name.family in name.full
        assert all(part.isascii() and part.isalpha() and part.islower() for part in name.key)
        assert name.han == bool(name.romanised)


def test_names_vary(rng: Random) -> None:
    assert len({draw_name(rng, "chinese", "F").full for _ in range(10_000)}) > 6_000
    assert len({draw_name(rng, "english", "M").full for _ in range(10_000)}) > 6_000


def test_a_household_keeps_its_family_name(rng: Random) -> None:
    for culture in ("chinese", "traditional", "overseas", "spanish"):
        first = draw_name(rng, culture, "F")
        assert draw_name(rng, culture, "M", first.family).family == first.family


def test_household_members_share_address_and_landline(rng: Random) -> None:
    home = person_of(rng, "CN")
    member = draw_person(rng, 2, AS_OF, home)
    assert (member.address, member.landline, member.postcode, member.city) == (home.address, home.landline, home.postcode, home.city)
    assert member.mobile != home.mobile


def test_traditional_characters_are_single() -> None:
    assert "陈张刘".translate(TO_TRADITIONAL) == "陳張劉"
    assert all(len(traditional) == 1 for traditional in TO_TRADITIONAL.values())


def test_every_country_has_a_city() -> None:
    assert {city.country.code for city in CITIES} == set(COUNTRIES)


@pytest.mark.parametrize(("name", "city"), sorted({city.name: city for city in CITIES}.items()))
def test_landlines_have_their_number_of_digits(name: str, city: City) -> None:
    assert len(str(city.landline.low)) == len(str(city.landline.high))
    assert all(prefix.startswith(f"+{city.country.dialling}") for prefix in city.landline.prefixes)


@pytest.mark.parametrize("rows", [1, 1000, 5_000_000])
def test_record_ids_are_unique_beyond_the_rows_too(rows: int) -> None:
    ids = [record_id(serial, rows) for serial in range(1, min(2 * rows, 20_000) + 1)]
    assert len(set(ids)) == len(ids)


def test_a_record_has_a_cell_for_every_column(rng: Random) -> None:
    assert len(draw_record(rng, person_of(rng, "FR"), "C1", AS_OF)) == len(HEADER)


def test_typing_errors_are_two_at_most(rng: Random) -> None:
    for _ in range(500):
        wrong = mistype(rng, "Margaret Featherstone")
        assert abs(len(wrong) - len("Margaret Featherstone")) <= 2
    assert mistype(rng, "李") in {"李", ""} or len(mistype(rng, "李")) <= 2


@pytest.mark.parametrize("code", COUNTRIES)
def test_no_dirt_breaks_a_record(rng: Random, code: str) -> None:
    shapes = {kind for kind, *_ in SHAPES}
    for _ in range(400):
        person = person_of(rng, code)
        row = draw_record(rng, person, "C1", AS_OF)
        before = list(row)
        kinds, touched = alter(rng, row, person)
        kinds += soil(rng, row, person, touched)
        assert row[0] == "C1"
        if not shapes & set(kinds):
            changed = {column for column, (was, is_now) in enumerate(zip(before, row, strict=True)) if was != is_now}
            assert changed == touched
            assert len(kinds) == len(touched)


def test_dirt_tables_are_sound() -> None:
    assert all(0 < dirt.rate < 1 and dirt.columns for dirt in RULES)
    assert all(0 < change.rate < 1 for change in CHANGES)
    assert NAME not in {dirt.columns[0] for dirt in RULES if dirt.kind == "impossible_age"}


@pytest.mark.parametrize("age", ["18", "20", "42", "70", "96"])
def test_ages_in_words_hold_no_bare_number(rng: Random, age: str) -> None:
    for code in ("CN", "US"):
        assert not age_in_words(rng, age, person_of(rng, code)).isdecimal()


def test_phone_notations_keep_the_digits(rng: Random) -> None:
    for code in COUNTRIES:
        person = person_of(rng, code)
        number = person.mobile or "+8613812345678"
        national = number[1 + len(person.city.country.dialling) :]
        for _ in range(60):
            written = in_other_phone_notation(rng, number, person)
            digits = "".join(str(int(character)) for character in written if character.isdecimal())
            assert national in digits
