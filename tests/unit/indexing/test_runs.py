"""The document of a run: its figures agree with the mapping, its report comes back whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crmsearch.indexing.mappings import build_runs_body
from crmsearch.indexing.names import customers_pattern, generation_time, runs_index
from crmsearch.indexing.runs import RunSummary, build_document, parse_report
from crmsearch.settings import ElasticsearchSettings
from tests.reports import REPORT


def _stored(report: dict[str, Any]) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report))
    return decoded


def test_the_mapping_has_the_figures_and_nothing_else() -> None:
    mappings = build_runs_body(ElasticsearchSettings())["mappings"]
    assert mappings["dynamic"] == "strict"
    assert set(mappings["properties"]) == {*RunSummary.__struct_fields__, "report"}
    assert mappings["properties"]["report"] == {"type": "object", "enabled": False}


def test_reports_are_copied_like_customers() -> None:
    index = build_runs_body(ElasticsearchSettings(shards=5, replicas=2))["settings"]["index"]
    assert (index["number_of_shards"], index["number_of_replicas"]) == (1, 2)


def test_the_figures_are_those_of_the_report() -> None:
    document = build_document(REPORT, "promoted")
    assert {name: document[name] for name in ("run_id", "state", "rows_read", "indexed", "merged", "quarantined")} == {
        "run_id": REPORT.run_id,
        "state": "promoted",
        "rows_read": 12_000,
        "indexed": 11_500,
        "merged": 250,
        "quarantined": 250,
    }
    assert document["source_systems"] == ["generic", "salesforce", "zoho"]
    assert document["seconds"] == 35.25
    assert document["completeness"] == pytest.approx(0.77, abs=0.01)


def test_a_run_with_a_failure_has_failed() -> None:
    document = build_document(msgspec.structs.replace(REPORT, failure="5 of 9 rows were rejected"), "failed")
    assert (document["state"], document["failure"]) == ("failed", "5 of 9 rows were rejected")
    assert build_document(REPORT, "promoted")["failure"] is None


def test_a_report_comes_back_as_it_was() -> None:
    assert parse_report(_stored(build_document(REPORT, "promoted"))) == REPORT


def test_what_a_newer_version_wrote_can_be_read() -> None:
    stored = _stored(build_document(REPORT, "promoted"))
    stored["report"]["forecast"] = {"rows": 13_000}
    stored["report"]["inputs"][0]["checksum"] = "5f"
    assert parse_report(stored) == REPORT
    assert msgspec.convert({**stored, "cost": 1.5}, RunSummary).run_id == REPORT.run_id


def test_what_an_older_version_wrote_can_be_read() -> None:
    stored = _stored(build_document(REPORT, "promoted"))
    for name in ("reasons", "fields", "merges", "rfm_segments", "clusters", "failure"):
        del stored["report"][name]
    del stored["failure"]
    assert msgspec.convert(stored, RunSummary).failure is None
    assert parse_report(stored).rows_read == REPORT.rows_read


def test_a_run_that_has_just_begun_has_no_figures() -> None:
    summary = RunSummary(run_id="r", state="started", began_at="2026-11-23T10:15:00Z", crmsearch_version="1", index="i")
    assert (summary.rows_read, summary.indexed, summary.quarantined_share) == (None, None, None), "not known is not zero"


def test_the_index_of_runs_is_no_generation_of_customers() -> None:
    assert runs_index("crm") == "crm-runs"
    assert generation_time("crm", "crm-runs") is None
    assert not "crm-runs".startswith(customers_pattern("crm").partition("*")[0])
