"""``/v1/segments`` and ``/v1/insights`` over a store in memory: what is refused, and how; figures are the integration tests' matter."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.errors import ConflictError
from crmsearch.indexing.segments import SegmentStore, Stored
from crmsearch.search.segments import MAX_SEGMENTS, Segment, SegmentVersion, VersionPage
from crmsearch.settings import ApiSettings, Secret
from tests.keys import Keys, bearer
from tests.unit.api.test_api import CannedBackend, _assert_problem

HOST = "crm.test"
VIP: dict[str, Any] = {"label": "VIP", "filters": [{"field": "rfm_monetary", "in": [5]}]}
JSON = {"Content-Type": "application/json"}


class MemoryStore(SegmentStore):
    """Segments of one process; ``interfere`` lets somebody else write first."""

    def __init__(self) -> None:
        self.kept: dict[str, list[SegmentVersion]] = {}
        self.interfere = False

    async def find(self, names: Collection[str]) -> dict[str, Segment]:
        return {name: each for name, each in (await self.all()).items() if name in names}

    async def current(self, name: str) -> Stored | None:
        versions = self.kept.get(name)
        return Stored(versions[-1], len(versions), 1) if versions else None

    async def all(self) -> dict[str, Segment]:
        living = {name: versions[-1] for name, versions in sorted(self.kept.items()) if not versions[-1].deleted}
        return {name: msgspec.convert(each, Segment, from_attributes=True) for name, each in living.items()}

    async def versions(self, name: str, size: int, before: int | None) -> VersionPage:
        return VersionPage(self.kept.get(name, [])[::-1][:size], None)

    async def write(self, version: SegmentVersion, over: Stored | None) -> None:
        if self.interfere or (over.seq_no if over else 0) != len(self.kept.get(version.name, [])):
            raise ConflictError(f"segment {version.name} was changed by somebody else at this moment; read it again")
        self.kept.setdefault(version.name, []).append(version)


class CountingBackend(CannedBackend):
    """Says of every segment that it has seven members."""

    async def search(self, body: dict[str, Any], position: Any = None) -> dict[str, Any]:
        answer = await super().search(body, position)
        filters = body.get("aggs", {}).get("sizes", {}).get("filters", {}).get("filters", {})
        answer["aggregations"]["sizes"] = {"buckets": {name: {"doc_count": 7} for name in filters}}
        return answer


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def backend() -> CountingBackend:
    return CountingBackend()


@pytest.fixture
def client(backend: CountingBackend, store: MemoryStore) -> Iterator[TestClient[Litestar]]:
    app = create_app(backend, ApiSettings(allowed_hosts=HOST), segments=store)
    with TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False) as client:
        yield client


def test_a_segment_goes_through_its_life(client: TestClient[Litestar], backend: CountingBackend) -> None:
    created = client.put("/v1/segments/vip", json=VIP)
    assert (created.status_code, created.headers["etag"], created.json()["size"]) == (201, '"1"', 7)
    assert set(created.json()) == {
        "name", "label", "label_zh", "description", "description_zh", "q", "filters", "version", "built_in", "created_at", "updated_at",
        "size", "reason",
    }  # fmt: skip
    assert client.put("/v1/segments/vip", json=VIP, headers={"If-Match": '"1"'}).headers["etag"] == '"2"'
    assert client.get("/v1/customers/search?filter=segment:vip").status_code == 200
    assert backend.bodies[-1]["query"]["bool"]["filter"] == [{"bool": {"filter": [{"terms": {"rfm_monetary": [5]}}]}}]
    assert client.delete("/v1/segments/vip").status_code == 204
    _assert_problem(client.get("/v1/segments/vip"), 404, "not_found")
    _assert_problem(client.get("/v1/customers/search?filter=segment:vip"), 400, "unknown_segment")


def test_the_list_asks_elasticsearch_once(client: TestClient[Litestar], backend: CountingBackend) -> None:
    client.put("/v1/segments/vip", json=VIP)
    backend.bodies.clear()
    listed = client.get("/v1/segments").json()["segments"]
    assert len(backend.bodies) == 1
    assert {each["size"] for each in listed} == {7}
    assert [each["name"] for each in listed if not each["built_in"]] == ["vip"]


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status", "code"),
    [
        ("PUT", "/v1/segments/vip", {"json": VIP}, 428, "precondition_required"),
        ("PUT", "/v1/segments/vip", {"json": VIP, "headers": {"If-Match": '"2"'}}, 412, "precondition_failed"),
        ("PUT", "/v1/segments/vip", {"json": VIP, "headers": {"If-None-Match": "*"}}, 412, "precondition_failed"),
        ("PUT", "/v1/segments/new", {"json": VIP, "headers": {"If-Match": "*"}}, 412, "precondition_failed"),
        ("DELETE", "/v1/segments/vip", {"headers": {"If-Match": '"2"'}}, 412, "precondition_failed"),
        ("PUT", "/v1/segments/churn-high", {"json": VIP}, 409, "conflict"),
        ("DELETE", "/v1/segments/churn-high", {}, 409, "conflict"),
        ("DELETE", "/v1/segments/nobody", {}, 404, "not_found"),
        ("PUT", "/v1/segments/compare", {"json": VIP}, 405, "method_not_allowed"),
        ("PUT", "/v1/segments/No%20Slug", {"json": VIP}, 400, "invalid_request"),
        ("PUT", "/v1/segments/new", {"json": {"filters": []}}, 400, "invalid_request"),
        ("PUT", "/v1/segments/new", {"json": {"label": "x", "colour": "red"}}, 400, "invalid_request"),
        ("PUT", "/v1/segments/new", {"json": {"label": "x", "filters": [{"field": "age"}]}}, 400, "filter_syntax"),
        ("PUT", "/v1/segments/new", {"json": {"label": "x", "filters": [{"segment": "new"}]}}, 400, "segment_nesting"),
        ("PUT", "/v1/segments/new", {"json": {"label": "x", "filters": [{"segment": "vip", "clause": {}}]}}, 400, "invalid_request"),
        ("PUT", "/v1/segments/new", {"json": {"label": "x", "filters": [{"segment": "nobody"}]}}, 400, "unknown_segment"),
        ("PUT", "/v1/segments/new", {"content": b"{", "headers": JSON}, 400, "invalid_request"),
        ("PUT", "/v1/segments/new", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ("POST", "/v1/segments/new", {"json": VIP}, 405, "method_not_allowed"),
        ("GET", "/v1/segments/nobody", {}, 404, "not_found"),
        ("GET", "/v1/segments/nobody/versions", {}, 404, "not_found"),
        ("GET", "/v1/segments/vip/versions?size=101", {}, 400, "invalid_request"),
        ("GET", "/v1/segments?page=2", {}, 400, "invalid_request"),
        ("GET", "/v1/stats/age?filter=segment:nobody", {}, 400, "unknown_segment"),
        ("POST", "/v1/customers/search", {"json": {"filters": [{"segment": "vip", "field": "age"}]}}, 400, "filter_syntax"),
        ("POST", "/v1/customers/search", {"json": {"filters": [{}]}}, 400, "filter_syntax"),
        ("POST", "/v1/customers/export", {"json": {"format": "csv", "filters": [{"segment": "nobody"}]}}, 400, "unknown_segment"),
        ("GET", "/v1/insights/campaigns?by=name", {}, 400, "unknown_field"),
        ("GET", "/v1/insights/service?order=best", {}, 400, "invalid_request"),
    ],
)
def test_every_refusal_is_a_problem_with_its_reason(
    client: TestClient[Litestar], method: str, path: str, kwargs: dict[str, Any], status: int, code: str
) -> None:
    client.put("/v1/segments/vip", json=VIP)
    _assert_problem(client.request(method, path, **kwargs), status, code)


def test_a_write_in_between_is_a_conflict(client: TestClient[Litestar], store: MemoryStore) -> None:
    client.put("/v1/segments/vip", json=VIP)
    store.interfere = True
    _assert_problem(client.put("/v1/segments/vip", json=VIP, headers={"If-Match": '"1"'}), 409, "conflict")
    _assert_problem(client.put("/v1/segments/new", json=VIP), 409, "conflict")
    _assert_problem(client.delete("/v1/segments/vip"), 409, "conflict")


def test_who_may_not_see_a_segment_neither_changes_nor_deletes_it(backend: CountingBackend, store: MemoryStore) -> None:
    keys: Any = Keys()
    app = create_app(backend, ApiSettings(allowed_hosts=HOST), segments=store, keys=keys)
    admin, analyst = bearer(keys.make("admin")), bearer(keys.make("analyst"))
    with TestClient(app, base_url=f"http://{HOST}") as client:
        assert client.put(
            "/v1/segments/base", json={"label": "B", "filters": [{"field": "city", "in": ["Rome"]}]}, headers=admin
        ).is_success
        hidden = {"label": "H", "q": "smith", "filters": [{"segment": "base"}]}
        assert client.put("/v1/segments/hid-john", json=hidden, headers=admin).status_code == 201
        mine = {"label": "mine", "filters": []}
        for headers in ({}, {"If-Match": "*"}, {"If-None-Match": "*"}):
            answer = client.put("/v1/segments/hid-john", json=mine, headers=analyst | headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert client.delete("/v1/segments/hid-john", headers=analyst).status_code == 404
        used = client.delete("/v1/segments/base", headers=analyst)
        assert (used.status_code, "hid-john" in used.text) == (409, False)
        assert "hid-john" in client.delete("/v1/segments/base", headers=admin).text
        assert client.get("/v1/segments/hid-john", headers=admin).json()["q"] == "smith"


def test_there_is_room_for_so_many_segments(client: TestClient[Litestar], store: MemoryStore) -> None:
    for number in range(MAX_SEGMENTS):
        segment = SegmentVersion(name=f"s{number}", label="x", label_zh="x", deleted=False)
        store.kept[segment.name] = [segment]
    _assert_problem(client.put("/v1/segments/vip", json=VIP), 409, "conflict")
    assert client.put("/v1/segments/s0", json=VIP, headers={"If-Match": "*"}).status_code == 200
    assert client.delete("/v1/segments/s1").status_code == 204
    assert client.put("/v1/segments/vip", json=VIP).status_code == 201


def test_segments_and_insights_want_the_key(backend: CountingBackend, store: MemoryStore) -> None:
    app = create_app(backend, ApiSettings(key=Secret("right"), allowed_hosts=HOST), segments=store)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for path in ("/v1/segments", "/v1/segments/churn-high", "/v1/insights", "/v1/insights/service"):
            _assert_problem(client.get(path), 401, "unauthorized")
        _assert_problem(client.put("/v1/segments/vip", json=VIP), 401, "unauthorized")
        assert client.get("/v1/segments", headers={"Authorization": "Bearer right"}).status_code == 200


def test_openapi_describes_segments_and_insights(client: TestClient[Litestar]) -> None:
    paths = client.get("/schema/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith(("/v1/segments", "/v1/insights"))} == {
        "/v1/segments",
        "/v1/segments/compare",
        "/v1/segments/{name}",
        "/v1/segments/{name}/export",
        "/v1/segments/{name}/profile",
        "/v1/segments/{name}/versions",
        "/v1/insights",
        "/v1/insights/campaigns",
        "/v1/insights/service",
    }
    put = paths["/v1/segments/{name}"]["put"]
    assert {(each["name"], each["in"]) for each in put["parameters"]} == {
        ("name", "path"),
        ("If-Match", "header"),
        ("If-None-Match", "header"),
        ("X-Purpose", "header"),
    }
    export = paths["/v1/segments/{name}/export"]["get"]
    assert {each["name"] for each in export["parameters"]} == {"name", "format", "purpose", "channel", "fields", "X-Purpose"}
    assert "X-Left-Out-Count" in export["responses"]["200"]["headers"]
    described = [each for path in paths if path.startswith(("/v1/segments", "/v1/insights")) for each in paths[path].values()]
    assert all(len(each["description"]) > 20 for each in described)
