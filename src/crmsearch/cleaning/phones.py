"""Rules for phone numbers: E.164 by Google's numbering plans."""

import re
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat

from crmsearch.cleaning.text import HAN, clean_code, is_made_up_number, open_cell
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_phone", "clean_phones"]

MAX_CELL = 500  # characters; bounds the work on a cell that holds something else

_BETWEEN = re.compile(r"[;,/|、&；，／｜＆\r\n]|\s+(?:or|and|und|ou|或)\s+|[或和及]", re.IGNORECASE)
_EXTENSION = re.compile(r"\s*(?:转|轉|分机|分機|内线|內線|durchwahl|poste|[*])\s*[:.]?\s*(?=[0-9]{1,7}$)", re.IGNORECASE)
# A Chinese landline with its extension behind a hyphen: 0755-88886666-801.
_HYPHEN_EXTENSION = re.compile(r"^((?:\+?86[- ]?)?\(?0[0-9]{2,3}\)?[- ]?[0-9]{7,8})-(?=[0-9]{1,6}$)")
_LABEL = re.compile(r"^(?:\([^()\d+]*\)\s*|[^\d+(]+[:.]\s*)(?=[\d+(])")  # "Tel: ", "手机:", "(home) "
_REMARK = re.compile(  # "(cell)", "(微信同号)", "张先生"
    rf"\s*(?:\([^()\d]*\)|[{HAN}][^\d()+]*|(?<=\s)(?:home|work|office|mobile|cell|main|fax|privat|private|mobil|m|w|h)\.?)$", re.IGNORECASE
)
_EXIT_CODE = re.compile(r"^\+?00(?=[1-9])")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_PUNCTUATION = re.compile(r"[ ().-]+")

# Real numbers that Chinese forms are filled with: China Mobile's own, shown as the example everywhere, and those of one repeated digit.
_FILLER = re.compile(r"\+86(?:13800138000|1[3-9][0-9](?:([0-9])\1{7}|12345678))")


@cache
def _short_way(region: str) -> tuple[str, re.Pattern[str]] | None:
    """Calling code and pattern of the mobile and landline numbers of a country, by the library's own tables.

    What matches it need not go the library's long way, which is the dearest step in cleaning a row; the answer is the same. ``None`` for
    the countries whose numbers are written otherwise at home than abroad.
    """
    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None or plan.national_prefix_transform_rule:
        return None
    prefix = plan.national_prefix or ""
    before = plan.national_prefix_for_parsing or ""  # with carrier codes as a second way in some countries
    if before != prefix and not before.endswith(f")|{prefix}"):
        return None
    kinds = [kind.national_number_pattern for kind in (plan.mobile, plan.fixed_line) if kind is not None and kind.national_number_pattern]
    code = f"+{plan.country_code}"
    # Digits that begin with the calling code, without a plus, may be read in two ways: that is for the library to weigh.
    return (code, re.compile(rf"(?!{plan.country_code})(?:{re.escape(code)}|{prefix})?({'|'.join(kinds)})")) if kinds else None


def _main_region(digits: str) -> str | None:
    """The country, the largest of those that share it, of the calling code behind a plus."""
    codes = (int(code) for size in (2, 3, 4) if (code := digits[1:size]).isascii() and code.isdigit())
    return next((COUNTRY_CODE_TO_REGION_CODE[code][0] for code in codes if code in COUNTRY_CODE_TO_REGION_CODE), None)


def clean_phone(raw: str, region: str | None = None) -> Outcome[str]:
    """Clean one phone number.

    Args:
        raw: the number as written.
        region: ISO 3166-1 alpha-2 code of the country whose national numbers are meant; ``None`` takes international numbers only.
    """
    outcome = clean_code(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    return _read_number(outcome.value, outcome.issues, region)


@lru_cache(maxsize=65_536)
def clean_phones(raw: str, regions: tuple[str | None, ...] = (None,)) -> Outcome[tuple[str, ...]]:
    """Clean a cell of one or several phone numbers, in their order and without repetition; bad ones are noted and dropped.

    Args:
        raw: the cell; numbers are parted by ``;``, ``,``, ``/``, ``|``, ``&``, ``、``, "or", "and" or line ends, by spaces if no other
            reading fits.
        regions: the countries to try for a national number, the likeliest first.
    """
    whole = open_cell(raw, limit=MAX_CELL, too_long="phone_invalid")  # a formula may hold signs that part numbers
    if isinstance(whole, Rejection):
        return whole
    if whole.value is None:
        return Clean(None, whole.issues)
    issues: dict[str, None] = {}
    numbers: dict[str, None] = {}
    outcomes = [outcome for part in _BETWEEN.split(raw) for outcome in _read(part, regions)]
    if "/" in raw and any(isinstance(outcome, Rejection) for outcome in outcomes):
        # In some countries a slash stands behind the area code: 030/901820.
        joined = _first_valid(raw.replace("/", " "), regions)
        outcomes = [joined] if isinstance(joined, Clean) else outcomes
    for outcome in outcomes:
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
    code = clean_code(part)
    if isinstance(code, Rejection) or code.value is None:
        return code
    first = _read_number(code.value, code.issues, regions[0])
    if isinstance(first, Clean):
        return first
    others = (_read_number(code.value, code.issues, region) for region in regions[1:])
    return next((outcome for outcome in others if isinstance(outcome, Clean)), first)


def _read_number(text: str, issues: tuple[str, ...], region: str | None) -> Outcome[str]:
    text = _REMARK.sub("", _LABEL.sub("", text))
    text = _EXIT_CODE.sub("+", _EXTENSION.sub(" ext. ", _HYPHEN_EXTENSION.sub(r"\1 ext. ", text)))
    if is_made_up_number(_NOT_DIGIT.sub("", text)):
        return Rejection("phone_placeholder")
    digits = _PUNCTUATION.sub("", text)
    home = _main_region(digits) if digits.startswith("+") else region
    if home is not None and (short := _short_way(home)) is not None and (match := short[1].fullmatch(digits)):
        return _noted(short[0] + match[1], issues)
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        missing_region = region is None and error.error_type == NumberParseException.INVALID_COUNTRY_CODE and not text.startswith("+")
        return Rejection("phone_no_region" if missing_region else "phone_invalid")
    if is_made_up_number(str(number.national_number)):
        return Rejection("phone_placeholder")
    if not phonenumbers.is_valid_number(number):
        return Rejection("phone_invalid")
    if number.extension:
        issues = (*issues, "phone_extension")
    return _noted(phonenumbers.format_number(number, PhoneNumberFormat.E164), issues)


def _noted(number: str, issues: tuple[str, ...]) -> Clean[str]:
    return Clean(number, (*issues, "phone_filler") if _FILLER.fullmatch(number) else issues)
