from __future__ import annotations

import pytest

from crmsearch.cleaning.categories import clean_consents
from crmsearch.cleaning.values import Clean
from crmsearch.errors import InvalidRequestError
from crmsearch.search.consents import CHANNELS, Channel, build_consent_filters
from crmsearch.search.filters import Filter, check_filter


@pytest.mark.parametrize(
    ("channel", "allowing"), [("email", ["email", "marketing"]), ("phone", ["phone", "marketing"]), (None, [*CHANNELS, "marketing"])]
)
def test_marketing_asks_for_the_channel_or_a_general_yes(channel: Channel | None, allowing: list[str]) -> None:
    found = build_consent_filters("marketing", channel)
    assert found == (Filter(field="consents", in_=list(allowing)), Filter(field="consents", not_in=list(allowing)))
    for each in found:
        check_filter(each)


def test_other_purposes_ask_for_nothing_and_have_no_channel() -> None:
    assert build_consent_filters(None, None) is None
    assert build_consent_filters("service", None) is None
    with pytest.raises(InvalidRequestError, match="purpose=marketing"):
        build_consent_filters("analysis", "email")


@pytest.mark.parametrize("word", [*CHANNELS, "marketing"])
def test_consents_are_the_words_that_cleaning_keeps(word: str) -> None:
    assert clean_consents(word) == Clean((word,))


def test_cleaning_keeps_no_channel_that_is_not_known_here() -> None:
    kept = clean_consents("email;sms;call;letter;weixin;whatsapp;app;analytics;yes;no")
    assert isinstance(kept, Clean)
    assert set(kept.value or ()) == {*CHANNELS, "marketing", "profiling"}
