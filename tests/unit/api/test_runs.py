"""``/v1/runs`` over a canned store; what Elasticsearch really keeps is the integration tests' matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.contract import RunReport
from crmsearch.errors import BackendUnavailableError, InvalidRequestError, NotFoundError
from crmsearch.indexing.runs import RunPage, RunStore, RunSummary, build_document
from crmsearch.settings import ApiSettings, Secret
from tests.reports import REPORT

HOST = "crm.test"


class CannedStore(RunStore):
    """Knows one run."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str | None]] = []
        self.failure: Exception | None = None

    def page(self, size: int = 20, before: str | None = None) -> RunPage:
        if self.failure is not None:
            raise self.failure
        self.asked.append((size, before))
        if before not in {None, REPORT.run_id}:
            raise InvalidRequestError("before is not the id of a run")
        return RunPage([msgspec.convert(build_document(REPORT, "promoted"), RunSummary)], REPORT.run_id)

    def get(self, run_id: str) -> RunReport:
        if run_id != REPORT.run_id:
            raise NotFoundError("there is no run with this id")
        return REPORT


class NoBackend:
    """``/v1/runs`` asks nothing of the customers."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture
def store() -> CannedStore:
    return CannedStore()


@pytest.fixture
def client(store: CannedStore) -> Iterator[TestClient[Litestar]]:
    app = create_app(NoBackend(), ApiSettings(allowed_hosts=HOST), store)
    with TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False) as client:
        yield client


def test_runs_are_listed_with_their_figures(client: TestClient[Litestar], store: CannedStore) -> None:
    answer = client.get("/v1/runs").json()
    assert set(answer) == {"runs", "next"}
    assert answer["next"] == REPORT.run_id
    assert set(answer["runs"][0]) == set(RunSummary.__struct_fields__)
    assert answer["runs"][0]["rows_read"] == 12_000
    client.get(f"/v1/runs?size=5&before={REPORT.run_id}")
    assert store.asked == [(20, None), (5, REPORT.run_id)]


def test_one_run_is_the_whole_report(client: TestClient[Litestar]) -> None:
    assert client.get(f"/v1/runs/{REPORT.run_id}").json() == msgspec.to_builtins(REPORT)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/runs/unknown", 404, "not_found"),
        ("/v1/runs?size=0", 400, "invalid_request"),
        ("/v1/runs?size=101", 400, "invalid_request"),
        ("/v1/runs?before=unknown", 400, "invalid_request"),
        ("/v1/runs?page=2", 400, "invalid_request"),
    ],
)
def test_refusals_are_problems(client: TestClient[Litestar], path: str, status: int, code: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_node_that_is_down_is_a_problem(client: TestClient[Litestar], store: CannedStore) -> None:
    store.failure = BackendUnavailableError("Elasticsearch cannot be reached")
    assert client.get("/v1/runs").json()["code"] == "backend_unavailable"


def test_reports_want_the_key_too(store: CannedStore) -> None:
    app = create_app(NoBackend(), ApiSettings(key=Secret("right"), allowed_hosts=HOST), store)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for path in ("/v1/runs", f"/v1/runs/{REPORT.run_id}"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer right"}).status_code == 200


def test_openapi_describes_the_runs(client: TestClient[Litestar]) -> None:
    paths = client.get("/schema/openapi.json").json()["paths"]
    assert {each["name"] for each in paths["/v1/runs"]["get"]["parameters"]} == {"size", "before"}
    assert "RunReport" in str(paths["/v1/runs/{run_id}"]["get"]["responses"]["200"])
