"""The run report as a page: complete, safe to open, readable without a mouse or colours, and asking nothing of the outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsearch.contract import FIELDS, FieldQuality, InputReport, MergeReport, ReasonReport, RunReport
from crmsearch.quality import mean_completeness, quarantined_share, verdict
from crmsearch.report import render_report
from crmsearch.report.charts import Row, bars, percent
from tests.reports import REPORT

SMALL = RunReport(
    run_id="r1",
    crmsearch_version="0",
    began_at="2026-11-22T10:15:00Z",
    index=None,
    inputs=[],
    rows_read=0,
    indexed=0,
    merged=0,
    quarantined=0,
    quarantined_by_reason={},
    issues={},
    seconds={},
)
replace = msgspec.structs.replace


class _Outline(HTMLParser):
    """Tags in order, and whether each one that was opened was closed."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.header_scopes: list[str | None] = []
        self.captions = self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        if tag == "th":
            self.header_scopes.append(dict(attrs).get("scope"))
        self.tables += tag == "table"
        self.captions += tag == "caption"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, "only there a tag may close itself"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _outline(page: str) -> _Outline:
    outline = _Outline()
    outline.feed(page)
    assert outline.open == []
    return outline


def test_a_run_that_failed_says_so_and_claims_nothing() -> None:
    early = replace(REPORT, indexed=0, merged=0, failure="250 of 12,000 rows <i>were</i> rejected")
    page = render_report(early)
    _outline(page)
    assert 'class="verdict warn"' in page
    assert "The run failed and nothing went live: 250 of 12,000 rows &lt;i&gt;were&lt;/i&gt; rejected." in page
    for claim in ("loaded into", "customers indexed", "became 0 customers", "Every row is accounted for"):
        assert claim not in page
        assert claim in render_report(REPORT) or "0 customers" in claim
    late = render_report(replace(REPORT, failure="too many orders"))
    assert "11,500" in late
    assert "customers indexed" not in late


@pytest.mark.parametrize(
    "shown",
    [
        "20261123t101500z", "35.2 s", "12,000", "11,750", "11,500", "95.8%",  # the funnel
        "orders.csv", "30,000", "29,500", "csv, UTF-8, from salesforce (Contact)", "客户.xlsx#Leads",
        "Customer id", "E-mail", "82%", ">99%", "Columns without a single value: Owner.", "61.0%",
        "A spelling of a known city becomes its usual one", "NYC", "北京市", "value dropped", "email_invalid", "17***", "cell_count",
        "123,456", "same phone, similar name", "0.95-0.99", "links refused",
        "champions", "loyal buyers", "7.25", "1,820", "Revenue", "20.2 s",
    ],
)  # fmt: skip
def test_every_part_of_the_report_is_on_the_page(shown: str) -> None:
    assert shown in render_report(REPORT)


def test_names_of_files_columns_and_cells_are_escaped() -> None:
    page = render_report(REPORT)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Colour &amp; &lt;b&gt;size&lt;/b&gt;, Shoe" in page
    assert "&lt;b&gt;***@g***.com" in page


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    page = render_report(REPORT, [REPORT, SMALL])
    assert re.findall(r"""\b(?:src|href|on\w+)\s*[=(]|url\((?!#)|@import""", page) == []
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert set(re.findall(r"url\(#([\w-]+)\)", page)) <= set(re.findall(r' id="([\w-]+)"', page)), "what a picture clips by is beside it"


def test_the_page_can_be_read_by_a_program_that_reads_aloud() -> None:
    outline = _outline(render_report(REPORT, [replace(REPORT, run_id="r0")]))
    assert outline.headings[0] == "h1"
    assert outline.headings.count("h1") == 1
    assert outline.tables == outline.captions
    assert set(outline.header_scopes) == {"row", "col"}


def test_a_run_without_anything_has_a_page() -> None:
    page = render_report(SMALL)
    _outline(page)
    assert "0 rows became 0 customers. No row had to be set aside." in page
    assert "How duplicates were found" not in page
    assert "Compared with earlier runs" not in page


def test_rules_beyond_the_first_are_folded_away() -> None:
    reasons = [ReasonReport(code=f"rule_{number}", severity="fix", action="mended", rows=number + 1) for number in range(20)]
    page = render_report(replace(REPORT, reasons=reasons))
    assert page.index("rule_19") < page.index("5 more rules") < page.index("rule_4<")


