"""Who may do what: scopes, roles, and the keys that callers show. Pure.

A key is ``crm_<prefix>_<secret>``: the prefix finds it and may be shown, the secret has 256 random bits and is shown once. Of it only
the SHA-256 is kept: a slow hash protects what people choose, and nobody guesses 256 bits.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from crmsearch.errors import ForbiddenError, InvalidRequestError, UnauthorizedError

__all__ = [
    "ANYBODY",
    "OF_EVERYBODY",
    "ROLES",
    "SCOPES",
    "SETTINGS",
    "Caller",
    "KeyRecord",
    "Role",
    "Scope",
    "check_scope",
    "key_state",
    "make_key",
    "read_caller",
    "show_moment",
    "split_key",
]

Scope = Literal[
    "customers:read",
    "customers:write",
    "customers:export",
    "statistics:read",
    "segments:write",
    "runs:read",
    "metrics:read",
    "keys:write",
    "audit:read",
    "rights:write",
    "index:write",
]
Role = Literal["agent", "app", "analyst", "admin", "custom"]

SCOPES: dict[Scope, str] = {
    "customers:read": "search, look up and read customers, with their personal data",
    "customers:write": "write customers",
    "customers:export": "take customers out as files",
    "statistics:read": "statistics, insights, segments and their sizes; of few customers only with customers:read",
    "segments:write": "save and delete segments",
    "runs:read": "reports of loads",
    "metrics:read": "metrics of the service, for Prometheus",
    "keys:write": "make, list and revoke keys",
    "audit:read": "read who has seen what",
    "rights:write": "answer a person's requests: everything that is held of them, and erasure",
    "index:write": "go back to the customer base before the live one",
}
ROLES: dict[Role, tuple[Scope, ...]] = {
    "agent": ("customers:read", "statistics:read", "segments:write"),
    "app": ("customers:read", "customers:write", "customers:export", "statistics:read"),
    "analyst": ("statistics:read", "segments:write", "runs:read"),
    "admin": tuple(SCOPES),
    "custom": (),
}
"""What a role may do; ``custom`` is for keys that name their scopes."""

OF_EVERYBODY: frozenset[Scope] = frozenset({"runs:read", "metrics:read", "keys:write", "audit:read", "index:write"})
"""What no key may do that sees some customers only: it tells of all of them at once."""

_LONGEST_NAME = 100
_KEY = re.compile(r"crm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a key. Times are ISO 8601, UTC.

    Attributes:
        prefix: by which it is found.
        hash: SHA-256 of the secret, in hexadecimal.
        rows: filters that hold for every customer that it may see; without any it may see all.
    """

    prefix: str
    name: str
    role: Role
    scopes: list[Scope]
    hash: str
    created_at: str
    rows: list[str] = []
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_at: str | None = None


class Caller(msgspec.Struct, frozen=True):
    """Somebody who may call; ``prefix`` is that of the key, ``rows`` are filters that leave some customers only."""

    prefix: str
    name: str
    role: Role
    scopes: frozenset[Scope]
    rows: tuple[str, ...] = ()

    @property
    def may_see_personal(self) -> bool:
        """Whether single customers may be seen, and figures of a few."""
        return "customers:read" in self.scopes


SETTINGS = Caller("", "settings", "admin", frozenset(SCOPES))
"""Who shows the key of the settings."""

ANYBODY = Caller("", "anybody", "admin", frozenset(SCOPES))
"""Whoever calls as long as there is no key."""


def make_key(
    name: str, role: Role, scopes: Collection[Scope], now: datetime, expires_at: datetime | None, rows: Sequence[str] = ()
) -> tuple[str, KeyRecord]:
    """A new key, and what is kept of it.

    Args:
        name: whose it is, for people.
        role: what it may do; the scopes of a role are those of its table when the key is used.
        scopes: of a custom key.
        now: aware.
        expires_at: when it ceases to be good; never if left out.
        rows: checked filters that leave some customers only.

    Raises:
        InvalidRequestError: the name is too long or no text, a custom key has no scopes, or another has some, or it would be void from the
            beginning.
    """
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidRequestError(f"the name of a key has {_LONGEST_NAME} characters at most, all of which can be seen")
    if (role == "custom") != bool(scopes):
        raise InvalidRequestError("scopes are named for the role custom, and for that alone; the other roles have theirs")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequestError("the key would have expired already; name a later time")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    record = KeyRecord(
        prefix=prefix,
        name=name,
        role=role,
        scopes=sorted(scopes),
        hash=_hash(secret),
        created_at=show_moment(now),
        expires_at=show_moment(expires_at) if expires_at else None,
        rows=list(rows),
    )
    return f"crm_{prefix}_{secret}", record


def split_key(text: str) -> tuple[str, str] | None:
    """Prefix and secret of a key; ``None`` for what is none."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def read_caller(secret: str, record: KeyRecord | None, now: datetime) -> Caller:
    """Whose key this is.

    The comparison takes the same time wherever the secrets differ, and also where there is no such key.

    Raises:
        UnauthorizedError: there is none, or it is another one, or it was revoked or has expired; which of these is not told.
    """
    fits = hmac.compare_digest(_hash(secret), record.hash if record else _hash(""))
    if not fits or record is None or key_state(record, now) != "good":
        raise UnauthorizedError("send a valid key as Authorization: Bearer <key>")
    scopes = frozenset(record.scopes if record.role == "custom" else ROLES[record.role])
    return Caller(record.prefix, record.name, record.role, scopes, tuple(record.rows))


def key_state(record: KeyRecord, now: datetime) -> Literal["good", "revoked", "expired"]:
    """Whether a key opens anything at this time (aware)."""
    if record.revoked_at is not None:
        return "revoked"
    return "expired" if record.expires_at is not None and record.expires_at <= show_moment(now) else "good"


def show_moment(moment: datetime) -> str:
    """A moment of UTC as key records hold it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def check_scope(caller: Caller, scope: Scope) -> None:
    """Raise ``ForbiddenError`` if a caller may not do this."""
    if scope not in caller.scopes:
        raise ForbiddenError(f"the role of this key ({caller.role}) may not: {SCOPES[scope]} ({scope})")
    if caller.rows and scope in OF_EVERYBODY:
        raise ForbiddenError(f"this key may see some customers only, and this tells of all: {SCOPES[scope]} ({scope})")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
