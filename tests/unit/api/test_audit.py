"""What the API records: every route that shows or changes customers, every refusal of a known key, and nothing of what was typed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.errors import BackendTimeoutError
from crmsearch.indexing import audit
from crmsearch.indexing.audit_reader import AuditFilter, AuditPage
from crmsearch.indexing.writes import Written
from crmsearch.privacy.access import KeyRecord, Role
from crmsearch.privacy.alerts import HourOfKey
from crmsearch.privacy.audit import Action, Event, verify
from crmsearch.privacy.policy import ROLE_PURPOSES, PurposeName
from crmsearch.processes import wait_until
from crmsearch.settings import ApiSettings
from tests.keys import Keys, bearer
from tests.shelf import Shelf, make_trail
from tests.unit.api.test_api import CannedBackend, _assert_problem
from tests.unit.api.test_segments import CountingBackend, MemoryStore

HOST = "crm.test"
SECRET = "Xiaoming"  # of which nothing may get into an event, nor of the others
ROOM = 50
TYPED = (SECRET, "13800138000", "ming@example.com", "上海", "王小明")
Api = TestClient[Litestar]


class Backend(CountingBackend):
    """With a look-alike, C2, for the customer C1."""

    async def search(self, body: dict[str, Any], position: Any = None) -> dict[str, Any]:
        answer = await super().search(body, position)
        for hit in answer["hits"]["hits"] if "lifecycle|0" in str(body) else []:
            hit |= {"_id": "C2", "matched_queries": ["lifecycle|0"]}
        return answer

    async def read(self, customer_id: str, *, restricted: bool = False) -> dict[str, Any] | None:
        found = await super().read(customer_id)
        return found and {**found, "lifecycle": "lead"}


class Writes:
    """Writes nothing, and says that it has; or fails in the middle of it."""

    def __init__(self) -> None:
        self.fails = self.erases = False

    async def write(self, documents: dict[str, dict[str, Any]], refresh: bool) -> dict[str, Written]:
        if self.fails:
            raise BackendTimeoutError("Elasticsearch did not answer in time")
        if self.erases:
            return {}
        return {name: Written(document | {"customer_id": name}, False) for name, document in documents.items()}

    async def withdraw(self, customer_id: str, consents: tuple[str, ...]) -> dict[str, Any]:
        return {"customer_id": customer_id}


class KeyStore:
    """Makes and revokes keys that are nowhere."""

    def __init__(self) -> None:
        self.records: list[KeyRecord] = []

    def all(self) -> list[KeyRecord]:
        return self.records

    def add(self, record: KeyRecord) -> None:
        self.records.append(record)

    def revoke(self, prefix: str, now: datetime) -> KeyRecord:
        return KeyRecord(prefix=prefix, name="", role="agent", scopes=[], hash="", created_at="", revoked_at=now.isoformat())


class Generations:
    """Goes back, and says so."""

    def rollback(self) -> tuple[str, str]:
        return "crm-customers-2", "crm-customers-1"


class Runs:
    def note_promoted(self, index: str, before: str | None) -> None:
        assert (index, before) == ("crm-customers-1", "crm-customers-2")


class Events:
    """Reads what is on the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.asked: list[AuditFilter] = []

    async def page(self, wanted: AuditFilter, size: int, before: str | None = None) -> AuditPage:
        self.asked.append(wanted)
        return AuditPage(self._shelf.everything[:size], None)

    async def pages(self, wanted: AuditFilter) -> AsyncIterator[list[Event]]:
        self.asked.append(wanted)
        yield [msgspec.structs.replace(self._shelf.everything[0], name="=HYPERLINK(1)", customers=["C1", "C2"])]
        yield self._shelf.everything

    async def hours(self, wanted: AuditFilter) -> list[HourOfKey]:
        return [HourOfKey(key="k", name="", role="app", hour="2026-11-26T12:00:00Z", customers=501, answers=1, refusals=0)]


