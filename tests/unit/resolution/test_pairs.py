"""Which pairs are one customer: a table of what people and clerks do, and the properties that every verdict has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.resolution.compare import compare
from crmsearch.resolution.features import is_valid_id
from crmsearch.resolution.keys import blocking_keys
from crmsearch.resolution.levels import LEVELS
from crmsearch.resolution.weights import EVERY, LINK_WEIGHT, Model, frequency_values
from tests.unit.resolution.people import ACME, BARE, JOHN, MODEL, PROVEN, WEI, person

SAME: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("all the same", JOHN, {}),
    ("two typing errors", JOHN, {"name": "Jhon Smiht", "given_name": "Jhon", "family_name": "Smiht"}),
    ("day and month swapped", JOHN, {"birth_date": "1980-03-04", "emails": []}),
    ("given and family name swapped", JOHN, {"name": "Smith John", "given_name": "Smith", "family_name": "John"}),
    ("short form", JOHN, {"name": "Jack Smith", "given_name": "Jack"}),
    ("initial", JOHN, {"name": "J. Smith", "given_name": "J."}),
    ("moved, the mobile the same", JOHN, {"address": "7 Mill Lane", "postcode": "M11AA", "city": "Manchester"}),
    ("new mobile, the e-mail the same", JOHN, {"phones": ["+447911999999"], "birth_date": None, "age": None}),
    ("another name by marriage", JOHN, {"name": "John Miller", "family_name": "Miller"}),
    ("accents", JOHN | {"name": "Zoë Müller", "given_name": "Zoë", "family_name": "Müller"},
     {"name": "Zoe Muller", "given_name": "Zoe", "family_name": "Muller", "emails": []}),
    ("pinyin", WEI, {"name": "Xiaoming Wang", "given_name": "Xiaoming", "family_name": "Wang"}),
    ("pinyin with a gap", WEI, {"name": "Xiao Ming Wang", "given_name": "Xiao Ming", "family_name": "Wang", "emails": []}),
    ("traditional characters", WEI | {"name": "刘丽", "given_name": "丽", "family_name": "刘"},
     {"name": "劉麗", "given_name": "麗", "family_name": "劉", "emails": []}),
    ("same sound, other sign", WEI, {"name": "王晓明", "given_name": "晓明", "emails": []}),
    ("second reading of a surname", WEI | {"name": "单小明", "family_name": "单"},
     {"name": "Xiaoming Dan", "given_name": "Xiaoming", "family_name": "Dan"}),
    ("surname left out", WEI, {"name": "小明", "given_name": "明", "family_name": "小"}),
    ("a number proves it", JOHN | {"national_id": "12345678Z"},
     {"national_id": "12345678Z", "emails": [], "phones": [], "address": None, "postcode": None}),
    ("a number mistyped", JOHN | {"national_id": "7535316"}, {"national_id": "7533516", "emails": [], "phones": []}),
    ("company account", ACME, {"emails": ["sales@acmetools.example"], "phones": []}),
    ("legal form left out", ACME, {"name": "Acme Tools", "company": "Acme Tools"}),
    ("equal companies without an address", BARE, {}),
    ("a company's name and domain", BARE | {"phones": []}, {"emails": ["sales@acmetools.example"]}),
    ("a company's name and e-mail", BARE | {"phones": []}, {}),
    ("a company's name and landline", BARE | {"emails": []}, {"name": "Acme Tools", "company": "Acme Tools"}),
    ("a company's name and phone, another e-mail", BARE, {"emails": ["acme@gmail.com"]}),
    ("the address of a company is known once", ACME, {"address": None, "city": None, "postcode": None}),
    ("a company in another street of its city", ACME, {"address": "9 Park Road", "postcode": None}),
]  # fmt: skip

OTHERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("father and son, of whom only the years are known", JOHN | {"birth_date": "1950-01-01"}, {"birth_date": "1981-01-01"}),
    ("father and son, one digit apart", JOHN | {"birth_date": "1955-01-01"}, {"birth_date": "1985-01-01"}),
    ("a generation apart and another surname", WEI | {"birth_date": "1975-03-03"},
     {"birth_date": "1991-03-03", "family_name": "李", "name": "李小明"}),
    ("a name alone", {"name": "John Smith", "given_name": "John", "family_name": "Smith", "age": 46, "city": "London"}, {}),
    ("namesakes of one day in one city", JOHN,
     {"emails": ["js@example.net"], "phones": ["+447911999999"], "address": "80 Mill Lane", "postcode": "N10AA"}),
    ("namesakes of one city", JOHN,
     {"emails": [], "phones": [], "address": "80 Mill Lane", "postcode": "N10AA", "birth_date": "1983-11-20", "age": 42}),
    ("twins", JOHN, {"name": "Paul Smith", "given_name": "Paul", "emails": [], "phones": []}),
    ("twins with one mailbox and phone", JOHN, {"name": "Paul Smith", "given_name": "Paul"}),
    ("father and son", JOHN, {"birth_date": "1952-09-20", "age": 74}),
    ("father and son by age", JOHN | {"birth_date": None}, {"birth_date": None, "age": 74}),
    ("Jr. and Sr.", JOHN | {"name": "John Smith Jr."}, {"name": "John Smith Sr."}),
    ("couple with one mailbox and phone", JOHN,
     {"name": "Mary Smith", "given_name": "Mary", "gender": "female", "birth_date": "1981-01-15", "age": 45}),
    ("brothers", WEI, {"name": "王大明", "given_name": "大明", "birth_date": "1992-05-06", "emails": [], "phones": ["+8613911112222"]}),
    ("colleagues with one phone", JOHN, {"name": "Alan Brown", "given_name": "Alan", "family_name": "Brown", "emails": []}),
    ("two proven numbers", WEI | {"national_id": PROVEN[0]}, {"national_id": PROVEN[1]}),
    ("a person and a company", JOHN | {"company": "Acme Tools"}, ACME),
    ("branches of a company", ACME,
     {"emails": [], "phones": ["+441619460000"], "address": "9 Park Road", "city": "Manchester", "postcode": "M11AA"}),
    ("branches of one mailbox", ACME, {"phones": ["+441619460000"], "address": "9 Park Road", "city": "Manchester", "postcode": "M11AA"}),
    ("branches of one mailbox and phone, of which the cities are known", BARE | {"city": "London"}, {"city": "Manchester"}),
    ("shops of one mailbox in one city", ACME, {"phones": ["+442079461111"], "address": "9 Park Road", "postcode": None}),
    ("a company's name and nothing else", BARE | {"emails": [], "phones": []}, {}),
    ("two companies of similar names in one office", BARE, {"name": "Acme Toys Ltd", "company": "Acme Toys Ltd"}),
    ("a company's name and domain, another phone", BARE, {"emails": ["sales@acmetools.example"], "phones": ["+441619460000"]}),
]  # fmt: skip


@pytest.mark.parametrize(("base", "changes"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_records_of_one_customer_are_linked(base: dict[str, Any], changes: dict[str, Any]) -> None:
    one, two = person(base), person(base, "b", **changes)
    match = MODEL.judge(one, two)
    assert match.linked
    assert match.weight >= LINK_WEIGHT
    assert match.reasons
    assert {key.value for key in blocking_keys(one)} & {key.value for key in blocking_keys(two)}, "they share a blocking key"


@pytest.mark.parametrize(("base", "changes"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_records_of_two_customers_are_not(base: dict[str, Any], changes: dict[str, Any]) -> None:
    assert not MODEL.judge(person(base), person(base, "b", **changes)).linked


def test_a_phone_of_many_is_hardly_evidence() -> None:
    one, two = (person(JOHN, each, emails=[], birth_date=None, age=None, address=None, postcode=None) for each in "ab")
    assert Model(100_000, {"gjohn": 2000, "fsmith": 3000}).judge(one, two).linked
    assert not Model(100_000, {"gjohn": 2000, "fsmith": 3000, "p+447911123456": 20_000}).judge(one, two).linked


def test_a_rare_name_says_more_than_a_common_one() -> None:
    one, two = (person(JOHN, each, emails=[], phones=[], gender=None) for each in "ab")
    common, rare = Model(100_000, {"gjohn": 9000, "fsmith": 9000}), Model(100_000, {})
    assert rare.judge(one, two).weight > common.judge(one, two).weight


def test_ids_are_no_evidence() -> None:
    one = person(JOHN, "rec-1-org")
    assert MODEL.judge(one, person(JOHN, "rec-1-dup-0")) == MODEL.judge(one, person(JOHN, "rec-999-org"))


def test_reasons_hold_no_value_of_the_person() -> None:
    text = " ".join(MODEL.judge(person(), person(JOHN, "b")).reasons)
    assert not any(word in text for word in ("John", "Smith", "example", "+44", "1980", "High"))


@pytest.mark.parametrize(
    ("number", "valid"),
    [(PROVEN[0], True), (PROVEN[1], True), ("110105199005064011", False), ("12345678Z", True), ("12345678A", False), ("7535316", False)],
)
def test_numbers_that_prove_themselves(number: str, valid: bool) -> None:
    assert is_valid_id(number) is valid


def test_every_level_of_a_field_is_a_probability_and_the_same_person_has_them_all() -> None:
    totals: dict[str, float] = {}
    for (field, _), row in LEVELS.items():
        assert 0 < row.same < 1
        assert 0 < row.related < 1
        assert 0 < row.stranger < 1
        totals[field] = totals.get(field, 0) + row.same
    partial = {"name", "generation", "domain"}  # fields with a level for what is out of the ordinary alone
    assert {field: round(total, 6) for field, total in totals.items() if field not in partial} == dict.fromkeys(
        totals.keys() - partial, 1.0
    )


WORDS = st.sampled_from(
    ["John", "Jon", "J.", "Mary Ann", "小明", "晓明", "明", "Wei", "Müller", "O'Neill", "García López", "王", "x", "", None]
)
VALUES = st.fixed_dictionaries(
    {
        "name": WORDS,
        "given_name": WORDS,
        "family_name": WORDS,
        "kind": st.sampled_from(["person", "company"]),
        "gender": st.sampled_from(["female", "male", "unknown", None]),
        "birth_date": st.sampled_from(["1980-04-03", "1980-03-04", "1981-04-03", "1952-09-20", None]),
        "age": st.sampled_from([46, 45, 20, None]),
        "emails": st.lists(st.sampled_from(["a@b.org", "anna.lee12@c.org", "anna.lee21@c.org", "info@b.org"]), max_size=2),
        "phones": st.lists(st.sampled_from(["+447911123456", "+447911123465", "+442079460000"]), max_size=2),
        "address": st.sampled_from(["12 High Street", "21 High Street", "中山路12号", "Rose Cottage", None]),
        "city": st.sampled_from(["London", "北京", None]),
        "postcode": st.sampled_from(["SW1A1AA", "100000", None]),
        "national_id": st.sampled_from([*PROVEN, "7535316", "7535361", "A1", None]),
        "company": st.sampled_from(["Acme Tools Ltd", "Acme Tool", "星河科技有限公司", None]),
    }
)


@given(VALUES, VALUES)
def test_the_verdict_is_symmetric_and_keeps_its_rules(one: dict[str, Any], two: dict[str, Any]) -> None:
    a, b = person(one, "a"), person(two, "b")
    assert sorted(compare(a, b)) == sorted(compare(b, a)) or a.company != b.company
    there, back = MODEL.judge(a, b), MODEL.judge(b, a)
    assert there == back
    assert 0 <= there.probability <= 1
    assert not (there.linked and there.barred)
    assert there.linked == bool(there.reasons)
    if a.national_id != b.national_id and is_valid_id(a.national_id) and is_valid_id(b.national_id):
        assert not there.linked


@given(VALUES)
def test_keys_and_values_of_any_record(document: dict[str, Any]) -> None:
    record = person(document)
    keys = blocking_keys(record)
    assert len({key.value for key in keys}) == len(keys)
    assert all(key.value not in key.narrower for key in keys)
    assert frequency_values(record)[0] == EVERY
    assert all(len(value) > 1 for value in frequency_values(record)[1:])
