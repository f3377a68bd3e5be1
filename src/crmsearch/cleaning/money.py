"""Rules for sums of money: the currency, beside the amount or in a column of its own, and whole cents."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from crmsearch.cleaning.numbers import MAX_NUMBER
from crmsearch.cleaning.text import clean_code, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_currency", "currency_beside", "hundredths", "line_amount"]

_SIGNS = {"¥": "CNY", "元": "CNY", "圆": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "₩": "KRW", "₹": "INR"}
_CURRENCIES = {
    "us$": "USD", "a$": "AUD", "hk$": "HKD", "nt$": "TWD", "rmb": "CNY", "人民币": "CNY", "yuan": "CNY", "chinese yuan": "CNY",
    "renminbi": "CNY", "美元": "USD", "us dollar": "USD", "dollar": "USD", "dollars": "USD", "欧元": "EUR", "euro": "EUR", "euros": "EUR",
    "英镑": "GBP", "pound": "GBP", "pounds": "GBP", "pound sterling": "GBP", "日元": "JPY", "yen": "JPY", "japanese yen": "JPY",
    "港币": "HKD", "港元": "HKD", "hong kong dollar": "HKD", "新台币": "TWD", "台币": "TWD", "indian rupee": "INR", "rupees": "INR",
}  # fmt: skip
_CODE = re.compile(r"[a-z]{3}")
_BESIDE_AMOUNT = re.compile(
    r"[(+-]*(us\$|a\$|hk\$|cny|rmb|usd|eur|gbp|jpy|aud|hkd|[$€£¥₩₹])|(cny|rmb|usd|eur|gbp|jpy|aud|hkd|[$€£¥₩₹元圆])\)?$"
)


@lru_cache(maxsize=4_096)
def clean_currency(raw: str) -> Outcome[str]:
    """Clean a currency to its ISO 4217 code. ``¥`` is taken for the yuan and a bare ``$`` for the dollar of the United States."""
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    text = outcome.value.casefold()
    code = _SIGNS.get(text) or _CURRENCIES.get(text) or (text.upper() if _CODE.fullmatch(text) else None)
    return Rejection("currency_unknown") if code is None else Clean(code, outcome.issues)


def currency_beside(amount: str) -> str | None:
    """The currency written beside an amount, if one is."""
    text = (tidy(amount.lower(), compatible=True).value or "").replace(" ", "")
    match = _BESIDE_AMOUNT.match(text) or _BESIDE_AMOUNT.search(text)
    sign = next((one for one in match.groups() if one), None) if match else None
    return None if sign is None else _SIGNS.get(sign) or _CURRENCIES.get(sign) or sign.upper()


def hundredths(amount: float) -> int:
    """Whole hundredths of an amount."""
    # By way of the shortest decimal: 1.005 * 100 is not 100.5 in binary.
    return int((Decimal(repr(amount)) * 100).to_integral_value(ROUND_HALF_EVEN))


def line_amount(quantity: float, unit_price: float) -> float | None:
    """What a line of an order comes to; ``None`` beyond what a double holds in cents."""
    amount = float(Decimal(repr(quantity)) * Decimal(repr(unit_price)))
    return amount if abs(amount) <= MAX_NUMBER else None
