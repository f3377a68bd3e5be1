"""Rules for phone numbers: E.164 by Google's numbering plans."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from crmsearch.cleaning.text import is_formula, is_nothing, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_phone", "clean_phones"]

MAX_CELL = 500  # characters; bounds the work on a cell that holds something else

_BETWEEN = re.compile(r"[;,/|、\r\n]|\s+(?:or|或)\s+")
_EXTENSION = re.compile(r"\s*(?:转|轉|分机|内线)\s*[:.]?\s*(?=[0-9]{1,7}$)")
_LABEL = re.compile(r"^[^\d+(]+[:.]\s*(?=[\d+(])")  # "Tel: ", "手机:"
_FLOAT = re.compile(r"^(\+?[0-9]{7,15})\.0$")  # what a spreadsheet makes of a long number
_EXIT_CODE = re.compile(r"^00(?=[1-9])")
_GAP = re.compile(r"\s+")


def clean_phone(raw: str, region: str | None = None) -> Outcome[str]:
    """Clean one phone number.

    Args:
        raw: the number as written.
        region: ISO 3166-1 alpha-2 code of the country whose national numbers are meant; ``None`` takes international numbers only.
    """
    tidied = tidy(raw, compatible=True)
    text = tidied.value
    if text is None:
        return tidied
    if is_nothing(text):
        return Clean(None, (*tidied.issues, "placeholder"))
    if is_formula(text):
        return Rejection("formula_cell")
    text = _FLOAT.sub(r"\1", _LABEL.sub("", text))
    text = _EXIT_CODE.sub("+", _EXTENSION.sub(" ext. ", text))
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        missing_region = region is None and error.error_type == NumberParseException.INVALID_COUNTRY_CODE and not text.startswith("+")
        return Rejection("phone_no_region" if missing_region else "phone_invalid")
    if not phonenumbers.is_valid_number(number):
        return Rejection("phone_invalid")
    issues = (*tidied.issues, "phone_extension") if number.extension else tidied.issues
    return Clean(phonenumbers.format_number(number, PhoneNumberFormat.E164), issues)


@lru_cache(maxsize=65_536)
def clean_phones(raw: str, regions: tuple[str | None, ...] = (None,)) -> Outcome[tuple[str, ...]]:
    """Clean a cell of one or several phone numbers, in their order and without repetition; bad ones are noted and dropped.

    Args:
        raw: the cell; numbers are parted by ``;``, ``,``, ``/``, ``|``, ``、``, "or" or line ends, by spaces if no other reading fits.
        regions: the countries to try for a national number, the likeliest first.
    """
    tidied = tidy(raw, compatible=True)
    if tidied.value is None:
        return Clean(None)
    if is_nothing(tidied.value):
        return Clean(None, (*tidied.issues, "placeholder"))
    if len(raw) > MAX_CELL:
        return Rejection("phone_invalid")
    if is_formula(tidied.value):
        return Rejection("formula_cell")
    issues: dict[str, None] = {}
    numbers: dict[str, None] = {}
    for outcome in [outcome for part in _BETWEEN.split(raw) for outcome in _read(part, regions)]:
        if isinstance(outcome, Rejection):
            issues[outcome.code] = None
            continue
        issues.update(dict.fromkeys(outcome.issues))
        if outcome.value is not None:
            numbers[outcome.value] = None
    return Clean(tuple(numbers) or None, tuple(issues))


def _read(part: str, regions: tuple[str | None, ...]) -> list[Outcome[str]]:
    """Read a part as one number in the first country where it is valid, else as numbers that only spaces separate."""
    outcome = _first_valid(part, regions)
    words = part.split()
    if isinstance(outcome, Clean) or len(words) < 2:
        return [outcome]
    several = [_first_valid(word, regions) for word in words]
    return several if all(isinstance(one, Clean) for one in several) else [outcome]


def _first_valid(part: str, regions: tuple[str | None, ...]) -> Outcome[str]:
    first = clean_phone(part, regions[0])
    if isinstance(first, Clean):
        return first
    others = (clean_phone(part, region) for region in regions[1:])
    return next((outcome for outcome in others if isinstance(outcome, Clean)), first)
