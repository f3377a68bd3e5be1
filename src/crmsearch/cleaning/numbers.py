"""Rules for counts and amounts."""

import math
import re

from crmsearch.cleaning.text import is_formula, is_nothing, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_decimal", "clean_integer"]

MAX_NUMBER = 1e15  # beyond it a double no longer holds cents

_CURRENCY = re.compile(r"(?:cny|rmb|usd|eur|gbp|jpy|aud|hkd|us\$|a\$|hk\$|[$€£¥₩₹元圆])\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,' ]*(?:e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_MYRIADS = {"万": 1e4, "亿": 1e8}


def clean_decimal(raw: str) -> Outcome[float]:
    """Clean an amount: currency signs off, both ``1,234.50`` and ``1.234,50`` understood, brackets are a minus, ``1.2万`` is 12,000.

    With one kind of sign only, commas before three digits part thousands (``1,234``) and a single dot is the decimal point (``1.234``).
    """
    tidied = tidy(raw, compatible=True)
    text = tidied.value
    if text is None:
        return Clean(None)
    if is_nothing(text):
        return Clean(None, (*tidied.issues, "placeholder"))
    if is_formula(text):
        return Rejection("formula_cell")
    negative = text.startswith("(") and text.endswith(")")
    bare = _CURRENCY.sub("", text.strip("()")).strip()
    factor = _MYRIADS.get(bare[-1:], 1.0)
    if factor != 1.0:
        bare = bare[:-1].rstrip()
    if _NUMBER.fullmatch(bare) is None:
        return Rejection("number_invalid")
    try:
        number = float(_with_point(bare)) * factor
    except ValueError:
        return Rejection("number_invalid")
    if not math.isfinite(number) or abs(number) > MAX_NUMBER:
        return Rejection("number_invalid")
    return Clean(-number if negative else number, tidied.issues)


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
    if comma >= 0 and not re.fullmatch(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+", plain):
        return plain.replace(",", ".")
    if plain.count(".") > 1 and re.fullmatch(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+", plain):
        return plain.replace(".", "")
    return plain.replace(",", "")
