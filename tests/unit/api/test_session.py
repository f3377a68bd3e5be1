"""Signing in to the console: a cookie that stands for a key, as long as the key is good, and for the console's own page alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.access import COOKIE
from crmsearch.api.app import create_app
from crmsearch.privacy.access import ROLES
from crmsearch.privacy.session import LONGEST_SHOWN, Sessions
from crmsearch.settings import ApiSettings, Secret
from tests.keys import Keys, bearer
from tests.shelf import Shelf, make_trail

HOST = "crm.test"
OWN = {"X-Requested-With": "console"}
Api = TestClient[Litestar]


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def _client(keys: Keys, shelf: Shelf, scheme: str = "http", **settings: Any) -> Api:
    unused: Any = None
    app = create_app(unused, ApiSettings(allowed_hosts=HOST, **settings), keys=keys, trail=make_trail(shelf))  # type: ignore[arg-type]
    return TestClient(app, base_url=f"{scheme}://{HOST}")


@pytest.fixture
def api(keys: Keys, shelf: Shelf) -> Iterator[Api]:
    with _client(keys, shelf) as api:
        yield api


def _sign_in(api: Api, key: str) -> Any:
    return api.post("/v1/session", json={"key": key})


def test_a_cookie_stands_for_the_key_until_one_signs_out(api: Api, keys: Keys) -> None:
    key = keys.make("agent")
    assert api.get("/v1/session").json()["state"] == "signed_out"
    assert api.get("/v1/fields").status_code == 401
    answer = _sign_in(api, f" {key}\n")
    assert (answer.status_code, answer.json()["state"], answer.json()["role"]) == (200, "signed_in", "agent")
    assert set(answer.json()["scopes"]) == set(ROLES["agent"])
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/v1"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Max-Age" not in cookie
    assert key not in cookie
    assert api.get("/v1/fields").status_code == 200
    assert api.get("/v1/session").json() == answer.json()
    assert api.delete("/v1/session").status_code == 204
    assert api.get("/v1/fields").status_code == 401
    assert api.get("/v1/session").json()["state"] == "signed_out"


def test_over_tls_the_cookie_is_for_tls_alone(keys: Keys, shelf: Shelf) -> None:
    key = keys.make("agent")
    with _client(keys, shelf, "https") as api:
        assert "Secure" in _sign_in(api, key).headers["set-cookie"]
    with _client(keys, shelf) as api:  # behind a proxy that ends TLS
        answer = api.post("/v1/session", json={"key": key}, headers={"Origin": f"https://{HOST}"})
        assert "Secure" in answer.headers["set-cookie"]


def test_a_key_that_is_revoked_ends_its_sessions_at_once(api: Api, keys: Keys) -> None:
    _sign_in(api, keys.make("admin"))
    assert api.get("/v1/fields").status_code == 200
    (record,) = keys.records.values()
    keys.records[record.prefix] = msgspec.structs.replace(record, revoked_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert api.get("/v1/fields").status_code == 401
    assert api.get("/v1/session").json()["state"] == "signed_out"


def test_a_session_may_what_its_key_may(api: Api, keys: Keys) -> None:
    _sign_in(api, keys.make("analyst"))
    answer = api.post("/v1/customers/search", json={}, headers=OWN)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("key", ["wrong", "crm_0123456789ab_" + "x" * 43])
def test_a_wrong_key_signs_nobody_in(api: Api, keys: Keys, key: str) -> None:
    keys.make("agent")
    answer = _sign_in(api, key)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert api.get("/v1/session", headers=bearer(key)).status_code == 401


def test_before_there_is_a_key_there_is_nothing_to_sign_in_to(api: Api) -> None:
    for answer in (api.get("/v1/session"), _sign_in(api, "any")):
        assert (answer.status_code, answer.json()["state"]) == (200, "open")
        assert "set-cookie" not in answer.headers


def test_the_key_of_the_settings_signs_in_and_a_key_in_the_header_counts_before_a_cookie(keys: Keys, shelf: Shelf) -> None:
    with _client(keys, shelf, key=Secret("the key of the settings")) as api:
        assert _sign_in(api, "the key of the settings").json()["name"] == "settings"
        assert api.get("/v1/session", headers=bearer(keys.make("agent"))).json()["role"] == "agent"
        assert api.get("/v1/fields", headers=bearer("wrong")).status_code == 401


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", {"Origin": f"http://{HOST}:8080"}, 403),
        ("GET", {"Origin": "http://[::1"}, 403),
        ("POST", {}, 403),
        ("POST", {"Origin": "http://evil.test", **OWN}, 403),
        ("POST", {"Origin": f"http://{HOST}"}, 403),
        ("POST", {"Origin": f"http://{HOST}", **OWN}, 400),
    ],
)
def test_a_cookie_is_taken_from_the_consoles_own_page_alone(
    api: Api, keys: Keys, method: str, headers: dict[str, str], status: int
) -> None:
    _sign_in(api, keys.make("admin"))
    path = "/v1/fields" if method == "GET" else "/v1/stats"
    answer = api.request(method, path, headers=headers, json={"fields": "of another shape"} if method == "POST" else None)
    assert answer.status_code == status, answer.text


def test_what_a_session_is_shown_and_refused_is_recorded_as_its_keys(keys: Keys, shelf: Shelf) -> None:
    with _client(keys, shelf) as api:
        key = keys.make("agent")
        _sign_in(api, key)
        assert api.get("/v1/runs", headers=OWN).status_code == 404  # this application has none
        assert api.get("/v1/customers/export", params={"format": "csv"}).status_code == 403
    refused = [event for event in shelf.everything if event.action == "refused"]
    assert [(event.key, event.role, event.status) for event in refused] == [(key.split("_")[1], "agent", 403)]


def test_a_cookie_that_is_over_changed_or_anothers_opens_nothing() -> None:
    now = [1_800_000_000.0]
    sessions = Sessions("a key of sixteen characters", 60, lambda: now[0])
    cookie = sessions.seal("crm_x")
    assert sessions.open(cookie) == "crm_x"
    assert sessions.end(cookie) == "2027-01-15T08:01:00Z"
    for bad in ("", "x", cookie[:-4] + "AAAA", cookie[:20] + ("A" if cookie[20] != "A" else "B") + cookie[21:], "é"):
        assert sessions.open(bad) is None
    assert Sessions("another key of sixteen characters", 60, lambda: now[0]).open(cookie) is None
    now[0] += 61
    assert sessions.open(cookie) is None


def test_the_longest_token_fits_into_a_cookie_and_a_longer_one_is_refused(api: Api, keys: Keys) -> None:
    assert len(COOKIE) + len(Sessions("a key of sixteen characters", 60, lambda: 0.0).seal("x" * LONGEST_SHOWN)) <= 4_000
    keys.make("agent")
    answer = _sign_in(api, "x" * (LONGEST_SHOWN + 1))
    assert answer.status_code == 400
    assert str(LONGEST_SHOWN) in answer.text
