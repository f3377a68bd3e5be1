"""The rule for national identity numbers."""

import re
from datetime import date

import msgspec

from crmsearch.cleaning.text import clean_code, is_made_up_number, is_nothing
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["IdFacts", "clean_national_id", "read_chinese_id"]

# GB 11643: 17 digits (region, birth date, sequence), each weighted by a power of two modulo 11, and a check character.
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECKS = "10X98765432"
_CHINESE = re.compile(r"[1-9][0-9]{16}[0-9X]")
_CHINESE_OLD = re.compile(r"[1-9][0-9]{14}")  # issued until 1999, with a year of two digits and without a check character
# The first two digits of GB/T 2260: the province-level divisions, and 83 and 91 for residents from Taiwan and abroad.
_PROVINCES = frozenset(
    map(str, (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83, 91))
)
_GAP = re.compile(r"(?<=[0-9A-Za-z]) (?=[0-9A-Za-z])")
_LETTERS = re.compile(r"[a-z]+")
_ALL_DIGITS = re.compile(r"[0-9]*[0-9X]")
_SIGNS = re.compile(r"[ .-]")


class IdFacts(msgspec.Struct, frozen=True):
    """What a Chinese identity number says of its holder."""

    birth_date: str
    gender: str


def clean_national_id(raw: str, country: str | None = None) -> Outcome[str]:
    """Clean an identity number.

    Numbers of the Chinese form must pass their checksum and hold a real birth date: without a country or under China any 18 digits, under
    another country only those that begin with a Chinese region and a date. Under China a number of 15 digits, as issued until 1999, becomes
    its successor of 18, and digits of another length are a damaged number; a number with letters is a passport and is kept, as are all
    other countries'.

    Args:
        raw: the number as written.
        country: ISO 3166-1 alpha-2 code of the customer's country, if known.
    """
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    number = _LETTERS.sub(lambda match: match[0].upper(), _GAP.sub("", outcome.value))
    if is_nothing(number) or is_made_up_number(_SIGNS.sub("", number)):
        return Clean(None, (*outcome.issues, "placeholder"))
    if _CHINESE.fullmatch(number):
        if _has_check(number) and _born(number) is not None:
            return Clean(number, outcome.issues)
        foreign = country not in {None, "CN"} and not (number[:2] in _PROVINCES and _born(number) is not None)
        return Clean(number, outcome.issues) if foreign else Rejection("national_id_invalid")
    if country == "CN" and _ALL_DIGITS.fullmatch(number):
        successor = _successor(number)
        return Rejection("national_id_invalid") if successor is None else Clean(successor, (*outcome.issues, "national_id_old"))
    return Clean(number, outcome.issues)


def read_chinese_id(number: str) -> IdFacts | None:
    """The birth date and gender in a clean Chinese identity number of 18 digits; ``None`` for any other number."""
    if _CHINESE.fullmatch(number) is None or not _has_check(number) or (born := _born(number)) is None:
        return None
    return IdFacts(born.isoformat(), "male" if int(number[16]) % 2 else "female")


def _successor(number: str) -> str | None:
    if _CHINESE_OLD.fullmatch(number) is None or number[:2] not in _PROVINCES:
        return None
    longer = f"{number[:6]}19{number[6:]}"
    return longer + _check(longer) if _born(longer) is not None else None


def _born(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def _has_check(number: str) -> bool:
    return number[17] == _check(number)


def _check(number: str) -> str:
    return _CHECKS[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False)) % 11]
