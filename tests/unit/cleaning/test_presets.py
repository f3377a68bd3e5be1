"""Every preset against a sample export of its own; a preset without one fails."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.cleaning.categories import OPT_OUTS
from crmsearch.cleaning.headers import GENERIC_CUSTOMERS, KEY_FIELDS, PRESETS, fields_of, knows_header, map_headers, recognise
from crmsearch.cleaning.presets import TABLES, PresetTable
from crmsearch.cleaning.text import match_key
from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.sample.files import FILES

DATA = Path(__file__).parents[2] / "data"
SAMPLES = sorted((DATA / "presets").glob("*.csv"))
EXPECTED: dict[str, dict[str, Any]] = json.loads((DATA / "presets" / "expected.json").read_text(encoding="utf-8"))
EVERY_TABLE = [(system, table) for system, preset in TABLES.items() for table in preset.tables]


def _headers(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file))


def _name(system: str, table: PresetTable) -> str:
    return f"{system}_{(table.name or table.kind).lower().replace(' ', '_')}"


def test_every_table_has_a_sample_and_every_sample_a_table() -> None:
    assert {path.stem for path in SAMPLES} == set(EXPECTED)
    for system, table in EVERY_TABLE:
        assert any(path.stem == _name(system, table) for path in SAMPLES), f"tests/data/presets/{_name(system, table)}.csv is missing"
    tables = {_name(system, table) for system, table in EVERY_TABLE}
    for path in SAMPLES:
        assert any(path.stem == name or path.stem.startswith(f"{name}_") for name in tables), path.name


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("told", ["nothing", "kind", "system"])
def test_a_sample_is_recognised_and_mapped(path: Path, told: str) -> None:
    expected = EXPECTED[path.stem]
    system = path.stem.partition("_")[0]
    headers = _headers(path)
    kind = expected["kind"] if told == "kind" else None
    recognised = recognise(headers, kind, system if told == "system" else "auto")
    assert (recognised.preset, recognised.table, recognised.kind) == (system, expected["table"], expected["kind"])
    mapping = map_headers(headers, {}, recognised)
    assert {header: field for header, field in zip(headers, mapping.columns, strict=True) if field} == expected["columns"]
    assert mapping.unmapped == tuple(header for header in headers if header not in expected["columns"])
    assert mapping.constants == expected["constants"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_order_and_case_of_the_columns_do_not_matter(path: Path) -> None:
    headers = _headers(path)
    expected = EXPECTED[path.stem]
    turned = [f" {header.upper()} " for header in reversed(headers)]
    recognised = recognise(turned)
    assert (recognised.preset, recognised.table, recognised.kind) == (path.stem.partition("_")[0], expected["table"], expected["kind"])
    columns = {header.strip(): field for header, field in zip(turned, map_headers(turned, {}, recognised).columns, strict=True) if field}
    assert columns == {header.upper(): field for header, field in expected["columns"].items()}


@pytest.mark.parametrize(("system", "table"), EVERY_TABLE, ids=lambda value: value if isinstance(value, str) else value.name or value.kind)
def test_a_table_is_sound(system: str, table: PresetTable) -> None:
    assert set(table.columns) <= set(fields_of(table.kind))
    assert table.columns.keys() >= {KEY_FIELDS[table.kind], "customer_id"}
    names = [match_key(header) for headers in table.columns.values() for header in headers]
    fields = {match_key(header): field for field, headers in table.columns.items() for header in headers}
    for field, headers in table.columns.items():
        for header in headers:
            assert match_key(header), header
            assert fields[match_key(header)] == field, f"{header} means two fields"
    assert not {match_key(header) for header in table.unused} & set(names)
    assert set(table.constants) <= {*fields_of(table.kind), "kind"}
    if system != "generic":
        assert len(table.marks) >= 2
        assert len({mark.lower() for mark in table.marks}) == len(table.marks)


def test_the_generic_fields_are_those_of_the_contract() -> None:
    assert set(fields_of("customers")) <= {*FIELDS, *OPT_OUTS, "deleted"}
    for kind in KEY_FIELDS:
        assert fields_of(kind)[0] == KEY_FIELDS[kind]
    assert PRESETS == ("dynamics365", "hubspot", "salesforce", "zoho", "generic")


@pytest.mark.parametrize("name", ["febrl1", "febrl2", "crm_data", "crm_data_zh"])
def test_files_of_no_system_are_generic(name: str) -> None:
    assert recognise(_headers(DATA / "real" / f"{name}.csv")) == GENERIC_CUSTOMERS


@pytest.mark.parametrize("kind", ["customers", "orders", "tickets", "campaigns"])
def test_the_sample_is_generic_and_mapped(kind: str) -> None:
    recognised = recognise(FILES[kind])
    assert (recognised.preset, recognised.table, recognised.kind) == ("generic", "", kind)
    assert set(map_headers(FILES[kind], {}, recognised).unmapped) <= {"Channel"}


@pytest.mark.parametrize(
    "headers",
    [
        "ID,First Name,Last Name,Email,Created Time,Modified Time",
        "Contact ID,First Name,Last Name,Email,Mailing Street,Account Name",
        "Record ID,Name,Phone Number,City,Owner",
        "Id,Name,Phone,AccountId",
        "name,company,phone,lifecycle stage",
        "contactid,name,phone",
        "",
    ],
)
def test_what_is_not_clear_is_generic(headers: str) -> None:
    assert recognise(headers.split(",")) == GENERIC_CUSTOMERS


def test_two_marks_in_a_table_of_other_things_are_no_proof() -> None:
    strange = [f"column {number}" for number in range(20)]
    assert recognise(["MailingStreet", "MailingCity", *strange]).preset == "generic"
    assert recognise(["MailingStreet", "MailingCity", *(f"Own_{number}__c" for number in range(20))]).preset == "salesforce"


def test_marks_of_two_systems_are_none() -> None:
    assert recognise(["Id", "MailingStreet", "MailingCity", "emailaddress1", "contactid", "lastname"]).preset == "generic"


def test_a_system_that_is_named_needs_no_marks() -> None:
    recognised = recognise(["Id", "LastName", "Company", "Email"], preset="salesforce")
    assert (recognised.preset, recognised.table) == ("salesforce", "Lead")
    unknown = recognise(["Farbe", "Form"], preset="salesforce")
    assert (unknown.preset, unknown.table, unknown.kind, unknown.system) == ("salesforce", "", "customers", "salesforce")
    assert recognise(_headers(DATA / "presets" / "zoho_leads.csv"), preset="generic").preset == "generic"
    with pytest.raises(InvalidRequestError, match="klingon"):
        recognise(["Id"], preset="klingon")


def test_what_a_table_holds_may_be_given() -> None:
    headers = _headers(DATA / "presets" / "salesforce_opportunity.csv")
    assert recognise(headers, "orders").table == "Opportunity"
    assert recognise(headers, "tickets") == type(GENERIC_CUSTOMERS)("generic", "", "tickets")


def test_an_account_is_not_the_key_of_its_contact_but_is_that_of_an_order() -> None:
    contact = map_headers(["AccountId", "Id", "LastName"], {}, recognise(["AccountId", "Id", "LastName"], "customers", "salesforce"))
    assert contact.columns == (None, "customer_id", "family_name")
    order = ["AccountId", "ContactId", "Id", "StageName", "Amount"]
    assert map_headers(order, {}, recognise(order, "orders", "salesforce")).columns[:3] == (None, "customer_id", "order_id")
    assert map_headers(order[:1] + order[2:], {}, recognise(order, "orders", "salesforce")).columns[0] == "customer_id"


def test_keys_of_companies_are_kept_apart_where_a_system_numbers_them_apart() -> None:
    assert recognise(_headers(DATA / "presets" / "hubspot_companies.csv")).system == "hubspot_company"
    assert recognise(_headers(DATA / "presets" / "hubspot_contacts.csv")).system == "hubspot"
    assert recognise(_headers(DATA / "presets" / "hubspot_deals_of_companies.csv")).system == "hubspot_company"
    assert GENERIC_CUSTOMERS.system == "generic"


OPT_OUT = re.compile(r"opt(ed)? ?_?out|optout|donot|do not (call|allow)|unsubscribed", re.IGNORECASE)


def test_an_opt_out_is_never_read_as_consent() -> None:
    known = {name for _, table in EVERY_TABLE for names in (table.unused, table.marks, *table.columns.values()) for name in names}
    refusals = {header for header in known if OPT_OUT.search(header)}
    refusals |= {"HasOptedOutOfEmail", "Email Opt Out", "donotemail", "Opt-out", "Unsubscribed", "Do Not Call", "No marketing"}
    assert len(refusals) > 25
    for system, table in EVERY_TABLE:
        recognised = type(GENERIC_CUSTOMERS)(system, table.name, table.kind)
        for header in refusals:
            (column,) = map_headers([header], {}, recognised).columns
            assert column in ({None, *OPT_OUTS} if table.kind == "customers" else {None}), f"{header} in {_name(system, table)}"


@pytest.mark.parametrize(
    ("header", "system", "table", "field"),
    [
        ("HasOptedOutOfEmail", "salesforce", "Lead", "email_opt_out"),
        ("DoNotCall", "salesforce", "Contact", "phone_opt_out"),
        ("donotbulkemail", "dynamics365", "contact", "email_opt_out"),
        ("Do not allow Phone Calls", "dynamics365", "lead", "phone_opt_out"),
        ("donotpostalmail", "dynamics365", "account", "post_opt_out"),
        ("Send Marketing Materials", "dynamics365", "contact", "opt_out"),
        ("hs_email_optout", "hubspot", "Contacts", "email_opt_out"),
        ("hs_email_optout_4711", "hubspot", "Contacts", None),
        ("Email Opt Out", "zoho", "Leads", "email_opt_out"),
        ("HasOptedOutOfFax", "salesforce", "Contact", None),
        ("Do-Not-Email", "generic", "", "email_opt_out"),
        ("短信退订", "generic", "", "sms_opt_out"),
        ("免打扰", "generic", "", "opt_out"),
    ],
)
def test_what_an_opt_out_refuses(header: str, system: str, table: str, field: str | None) -> None:
    assert map_headers([header], {}, type(GENERIC_CUSTOMERS)(system, table, "customers")).columns == (field,)


def test_an_addition_of_a_company_is_read_by_the_generic_table() -> None:
    headers = [*_headers(DATA / "presets" / "salesforce_contact.csv"), "District", "Marketing Consent", "Customer No"]
    assert map_headers(headers, {}, recognise(headers)).columns[-3:] == ("district", "consents", None)


def test_an_override_wins_over_a_preset() -> None:
    headers = _headers(DATA / "presets" / "zoho_contacts.csv")
    mapping = map_headers(headers, {"customer_id": "Email", "notes": "Lead Source"}, recognise(headers))
    columns = dict(zip(headers, mapping.columns, strict=True))
    assert (columns["Email"], columns["Record Id"], columns["Lead Source"], columns["Description"]) == ("customer_id", None, "notes", None)


def test_header_rows_are_told_from_titles() -> None:
    assert knows_header("MailingStreet")
    assert knows_header("姓名")
    assert not knows_header("Contacts exported on 3 March")
    assert not knows_header("")


@pytest.mark.parametrize(
    ("system", "table"),
    [each for each in EVERY_TABLE if each[0] != "generic"],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_page_lists_every_table(system: str, table: PresetTable) -> None:
    page = (DATA.parents[1] / "docs" / "sources.md").read_text(encoding="utf-8")
    marks = ", ".join(f"`{mark}`" for mark in table.marks[:6])
    constants = ", ".join(f"{field}={value}" for field, value in table.constants.items())
    assert f"| {TABLES[system].label} (`{system}`) | {table.name} | {table.kind} | {marks} | {constants} |" in page


@given(st.lists(st.sampled_from(sorted({header for _, table in EVERY_TABLE for header in (*table.marks, *table.unused)})), max_size=40))
def test_any_mixture_of_headers_is_answered(headers: list[str]) -> None:
    recognised = recognise(headers)
    mapping = map_headers(headers, {}, recognised)
    assert len(mapping.columns) == len(headers)
    filled = Counter(column for column in mapping.columns if column)
    assert all(count == 1 or field in {"emails", "phones", "tags", "consents", "address", *OPT_OUTS} for field, count in filled.items())