class Service:
    """The API with everything that it may have, over what is in memory."""

    def __init__(self, room: int = ROOM) -> None:
        self.shelf, self.keys, self.backend, self.writes = Shelf(), Keys(), Backend(), Writes()
        events, writes, keys = Events(self.shelf), self.writes, self.keys
        stores: dict[str, Any] = {"segments": MemoryStore(), "writes": writes, "keys": keys, "events": events}
        stores |= {"key_store": KeyStore(), "lifecycle": Generations(), "runs": Runs()}
        self.events = events
        trail = make_trail(self.shelf, room=room)
        self.app = create_app(self.backend, ApiSettings(allowed_hosts=HOST), trail=trail, **stores)

    def client(self) -> Api:
        return TestClient(self.app, base_url=f"http://{HOST}", raise_server_exceptions=False)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_FLUSH_S", 0.3)
    monkeypatch.setattr(audit, "_GATHER_S", 0.01)


@pytest.fixture
def service() -> Service:
    return Service()


def _handlers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for route in Service().app.routes:
        for handler in (
            route.route_handlers
            if isinstance(route, HTTPRoute) and route.path.startswith(("/v1/", "/metrics")) and route.path != "/v1/session"
            else []
        ):
            for method in handler.http_methods - {"OPTIONS"}:
                yield method, route.path, dict(handler.opt)


HANDLERS = sorted(_handlers(), key=lambda each: each[:2])
REQUESTS: list[tuple[str, str, dict[str, Any] | None, Action, list[str]]] = [
    (
        "POST",
        "/v1/customers/search",
        {"q": f"{SECRET} 13800138000 city:上海", "filters": [{"field": "city", "in": ["上海"]}]},
        "search",
        ["C1"],
    ),
    ("GET", f"/v1/customers/search?q={SECRET}&filter=emails:ming@example.com", None, "search", ["C1"]),
    ("POST", "/v1/customers/suggest", {"q": SECRET}, "suggest", ["C1"]),
    ("GET", f"/v1/customers/suggest?q={SECRET}", None, "suggest", ["C1"]),
    ("POST", "/v1/customers/lookup", {"ids": ["C1"], "emails": ["ming@example.com"], "phones": ["+8613800138000"]}, "lookup", ["C1"]),
    ("GET", "/v1/customers/C1", None, "get", ["C1"]),
    ("GET", "/v1/customers/C1/lineage", None, "lineage", ["C1"]),
    ("GET", "/v1/customers/C1/similar", None, "similar", ["C1", "C2"]),
    ("POST", "/v1/customers/export", {"q": SECRET, "format": "csv"}, "export", ["C1"]),
    ("GET", f"/v1/customers/export?q={SECRET}&format=ndjson", None, "export", ["C1"]),
    ("GET", "/v1/segments/churn-high/export?format=csv", None, "segment_export", ["C1"]),
    ("GET", "/v1/segments/churn-high/versions", None, "segment_versions", []),
    ("PUT", "/v1/customers/C7", {"name": SECRET, "phones": ["+8613800138000"]}, "put", ["C7"]),
    ("POST", "/v1/customers/batch", {"customers": [{"customer_id": "C8", "name": SECRET}]}, "batch", ["C8"]),
    ("DELETE", "/v1/customers/C7/consents?channel=email", None, "withdraw", ["C7"]),
    ("GET", "/v1/audit", None, "audit", []),
    ("GET", "/v1/audit/alerts", None, "audit", []),
    ("GET", "/v1/keys", None, "keys", []),
    ("POST", "/v1/keys", {"role": "agent", "name": SECRET}, "key_create", []),
    ("DELETE", "/v1/keys/0123456789ab", None, "key_revoke", []),
    ("POST", "/v1/generations/rollback", None, "rollback", []),
]


