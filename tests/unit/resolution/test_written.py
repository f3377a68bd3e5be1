"""What an app writes of a customer: the rules of source rows, and what stays of the sources under it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS, Customer
from crmsearch.errors import InvalidRequestError, UnknownFieldError
from crmsearch.resolution.written import WRITABLE, Withdrawal, Write, check_customer_id, clean_write, next_write, with_write

AS_OF = "2026-11-25"
NOON = 1_795_608_000_000  # 2026-11-25T12:00:00Z
KNOWN: dict[str, Any] = {
    "customer_id": "C1",
    "name": "Ada Byron",
    "emails": ["ada@example.org"],
    "city": "London",
    "created_at": "2020-01-01",
    "updated_at": "2026-01-10T00:00:00Z",
    "order_count": 3,
    "rfm_segment": "loyal",
    "source_records": ["zoho:1", "C1"],
    "quality_issues": ["city_unknown"],
    "quality_score": 0.4,
}


def _write(document: dict[str, Any], at: int = NOON, creates: bool = False) -> Write:
    return Write(customer_id="C1", written_at=at, creates=creates, document=document)


def test_values_are_cleaned_by_the_rules_of_rows() -> None:
    clean = clean_write(
        {
            "name": "LOVELACE, ADA",
            "emails": ["Ada@GMIAL.com", "  b@example.org "],
            "age": 36,
            "city": "北京市",
            "tags": "vip; new",
            "notes": None,
        },
        AS_OF,
    )
    assert clean.rejections == ()
    assert clean.document["name"] == "Ada Lovelace"
    assert clean.document["emails"][1] == "b@example.org"
    assert (clean.document["age"], clean.document["city"], clean.document["country"]) == (36, "北京", "CN")
    assert clean.document["tags"] == ["vip", "new"]
    assert {"name_order", "name_case"} <= set(clean.issues)
    assert clean.document["quality_issues"] == list(clean.issues)


def test_nobody_is_no_customer() -> None:
    assert clean_write({"city": "Berlin"}, AS_OF).rejections == ("no_identity",)


def test_a_kind_that_is_said_outweighs_the_guess() -> None:
    assert clean_write({"name": "Acme Ltd"}, AS_OF).document["kind"] == "company"
    assert clean_write({"name": "Morgan", "kind": "company"}, AS_OF).document["kind"] == "company"


@pytest.mark.parametrize("name", ["customer_id", "order_count", "rfm_segment", "source_records", "location", "updated_at", "nothing", ""])
def test_what_only_loads_know_cannot_be_written(name: str) -> None:
    with pytest.raises(UnknownFieldError, match="cannot be written; these can: name"):
        clean_write({name: "1"}, AS_OF)


@pytest.mark.parametrize(
    ("name", "value"), [("name", ["a", "b"]), ("name", {"a": 1}), ("age", True), ("emails", [["a"]]), ("kind", "robot")]
)
def test_values_of_another_type_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        clean_write({name: value}, AS_OF)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(WRITABLE), json_values, max_size=6))
def test_whatever_is_written_is_a_customer_or_refused_with_a_reason(fields: dict[str, Any]) -> None:
    try:
        clean = clean_write(fields, AS_OF)
    except InvalidRequestError:
        return
    if not clean.rejections:
        whole = with_write(None, _write(clean.document, creates=True))
        assert set(whole) <= FIELDS.keys()
        Customer(**whole)


@pytest.mark.parametrize("customer_id", ["", " C1", "C1 ", "a\u200bb", "1.38E+10", "12.0", "x" * 501, "客" * 200, "N/A"])
def test_what_is_no_id_is_refused(customer_id: str) -> None:
    with pytest.raises(InvalidRequestError, match="customer_id"):
        check_customer_id(customer_id)


@pytest.mark.parametrize("customer_id", ["C1", "zoho:17", "客户/1", "a b", "x" * 500])
def test_ids_of_sources_are_ids(customer_id: str) -> None:
    check_customer_id(customer_id)


def test_a_write_takes_the_place_of_what_the_sources_say_and_leaves_what_loads_know() -> None:
    whole = with_write(KNOWN, _write({"name": "Ada King", "phones": ["+447911123456"], "quality_score": 0.6}))
    assert (whole["name"], whole["phones"], whole["updated_at"]) == ("Ada King", ["+447911123456"], "2026-11-25T12:00:00Z")
    assert "emails" not in whole
    assert "city" not in whole
    assert {name: whole[name] for name in ("order_count", "rfm_segment", "source_records", "created_at")} == {
        name: KNOWN[name] for name in ("order_count", "rfm_segment", "source_records", "created_at")
    }
    assert "quality_issues" not in whole
    assert with_write(whole, _write({"name": "Ada King", "phones": ["+447911123456"], "quality_score": 0.6})) == whole


@pytest.mark.parametrize(
    ("updated_at", "newer"),
    [("2026-11-25T12:00:01Z", True), ("2026-11-26", True), ("2026-11-25", False), ("2026-11-25T11:59:59Z", False), (None, False)],
)
def test_what_the_sources_say_later_outweighs_a_write(updated_at: str | None, newer: bool) -> None:
    """A day without an hour may be any hour of it, and a row without a date says nothing of when."""
    known = {name: value for name, value in {**KNOWN, "updated_at": updated_at}.items() if value is not None}
    assert (with_write(known, _write({"name": "Ada King"})) == known) is newer


def test_a_customer_whom_no_source_knows_stands_alone() -> None:
    whole = with_write(None, _write({"name": "Ada"}, creates=True))
    assert (whole["customer_id"], whole["source_records"], whole["source_system"]) == ("C1", ["api:C1"], "api")
    assert whole["created_at"] == whole["updated_at"] == "2026-11-25T12:00:00Z"


def _withdraw(kept: Write | None, *consents: str, at: int = NOON) -> Write:
    return next_write("C1", Withdrawal(consents), kept, at, creates=False)


def test_a_withdrawal_holds_against_sources_of_any_age_and_changes_nothing_else() -> None:
    write = _withdraw(None, "email")
    for updated_at in ("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"):
        before = KNOWN | {"consents": ["email", "post", "marketing"], "updated_at": updated_at}
        assert with_write(before, write) == before | {"consents": ["post"]}
    assert with_write(KNOWN, write) == KNOWN
    assert "consents" not in with_write(KNOWN | {"consents": ["email", "profiling"]}, _withdraw(write, "marketing", "profiling"))


def test_a_withdrawal_leaves_what_was_written_and_its_time() -> None:
    wrote = next_write("C1", {"name": "Ada Lovelace", "consents": ["email", "sms"]}, None, NOON, creates=False)
    both = _withdraw(wrote, "email", at=NOON + 5)
    assert (both.document, both.said_at, both.withdrawn) == (wrote.document, NOON, ["email"])
    assert _withdraw(both, "sms", at=NOON + 9).said_at == NOON
    after = with_write(KNOWN, both)
    assert (after["name"], after["consents"], after["updated_at"]) == ("Ada Lovelace", ["sms"], "2026-11-25T12:00:00Z")
    # What the sources have said since then replaces what was written, and not the withdrawal.
    newer = KNOWN | {"updated_at": "2026-12-01T00:00:00Z", "consents": ["email"]}
    assert with_write(newer, both) == {name: value for name, value in newer.items() if name != "consents"}


def test_only_who_writes_consents_anew_gives_one_back() -> None:
    withdrawn = _withdraw(None, "email")
    for said in ({"name": "Ada"}, {"name": "Ada", "consents": []}, clean_write({"name": "Ada", "consents": ["no"]}, AS_OF).document):
        assert next_write("C1", said, withdrawn, NOON + 1, creates=False).withdrawn == ["email"]
    assert next_write("C1", {"name": "Ada", "consents": ["email"]}, withdrawn, NOON + 1, creates=False).withdrawn == []
