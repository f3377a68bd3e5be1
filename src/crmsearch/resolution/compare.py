"""Two records, field by field: the level of the table that each pair of values has. Symmetric, and blind to where a record comes from."""

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from crmsearch.resolution.features import ROLES, Features, is_valid_id
from crmsearch.resolution.names import compare_names

__all__ = ["Agreement", "compare", "ids_conflict", "is_hopeless"]

_PROVIDERS = """
gmail.com googlemail.com yahoo.com hotmail.com outlook.com live.com icloud.com aol.com msn.com gmx.de gmx.net web.de t-online.de freenet.de
orange.fr free.fr wanadoo.fr laposte.net sfr.fr qq.com 163.com 126.com 139.com 189.com sina.com sina.cn sohu.com foxmail.com aliyun.com
yeah.net yahoo.co.uk btinternet.com yahoo.es hotmail.es telefonica.net rediffmail.com yahoo.in yahoo.co.in yahoo.com.hk mail.ru
protonmail.com proton.me
"""
FREE_MAIL = frozenset(_PROVIDERS.split())
"""Domains of mail providers, which say nothing of the company."""

# Numbers that are no mobile ones, in the countries where the number tells; a landline is a household's.
LANDLINE = re.compile(
    r"\+(?:86(?!1[3-9])|852[23]|886(?!9)|44(?!7)|49(?!1[5-7])|33(?![67])|34(?![67])|39(?!3)|91(?![6-9])|61(?!4)|81(?![789]0)|65(?![89]))"
)

YEARS_OF_A_GENERATION = 15


class Agreement(NamedTuple):
    """A field, its level, and the value that agrees, whose frequency counts; empty where no value is the same."""

    field: str
    level: str
    value: str = ""


def ids_conflict(one: str, two: str) -> bool:
    """Tell whether two numbers are of two people for certain: both prove themselves, and they differ."""
    return one != two and is_valid_id(one) and is_valid_id(two)


def is_hopeless(a: Features, b: Features) -> bool:
    """A quick look that spares most pairs the rest: a person and a company, two proven numbers, or two given names."""
    if a.company != b.company:
        return True
    if a.national_id and b.national_id:
        level = _number_level(a.national_id, b.national_id)
        if level != "differs":
            return False
        if ids_conflict(a.national_id, b.national_id):
            return True
    return not a.company and compare_names(a, b).given == "differs"


def compare(a: Features, b: Features) -> list[Agreement]:
    """The levels of all fields that both records know."""
    if a.company:
        return [*_account(a, b), *_phones(a, b), *_mail(a, b), *_site(a, b)]
    return [*_name(a, b), *_life(a, b), *_number(a, b), *_mail(a, b), *_phones(a, b), *_place(a, b), *_company(a, b)]


def _name(a: Features, b: Features) -> list[Agreement]:
    given, family = compare_names(a, b)
    if given == "swapped":
        return [Agreement("name", "swapped")]
    found = []
    if given != "unknown":
        agreed = _agreed(a.given.partition(" ")[0], b.given.partition(" ")[0])
        found.append(Agreement("given", given, f"g{agreed}" if given in {"same", "sound"} else ""))
    if family != "unknown":
        found.append(Agreement("family", family, f"f{_agreed(a.family, b.family)}" if family in {"same", "sound"} else ""))
    if a.generation != b.generation:
        found.append(Agreement("generation", "differs" if a.generation and b.generation else "one"))
    return found


def _agreed(one: str, two: str) -> str:
    """The name by which two agree, whichever comes first; one of them may stand in the whole name alone."""
    return min(filter(None, (one, two)), default="")


