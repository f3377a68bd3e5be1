"""The OpenAPI document says what is accepted and what may be answered. That it holds is tested against a node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.settings import ApiSettings, Secret

HOST = "crm.test"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    unused: Any = object()
    stores = {"events": unused, "key_store": unused, "lifecycle": unused}
    app = create_app(unused, ApiSettings(allowed_hosts=HOST), unused, unused, unused, **stores)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient[Litestar]) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/schema/openapi.json").json()
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_route_tells_its_problems(document: dict[str, Any]) -> None:
    for path, method, operation in _operations(document):
        statuses = {int(status) for status in operation["responses"]}
        assert statuses & {200, 201, 204}, path
        assert 400 in statuses, path
        assert ({401, 403} <= statuses) == path.startswith(("/v1/", "/metrics")), path
        named = "{" in path and "requestBody" not in operation
        assert (404 in statuses) == (named or path in {"/v1/segments/compare", "/v1/generations/rollback"}), path
        is_versioned, is_write = "segments" in path and method in {"put", "delete"}, path == "/v1/customers/batch" or method == "put"
        is_write = is_write or operation["operationId"] in {"MakeKey", "WithdrawConsents", "RollBack"}
        assert (409 in statuses) == (is_versioned or is_write), path
        assert (412 in statuses) == is_versioned, path
        assert ({413, 415} <= statuses) == ("requestBody" in operation), path
        assert (428 in statuses) == (is_versioned and method == "put"), path
        assert ({502, 503, 504} <= statuses) == (path not in {"/v1/fields", "/v1/rules", "/health/live"}), path
        for status in statuses - {200, 201, 204}:
            assert operation["responses"][str(status)]["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
        for status in statuses & {503, 504}:
            assert "Retry-After" in operation["responses"][str(status)]["headers"]


def test_the_readme_names_every_route(document: dict[str, Any]) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    for path in document["paths"]:
        assert _as_written(path) in readme, path


def _as_written(path: str) -> str:
    """A path as the table of the README has it, where routes of one kind share a row."""
    if path in {"/v1/segments", "/v1/segments/{name}"}:
        return "/v1/segments[/{name}]"
    for shared in ("/health/", "/v1/insights/service", "/v1/segments/{name}/versions"):
        if path.startswith(shared):
            return path.rpartition("/")[2]
    return path.replace("customer_id", "id").replace("run_id", "id")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        elif isinstance(node, list):
            for each in node:
                yield from references(each)

    found = set(references(document))
    assert len(found) > 10
    assert found <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_requests_take_what_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in (
        "SearchRequest",
        "FacetRequest",
        "FacetRange",
        "Filter",
        "LookupRequest",
        "ExportRequest",
        "StatsRequest",
        "SuggestRequest",
        "Definition",
    ):
        assert schemas[name]["additionalProperties"] is False, name
    assert schemas["ExportRequest"]["properties"]["format"]["enum"] == ["csv", "ndjson"]
    assert schemas["LookupRequest"]["properties"]["ids"]["items"]["maxLength"] == 512


def test_files_are_described_as_such(document: dict[str, Any]) -> None:
    for operation in document["paths"]["/v1/customers/export"].values():
        whole = operation["responses"]["200"]
        assert set(whole["content"]) == {"text/csv", "application/x-ndjson"}
        assert set(whole["headers"]) == {"X-Total-Count", "Content-Disposition"}


def test_events_are_a_page_or_a_file(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/audit"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/csv", "application/x-ndjson"}
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/AuditPage"}


def test_charts_are_described_wherever_one_may_be_asked_for(document: dict[str, Any]) -> None:
    drawn = set()
    for path, _, operation in _operations(document):
        names = {each["name"] for each in operation.get("parameters", [])}
        whole = operation["responses"].get("200", {})
        assert ("image/svg+xml" in whole.get("content", {})) == ({"format", "chart", "lang"} <= names), path
        if "chart" in names:
            drawn.add(path)
            assert "$ref" in whole["content"]["application/json"]["schema"], path
            assert "Vary" in whole["headers"]
    assert drawn == {
        "/v1/stats",
        "/v1/stats/{field}",
        "/v1/stats/correlation",
        "/v1/stats/crosstab",
        "/v1/insights",
        "/v1/insights/campaigns",
        "/v1/insights/service",
        "/v1/segments/{name}/profile",
        "/v1/segments/compare",
    }


def test_a_version_is_told_by_a_header(document: dict[str, Any]) -> None:
    item = document["paths"]["/v1/segments/{name}"]
    assert "ETag" in item["get"]["responses"]["200"]["headers"]
    assert {"200", "201"} <= set(item["put"]["responses"])
    assert set(document["components"]["schemas"]["SegmentView"]["properties"]) >= {"name", "version", "size", "filters"}


def test_the_key_is_described_where_one_is_asked_for(document: dict[str, Any]) -> None:
    unused: Any = object()
    with TestClient(create_app(unused, ApiSettings(allowed_hosts=HOST, key=Secret("right"))), base_url=f"http://{HOST}") as client:
        closed = client.get("/schema/openapi.json").json()
    # Where no key is set, none is needed before the first one is made.
    for found, wanted in ((document, [{"key": []}, {}]), (closed, [{"key": []}])):
        assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        for path, _, operation in _operations(found):
            assert operation.get("security", []) == (wanted if path.startswith(("/v1/", "/metrics")) and path != "/v1/session" else []), (
                path
            )


def test_the_page_shows_the_same_document(client: TestClient[Litestar]) -> None:
    assert "Retry-After" in client.get("/schema").text


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/v1/customers/search", {"size": "20"}, "size: Expected `int`, got `str`"),
        ("/v1/customers/search", {"explain": 1}, "explain: Expected `bool`, got `int`"),
        ("/v1/customers/search", {"facets": [{"field": "age", "step": 5}]}, "facets[0]: Object contains unknown field `step`"),
        ("/v1/customers/export", {}, "the body: Object missing required field `format`"),
        ("/v1/customers/lookup", {"ids": [""]}, "ids[0]: Expected `str` of length >= 1"),
    ],
)
def test_bodies_are_taken_strictly(client: TestClient[Litestar], path: str, body: dict[str, Any], detail: str) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)
