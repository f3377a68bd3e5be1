"""Rules for counts and amounts."""

import math
import re
from functools import lru_cache

from crmsearch.cleaning.text import open_cell
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_decimal", "clean_integer"]

MAX_CELL = 60  # characters; no amount is longer
MAX_NUMBER = 1e15  # beyond it a double no longer holds cents

_CURRENCY = re.compile(
    r"(?:(?<![a-z])(?:cny|rmb|usd|eur|gbp|jpy|aud|cad|nzd|hkd|twd|sgd|chf|inr|krw|brl|mxn|sek|nok|dkk|pln|czk|thb|rub|zar|try|aed)(?![a-z])"
    r"|us\$|au?\$|ca?\$|nz\$|hk\$|nt\$|sg?\$|r\$|rs\.?(?=[ 0-9])|(?<=[0-9] )kr\.?$|(?<=[0-9] )zł$|[$€£¥₩₹₽฿₺]"
    r"|人民币|美元|欧元|港币|元|圆|圓|块)\s*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,' ]*(?:e[+-]?[0-9]{1,2})?", re.IGNORECASE)
# Letter and word multiples; "m" is a million in a sum of money.
_MULTIPLES = {
    "千": 1e3, "万": 1e4, "萬": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "億": 1e8, "k": 1e3, "m": 1e6, "mn": 1e6, "mio": 1e6, "mio.": 1e6,
    "million": 1e6, "bn": 1e9, "billion": 1e9,
}  # fmt: skip
_MULTIPLE = re.compile(rf"(?<=[0-9 ])(?:{'|'.join(sorted(map(re.escape, _MULTIPLES), key=len, reverse=True))})$", re.IGNORECASE)
_MINUS_BEHIND = re.compile(r"^([^-+(]*[0-9])\s*-$")  # 12.00-, as accounting programs print
_SIGN_BEFORE_CURRENCY = re.compile(r"^([+-])\s*(?=[^-+0-9])")


@lru_cache(maxsize=16_384)
def clean_decimal(raw: str) -> Outcome[float]:
    """Clean an amount: currency signs off, both ``1,234.50`` and ``1.234,50`` understood, brackets are a minus.

    With one kind of sign only, commas before three digits part thousands (``1,234``) and a single dot is the decimal point (``1.234``).
    ``1.2万`` and ``12k`` are 12,000.
    """
    opened = open_cell(raw, limit=MAX_CELL, too_long="number_invalid")
    if isinstance(opened, Rejection):
        return opened
    if opened.value is None:
        return Clean(None, opened.issues)
    text = _MINUS_BEHIND.sub(r"-\1", opened.value)
    sign = 1.0
    if text.startswith("(") and text.endswith(")"):
        sign, text = -1.0, text[1:-1].strip()
    if before := _SIGN_BEFORE_CURRENCY.match(text):
        sign, text = (-sign if before[1] == "-" else sign), text[before.end() :]
    bare = _CURRENCY.sub("", text).strip()
    if multiple := _MULTIPLE.search(bare):
        sign, bare = sign * _MULTIPLES[multiple[0].lower()], bare[: multiple.start()].rstrip()
    if _NUMBER.fullmatch(bare) is None:
        return Rejection("number_invalid")
    try:
        number = round(float(_with_point(bare)) * sign, 6)
    except ValueError:
        return Rejection("number_invalid")
    if not math.isfinite(number) or abs(number) > MAX_NUMBER:
        return Rejection("number_invalid")
    return Clean(number, opened.issues)


def clean_integer(raw: str) -> Outcome[int]:
    """Clean a count; a fraction is refused, ``3.0`` is 3."""
    outcome = clean_decimal(raw)
    if isinstance(outcome, Rejection):
        return outcome
    if outcome.value is None:
        return Clean(None, outcome.issues)
    if not outcome.value.is_integer():
        return Rejection("number_invalid")
    return Clean(int(outcome.value), outcome.issues)


def _with_point(text: str) -> str:
    """Write a number with a decimal point and nothing else between its digits."""
    plain = text.replace(" ", "").replace("'", "")
    comma, dot = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and dot >= 0:
        thousands, point = (",", ".") if dot > comma else (".", ",")
        return plain.replace(thousands, "").replace(point, ".")
    if comma >= 0 and not re.fullmatch(r"[+-]?[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}", plain):  # 1,00,000 is a lakh
        return plain.replace(",", ".")
    if plain.count(".") > 1 and re.fullmatch(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+", plain):
        return plain.replace(".", "")
    return plain.replace(",", "")
