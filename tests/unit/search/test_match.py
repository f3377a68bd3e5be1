"""Where a hit fits, told from the document itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import InvalidRequestError
from crmsearch.search.match import Match, Matcher
from crmsearch.search.relevance import Stage
from crmsearch.search.text import parse_text

JOHN: dict[str, Any] = {
    "customer_id": "crm:C-12",
    "name": "John Smith",
    "city": "New York",
    "company": "Acme <Holdings>",
    "emails": ["info@acme.test", "john.smith@acme.test"],
    "phones": ["+14155550123"],
    "notes": "calls about <b>the invoice</b> & its date",
    "tags": ["vip", "gold"],
}
WANG: dict[str, Any] = {"customer_id": "crm:C-13", "name": "王小明", "city": "北京", "phones": ["+8613800138000"]}


def _match(q: str, document: dict[str, Any], stage: Stage = "precise") -> Match:
    return Matcher(parse_text(q), stage).match(document)


@pytest.mark.parametrize(
    ("q", "document", "highlights"),
    [
        ("smith", JOHN, {"name": ["John <mark>Smith</mark>"], "emails": ["john.<mark>smith</mark>@acme.test"]}),
        ("jo smi", JOHN, {"name": ["<mark>John</mark> <mark>Smith</mark>"], "emails": ["<mark>jo</mark>hn.smith@acme.test"]}),
        ("jsmith", JOHN, {"name": ["<mark>John Smith</mark>"]}),
        ("john.smith@acme.test", JOHN, {"emails": ["<mark>john.smith@acme.test</mark>"]}),
        ("415 555 0123", JOHN, {"phones": ["+1<mark>4155550123</mark>"]}),
        ("0123", JOHN, {"phones": ["+1415555<mark>0123</mark>"]}),
        ("c-12", JOHN, {"customer_id": ["<mark>crm:C-12</mark>"]}),
        ("nyc", JOHN, {"city": ["<mark>New</mark> <mark>York</mark>"]}),
        ("holdings", JOHN, {"company": ["Acme &lt;<mark>Holdings</mark>&gt;"]}),
        ("invoice", JOHN, {"notes": ["calls about &lt;b&gt;the <mark>invoice</mark>&lt;/b&gt; &amp; its date"]}),
        ("gold", JOHN, {"tags": ["<mark>gold</mark>"]}),
        ("王小", WANG, {"name": ["<mark>王小</mark>明"]}),
        ("小明", WANG, {"name": ["王<mark>小明</mark>"]}),
        ("wangxm", WANG, {"name": ["<mark>王小明</mark>"]}),
        ("北京", WANG, {"city": ["<mark>北京</mark>"]}),
        ("beijing", WANG, {"city": ["<mark>北京</mark>"]}),
        ("138 0013 8000", WANG, {"phones": ["+86<mark>13800138000</mark>"]}),
        ('"john smith"', JOHN, {"name": ["<mark>John</mark> <mark>Smith</mark>"]}),
    ],
)
def test_what_fits_is_marked(q: str, document: dict[str, Any], highlights: dict[str, list[str]]) -> None:
    found = _match(q, document)
    assert {field: found.highlights[field] for field in highlights} == highlights
    assert set(highlights) <= set(found.matched)
    assert not found.unmatched


@pytest.mark.parametrize(
    ("q", "document", "says", "similar"),
    [
        ("smiht", JOHN, "is spelt like", {"smiht": "Smith"}),
        ("smyth", JOHN, "is spelt like", {"smyth": "Smith"}),
        ("johnny", JOHN, "is short or long for", {}),
        ("王晓明", WANG, "sounds the same as", {"王晓明": "王小明"}),
        ("wanxiaomin", WANG, "sounds nearly like", {"wanxiaomin": "王小明"}),
        ("王小强", WANG, "is nearly", {}),
        ("yrok", JOHN, "is spelt like", {"yrok": "York"}),
    ],
)
def test_similar_words_say_so_if_nothing_fits_as_typed(q: str, document: dict[str, Any], says: str, similar: dict[str, str]) -> None:
    assert _match(q, document).reasons == []
    found = _match(q, document, "tolerant")
    assert [reason.says for reason in found.reasons] == [says]
    assert found.similar == similar
    exact = _match("smith", JOHN, "tolerant")
    assert exact.reasons[0].says == "is a word of"
    assert exact.similar == {}


def test_what_is_missing_is_named() -> None:
    found = _match("smith 上海 berlin", JOHN, "partial")
    assert found.unmatched == ["上海", "berlin"]
    assert found.matched[0] == "name"
    assert _match("mr smith", JOHN).unmatched == []


def test_fields_stand_in_the_order_of_what_they_count() -> None:
    assert _match("acme smith", JOHN).matched[:2] == ["name", "emails"]
    assert _match("vip smith 0123", JOHN).matched[:2] == ["name", "phones"]


def test_a_long_note_is_shown_around_the_first_mark() -> None:
    note = "word " * 100 + "invoice " + "word " * 100
    (shown,) = _match("invoice", {"notes": note}).highlights["notes"]
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert "<mark>invoice</mark>" in shown
    assert len(shown) < 220


@given(q=st.text(max_size=80), name=st.text(max_size=40), note=st.text(max_size=400))
def test_any_text_gives_safe_highlights_that_read_as_the_value(q: str, name: str, note: str) -> None:
    document = {"customer_id": "x", "name": name, "notes": note, "emails": [note[:20]], "phones": [q[:15]]}
    try:
        text = parse_text(q)
    except InvalidRequestError:
        return
    for stage in ("precise", "tolerant", "partial"):
        for field, shown in Matcher(text, stage).match(document).highlights.items():
            for html in shown:
                bare = re.sub("</?mark>", "", html)
                assert "<" not in bare, field
                assert ">" not in bare, field
