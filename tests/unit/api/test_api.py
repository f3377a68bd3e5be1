"""Handlers over a canned backend: shapes, errors, access. What Elasticsearch really answers is the integration tests' matter."""

from __future__ import annotations

import asyncio
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
from tests.keys import Keys, bearer

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
        if body.get("query", {}).get("ids", {"values": ["C1"]})["values"] != ["C1"]:
            return {"took": 1, "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}
        hit = {"_index": "i", "_id": "C1", "_score": 1.0, "_source": {"customer_id": "C1", "name": "王小明"}, "sort": [1.0, "c1"]}
        aggregations = {
            name: {"values": {"buckets": [], "sum_other_doc_count": 0, "doc_count_error_upper_bound": 0}, "missing": {"doc_count": 0}}
            for name in body.get("aggs", {})
        }
        numbers = {"min": 1.0, "max": 3.0, "avg": 2.0, "sum": 4.0, "variance_population": 1.0}
        bands = [{"key": band["key"], "doc_count": 1} for band in body.get("aggs", {}).get("by", {}).get("range", {}).get("ranges", [])]
        figures: dict[str, Any] = {
            "age.stats": {"count": 2, **numbers},
            "age.percentiles": {"values": [{"key": percent, "value": 2.0} for percent in (5.0, 25.0, 50.0, 75.0, 95.0)]},
            "age.histogram": {"buckets": [{"key": 0.0, "doc_count": 2}]},
        }
        both = {"buckets": [{"key": "a", "doc_count": 3, "columns": {"buckets": [{"key": "a", "doc_count": 3}]}}]}
        aggregations |= {
            **figures,
            "age.distinct": {"value": 1000},
            "extent": {"age.min": {"value": 1.0}, "age.max": {"value": 3.0}},
            "by": {
                "buckets": [band | figures for band in bands] or [{"key": "a", "doc_count": 2, **figures}],
                "sum_other_doc_count": 0,
                "doc_count_error_upper_bound": 0,
            },
            "by_missing": {"doc_count": 0},
            "age": {"value": 2.0},
            "revenue": {"value": 2.0},
            "moments": {"value": [[9.0, 0.0, 0.0, 1.0, 1.0, 0.5]]},
            "both": {"doc_count": 3, "rows": both, "columns": both},
        }
        return {
            "took": 1,
            "timed_out": False,
            "hits": {"total": {"value": 1, "relation": "eq"}, "hits": [hit]},
            "aggregations": aggregations,
        }

    async def search_earlier(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        return None

    async def read(self, customer_id: str, *, restricted: bool = False) -> dict[str, Any] | None:
        self._fail()
        return {"customer_id": "C1", "name": "王小明"} if customer_id == "C1" else None

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


@pytest.mark.parametrize(
    ("path", "body", "query"),
    [
        ("/v1/stats", {"fields": ["age"]}, "/v1/stats/age"),
        (
            "/v1/stats",
            {
                "fields": ["age"],
                "q": "wang",
                "filters": [{"field": "city", "in": ["北京"]}],
                "by": {"field": "age", "ranges": [{"lt": 30}, {"gte": 30}]},
                "percentiles": [5, 25, 50],
                "histogram": {"bins": 9},
                "size": 3,
            },
            "/v1/stats/age?q=wang&filter=city:北京&by=age:30&percentiles=5,25,50&histogram=auto:9&size=3",
        ),
        (
            "/v1/stats/correlation",
            {"fields": ["age", "revenue"], "q": "wang", "filters": [{"field": "age", "gte": 20}]},
            "/v1/stats/correlation?fields=age,revenue&q=wang&filter=age:20..",
        ),
        (
            "/v1/stats/crosstab",
            {"rows": "city", "columns": "gender", "size": 5, "q": "wang", "filters": [{"field": "age", "gte": 20}]},
            "/v1/stats/crosstab?rows=city&columns=gender&size=5&q=wang&filter=age:20..",
        ),
    ],
)
def test_statistics_in_both_forms(
    client: TestClient[Litestar], backend: CannedBackend, path: str, body: dict[str, Any], query: str
) -> None:
    posted, sent = client.post(path, json=body), list(backend.bodies)
    backend.bodies.clear()
    got = client.get(query)
    assert posted.status_code == got.status_code == 200, got.text
    assert posted.json() == got.json()
    assert backend.bodies == sent


def test_statistics_have_the_shape_that_is_promised(client: TestClient[Litestar]) -> None:
    answer = client.post("/v1/stats", json={"fields": ["age"], "by": "city"}).json()
    assert set(answer) >= {"population", "fields", "groups", "other_count", "missing_count"}
    figures = {"n", "missing", "min", "max", "sum", "mean", "median", "variance", "std_deviation", "percentiles", "histogram", "exact"}
    assert set(answer["fields"]["age"]) >= figures
    assert set(answer["fields"]["age"]["exact"]) == {"median", "percentiles"}
    assert set(answer["groups"][0]) == {"value", "label", "population", "fields"}


def test_small_groups_are_kept_from_a_role_that_may_not_see_personal_data(backend: CannedBackend) -> None:
    keys: Any = Keys()
    analyst, agent = bearer(keys.make("analyst")), bearer(keys.make("agent"))
    app = create_app(backend, ApiSettings(allowed_hosts=HOST, small_group=4), keys=keys)
    paths = ("/v1/stats/age", "/v1/stats/correlation?fields=age,revenue", "/v1/stats/crosstab?rows=city&columns=gender")
    with TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False) as client:
        for path in paths:
            assert client.get(path, headers=agent).status_code == 200
            _assert_problem(client.get(path, headers=analyst), 403, "small_group")
            _assert_problem(client.get(path, headers={"Accept": "image/svg+xml", **analyst}), 403, "small_group")


def test_no_field_is_called_like_a_path_of_statistics() -> None:
    assert not {"correlation", "crosstab"} & set(FIELDS)


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("/v1/stats/age", ["", "histogram", "box", "line"]),
        ("/v1/stats/age?by=city", ["", "bars", "box", "line"]),
        ("/v1/stats/correlation?fields=age,revenue", ["", "heatmap", "bars"]),
        ("/v1/stats/crosstab?rows=city&columns=gender", ["", "heatmap", "bars"]),
    ],
)
def test_every_statistic_is_a_picture_too(client: TestClient[Litestar], path: str, kinds: list[str]) -> None:
    for kind in kinds:
        joint = "&" if "?" in path else "?"
        url = f"{path}{joint}format=svg" + (f"&chart={kind}" if kind else "")
        picture = client.get(url)
        assert picture.status_code == 200, picture.text
        assert picture.headers["content-type"].startswith("image/svg+xml")
        assert "script-src" not in picture.headers["content-security-policy"]
        assert picture.text.startswith("<svg")
        assert client.get(url).text == picture.text
    assert client.get(path, headers={"Accept": "image/svg+xml"}).text.startswith("<svg")
    assert client.get(path, headers={"Accept": "image/avif,image/svg+xml,image/*,*/*;q=0.8"}).text.startswith("<svg")
    for accept in ("*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8"):
        answer = client.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"].startswith("application/json"), accept
        assert answer.headers["vary"] == "Accept"
    assert client.get(path, params={"format": "json"}, headers={"Accept": "image/svg+xml"}).json()


