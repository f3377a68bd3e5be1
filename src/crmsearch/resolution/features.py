"""What of a document is compared: one compact record of normalised forms, made once and compared many times."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from pypinyin import Style, lazy_pinyin

from crmsearch.cleaning.chinese import pinyin_words
from crmsearch.cleaning.names import has_han
from crmsearch.cleaning.spelling import fold

__all__ = ["Features", "build_features", "is_valid_id", "soundex"]

ROLES = frozenset(
    {"info", "sales", "office", "contact", "support", "service", "admin", "mail", "hello", "team", "kontakt", "post", "accounts", "billing"}
)
"""Local parts of mailboxes that several people read."""

_LATIN = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"\d+")
_GENERATION = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
_LEGAL_WORDS = (
    "ltd limited inc incorporated llc llp plc gmbh mbh ohg corp corporation company co holdings holding group pty srl sarl sa ag kg se bv "
    "nv oy ab spa sas kgaa pvt the and und et"
)
_LEGAL = frozenset(_LEGAL_WORDS.split())
_HAN_LEGAL = re.compile(r"股份有限公司|有限责任公司|有限公司|集团公司|公司|集团")
_SOUNDEX = str.maketrans("abcdefghijklmnopqrstuvwxyz", "01230120022455012623010202")
_LU = {"lv": "lu", "lyu": "lu"}  # how 吕, Lü, is typed
_DNI = re.compile(r"[0-9]{8}[A-Z]")
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CHINESE_ID = re.compile(r"[1-8][0-9]{16}[0-9X]")
_ID_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))


class Features(msgspec.Struct, frozen=True, array_like=True):
    """The forms of one record that are compared. Texts are folded: lower case, no accents, simplified characters; empty means not known.

    Attributes:
        id: the record's own id; tells records apart and is never evidence.
        company: whether the record is a company account.
        given: given name in Latin letters, words joined by a space; pinyin of a Chinese name.
        family: family name likewise.
        given_han: given name in simplified characters, if it was written so.
        family_han: family name likewise.
        whole: the full name in Latin letters without spaces.
        generation: ``jr``, ``sr``, ``ii``, ``iii`` or ``iv``.
        readings: other readings of a Chinese surname.
        birth: ``yyyy-MM-dd``.
        age: completed years; negative when not known.
        gender: ``female`` or ``male``.
        national_id: as cleaned.
        emails: addresses in one spelling.
        phones: E.164.
        address: street and house, words joined by a space.
        numbers: the numbers of the address, in order.
        postcode: in capitals without spaces.
        city: as cleaned, folded.
        organisation: company name without its legal form.
    """

    id: str
    company: bool = False
    given: str = ""
    family: str = ""
    given_han: str = ""
    family_han: str = ""
    whole: str = ""
    generation: str = ""
    readings: tuple[str, ...] = ()
    birth: str = ""
    age: int = -1
    gender: str = ""
    national_id: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    address: str = ""
    numbers: str = ""
    postcode: str = ""
    city: str = ""
    organisation: str = ""


@lru_cache(maxsize=65_536)
def soundex(word: str) -> str:
    """Sound of a word in Latin letters: its first letter and the classes of the next three consonants (Russell's code as of 1922)."""
    letters = "".join(_LATIN.findall(word))
    if not letters:
        return word[:4]
    codes = letters.translate(_SOUNDEX)
    sound, last = letters[0], codes[0]
    for letter, code in zip(letters[1:], codes[1:], strict=True):
        if code != "0" and code != last:
            sound += code
            if len(sound) == 4:
                break
        if letter not in "hw":
            last = code
    return sound


def is_valid_id(number: str) -> bool:
    """Tell whether an identity number proves itself by a check character: Chinese (GB 11643) or Spanish (DNI) ones.

    A number of another kind may be right or mistyped; nothing in it tells.
    """
    if _CHINESE_ID.fullmatch(number):
        total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, number, strict=False))
        return number[17] == "10X98765432"[total % 11]
    if _DNI.fullmatch(number):
        return number[8] == _DNI_LETTERS[int(number[:8]) % 23]
    return False


def build_features(document: Mapping[str, Any], record_id: str) -> Features:
    """Take from a cleaned document what is compared."""
    # A contact whose name was lost goes by the name of the company, and is still a person.
    company = document.get("kind") == "company" and not any(document.get(field) for field in ("birth_date", "gender", "national_id"))
    name = document.get("name") or ""
    birth = document.get("birth_date") or ""
    gender = document.get("gender") or ""
    address = _address(document)
    parts: dict[str, Any] = {"organisation": _organisation((name if company else document.get("company")) or "")}
    if document.get("kind") != "company" and name:
        parts |= _name_forms(name, document.get("given_name") or "", document.get("family_name") or "")
    age = document.get("age")
    return Features(
        id=record_id,
        company=company,
        birth=birth,
        age=-1 if age is None else age,
        gender=gender if gender in {"female", "male"} else "",
        national_id=(document.get("national_id") or "").replace("-", "").replace(" ", "").upper(),
        emails=tuple(dict.fromkeys(_mailbox(email) for email in document.get("emails") or ())),
        phones=tuple(dict.fromkeys(document.get("phones") or ())),
        address=address,
        numbers=" ".join(_NUMBER.findall(address)),
        postcode=(document.get("postcode") or "").replace(" ", "").replace("-", ""),
        city=fold(document.get("city") or ""),
        **parts,
    )


def _address(document: Mapping[str, Any]) -> str:
    address = fold(document.get("address") or "")
    district = fold(document.get("district") or "")
    # One system has the district in a column of its own, another in front of the street.
    return address.removeprefix(district).strip() if district and has_han(district) else address


def _mailbox(email: str) -> str:
    """One spelling of an address: what stands behind a plus names no other mailbox, nor do dots at Gmail."""
    local, _, domain = email.partition("@")
    local = local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _organisation(name: str) -> str:
    if not name:
        return ""
    folded = _HAN_LEGAL.sub("", fold(name)) if has_han(name) else fold(name)
    words = folded.split(" ")
    return " ".join(word for word in words if word not in _LEGAL) or folded


def _name_forms(name: str, given: str, family: str) -> dict[str, Any]:
    folded = fold(name)
    words = folded.split(" ")
    generation = next((_GENERATION[word] for word in words[1:] if word in _GENERATION), "")
    if not has_han(name):
        given, family = fold(given), _LU.get(fold(family), fold(family))
        whole = "".join(word for word in words if word not in _GENERATION or word == words[0])
        return {"given": given, "family": family, "whole": whole, "generation": generation}
    han_given, han_family = fold(given), fold(family)
    families = _surname_readings(name) if han_family else []
    first = _reading(han_given)
    return {
        "given": first,
        "family": families[0] if families else "",
        "given_han": han_given,
        "family_han": han_family,
        "whole": (families[0] if families else "") + first if han_given or han_family else _reading(folded),
        "readings": tuple(families[1:]),
    }


@lru_cache(maxsize=65_536)
def _reading(han: str) -> str:
    return _plain("".join(lazy_pinyin(han.replace(" ", ""), style=Style.NORMAL)))


@lru_cache(maxsize=65_536)
def _surname_readings(name: str) -> list[str]:
    """All readings of the surname, likeliest first."""
    return list(dict.fromkeys(_plain(line.partition(" ")[0]) for line in pinyin_words(name)))


def _plain(reading: str) -> str:
    # The sound of 吕 is written lü, lv, lyu or lu.
    return reading.replace("yu", "u") if reading == "lyu" else reading.replace("ü", "u").replace("v", "u")
