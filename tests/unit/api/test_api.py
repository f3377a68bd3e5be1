"""Handlers over a canned backend: shapes, errors, access. What Elasticsearch really answers is the integration tests' matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.contract import FIELDS
from crmsearch.errors import BackendAuthError, BackendTimeoutError, BackendUnavailableError, IndexNotReadyError
from crmsearch.search.cursor import Position
from crmsearch.settings import ApiSettings, Secret

HOST = "crm.test"
JSON: dict[str, Any] = {"headers": {"Content-Type": "application/json"}}
PROBLEM_KEYS = {"type", "title", "status", "detail", "code", "request_id"}


class CannedBackend:
    """Answers one hit to everything, or fails as told; keeps the bodies it was sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    async def search(self, body: dict[str, Any], position: Position | None = None) -> dict[str, Any]:
        self._fail()
        self.bodies.append(body)
        if body["query"].get("ids", {"values": ["C1"]})["values"] != ["C1"]:
            return {"took": 1, "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}
        hit = {"_index": "i", "_id": "C1", "_score": 1.0, "_source": {"customer_id": "C1", "name": "王小明"}, "sort": [1.0, "c1"]}
        aggregations = {
            name: {"values": {"buckets": [], "sum_other_doc_count": 0, "doc_count_error_upper_bound": 0}, "missing": {"doc_count": 0}}
            for name in body.get("aggs", {})
            if "." not in name
        }
        figures = dict.fromkeys(("min", "max", "avg", "variance_sampling", "std_deviation_sampling"), 1.0)
        aggregations |= {
            "age.stats": {"count": 2, "sum": 2.0, **figures},
            "age.missing": {"doc_count": 0},
            "age.percentiles": {"values": {"50.0": 1.0}},
        }
        return {
            "took": 1,
            "timed_out": False,
            "hits": {"total": {"value": 1, "relation": "eq"}, "hits": [hit]},
            "aggregations": aggregations,
        }

    async def search_earlier(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        return None

    async def count(self) -> int:
        self._fail()
        return 1

    async def check(self) -> None:
        self._fail()

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def backend() -> CannedBackend:
    return CannedBackend()


@pytest.fixture
def client(backend: CannedBackend) -> Iterator[TestClient[Litestar]]:
    with TestClient(
        create_app(backend, ApiSettings(allowed_hosts=HOST)), base_url=f"http://{HOST}", raise_server_exceptions=False
    ) as client:
        yield client


def _assert_problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert set(body) == PROBLEM_KEYS
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]


def test_post_and_get_send_the_same_search(client: TestClient[Litestar], backend: CannedBackend) -> None:
    posted = client.post(
        "/v1/customers/search",
        json={
            "q": "王小明",
            "filters": [{"field": "city", "in": ["北京", "上海"]}, {"field": "age", "gte": 20, "lte": 39}],
            "facets": ["city", "gender"],
            "sort": ["-revenue"],
            "size": 5,
        },
    )
    got = client.get(
        "/v1/customers/search",
        params={"q": "王小明", "filter": ["city:北京|上海", "age:20..39"], "facets": "city,gender", "sort": "-revenue", "size": 5},
    )
    assert posted.status_code == got.status_code == 200
    half = len(backend.bodies) // 2
    assert backend.bodies[:half] == backend.bodies[half:]
    assert posted.json() == got.json()
    assert set(posted.json()) == {"total", "total_relation", "took_ms", "hits", "facets", "next_cursor", "corrections", "stage"}
    assert set(posted.json()["hits"][0]) >= {"id", "score", "customer", "highlights", "matched"}


def test_one_customer(client: TestClient[Litestar]) -> None:
    assert client.get("/v1/customers/C1").json() == {"customer_id": "C1", "name": "王小明"}
    _assert_problem(client.get("/v1/customers/C2"), 404, "not_found")


def test_suggest_in_both_forms(client: TestClient[Litestar]) -> None:
    expected = {"suggestions": [{"text": "王小明", "id": "C1", "field": "name"}]}
    assert client.get("/v1/customers/suggest", params={"q": "王"}).json() == expected
    assert client.post("/v1/customers/suggest", json={"q": "王"}).json() == expected


def test_stats_in_both_forms(client: TestClient[Litestar], backend: CannedBackend) -> None:
    posted = client.post("/v1/stats", json={"fields": ["age"]}).json()
    got = client.get("/v1/stats/age").json()
    assert posted == got
    assert backend.bodies[0] == backend.bodies[1]
    assert set(posted["fields"]["age"]) >= {"n", "missing", "mean", "median", "variance", "std_deviation", "percentiles", "exact"}


def test_the_field_catalogue_is_whole(client: TestClient[Litestar]) -> None:
    assert [field["name"] for field in client.get("/v1/fields").json()] == list(FIELDS)


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status", "code"),
    [
        ("GET", "/v1/customers/search?q=" + "x" * 10_000, {}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"json": {"q": "x" * 10_000}}, 400, "invalid_request"),
        ("GET", "/v1/customers/search?filter=colour:red", {}, 400, "unknown_field"),
        ("GET", "/v1/customers/search?filter=age:old", {}, 400, "filter_syntax"),
        ("GET", "/v1/customers/search?facets=name", {}, 400, "unknown_field"),
        ("GET", "/v1/customers/search?sort=nothing", {}, 400, "unknown_field"),
        ("GET", "/v1/customers/search?size=10001", {}, 400, "result_window"),
        ("GET", "/v1/customers/search?size=many", {}, 400, "invalid_request"),
        ("GET", "/v1/customers/search?page=999", {}, 400, "invalid_request"),
        ("GET", "/v1/customers/search?cursor=forged", {}, 400, "invalid_cursor"),
        ("POST", "/v1/customers/search", {"content": b"{not json", **JSON}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"content": b"", **JSON}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"content": b'{"q":"\xed\xa0\x80"}', **JSON}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"content": b"[" * 100_000, **JSON}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ("POST", "/v1/customers/search", {"data": {"q": "form"}}, 415, "unsupported_media_type"),
        ("GET", "/v1/customers/%2e%2e", {}, 404, "not_found"),
        ("GET", "/v1/customers/" + "a" * 5000, {}, 404, "not_found"),
        ("POST", "/v1/customers/search", {"json": ["a", "list"]}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"json": {"q": 5}}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"json": {"query": "misspelt"}}, 400, "invalid_request"),
        ("POST", "/v1/customers/search", {"json": {"filters": [{"field": "city"}]}}, 400, "filter_syntax"),
        ("POST", "/v1/customers/search", {"json": {"filters": [{"field": "city", "like": "x"}]}}, 400, "invalid_request"),
        ("GET", "/v1/customers/suggest", {}, 400, "invalid_request"),
        ("GET", "/v1/customers/suggest?q=a&size=0", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/name", {}, 400, "unknown_field"),
        ("GET", "/v1/stats/age?by=notes", {}, 400, "unknown_field"),
        ("GET", "/v1/stats/age?percentiles=x", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?histogram=0", {}, 400, "invalid_request"),
        ("POST", "/v1/stats", {"json": {"fields": []}}, 400, "invalid_request"),
        ("GET", "/v1/nothing/here", {}, 404, "not_found"),
        ("DELETE", "/v1/fields", {}, 405, "method_not_allowed"),
        ("POST", "/v1/customers/search", {"json": {"q": "x" * 1_100_000}}, 413, "request_entity_too_large"),
    ],
)
def test_every_refusal_is_a_problem_with_its_reason(
    client: TestClient[Litestar], method: str, path: str, kwargs: dict[str, Any], status: int, code: str
) -> None:
    _assert_problem(client.request(method, path, **kwargs), status, code)