def test_pictures_are_drawn_from_posts_and_in_chinese(client: TestClient[Litestar]) -> None:
    picture = client.post("/v1/stats?format=svg&lang=zh", json={"fields": ["age"], "by": "city"})
    assert "<title>年龄 · 按城市</title>" in picture.text


def test_the_field_catalogue_is_whole(client: TestClient[Litestar]) -> None:
    assert [field["name"] for field in client.get("/v1/fields").json()] == list(FIELDS)


def test_a_refusal_does_not_repeat_what_was_searched_for(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/stats/crosstab?q=John%20Geheim&rows=city")
    _assert_problem(answer, 400, "invalid_request")
    assert "columns" in answer.json()["detail"]
    assert "Geheim" not in answer.text


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
        ("GET", "/v1/stats/age?histogram=wide", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?histogram=month", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?by=age", {}, 400, "unknown_field"),
        ("GET", "/v1/stats/age?by=city,gender,kind", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?format=svg&chart=pie", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/nothing?format=svg", {}, 400, "unknown_field"),
        ("GET", "/v1/stats/age?format=pdf", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?format=json&chart=box", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?lang=fr", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/correlation?fields=age", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/correlation?fields=age,city", {}, 400, "unknown_field"),
        ("GET", "/v1/stats/crosstab?rows=city&columns=city", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/crosstab?rows=city&columns=tags", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/crosstab?rows=city&columns=gender&chart=box", {}, 400, "invalid_request"),
        ("POST", "/v1/stats", {"json": {"fields": ["age"], "histogram": {"bins": 1}}}, 400, "invalid_request"),
        ("POST", "/v1/stats", {"json": {"fields": ["age"], "by": 5}}, 400, "invalid_request"),
        ("POST", "/v1/stats/correlation", {"json": {"fields": ["age", "age"]}}, 400, "invalid_request"),
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


def test_who_hangs_up_in_the_middle_is_no_defect_of_ours(backend: CannedBackend, caplog: pytest.LogCaptureFixture) -> None:
    body: Any = iter([{"type": "http.request", "body": b'{"q": "hem', "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(body)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", HOST.encode()), (b"content-type", b"application/json"), (b"content-length", b"99")]
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/v1/customers/search",
        "raw_path": b"/v1/customers/search",
        "query_string": b"",
    }
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": (HOST, 80), "scheme": "http", "http_version": "1.1", "state": {}}
    asyncio.run(create_app(backend, ApiSettings(allowed_hosts=HOST))(scope, receive, send))
    assert [message["status"] for message in sent if message["type"] == "http.response.start"] == [400]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


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


def test_a_path_that_no_file_can_have_is_not_found(client: TestClient[Litestar]) -> None:
    answer = client.get("/%00")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


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
        "/v1/stats/correlation",
        "/v1/stats/crosstab",
        "/v1/fields",
        "/v1/purposes",
        "/v1/rules",
        "/v1/session",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    parameters = {each["name"] for each in document["paths"]["/v1/customers/search"]["get"]["parameters"]}
    assert parameters == {"q", "filter", "facets", "sort", "size", "cursor", "highlight", "explain", "exact_total", "X-Purpose"}
    parameters = {each["name"] for each in document["paths"]["/v1/stats/{field}"]["get"]["parameters"]}
    assert parameters == {"field", "by", "q", "filter", "size", "percentiles", "histogram", "format", "chart", "lang", "X-Purpose"}


def test_every_answer_has_a_request_id_and_security_headers(client: TestClient[Litestar]) -> None:
    own = client.get("/health/live", headers={"X-Request-ID": "trace-12345"})
    assert own.headers["x-request-id"] == "trace-12345"
    forged = client.get("/health/live", headers={"X-Request-ID": "two words"})
    assert re.fullmatch(r"[0-9a-f]{32}", forged.headers["x-request-id"])
    assert own.headers["x-content-type-options"] == "nosniff"
    assert own.headers["cache-control"] == "no-store"
