"""How a table to read is named."""

from __future__ import annotations

import pytest

from crmsearch.inputs import is_system, split_part, split_system


@pytest.mark.parametrize(
    ("word", "system", "path"),
    [
        ("leads.csv", "", "leads.csv"),
        ("zoho=leads.csv", "zoho", "leads.csv"),
        ("my_erp2=s3a://bucket/a=b/kunden.csv", "my_erp2", "s3a://bucket/a=b/kunden.csv"),
        ("/data/year=2026/leads.csv", "", "/data/year=2026/leads.csv"),
        ("Zoho=leads.csv", "", "Zoho=leads.csv"),
        ("2nd=leads.csv", "", "2nd=leads.csv"),
        ("zoho=", "", "zoho="),
    ],
)
def test_a_path_may_bear_the_name_of_its_system(word: str, system: str, path: str) -> None:
    assert split_system(word) == (system, path)


@pytest.mark.parametrize(
    ("path", "whole", "part"),
    [
        ("book.xlsx", "book.xlsx", ""),
        ("book.xlsx#Leads", "book.xlsx", "Leads"),
        ("BOOK.XLSM#A#B", "BOOK.XLSM", "A#B"),
        ("export.zip#crm/contacts.csv", "export.zip", "crm/contacts.csv"),
        ("contacts#1.csv", "contacts#1.csv", ""),
        ("book.xlsx#", "book.xlsx#", ""),
    ],
)
def test_behind_a_hash_stands_one_table_of_a_workbook_or_archive(path: str, whole: str, part: str) -> None:
    assert split_part(path) == (whole, part)


@pytest.mark.parametrize(("word", "named"), [("zoho", True), ("my_erp", True), ("", False), ("Zoho", False), ("my erp", False)])
def test_names_of_systems(word: str, named: bool) -> None:
    assert is_system(word) is named
