"""Cells as a report may show them: enough to see what was wrong with one, too little to know whose it is.

What is shown depends on what a field holds:

======================== ============================================ =========================
names                    the first character of each word             ``Mr J*** S***``, ``张*``
e-mail addresses         the first character of each part             ``a***@g***.com``
phones                   the calling code and the last two digits     ``+86*********00``
dates                    the year                                     ``1990-**-**``
ids                      the first two characters and the last        ``11***0``
ages and other figures   up to three digits, or an age in words       ``212``, ``forty-one``
genders, places, states, whole, if it is a spelling of a known word   ``NYC``, ``女性``
currencies, yes and no
everything else          the first character, and about how long it is ``P*** (10 to 49 characters)``
======================== ============================================ =========================

Beyond the calling code, the year and the public end of a domain, no more than a third of the letters and digits of a value are shown,
except that a word of two or three keeps one. Words that say nothing (``N/A``, ``xxx``) are nobody's and stay; of a spreadsheet formula
its function is told. White space and characters that cannot be seen become visible, since they are often what was wrong.
"""

import re
from collections.abc import Callable

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from crmsearch.cleaning.categories import clean_lifecycle
from crmsearch.cleaning.dates import clean_age
from crmsearch.cleaning.genders import clean_gender
from crmsearch.cleaning.money import clean_currency
from crmsearch.cleaning.names import is_salutation
from crmsearch.cleaning.places import CITIES, clean_city, clean_country, clean_province, country_of_province
from crmsearch.cleaning.related import VOCABULARIES
from crmsearch.cleaning.text import HAN, is_formula, is_junk, is_nothing, match_key, neutralise_formula, tidy
from crmsearch.cleaning.values import Clean

__all__ = ["MAX_SAMPLE", "mask"]

MAX_SAMPLE = 60  # characters of a masked cell; the place in a table where it is shown
_MAX_READ = 500  # characters of the cell that are looked at
_MAX_WORD = 24  # characters; a known word is not longer
_SPACE, _UNSEEN = "␣", "▯"

_PUBLIC_ENDS = frozenset({"com", "net", "org", "edu", "gov", "info", "biz"})
_WORD = re.compile(rf"[{HAN}]+|(?:(?![{HAN}])\w)+")
_DIGITS = re.compile(r"\d+")
_SIGNED = re.compile(r"[+\-][\d*␣ ().\-]*")
# Any other word before a parenthesis may be somebody's name.
_FUNCTION = re.compile(
    r"[=+\-@]+\s*(CALL|CONCAT|CONCATENATE|EXEC|HYPERLINK|IF|IMAGE|IMPORT[A-Z]+|INDEX|INDIRECT|LEFT|MID|NOW|RIGHT|SUM|VLOOKUP|WEBSERVICE)\s*\(",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:1[89]\d\d|20\d\d|9999)(?=\d{4}(?!\d)|\D|$)")  # alone, or before a month and a day
_LENGTHS = ((10, "2 to 9"), (50, "10 to 49"), (500, "50 to 499"))


def mask(text: str, field: str) -> str:
    """A cell of ``field`` as a report may show it: one printable line of at most ``MAX_SAMPLE`` characters, no formula for a spreadsheet.

    Total: any text and any field, also one that the catalogue does not know, has an answer.
    """
    cell = text[:_MAX_READ]
    tidied = tidy(cell).value or ""
    if is_formula(tidied):
        shown = _masked_formula(tidied)
    elif _is_nobodys(tidied, field):
        shown = _visible(cell)
    else:
        shown = _MASKS.get(field, _masked_other)(_visible(cell))
    shown = shown if len(shown) <= MAX_SAMPLE else shown[: MAX_SAMPLE - 1] + "…"
    # A number with its sign runs nothing, and phones shall not look odd.
    return shown if _SIGNED.fullmatch(shown) else neutralise_formula(shown)


def _is_nobodys(text: str, field: str) -> bool:
    """Filler, or a known word that many people share."""
    if is_nothing(text) or (field in _NAMES and not any(char.isdecimal() for char in text) and is_junk(text)):
        return True
    return field in _KNOWN and len(text) <= _MAX_WORD and "," not in text and _KNOWN[field](text)


def _visible(text: str) -> str:
    """The text with marks for what the eye does not see, other than one space between words."""
    marked = re.sub(r"\s+", lambda run: " " if run[0] == " " else _SPACE * min(len(run[0]), 3), text)
    if marked.startswith(" "):
        marked = _SPACE + marked[1:]
    if marked.endswith(" "):
        marked = marked[:-1] + _SPACE
    return "".join(char if char.isprintable() else _UNSEEN for char in marked)


def _masked_formula(text: str) -> str:
    function = _FUNCTION.match(text)
    return f"={function[1].upper()}(***)" if function else f"{text[0]}***"


