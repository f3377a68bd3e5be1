"""Parsers of what callers write (filters, rules, cursors, keys, tokens) answer, or refuse with a reason; nothing else happens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from tests.fuzz.targets import GOOD_CURSOR, GOOD_KEY, TARGETS, cursor, filter_json, filter_text, key, rule, token

QUICK, LONG = 300, 30_000

FIELD = st.sampled_from([*FIELDS, "segment", "nothing"])
PIECE = st.sampled_from(
    ["..", "<", "|", "\\", "*", "-", ":", "now", "-90d", "20", "1e9", "NaN", "inf", "2026-11-27", "T25:00Z", "北京", "\ud800", "\0", " "]
)
VALUE = st.lists(st.one_of(PIECE, st.text(max_size=6)), max_size=6).map("".join)
FILTER_TEXT = st.one_of(st.text(max_size=40), st.builds("{}{}:{}".format, st.sampled_from(["", "-"]), FIELD, VALUE))
SCALAR = st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.none())
FILTER_JSON = st.dictionaries(
    st.sampled_from(["field", "segment", "not_segment", "in", "not_in", "gte", "gt", "lte", "lt", "exists"]),
    st.one_of(SCALAR, FIELD, st.lists(SCALAR, max_size=3)),
    max_size=4,
)


def _changed(text: str) -> st.SearchStrategy[str]:
    """A good text with a piece of it replaced."""
    place = st.integers(0, len(text))
    return st.builds(lambda a, b, between: text[: min(a, b)] + between + text[max(a, b) :], place, place, st.text(max_size=4))


CURSOR_TEXT = st.one_of(
    st.text(max_size=60), _changed(GOOD_CURSOR), st.binary(max_size=40).map(lambda each: base64.urlsafe_b64encode(each).decode() + ".AA")
)
KEY_TEXT = st.one_of(st.text(max_size=80), _changed(GOOD_KEY))
HEADER = st.one_of(st.text(max_size=30), st.dictionaries(st.sampled_from(["alg", "kid", "crit"]), SCALAR).map(json.dumps))
TOKEN_TEXT = st.one_of(
    st.text("abcAB12-_.=", max_size=60),
    st.builds(lambda one: f"{base64.urlsafe_b64encode(one.encode('utf-8', 'replace')).decode().rstrip('=')}.e30.AA", HEADER),
)


PARSERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "filter": (FILTER_TEXT, filter_text),
    "filter_json": (FILTER_JSON, filter_json),
    "rule": (FILTER_TEXT, rule),
    "cursor": (CURSOR_TEXT, cursor),
    "key": (KEY_TEXT, key),
    "token": (TOKEN_TEXT, token),
}


@pytest.mark.parametrize("name", list(PARSERS))
def test_nothing_that_is_written_breaks_a_parser(name: str) -> None:
    _fuzz(name, QUICK)


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_fuzzing_begins_with_is_good(name: str) -> None:
    check, seeds = TARGETS[name]
    for seed in seeds:
        check(seed.encode())
    check(b"\xff{")


@pytest.mark.soak
@pytest.mark.parametrize("name", list(PARSERS))
def test_nothing_that_is_written_breaks_a_parser_for_long(name: str) -> None:
    _fuzz(name, LONG)


def _fuzz(name: str, examples: int) -> None:
    texts, parse = PARSERS[name]

    @settings(max_examples=examples, database=None)
    @given(texts)
    def run(text: Any) -> None:
        parse(text)

    run()
