"""Texts fit where they stand: shortened visibly, broken between words and between Chinese characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.charts.labels import MARK, literal, named, room, shorten, wrap


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("北京", 4, "北京"),
        ("北京市", 5, "北京…"),
        ("北京市", 4, "北…"),
        ("a北京", 4, "a北…"),
        ("", 3, ""),
    ],
)
def test_a_chinese_character_takes_two_columns(text: str, most: int, shown: str) -> None:
    assert shorten(text, most) == shown


def test_a_count_has_its_place_behind_a_long_label() -> None:
    assert named("北" * 30, 1234) == f"{'北' * 12}… (n = 1,234)"


@pytest.mark.parametrize(
    ("text", "lines", "broken"),
    [
        ("one two three", 2, ["one two", "three"]),
        ("one two three four", 2, ["one two", "three f…"]),
        ("客户很多。客户", 3, ["客户很", "多。客户"]),
        ("客户很多, 客户", 3, ["客户很", "多, 客户"]),
        ("共 44 项。", 2, ["共 44", "项。"]),
        ("extraordinarily", 2, ["extraor…"]),
        ("", 2, [""]),
    ],
)
def test_lines_are_broken_between_words(text: str, lines: int, broken: list[str]) -> None:
    assert wrap(text, 8, lines) == broken


@given(st.text(max_size=200), st.integers(4, 40), st.integers(1, 3))
def test_no_line_is_longer_than_there_is_room(text: str, most: int, lines: int) -> None:
    found = wrap(text, most, lines)
    assert 1 <= len(found) <= lines
    assert all(room(line) <= most for line in found)


def test_marks_make_up_for_the_width_that_the_library_does_not_see() -> None:
    assert literal("abc") == "abc"
    assert literal("北京市") == f"北京市{MARK * 2}"
