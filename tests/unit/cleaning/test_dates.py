from datetime import date

import pytest

from crmsearch.cleaning.dates import age_on, clean_birth_date, clean_timestamp
from crmsearch.cleaning.values import Clean, Rejection

AS_OF = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("raw", "day_first", "expected"),
    [
        ("03/04/1990", True, Clean("1990-04-03", ("date_ambiguous",))),
        ("03/04/1990", False, Clean("1990-03-04", ("date_ambiguous",))),
        ("25/12/1990", False, Clean("1990-12-25")),
        ("12/25/1990", True, Clean("1990-12-25")),
        ("03.04.1990", False, Clean("1990-04-03")),
        ("25/25/1990", True, Rejection("birth_date_invalid")),
    ],
)
def test_day_and_month(raw: str, day_first: bool, expected: object) -> None:
    assert clean_birth_date(raw, as_of=AS_OF, day_first=day_first) == expected


@pytest.mark.parametrize(
    ("born", "age"),
    [("1990-11-23", 36), ("1990-11-24", 35), ("2026-11-23", 0), ("2026-11-24", None), ("1906-11-23", 120), ("1905-11-23", None)],
)
def test_age_on(born: str, age: int | None) -> None:
    assert age_on(date.fromisoformat(born), AS_OF) == age


def test_a_leap_day_birthday_is_kept_on_the_first_of_march() -> None:
    assert age_on(date(2000, 2, 29), date(2026, 2, 28)) == 25
    assert age_on(date(2000, 2, 29), date(2026, 3, 1)) == 26


@pytest.mark.parametrize("raw", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2024-03-05T10:00:00+24:00"])
def test_zones_at_the_edge_of_the_calendar(raw: str) -> None:
    assert isinstance(clean_timestamp(raw, as_of=AS_OF), Rejection)
