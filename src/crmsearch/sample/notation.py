"""Other ways to write the same thing: ages in words, dates, times and telephone numbers."""

from collections.abc import Callable
from datetime import date

from crmsearch.sample.draw import Random, between, chance, pick, words
from crmsearch.sample.people import Person

__all__ = ["age_in_words", "in_other_date_format", "in_other_phone_notation", "in_other_time_format", "to_full_width"]

_TEENS = words("ten,eleven,twelve,thirteen,fourteen,fifteen,sixteen,seventeen,eighteen,nineteen")
_TENS = words("twenty,thirty,forty,fifty,sixty,seventy,eighty,ninety")
_ONES = words("one,two,three,four,five,six,seven,eight,nine")
_HAN_DIGITS = "零一二三四五六七八九"
_MONTHS = words("Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

# Sizes of the groups in which people say a national number, with the trunk digit where one is dialled; what is left is the last group.
_GROUPS = {"CN": (3, 4), "HK": (4,), "TW": (4, 3), "US": (3, 3), "GB": (5,), "DE": (4,), "FR": (2, 2, 2, 2), "ES": (3, 3), "IN": (5,)}


def age_in_words(rng: Random, age: str, person: Person) -> str:
    """``四十二``, ``forty-two``, ``42 years`` or ``42岁``."""
    years = int(age)
    chinese = person.city.country.language == "zh"
    if chance(rng, 0.3):
        return f"{years}岁" if chinese else f"{years} years"
    tens, ones = divmod(years, 10)
    if chinese:
        return (_HAN_DIGITS[tens] if tens > 1 else "") + "十" + (_HAN_DIGITS[ones] if ones else "")
    if tens == 1:
        return _TEENS[ones]
    return f"{_TENS[tens - 2]}-{_ONES[ones - 1]}" if ones else _TENS[tens - 2]


def to_full_width(_rng: Random, cell: str, _person: Person) -> str:
    """Every ASCII character as its full-width form."""
    return cell.translate(_FULL_WIDTH)


_DATE_FORMATS: tuple[Callable[[date], str], ...] = (
    lambda d: f"{d.year}/{d.month:02}/{d.day:02}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: f"{d.year}年{d.month}月{d.day}日",
    lambda d: f"{d.year}.{d.month}.{d.day}",
    lambda d: f"{d:%Y%m%d}",
    lambda d: f"{d.day} {_MONTHS[d.month - 1]} {d.year}",
)
# Which of day and month comes first can only be known from the country.
_LOCAL_DATE_FORMATS: dict[str, Callable[[date], str]] = {
    "US": lambda d: f"{d.month:02}/{d.day:02}/{d.year}",
    "GB": lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    "FR": lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    "ES": lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    "IN": lambda d: f"{d.day:02}-{d.month:02}-{d.year}",
}


def in_other_date_format(rng: Random, _cell: str, person: Person) -> str | None:
    """The birth date in a format that is not ISO."""
    if not person.birth:
        return None
    local = _LOCAL_DATE_FORMATS.get(person.city.country.code)
    return local(person.birth) if local and chance(rng, 0.4) else pick(rng, _DATE_FORMATS)(person.birth)


_TIME_FORMATS: tuple[Callable[[str, str, str, str], str], ...] = (
    lambda y, m, d, time: f"{y}-{m}-{d}T{time}Z",
    lambda y, m, d, time: f"{y}/{int(m)}/{int(d)} {time[:5]}",
    lambda y, m, d, time: f"{d}.{m}.{y} {time[:5]}",
    lambda y, m, d, _time: f"{y}年{int(m)}月{int(d)}日",
)


def in_other_time_format(rng: Random, moment: str, _person: Person) -> str:
    """A time stamp in a format other than the export's own."""
    day, time = moment.split(" ")
    year, month, day = day.split("-")
    return pick(rng, _TIME_FORMATS)(year, month, day, time)


def _grouped(national: str, sizes: tuple[int, ...]) -> str:
    parts = []
    for size in sizes:
        parts.append(national[:size])
        national = national[size:]
    return " ".join((*parts, national))


def in_other_phone_notation(rng: Random, number: str, person: Person) -> str:
    """An E.164 number the way people write it: national or international, grouped, in full-width digits, with an extension."""
    country = person.city.country
    plain = number[1 + len(country.dialling) :]
    mobile = country.code == "CN" and plain.startswith("1") and len(plain) == 11
    trunk = "" if mobile else country.trunk
    national = trunk + plain
    sizes = _GROUPS[country.code]
    if country.code == "CN" and not mobile:
        # The first group is the area code, which is longer in smaller cities.
        sizes = (len(trunk) + len(person.city.landline.prefixes[0]) - 1 - len(country.dialling), 4)
    spaced = _grouped(national, sizes)
    style = rng.random()
    if style < 0.30:
        return national
    if style < 0.48:
        return spaced
    if style < 0.66:
        return spaced.replace(" ", "-")
    if style < 0.74:
        return f"+{country.dialling} {spaced.removeprefix(trunk).strip()}"
    if style < 0.80:
        return f"00{country.dialling}{plain}"
    if style < 0.86:
        area, _, rest = spaced.partition(" ")
        return f"({area}) {rest}"
    if style < 0.90:
        return f"(+{country.dialling}){plain}"
    if style < 0.94:
        return national.translate(_FULL_WIDTH)
    extension = between(rng, 10, 999)
    return pick(rng, (f"{spaced} ext. {extension}", f"{national}转{extension}", f"{national} x{extension}"))
