"""Alerts, dashboard and runbook speak of metrics that the API really tells, and of each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from crmsearch.api.app import create_app
from crmsearch.api.metrics import note_limited, note_problem
from crmsearch.indexing.runs import RunPage, RunSummary
from crmsearch.settings import ApiSettings

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "docker" / "monitoring" / "alerts.yaml"
DASHBOARD = json.loads((ROOT / "docker" / "monitoring" / "grafana.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
WIDTH = 24  # of a dashboard, in units of the grid


# What Prometheus is given for three hours, a value a minute (or as `start+step x times`), for each alert to fire, and for none to.
WELL = {
    "crmsearch_elasticsearch_up": "1x180",
    "crmsearch_customers": "1000x180",
    "crmsearch_audit_events_waiting": "3x180",
    "crmsearch_audit_events_room": "2000x180",
    "crmsearch_audit_events_lost": "0x180",
    "crmsearch_last_run_failed": "0x180",
    "crmsearch_last_run_quarantined": "1x180",
    "crmsearch_last_run_rows_read": "1000x180",
    "crmsearch_last_promoted_run_timestamp_seconds": "0x180",
    'crmsearch_requests_total{group="customers",status="200"}': "0+600x180",
    'crmsearch_requests_total{group="customers",status="503"}': "0+6x180",
    'crmsearch_requests_in_progress{group="customers"}': "4x180",
    'crmsearch_request_duration_seconds_bucket{group="customers",le="0.25"}': "0+600x180",
    'crmsearch_request_duration_seconds_bucket{group="customers",le="1"}': "0+606x180",
    'crmsearch_request_duration_seconds_bucket{group="customers",le="+Inf"}': "0+606x180",
    'crmsearch_limited_total{limit="key"}': "0+6x180",
    'crmsearch_problems_total{code="unauthorized",status="401"}': "0+1x180",
}
ILL: dict[str, dict[str, str | None]] = {
    "CrmsearchNotScraped": {"crmsearch_elasticsearch_up": None},
    "CrmsearchElasticsearchAway": {"crmsearch_elasticsearch_up": "0x180"},
    "CrmsearchErrors": {'crmsearch_requests_total{group="customers",status="503"}': "0+60x180"},
    "CrmsearchSlow": {'crmsearch_request_duration_seconds_bucket{group="customers",le="0.25"}': "0+300x180"},
    "CrmsearchBusy": {'crmsearch_requests_in_progress{group="customers"}': "65x180"},
    "CrmsearchAuditBehind": {"crmsearch_audit_events_waiting": "1500x180"},
    "CrmsearchAuditLost": {"crmsearch_audit_events_lost": "1x180"},
    "CrmsearchLimited": {'crmsearch_limited_total{limit="key"}': "0+90x180"},
    "CrmsearchWrongKeys": {'crmsearch_problems_total{code="unauthorized",status="401"}': "0+20x180"},
    "CrmsearchLoadFailed": {"crmsearch_last_run_failed": "1x180"},
    "CrmsearchLoadOverdue": {"crmsearch_last_promoted_run_timestamp_seconds": f"{-2 * 86_400}x180"},
    "CrmsearchManyQuarantined": {"crmsearch_last_run_quarantined": "51x180"},
}
NOT_IN_HOURS = {"CrmsearchCustomersFewer"}  # which looks back a day


class Backend:
    async def search(self, body: dict[str, Any], position: Any = None) -> dict[str, Any]:
        return {"took": 1, "hits": {"total": {"value": 1}}, "aggregations": {"newest": {"value": 0}}}


class Runs:
    def page(self, size: int) -> RunPage:
        figures: dict[str, Any] = dict.fromkeys(("rows_read", "indexed", "merged", "quarantined"), 1)
        run = RunSummary(
            run_id="r", state="promoted", began_at="2026-01-01T00:00:00Z", crmsearch_version="1", index="i", seconds=1, **figures
        )
        return RunPage([run], None)


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """The names of all samples that the API tells, with their labels."""
    backend, runs = Backend(), Runs()
    with TestClient(create_app(backend, ApiSettings(allowed_hosts="crm.test"), runs), base_url="http://crm.test") as api:  # type: ignore[arg-type]
        note_limited("key")
        note_problem("unauthorized", 401)
        api.get("/metrics")
        text = api.get("/metrics").text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("crmsearch_") and not sample.name.endswith("_created"):
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def _expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in _panels() for target in panel["targets"])


@pytest.mark.parametrize("expression", list(_expressions()))
def test_every_metric_that_is_asked_for_is_told(told: dict[str, set[str]], expression: str) -> None:
    names = set(re.findall(r"\bcrmsearch_\w+", expression))
    assert names
    assert names <= told.keys()
    labels = {"le", "instance"}.union(*(told[name] for name in names))  # Prometheus itself tells the instance
    asked = {label.strip() for group in re.findall(r"by \(([^)]+)\)", expression) for label in group.split(",")}
    for name, selectors in re.findall(r"(crmsearch_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]~?", selectors)) <= told[name]
    assert asked <= labels


def test_every_metric_is_in_the_runbook_and_no_other(told: dict[str, set[str]]) -> None:
    table = RUNBOOK.partition("<!-- metrics")[2].partition("\nGroups are")[0]
    documented = {
        name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`(crmsearch_\w+)`", row.split("|")[1])
    }
    assert documented == {re.sub(r"_(bucket|count|sum)$", "", name) for name in told}


def test_alerts_and_the_runbook_name_each_other() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert sorted(names) == sorted(re.findall(r"^## (Crmsearch\w+)$", RUNBOOK, re.MULTILINE))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_alerts_say_how_urgent_they_are_and_what_is_wrong(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert len(rule["annotations"]["summary"]) > 20
    section = RUNBOOK.partition(f"## {rule['alert']}\n")[2].partition("\n## ")[0]
    assert len(section) > 100, "what to do"


def test_the_dashboard_is_one_that_grafana_can_show() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    assert (
        {each["datasource"]["uid"] for panel in _panels() for each in (panel, *panel["targets"])}
        == {"${datasource}"}
        <= {f"${{{name}}}" for name in variables}
    )


@pytest.fixture
def promtool() -> str:
    if (found := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed; `apt-get install prometheus` enables these tests")
    return found


def test_every_alert_is_tried() -> None:
    assert ILL.keys() | NOT_IN_HOURS == {rule["alert"] for rule in RULES}


@pytest.mark.soak
def test_alerts_fire_when_they_should_and_only_then(promtool: str, tmp_path: Path) -> None:
    cases = []
    for ill in ({}, *ILL.values()):
        series = {name: values for name, values in {**WELL, **ill}.items() if values is not None}
        firing = next((name for name, what in ILL.items() if what is ill), None)
        # Of each alert that fires the labels and texts, which differ from one to the other, are not compared here, so it is asked by name.
        tests = [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
                "eval_time": "3h",
                "exp_samples": [{"labels": "{}", "value": int(name == firing)}],
            }
            for name in ILL
        ]
        cases.append(
            {
                "name": firing or "all is well",
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": tests,
            }
        )
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": cases}), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.soak
def test_prometheus_takes_the_rules(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout
