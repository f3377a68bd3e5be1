"""The clean truth: one person, or one company account, with facts that fit together."""

from collections.abc import Callable
from datetime import date
from functools import cache
from operator import mul

import msgspec

from crmsearch.sample.draw import LOG_NORMAL, NORMAL, Random, between, chance, deck, fill, pick
from crmsearch.sample.names import Name, draw_name
from crmsearch.sample.places import CITIES, City, draw_address, draw_number
from crmsearch.sample.wording import BRANDS, COMPANY_ENDINGS, INDUSTRIES, JOBS, TRADES

__all__ = ["Person", "chinese_check_digit", "draw_person", "iso_day"]

# Share of the customers of whom a fact is on file at all.
_HAS_EMAIL, _HAS_MOBILE, _HAS_LANDLINE, _HAS_COMPANY, _HAS_NATIONAL_ID = 0.93, 0.94, 0.35, 0.75, 0.55
_IS_ACCOUNT = 0.02  # a company without a contact person
_OFFICE_MAIL = 0.25  # of those who have a company
_SHARED_MAIL = 0.05  # members of a household who write from one mailbox
_MARRIED_IN = 0.25  # members of a household with a name of their own
_YEAR = 365.2425

# Most customers never order or order once, a few order for years: mean 2.0.
_ORDER_COUNTS = deck({0: 380, 1: 240, 2: 130, 3: 80, 4: 50, 5: 35, 6: 25, 7: 15, 8: 12, 10: 12, 13: 8, 18: 6, 25: 4, 40: 2, 60: 1})
_WITHOUT_ORDERS = deck({"Lead": 55, "Prospect": 38, "Churned": 7})
_WITH_ORDERS = deck({"Customer": 82, "Churned": 18})


class Person(msgspec.Struct):
    """One customer as it is in truth; records of it are what clerks made of that.

    Days are ordinals, as ``date.toordinal`` counts them: ``since`` is when the customer came, ``until`` when they last did anything.
    """

    serial: int
    city: City
    name: Name | None  # None: a company account
    gender: str
    birth: date | None
    email: str
    mobile: str
    landline: str
    address: str
    postcode: str
    national_id: str
    company: str
    job: str
    industry: str
    orders: int
    means: float  # multiplies what an order amounts to; median 1
    status: str
    since: int
    until: int

    @property
    def full_name(self) -> str:
        return self.name.full if self.name else self.company


@cache
def iso_day(ordinal: int) -> str:
    """ISO date of a day; there are few enough days to remember them all."""
    return date.fromordinal(ordinal).isoformat()


