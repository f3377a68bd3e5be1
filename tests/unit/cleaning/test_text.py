import pytest

from crmsearch.cleaning.text import MAX_NOTES, clean_notes, is_formula, match_key, neutralise_formula, split_list, tidy, title_case
from crmsearch.cleaning.values import Clean


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


@pytest.mark.parametrize("text", ["=1+1", "+86138", "-3", "@name", "\tx", "\rx"])
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
