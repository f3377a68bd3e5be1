"""Every route with every role: what a key may do is what its scopes say, and no route is without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.privacy.access import ROLES, SCOPES, Role, Scope
from crmsearch.settings import ApiSettings, Secret
from tests.keys import Keys, bearer

HOST = "crm.test"
Api = TestClient[Litestar]


class Nothing:
    """A backend and stores whose every answer is that the handler was reached."""

    def __getattr__(self, name: str) -> Any:
        async def reached(*_: Any, **__: Any) -> Any:
            raise ReachedError

        return reached


class NothingAtOnce:
    """The same of stores that are asked in threads."""

    def __getattr__(self, name: str) -> Any:
        raise ReachedError


class ReachedError(Exception):
    """The guard let it through."""


@pytest.fixture
def keys() -> Keys:
    return Keys()


def _app(keys: Any, **settings: Any) -> Litestar:
    unused: Any = Nothing()
    asked_in_threads: Any = NothingAtOnce()
    return create_app(
        unused,
        ApiSettings(allowed_hosts=HOST, **settings),
        unused,
        unused,
        unused,
        keys,
        asked_in_threads,
        events=unused,
        key_store=asked_in_threads,
        lifecycle=asked_in_threads,
    )


@pytest.fixture
def api(keys: Keys) -> Iterator[Api]:
    with TestClient(_app(keys), base_url=f"http://{HOST}", raise_server_exceptions=False) as api:
        yield api


def _routes(app: Litestar) -> Iterator[tuple[str, str, Scope]]:
    for route in app.routes:
        # Who signs in shows a key in the body, and who asks whether one is signed in may be nobody.
        if isinstance(route, HTTPRoute) and route.path.startswith(("/v1/", "/metrics")) and route.path != "/v1/session":
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    yield method, route.path, handler.opt["scope"]


ROUTES = sorted(set(_routes(_app(None))))


def test_every_route_has_a_scope_of_the_table() -> None:
    assert {scope for _, _, scope in ROUTES} <= set(SCOPES)
    assert len(ROUTES) > 30
    # Whoever changes or takes out customers needs more than to read them.
    for method, path, scope in ROUTES:
        if path.startswith("/v1/customers") and path.endswith("}") and method == "PUT":
            assert scope == "customers:write"
        if path.endswith(("/{customer_id:str}/export", "/restriction", "/anonymise")) or (
            method == "DELETE" and path.startswith("/v1/customers") and path.endswith("}")
        ):
            assert scope == "rights:write"
        elif path.endswith("/export"):
            assert scope == "customers:export"


@pytest.mark.parametrize("role", [role for role in get_args(Role) if role != "custom"])
def test_a_role_reaches_what_its_scopes_say_and_nothing_else(api: Api, keys: Keys, role: Role) -> None:
    header = bearer(keys.make(role))
    for method, path, scope in ROUTES:
        url = (
            path.replace("{customer_id:str}", "C1")
            .replace("{name:str}", "x")
            .replace("{run_id:str}", "r")
            .replace("{field:str}", "age")
            .replace("{prefix:str}", "p")
        )
        assert "{" not in url
        answer = api.request(method, url, headers=header, json={} if method in {"POST", "PUT"} else None)
        assert (answer.status_code == 403) == (scope not in ROLES[role]), (method, path, answer.text)
        if answer.status_code == 403:
            assert answer.json()["code"] == "forbidden"


def test_as_soon_as_there_is_a_key_nobody_gets_in_without_one(api: Api, keys: Keys) -> None:
    assert api.get("/v1/fields").status_code == 200
    key = keys.make("admin")
    for headers in (
        {},
        bearer("wrong"),
        bearer(key[:-1]),
        bearer(key.replace("crm_", "crm_0")),
        {"Authorization": f"Basic {key}"},
        {"Authorization": ""},
    ):
        answer = api.get("/v1/fields", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert api.get("/v1/fields", headers=bearer(key)).status_code == 200
    for path in ("/health/live", "/", "/schema/openapi.json"):
        assert api.get(path).status_code == 200


def test_the_methods_of_a_path_are_told_to_everybody(api: Api, keys: Keys) -> None:
    keys.make("admin")
    for path in sorted({path for _, path, _ in ROUTES}):
        answer = api.options(path.replace("{customer_id:str}", "C1").replace("{", "").replace(":str}", ""))
        assert answer.status_code == 204, (path, answer.text)


def test_a_revoked_key_is_refused(api: Api, keys: Keys) -> None:
    key = keys.make("admin")
    (record,) = keys.records.values()
    assert api.get("/v1/fields", headers=bearer(key)).status_code == 200
    keys.records[record.prefix] = msgspec.structs.replace(record, revoked_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert api.get("/v1/fields", headers=bearer(key)).status_code == 401


def test_the_key_of_the_settings_may_everything_and_closes_the_service(keys: Keys) -> None:
    with TestClient(_app(keys, key=Secret("right")), base_url=f"http://{HOST}") as api:
        assert api.get("/v1/fields").status_code == 401
        assert api.get("/v1/fields", headers=bearer("right")).status_code == 200
        assert api.get("/v1/fields", headers=bearer(keys.make("analyst"))).status_code == 200
