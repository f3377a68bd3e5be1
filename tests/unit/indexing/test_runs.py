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
    document = build_document(REPORT)
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
    document = build_document(msgspec.structs.replace(REPORT, failure="5 of 9 rows were rejected"))
    assert (document["state"], document["failure"]) == ("failed", "5 of 9 rows were rejected")
    assert build_document(REPORT)["failure"] is None


def test_a_report_comes_back_as_it_was() -> None:
    assert parse_report(_stored(build_document(REPORT))) == REPORT


def test_what_a_newer_version_wrote_can_be_read() -> None:
    stored = _stored(build_document(REPORT))
    stored["report"]["forecast"] = {"rows": 13_000}
    stored["report"]["inputs"][0]["checksum"] = "5f"
    assert parse_report(stored) == REPORT
    assert msgspec.convert({**stored, "cost": 1.5}, RunSummary).run_id == REPORT.run_id


def test_what_an_older_version_wrote_can_be_read() -> None:
    stored = _stored(build_document(REPORT))
    for name in ("reasons", "fields", "merges", "rfm_segments", "clusters", "failure"):
        del stored["report"][name]
    del stored["failure"]
    assert msgspec.convert(stored, RunSummary).failure is None
    assert parse_report(stored).rows_read == REPORT.rows_read


def test_the_index_of_runs_is_no_generation_of_customers() -> None:
    assert runs_index("crm") == "crm-runs"
    assert generation_time("crm", "crm-runs") is None
    assert not "crm-runs".startswith(customers_pattern("crm").partition("*")[0])
