"""Keys, roles and scopes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import ForbiddenError, InvalidRequestError, UnauthorizedError
from crmsearch.privacy.access import ROLES, SCOPES, KeyRecord, Role, check_scope, make_key, read_caller, split_key

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _made(role: Role = "agent", expires_at: datetime | None = None) -> tuple[str, KeyRecord]:
    key, record = make_key("Ada", role, (), NOW, expires_at)
    parts = split_key(key)
    assert parts is not None
    assert parts[0] == record.prefix
    return parts[1], record


def test_a_key_has_256_random_bits_of_which_nothing_is_kept() -> None:
    keys = {make_key("Ada", "agent", (), NOW, None)[0] for _ in range(100)}
    assert len(keys) == 100
    key, record = make_key("Ada", "agent", (), NOW, None)
    secret = key.removeprefix(f"crm_{record.prefix}_")
    assert len(secret) == 43  # 32 bytes in base64
    assert secret not in repr(record)
    assert record.hash not in key


def test_a_key_is_its_callers_until_it_is_revoked_or_expires() -> None:
    secret, record = _made(expires_at=NOW + timedelta(days=1))
    caller = read_caller(secret, record, NOW)
    assert (caller.name, caller.role, caller.scopes) == ("Ada", "agent", frozenset(ROLES["agent"]))
    for late in (NOW + timedelta(days=1), NOW + timedelta(days=9)):
        with pytest.raises(UnauthorizedError):
            read_caller(secret, record, late)
    with pytest.raises(UnauthorizedError):
        read_caller(secret, msgspec.structs.replace(record, revoked_at="2026-11-25T12:00:00Z"), NOW)


def test_of_a_wrong_key_nothing_is_told() -> None:
    secret, record = _made()
    told = set()
    for wrong, kept in (("", record), (secret[:-1], record), (secret, None), ("", None), (secret.swapcase(), record)):
        with pytest.raises(UnauthorizedError) as caught:
            read_caller(wrong, kept, NOW)
        told.add(caught.value.detail)
    assert len(told) == 1


@given(st.text(max_size=80))
def test_what_is_no_key_is_told_from_one(text: str) -> None:
    assert split_key(text) is None


@pytest.mark.parametrize("change", ["crm_", "CRM_x", " "])
def test_almost_a_key_is_none(change: str) -> None:
    key, _ = make_key("Ada", "agent", (), NOW, None)
    assert split_key(change + key) is None
    assert split_key(key + change) is None
    assert split_key(key.replace("_", "-", 1)) is None


def test_scopes_of_a_role_are_those_of_the_table_and_of_a_custom_key_its_own() -> None:
    for role in get_args(Role):
        assert set(ROLES[role]) <= SCOPES.keys()
    key, record = make_key("shop", "custom", ["customers:read", "customers:export"], NOW, None)
    parts = split_key(key)
    assert parts is not None
    caller = read_caller(parts[1], record, NOW)
    check_scope(caller, "customers:export")
    with pytest.raises(ForbiddenError, match="customers:write"):
        check_scope(caller, "customers:write")


def test_analysts_see_no_customer_and_admins_may_everything() -> None:
    assert not {scope for scope in ROLES["analyst"] if scope.startswith("customers:")}
    secret, record = _made("analyst")
    assert not read_caller(secret, record, NOW).may_see_personal
    assert set(ROLES["admin"]) == set(SCOPES)


@pytest.mark.parametrize(("role", "scopes"), [("custom", ()), ("agent", ("customers:read",)), ("admin", ("keys:write",))])
def test_scopes_are_for_custom_keys_and_for_these_alone(role: Role, scopes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError, match="custom"):
        make_key("Ada", role, scopes, NOW, None)  # type: ignore[arg-type]


def test_a_key_that_is_void_from_the_beginning_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="expired"):
        make_key("Ada", "agent", (), NOW, NOW)


def test_the_documentation_has_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "access.md").read_text(encoding="utf-8")
    roles = [role for role in get_args(Role) if role != "custom"]
    for scope, allows in SCOPES.items():
        cells = " | ".join("yes" if scope in ROLES[role] else "" for role in roles)
        assert f"| `{scope}` | {allows} | {cells} |" in page
