"""Words as they are compared, and the forms that slips leave in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.cleaning.spelling import (
    deletions,
    far_deletions,
    fold,
    nicknames,
    short_forms,
    sound,
    split_words,
    start_deletions,
    umlaut_forms,
    word_spans,
)

LETTERS = st.text("abcdefgh", min_size=4, max_size=12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Łukasz  O’Neil-Smith", ("lukasz", "oneil", "smith")),
        ("Ørsted ß", ("orsted", "ss")),
        ("葉問 Ip Man", ("叶问", "ip", "man")),
        ("张wei", ("张", "wei")),
        ("阿卜杜拉·买买提", ("阿卜杜拉", "买买提")),
        ("C-00123_a", ("c", "00123", "a")),
        ("𠮷田", ("𠮷田",)),
        (" \u3000!?", ()),
    ],
)
def test_words_are_folded_and_split_between_scripts(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", ["Łukasz O’Neil-Smith", "张wei 王小明", "José Ortega", "a_b-c"])
def test_spans_fold_to_the_same_words(text: str) -> None:
    assert tuple(word for start, end in word_spans(text) for word in split_words(text[start:end])) == split_words(text)


def test_umlauts_are_written_out_too() -> None:
    assert umlaut_forms("Jürgen Müller") == ("juergen", "mueller")
    assert umlaut_forms("Smith") == ()


@given(LETTERS, st.data())
def test_one_slip_leaves_something_in_common(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    other = data.draw(st.sampled_from("abcdefgh"))
    next_to = at + 1 if at + 1 < len(word) else at - 1
    low, high = sorted((at, next_to))
    slips = {
        "left out": word[:at] + word[at + 1 :],
        "too many": word[:at] + other + word[at:],
        "wrong": word[:at] + other + word[at + 1 :],
        "swapped": word[:low] + word[high] + word[low] + word[high + 1 :],
    }
    for kind, slip in slips.items():
        assert set(deletions(word)) & set(deletions(slip)), (kind, slip)


@given(LETTERS, st.data())
def test_two_slips_leave_something_in_common_in_longer_words(word: str, data: st.DataObject) -> None:
    first, second = data.draw(st.integers(0, len(word) - 1)), data.draw(st.integers(0, len(word) - 1))
    letters = list(word)
    letters[first], letters[second] = data.draw(st.sampled_from("xyz")), data.draw(st.sampled_from("xyz"))
    if len(word) >= 6:
        assert set(far_deletions(word)) & set(far_deletions("".join(letters)))
    else:
        assert far_deletions(word) == ()


def test_words_with_nothing_in_common_share_no_form() -> None:
    assert not set(deletions("smith")) & set(deletions("jones"))
    assert not set(far_deletions("martinez")) & set(far_deletions("thompson"))
    assert (deletions("li"), deletions("sam")) == (("li",), ("sam",))
    assert set(start_deletions("smi")) & set(start_deletions("sni"))


def test_what_sounds_alike_has_one_code() -> None:
    assert sound("smith") == sound("smyth")
    assert sound("philip") == sound("fillip")
    assert sound("smith") != sound("jones")
    assert (sound("al"), sound("王小明"), sound("c3po")) == ("", "", "")


def test_nicknames_find_each_other() -> None:
    assert "bob" in nicknames()["robert"]
    assert {"robert", "rob", "bob"} <= set(short_forms("bob"))
    assert short_forms("zzz") == ()
    for full, short in nicknames().items():
        assert fold(full) == full
        assert all(fold(name) == name for name in short), full
