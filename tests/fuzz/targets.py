"""What fuzzing asks of the parsers of what callers write: each answers, or refuses with an error of ours; nothing else happens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from crmsearch.errors import CursorError, InvalidRequestError, UnauthorizedError
from crmsearch.privacy.access import split_key
from crmsearch.privacy.tokens import is_token, key_named
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.filters import Filter, build_filter, check_filter, days_are_known, format_filter, parse_filter
from crmsearch.search.request import SearchRequest
from crmsearch.search.rows import read_rows

CURSORS = Cursors("a key of the tests", 60, lambda: 0.0)
GOOD_CURSOR = CURSORS.write(SearchRequest(q="x"), Position("crm-customers-20261127t000000z", [1, "a", None]))
GOOD_KEY = f"crm_{'0' * 12}_{'x' * 43}"


def filter_text(text: str) -> None:
    with contextlib.suppress(InvalidRequestError):
        parsed = parse_filter(text)
        check_filter(parsed)
        assert parse_filter(format_filter(parsed)) == parsed
        if parsed.field and days_are_known(parsed):
            build_filter(parsed)


def filter_json(given_: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequestError, msgspec.ValidationError):
        parsed = msgspec.convert(given_, Filter)
        check_filter(parsed)
        if parsed.field and days_are_known(parsed):
            build_filter(parsed)


def rule(text: str) -> None:
    with contextlib.suppress(InvalidRequestError):
        rule = read_rows((text,))
        assert read_rows((rule.text,)) == rule
        rule.holds({"country": "CN", "age": 3, "created_at": "2026-01-01T00:00:00Z", "tags": ["a"]})


def cursor(text: str) -> None:
    with contextlib.suppress(CursorError):
        position = CURSORS.read(SearchRequest(q="x", cursor=text))
        # A signature holds for what was signed alone, however it is written.
        assert position == CURSORS.read(SearchRequest(q="x", cursor=GOOD_CURSOR))


def key(text: str) -> None:
    parts = split_key(text)
    assert parts is None or text == f"crm_{parts[0]}_{parts[1]}"


def token(text: str) -> None:
    if is_token(text):
        with contextlib.suppress(UnauthorizedError):
            kid = key_named(text)
            assert kid is None or isinstance(kid, str)


def _as_text(parse: Callable[[str], None]) -> Callable[[bytes], None]:
    """The check of a text, of bytes; those that are no UTF-8 become the odd characters that JSON may hold."""
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


def _as_json(data: bytes) -> None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        decoded = msgspec.json.decode(data)
        if isinstance(decoded, dict):
            filter_json(decoded)


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[str, ...]]] = {
    "filter": (
        _as_text(filter_text),
        ("city:北京|上海", "age:20<..<39", "-tags:a\\|b", "emails:*", "last_order_at:now-90d..", "segment:vip"),
    ),
    "filter_json": (_as_json, ('{"field":"age","gte":20,"lt":1e9}', '{"field":"city","in":["a"]}', '{"not_segment":"vip"}')),
    "rule": (_as_text(rule), ("country:CN|HK", "-owner:D", "created_at:2025-06-01..2026-01-31T00:00:00Z", "age:30..")),
    "cursor": (_as_text(cursor), (GOOD_CURSOR,)),
    "key": (_as_text(key), (GOOD_KEY,)),
    "token": (_as_text(token), ("eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.AA",)),
}
"""What is fuzzed by coverage: the check of the bytes, and texts to begin with."""
