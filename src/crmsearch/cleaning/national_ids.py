"""The rule for national identity numbers."""

import re
from datetime import date

from crmsearch.cleaning.text import clean_code, is_nothing
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_national_id"]

# GB 11643: 17 digits (region, birth date, sequence), each weighted by a power of two modulo 11, and a check character.
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECKS = "10X98765432"
_CHINESE = re.compile(r"[1-8][0-9]{16}[0-9Xx]")
_CHINESE_OLD = re.compile(r"[1-8][0-9]{14}")  # issued until 1999, without a check character
_GAP = re.compile(r"(?<=[0-9A-Za-z]) (?=[0-9A-Za-z])")
_LETTERS = re.compile(r"[a-z]+")
_ALL_DIGITS = re.compile(r"[0-9]+[0-9Xx]")


def clean_national_id(raw: str, country: str | None = None) -> Outcome[str]:
    """Clean an identity number.

    Chinese numbers must pass their checksum and hold a real birth date, whatever the country says, as nothing else has their form. Under
    China, digits of another length are a damaged number; a number with letters is a passport and is kept, as are all other countries'.

    Args:
        raw: the number as written.
        country: ISO 3166-1 alpha-2 code of the customer's country, if known.
    """
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    number = _LETTERS.sub(lambda match: match[0].upper(), _GAP.sub("", outcome.value))
    if is_nothing(number):
        return Clean(None, (*outcome.issues, "placeholder"))
    if _CHINESE.fullmatch(number):
        return Clean(number, outcome.issues) if _is_genuine(number) else Rejection("national_id_invalid")
    if country == "CN" and _ALL_DIGITS.fullmatch(number) and not _CHINESE_OLD.fullmatch(number):
        return Rejection("national_id_invalid")
    return Clean(number, outcome.issues)


def _is_genuine(number: str) -> bool:
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return number[17] == _CHECKS[total % 11]
