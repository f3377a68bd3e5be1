"""Rules of retention are read whole or refused, and one that fits nearly everybody removes nobody."""

from __future__ import annotations

import pytest

from crmsearch.errors import ConfigError, InvalidRequestError
from crmsearch.retention import Due, check_share, parse_rules
from crmsearch.search.filters import parse_filter


def test_rules_are_filters_that_hold_together() -> None:
    rules = parse_rules("lifecycle:churned last_activity_at:..now-3y;  'city:New York' ; ")
    assert [rule.text for rule in rules] == ["lifecycle:churned last_activity_at:..now-3y", "'city:New York'"]
    assert rules[0].filters == (parse_filter("lifecycle:churned"), parse_filter("last_activity_at:..now-3y"))
    assert rules[1].filters == (parse_filter("city:New York"),)
    assert parse_rules(" ;; ") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lifecycle:churned age", "is not sound"),
        ("shoe_size:44", "is not sound"),
        ("age:40..20", "is not sound"),
        ("lifecycle:churned; 'city:New York", "a quote that does not end"),
    ],
)
def test_a_rule_that_is_not_sound_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_rules(text)


def test_more_than_a_share_does_not_go_at_once() -> None:
    due = Due(10, {"a": {"1", "2"}, "b": {"2", "3"}}, [])
    assert due.ids == {"1", "2", "3"}
    check_share(due, 0.3)
    with pytest.raises(InvalidRequestError, match="fit 3 of 10 customers, more than the 20%"):
        check_share(due, 0.2)
