"""Single sign-on: tokens of a real issuer on loopback, good ones and all that is wrong with others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.api.issuer import Issuer
from crmsearch.errors import ConfigError
from crmsearch.settings import ApiSettings, OidcSettings
from tests.issuer import AUDIENCE, LocalIssuer, local_issuer
from tests.keys import Keys, bearer
from tests.unit.api.test_api import CannedBackend

HOST = "crm.test"
Api = TestClient[Litestar]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server() -> Iterator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


@pytest.fixture
def sso(server: LocalIssuer) -> LocalIssuer:
    server.is_away, server.says_issuer, server.asked = False, server.address, 0
    return server


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _app(sso: LocalIssuer, clock: Clock, keys: Any = None, backend: Any = None, **given: str) -> Litestar:
    trusted = OidcSettings(**{"issuer": sso.address, "audience": AUDIENCE, **given})
    return create_app(backend, ApiSettings(allowed_hosts=HOST), keys=keys, issuer=Issuer(trusted, clock))


@pytest.fixture
def api(sso: LocalIssuer, clock: Clock) -> Iterator[Api]:
    with TestClient(_app(sso, clock, Keys()), base_url=f"http://{HOST}", raise_server_exceptions=False) as api:
        yield api


def _status(api: Api, token: str, path: str = "/v1/fields") -> int:
    return api.get(path, headers=bearer(token)).status_code


def test_a_token_lets_in_and_its_role_says_what_for(api: Api, sso: LocalIssuer) -> None:
    assert _status(api, sso.sign()) == 200
    assert _status(api, sso.sign(), "/metrics") == 403
    assert _status(api, sso.sign(roles=["agent", "admin"]), "/metrics") != 403
    assert _status(api, sso.sign(roles="crmsearch-analyst other")) == 200
    assert _status(api, sso.sign(aud=["other", AUDIENCE])) == 200
    assert sso.asked == 2, "where the keys are, and the keys; once"


def test_nobody_gets_in_without_one_though_there_is_no_key(api: Api) -> None:
    assert api.get("/v1/fields").status_code == 401


def test_roles_may_lie_deeper(sso: LocalIssuer, clock: Clock) -> None:
    with TestClient(_app(sso, clock, role_claim="realm_access.roles"), base_url=f"http://{HOST}") as api:
        assert _status(api, sso.sign(roles=None, realm_access={"roles": ["crmsearch-agent", "offline_access"]})) == 200
        assert _status(api, sso.sign()) == 403
        assert _status(api, sso.sign(realm_access="agent")) == 403


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ("country:CN", 200),
        (["country:CN|HK", "-tags:vip"], 200),
        (None, 403),
        ([], 403),
        ("", 403),
        ([7], 403),
        ("name:x", 403),
        ("segment:vip", 403),
    ],
)
def test_a_token_may_have_to_say_which_customers_its_bearer_sees(sso: LocalIssuer, clock: Clock, rows: Any, status: int) -> None:
    backend = CannedBackend()
    with TestClient(_app(sso, clock, rows_claim="crm.rows", backend=backend), base_url=f"http://{HOST}") as api:
        answer = api.get("/v1/customers/search", headers=bearer(sso.sign(crm={"rows": rows})))
    assert answer.status_code == status, answer.text
    if status == 200:
        (clause,) = backend.bodies[-1]["query"]["bool"]["filter"]
        assert {"terms": {"country": ["CN", "HK"] if isinstance(rows, list) else ["CN"]}} in clause["bool"]["filter"]
    else:
        assert not backend.bodies


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 4_000_000_000},
        {"sub": None},
    ],
)
def test_what_is_not_for_us_or_not_now_is_refused(api: Api, sso: LocalIssuer, claims: dict[str, Any]) -> None:
    answer = api.get("/v1/fields", headers=bearer(sso.sign(**claims)))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("roles", [None, [], ["boss"], "custom", {"agent": True}, 7])
def test_a_token_without_a_role_of_ours_is_forbidden(api: Api, sso: LocalIssuer, roles: Any) -> None:
    assert _status(api, sso.sign(roles=roles)) == 403


def test_nobody_else_signs(api: Api, sso: LocalIssuer) -> None:
    claims = {"iss": sso.address, "aud": AUDIENCE, "sub": "u-1", "exp": int(time.time()) + 300, "roles": ["admin"]}
    public = sso.keys[-1]
    stranger = RSAKey.generate_key(2048, {"kid": str(public.kid)})
    assert _status(api, jwt.encode({"alg": "RS256", "kid": public.kid}, claims, stranger)) == 401
    # The public key taken for a secret, which everybody could sign with; and no signature at all.
    by_public = _written({"alg": "HS256", "kid": public.kid}, claims)
    signature = hmac.new(public.as_pem(private=False), by_public.encode(), hashlib.sha256).digest()
    assert _status(api, f"{by_public}.{_base64(signature)}") == 401
    assert _status(api, f"{_written({'alg': 'none'}, claims)}.") == 401
    good = sso.sign()
    assert _status(api, good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")) == 401


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _written(*parts: dict[str, Any]) -> str:
    return ".".join(_base64(json.dumps(part).encode()) for part in parts)


def test_a_changed_key_is_fetched_and_a_made_up_one_is_not_asked_for_again_and_again(api: Api, sso: LocalIssuer, clock: Clock) -> None:
    before = sso.sign()
    assert _status(api, before) == 200
    sso.change_key()
    clock.now += 31
    assert _status(api, sso.sign()) == 200
    assert _status(api, before) == 401, "the key is told no more"
    asked = sso.asked
    for _ in range(5):
        assert _status(api, before) == 401
    assert sso.asked == asked


def test_while_the_issuer_is_away_known_keys_are_good(api: Api, sso: LocalIssuer, clock: Clock) -> None:
    sso.is_away = True
    answer = api.get("/v1/fields", headers=bearer(sso.sign()))
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "issuer_unavailable", "2")
    sso.is_away = False
    assert _status(api, sso.sign()) == 503, "not asked again at once"
    clock.now += 31
    assert _status(api, sso.sign()) == 200
    sso.is_away = True
    clock.now += 2 * 3600
    assert _status(api, sso.sign()) == 200


def test_an_issuer_that_says_it_is_another_is_not_believed(api: Api, sso: LocalIssuer) -> None:
    sso.says_issuer = "https://other.example"
    assert _status(api, sso.sign()) == 503


def test_keys_and_tokens_go_together(sso: LocalIssuer, clock: Clock) -> None:
    keys = Keys()
    with TestClient(_app(sso, clock, keys), base_url=f"http://{HOST}") as api:
        assert _status(api, keys.make("agent")) == 200
        assert _status(api, sso.sign()) == 200


@pytest.mark.parametrize("given", [{"issuer": "http://sso.example"}, {"jwks_url": "http://sso.example/keys"}, {"audience": ""}])
def test_what_is_not_safe_is_no_setting(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Issuer(OidcSettings(**{"issuer": "https://sso.example", "audience": AUDIENCE, **given}))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=60), st.text("abcAB12-_", max_size=40))
def test_no_text_breaks_the_door(api: Api, one: str, two: str) -> None:
    for token in (f"{one}.{two}.{two}", f"{two}.{one}.", f"..{two}"):
        assert api.get("/v1/fields", headers={"Authorization": f"Bearer {token}".strip()}).status_code in {401, 503}
