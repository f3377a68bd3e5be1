"""Clean values as those may see them to whom a purpose does not show them: enough to tell two customers apart, too little to use. Pure.

==================== ================================================== =====================================
phones               calling code, first three and last four digits     ``+86138****8000``
e-mail addresses     the first character, and whose server it is        ``w***@example.com``
names                Chinese: the first character and the last          ``王*明``, ``王*``, ``欧**娜``
                     others: the first letter of each word              ``J*** S***``
given names          Chinese: the last character, as the name shows it  ``*明``
ids                  first three and last two signs                     ``110****34``
postcodes            the first two signs                                ``20***``
birth dates          the year                                           ``1990-**-**``
places               a tenth of a degree, some ten kilometres           ``31.2 121.5``
addresses and texts  nothing but that there is one                      ``***``
==================== ================================================== =====================================

The number of stars says nothing of what they stand for, but of Chinese names, whose length is no secret. Of short values less is shown:
four digits of a phone, and half of an id, are always hidden. A mask depends on the value alone, so it is the same everywhere.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from crmsearch.cleaning.text import HAN

__all__ = [
    "NOTHING",
    "mask_date",
    "mask_email",
    "mask_given_name",
    "mask_id",
    "mask_name",
    "mask_phone",
    "mask_place",
    "mask_postcode",
    "mask_text",
]

NOTHING = "***"
_WORD = re.compile(rf"[{HAN}]+|(?:(?![{HAN}])[^\s])+")
_IS_HAN = re.compile(f"[{HAN}]")
# Digits of a national number -> how many are shown in front and at the end; of shorter ones none.
_SHOWN_DIGITS = ((11, 3, 4), (9, 2, 3), (7, 1, 2))
_SHORTEST_ID, _SHORTEST_POSTCODE = 10, 5


@lru_cache(maxsize=4_096)
def mask_phone(phone: str) -> str:
    """A number in E.164."""
    digits = phone.removeprefix("+")
    code = _calling_code(digits) if phone.startswith("+") else ""
    national = digits[len(code) :]
    head, tail = next(((head, tail) for least, head, tail in _SHOWN_DIGITS if len(national) >= least), (0, 0))
    return f"{'+' if code else ''}{code}{national[:head]}****{national[len(national) - tail :]}"


def mask_email(email: str) -> str:
    local, at, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}{NOTHING}@{domain}" if at else NOTHING


def mask_name(name: str) -> str:
    return _WORD.sub(lambda word: _masked_word(word[0]), name)


def mask_given_name(name: str) -> str:
    """Shows no more of a Chinese name than the whole name does, beside which it stands."""
    return f"{'*' * min(len(name) - 1, 2)}{name[-1]}" if len(name) > 1 and _IS_HAN.match(name) else mask_name(name)


def mask_id(number: str) -> str:
    return f"{number[:3]}****{number[-2:]}" if len(number) >= _SHORTEST_ID else NOTHING


def mask_postcode(postcode: str) -> str:
    return f"{postcode[:2]}{NOTHING}" if len(postcode) >= _SHORTEST_POSTCODE else NOTHING


def mask_date(day: str) -> str:
    return f"{day[:4]}-**-**"


def mask_place(place: Mapping[str, float]) -> dict[str, float]:
    return {name: round(degrees, 1) for name, degrees in place.items()}


def mask_text(_: str) -> str:
    return NOTHING


def _masked_word(word: str) -> str:
    if len(word) < 2:
        return "*"
    if not _IS_HAN.match(word):
        return f"{word[0]}{NOTHING}"
    return f"{word[0]}*" if len(word) == 2 else f"{word[0]}{'*' * min(len(word) - 2, 2)}{word[-1]}"


def _calling_code(digits: str) -> str:
    """The country's own digits in front of an international number; a number of no country has none."""
    return next((digits[:length] for length in (1, 2, 3) if int(digits[:length] or 0) in COUNTRY_CODE_TO_REGION_CODE), "")
