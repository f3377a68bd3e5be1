from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import CursorError
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.filters import Filter
from crmsearch.search.request import SearchRequest

BEGAN = 1_790_000_000.0
POSITION = Position("crm-customers-20261123t101500z", [2.5, None, "王小明", 7], "tolerant")
REQUEST = SearchRequest(q="王小明", filters=[Filter(field="age", gte=20)], sort=["-revenue"], size=5)


def _cursors(now: float = BEGAN, key: str = "a key of the tests") -> Cursors:
    return Cursors(key, 3600, lambda: now)


def _with(cursor: str, **given: Any) -> SearchRequest:
    fields = {name: getattr(REQUEST, name) for name in REQUEST.__struct_fields__}
    return SearchRequest(**fields | {"cursor": cursor} | given)


def test_a_cursor_leads_back_to_its_position() -> None:
    assert _cursors().read(_with(_cursors().write(REQUEST, POSITION))) == POSITION
    assert _cursors().read(REQUEST) is None


def test_a_cursor_holds_whatever_the_page_shows_of_the_search() -> None:
    other_page: dict[str, Any] = {"size": 50, "facets": ["city"], "highlight": False, "explain": True, "exact_total": True}
    assert _cursors().read(_with(_cursors().write(REQUEST, POSITION), **other_page)) == POSITION


@pytest.mark.parametrize("given", [{"q": "李娜"}, {"filters": []}, {"filters": [Filter(field="age", gte=21)]}, {"sort": []}])
def test_a_cursor_of_another_search_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(CursorError, match="another search"):
        _cursors().read(_with(_cursors().write(REQUEST, POSITION), **given))


def test_a_cursor_expires() -> None:
    cursor = _cursors().write(REQUEST, POSITION)
    assert _cursors(BEGAN + 3600).read(_with(cursor)) == POSITION
    with pytest.raises(CursorError, match="expired"):
        _cursors(BEGAN + 3602).read(_with(cursor))


def test_every_process_with_the_key_reads_it_and_no_other() -> None:
    cursor = _cursors().write(REQUEST, POSITION)
    with pytest.raises(CursorError, match="not one of ours"):
        _cursors(key="the key of somebody else").read(_with(cursor))


def test_a_changed_payload_is_refused() -> None:
    payload, _, signature = _cursors().write(REQUEST, POSITION).partition(".")
    issued_at, mark, position = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    for changed in ([issued_at + 10**9, mark, position], [issued_at, mark, [".security-7", *position[1:]]], [issued_at, mark, position, 1]):
        forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
        with pytest.raises(CursorError, match="not one of ours"):
            _cursors().read(_with(f"{forged}.{signature}"))
    with pytest.raises(CursorError, match="not one of ours"):
        _cursors().read(_with(payload))


def test_a_cursor_shows_neither_the_text_nor_a_hash_that_could_be_guessed() -> None:
    first, second = (_cursors(key=key).write(REQUEST, Position("i", [])) for key in ("a key of the tests", "another of them"))
    marks = [json.loads(base64.urlsafe_b64decode(cursor.partition(".")[0] + "==="))[1] for cursor in (first, second)]
    assert marks[0] != marks[1]


def test_a_signed_cursor_of_another_shape_is_refused() -> None:
    cursors = _cursors()
    payload = json.dumps({"version": 9}).encode()
    texts = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (payload, cursors._sign(payload)))
    with pytest.raises(CursorError, match="another version"):
        cursors.read(_with(".".join(texts)))


@pytest.mark.parametrize("cursor", ["", ".", "x", "%%%.%%%", "王.小", "a" * 10_000, "W10.W10", "=.=", "W10=.W10="])
def test_other_texts_are_refused(cursor: str) -> None:
    with pytest.raises(CursorError):
        _cursors().read(_with(cursor))


@given(st.text(max_size=200))
def test_no_text_is_a_cursor(cursor: str) -> None:
    with pytest.raises(CursorError):
        _cursors().read(_with(cursor))


@given(st.data())
def test_no_cursor_with_a_character_changed_is_another(data: st.DataObject) -> None:
    cursor = _cursors().write(REQUEST, POSITION)
    at = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:at] + data.draw(st.sampled_from("ABCxyz019-_.")) + cursor[at + 1 :]
    try:
        assert _cursors().read(_with(changed)) == POSITION  # the unused bits of the last character, or no change
    except CursorError:
        assert changed != cursor