@pytest.mark.parametrize("path", ["/v1/customers/search", "/v1/customers/C1", "/v1/stats/age", "/health/ready"])
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (BackendUnavailableError("Elasticsearch cannot be reached"), 503),
        (BackendTimeoutError("Elasticsearch did not answer in time"), 504),
        (BackendAuthError("refused"), 502),
        (IndexNotReadyError("no index yet"), 503),
    ],
)
def test_failures_of_elasticsearch_are_named(
    client: TestClient[Litestar], backend: CannedBackend, path: str, failure: Any, status: int
) -> None:
    backend.failure = failure
    answer = client.get(path)
    _assert_problem(answer, status, failure.code)
    assert ("retry-after" in answer.headers) == (status in {503, 504})


def test_a_defect_of_ours_shows_nothing_of_itself(
    client: TestClient[Litestar], backend: CannedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.failure = RuntimeError("王小明 13800138000")
    answer = client.get("/v1/customers/search")
    _assert_problem(answer, 500, "internal_error")
    assert "13800138000" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


def test_logs_hold_no_query_and_no_id(client: TestClient[Litestar], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client.get("/v1/customers/search", params={"q": "hemlig"})
    client.get("/v1/customers/SECRET-ID")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("crmsearch")]
    assert any(re.match(r"GET /v1/customers/\{customer_id:?s?t?r?\} 404", line) for line in lines), lines
    assert not any("hemlig" in line or "SECRET-ID" in line for line in lines)


def test_health_needs_no_key_and_the_rest_does(backend: CannedBackend) -> None:
    app = create_app(backend, ApiSettings(key=Secret("right"), allowed_hosts=HOST))
    with TestClient(app, base_url=f"http://{HOST}") as client:
        assert client.get("/health/live").status_code == 200
        _assert_problem(client.get("/v1/fields"), 401, "unauthorized")
        _assert_problem(client.get("/v1/fields", headers={"Authorization": "Bearer wrong"}), 401, "unauthorized")
        _assert_problem(client.get("/v1/fields", headers={"Authorization": "Basic right"}), 401, "unauthorized")
        _assert_problem(client.get("/v1/fields", headers={b"Authorization": b"Bearer \xff\xfe"}), 401, "unauthorized")
        assert client.get("/v1/fields", headers={"Authorization": "Bearer right"}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/fields", "/", "/schema", "/health/live"])
def test_unknown_host_names_are_refused(client: TestClient[Litestar], path: str) -> None:
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""):
        _assert_problem(client.get(path, headers={"Host": host}), 400, "invalid_request")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "crm.test"])
