"""Whose a row of quarantine is: of the person who asks, and of nobody who only resembles them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crmsearch.indexing.erasure import Held
from crmsearch.rights import _recognise

ADA = {
    "customer_id": "zoho:12345",
    "source_records": ["zoho:12345", "777"],
    "name": "Ada Byron",
    "emails": ["jo@xa.com", "info@office.com"],
    "phones": ["+33612345678", "+49301234567", "+8613812345678"],
    "national_id": "110101199003070011",
}
HELD = Held(customer_id="zoho:12345", customers={"i": {"zoho:12345": ADA}}, records={}, writes={})


def _is_theirs(raw: Any, system: str | None = "zoho", kind: str = "customers", source_key: str | None = None) -> bool:
    row = {"raw": raw if isinstance(raw, str) else json.dumps(raw), "kind": kind, "source_key": source_key, "run_id": "r", "source": "f"}
    return _recognise(HELD, lambda _: system)(row)


@pytest.mark.parametrize(
    "raw",
    [
        {"Mail": "JO@xa.com"},
        {"Contact": "<jo@xa.com>, phone later"},
        {"Tel": "06 12 34 56 78"},
        {"Tel": "+33 (0)6 12 34 56 78"},
        {"Tel": "030 1234567"},
        {"Tel": "138-1234-5678 / 0755 8888"},
        {"ID": "110101199003070011"},
        "Ada;jo@xa.com;cut wrongly",
    ],
)
def test_an_address_a_phone_or_an_id_in_any_notation_is_theirs(raw: Any) -> None:
    assert _is_theirs(raw, None)
    assert _is_theirs(raw, kind="orders")


@pytest.mark.parametrize(
    "raw",
    [
        {"Mail": "bigjo@xa.com"},
        {"Mail": "jo@xa.com.cn"},
        {"Mail": "info@office.com"},
        {"Name": "Ada Byron"},
        {"Tel": "+33 6 12 34 56 79"},
        {"Key": "12345"},
    ],
)
def test_what_only_resembles_them_is_somebody_elses(raw: Any) -> None:
    assert not _is_theirs(raw, "erp")


def test_a_key_counts_in_its_own_system() -> None:
    assert _is_theirs({"x": "1"}, "zoho", source_key="12345")
    assert _is_theirs({"Customer": "12345"}, "zoho", kind="orders")
    assert _is_theirs({"Customer": "777"}, "generic", kind="orders")
    assert not _is_theirs({"x": "1"}, "erp", source_key="12345")
    assert not _is_theirs({"x": "1"}, "generic", source_key="12345")
    assert not _is_theirs({"x": "1"}, None, source_key="12345"), "nobody knows of which system it is"