def chinese_check_digit(first17: str) -> str:
    """Last character of a Chinese identity number (ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(map(mul, map(int, first17), _ID_WEIGHTS)) % 11]


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _chinese_id(rng: Random, division: str, birth: date, gender: str) -> str:
    sequence = 2 * between(rng, 1, 499) - (gender == "M")  # odd for men
    first17 = f"{division}{birth.isoformat().replace('-', '')}{sequence:03}"
    return first17 + chinese_check_digit(first17)


def _spanish_id(rng: Random) -> str:
    number = between(rng, 10_000_000, 79_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


# British and American numbers are of kinds that are never issued.
_NATIONAL_IDS: dict[str, Callable[[Random, str, date, str], str]] = {
    "CN": _chinese_id,
    "ES": lambda rng, _division, _birth, _gender: _spanish_id(rng),
    "GB": lambda rng, _division, _birth, _gender: fill(rng, "QQ######A"),
    "US": lambda rng, _division, _birth, _gender: fill(rng, "9##-##-####"),
}


def _draw_company(rng: Random, city: City) -> tuple[str, str, str]:
    """Name, internet domain and industry of a company of this city."""
    language = city.country.language
    brand, domain = pick(rng, BRANDS[language])
    industry = pick(rng, INDUSTRIES)
    trade, ending = pick(rng, TRADES[language][industry]), pick(rng, COMPANY_ENDINGS[city.country.code])
    name = f"{city.name}{brand}{trade}{ending}" if language == "zh" else f"{brand} {trade} {ending}"
    return name, f"{domain}{industry.split()[0].lower()}{city.country.domain}", industry


def _draw_mail(rng: Random, name: Name, birth: date, city: City, office: str) -> str:
    """An e-mail address made of the name, with digits that keep namesakes apart as providers do."""
    given, family = name.key
    if office:
        return f"{given}.{family}{birth.year % 100:02}@{office}" if name.han else f"{given}.{family}@{office}"
    domain = pick(rng, city.country.mailers)
    style = rng.random()
    if domain == "qq.com" and style < 0.7:
        return f"{between(rng, 10_000_000, 2_999_999_999)}@qq.com"
    number = between(rng, 10, 9999)
    if style < 0.4:
        return f"{family}{given}{number}@{domain}"
    if style < 0.75:
        return f"{given}.{family}{number}@{domain}"
    return f"{given[0]}{family}{birth.year}{number % 100:02}@{domain}"


def _draw_birth(rng: Random, city: City, today: int) -> date:
    # The old end of the distribution is the longer one, so that the mean lies above the median.
    z = pick(rng, NORMAL)
    years = city.age + z * (17 if z > 0 else 9)
    years = min(18 + abs(years - 18), 96)  # only adults: the young end is folded back
    return date.fromordinal(today - int(years * _YEAR) - between(rng, 1, 364))


def _draw_stay(rng: Random, status: str, today: int) -> tuple[int, int]:
    """First and last day with any activity."""
    since = today - 30 - int(rng.random() * 8 * _YEAR)
    if status == "Churned":
        since = min(since, today - 500)
        return since, between(rng, since + 1, today - 400)
    quiet = int(360 * rng.random() ** 2)
    return since, max(since + 1, today - quiet)


def draw_person(rng: Random, serial: int, as_of: date, home: Person | None = None, namesake: Name | None = None) -> Person:
    """A new person.

    Args:
        rng: the source of chance.
        serial: their number.
        as_of: the day on which the export is made.
        home: one of whose household they are: same address and landline, mostly the same family name.
        namesake: a name to take over from somebody else.
    """
    today = as_of.toordinal()
    city = home.city if home else pick(rng, CITIES)
    country = city.country
    gender = "F" if chance(rng, 0.51) else "M"
    birth = _draw_birth(rng, city, today)
    clan = home.name.family if home and home.name and not chance(rng, _MARRIED_IN) else ""
    name = namesake or draw_name(rng, pick(rng, country.cultures), gender, clan)
    account = not home and chance(rng, _IS_ACCOUNT)

    company = office = industry = job = ""
    if account or chance(rng, _HAS_COMPANY):
        company, office, industry = _draw_company(rng, city)
        job = pick(rng, JOBS[country.language])
    district, division = pick(rng, city.districts)
    mobile = draw_number(rng, country.mobile or city.landline) if chance(rng, _HAS_MOBILE) else ""
    email = ""
    if not mobile or chance(rng, _HAS_EMAIL):
        if home and home.email and chance(rng, _SHARED_MAIL):
            email = home.email
        else:
            email = _draw_mail(rng, name, birth, city, office if chance(rng, _OFFICE_MAIL) else "")
    national_id = ""
    if country.code in _NATIONAL_IDS and chance(rng, _HAS_NATIONAL_ID):
        national_id = _NATIONAL_IDS[country.code](rng, division, birth, gender)
    orders = pick(rng, _ORDER_COUNTS)
    status = pick(rng, _WITH_ORDERS if orders else _WITHOUT_ORDERS)
    since, until = _draw_stay(rng, status, today)
    if home:
        landline, address, postcode = home.landline, home.address, home.postcode
    else:
        landline = draw_number(rng, city.landline) if chance(rng, _HAS_LANDLINE) else ""
        address, postcode = draw_address(rng, city, district), fill(rng, city.postcode)

    person = Person(
        serial=serial,
        city=city,
        name=name,
        gender=gender,
        birth=birth,
        email=email,
        mobile=mobile,
        landline=landline,
        address=address,
        postcode=postcode,
        national_id=national_id,
        company=company,
        job=job,
        industry=industry,
        orders=orders,
        means=city.spend * pick(rng, LOG_NORMAL),
        status=status,
        since=since,
        until=until,
    )
    return _as_account(rng, person, office) if account else person


def _as_account(rng: Random, person: Person, office: str) -> Person:
    """Take the human being out of it."""
    person.name, person.gender, person.birth, person.national_id, person.job = None, "", None, "", ""
    person.email = f"{pick(rng, ('info', 'sales', 'office', 'contact'))}{between(rng, 1, 99)}@{office}"
    return person
