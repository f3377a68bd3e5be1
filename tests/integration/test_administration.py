"""Keys and generations over HTTP on a real node, by the key of least privileges that the API has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.indexing.access import KeyReader, KeyStore
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.logins import ROLES, Logins
from crmsearch.indexing.runs import RunStore
from crmsearch.keyfile import make_vault
from crmsearch.privacy.access import SCOPES
from crmsearch.processes import wait_until
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import Secret, Settings
from tests.documents import own_prefix, put_documents
from tests.keys import bearer

Api = TestClient[Litestar]


@pytest.fixture
def api(node_settings: Settings) -> Iterator[Api]:
    with own_prefix(node_settings, "administration") as (settings, lifecycle):
        for number in (1, 2):
            lifecycle.promote(put_documents(lifecycle, [{"customer_id": f"C{number}", "name": "Ada Byron"}]))
        logins = Logins(lifecycle._client, settings.elasticsearch.index_prefix)
        key = logins.make(ROLES["api"], datetime.now(UTC))
        least = msgspec.structs.replace(settings.elasticsearch, username="", password=Secret(), api_key=key.encoded)
        client, slow = make_async_client(least), make_client(least)
        app = create_app(
            ElasticsearchBackend(client, least.index_prefix, 30.0, make_vault(settings)),
            keys=KeyReader(client, least),
            runs=RunStore(slow, least),
            key_store=KeyStore(slow, least),
            lifecycle=Lifecycle(slow, least, make_vault(settings)),
        )
        app.on_shutdown += [client.close, slow.close]
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
            yield api
        logins.revoke([key])


def _make(api: Api, **wanted: Any) -> dict[str, Any]:
    answer = api.post("/v1/keys", json=wanted)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_key_from_its_making_to_its_end(api: Api) -> None:
    admin = _make(api, role="admin", name="Ada")
    # What was read a moment ago, that there is no key, is good for a second.
    assert wait_until(lambda: api.get("/v1/keys").status_code == 401, 10)
    api.headers.update(bearer(admin["key"]))
    agent = _make(api, role="agent", name="Berlin", expires_at="2099-01-31")
    assert api.get("/v1/customers/C2", headers=bearer(agent["key"])).status_code == 200
    elsewhere = _make(api, role="admin", rows=["city:Paris"])
    assert elsewhere["rows"] == ["city:Paris"]
    assert api.get("/v1/customers/C2", headers=bearer(elsewhere["key"])).status_code == 404
    for path in ("keys", "generations"):
        assert api.get(f"/v1/{path}", headers=bearer(elsewhere["key"])).status_code == 403
    api.delete(f"/v1/keys/{elsewhere['prefix']}")
    listed = api.get("/v1/keys")
    assert {(each["name"], each["role"], each["state"], each["expires_at"]) for each in listed.json()["keys"]} == {
        ("", "admin", "revoked", None),
        ("Ada", "admin", "good", None),
        ("Berlin", "agent", "good", "2099-01-31T00:00:00Z"),
    }
    assert agent["key"].split("_", 2)[2] not in listed.text
    assert "hash" not in listed.text
    assert api.delete(f"/v1/keys/{agent['prefix']}").json()["state"] == "revoked"
    assert wait_until(lambda: api.get("/v1/customers/C2", headers=bearer(agent["key"])).status_code == 401, 10)
    assert api.delete("/v1/keys/0123456789ab").status_code == 404


def test_nobody_makes_a_key_that_may_more_than_their_own(api: Api) -> None:
    maker = _make(api, role="custom", scopes=["keys:write", "customers:read"])
    api.headers.update(bearer(maker["key"]))
    _make(api, role="custom", scopes=["customers:read"])
    for wanted in ({"role": "admin"}, {"role": "agent"}, {"role": "custom", "scopes": ["audit:read", "keys:write"]}):
        answer = api.post("/v1/keys", json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "audit:read" in answer.json()["detail"]


def test_what_is_wrong_with_a_wanted_key_is_told(api: Api) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"role": "agent", "expires_at": "soon"}, "2027-01-31"),
        ({"role": "agent", "expires_at": "2020-01-01"}, "expired"),
        ({"role": "agent", "expires_at": "0001-01-01T00:00:00+14:00"}, "2027-01-31"),
        ({"role": "custom"}, "scopes"),
        ({"role": "agent", "scopes": ["customers:read"]}, "scopes"),
        ({"role": "agent", "name": "x" * 101}, "100"),
        ({"role": "king"}, "role"),
        ({"role": "agent", "rows": ["shoe_size:44"]}, "shoe_size"),
    ]
    for wanted, said in wrong:
        answer = api.post("/v1/keys", json=wanted)
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.text


def test_back_to_the_base_before_the_live_one(api: Api) -> None:
    newer, older = api.get("/v1/generations").json()["generations"]
    assert (newer["live"], older["live"]) == (True, False)
    assert api.get("/v1/customers/C1").status_code == 404
    answer = api.post("/v1/generations/rollback")
    assert (answer.status_code, answer.json()) == (200, {"live": older["index"], "before": newer["index"]}), answer.text
    assert api.get("/v1/customers/C1").status_code == 200
    assert [each["live"] for each in api.get("/v1/generations").json()["generations"]] == [False, True]
    assert api.post("/v1/generations/rollback").status_code == 404


def test_generations_are_seen_by_analysts_and_moved_by_administrators(api: Api) -> None:
    assert "index:write" in SCOPES
    analyst = _make(api, role="analyst")
    api.headers.update(bearer(analyst["key"]))
    assert api.get("/v1/generations").status_code == 200
    assert api.post("/v1/generations/rollback").status_code == 403