def _life(a: Features, b: Features) -> list[Agreement]:
    found = []
    if a.birth and b.birth:
        level = _birth_level(a.birth, b.birth)
        found.append(Agreement("birth date", level, f"b{a.birth}" if level == "same" else ""))
    elif a.age >= 0 and b.age >= 0:
        apart = abs(a.age - b.age)
        found.append(
            Agreement(
                "age", "same" if apart <= 1 else "near" if apart <= 3 else "differs" if apart < YEARS_OF_A_GENERATION else "generation"
            )
        )
    if a.gender and b.gender:
        found.append(Agreement("gender", "same" if a.gender == b.gender else "differs"))
    return found


@lru_cache(maxsize=65_536)
def _birth_level(one: str, two: str) -> str:
    if one == two:
        return "same"
    (year, month, day), (other, second, third) = one.split("-"), two.split("-")
    if year == other and month == third and day == second:
        return "turned"
    # A digit mistyped, left out of its place or swapped with the next, or a day or ten too many.
    first, last = date.fromisoformat(one), date.fromisoformat(two)
    slip = OSA.distance(one.replace("-", ""), two.replace("-", ""), score_cutoff=1) <= 1
    # A father and a son are seldom born on one day of the year, so that one digit is a slip; but where only the year is known, many write
    # 1 January.
    if abs(first.year - last.year) >= YEARS_OF_A_GENERATION and (not slip or one[5:] == two[5:] == "01-01"):
        return "generation"
    if slip or abs((first - last).days) in {1, 10}:
        return "similar"
    if (year == other) + (month == second) + (day == third) == 2:
        return "two parts"
    return "differs"


def _number(a: Features, b: Features) -> list[Agreement]:
    if not a.national_id or not b.national_id:
        return []
    level = _number_level(a.national_id, b.national_id)
    return [Agreement("national id", level, f"n{a.national_id}" if level == "same" else "")]


def _number_level(one: str, two: str) -> str:
    """The same, mistyped (one slip, two in a number of nine signs or more), or another; two that prove themselves are never mistyped."""
    if one == two:
        return "same"
    shorter = min(len(one), len(two))
    slips = 1 if shorter < 9 else 2
    if shorter < 6 or OSA.distance(one, two, score_cutoff=slips) > slips or ids_conflict(one, two):
        return "differs"
    return "similar"


def _mail(a: Features, b: Features) -> list[Agreement]:
    if not a.emails or not b.emails:
        return []
    shared = [email for email in a.emails if email in b.emails]
    if shared:
        return [Agreement("e-mail", "same", f"e{min(shared)}")]
    if any(_similar_mail(one, two) for one in a.emails for two in b.emails):
        return [Agreement("e-mail", "similar")]
    domains = {email.partition("@")[2] for email in a.emails} & {email.partition("@")[2] for email in b.emails} - FREE_MAIL
    if a.company and domains:
        return [Agreement("domain", "same", f"d{min(domains)}")]
    return [Agreement("e-mail", "differs")]


def _similar_mail(one: str, two: str) -> bool:
    """A slip in the letters of the same mailbox, or the same mailbox at another provider.

    Other digits behind the same letters are what providers give to namesakes, so they are no slip unless one digit of many differs.
    """
    (local, _, domain), (other, _, second) = one.partition("@"), two.partition("@")
    if local == other:
        return len(local) >= 6 and local not in ROLES and any(char.isdigit() for char in local)
    if domain != second or min(len(local), len(other)) < 5:
        return False
    slips = 2 if min(len(local), len(other)) >= 9 else 1
    if OSA.distance(local, other, score_cutoff=slips) > slips:
        return False
    letters, others = _letters(local), _letters(other)
    return letters != others or OSA.distance(local, other) == 1


def _letters(text: str) -> str:
    return "".join(char for char in text if not char.isdigit())


def _phones(a: Features, b: Features) -> list[Agreement]:
    if not a.phones or not b.phones:
        return []
    shared = sorted(phone for phone in a.phones if phone in b.phones)
    if shared:
        # The landline of a company is no household's.
        own = [phone for phone in shared if a.company or not LANDLINE.match(phone)]
        level = "two" if len(shared) > 1 else "same" if own else "landline"
        return [Agreement("phone", level, f"p{(own or shared)[0]}")]
    if any(OSA.distance(one, two, score_cutoff=1) <= 1 for one in a.phones for two in b.phones):
        return [Agreement("phone", "similar")]
    return [Agreement("phone", "differs")]


