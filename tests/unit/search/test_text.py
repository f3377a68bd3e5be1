"""What was typed, as it is understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import FilterSyntaxError, UnknownFieldError
from crmsearch.search.filters import Filter
from crmsearch.search.text import QueryText, Word, normalise_text, parse_text


def _readings(text: str) -> list[list[str]]:
    """Every part of a text, each way to understand it as its words."""
    return [[" ".join(f"{word.text}/{word.kind}" for word in reading) for reading in chunk.readings] for chunk in parse_text(text).chunks]


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("jon smith", [["jon/latin"], ["smith/latin"]]),
        ("王小明", [["王小明/han"]]),
        ("张wei", [["张/han wei/latin"]]),
        ("葉問", [["叶问/han"]]),
        # a place written together with a name, on either side
        ("上海李娜", [["上海李娜/han", "上海/han 李娜/han"]]),
        ("李娜北京", [["李娜北京/han", "李娜/han 北京/han"]]),
        ("王伟先生", [["王伟先生/han", "王伟/han"]]),
        # two words without their gap
        ("KarenLong", [["karenlong/latin", "karen/latin long/latin"]]),
        # numbers in any notation, alone and among words
        ("+86 138-0013 8000", [["8613800138000/number", "86/digits 138/digits 0013/digits 8000/digits"]]),
        ("+44 (0)20 7946 0018", [["442079460018/number", "44/digits 0/digits 20/digits 7946/digits 0018/digits"]]),
        ("１３８００１３８０００", [["13800138000/number", "13800138000/digits"]]),
        ("wang 上海 8812", [["wang/latin"], ["上海/han"], ["8812/number", "8812/digits"]]),
        ("apt 12", [["apt/latin"], ["12/digits"]]),
        ("800", [["800/digits"]]),
        # addresses and codes
        ("Jon.Smith@X.com", [["jon.smith@x.com/email", "jon.smith/local x.com/domain"]]),
        ("@example.com", [["@example.com/email"]]),
        ("john.smith", [["john/latin smith/latin", "john.smith/code"]]),
        ("crm:C-12", [["crm/latin c/latin 12/digits", "crm:c-12/code"]]),
        ("O'Neil", [["oneil/latin"]]),
        ("same same", [["same/latin"]]),
        ("!?", []),
        ("", []),
    ],
)
def test_parts_and_the_ways_to_understand_them(text: str, readings: list[list[str]]) -> None:
    assert _readings(text) == readings


def test_a_form_of_address_need_not_be_found() -> None:
    assert [chunk.optional for chunk in parse_text("Mr. Smith").chunks] == [True, False]
    assert [chunk.optional for chunk in parse_text("Mr").chunks] == [False], "all that is there must be found"


def test_operators() -> None:
    text = parse_text('smith "new york" -vip -"acme corp" city:北京|上海 -tags:test age:20..39')
    assert text.whole == "smith"
    assert text.unfiltered == 'smith "new york" -vip -"acme corp"'
    assert text.phrases == ("new york",)
    assert [chunk.written for chunk in text.without] == ["vip"]
    assert text.without_phrases == ("acme corp",)
    assert text.filters == (
        Filter(field="city", in_=["北京", "上海"]),
        Filter(field="tags", not_in=["test"]),
        Filter(field="age", gte=20, lte=39),
    )


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("wang -gmail.com", ["gmail.com"]),
        ("wang -@gmail.com", ["@gmail.com"]),
        ('wang -"@gmail.com"', ["@gmail.com"]),
        ("smith -C-0356239", ["C-0356239"]),
        ("smith -jon.smith@x.com", ["jon.smith@x.com"]),
        ("wang -8812", ["8812"]),
        ("王 -北京", ["北京"]),
        ("(020) -7946 0018", []),
    ],
)
def test_whatever_can_be_found_can_be_left_out(text: str, without: list[str]) -> None:
    parsed = parse_text(text)
    assert [chunk.written for chunk in parsed.without] == without
    assert len(parsed.chunks) == 1


@pytest.mark.parametrize("text", ["mailto:jon@x.com", "tel:+8613800138000", "MAILTO:jon@x.com"])
def test_links_are_what_they_lead_to(text: str) -> None:
    assert parse_text(text).chunks == parse_text(text.partition(":")[2]).chunks


@pytest.mark.parametrize(
    ("text", "only_signs"), [("😀", True), ("?!", True), ("@", True), ("*", False), ("", False), ("a", False), ("city:北京", False)]
)
def test_signs_find_nobody_and_an_asterisk_everybody(text: str, only_signs: bool) -> None:
    assert parse_text(text).only_signs == only_signs


def test_segments_and_relative_days_are_conditions_too() -> None:
    text = parse_text("smith segment:at-risk last_order_at:now-90d..")
    assert text.unfiltered == text.whole == "smith"
    assert len(text.filters) == 2


def test_quotes_hold_a_value_with_a_space() -> None:
    assert parse_text('wei city:"New York"').filters == (Filter(field="city", in_=["New York"]),)
    assert parse_text("“new york”").phrases == ("new york",)


@pytest.mark.parametrize("text", ["re: invoice", "http://example.com", "a-b", "well-known", "wang - 上海", "-5", "nofield:x"])
def test_what_only_looks_like_an_operator_is_words(text: str) -> None:
    parsed = parse_text(text)
    assert parsed.chunks
    assert (parsed.filters, parsed.phrases, parsed.without) == ((), (), ())


@pytest.mark.parametrize("text", ["age:old", "-age:20..39", "birth_date:2024-13-45", "smith notes:x"])
def test_a_condition_that_is_not_of_the_grammar_is_refused(text: str) -> None:
    with pytest.raises((FilterSyntaxError, UnknownFieldError)):
        parse_text(text)


def test_a_text_is_folded_and_freed_of_control_characters() -> None:
    assert normalise_text("  Ｗang\u0000\u200b\n 上海 ") == "Wang 上海"
    assert parse_text(" \u200b\n") == QueryText()
    assert parse_text(" \u200b\n").empty


def test_a_long_text_is_known_as_such() -> None:
    assert not parse_text(" ".join(f"w{number}" for number in range(16))).long
    assert parse_text(" ".join(f"w{number}" for number in range(17))).long


@given(st.text(max_size=300))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        parsed = parse_text(text)
    except (FilterSyntaxError, UnknownFieldError):
        return
    for chunk in parsed.chunks:
        assert chunk.readings
        for reading in chunk.readings:
            assert reading
            assert all(isinstance(word, Word) and word.text for word in reading)
