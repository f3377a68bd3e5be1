"""The table of faults in the documentation has a row for every fault test, and no other."""

from __future__ import annotations

from tests.faults_table import fault_names, read_rows


def test_every_fault_has_its_row() -> None:
    assert [row.fault for row in read_rows()] == fault_names(), "run pytest tests/integration/faults --update-faults"


def test_no_fault_is_told_twice() -> None:
    names = fault_names()
    assert len(names) == len(set(names)) > 10
