"""Every row of ``cleaning_cases.csv``, and what the table of rules owes to it.

A case is one cell, beside a good name unless it is part of the name itself; ``expected`` and ``codes`` are lists parted by ``;``. For
``row`` the cells and the expected part of the document are JSON objects.
"""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crmsearch.cleaning.numbers import clean_decimal, clean_integer
from crmsearch.cleaning.record import CleanRecord, RecordContext, clean_record
from crmsearch.cleaning.rules import RULES
from crmsearch.cleaning.values import Rejection

CASES_FILE = Path(__file__).parents[2] / "data" / "cleaning_cases.csv"
AS_OF = "2026-11-23"

AMOUNTS = {"revenue": clean_decimal, "order_count": clean_integer}  # fields of other exports, which clean_record does not read

# Codes without a case in the file, and who tests them: 10,000 characters have no place there, and the reader judges cell counts and bytes.
ELSEWHERE = {
    "notes_cut": "test_text.py",
    "cell_count": "the Spark reader",
    "undecodable": "the Spark reader",
    "malformed": "the Spark reader",
}


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
    assert seen | set(ELSEWHERE) == set(RULES)
    assert len(CASES) >= 150


def test_every_code_in_the_source_is_a_rule() -> None:
    source = Path(__file__).parents[3] / "src" / "crmsearch" / "cleaning"
    text = "".join(path.read_text(encoding="utf-8") for path in source.glob("*.py") if path.name != "rules.py")
    emitted = set(re.findall(r'Rejection\("(\w+)"\)', text)) | set(re.findall(r'issues(?:, |\.append\(|\[)"(\w+)"', text))
    assert emitted <= set(RULES)
    assert len(emitted) > 30  # else the patterns no longer fit the code


def test_severity_says_whether_the_value_survives() -> None:
    """A case whose codes are all fixes has a value; one with a single code of severity blank has none."""
    for field, raw, _, expected, codes in CASES:
        severities = {RULES[code].severity for code in codes_of(codes)}
        if severities == {"fix"}:
            assert expected, (field, raw)
        if severities == {"blank"} and field not in {"emails", "phones", "consents", "row"}:
            assert not expected, (field, raw)