def test_no_route_of_customers_is_without_an_action() -> None:
    for method, path, opt in HANDLERS:
        if opt["scope"].startswith(("customers:", "audit:")):
            assert opt.get("audit") in get_args(Action), (
                f"{method} {path} shows or changes customers: say opt={{'audit': …}} and tell `disclosed`"
            )
    # And each of them is asked below.
    asked = {
        (method, path.partition("?")[0].replace("C1", "{customer_id:str}").replace("C7", "{customer_id:str}"))
        for method, path, *_ in REQUESTS
    }
    assert {(method, path) for method, path, opt in HANDLERS if "audit" in opt} == {
        (method, path.replace("churn-high", "{name:str}").replace("0123456789ab", "{prefix:str}")) for method, path in asked
    }


def test_every_route_is_recorded_with_whom_it_has_shown_and_without_what_was_typed(service: Service) -> None:
    key = service.keys.make("admin")
    with service.client() as api:
        for method, path, body, _, _ in REQUESTS:
            answer = api.request(method, path, headers=bearer(key), json=body)
            assert answer.is_success, (path, answer.text)
    events = service.shelf.events
    assert [(event.action, event.customers) for event in events] == [(action, ids) for *_, action, ids in REQUESTS]
    (record,) = service.keys.records.values()
    for event in events:
        assert (event.key, event.name, event.role, event.client) == (record.prefix, "test", "admin", "testclient")
        assert (event.status, event.purpose, event.stated, event.cut) == (
            201 if event.action == "key_create" else 200,
            "administration",
            False,
            False,
        )
    assert events[0].shape == ["word latin 8", "word digits 11", "word filter city", "filter city in 1", "size 20"]
    assert events[4].shape == ["ids 1", "emails 1", "phones 1"]
    assert events[10].shape == ["segment churn-high"]
    assert [event.shape[0].split()[0] for event in events if event.action in {"key_create", "key_revoke", "rollback"}] == [
        "key",
        "key",
        "generation",
    ]
    kept = json.dumps(list(service.shelf.documents.values()), ensure_ascii=False)
    assert not [word for word in TYPED if word in kept]
    assert key not in kept
    assert verify(service.shelf.everything, [], datetime.now(UTC)).whole


def test_what_failed_is_recorded_and_a_change_with_its_customer(service: Service) -> None:
    service.writes.fails = True
    with service.client() as api:
        _assert_problem(api.get(f"/v1/customers/{SECRET}"), 404, "not_found")
        _assert_problem(api.post("/v1/customers/search", json={"q": "x", "size": SECRET}), 400, "invalid_request")
        _assert_problem(api.put("/v1/customers/C7", json={"name": "Ada Byron"}), 504, "backend_timeout")
        # What failed on our side has shown nobody, and takes no place for long.
        service.backend.failure = RuntimeError(SECRET)
        for _ in range(2 * ROOM):
            assert api.post("/v1/customers/search", json={"q": SECRET}).status_code == 500
    found = [(event.action, event.status, event.customers, event.shape) for event in service.shelf.events]
    assert found == [("get", 404, [], []), ("search", 400, [], []), ("put", 504, ["C7"], [])]


def test_who_is_refused_or_finds_nobody_leaves_no_id_that_may_be_anything(service: Service) -> None:
    with service.client() as api:
        assert api.put("/v1/customers/ming@example.com", json={"name": "n/a"}).status_code == 400
        service.writes.erases = True
        assert api.put("/v1/customers/erased@example.com", json={"name": "Ada Byron"}).status_code == 409
    refused = [event for event in service.shelf.events if event.action == "put"]
    assert [(event.status, event.customers, event.hits) for event in refused] == [(400, [], None), (409, [], None)]


