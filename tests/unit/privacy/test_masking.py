"""A masked cell shows what was wrong and not whose it is."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.cleaning.headers import fields_of
from crmsearch.cleaning.text import HAN
from crmsearch.contract import FIELDS
from crmsearch.privacy.masking import MAX_SAMPLE, mask

PERSONAL = (
    "name", "given_name", "family_name", "emails", "phones", "address", "national_id", "customer_id", "postcode", "notes", "order_id",
    "ticket_id", "response_id", "subject", "campaign", "category",
)  # fmt: skip
RELATED = [field for kind in ("orders", "tickets", "campaigns") for field in fields_of(kind)]
ANY_FIELD = st.sampled_from([*FIELDS, *RELATED, "unheard_of", ""])


@pytest.mark.parametrize(
    ("cell", "field", "shown"),
    [
        ("张三", "name", "张*"),
        ("欧阳小明", "name", "欧***"),
        ("John Smith", "name", "J*** S***"),
        ("JOHN SMITH", "name", "J*** S***"),
        ("Smith, John", "name", "S***, J***"),
        ("  Mark  Marsh ", "name", "␣␣M***␣␣M***␣"),
        ("Mark\u200bus", "name", "M***▯u***"),
        ("J Li", "name", "* L***"),
        ("Mr. John Smith", "name", "Mr. J*** S***"),
        ("张三 女士", "name", "张* 女士"),
        ("xxx", "name", "xxx"),
        ("测试用户", "name", "测试用户"),
        ("test 13800138000", "name", "t*** 1***"),
        ("N/A", "city", "N/A"),
        ("anna@gmail.com", "emails", "a***@g***.com"),
        ("anna.kern@mail.kern.de", "emails", "a***@m***.de"),
        ("anna@kern.wang", "emails", "a***@k***"),
        ("anna@", "emails", "a***@"),
        ("anna", "emails", "a***"),
        ("anna@x.cn; bob@gmail.com", "emails", "a***@***.cn; b***@g***.com"),
        ("+86 138 0013 8000", "phones", "+86 *** **** **00"),
        ("+353 1 234 5678", "phones", "+353 * *** **78"),
        ("00861380013800", "phones", "0086********00"),
        ("13800138000", "phones", "*********00"),
        ("12345", "phones", "****5"),
        ("call Anna 138", "phones", "**** **** **8"),
        ("1990-02-31", "birth_date", "1990-**-**"),
        ("19990231", "birth_date", "1999****"),
        ("9999-12-31", "created_at", "9999-**-**"),
        ("31 Feb 1999", "birth_date", "** *** 1999"),
        ("03/04/90", "birth_date", "**/**/**"),
        ("45356", "created_at", "*****"),
        ("110101199003070000", "national_id", "11***0"),
        ("AB1234", "national_id", "AB***"),
        ("AB12", "customer_id", "A***"),
        ("212", "age", "212"),
        ("forty-one", "age", "forty-one"),
        ("Anna's", "age", "A*** (2 to 9 characters)"),
        ("NYC", "city", "NYC"),
        (" 北京市", "city", "␣北京市"),
        ("Paris, Anna Kern", "city", "P*** (10 to 49 characters)"),
        ("Kernheim", "city", "K*** (2 to 9 characters)"),
        ("广东省", "province", "广东省"),
        ("Atlantis", "country", "A*** (2 to 9 characters)"),
        ("女性", "gender", "女性"),
        ("maybe", "gender", "m*** (2 to 9 characters)"),
        ("12 Rue de Rivoli, Paris", "address", "1*** (10 to 49 characters)"),
        ("x" * 60, "notes", "x*** (50 to 499 characters)"),
        ("O-2024-0017", "order_id", "O2***7"),
        ("1O0.00", "amount", "1*** (2 to 9 characters)"),
        ("1234.50", "amount", "1*** (2 to 9 characters)"),
        ("-5", "amount", "-5"),
        ("2024-13-01", "ordered_at", "2024-**-**"),
        ("EUR", "currency", "EUR"),
        ("shells", "currency", "s*** (2 to 9 characters)"),
        ("处理中", "status", "处理中"),
        ("Ask Anna", "status", "A*** (2 to 9 characters)"),
        ("urgent", "priority", "urgent"),
        ("Yes", "clicked", "Yes"),
        ("Anna", "opened", "A*** (2 to 9 characters)"),
        ("Refund for Anna Kern", "subject", "R*** (10 to 49 characters)"),
        ('=HYPERLINK("http://x","Anna")', "name", "'=HYPERLINK(***)"),
        ("=Anna(1)", "name", "'=***"),
        ("@Anna", "name", "'@***"),
        ("", "name", ""),
        ("　", "city", "␣"),
    ],
)
def test_examples(cell: str, field: str, shown: str) -> None:
    assert mask(cell, field) == shown


@given(st.text(), ANY_FIELD)
def test_any_cell_of_any_field_has_one_short_line_that_no_spreadsheet_runs(cell: str, field: str) -> None:
    shown = mask(cell, field)
    assert len(shown) <= MAX_SAMPLE + 1
    assert shown.isprintable()
    assert not shown.startswith(("=", "@"))
    assert not re.match(r"[+\-].*[^\W\d_]", shown), "only numbers keep their sign"


WORDS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"], exclude_characters="×"), min_size=1, max_size=20)


@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from([" ", ", ", "-", "@", ".", ""]), st.sampled_from(PERSONAL))
def test_no_more_than_a_third_of_a_personal_value_is_shown(words: list[str], between: str, field: str) -> None:
    cell = between.join(words)
    shown = mask(cell, field)
    if shown == cell:
        return  # filler that is nobody's, tested above
    shown = re.sub(r" \([\w ]+ characters\)$", "", shown)
    if "@" in shown:
        shown = re.sub(r"\.[a-zA-Z]{2,4}$", "", shown)  # the public end of a domain, which is a country's or "com"
    calling_code = 5 if field == "phones" and cell.startswith("00") else 0
    letters = sum(char.isalnum() for char in cell)
    runs = len(re.findall(rf"[{HAN}]+|(?:(?![{HAN}])\w)+", cell))
    assert sum(char.isalnum() for char in shown) <= max(math.ceil(letters / 3), runs + calling_code)


@given(st.text(st.characters(categories=["Lu", "Ll"]), min_size=4, max_size=30))
def test_a_word_of_a_name_leaves_its_first_letter_only(word: str) -> None:
    shown = mask(word, "name")
    assert shown == word or sum(char.isalnum() for char in shown) <= 1


@given(st.text("0123456789", min_size=7, max_size=15))
def test_a_phone_leaves_two_digits(digits: str) -> None:
    assert mask(digits, "phones").replace("*", "") in {digits[-2:], digits[:2] + digits[-2:]} or digits.startswith("00")
