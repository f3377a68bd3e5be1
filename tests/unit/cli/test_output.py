"""Tables, JSON and progress: data on stdout, words on stderr."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console

from crmsearch.cli import output
from crmsearch.contract import InputReport, ReasonReport, RunReport
from crmsearch.errors import JobError
from tests.reports import REPORT as WHOLE

REPORT = RunReport(
    run_id="20261123t101500z",
    crmsearch_version="0",
    began_at="2026-11-23T10:15:00Z",
    index="crm-customers-20261123t101500z",
    inputs=[
        InputReport(
            path="/data/[red]odd[/].csv",
            format="csv",
            encoding="UTF-8",
            source_system="generic",
            rows_read=1200,
            quarantined=1,
            columns={},
            unmapped=["[b]Colour"],
        )
    ],
    rows_read=1200,
    indexed=1100,
    merged=99,
    quarantined=1,
    quarantined_by_reason={"cell_count": 1},
    issues={"spaces": 7},
    reasons=[
        ReasonReport(code="spaces", severity="fix", action="removed", rows=7),
        ReasonReport(code="cell_count", severity="reject", action="set aside", rows=1),
    ],
    seconds={"clean": 1.26},
)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> tuple[StringIO, StringIO]:
    """What would go to stdout and to stderr."""
    data, words = StringIO(), StringIO()
    monkeypatch.setattr(output, "data", Console(file=data, width=180))
    monkeypatch.setattr(output, "words", Console(file=words, width=180))
    return data, words


def test_json_keeps_chinese_and_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": "王小明", "report": REPORT})
    shown = capsys.readouterr()
    assert "王小明" in shown.out
    assert json.loads(shown.out)["report"] == msgspec.to_builtins(REPORT)
    assert shown.err == ""


def test_tables_show_numbers_with_separators_and_nothing_as_a_dash(streams: tuple[StringIO, StringIO]) -> None:
    output.print_table("Title", ["word", "n", "mean"], [("a", 12345, 1.5), ("b", None, 1234.567)])
    lines = streams[0].getvalue().splitlines()
    assert "Title" in lines[0]
    assert any("12,345" in line and "1.50" in line for line in lines)
    assert any("–" in line and "1,234.57" in line for line in lines)


def test_cells_are_text_and_not_markup(streams: tuple[StringIO, StringIO]) -> None:
    output.print_table("T", ["name"], [("[red]Ann[/red]",), ("[/]",), ("[link=http://x]y",)])
    shown = streams[0].getvalue()
    assert "[red]Ann[/red]" in shown
    assert "[/]" in shown
    assert "[link=http://x]y" in shown


def test_the_report_tells_data_and_words_apart(streams: tuple[StringIO, StringIO]) -> None:
    output.print_report(REPORT)
    data, words = (stream.getvalue() for stream in streams)
    for shown in ("1,200", "1,100", "99", "cell_count", "spaces", "/data/[red]odd[/].csv"):
        assert shown in data
    assert "/data/[red]odd[/].csv: csv, UTF-8, customers" in words
    assert "[b]Colour" in words
    assert "clean 1.3 s" in words


def test_the_report_shows_every_table_rule_link_and_segment(streams: tuple[StringIO, StringIO]) -> None:
    output.print_report(WHOLE)
    data, words = (stream.getvalue() for stream in streams)
    for shown in (
        "all customers",
        "orders.csv",
        "30,000",
        "1.3%",
        "NYC",
        "same phone, similar name",
        "champions",
        "loyal buyers (cluster)",
    ):
        assert shown in data, shown
    assert "csv, UTF-8, customers of salesforce Contact" in words
    assert "123,456 pairs compared, 240 customers made of several records, the largest of 4; 3 links refused" in words


def test_every_table_is_shown_and_the_rules_of_every_kind_of_rows(streams: tuple[StringIO, StringIO]) -> None:
    inputs = [msgspec.structs.replace(WHOLE.inputs[2], path=f"/data/orders_{number}.csv") for number in range(12)]
    lost = [ReasonReport(code=f"code_{number}", severity="reject", action="lost", rows=90 - number) for number in range(9)]
    ticket = ReasonReport(code="event_empty", kind="tickets", severity="reject", action="says nothing", rows=3, samples=["t***"])
    output.print_report(msgspec.structs.replace(WHOLE, inputs=inputs, reasons=[*lost, ticket]))
    lines = streams[0].getvalue().splitlines()
    assert all(any(f"/data/orders_{number}.csv" in line for line in lines) for number in range(12))
    (line,) = [line for line in lines if "event_empty" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == ["event_empty", "tickets", "says nothing", "3", "t***"]
    assert any("… 4 more" in line for line in lines)


def test_a_long_report_stays_on_about_a_screen(streams: tuple[StringIO, StringIO]) -> None:
    many = {f"code_{number}": 100 - number for number in range(40)}
    reasons = [ReasonReport(code=code, severity="fix", action="mended", rows=rows, samples=["a***"] * 3) for code, rows in many.items()]
    reasons += [ReasonReport(code="key_reused", kind=kind, severity="reject", action="lost", rows=9) for kind in ("orders", "tickets")]
    long = msgspec.structs.replace(
        WHOLE,
        inputs=WHOLE.inputs * 10,
        reasons=reasons,
        quarantined_by_reason=many,
        merges=msgspec.structs.replace(WHOLE.merges, reasons=many),
        rfm_segments=many,
    )
    output.print_report(long)
    data = streams[0].getvalue()
    assert len(data.splitlines()) <= 75
    assert "… 35 more" in data, "rules"
    assert "… 11 more" in data, "tables: of 30 and their sum 20 are shown"
    assert "code_0" in data
    assert "code_39" not in data


def test_progress_is_a_line_for_each_stage_when_nobody_watches(streams: tuple[StringIO, StringIO]) -> None:
    with output.stages() as show:
        for event in (
            {"stage": "clean"},
            {"stage": "clean", "done": 1, "total": 4},
            {"stage": "index", "documents": 9},
            {"stage": "index"},
        ):
            show(event)
    assert streams[1].getvalue() == "clean …\nindex …\n"
    assert streams[0].getvalue() == ""


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StringIO()
    monkeypatch.setattr(output, "words", Console(file=terminal, width=120, force_terminal=True))
    counted: list[int] = []

    def written() -> int:
        counted.append(1)
        return 4

    events: list[dict[str, Any]] = [
        {"stage": "clean"},
        {"stage": "clean", "done": 1, "total": 4},
        {"stage": "index", "documents": 9},
        {"stage": "index", "done": 0, "total": 1},
    ]
    with output.stages(written) as show:
        for event in events:
            show(event)
    assert counted == [1], "documents are counted while they are written, and only then"
    assert "index" in terminal.getvalue()


def test_stages_are_lines_of_the_log_where_that_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CRMSEARCH_LOG_FORMAT", "json")

    def fail() -> None:
        with output.stages() as show:
            for stage in ("clean", "clean", "resolve"):
                show({"stage": stage, "done": 1})
            raise JobError("Wang Geheim")

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with pytest.raises(JobError):
            fail()
    finally:
        root.handlers[:], root.level = handlers, level
    written = capsys.readouterr()
    lines = [json.loads(line) for line in written.err.splitlines()]
    assert [line.get("stage") for line in lines] == ["clean", "resolve", None]
    assert lines[-1]["message"] == f"failed: {JobError.code}", "the code, not the text, which may hold what was read"
    assert written.out == ""
