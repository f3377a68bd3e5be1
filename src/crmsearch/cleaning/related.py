"""One row of orders, tickets or campaign responses in, its clean values out, with the codes of all that was found wrong on the way."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from crmsearch.cleaning.dates import clean_timestamp
from crmsearch.cleaning.money import clean_currency, currency_beside, hundredths, line_amount
from crmsearch.cleaning.numbers import clean_decimal
from crmsearch.cleaning.record import RecordContext
from crmsearch.cleaning.text import clean_code, clean_text, match_key, title_case
from crmsearch.cleaning.values import Clean, Notes, Outcome, Rejection
from crmsearch.contract import InputKind

__all__ = ["VOCABULARIES", "CleanRelated", "clean_flag", "clean_related", "clean_satisfaction"]

T = TypeVar("T")


class CleanRelated(msgspec.Struct, frozen=True):
    """A cleaned order, ticket or campaign response.

    Attributes:
        values: what is known, by name. Money is in hundredths of a unit, ratings are in hundredths of a point, times in seconds: whole
            numbers, so that sums do not depend on the order of rows.
        source_key: the row's own id.
        customer_key: the id of its customer, in the customer's system.
        stage: how far the matter has come, from 0; of two rows with one id the later stage is the newer one.
        issues: codes of all that was mended or dropped, each once, in the order found.
        rejections: codes that send the row to quarantine; empty for a good row.
    """

    values: dict[str, Any]
    source_key: str | None
    customer_key: str | None
    stage: int
    issues: tuple[str, ...]
    rejections: tuple[str, ...]


def _words(table: dict[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, words in table.items() for word in words.split()}


# State of an order -> words, as match keys, in the order in which an order goes through them.
ORDER_STATES = ("draft", "placed", "cancelled", "refunded")
_ORDER_STATES = _words(
    {
        "draft": "draft quote quoted quotation unpaid awaitingpayment pendingpayment paymentpending basket cart abandoned "
        "草稿 报价 未付款 待付款 待支付 未支付 购物车",
        "placed": "placed new open pending processing confirmed approved accepted authorized authorised active activated onhold paid "
        "partiallypaid shipped partiallyshipped intransit sent delivered fulfilled partiallyfulfilled completed complete closed closedwon "
        "won done success successful invoiced partiallyrefunded 新建 已下单 处理中 已确认 已付款 已支付 待发货 已发货 运输中 待收货 "
        "已收货 已签收 已完成 完成 交易成功 部分退款",
        "cancelled": "cancelled canceled cancel void voided failed declined rejected expired closedlost lost test deleted "
        "已取消 取消 已关闭 交易关闭 失败 作废 已作废 测试",
        "refunded": "refunded refund returned return chargeback chargedback reversed 已退款 退款 已退货 退货",
    }
)
_TICKET_STATES = _words(
    {
        "open": "open new active inprogress working waiting waitingoncustomer waitingforcustomer waitingonus waitingoncontact pending "
        "onhold escalated assigned reopened reopen researching 新建 打开 开启 待处理 处理中 进行中 未解决 未关闭 待回复 已升级 重新打开",
        "closed": "closed close resolved solved done complete completed problemsolved informationprovided cancelled canceled merged "
        "已关闭 关闭 已解决 解决 已完成 完成 已结束 已取消",
    }
)
_PRIORITIES = _words(
    {
        "low": "low lowest minor p4 4 低",
        "normal": "normal medium middle moderate p3 3 中 普通 一般",
        "high": "high major p2 2 高",
        "urgent": "urgent highest critical blocker p1 1 紧急 特急",
    }
)
_FLAGS = _words(
    {
        "true": "true yes y t x on opened open clicked click converted responded won success 是 有 已打开 打开 已点击 点击 已转化 转化",
        "false": "false no n f off notopened unopened notclicked notconverted sent delivered bounced 否 未 未打开 未点击 未转化",
    }
)
VOCABULARIES: dict[str, frozenset[str]] = {
    "status": frozenset(_ORDER_STATES.keys() | _TICKET_STATES.keys()),
    "priority": frozenset(_PRIORITIES),
    **dict.fromkeys(("opened", "clicked", "converted"), frozenset(_FLAGS)),
}
"""Column whose words come from a list -> all of them, as match keys."""

_SATISFACTION = {
    word: points
    for points, words in {
        500: "verysatisfied excellent verygood 非常满意 很满意",
        400: "satisfied good happy 满意 比较满意",
        300: "neutral ok okay fair average 一般 中立",
        200: "dissatisfied unsatisfied bad poor unhappy 不满意 较不满意",
        100: "verydissatisfied veryunsatisfied verybad terrible 非常不满意 很不满意",
    }.items()
    for word in words.split()
}
_STARS = re.compile(r"([★⭐]{1,5})☆*|([0-9]+(?:[.,][0-9]+)?) ?(?:/ ?5|stars?|星|分|points?)", re.IGNORECASE)

MAX_SATISFACTION = 500  # hundredths of a point; the scale is 1 to 5
_ZONED = "T"  # stands between day and time where the time is known


@lru_cache(maxsize=4_096)
def clean_flag(raw: str, *, as_of: date, day_first: bool = True) -> Outcome[bool]:
    """Clean the answer to whether something was done: yes or no, how often (0 is no), or the date on which it was (which is a yes)."""
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return Clean(None, outcome.issues) if isinstance(outcome, Clean) else outcome
    text = outcome.value
    if (known := _FLAGS.get(match_key(text))) is not None:
        return Clean(known == "true", outcome.issues)
    if len(text) < 5 and text.isdecimal():
        return Clean(int(text) > 0, outcome.issues)
    dated = clean_timestamp(raw, as_of=as_of, day_first=day_first)
    return Rejection("flag_unreadable") if isinstance(dated, Rejection) or dated.value is None else Clean(True, outcome.issues)


@lru_cache(maxsize=4_096)
def clean_satisfaction(raw: str) -> Outcome[int]:
    """Clean a rating from 1 to 5 (number, stars or words) to hundredths of a point. Other scales are not guessed."""
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return Clean(None, outcome.issues) if isinstance(outcome, Clean) else outcome
    text = outcome.value
    if (points := _SATISFACTION.get(match_key(text))) is not None:
        return Clean(points, outcome.issues)
    if stars := _STARS.fullmatch(text):
        text = stars[2] or str(len(stars[1]))
    number = clean_decimal(text)
    if isinstance(number, Rejection) or number.value is None or not 1 <= number.value <= MAX_SATISFACTION / 100:
        return Rejection("satisfaction_unreadable")
    return Clean(round(number.value * 100), outcome.issues)


@lru_cache(maxsize=4_096)
def _clean_category(raw: str) -> Outcome[str]:
    outcome = _clean_name(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    cased = title_case(outcome.value)
    return outcome if cased == outcome.value else Clean(cased, (*outcome.issues, "category_case"))


# Subjects, campaigns and channels come again and again.
_clean_name = lru_cache(maxsize=4_096)(clean_text)


def _vocabulary(table: dict[str, str], unknown: str) -> Callable[[str], Outcome[str]]:
    @lru_cache(maxsize=4_096)
    def clean(raw: str) -> Outcome[str]:
        outcome = clean_text(raw)
        if isinstance(outcome, Rejection) or outcome.value is None:
            return outcome
        meaning = table.get(match_key(outcome.value))
        return Rejection(unknown) if meaning is None else Clean(meaning, outcome.issues)

    return clean


_clean_order_state = _vocabulary(_ORDER_STATES, "order_status_unknown")
_clean_ticket_state = _vocabulary(_TICKET_STATES, "ticket_status_unknown")
_clean_priority = _vocabulary(_PRIORITIES, "ticket_priority_unknown")


class _Row(Notes):
    """The cells of one row by field, and the issues met so far."""

    __slots__ = ("as_of", "cells", "columns", "day_first")

    def __init__(self, cells: Sequence[str | None], columns: Sequence[str | None], context: RecordContext) -> None:
        super().__init__()
        self.columns = columns
        self.cells: dict[str, str] = {}
        self.as_of, self.day_first = date.fromisoformat(context.as_of), context.day_first
        for field, cell in zip(columns, cells, strict=False):
            if field is not None and cell:
                self.cells.setdefault(field, cell)

    def read(self, field: str, rule: Callable[[str], Outcome[T]]) -> T | None:
        cell = self.cells.get(field)
        return None if cell is None else self.note(rule(cell))

    def moment(self, field: str) -> str | None:
        return self.read(field, lambda cell: clean_timestamp(cell, as_of=self.as_of, day_first=self.day_first))

    def flag(self, field: str) -> bool | None:
        """What a cell says; an empty one is a no where the file has such a column, and not known where it has none."""
        if field not in self.columns:
            return None
        cell = self.cells.get(field)
        outcome = Clean(False) if cell is None else clean_flag(cell, as_of=self.as_of, day_first=self.day_first)
        said = self.note(outcome)
        return None if isinstance(outcome, Rejection) else bool(said)


def clean_related(kind: InputKind, cells: Sequence[str | None], columns: Sequence[str | None], context: RecordContext) -> CleanRelated:
    """Clean one row; never raises for what is in a cell.

    Args:
        kind: orders, tickets or campaigns.
        cells: the row.
        columns: the field of each column, ``None`` for one that is not used.
        context: what the row does not say itself.
    """
    row = _Row(cells, columns, context)
    key_field, read = _READERS[kind]
    source_key, customer_key = row.read(key_field, clean_code), row.read("customer_id", clean_code)
    values, stage, rejections = read(row, source_key)
    if customer_key is None:
        rejections = ["customer_missing", *rejections]
    known = {name: value for name, value in values.items() if value is not None}
    issues = tuple(code for code in row.issues if code not in rejections)
    return CleanRelated(known, source_key, customer_key, stage, issues, tuple(rejections))


_Read = tuple[dict[str, Any], int, list[str]]


def _order(row: _Row, _: str | None) -> _Read:
    """An order or a line of one; what was cancelled or given back brings no revenue, and a negative amount is a refund.

    A line is told by its number or, without one, by its product.
    """
    ordered_at, amount = row.moment("ordered_at"), row.read("amount", clean_decimal)
    priced = amount is None and {"quantity", "unit_price"} <= row.cells.keys()
    if priced:
        quantity, price = row.read("quantity", clean_decimal), row.read("unit_price", clean_decimal)
        amount = line_amount(quantity, price) if quantity is not None and price is not None else None
    currency = row.read("currency", clean_currency)
    if currency is None and amount is not None and "currency_unknown" not in row.issues:
        currency = currency_beside(row.cells["unit_price" if priced else "amount"])
    product = row.read("product", _clean_category)
    line = row.read("line", clean_code) or product
    state = row.read("status", _clean_order_state) or "placed"
    rejections = [code for code, value in (("order_undated", ordered_at), ("order_without_amount", amount)) if value is None]
    if "currency_unknown" in row.issues:
        rejections.append("currency_unknown")
    cents = hundredths(amount) if amount is not None else 0
    is_sale, is_refund = state == "placed" and cents >= 0, state in {"placed", "refunded"} and cents < 0
    values = {
        "ordered_at": ordered_at,
        "amount_cents": cents,
        "revenue_cents": cents if is_sale or is_refund else 0,
        "is_sale": is_sale,
        "is_refund": is_refund,
        "currency": currency,
        "category": row.read("category", _clean_category) or product,
        "state": state,
        "line": line,
        "is_line_amount": True if priced and line is not None else None,
    }
    return values, ORDER_STATES.index(state), rejections


def _ticket(row: _Row, source_key: str | None) -> _Read:
    """A ticket; whether it is open says its status, else its closing date."""
    subject, opened_at, closed_at = row.read("subject", _clean_name), row.moment("opened_at"), row.moment("closed_at")
    state = row.read("status", _clean_ticket_state) or ("closed" if closed_at else "open")
    if closed_at and state == "open":
        row.issues["ticket_still_open"] = None
        closed_at = None
    seconds = _seconds_between(opened_at, closed_at)
    if seconds is not None and seconds < 0:
        row.issues["ticket_closed_early"] = None
        closed_at = seconds = None
    values = {
        "opened_at": opened_at,
        "closed_at": closed_at,
        "resolution_seconds": seconds if _same_precision(opened_at, closed_at) else None,
        "is_open": state == "open",
        "subject": subject,
        "priority": row.read("priority", _clean_priority),
        "rating": row.read("satisfaction", clean_satisfaction),
    }
    return values, int(state == "closed"), [] if source_key or subject or opened_at else ["event_empty"]


def _seconds_between(start: str | None, end: str | None) -> int | None:
    """Seconds from one moment to another; whole days if the time of either is not known."""
    if start is None or end is None:
        return None
    if _same_precision(start, end) and _ZONED in start:
        return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
    return (date.fromisoformat(end[:10]) - date.fromisoformat(start[:10])).days * 86_400


def _same_precision(start: str | None, end: str | None) -> bool:
    return start is not None and end is not None and len(start) == len(end)


def _campaign(row: _Row, source_key: str | None) -> _Read:
    """An answer to a campaign; each step implies the ones before."""
    campaign, channel, sent_at = row.read("campaign", _clean_name), row.read("channel", _clean_name), row.moment("sent_at")
    opened, clicked, converted = row.flag("opened"), row.flag("clicked"), row.flag("converted")
    if (converted and clicked is False) or ((converted or clicked) and opened is False):
        row.issues["campaign_steps"] = None
    clicked = converted or clicked
    opened = clicked or opened
    values = {
        "sent_at": sent_at,
        "campaign": campaign,
        "channel": channel,
        "opened": opened,
        "clicked": clicked,
        "converted": converted,
    }
    stage = sum(map(bool, (opened, clicked, converted)))
    return values, stage, [] if source_key or campaign or sent_at else ["event_empty"]


# Kind -> field of the row's own id, and how the rest is read.
_READERS: dict[str, tuple[str, Callable[[_Row, str | None], _Read]]] = {
    "orders": ("order_id", _order),
    "tickets": ("ticket_id", _ticket),
    "campaigns": ("response_id", _campaign),
}
