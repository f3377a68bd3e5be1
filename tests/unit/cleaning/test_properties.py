"""What holds for every cell, whatever is in it."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmsearch.cleaning.categories import clean_consents, clean_lifecycle
from crmsearch.cleaning.dates import clean_age, clean_birth_date, clean_timestamp
from crmsearch.cleaning.emails import clean_emails
from crmsearch.cleaning.forms import pinyin_forms, search_forms, to_simplified
from crmsearch.cleaning.genders import clean_gender
from crmsearch.cleaning.headers import HEADERS, map_headers
from crmsearch.cleaning.names import clean_name, clean_name_part, split_name
from crmsearch.cleaning.national_ids import clean_national_id
from crmsearch.cleaning.numbers import clean_decimal, clean_integer
from crmsearch.cleaning.phones import clean_phones
from crmsearch.cleaning.places import clean_city, clean_country, clean_place, clean_postcode, clean_province
from crmsearch.cleaning.record import RecordContext, clean_record
from crmsearch.cleaning.rules import RULES
from crmsearch.cleaning.text import clean_code, clean_notes, clean_text, split_list, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection
from crmsearch.contract import FIELDS

AS_OF = date(2026, 11, 23)

RULES_UNDER_TEST: dict[str, Callable[[str], Outcome[Any]]] = {
    "text": clean_text,
    "code": clean_code,
    "notes": clean_notes,
    "list": split_list,
    "name": clean_name,
    "name part": clean_name_part,
    "emails": clean_emails,
    "phones": lambda raw: clean_phones(raw, ("CN", "US")),
    "phones without a region": clean_phones,
    "birth date": lambda raw: clean_birth_date(raw, as_of=AS_OF),
    "timestamp": lambda raw: clean_timestamp(raw, as_of=AS_OF, day_first=False),
    "age": clean_age,
    "gender": clean_gender,
    "city": clean_city,
    "province": clean_province,
    "place": clean_place,
    "country": clean_country,
    "postcode": clean_postcode,
    "national id": lambda raw: clean_national_id(raw, "CN"),
    "decimal": clean_decimal,
    "integer": clean_integer,
    "life cycle": clean_lifecycle,
    "consents": clean_consents,
}

# Plain random text seldom looks like anything, so most cells are put together from pieces that rules look for.
PIECES = st.sampled_from(
    [
        *"0123456789 -./:;,+=@()|'\"、，。\u3000\u200b\u00a0\t\n１Ａéßİ王小年月日岁十百零无转市万€FTZx",
        *[
            "e\u0301",
            "欧阳",
            "先生",
            "公司",
            "北京",
            "广东省",
            "Mr.",
            "Dr",
            "PhD",
            "Jr.",
            "van ",
            "Mc",
            "JOHN",
            "smith",
            "Ltd",
            "test",
            "xxx",
        ],
        *["n/a", "Na", "yes", "male", "1990", "2024", "03", "13", "Mar", "+08:00", "PM", "years", "forty", "hundred", "+86", "138", "00"],
        *["ext", "example.com"],
    ]
)
CELLS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join), st.text(st.characters(), max_size=12))


def written(value: Any) -> str:
    return ";".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("rule", RULES_UNDER_TEST.values(), ids=RULES_UNDER_TEST)
@given(raw=CELLS)
@example(raw="\ud800")
@example(raw="﷽ ﷺ")
@example(raw="9" * 5000)
def test_a_rule_never_raises_and_cleans_for_good(rule: Callable[[str], Outcome[Any]], raw: str) -> None:
    outcome = rule(raw)
    if isinstance(outcome, Rejection):
        assert outcome.code in RULES
        return
    assert set(outcome.issues) <= set(RULES)
    if outcome.value is not None:
        text = written(outcome.value)
        assert text.isprintable()
        assert text == text.strip()
        assert rule(text) == Clean(outcome.value)


@given(cells=st.dictionaries(st.sampled_from(sorted(HEADERS)), st.none() | CELLS), day_first=st.booleans())
def test_a_record_holds_only_fields_of_the_contract(cells: dict[str, str | None], day_first: bool) -> None:
    context = RecordContext(as_of="2026-11-23", default_region="CN", day_first=day_first)
    record = clean_record(list(cells.values()), list(cells), context)
    assert set(record.document) <= set(FIELDS)
    assert all(isinstance(value, list) == FIELDS[field].many for field, value in record.document.items())
    assert None not in record.document.values()
    assert set(record.issues) | set(record.rejections) <= set(RULES)
    assert all(RULES[code].severity != "reject" for code in record.issues)
    assert all(RULES[code].severity == "reject" for code in record.rejections)
    assert 0 <= record.document["quality_score"] <= 1
    values = [value if isinstance(value, list) else [value] for value in record.document.values()]
    assert all(text.isprintable() for texts in values for text in texts if isinstance(text, str))
    search_forms(record.document)


@given(headers=st.lists(st.sampled_from(["Email", "email 2", "Name", "", " ", "地址", "Address_1", "x"]) | st.text(max_size=12)))
def test_headers_are_each_mapped_or_reported(headers: list[str]) -> None:
    mapping = map_headers(headers)
    assert len(mapping.columns) == len(headers)
    assert mapping.unmapped == tuple(header for header, column in zip(headers, mapping.columns, strict=True) if column is None)


@given(text=CELLS.map(lambda raw: tidy(raw).value or ""))
def test_name_forms_never_raise(text: str) -> None:
    split_name(text)
    pinyin_forms(text)
    assert to_simplified(to_simplified(text)) == to_simplified(text)
