"""Of somebody who is made anonymous stays what is counted and added up, and nothing that names or is rare."""

from __future__ import annotations

from typing import Any

from crmsearch.contract import FIELDS
from crmsearch.privacy.anonymity import KEPT, anonymous, values_to_count
from crmsearch.privacy.policy import POLICY

ADA: dict[str, Any] = {
    "customer_id": "C1",
    "name": "Ada Byron",
    "emails": ["ada@example.org"],
    "source_records": ["zoho:1"],
    "company": "Byron Ltd",
    "tags": ["knows Babbage"],
    "consents": ["email"],
    "city": "London",
    "job_title": "Countess",
    "quality_issues": ["name_case", "rare_one"],
    "age": 36,
    "revenue": 12.5,
    "last_order_at": "2026-01-03T04:05:06Z",
    "updated_at": "2026-01-03T04:05:06Z",
}
COMMON = {("city", "London"), ("quality_issues", "name_case")}


def test_what_stays_is_open_and_common() -> None:
    assert anonymous(ADA, lambda field, value: (field, value) in COMMON) == {
        "city": "London",
        "quality_issues": ["name_case"],
        "age": 36,
        "revenue": 12.5,
        "last_order_at": "2026-01-03",
    }


def test_words_are_counted_and_neither_numbers_nor_days() -> None:
    assert sorted(values_to_count(ADA)) == [
        ("city", "London"),
        ("job_title", "Countess"),
        ("quality_issues", "name_case"),
        ("quality_issues", "rare_one"),
    ]


def test_no_field_with_personal_data_stays_and_every_figure_does() -> None:
    assert {POLICY[name].kind for name in KEPT} == {"open"}
    assert {name for name, field in FIELDS.items() if field.statistic} - set(KEPT) == {"updated_at"}
