"""Parsers of what callers write (filters, rules, cursors, keys, tokens) answer, or refuse with a reason; nothing else happens."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.errors import CursorError, InvalidRequestError, UnauthorizedError
from crmsearch.privacy.access import split_key
from crmsearch.privacy.tokens import is_token, key_named
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.filters import Filter, build_filter, check_filter, days_are_known, format_filter, parse_filter
from crmsearch.search.request import SearchRequest
from crmsearch.search.rows import read_rows

QUICK, LONG = 300, 30_000
CURSORS = Cursors("a key of the tests", 60, lambda: 0.0)
REQUEST = SearchRequest(q="x")
GOOD = CURSORS.write(REQUEST, Position("crm-customers-20261127t000000z", [1, "a", None]))
KEY = f"crm_{'0' * 12}_{'x' * 43}"

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
    st.text(max_size=60), _changed(GOOD), st.binary(max_size=40).map(lambda each: base64.urlsafe_b64encode(each).decode() + ".AA")
)
KEY_TEXT = st.one_of(st.text(max_size=80), _changed(KEY))
HEADER = st.one_of(st.text(max_size=30), st.dictionaries(st.sampled_from(["alg", "kid", "crit"]), SCALAR).map(json.dumps))
TOKEN_TEXT = st.one_of(
    st.text("abcAB12-_.=", max_size=60),
    st.builds(lambda one: f"{base64.urlsafe_b64encode(one.encode('utf-8', 'replace')).decode().rstrip('=')}.e30.AA", HEADER),
)


def _filter_text(text: str) -> None:
    with contextlib.suppress(InvalidRequestError):
        parsed = parse_filter(text)
        check_filter(parsed)
        assert parse_filter(format_filter(parsed)) == parsed
        if parsed.field and days_are_known(parsed):
            build_filter(parsed)


def _filter_json(given_: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequestError, msgspec.ValidationError):
        parsed = msgspec.convert(given_, Filter)
        check_filter(parsed)
        if parsed.field and days_are_known(parsed):
            build_filter(parsed)


def _rule(text: str) -> None:
    with contextlib.suppress(InvalidRequestError):
        rule = read_rows((text,))
        assert read_rows((rule.text,)) == rule
        rule.holds({"country": "CN", "age": 3, "created_at": "2026-01-01T00:00:00Z", "tags": ["a"]})


def _cursor(text: str) -> None:
    with contextlib.suppress(CursorError):
        position = CURSORS.read(SearchRequest(q="x", cursor=text))
        # A signature holds for what was signed alone, however it is written.
        assert position == CURSORS.read(SearchRequest(q="x", cursor=GOOD))


def _key(text: str) -> None:
    parts = split_key(text)
    assert parts is None or text == f"crm_{parts[0]}_{parts[1]}"


def _token(text: str) -> None:
    if is_token(text):
        with contextlib.suppress(UnauthorizedError):
            kid = key_named(text)
            assert kid is None or isinstance(kid, str)


PARSERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "filter": (FILTER_TEXT, _filter_text),
    "filter_json": (FILTER_JSON, _filter_json),
    "rule": (FILTER_TEXT, _rule),
    "cursor": (CURSOR_TEXT, _cursor),
    "key": (KEY_TEXT, _key),
    "token": (TOKEN_TEXT, _token),
}


@pytest.mark.parametrize("name", list(PARSERS))
def test_nothing_that_is_written_breaks_a_parser(name: str) -> None:
    _fuzz(name, QUICK)


@pytest.mark.soak
@pytest.mark.parametrize("name", list(PARSERS))
def test_nothing_that_is_written_breaks_a_parser_for_long(name: str) -> None:
    _fuzz(name, LONG)


def _fuzz(name: str, examples: int) -> None:
    texts, parse = PARSERS[name]

    @settings(max_examples=examples, deadline=None, database=None)
    @given(texts)
    def run(text: Any) -> None:
        parse(text)

    run()
