"""What marks a person who was erased, and what marks nobody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.privacy.suppression import MARKS, Suppressions, key_id, marks_of, subject_of
from crmsearch.settings import Secret

KEY = Secret("sixteen letters, and some")
ADA: dict[str, Any] = {
    "name": "Ada Byron",
    "birth_date": "1990-12-10",
    "emails": ["Ada@example.org"],
    "phones": ["+447911123456"],
    "national_id": "110101199003070011",
}
ERASED = Suppressions(KEY, frozenset(marks_of(ADA, ["zoho:17"], KEY)))


@pytest.mark.parametrize(
    ("document", "records"),
    [
        ({"name": "Somebody Else"}, ["zoho:17"]),
        ({"emails": ["ada@EXAMPLE.org"]}, []),
        ({"national_id": "110101199003070011"}, ["x"]),
        ({"name": "BYRON Ada", "phones": ["+491", "+447911123456"]}, []),
        ({"name": "ada byron", "birth_date": "1990-12-10"}, []),
    ],
)
def test_one_identifier_is_enough(document: dict[str, Any], records: list[str]) -> None:
    assert ERASED.find(document, records)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "Ada Byron", "city": "London"},
        {"name": "Annabella Byron", "phones": ["+447911123456"]},
        {"phones": ["+447911123456"]},
        {"name": "Ada Byron", "birth_date": "1991-12-10"},
        {"name": "Ada King", "birth_date": "1990-12-10"},
        {},
    ],
)
def test_what_many_share_marks_nobody(document: dict[str, Any]) -> None:
    assert ERASED.find(document, ["salesforce:17"]) is None


def test_a_mailbox_of_an_office_marks_nobody() -> None:
    assert marks_of({"emails": ["info@example.org", "sales@example.org"]}, [], KEY) == set()


def test_chinese_names_are_the_same_in_either_script() -> None:
    erased = Suppressions(KEY, frozenset(marks_of({"name": "張偉", "phones": ["+8613812345678"]}, [], KEY)))
    assert erased.find({"name": "张伟", "phones": ["+8613812345678"]}, [])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.text(min_size=1),
            "birth_date": st.dates().map(str),
            "national_id": st.text(min_size=1),
            "emails": st.lists(st.emails(), min_size=1),
            "phones": st.lists(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), min_size=1),
        },
    ),
    st.lists(st.text(min_size=1), max_size=3),
)
def test_marks_are_the_same_again_another_with_another_key_and_never_plain(document: dict[str, Any], records: list[str]) -> None:
    marks = marks_of(document, records, KEY)
    assert marks == marks_of(document, records, KEY)
    assert marks.isdisjoint(marks_of(document, records, Secret("another key of letters")))
    assert all(len(mark) == 64 and int(mark, 16) >= 0 for mark in marks)
    assert len(marks) <= len(set(records)) + sum(len(document.get(name, [])) for name in ("emails", "phones")) + 2


def test_every_kind_of_mark_is_its_own() -> None:
    assert len(marks_of(ADA, ["zoho:17"], KEY)) == len(MARKS) + 1


def test_keys_and_subjects_are_told_apart_without_being_told() -> None:
    assert key_id(KEY) != key_id(Secret("another key of letters"))
    assert str(KEY) not in key_id(KEY)
    assert subject_of("zoho:17", KEY) not in ERASED.marks


def test_what_a_file_tells_is_what_was_meant() -> None:
    assert Suppressions.decode(ERASED.encode()) == ERASED
    assert str(KEY) not in repr(ERASED)
