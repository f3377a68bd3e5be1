"""The customer seen whole: several systems, their orders, tickets and campaigns, in one run, with every row accounted for."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow.parquet as parquet
import pytest

from crmsearch.contract import RunReport
from crmsearch.errors import TooManyRejectedError
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.loading import IngestOptions, Runner, clean_to_files, load_customers, report_page
from crmsearch.settings import Settings
from tests.conftest import Loaded
from tests.documents import documents_in, runs_of

PRESETS = Path(__file__).parents[1] / "data" / "presets"


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _documents(loaded: Loaded) -> list[dict[str, Any]]:
    return list(documents_in(loaded.lifecycle, str(loaded.report.index)).values())


def test_every_row_of_every_kind_is_accounted_for(loaded: Loaded) -> None:
    kinds = {each.kind: each for each in loaded.report.inputs}
    assert set(kinds) == {"customers", "orders", "tickets", "campaigns"}
    for each in kinds.values():
        assert each.rows_read == each.indexed + each.merged + each.quarantined > 0, each.kind
        assert each.rows_read == sum(1 for _ in _rows(Path(each.path)))
        assert each.unmapped == [] or each.kind != "customers"
    quarantine = parquet.read_table(loaded.settings.paths.state / "quarantine" / loaded.report.run_id).to_pylist()
    for kind, each in kinds.items():
        assert sum(row["kind"] == kind for row in quarantine) == each.quarantined


def test_revenue_is_that_of_the_orders_to_the_cent(loaded: Loaded) -> None:
    documents = _documents(loaded)
    owner = {record: document["customer_id"] for document in documents for record in document["source_records"]}
    revenue: dict[str, Decimal] = {}
    orders: dict[str, int] = {}
    for row in _rows(loaded.sample / "orders.csv"):
        if (customer := owner.get(row["Customer ID"])) is not None:
            revenue[customer] = revenue.get(customer, Decimal(0)) + Decimal(row["Amount"])
            orders[customer] = orders.get(customer, 0) + 1
    assert len(revenue) > 1000
    for document in documents:
        customer = document["customer_id"]
        assert document["order_count"] == orders.get(customer, 0)
        assert Decimal(str(document.get("revenue", 0))) == revenue.get(customer, Decimal(0))


def test_customers_are_scored_and_grouped(loaded: Loaded) -> None:
    documents = _documents(loaded)
    buyers = [document for document in documents if document["order_count"]]
    assert all({"rfm_recency", "rfm_frequency", "rfm_monetary", "rfm_segment", "churn_risk"} <= document.keys() for document in buyers)
    assert all(0 <= document["churn_risk"] <= 1 for document in buyers)
    assert len({document["rfm_segment"] for document in buyers}) >= 5
    assert sum(loaded.report.rfm_segments.values()) >= len(buyers)
    assert 3 <= len(loaded.report.clusters) <= 8
    assert {each.name for each in loaded.report.clusters} >= {document["cluster"] for document in documents if "cluster" in document}


def test_merged_customers_say_why(loaded: Loaded, api_url: str) -> None:
    merged = [document for document in _documents(loaded) if len(document["source_records"]) > 1]
    assert len(merged) > 100
    assert all(document["merge_reasons"] and 0.5 < document["match_confidence"] <= 1 for document in merged)
    assert all(value not in reason for document in merged for value in document.get("emails", []) for reason in document["merge_reasons"])
    customer = merged[0]
    lineage = httpx.get(f"{api_url}/v1/customers/{customer['customer_id']}/lineage").raise_for_status().json()
    assert {each["record"] for each in lineage["records"]} == set(customer["source_records"])
    assert all(each["links"] for each in lineage["records"])


def test_the_report_is_kept_where_it_can_be_read(loaded: Loaded, api_url: str) -> None:
    page = report_page(loaded.settings, loaded.report).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/", "")
    assert loaded.report.run_id in page
    listed = httpx.get(f"{api_url}/v1/runs").raise_for_status().json()["runs"]
    assert loaded.report.run_id in {each["run_id"] for each in listed}
    report = httpx.get(f"{api_url}/v1/runs/{loaded.report.run_id}").raise_for_status().json()
    assert report["rows_read"] == loaded.report.rows_read
    assert {each["field"] for each in report["fields"]} >= {"name", "emails", "revenue"}
    assert any(each["samples"] for each in report["reasons"])


def test_too_many_rejected_rows_fail_the_run_and_can_be_looked_at(
    loaded: Loaded, lifecycle: Lifecycle, runner: Runner, tmp_path: Path
) -> None:
    path = tmp_path / "input.csv"
    path.write_text("Name,City\n" + "Ada Lovelace,London\n" * 9 + ",Paris\n", encoding="utf-8")
    live, generations = lifecycle.live(), len(lifecycle.generations())
    options = IngestOptions(paths=(str(path),), max_rejected=0.05)
    with pytest.raises(TooManyRejectedError, match=r"1 of 10 rows of customers \(10\.0%\).*the rows and their reasons are in") as caught:
        load_customers(loaded.settings, lifecycle, runs_of(lifecycle), options, runner=runner)
    assert caught.value.exit_code == 6
    assert (lifecycle.live(), len(lifecycle.generations())) == (live, generations)
    (listed,) = [each for each in runs_of(lifecycle).page().runs if each.failure == caught.value.detail]
    assert (listed.state, listed.rows_read, listed.indexed, listed.quarantined) == ("failed", 10, 0, 1)
    report = runs_of(lifecycle).get(listed.run_id)
    assert report.quarantined_by_reason["no_identity"] == 1
    assert "The run failed" in report_page(loaded.settings, report).read_text(encoding="utf-8")
    folder = caught.value.detail.rpartition(" ")[2].removeprefix("file://")
    assert [row["reasons"][0] for row in parquet.read_table(folder).to_pylist()] == ["no_identity"]
    allowed = IngestOptions(paths=(str(path),), max_rejected=0.1)
    assert clean_to_files(loaded.settings, allowed, tmp_path / "out", runner=runner).quarantined == 1


def test_orders_for_unknown_customers_are_too_many_rejected_too(loaded: Loaded, runner: Runner, tmp_path: Path) -> None:
    customers, orders = tmp_path / "customers.csv", tmp_path / "orders.csv"
    customers.write_text("Customer ID,Name\nC1,Ada Lovelace\n", encoding="utf-8")
    orders.write_text("Order ID,Customer ID,Order Date,Amount\nO1,C9,2024-01-01,9.90\n", encoding="utf-8")
    options = IngestOptions(paths=(str(customers),), orders=(str(orders),))
    report = clean_to_files(loaded.settings, options, tmp_path / "out", runner=runner)
    assert [(each.kind, each.indexed, each.quarantined) for each in report.inputs] == [("customers", 1, 0), ("orders", 0, 1)]
    strict = IngestOptions(paths=(str(customers),), orders=(str(orders),), max_rejected=0.5)
    with pytest.raises(TooManyRejectedError, match="1 of 1 rows of orders") as caught:
        clean_to_files(loaded.settings, strict, tmp_path / "out", runner=runner)
    failed = caught.value.report
    assert failed is not None
    assert (failed.indexed, [each.code for each in failed.reasons]) == (1, ["customer_unknown"])
    assert failed == msgspec.json.decode((tmp_path / "out" / "report.json").read_bytes(), type=RunReport)


def test_files_of_several_systems_become_one_base(node_settings: Settings, runner: Runner, tmp_path: Path) -> None:
    tables = ("salesforce_contact", "salesforce_opportunity", "salesforce_campaignmember", "zoho_contacts", "dynamics365_lead")
    files = tuple(str(PRESETS / f"{table}.csv") for table in (*tables, "hubspot_contacts", "hubspot_tickets"))
    report = clean_to_files(node_settings, IngestOptions(paths=files), tmp_path / "out", runner=runner)
    assert {each.preset for each in report.inputs} == {"salesforce", "zoho", "dynamics365", "hubspot"}
    assert {each.kind for each in report.inputs} == {"customers", "orders", "tickets", "campaigns"}
    for each in report.inputs:
        assert each.rows_read == each.indexed + each.merged + each.quarantined
    documents = parquet.read_table(tmp_path / "out" / "customers").to_pylist()
    assert all(record.partition(":")[1] for document in documents for record in document["source_records"])


def test_a_name_of_ones_own_for_a_system(node_settings: Settings, runner: Runner, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"Customer ID,Name,City\n1,Person {'AB'[number - 1]},Rome\n", encoding="utf-8")
    options = IngestOptions(paths=(f"erp={tmp_path}/1.csv", f"shop={tmp_path}/2.csv"))
    report = clean_to_files(node_settings, options, tmp_path / "out", runner=runner)
    assert [each.source_system for each in report.inputs] == ["erp", "shop"]
    documents = parquet.read_table(tmp_path / "out" / "customers").to_pylist()
    assert {document["customer_id"] for document in documents} == {"erp:1", "shop:1"}
