import random

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from crmsearch.cleaning.phones import clean_phone
from crmsearch.cleaning.text import is_made_up_number
from crmsearch.cleaning.values import Clean


def by_the_library(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def spellings(region: str, rng: random.Random) -> list[str]:
    """Numbers of a country, right and nearly right, in several notations."""
    plan = PhoneMetadata.metadata_for_region(region)
    assert plan is not None
    found = []
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        for _ in range(5):
            digits = list(phonenumbers.national_significant_number(example))
            for _ in range(rng.randint(0, 4)):
                digits[rng.randrange(len(digits))] = rng.choice("0123456789")
            number = "".join(digits)[: len(digits) - rng.choice([0, 0, 0, 1])] + rng.choice(["", "", "", "5"])
            prefix, code = plan.national_prefix or "", plan.country_code
            found += [number, prefix + number, f"+{code}{number}", f"{code}{number}", f"({prefix}{number[:3]}) {number[3:6]}-{number[6:]}"]
    return [text for text in found if not is_made_up_number("".join(filter(str.isdigit, text)))]


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_short_way_agrees_with_the_library(region: str) -> None:
    for text in spellings(region, random.Random(17)):
        outcome = clean_phone(text, region)
        found, expected = outcome.value if isinstance(outcome, Clean) else None, by_the_library(text, region)
        if found is None and expected is not None:
            assert getattr(outcome, "code", "") == "phone_placeholder", text
        else:
            assert found == expected, text


def test_numbers_that_forms_are_filled_with_are_kept_and_noted() -> None:
    for number in ("+8613800138000", "+8618888888888", "+8613912345678"):
        assert clean_phone(number) == Clean(number, ("phone_filler",))
    assert clean_phone("+8613912345679") == Clean("+8613912345679")