def test_an_export_is_recorded_with_its_number_and_the_first_of_its_ids(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def many(body: dict[str, Any], position: Any = None) -> dict[str, Any]:
        hits = [{"_index": "i", "_id": f"C{number}", "_source": {"customer_id": f"C{number}"}, "sort": [number]} for number in range(1_000)]
        return {"took": 1, "hits": {"total": {"value": 2_000, "relation": "eq"}, "hits": hits}}

    monkeypatch.setattr(service.backend, "search", many)
    with service.client() as api:
        assert api.get("/v1/customers/export?format=csv&fields=customer_id").text.count("\r\n") == 2_001
    (event,) = service.shelf.events
    assert (event.hits, len(event.customers), event.cut, event.shape) == (2_000, 1_000, True, ["column customer_id"])


@pytest.mark.parametrize("role", [role for role in get_args(Role) if role != "custom"])
def test_the_purpose_is_told_or_that_of_the_role(service: Service, role: Role) -> None:
    key = service.keys.make(role)
    with service.client() as api:
        told = api.get("/v1/customers/C1", headers={**bearer(key), "X-Purpose": "marketing"})
        untold = api.get("/v1/customers/C1", headers=bearer(key))
    assert told.status_code == untold.status_code
    if role == "analyst":
        assert [event.action for event in service.shelf.events] == ["refused", "refused"]
    else:
        assert [(event.purpose, event.stated) for event in service.shelf.events] == [("marketing", True), (ROLE_PURPOSES[role], False)]


def test_the_event_says_what_a_purpose_has_shown_beyond_the_role(service: Service) -> None:
    agent, admin = service.keys.make("agent"), service.keys.make("admin")
    with service.client() as api:
        for key, purpose in ((agent, "support"), (agent, "browse"), (admin, "support"), (agent, "security")):
            api.get("/v1/customers/C1", headers={**bearer(key), "X-Purpose": purpose})
        refused = api.get("/v1/customers/C1", headers={**bearer(agent), "X-Purpose": "security"})
        _assert_problem(refused, 403, "forbidden")
        assert "audit:read" in refused.json()["detail"]
        api.get("/v1/customers/nobody", headers={**bearer(agent), "X-Purpose": "support"})
    shapes = [event.shape for event in service.shelf.events]
    assert {"reveals phones", "reveals emails", "reveals birth_date"} <= set(shapes[0])
    assert "reveals national_id" not in shapes[0]
    assert shapes[1:] == [[], [], [], [], []]


def test_purposes_are_told(service: Service) -> None:
    with service.client() as api:
        listed = api.get("/v1/purposes", headers=bearer(service.keys.make("agent"))).json()["purposes"]
    assert [each["name"] for each in listed][:2] == ["browse", "support"]
    assert set(listed[1]) == {"name", "label", "label_zh", "reveals"}
    assert "phones" in listed[1]["reveals"]


def test_an_unknown_purpose_is_refused(service: Service) -> None:
    with service.client() as api:
        answer = api.get("/v1/customers/C1", headers={"X-Purpose": SECRET})
        _assert_problem(answer, 400, "invalid_request")
        assert "X-Purpose is one of browse, support, " in answer.json()["detail"]
        assert SECRET not in answer.text
        parameters = api.get("/schema/openapi.json").json()["paths"]["/v1/customers/{customer_id}"]["get"]["parameters"]
    (told,) = [each for each in parameters if each["name"] == "X-Purpose"]
    assert (told["in"], told["required"], told["schema"]["enum"]) == ("header", False, list(get_args(PurposeName)))
    assert [(event.status, event.customers, event.purpose) for event in service.shelf.events] == [(400, [], "administration")]


def test_refusals_of_known_keys_are_recorded_and_others_are_not(service: Service) -> None:
    analyst = service.keys.make("analyst")
    with service.client() as api:
        assert api.get("/v1/customers/C1", headers=bearer(analyst)).status_code == 403
        assert api.get("/metrics", headers=bearer(analyst)).status_code == 403
        assert api.get("/v1/fields", headers=bearer(analyst[:-1] + ("x" if analyst[-1] != "x" else "y"))).status_code == 401
        for headers in ({}, bearer("wrong"), bearer(f"crm_{'0' * 12}_{'x' * 43}")):
            assert api.get("/v1/customers/C1", headers=headers).status_code == 401
        assert api.options("/v1/customers/C1").status_code == 204
        assert api.get("/v1/fields", headers=bearer(analyst)).status_code == 200
    (record,) = service.keys.records.values()
    found = [(event.action, event.status, event.key, event.role, event.shape) for event in service.shelf.events]
    assert found == [
        ("refused", 403, record.prefix, "analyst", ["route GET /v1/customers/{customer_id}"]),
        ("refused", 403, record.prefix, "analyst", ["route GET /metrics"]),
        ("refused", 401, record.prefix, "analyst", ["route GET /v1/fields"]),
    ]


def test_what_cannot_be_recorded_is_not_shown() -> None:
    service = Service(room=2)
    service.shelf.away = True
    analyst, agent = service.keys.make("analyst"), service.keys.make("agent")
    with service.client() as api:
        for _ in range(2):
            assert api.get("/v1/customers/C1", headers=bearer(agent)).status_code == 200
        for _ in range(3):
            answer = api.get("/v1/customers/C1", headers=bearer(agent))
            _assert_problem(answer, 503, "audit_full")
            assert int(answer.headers["Retry-After"]) > 0
        _assert_problem(api.put("/v1/customers/C1", headers=bearer(service.keys.make("app")), json={"name": "Ada"}), 503, "audit_full")
        _assert_problem(api.get("/v1/customers/C1", headers=bearer(analyst)), 503, "audit_full")
        # What shows nobody is answered as ever, and nobody without a key learns of it.
        assert api.get("/v1/fields", headers=bearer(agent)).status_code == 200
        assert api.get("/v1/customers/C1").status_code == 401
        service.shelf.away = False
    assert [event.action for event in service.shelf.events] == ["get", "get"]


def test_the_trail_is_read_as_pages_and_as_files(service: Service) -> None:
    with service.client() as api:
        assert api.get("/v1/customers/C1").status_code == 200
        assert wait_until(lambda: bool(service.shelf.events), 10)
        page = api.get("/v1/audit?since=2026-11-01&action=get&customer=C1&size=5").json()
        assert {"at", "key", "action", "chain", "sequence", "hash"} <= set(page["events"][0])
        csv = api.get("/v1/audit?format=csv")
        ndjson = api.get("/v1/audit?format=ndjson")
        for query, said in (("since=soon", "since"), ("action=steal", "action"), ("size=0", "size"), ("format=csv&before=1-a-1", "before")):
            answer = api.get(f"/v1/audit?{query}")
            _assert_problem(answer, 400, "invalid_request")
            assert said in answer.json()["detail"]
        alerts = api.get("/v1/audit/alerts?utc_offset=8").json()
        _assert_problem(api.get("/v1/audit/alerts?utc_offset=99"), 400, "invalid_request")
    assert service.events.asked[0] == AuditFilter(since="2026-11-01T00:00:00.000Z", action="get", customer="C1")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    head, first, *_ = csv.text.removeprefix("\ufeff").split("\r\n")
    assert head.startswith("at,key,name,role,client,purpose,action,status")
    assert "'=HYPERLINK(1)" in first
    assert "C1; C2" in first
    assert json.loads(ndjson.text.splitlines()[0])["customers"] == ["C1", "C2"]
    assert [(each["rule"], each["value"]) for each in alerts["alerts"]] == [("bulk_reading", 501)]
    told = [event.shape for event in service.shelf.events if event.action == "audit"]
    assert told[0] == ["filter since", "filter action", "filter customer"]


def test_an_application_without_a_trail_answers_all_the_same() -> None:
    with TestClient(create_app(CannedBackend(), ApiSettings(allowed_hosts=HOST)), base_url=f"http://{HOST}") as api:
        assert api.get("/v1/customers/C1", headers={"X-Purpose": "sales"}).status_code == 200
        assert api.get("/v1/audit").status_code == 404
