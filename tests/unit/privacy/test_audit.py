"""The chains of the audit trail: whatever is done to events is found. And shapes of questions, which hold nothing of their terms."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.privacy.access import ROLES
from crmsearch.privacy.alerts import ALERTS, HourOfKey, find_alerts
from crmsearch.privacy.audit import (
    ACTIONS,
    Act,
    Action,
    Chain,
    Event,
    Head,
    event_time,
    parse_head,
    parse_moment,
    verify,
)
from crmsearch.privacy.policy import ROLE_PURPOSES, PurposeName
from crmsearch.privacy.shape import MAX_PARTS, shape_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ACT = Act(at=event_time(NOW), key="3f9a", name="shop", role="app", client="192.0.2.1", purpose="sales", action="get", status=200)


def _act(**given: Any) -> Act:
    return msgspec.structs.replace(ACT, **given)


def _trail(*lengths: int) -> list[Event]:
    """Chains of these lengths, and one behind them with an anchor that knows them all."""
    chains = [Chain(f"a{number}") for number in range(len(lengths))]
    events = [chain.link(_act(customers=[f"C{at}"])) for chain, length in zip(chains, lengths, strict=True) for at in range(length)]
    last = Chain("z")
    heads = [chain.head.text for chain in chains if chain.head]
    return [*events, last.link(_act(action="anchor", heads=heads)), last.link(_act(action="end"))]


def _heads(events: list[Event]) -> list[Head]:
    return [parse_head(text) for event in events for text in event.heads]


TRAIL = _trail(5, 1, 3)
KEPT = verify(TRAIL, _heads(TRAIL), NOW).heads
places = st.integers(0, len(TRAIL) - 1)


def test_what_was_not_touched_is_whole() -> None:
    verdict = verify(TRAIL, [*_heads(TRAIL), *KEPT], NOW)
    assert (verdict.whole, verdict.events, len(verdict.heads)) == (True, 11, 4)
    # As it comes back from Elasticsearch.
    stored = [msgspec.convert(msgspec.to_builtins(event), Event) for event in TRAIL]
    assert verify(stored, KEPT, NOW).whole
    assert verify([], [], NOW).whole


@given(places)
def test_an_event_that_was_taken_out_is_found(at: int) -> None:
    left = [*TRAIL[:at], *TRAIL[at + 1 :]]
    verdict = verify(left, KEPT, NOW)
    assert {each.chain for each in verdict.findings} == {TRAIL[at].chain}
    assert {each.kind for each in verdict.findings} <= {"missing", "cut", "gone"}
    # The anchor knows as much, but for what came after it.
    if TRAIL[at].chain != "z":
        assert verify(left, _heads(left), NOW).findings == verdict.findings


@given(places, st.sampled_from(list(Event.__struct_fields__)), st.text(max_size=5))
def test_an_event_that_was_changed_is_found(at: int, name: str, text: str) -> None:
    value: Any = {
        "status": 201,
        "stated": True,
        "cut": True,
        "hits": len(text),
        "sequence": TRAIL[at].sequence + 1,
        "shape": [text],
        "customers": [text],
        "heads": [text],
    }.get(name, f"{text}x")
    changed = msgspec.structs.replace(TRAIL[at], **{name: value})
    # Even one who knows how hashes are made would have to change all events behind it, and the anchors.
    for event in (changed, *([msgspec.structs.replace(changed, hash=changed.computed_hash())] if name != "hash" else [])):
        assert not verify([*TRAIL[:at], event, *TRAIL[at + 1 :]], KEPT, NOW).whole


@given(places, places)
def test_events_in_each_others_place_are_found(one: int, other: int) -> None:
    moved = list(TRAIL)
    moved[one], moved[other] = moved[other], moved[one]
    by_chain: dict[str, list[int]] = {}
    for event in moved:
        by_chain.setdefault(event.chain, []).append(event.sequence)
    # Chains may come in any order, and each of them in its own.
    in_order = all(numbers == sorted(numbers) for numbers in by_chain.values())
    assert verify(moved, KEPT, NOW).whole == in_order
    # The content of one in the place of the other.
    if one != other:
        taken = msgspec.structs.replace(TRAIL[one], chain=TRAIL[other].chain, sequence=TRAIL[other].sequence)
        assert not verify([*TRAIL[:other], taken, *TRAIL[other + 1 :]], KEPT, NOW).whole


@given(places, places)
def test_an_event_that_stands_there_twice_is_found(at: int, where: int) -> None:
    assert not verify([*TRAIL[:where], TRAIL[at], *TRAIL[where:]], KEPT, NOW).whole


@given(st.integers(0, 4))
def test_a_chain_that_was_written_anew_from_an_event_on_is_told_by_the_anchor(at: int) -> None:
    chain = Chain("a0")
    anew = [chain.link(_act(customers=[f"C{number if number < at else 'X'}"])) for number in range(5)]
    verdict = verify([*anew, *TRAIL[5:]], _heads(TRAIL), NOW)
    assert [(each.kind, each.chain, each.sequence) for each in verdict.findings] == [("rewritten", "a0", 4)]


def test_a_whole_chain_and_the_end_of_one_are_missed_by_the_anchor() -> None:
    findings = verify(TRAIL[5:], _heads(TRAIL), NOW).findings
    assert [(each.kind, each.chain) for each in findings] == [("gone", "a0")]
    findings = verify([*TRAIL[:3], *TRAIL[5:]], _heads(TRAIL), NOW).findings
    assert [(each.kind, each.chain, each.sequence) for each in findings] == [("cut", "a0", 2)]
    # Without an anchor, and without a head that was kept, nobody can tell.
    assert verify(TRAIL[:3], [], NOW).whole


def test_a_process_that_ended_without_a_last_word_is_told_after_a_day() -> None:
    assert verify(TRAIL, [], NOW).unclosed == []
    later = verify(TRAIL, [], NOW + timedelta(days=2))
    assert [each.chain for each in later.unclosed] == ["a0", "a1", "a2"]
    assert later.whole


@pytest.mark.parametrize("text", ["", "a", "a:1", "a:x:" + "0" * 64, "a:1:0", ":1:" + "0" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_head(text)
    assert parse_head(KEPT[0].text) == KEPT[0]


def test_moments() -> None:
    assert parse_moment("2026-11-26") == "2026-11-26T00:00:00.000Z"
    assert parse_moment("2026-11-26T08:00:00+08:00") == "2026-11-26T00:00:00.000Z"
    for text in ("soon", "", "2026-13-01", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(InvalidRequestError):
            parse_moment(text)


def test_the_tables_are_whole() -> None:
    assert set(ACTIONS) == set(get_args(Action))
    assert set(ROLE_PURPOSES) == set(ROLES)
    assert set(ROLE_PURPOSES.values()) <= set(get_args(PurposeName))


# -- shapes

VOCABULARY = {
    "word",
    "words",
    "filter",
    "filters",
    "facet",
    "facets",
    "sort",
    "column",
    "segment",
    "not_segment",
    "size",
    "further",
    "page",
}
VOCABULARY |= {
    "han",
    "latin",
    "digits",
    "address",
    "signs",
    "in",
    "not_in",
    "gte",
    "gt",
    "lte",
    "lt",
    "exists",
    "ids",
    "emails",
    "phones",
    "refs",
}
values = st.text(max_size=30) | st.integers() | st.floats(allow_nan=False)
filters = st.fixed_dictionaries(
    {"field": st.sampled_from(list(FIELDS)) | st.text(max_size=20)},
    optional={
        "in": st.lists(values, max_size=3),
        "not_in": st.lists(values, max_size=3),
        "gte": values,
        "lt": values,
        "exists": st.booleans(),
    },
)
questions = st.fixed_dictionaries(
    {},
    optional={
        "q": st.text(max_size=80),
        "filters": st.lists(filters, max_size=20),
        "sort": st.lists(st.text(max_size=20), max_size=3),
        "facets": st.lists(st.text(max_size=20) | st.fixed_dictionaries({"field": st.text(max_size=20)}), max_size=3),
        "fields": st.lists(st.text(max_size=20), max_size=3),
        "ids": st.lists(st.text(max_size=20), max_size=3),
        "emails": st.lists(st.text(max_size=20), max_size=3),
        "phones": st.lists(st.text(max_size=20), max_size=3),
        "refs": st.lists(st.text(max_size=20), max_size=3),
        "size": st.integers(0, 100),
        "cursor": st.text(max_size=20),
        "region": st.text(max_size=2),
    },
)


@given(questions)
def test_a_shape_is_made_of_the_products_own_words_and_numbers(question: dict[str, Any]) -> None:
    for part in shape_of(question):
        for word in re.split(r"[ +]", part):
            assert word in VOCABULARY or word.lstrip("-") in FIELDS or re.fullmatch(r"\d{1,4}|-?\?", word), part


def _same_kind(character: str) -> str:
    if character.isspace():
        return character
    if unicodedata.name(character, "").startswith("CJK UNIFIED"):
        return "一"
    if re.fullmatch(r"[A-Za-z]", character):
        return "x"
    return "0" if re.fullmatch(r"\d", character) else character


@given(st.text(alphabet="aZé王小明07٣ .,-_'+/", max_size=60))
def test_a_shape_is_the_same_whichever_the_words_of_one_kind_are(text: str) -> None:
    assert shape_of({"q": text}) == shape_of({"q": "".join(map(_same_kind, text))})


def test_shapes_of_what_people_ask() -> None:
    question = {
        "q": '王小明 8812 -smith@example.com city:北京 "new york" segment:vip',
        "filters": [{"field": "age", "gte": 20, "lt": 40}, {"field": "city", "in": ["北京", "上海"]}, {"segment": "vip-berlin"}],
        "facets": ["city", {"field": "age", "interval": "auto"}],
        "sort": ["-revenue"],
        "size": 20,
    }
    assert shape_of(question) == [
        "word han 3",
        "word digits 4",
        "word address 18",
        "word filter city",
        "word latin 4",
        "word latin 5",
        "word filter segment",
        "filter age gte lt",
        "filter city in 2",
        "filter segment vip-berlin",
        "facet city",
        "facet age",
        "sort -revenue",
        "size 20",
    ]
    assert shape_of({"ids": ["C1"], "emails": ["a@example.com", "b@example.com"], "phones": [], "refs": ["a"]}) == [
        "ids 1",
        "emails 2",
        "refs 1",
    ]
    assert shape_of({"q": "a " * 100})[MAX_PARTS:] == ["words 100"]
    # What nobody has named is not told, though it stands in the place of a name.
    assert shape_of({"filters": [{"segment": "Wang Xiaoming"}, {"field": "13800138000", "exists": True}]}) == [
        "filter segment ?",
        "filter ? exists",
    ]


# -- alerts


def _hour(hour: str, **given: int) -> HourOfKey:
    return HourOfKey(key="3f9a", name="shop", role="app", hour=hour, **{"customers": 0, "answers": 0, "refusals": 0, **given})


def test_rules_tell_of_hours_above_their_numbers() -> None:
    limits = {rule.name: rule.above for rule in ALERTS}
    day, night = "2026-11-26T12:00:00Z", "2026-11-26T23:00:00Z"
    quiet = [_hour(day, customers=limits["bulk_reading"], answers=10_000, refusals=limits["refusals"]), _hour(night, answers=20)]
    assert find_alerts(quiet, 0) == []
    loud = [
        _hour(day, customers=limits["bulk_reading"] + 1),
        _hour(day, refusals=limits["refusals"] + 1),
        _hour(night, answers=limits["off_hours"] + 1),
    ]
    assert [(each.rule, each.value) for each in find_alerts(loud, 0)] == [("off_hours", 21), ("bulk_reading", 501), ("refusals", 21)]
    # 23:00 in London is seven in the morning in Shanghai.
    assert [each.rule for each in find_alerts(loud, 8)] == ["bulk_reading", "refusals"]


def test_the_documentation_shows_the_tables() -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    for action, says in ACTIONS.items():
        assert f"| `{action}` | {says} |" in page
    for rule in ALERTS:
        assert f"| `{rule.name}` | {rule.above} | {rule.says} | {rule.reason} |" in page
    for name in Event.__struct_fields__:
        assert f"`{name}`" in page or name == "heads"
