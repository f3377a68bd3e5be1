"""The API as a process of its own over a real node: every endpoint, its errors, its load, its silence about personal data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.contract import FIELDS
from crmsearch.indexing.client import make_async_client
from crmsearch.keyfile import make_vault
from crmsearch.processes import free_port
from crmsearch.search.service import ElasticsearchBackend
from tests.conftest import Loaded

PROBLEM_KEYS = {"type", "title", "status", "detail", "code", "request_id"}


@pytest.fixture(scope="module")
def http(api_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api_url, trust_env=False, timeout=15) as client:
        yield client


def _assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert set(body) == PROBLEM_KEYS
    assert (body["status"], body["code"]) == (status, code)


@pytest.fixture(scope="module")
def somebody(http: httpx.Client) -> dict[str, Any]:
    """A customer with a phone."""
    customer: dict[str, Any] = http.get("/v1/customers/search?filter=phones:*&size=1").json()["hits"][0]["customer"]
    return customer


def test_health_and_catalogue(http: httpx.Client) -> None:
    assert http.get("/health/live").json() == {"status": "live"}
    assert http.get("/health/ready").json() == {"status": "ready"}
    assert [field["name"] for field in http.get("/v1/fields").json()] == list(FIELDS)


def test_search_in_both_forms(http: httpx.Client, loaded: Loaded) -> None:
    body = {"q": "wang", "filters": [{"field": "gender", "in": ["female"]}], "facets": ["city", "gender"], "sort": ["-age"], "size": 3}
    posted = http.post("/v1/customers/search", json=body).json()
    got = http.get("/v1/customers/search?q=wang&filter=gender:female&facets=city,gender&sort=-age&size=3").json()
    for answer in (posted, got):
        answer.pop("took_ms")
    assert posted == got
    assert 0 < posted["total"] < loaded.report.indexed
    assert len(posted["hits"]) == 3
    assert all(hit["customer"]["gender"] == "female" and hit["matched"] for hit in posted["hits"])
    following = http.post("/v1/customers/search", json={**body, "cursor": posted["next_cursor"]}).json()
    assert not {hit["id"] for hit in posted["hits"]} & {hit["id"] for hit in following["hits"]}


def test_one_customer_by_name_phone_and_id(http: httpx.Client, somebody: dict[str, Any]) -> None:
    phone = somebody["phones"][0]
    assert http.post("/v1/customers/search", json={"q": phone}).json()["hits"][0]["customer"]["phones"].count(phone) == 1
    assert http.get(f"/v1/customers/{somebody['customer_id']}").json() == somebody
    _assert_problem(http.get("/v1/customers/no-such-customer"), 404, "not_found")
    for path in ("/v1/customers/suggest",):
        suggestions = http.post(path, json={"q": somebody["name"]}).json()["suggestions"]
        assert suggestions == http.get(path, params={"q": somebody["name"]}).json()["suggestions"]
        assert somebody["name"] in [each["text"] for each in suggestions]


def test_segments_and_insights_of_a_real_load(http: httpx.Client, loaded: Loaded) -> None:
    listed = http.get("/v1/segments").json()
    sizes = {each["name"]: each["size"] for each in listed["segments"]}
    assert listed["population"] == loaded.report.indexed
    rfm = {f"rfm-{name.replace(' ', '-')}": count for name, count in loaded.report.rfm_segments.items()}
    assert rfm == {name: size for name, size in sizes.items() if name in rfm}
    assert sum(rfm.values()) == sum(size for name, size in sizes.items() if name.startswith("rfm-")) > 0
    for name in sizes:
        profile = http.get(f"/v1/segments/{name}/profile").json()
        assert (profile["size"], profile["population"]) == (sizes[name], listed["population"])
    reached = http.get("/v1/segments/lifecycle-customer/export?format=csv&purpose=marketing&channel=email").headers
    assert int(reached["x-total-count"]) + int(reached["x-left-out-count"]) == sizes["lifecycle-customer"]
    assert int(reached["x-left-out-count"]) > 0
    for path in ("", "/campaigns", "/campaigns?by=city", "/service", "/service?by=top_category"):
        answer = http.get(f"/v1/insights{path}")
        assert answer.status_code == 200, answer.text
    links = [each["link"] for each in http.get("/v1/insights").json()["unusual"]]
    assert all(http.get(link).status_code == 200 for link in links)


def test_statistics_in_both_forms(http: httpx.Client, loaded: Loaded) -> None:
    posted = http.post("/v1/stats", json={"fields": ["age"], "by": "gender"}).json()
    got = http.get("/v1/stats/age?by=gender").json()
    for answer in (posted, got):
        answer.pop("took_ms")
    assert posted == got
    assert posted["population"] == loaded.report.indexed
    assert posted["fields"]["age"]["exact"] == {"median": True, "percentiles": True}
    assert http.get("/v1/stats/created_at?histogram=365").json()["fields"]["created_at"]["n"] > 0


def test_pages_and_their_assets(http: httpx.Client) -> None:
    assert set(http.get("/schema/openapi.json").json()["paths"]) >= {"/v1/customers/search", "/v1/stats"}
    for path in ("/", "/schema"):
        page = http.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        for asset in re.findall(r'(?:src|href)="([^"#:]+)"', page.text):
            assert http.get(asset).status_code == 200, asset


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/customers/search?filter=colour:red", 400, "unknown_field"),
        ("/v1/customers/search?filter=age:old", 400, "filter_syntax"),
        ("/v1/customers/search?cursor=forged", 400, "invalid_cursor"),
        ("/v1/customers/search?size=101", 400, "result_window"),
        ("/v1/customers/search?q=" + "x" * 4097, 400, "invalid_request"),
        ("/v1/customers/search?qq=x", 400, "invalid_request"),
        ("/v1/stats/name", 400, "unknown_field"),
        ("/v1/nothing", 404, "not_found"),
    ],
)
def test_errors_are_problems(http: httpx.Client, path: str, status: int, code: str) -> None:
    _assert_problem(http.get(path), status, code)


def test_sixteen_callers_at_once(http: httpx.Client) -> None:
    texts = ["wang", "李", "smith", "138", "jon smiht", "gmail.com", "", "北京"]

    def call(caller: int) -> list[int]:
        with httpx.Client(base_url=http.base_url, trust_env=False, timeout=30) as client:
            bodies = [{"q": texts[(caller + turn) % len(texts)], "facets": ["city", "gender"]} for turn in range(20)]
            return [client.post("/v1/customers/search", json=body).status_code for body in bodies]

    with ThreadPoolExecutor(16) as pool:
        answers = [status for statuses in pool.map(call, range(16)) for status in statuses]
    assert answers == [200] * 320


def test_the_log_tells_neither_what_was_sought_nor_who_was_found(http: httpx.Client, loaded: Loaded, somebody: dict[str, Any]) -> None:
    log = loaded.settings.paths.state / "api" / "api.log"
    token = "geheim8713token"
    marker = {"X-Request-ID": "marker-of-this-test"}
    http.get("/v1/customers/search", params={"q": token})
    http.post("/v1/customers/search", json={"q": token})
    http.get("/v1/customers/suggest", params={"q": token})
    http.get(f"/v1/{token}")
    http.get("/v1/customers/search", params={"q": token, "filter": f"{token}:x"})
    http.get(f"/v1/customers/{token}")
    http.get(f"/v1/customers/{somebody['customer_id']}", headers=marker)
    text = log.read_text(encoding="utf-8")
    assert marker["X-Request-ID"] in text, "each request has its line"
    assert token not in text
    assert somebody["customer_id"] not in text
    assert somebody["name"] not in text


@pytest.mark.parametrize("path", ["/v1/customers/search", "/v1/customers/x", "/v1/stats/age", "/health/ready"])
def test_a_node_that_is_down_is_a_problem_within_the_timeout(loaded: Loaded, path: str) -> None:
    target = msgspec.structs.replace(loaded.settings.elasticsearch, url=f"http://127.0.0.1:{free_port(29_000)}", timeout_s=2.0)
    client = make_async_client(target)
    app = create_app(ElasticsearchBackend(client, target.index_prefix, target.timeout_s, make_vault(loaded.settings)))
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as http:
        answer = http.get(path)
    _assert_problem(answer, 503, "backend_unavailable")
    assert answer.headers["retry-after"]
    assert answer.elapsed.total_seconds() < 5


def test_without_any_index_it_is_not_ready(loaded: Loaded) -> None:
    target = msgspec.structs.replace(loaded.settings.elasticsearch, index_prefix="t_never_loaded")
    client = make_async_client(target)
    app = create_app(ElasticsearchBackend(client, target.index_prefix, target.timeout_s, make_vault(loaded.settings)))
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as http:
        assert http.get("/health/live").status_code == 200
        for path in ("/health/ready", "/v1/customers/search", "/v1/stats/age", "/v1/customers/x"):
            _assert_problem(http.get(path), 503, "index_not_ready")