def test_loopback_and_named_hosts_are_served_on_any_port(client: TestClient[Litestar], host: str) -> None:
    assert client.get("/v1/fields", headers={"Host": host}).status_code == 200


def test_pages_ask_nothing_of_other_hosts(client: TestClient[Litestar]) -> None:
    for path in ("/", "/schema"):
        page = client.get(path)
        assert page.status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
        outside = re.findall(r"""(?:src|href)=["']?(?:https?:)?//[^"'>\s]+""", page.text)
        assert outside == [], path
    for asset in re.findall(r'(?:src|href)="(/[^"#]+)"', client.get("/schema").text):
        assert client.get(asset).status_code == 200, asset


def test_openapi_describes_every_route(client: TestClient[Litestar]) -> None:
    document = client.get("/schema/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/customers/search",
        "/v1/customers/suggest",
        "/v1/customers/lookup",
        "/v1/customers/export",
        "/v1/customers/{customer_id}/similar",
        "/v1/customers/{customer_id}",
        "/v1/customers/{customer_id}/lineage",
        "/v1/stats",
        "/v1/stats/{field}",
        "/v1/fields",
        "/health/live",
        "/health/ready",
    }
    parameters = {each["name"] for each in document["paths"]["/v1/customers/search"]["get"]["parameters"]}
    assert parameters == {"q", "filter", "facets", "sort", "size", "cursor", "highlight", "explain", "exact_total"}


def test_every_answer_has_a_request_id_and_security_headers(client: TestClient[Litestar]) -> None:
    own = client.get("/health/live", headers={"X-Request-ID": "trace-12345"})
    assert own.headers["x-request-id"] == "trace-12345"
    forged = client.get("/health/live", headers={"X-Request-ID": "two words"})
    assert re.fullmatch(r"[0-9a-f]{32}", forged.headers["x-request-id"])
    assert own.headers["x-content-type-options"] == "nosniff"
    assert own.headers["cache-control"] == "no-store"