def test_earlier_runs_make_a_trend_in_their_order() -> None:
    earlier = [
        replace(REPORT, run_id=f"r{day}", began_at=f"2026-11-{day}T10:15:00Z", rows_read=rows) for day, rows in ((20, 9_000), (21, 10_000))
    ]
    page = render_report(REPORT, [*earlier, REPORT])
    assert "Rows read: 9,000 in the first of 3 runs, 12,000 in this one" in page
    assert page.index(">r21<") < page.index(">r20<"), "the table has the newest first"
    trend = page[page.index("Compared with earlier runs") : page.index("Where the time went")]
    assert trend.count("<svg") == 3
    assert "2026-11-20" in trend


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "–"), (0.0, "0.0%"), (0.00001, "<0.1%"), (0.5, "50.0%"), (0.99999, ">99.9%"), (1.0, "100.0%")],
)
def test_a_share_never_looks_like_all_or_nothing_that_is_not(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_every_bar_has_its_figure_as_text_and_in_the_description() -> None:
    drawn = bars([Row("a", 3, "3 rows"), Row("<b>", 0, "none")], "Rows")
    assert "<desc>a: 3 rows; &lt;b&gt;: none.</desc>" in drawn
    assert re.findall(r">(3 rows|none)<", drawn) == ["3 rows", "none"]
    assert bars([], "Rows") == "<p>None.</p>"


def test_fields_that_no_file_held_are_compared_with_nothing() -> None:
    added = FieldQuality(field="revenue", filled_before=0.0, filled_after=0.5, valid=None, unique_before=None, unique_after=None)
    page = render_report(replace(REPORT, fields=[added]))
    _outline(page)
    assert "How many have a value" not in page


def test_the_page_stays_small() -> None:
    """It is mailed and archived; a quality report of all fields with a trend over many runs is the largest there is."""
    fields = [
        FieldQuality(field=name, filled_before=0.5, filled_after=0.6, valid=0.9, unique_before=0.5, unique_after=0.6) for name in FIELDS
    ]
    earlier = [replace(REPORT, run_id=f"r{number}") for number in range(30)]
    assert len(render_report(replace(REPORT, fields=fields), earlier).encode()) < 200_000


def test_mean_completeness_is_over_the_fields_that_a_source_had() -> None:
    assert mean_completeness(SMALL) is None
    fields = [
        FieldQuality(field="name", filled_before=1, filled_after=0.9, valid=1.0, unique_before=None, unique_after=None),
        FieldQuality(field="city", filled_before=1, filled_after=0.5, valid=0.5, unique_before=None, unique_after=None),
        FieldQuality(field="revenue", filled_before=0, filled_after=0.1, valid=None, unique_before=None, unique_after=None),
    ]
    assert mean_completeness(replace(SMALL, fields=fields)) == pytest.approx(0.7)


def test_the_share_of_quarantined_rows_is_defined_without_rows() -> None:
    assert quarantined_share(SMALL) == 0
    assert quarantined_share(REPORT) == pytest.approx(250 / 12_000)


def test_the_verdict_says_what_matters() -> None:
    assert verdict(REPORT) == (
        "12,000 rows became 11,500 customers: 250 were duplicates and joined them. "
        "250 rows (2.1%) could not be used and were set aside, most of them in script>.csv. "
        "On average a field is filled for 77% of the customers."
    )
    one = replace(SMALL, rows_read=1, indexed=1)
    assert verdict(one) == "One row became 1 customer. No row had to be set aside."


def test_the_verdict_warns_of_a_bad_source_and_of_a_loss() -> None:
    bad = replace(REPORT, quarantined=3_000)
    assert "the source wants a look" in verdict(bad)
    assert 'class="verdict warn"' in render_report(bad)
    worse = replace(REPORT, fields=[replace(each, filled_after=each.filled_after / 2) for each in REPORT.fields])
    assert "down from 77% in the run before" in verdict(worse, REPORT)
    assert "down from" not in verdict(REPORT, worse)


WORDS = st.text(max_size=12)


@given(WORDS, WORDS, WORDS, st.lists(WORDS, max_size=3))
@settings(max_examples=25)
def test_no_text_breaks_the_page(path: str, code: str, sample: str, unmapped: list[str]) -> None:
    each = InputReport(
        path=path, format=code, encoding=code, source_system=code, preset=code, table=sample, rows_read=1, indexed=1, quarantined=0,
        columns={}, unmapped=unmapped,
    )  # fmt: skip
    report = replace(
        REPORT,
        run_id=code,
        index=path,
        inputs=[each],
        reasons=[ReasonReport(code=code, severity=sample, action=path, rows=1, samples=[sample])],
        quarantined_by_reason={code: 1},
        fields=[FieldQuality(field=code or "x", filled_before=1, filled_after=1, valid=1.0, unique_before=0.5, unique_after=None)],
        merges=MergeReport(links=1, reasons={code: 1}, confidence={path: 1}),
        rfm_segments={code: 1},
        seconds={code: 1.0},
    )
    _outline(render_report(report, [replace(report, run_id=f"{code}1", began_at=path)]))


def test_fields_are_named_in_words() -> None:
    assert FIELDS["emails"].label in render_report(REPORT)
    assert ">emails<" not in render_report(REPORT)
