"""Masks of clean values: what is shown, and that the middle never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.privacy.masks import (
    NOTHING,
    mask_date,
    mask_email,
    mask_given_name,
    mask_id,
    mask_name,
    mask_phone,
    mask_place,
    mask_postcode,
    mask_text,
)

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=6)
LATIN = st.text(st.characters(codec="ascii", categories=["Ll", "Lu"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (mask_phone, "+8613800138000", "+86138****8000"),
        (mask_phone, "+16025786062", "+160****062"),
        (mask_phone, "+861234567", "+861****67"),
        (mask_phone, "+86123", "+86****"),
        (mask_phone, "13800138000", "138****8000"),
        (mask_email, "wang@example.com", "w***@example.com"),
        (mask_email, "w@example.com", "***@example.com"),
        (mask_email, "no address", NOTHING),
        (mask_name, "王小明", "王*明"),
        (mask_name, "王明", "王*"),
        (mask_name, "欧阳娜娜", "欧**娜"),
        (mask_name, "王", "*"),
        (mask_name, "John Smith", "J*** S***"),
        (mask_name, "Jean-Luc O'Neill", "J*** O***"),
        (mask_name, "李娜 Anna", "李* A***"),
        (mask_given_name, "小明", "*明"),
        (mask_given_name, "娜", "*"),
        (mask_given_name, "John", "J***"),
        (mask_id, "110101199003071234", "110****34"),
        (mask_id, "123456789", NOTHING),
        (mask_postcode, "200040", "20***"),
        (mask_postcode, "1010", NOTHING),
        (mask_date, "1990-03-07", "1990-**-**"),
        (mask_place, {"lat": 31.2304, "lon": 121.4737}, {"lat": 31.2, "lon": 121.5}),
        (mask_text, "静安区南京西路1号", NOTHING),
    ],
)
def test_forms(mask: object, value: object, shown: object) -> None:
    assert callable(mask)
    assert mask(value) == shown


@given(st.from_regex(r"\+(86|1|44|852)[1-9][0-9]{3,11}", fullmatch=True))
def test_four_digits_of_a_phone_are_hidden_and_nobody_knows_how_many(phone: str) -> None:
    shown = mask_phone(phone)
    assert shown == mask_phone(phone)
    assert shown.count("*") == 4
    assert sum(map(str.isdigit, phone)) - sum(map(str.isdigit, shown)) >= 4
    head, tail = shown.split("****")
    assert phone.startswith(head)
    assert phone.endswith(tail)


@given(st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=10, max_size=20))
def test_half_of_an_id_is_hidden(number: str) -> None:
    shown = mask_id(number)
    assert len(shown) == 9
    assert sum(map(str.isalnum, shown)) <= len(number) / 2


@given(LATIN, LATIN)
def test_of_an_address_one_letter_and_the_server_are_shown(local: str, server: str) -> None:
    assert mask_email(f"{local}@{server}.example") in {f"{local[0]}***@{server}.example", f"***@{server}.example"}


@given(HAN)
def test_of_a_chinese_name_the_middle_is_hidden(name: str) -> None:
    shown = mask_name(name)
    assert len(shown) == min(len(name), 4)
    assert set(shown[1:-1]) <= {"*"}
    # Beside the whole name the given name tells nothing more.
    if len(name) > 2:
        assert mask_given_name(name[1:])[-1] == shown[-1]
        assert set(mask_given_name(name[1:])[:-1]) == {"*"}


@given(st.lists(LATIN, min_size=1, max_size=4))
def test_of_another_name_the_letters_in_front_are_shown(words: list[str]) -> None:
    assert mask_name(" ".join(words)) == " ".join(f"{word[0]}***" if len(word) > 1 else "*" for word in words)
