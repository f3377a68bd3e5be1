import pytest

from crmsearch.cleaning.text import (
    MAX_NOTES,
    clean_code,
    clean_label,
    clean_notes,
    is_formula,
    is_made_up_number,
    match_key,
    neutralise_formula,
    open_cell,
    split_list,
    tidy,
    title_case,
)
from crmsearch.cleaning.values import Clean, Rejection


def test_one_plain_space_at_an_edge_is_the_style_of_the_file() -> None:
    assert tidy(" a ") == Clean("a")
    assert tidy("  a") == Clean("a", ("spaces",))
    assert tidy("a\u3000") == Clean("a", ("spaces",))


def test_chinese_punctuation_is_kept_in_texts_and_folded_in_codes() -> None:
    assert tidy("（东）１") == Clean("（东）1", ("full_width",))
    assert tidy("（东）１", compatible=True) == Clean("(东)1", ("full_width",))


def test_a_note_is_cut_and_says_so() -> None:
    assert clean_notes("x" * MAX_NOTES) == Clean("x" * MAX_NOTES)
    assert clean_notes("x" * (MAX_NOTES + 1)) == Clean("x" * MAX_NOTES, ("notes_cut",))


@pytest.mark.parametrize("text", ["=1+1", "=", "@SUM(A1)", "-SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@name", "-Smith"])
def test_formulas(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize("text", ["+86 138 0013 8000", "+1 (415) 555-0100", "-", "-3", "-12.50", "+1", "a=b", "- call back", "", "@ 10:30"])
def test_not_formulas(text: str) -> None:
    assert not is_formula(text)


def test_a_note_may_begin_with_a_dash_or_a_mention() -> None:
    assert not is_formula("@Anna call back", prose=True)
    assert not is_formula("-call back", prose=True)
    assert is_formula("@SUM(1+1)*cmd|' /C calc'!A0", prose=True)


@pytest.mark.parametrize("text", ["=1+1", "+86138", "-3", "@name", "\tx", "\rx", "\nx", "＝1+1", "＋1", "－1", "＠a"])
def test_exports_hold_no_formula(text: str) -> None:
    assert neutralise_formula(text) == f"'{text}"


def test_exports_leave_other_texts_alone() -> None:
    assert neutralise_formula("Anna = 1") == "Anna = 1"
    assert neutralise_formula("") == ""


@pytest.mark.parametrize(
    ("text", "key"), [("New  York", "newyork"), ("São_Paulo!", "saopaulo"), ("Ｅ-Mail", "email"), ("客户 编号", "客户编号")]
)
def test_match_key(text: str, key: str) -> None:
    assert match_key(text) == key


@pytest.mark.parametrize(
    ("text", "cased"), [("st james", "St James"), ("KING'S LYNN", "King's Lynn"), ("d'arcy", "D'Arcy"), ("eBay", "eBay")]
)
def test_title_case(text: str, cased: str) -> None:
    assert title_case(text) == cased


def test_a_list_drops_its_bad_parts_and_says_so() -> None:
    assert split_list("vip; =1+1; n/a, vip") == Clean(("vip",), ("formula_cell", "placeholder"))


def test_letters_without_ink_are_invisible() -> None:
    assert tidy("\u3164") == Clean(None, ("invisible",))
    assert tidy("葛\U000e0100城") == Clean("葛城", ("invisible",))
    assert tidy("Anna\ufe0f\u200b") == Clean("Anna", ("invisible",))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("13912345679.0", Clean("13912345679")),
        ("1.3912345679E10", Clean("13912345679")),
        ("1.3912345679E+10", Clean("13912345679")),
        ("1.38E10", Clean("13800000000")),
        ("1.38E+10", Rejection("scientific_notation")),
        ("1.38e+10", Rejection("scientific_notation")),
        ("1E+05", Rejection("scientific_notation")),
        ("1.10105194912310E+17", Rejection("scientific_notation")),
        ("1.1010519491231002E17", Rejection("scientific_notation")),
        ("5E10", Clean("5E10")),
        ("1.2345E2", Clean("1.2345E2")),
        ("1.2.0", Clean("1.2.0")),
        ("A-17", Clean("A-17")),
    ],
)
def test_long_numbers_come_back_whole_or_not_at_all(raw: str, expected: object) -> None:
    assert clean_code(raw) == expected


@pytest.mark.parametrize("text", ["000000", "111111", "123456", "1234567890", "987654", "0123456"])
def test_made_up_numbers(text: str) -> None:
    assert is_made_up_number(text)


@pytest.mark.parametrize("text", ["", "0", "12345", "00000", "123457", "13912345679", "121212"])
def test_numbers_that_may_be_real(text: str) -> None:
    assert not is_made_up_number(text)


def test_filler_in_a_box_of_a_form() -> None:
    assert [clean_label(word) for word in ("test", "XXX", "123456", "测试")] == [Clean(None, ("placeholder",))] * 4
    assert clean_label("ABC") == Clean("ABC")
    assert clean_label("360") == Clean("360")


def test_what_all_rules_begin_with() -> None:
    assert open_cell("  ") == Clean(None)
    assert open_cell("n/a") == Clean(None, ("placeholder",))
    assert open_cell("=1+1") == Rejection("formula_cell")
    assert open_cell("abc", limit=2, too_long="age_unreadable") == Rejection("age_unreadable")
    assert open_cell("Ａ　b") == Clean("A b", ("spaces", "full_width"))
    assert open_cell("（a）", compatible=False) == Clean("（a）")
