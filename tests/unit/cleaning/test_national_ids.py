import pytest

from crmsearch.cleaning.national_ids import IdFacts, clean_national_id, read_chinese_id
from crmsearch.cleaning.values import Clean, Rejection


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("11010519491231002x", "CN", Clean("11010519491231002X")),
        ("110105 19491231 002X", None, Clean("11010519491231002X")),
        ("110105491231002", "CN", Clean("11010519491231002X", ("national_id_old",))),
        ("110105491231002", None, Clean("110105491231002")),
        ("110105491331002", "CN", Rejection("national_id_invalid")),
        ("990105491231002", "CN", Rejection("national_id_invalid")),
        ("110105194912310020", None, Rejection("national_id_invalid")),
        ("110105194912310020", "US", Rejection("national_id_invalid")),
        ("990105194912310020", "US", Clean("990105194912310020")),
        ("110105199013010024", "US", Clean("110105199013010024")),
        ("1101051949", "CN", Rejection("national_id_invalid")),
        ("E12345678", "CN", Clean("E12345678")),
        ("219-09-9998", "US", Clean("219-09-9998")),
        ("123-45-6789", "US", Clean(None, ("placeholder",))),
        ("111111111111111111", "CN", Clean(None, ("placeholder",))),
        ("1.10105E+17", "CN", Rejection("scientific_notation")),
    ],
)
def test_numbers(raw: str, country: str | None, expected: object) -> None:
    assert clean_national_id(raw, country) == expected


@pytest.mark.parametrize(
    ("number", "facts"),
    [
        ("11010519491231002X", IdFacts("1949-12-31", "female")),
        ("440524188001010014", IdFacts("1880-01-01", "male")),
        ("110105194912310020", None),
        ("110105491231002", None),
        ("", None),
    ],
)
def test_what_a_number_says(number: str, facts: IdFacts | None) -> None:
    assert read_chinese_id(number) == facts
