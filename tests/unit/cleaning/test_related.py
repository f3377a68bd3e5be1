"""Rules of orders, tickets and campaign responses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.cleaning.money import clean_currency
from crmsearch.cleaning.record import RecordContext
from crmsearch.cleaning.related import CleanRelated, clean_flag, clean_related, clean_satisfaction
from crmsearch.cleaning.rules import RULES
from crmsearch.cleaning.values import Clean, Rejection
from crmsearch.contract import InputKind

CONTEXT = RecordContext(as_of="2026-11-23")
GOOD: dict[InputKind, dict[str, str]] = {
    "orders": {"order_id": "O1", "customer_id": "C1", "ordered_at": "2026-03-01 10:00:00", "amount": "120.50"},
    "tickets": {"ticket_id": "T1", "customer_id": "C1", "subject": "Refund", "opened_at": "2026-03-01 10:00"},
    "campaigns": {"response_id": "R1", "customer_id": "C1", "campaign": "Spring", "sent_at": "2026-03-01"},
}
KINDS = list(GOOD)


def clean(kind: InputKind, **cells: str | None) -> CleanRelated:
    row = {**GOOD[kind], **cells}
    return clean_related(kind, list(row.values()), list(row), CONTEXT)


def codes(row: CleanRelated) -> list[str]:
    return [*row.issues, *row.rejections]


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_row_has_no_codes(kind: InputKind) -> None:
    row = clean(kind)
    assert codes(row) == []
    assert (row.source_key, row.customer_key) == (next(iter(GOOD[kind].values())), "C1")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"customer_id": None}, ["customer_missing"]),
        ({"customer_id": "n/a"}, ["placeholder", "customer_missing"]),
        ({"customer_id": "=1+1"}, ["formula_cell", "customer_missing"]),
        ({"customer_id": " Ｃ１ "}, ["full_width"]),
    ],
)
def test_the_customer_key(kind: InputKind, cells: dict[str, Any], expected: list[str]) -> None:
    assert codes(clean(kind, **cells)) == expected


ORDERS: list[tuple[dict[str, str | None], dict[str, Any], list[str]]] = [
    # cells, values, codes
    ({}, {"revenue_cents": 12050, "is_sale": True, "is_refund": False, "state": "placed"}, []),
    ({"ordered_at": None}, {}, ["order_undated"]),
    ({"ordered_at": "soon"}, {}, ["date_invalid", "order_undated"]),
    ({"ordered_at": "2031-01-01"}, {}, ["date_impossible", "order_undated"]),
    ({"amount": None}, {}, ["order_without_amount"]),
    ({"amount": "on request"}, {}, ["number_invalid", "order_without_amount"]),
    ({"amount": "0"}, {"revenue_cents": 0, "is_sale": True}, []),
    ({"amount": "1.005"}, {"revenue_cents": 100}, []),
    ({"amount": "1,234.56"}, {"revenue_cents": 123456}, []),
    ({"amount": "1.2万"}, {"revenue_cents": 1200000}, []),
    ({"amount": "-30"}, {"revenue_cents": -3000, "is_sale": False, "is_refund": True}, []),
    ({"amount": "(30.00)"}, {"revenue_cents": -3000, "is_refund": True}, []),
    ({"amount": "-30", "status": "Refunded"}, {"revenue_cents": -3000, "is_refund": True}, []),
    ({"status": "Refunded"}, {"revenue_cents": 0, "amount_cents": 12050, "is_sale": False, "is_refund": False}, []),
    ({"status": "已退款"}, {"revenue_cents": 0, "state": "refunded"}, []),
    ({"status": "Canceled"}, {"revenue_cents": 0, "is_sale": False}, []),
    ({"status": "-5", "amount": "-5"}, {"revenue_cents": -500}, ["order_status_unknown"]),
    ({"status": "test"}, {"revenue_cents": 0, "is_sale": False}, []),
    ({"status": "待付款"}, {"revenue_cents": 0, "state": "draft"}, []),
    ({"status": "Closed Won"}, {"is_sale": True}, []),
    ({"status": "已发货"}, {"is_sale": True}, []),
    ({"status": "purple"}, {"is_sale": True}, ["order_status_unknown"]),
    ({"currency": "eur"}, {"currency": "EUR"}, []),
    ({"currency": "人民币"}, {"currency": "CNY"}, []),
    ({"currency": "seashells"}, {"currency": None}, ["currency_unknown"]),
    ({"amount": "¥88"}, {"revenue_cents": 8800, "currency": "CNY"}, []),
    ({"amount": "-$5.00"}, {"revenue_cents": -500, "currency": "USD"}, []),
    ({"amount": "12 USD"}, {"revenue_cents": 1200, "currency": "USD"}, []),
    ({"amount": "88元"}, {"currency": "CNY"}, []),
    ({"amount": "$12", "currency": "AUD"}, {"currency": "AUD"}, []),
    ({"category": "ELECTRONICS"}, {"category": "Electronics"}, ["category_case"]),
    ({"category": "n/a"}, {"category": None}, ["placeholder"]),
    ({"category": "=A1"}, {"category": None}, ["formula_cell"]),
    ({"product": "Lamp"}, {"category": "Lamp", "line": "Lamp", "is_line_amount": None}, []),
    ({"product": "Lamp", "category": "Home"}, {"category": "Home", "line": "Lamp"}, []),
    ({"product": "Lamp", "line": "2.0"}, {"category": "Lamp", "line": "2"}, []),
    ({"quantity": "3", "unit_price": "1"}, {"revenue_cents": 12050, "line": None}, []),
    ({"amount": None, "quantity": "3", "unit_price": "€1.10", "line": "1"},
     {"revenue_cents": 330, "currency": "EUR", "is_line_amount": True}, []),
    ({"amount": None, "quantity": "-3", "unit_price": "1.10"}, {"revenue_cents": -330, "is_refund": True, "is_line_amount": None}, []),
    ({"amount": None, "quantity": "3"}, {}, ["order_without_amount"]),
    ({"amount": None, "quantity": "three", "unit_price": "1"}, {}, ["number_invalid", "order_without_amount"]),
    ({"amount": None, "quantity": "1e9", "unit_price": "1e9"}, {}, ["order_without_amount"]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "values", "expected"), ORDERS)
def test_orders(cells: dict[str, str | None], values: dict[str, Any], expected: list[str]) -> None:
    row = clean("orders", **cells)
    assert {name: row.values.get(name) for name in values} == values
    assert codes(row) == expected


TICKETS: list[tuple[dict[str, str | None], dict[str, Any], list[str]]] = [
    ({}, {"is_open": True, "opened_at": "2026-03-01T10:00:00Z"}, []),
    ({"closed_at": "2026-03-02 11:30"}, {"is_open": False, "resolution_seconds": 91_800}, []),
    ({"status": "Closed"}, {"is_open": False, "resolution_seconds": None}, []),
    ({"status": "处理中"}, {"is_open": True}, []),
    ({"status": "已解决", "closed_at": "2026-03-01 10:00"}, {"is_open": False, "resolution_seconds": 0}, []),
    ({"status": "open", "closed_at": "2026-03-02 11:30"}, {"is_open": True, "closed_at": None}, ["ticket_still_open"]),
    ({"status": "purple", "closed_at": "2026-03-02 11:30"}, {"is_open": False}, ["ticket_status_unknown"]),
    ({"closed_at": "2026-02-01 10:00"}, {"is_open": False, "closed_at": None, "resolution_seconds": None}, ["ticket_closed_early"]),
    # The day alone is no closing before the hour of the opening, and tells no hours beside one.
    ({"closed_at": "2026-03-01"}, {"closed_at": "2026-03-01", "resolution_seconds": None}, []),
    ({"opened_at": "2026-03-01", "closed_at": "2026-03-03"}, {"resolution_seconds": 172_800}, []),
    ({"opened_at": None}, {"opened_at": None, "is_open": True}, []),
    ({"opened_at": None, "subject": None, "ticket_id": None}, {}, ["event_empty"]),
    ({"priority": "P1"}, {"priority": "urgent"}, []),
    ({"priority": "purple"}, {"priority": None}, ["ticket_priority_unknown"]),
    ({"satisfaction": "4"}, {"rating": 400}, []),
    ({"satisfaction": "11"}, {"rating": None}, ["satisfaction_unreadable"]),
]


@pytest.mark.parametrize(("cells", "values", "expected"), TICKETS)
def test_tickets(cells: dict[str, str | None], values: dict[str, Any], expected: list[str]) -> None:
    row = clean("tickets", **cells)
    assert {name: row.values.get(name) for name in values} == values
    assert codes(row) == expected


CAMPAIGNS: list[tuple[dict[str, str | None], tuple[bool | None, ...], list[str]]] = [
    # what the cells say; whether opened, clicked and converted; codes
    ({}, (None, None, None), []),
    ({"opened": "yes", "clicked": "no", "converted": None}, (True, False, False), []),
    ({"opened": "2026-03-02 08:00", "clicked": None, "converted": None}, (True, False, False), []),
    ({"opened": "3", "clicked": "0"}, (True, False, None), []),
    ({"opened": "no", "clicked": "yes"}, (True, True, None), ["campaign_steps"]),
    ({"clicked": "yes"}, (True, True, None), []),
    ({"opened": "yes", "clicked": "no", "converted": "true"}, (True, True, True), ["campaign_steps"]),
    ({"opened": "perhaps"}, (None, None, None), ["flag_unreadable"]),
    ({"opened": "perhaps", "clicked": "perhaps"}, (None, None, None), ["flag_unreadable"]),
    ({"opened": "是", "clicked": "否"}, (True, False, None), []),
    ({"campaign": None, "sent_at": None, "response_id": None}, (None, None, None), ["event_empty"]),
]


@pytest.mark.parametrize(("cells", "flags", "expected"), CAMPAIGNS)
def test_campaigns(cells: dict[str, str | None], flags: tuple[bool | None, ...], expected: list[str]) -> None:
    row = clean("campaigns", **cells)
    assert tuple(row.values.get(name) for name in ("opened", "clicked", "converted")) == flags
    assert codes(row) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("TRUE", True),
        (" 1 ", True),
        ("0", False),
        ("12", True),
        ("y", True),
        ("No", False),
        ("2026-01-05", True),
        ("20260105", True),
        ("1767571200000", True),
        ("未打开", False),
        ("n/a", None),
        ("无", None),
        ("", None),
    ],
)
def test_flags(raw: str, expected: bool | None) -> None:
    outcome = clean_flag(raw, as_of=date(2026, 11, 23))
    assert isinstance(outcome, Clean)
    assert outcome.value is expected


@pytest.mark.parametrize(
    ("raw", "points"),
    [
        ("5", 500),
        ("4.5", 450),
        ("4/5", 400),
        ("★★★☆☆", 300),
        ("4 stars", 400),
        ("很满意", 500),
        ("Dissatisfied", 200),
        ("1", 100),
        ("", None),
    ],
)
def test_ratings(raw: str, points: int | None) -> None:
    assert clean_satisfaction(raw) == Clean(points)


@pytest.mark.parametrize("raw", ["0", "6", "-1", "8/10", "85%", "fine, thanks"])
def test_ratings_of_other_scales_are_not_guessed(raw: str) -> None:
    assert clean_satisfaction(raw) == Rejection("satisfaction_unreadable")


@pytest.mark.parametrize(
    ("raw", "code"),
    [("usd", "USD"), ("US$", "USD"), ("￥", "CNY"), ("RMB", "CNY"), ("€", "EUR"), ("港币", "HKD"), ("CHF", "CHF"), ("n/a", None)],
)
def test_currencies(raw: str, code: str | None) -> None:
    outcome = clean_currency(raw)
    assert isinstance(outcome, Clean)
    assert outcome.value == code


def test_a_later_state_has_a_later_stage() -> None:
    for kind, cells in (
        ("orders", [{"status": "draft"}, {"status": "paid"}, {"status": "cancelled"}, {"status": "refunded"}]),
        ("tickets", [{"status": "open"}, {"status": "closed"}]),
        ("campaigns", [{"opened": "no"}, {"opened": "yes"}, {"clicked": "yes"}, {"converted": "yes"}]),
    ):
        stages = [clean(kind, **each).stage for each in cells]  # type: ignore[arg-type]
        assert stages == sorted(set(stages)), kind


CELL = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        ["", "n/a", "=1+1", "C1", "2026-03-01", "2026-03-01 10:00", "12.50", "-3", "¥5", "eur", "yes", "no", "closed", "退款", "5"]
    ),
)
FIELDS: dict[InputKind, list[str]] = {
    "orders": ["order_id", "customer_id", "ordered_at", "amount", "currency", "category", "status"],
    "tickets": ["ticket_id", "customer_id", "subject", "priority", "status", "opened_at", "closed_at", "satisfaction"],
    "campaigns": ["response_id", "customer_id", "campaign", "channel", "sent_at", "opened", "clicked", "converted"],
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_whatever_is_in_the_cells(kind: InputKind, data: st.DataObject) -> None:
    cells = data.draw(st.lists(CELL, min_size=len(FIELDS[kind]), max_size=len(FIELDS[kind])))
    row = clean_related(kind, cells, FIELDS[kind], CONTEXT)
    assert {*row.issues, *row.rejections} <= set(RULES)
    assert all(RULES[code].severity != "reject" for code in row.issues)
    assert all(RULES[code].severity == "reject" for code in row.rejections)
    assert (row.customer_key is None) == ("customer_missing" in row.rejections)
    values = row.values
    if kind == "orders" and not row.rejections:
        assert not (values["is_sale"] and values["is_refund"])
        assert values["is_sale"] or values["revenue_cents"] <= 0
    if kind == "tickets":
        assert values.get("resolution_seconds", 0) >= 0
        assert not (values["is_open"] and "closed_at" in values)
        assert 100 <= values.get("rating", 100) <= 500
    if kind == "campaigns":
        flags = [bool(values.get(name)) for name in ("opened", "clicked", "converted")]
        assert flags == sorted(flags, reverse=True)
    assert clean_related(kind, cells, FIELDS[kind], CONTEXT) == row
