"""``/metrics``: what is counted, and that no label tells whom a request was about."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from crmsearch.api.app import create_app
from crmsearch.api.limits import Buckets
from crmsearch.api.metrics import group_of, note_audit
from crmsearch.errors import BackendUnavailableError
from crmsearch.indexing.runs import RunPage, RunSummary
from crmsearch.settings import ApiSettings, Secret
from tests.keys import Keys, bearer

HOST = "crm.test"
Api = TestClient[Litestar]


class Backend:
    """A base of 42 customers, the newest of them a minute old; or one that is away."""

    def __init__(self) -> None:
        self.away = False

    async def search(self, body: dict[str, Any], position: Any = None) -> dict[str, Any]:
        if self.away:
            raise BackendUnavailableError("away")
        newest = {"value": (datetime.now(UTC).timestamp() - 60) * 1000}
        return {"took": 1, "hits": {"total": {"value": 42}}, "aggregations": {"newest": newest}}

    async def read(self, customer_id: str, *, restricted: bool = False) -> None:
        return None

    async def check(self) -> None:
        return None

    async def search_earlier(self, body: dict[str, Any]) -> None:
        return None


BEGAN = datetime(2026, 1, 2, tzinfo=UTC)


class Runs:
    """One run that failed, and one that went live the day before."""

    def page(self, size: int) -> RunPage:
        run = RunSummary(
            run_id="r", state="failed", began_at="2026-01-02T00:00:00Z", crmsearch_version="1", index=None, rows_read=7, seconds=3.5
        )
        before = msgspec.structs.replace(run, run_id="b", state="promoted", began_at="2026-01-01T00:00:00Z")
        return RunPage([run, before][:size], None)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def api(backend: Backend) -> Iterator[Api]:
    runs: Any = Runs()
    with TestClient(create_app(backend, ApiSettings(allowed_hosts=HOST), runs), base_url=f"http://{HOST}") as api:
        yield api


def _samples(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for family in families for each in family.samples}


def _labels(route: str, status: str, method: str = "GET", group: str = "other") -> tuple[tuple[str, str], ...]:
    return (("group", group), ("method", method), ("route", route), ("status", status))


def test_requests_are_counted_by_route_and_status(api: Api) -> None:
    before = _samples(api)
    for _ in range(3):
        api.get("/v1/customers/SECRET-ID")
    api.get("/v1/nothing-of-the-kind")
    after = _samples(api)
    names = ("crmsearch_requests_total", "404", "GET")
    (found,) = [
        (name, labels)
        for name, labels in after
        if (name, dict(labels).get("status"), dict(labels).get("method")) == names and dict(labels)["route"].startswith("/v1/customers/{")
    ]
    assert after[found] - before.get(found, 0) == 3
    unrouted = ("crmsearch_requests_total", _labels("unrouted", "404"))
    assert after[unrouted] - before.get(unrouted, 0) == 1
    assert after["crmsearch_request_duration_seconds_count", tuple(each for each in found[1] if each[0] != "status")] >= 3
    assert "SECRET-ID" not in api.get("/metrics").text
    assert dict(found[1])["group"] == "customers"
    assert after["crmsearch_requests_in_progress", (("group", "metrics"),)] == 1  # that for the metrics themselves


def test_customers_and_the_last_run_are_told(api: Api, backend: Backend) -> None:
    found = _samples(api)
    assert found["crmsearch_elasticsearch_up", ()] == 1
    assert found["crmsearch_customers", ()] == 42
    assert 60 <= found["crmsearch_index_age_seconds", ()] < 120
    assert found["crmsearch_last_run_failed", ()] == 1
    assert found["crmsearch_last_run_timestamp_seconds", ()] == BEGAN.timestamp()
    assert (found["crmsearch_runs", (("state", "failed"),)], found["crmsearch_runs", (("state", "promoted"),)]) == (1, 1)
    assert found["crmsearch_last_promoted_run_timestamp_seconds", ()] == BEGAN.timestamp() - 86_400
    assert (found["crmsearch_last_run_rows_read", ()], found["crmsearch_last_run_seconds", ()]) == (7, 3.5)
    backend.away = True
    found = _samples(api)
    assert found["crmsearch_elasticsearch_up", ()] == 0
    assert ("crmsearch_customers", ()) not in found


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("/v1/customers/C-1", "customers"),
        ("/v1/stats/{field:str}", "stats"),
        ("/v1/4711", "other"),
        ("/v1", "other"),
        ("/health/live", "health"),
        ("/", "other"),
        ("", "other"),
        ("/SECRET", "other"),
    ],
)
def test_groups_are_words_of_ours(path: str, group: str) -> None:
    assert group_of(path) == group


def test_errors_are_counted_by_code_and_refusals_by_limit(backend: Backend, tmp_path: Path) -> None:
    keys: Any = Keys()
    settings = ApiSettings(allowed_hosts=HOST, key=Secret("right"))
    buckets = Buckets(tmp_path / "limits.sqlite")
    with TestClient(create_app(backend, settings, keys=keys, buckets=buckets), base_url=f"http://{HOST}") as api:
        api.headers.update(bearer("right"))
        before = _samples(api)
        answers = [api.get("/v1/fields", headers=bearer("wrong")).status_code for _ in range(11)]
        assert answers == [401] * 10 + [429]
        assert api.get("/metrics").status_code == 429, "a right key waits too"
    buckets.close()
    with TestClient(create_app(backend, settings, keys=keys), base_url=f"http://{HOST}") as api:
        api.headers.update(bearer("right"))
        after = _samples(api)
    problem = ("crmsearch_problems_total", (("code", "unauthorized"), ("status", "401")))
    assert after[problem] - before.get(problem, 0) == 10
    limited = ("crmsearch_limited_total", (("limit", "wrong keys"),))
    assert after[limited] - before.get(limited, 0) == 2


def test_the_audit_trail_is_told(api: Api) -> None:
    note_audit(7, 2)
    found = _samples(api)
    assert (found["crmsearch_audit_events_waiting", ()], found["crmsearch_audit_events_lost", ()]) == (7, 2)
    assert found["crmsearch_audit_events_room", ()] > 7
    note_audit(0, 0)


def test_metrics_need_a_key_where_there_is_one(backend: Backend) -> None:
    keys: Any = Keys()
    with TestClient(create_app(backend, ApiSettings(allowed_hosts=HOST, key=Secret("right")), keys=keys), base_url=f"http://{HOST}") as api:
        assert api.get("/metrics").status_code == 401
        assert api.get("/metrics", headers=bearer(keys.make("agent"))).status_code == 403
        assert api.get("/metrics", headers=bearer(keys.make("custom", scopes=["metrics:read"]))).status_code == 200


def test_processes_count_together(tmp_path: Path) -> None:
    count = "from crmsearch.api.metrics import note_request; note_request('GET', '/health/live', 200, 0.01)"
    tell = "from crmsearch.api.metrics import _requests, generate_latest; print(generate_latest(_requests()).decode())"
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=environment, check=True, timeout=60)
    told = subprocess.run([sys.executable, "-c", tell], env=environment, check=True, timeout=60, capture_output=True, text=True).stdout
    assert 'crmsearch_requests_total{group="health",method="GET",route="/health/live",status="200"} 2.0' in told