def _place(a: Features, b: Features) -> list[Agreement]:
    """Address, postcode and city are one fact, told once at its finest."""
    same_city = bool(a.city) and a.city == b.city
    same_code = bool(a.postcode) and a.postcode == b.postcode
    if a.address and b.address:
        known, level = "place", _address_level(a, b, near=_is_near(a, b))
        if level:
            return [Agreement(known, level)]
    elif a.postcode and b.postcode:
        known = "postcode"
    elif a.city and b.city:
        return [Agreement("city", "same", f"c{a.city}") if same_city else Agreement("city", "elsewhere")]
    else:
        return []
    if same_code:
        return [Agreement(known, "same postcode" if known == "place" else "same", f"z{a.postcode}")]
    if same_city:
        return [Agreement(known, "same city", f"c{a.city}")]
    return [Agreement(known, "elsewhere")]


def _is_near(a: Features, b: Features) -> bool:
    """Whether city or postcode agree but for a slip, or neither can tell: streets of one name are everywhere."""
    code = bool(a.postcode and b.postcode) and OSA.distance(a.postcode, b.postcode, score_cutoff=1) <= 1
    city = bool(a.city and b.city) and OSA.distance(a.city, b.city, score_cutoff=2) <= min(2, min(len(a.city), len(b.city)) // 4)
    return code or city or not ((a.postcode and b.postcode) or (a.city and b.city))


def _site(a: Features, b: Features) -> list[Agreement]:
    """The place of a company: two branches of one name are two accounts, so that another place weighs more than with people.

    One city or postcode is many companies' place and says nothing alone, but another one is another branch.
    """
    known = (each for each in _place(a, b) if each.field == "place" or each.level == "elsewhere")
    return [Agreement("site", each.level, each.value) for each in known]


def _address_level(a: Features, b: Features, *, near: bool) -> str:
    if a.address == b.address:
        return "same address" if near else "similar address"
    if not near:
        return ""
    alike = fuzz.ratio(a.address, b.address)
    if alike < 65:
        alike = fuzz.token_sort_ratio(a.address, b.address)
    if a.numbers == b.numbers:
        if alike >= 88:
            return "same address"
        # Or one record goes on where the other ends.
        goes_on = min(len(a.address), len(b.address)) >= 8 and fuzz.partial_ratio(a.address, b.address) >= 88
        return "similar address" if goes_on or alike >= 80 or (alike >= 65 and a.numbers) else ""
    return "similar address" if alike >= 80 and _share_number(a.numbers, b.numbers) else ""


def _share_number(one: str, two: str) -> bool:
    """A slip may hit one number, or a record leave one out; where most numbers differ it is another house of the street."""
    if not one or not two or one == two:
        return True
    ones, twos = one.split(" "), two.split(" ")
    return 2 * len({*ones} & {*twos}) >= max(len(ones), len(twos)) or OSA.distance(one, two, score_cutoff=1) <= 1


def _company(a: Features, b: Features) -> list[Agreement]:
    if not a.organisation or not b.organisation:
        return []
    level = _organisation_level(a.organisation, b.organisation)
    return [Agreement("company", level, f"o{a.organisation}" if level == "same" else "")]


def _account(a: Features, b: Features) -> list[Agreement]:
    if not a.organisation or not b.organisation:
        return []
    level = _organisation_level(a.organisation, b.organisation)
    return [Agreement("account", level, f"o{a.organisation}" if level == "same" else "")]


@lru_cache(maxsize=65_536)
def _organisation_level(one: str, two: str) -> str:
    if one == two:
        return "same"
    return "similar" if OSA.distance(one, two, score_cutoff=2) <= 2 and min(len(one), len(two)) >= 4 else "differs"
