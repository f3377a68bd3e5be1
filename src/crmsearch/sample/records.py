"""A record: the cells of ``customers.csv`` that a careful clerk would write about a person."""

from datetime import date

from crmsearch.sample.draw import Random, between, chance, deck, pick
from crmsearch.sample.people import Person, iso_day
from crmsearch.sample.wording import NOTES, OWNERS, TAGS

__all__ = ["HEADER", "age_on", "draw_record", "record_id", "stamp"]

HEADER = (
    "Customer ID", "Full Name", "Gender", "Birth Date", "Age", "Email", "Phone", "Mobile", "Address", "City", "Province", "Country",
    "Postcode", "National ID", "Company", "Job Title", "Industry", "Status", "Owner", "Tags", "Consents", "Created", "Last Modified",
    "Last Activity", "Notes",
)  # fmt: skip

(
    ID, NAME, GENDER, BIRTH, AGE, EMAIL, PHONE, MOBILE, ADDRESS, CITY, PROVINCE, COUNTRY,
    POSTCODE, NATIONAL_ID, COMPANY, JOB, INDUSTRY, STATUS, OWNER, TAG, CONSENTS, CREATED, MODIFIED,
    ACTIVITY, NOTE,
) = range(len(HEADER))  # fmt: skip

_GENDERS = {"F": "Female", "M": "Male", "": ""}
_HAS_NOTE = 0.35
_TAG_COUNTS = deck({0: 55, 1: 28, 2: 12, 3: 5})
_CONSENTS = deck({"email": 26, "email;sms": 18, "email;phone": 10, "email;sms;phone": 16, "sms": 6, "phone": 4, "": 20})
_VIP_ORDERS = 8  # from so many on a customer is a very important one

# Every seventh second of the opening hours: a table, because putting a time together costs more than all else in a row of orders.
_TIMES = tuple(f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in range(7 * 3600, 21 * 3600, 7))

# Multiplying by a number that a prime does not divide visits every remainder once: ids are unique, and their order tells nothing about
# which records belong together.
_PRIMES = (9_999_991, 99_999_989, 9_999_999_967)
_STEP = 6_180_339


def record_id(serial: int, rows: int) -> str:
    """The id of the ``serial``-th record of ``rows``, such as ``C6180339``; ids beyond ``rows``, up to twice that, are nobody's."""
    prime = next(prime for prime in _PRIMES if 2 * rows < prime)
    return f"C{serial * _STEP % prime:0{len(str(prime))}}"


def age_on(day: date, birth: date) -> int:
    """Completed years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def stamp(rng: Random, ordinal: int) -> str:
    """A moment of a day, between seven in the morning and nine in the evening."""
    return f"{iso_day(ordinal)} {pick(rng, _TIMES)}"


def _draw_tags(rng: Random, person: Person) -> str:
    tags = ["vip"] if person.orders >= _VIP_ORDERS else []
    for _ in range(pick(rng, _TAG_COUNTS)):
        tag = pick(rng, TAGS)
        if tag not in tags:
            tags.append(tag)
    return ";".join(tags)


def draw_record(rng: Random, person: Person, identifier: str, as_of: date) -> list[str]:
    """A record of a person, as clean as the first one of a tidy company."""
    city, birth = person.city, person.birth
    language = city.country.language
    created = person.since + int((person.until - person.since) * rng.random() ** 3)
    return [
        identifier,
        person.full_name,
        _GENDERS[person.gender],
        birth.isoformat() if birth else "",
        str(age_on(as_of, birth)) if birth else "",
        person.email,
        person.landline,
        person.mobile,
        person.address,
        city.name,
        city.province,
        city.country.name,
        person.postcode,
        person.national_id,
        person.company,
        person.job,
        person.industry,
        person.status,
        pick(rng, OWNERS[language]),
        _draw_tags(rng, person),
        pick(rng, _CONSENTS),
        stamp(rng, created),
        stamp(rng, between(rng, created + 1, person.until)),
        stamp(rng, person.until),
        pick(rng, NOTES[language]) if chance(rng, _HAS_NOTE) else "",
    ]
