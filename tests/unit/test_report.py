"""The run report as a page: complete, safe to open, and asking nothing of the outside."""

from __future__ import annotations

import re

import msgspec

from crmsearch.contract import InputReport, RunReport
from crmsearch.report import render_report

REPORT = RunReport(
    run_id="20261123t101500z",
    crmsearch_version="0.1.0",
    began_at="2026-11-23T10:15:00Z",
    index="crm-customers-20261123t101500z",
    inputs=[
        InputReport(
            path="/data/<script>alert(1)</script>.csv",
            format="csv",
            encoding="UTF-8",
            source_system="generic",
            rows_read=12_000,
            quarantined=250,
            columns={"Name": "name"},
            unmapped=["Colour & <b>size</b>", "Shoe"],
        )
    ],
    rows_read=12_000,
    indexed=11_500,
    merged=250,
    quarantined=250,
    quarantined_by_reason={"cell_count": 200, "no_identity": 50},
    issues={"spaces": 3000},
    seconds={"clean": 1.25, "index": 2.5},
)


def test_every_number_of_the_report_is_on_the_page() -> None:
    page = render_report(REPORT)
    for shown in ("20261123t101500z", "3.8 s", "12,000", "11,500", "95.8%", "cell_count", "1.7%", "no_identity", "spaces", "25.0%"):
        assert shown in page, shown
    assert "indexed" in page
    assert "customers" in render_report(msgspec.structs.replace(REPORT, index=None))


def test_names_of_files_and_columns_are_escaped() -> None:
    page = render_report(REPORT)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Colour &amp; &lt;b&gt;size&lt;/b&gt;, Shoe" in page


def test_the_page_needs_nothing_else() -> None:
    assert re.findall(r"""(?:src|href|url)\s*[=(]""", render_report(REPORT)) == []


def test_a_clean_run_says_so() -> None:
    page = render_report(msgspec.structs.replace(REPORT, quarantined_by_reason={}, issues={}))
    assert page.count("<p>None.</p>") == 2
