from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.indexing.names import analytics_alias, analytics_index, customers_alias, customers_index, generation_time


@given(st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive by definition
def test_an_index_name_says_when_it_was_begun(moment: datetime) -> None:
    assert generation_time("crm", customers_index("crm", moment)) == moment.replace(microsecond=0)


def test_names_are_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert customers_index("crm", datetime(2026, 11, 23, 18, 15, tzinfo=shanghai)) == "crm-customers-20261123t101500z"


@pytest.mark.parametrize(
    "name",
    [
        "crm-customers",
        "crm-customers-analytics",
        "crm-customers-analytics-20261123t101500z",
        "crm-customers-2026",
        "crm-customers-20261399t999999z",
        "other-customers-20261123t101500z",
    ],
)
def test_other_names_are_not_generations(name: str) -> None:
    assert generation_time("crm", name) is None


def test_analysts_have_an_index_of_their_own_beside_each_generation() -> None:
    assert analytics_alias("crm") == "crm-customers-analytics"
    assert analytics_index("crm", "crm-customers-20261123t101500z") == "crm-customers-analytics-20261123t101500z"


def test_alias_is_the_name_readers_use() -> None:
    assert customers_alias("crm") == "crm-customers"