def _masked_name(text: str) -> str:
    return _WORD.sub(lambda word: _initial(word[0]), text)


def _initial(word: str) -> str:
    """The first character of a word and stars: one for each Han character, three for letters, whose number tells too much.

    A form of address is nobody's.
    """
    if is_salutation(word):
        return word
    if len(word) < 2:
        return "*"
    return word[0] + "*" * (min(len(word) - 1, 3) if re.match(f"[{HAN}]", word) else 3)


def _masked_email(text: str) -> str:
    return re.sub(r"[^;,\s␣|/]+", lambda address: _masked_address(address[0]), text)


def _masked_address(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at:
        return _start(address)
    name, dot, end = domain.rpartition(".")
    public = dot and (end.lower() in _PUBLIC_ENDS or re.fullmatch("[A-Za-z]{2}", end))
    return f"{_start(local)}@{_start(name)}.{end}" if public else f"{_start(local)}@{_start(domain)}"


def _masked_phone(text: str) -> str:
    digits = "".join(_DIGITS.findall(text))
    country = _calling_code(digits) if text.lstrip(_SPACE + " ").startswith(("+", "00", "＋")) else ""
    tail = min(2, (len(digits) - len(country)) // 3)
    seen, total = 0, len(digits)
    shown = []
    for char in text:
        if char.isdecimal():
            seen += 1
            kept = seen <= len(country) or seen > total - tail
            shown.append(char if kept else "*")
        else:
            shown.append("*" if char.isalnum() else char)
    return "".join(shown)


def _calling_code(digits: str) -> str:
    """The country's own digits in front of an international number, with the zeros that may stand before them."""
    zeros = len(digits) - len(digits.removeprefix("00"))
    for length in (1, 2, 3):
        code = digits[zeros : zeros + length]
        if code.isascii() and code and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            return digits[: zeros + length]
    return ""


def _masked_date(text: str) -> str:
    year = _YEAR.search(text)
    spared = range(*year.span()) if year else range(0)
    return "".join("*" if char.isalnum() and place not in spared else char for place, char in enumerate(text))


def _masked_id(text: str) -> str:
    word = "".join(char for char in text if char.isalnum())
    if len(word) < 6:
        return _start(text)
    return f"{word[:2]}***{word[-1] if len(word) >= 9 else ''}"


def _masked_figure(text: str) -> str:
    return text if re.fullmatch(r"-?\d{1,3}(?:[.,]\d)?", text) else _masked_other(text)


def _masked_other(text: str) -> str:
    length = next((words for limit, words in _LENGTHS if len(text) < limit), "500 or more")
    bare = text.lstrip(_SPACE + _UNSEEN)
    return f"{text[: len(text) - len(bare)]}{_start(bare)}{f' ({length} characters)' if len(text) > 1 else ''}"


def _start(text: str) -> str:
    """The first character, if there are enough others; a mark or a symbol in front of it tells nothing of a person."""
    if not text:
        return ""
    letters = sum(char.isalnum() for char in text)
    return f"{text[0]}***" if letters > 1 or not text[0].isalnum() else "***"


_NAMES = frozenset({"name", "given_name", "family_name", "owner", "company"})
_MASKS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(_NAMES, _masked_name),
    "emails": _masked_email,
    "phones": _masked_phone,
    **dict.fromkeys(
        ("birth_date", "created_at", "updated_at", "last_activity_at", "ordered_at", "opened_at", "closed_at", "sent_at"), _masked_date
    ),
    **dict.fromkeys(
        ("customer_id", "national_id", "postcode", "line", "order_id", "ticket_id", "response_id", "source_records"), _masked_id
    ),
    **dict.fromkeys(("age", "amount", "quantity", "satisfaction", "unit_price"), _masked_figure),
}


def _is_known_city(text: str) -> bool:
    outcome = clean_city(text)
    return isinstance(outcome, Clean) and outcome.value in CITIES


def _is_known_province(text: str) -> bool:
    outcome = clean_province(text)
    return isinstance(outcome, Clean) and outcome.value is not None and country_of_province(outcome.value) is not None


def _word_of(words: frozenset[str]) -> Callable[[str], bool]:
    return lambda text: match_key(text) in words


# Fields whose words come from a public list, and how to tell that a cell is a spelling of one.
_KNOWN: dict[str, Callable[[str], bool]] = {
    "gender": lambda text: isinstance(clean_gender(text), Clean),
    "age": lambda text: isinstance(clean_age(text), Clean),
    "city": _is_known_city,
    "province": _is_known_province,
    "country": lambda text: isinstance(clean_country(text), Clean),
    "lifecycle": lambda text: isinstance(clean_lifecycle(text), Clean),
    "currency": lambda text: isinstance(clean_currency(text), Clean),
    **{field: _word_of(words) for field, words in VOCABULARIES.items()},
}
