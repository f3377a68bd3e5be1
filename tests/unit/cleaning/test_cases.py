"""Every row of ``cleaning_cases.csv``, and what the table of rules owes to it.

A case is one cell, beside a good name unless it is part of the name itself; ``expected`` and ``codes`` are lists parted by ``;``. For
``row`` the cells and the expected part of the document are JSON objects.
"""

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from crmsearch.cleaning.numbers import clean_decimal, clean_integer
from crmsearch.cleaning.record import CleanRecord, RecordContext, clean_record
from crmsearch.cleaning.rules import RULES
from crmsearch.cleaning.values import Outcome, Rejection

CASES_FILE = Path(__file__).parents[2] / "data" / "cleaning_cases.csv"
AS_OF = "2026-11-23"

AMOUNTS: dict[str, Callable[[str], Outcome[Any]]] = {
    "revenue": clean_decimal,
    "order_count": clean_integer,
}  # fields of other exports, which clean_record does not read

# Codes that no cell of a customer's row can break are tested where they arise: 10,000 characters have no place in the file, the reader
# judges cell counts and bytes, and orders, tickets and campaign responses have cases of their own.
TESTS = Path(__file__).parents[2]


def read_cases() -> list[tuple[str, str, str, str, str]]:
    with CASES_FILE.open(encoding="utf-8", newline="") as file:
        return [(one["field"], one["raw"], one["region"], one["expected"], one["codes"]) for one in csv.DictReader(file)]


CASES = read_cases()


def clean_row(cells: dict[str, str], region: str) -> CleanRecord:
    return clean_record(list(cells.values()), list(cells), RecordContext(as_of=AS_OF, default_region=region or None))


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return ";".join(value) if isinstance(value, list) else str(value)


def codes_of(codes: str) -> list[str]:
    return [code for code in codes.split(";") if code]


@pytest.mark.parametrize(("field", "raw", "region", "expected", "codes"), CASES)
def test_case(field: str, raw: str, region: str, expected: str, codes: str) -> None:
    if field in AMOUNTS:
        outcome = AMOUNTS[field](raw)
        found: Sequence[str] = (outcome.code,) if isinstance(outcome, Rejection) else outcome.issues
        value = None if isinstance(outcome, Rejection) else outcome.value
        assert (as_text(value), list(found)) == (expected, codes_of(codes))
        return
    cells = json.loads(raw) if field == "row" else {field: raw}
    if field not in {"row", "name", "given_name", "family_name"}:
        cells["name"] = "Ada Lovelace"
    record = clean_row(cells, region)
    assert [*record.issues, *record.rejections] == codes_of(codes)
    if field == "row":
        wanted = json.loads(expected)
        assert {key: record.document.get(key) for key in wanted} == wanted
    else:
        assert as_text(record.document.get(field)) == expected


def test_every_code_of_a_case_is_a_rule_and_every_rule_has_a_case() -> None:
    seen = {code for case in CASES for code in codes_of(case[-1])}
    assert seen <= set(RULES)
    elsewhere = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    assert [code for code in RULES if code not in seen and not re.search(rf"\b{code}\b", elsewhere)] == []
    assert len(CASES) >= 600


def test_every_code_in_the_source_is_a_rule() -> None:
    source = Path(__file__).parents[3] / "src" / "crmsearch" / "cleaning"
    text = "".join(path.read_text(encoding="utf-8") for path in source.glob("*.py") if path.name != "rules.py")
    patterns = (r'Rejection\("(\w+)"\)', r'(?:issues|marks)(?:, |\.append\(|\[)"(\w+)"', r'too_long="(\w+)"', r'\(\*[\w.]*issues, "(\w+)"')
    emitted = {code for pattern in patterns for code in re.findall(pattern, text)}
    assert emitted <= set(RULES)
    assert len(emitted) > 45  # else the patterns no longer fit the code


def test_severity_says_whether_the_value_survives() -> None:
    """A case whose codes are all fixes has a value; one with a single code of severity blank has none."""
    for field, raw, _, expected, codes in CASES:
        severities = {RULES[code].severity for code in codes_of(codes)}
        if severities == {"fix"} and raw != "广东省":  # a province in the cell of the city: the value lives on elsewhere
            assert expected, (field, raw)
        if severities == {"blank"} and field not in {"emails", "phones", "tags", "consents", "row"}:
            assert not expected, (field, raw)


def test_what_a_rule_marks_it_does_not_mend() -> None:
    for field, raw, _, expected, codes in CASES:
        if field != "row" and codes and all(RULES[code].marks for code in codes_of(codes)):
            assert expected.removeprefix("+86") == raw, (field, raw)
