"""``/v1/keys``: the keys that callers show: listed, made, revoked."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from crmsearch.api.audited import Disclosed
from crmsearch.errors import ForbiddenError, InvalidRequestError
from crmsearch.indexing.access import KeyStore
from crmsearch.privacy.access import ROLES, Caller, KeyRecord, Role, Scope, key_state, make_key
from crmsearch.search.rows import row_texts

__all__ = ["keys_router"]

Store = NamedDependency[SkipValidation[KeyStore]]


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is wanted. ``expires_at`` is a day or a time, in UTC unless it says otherwise; never when left out.

    ``rows`` are filters in their string form that leave it some customers only.
    """

    role: Role
    name: str = ""
    scopes: list[Scope] = []
    rows: list[str] = []
    expires_at: str | None = None


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a key: everything but the secret."""

    prefix: str
    name: str
    role: Role
    scopes: list[Scope]
    rows: list[str]
    state: Literal["good", "revoked", "expired"]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class KeyList(msgspec.Struct, frozen=True):
    """All keys, newest first."""

    keys: list[KeyView]


class MadeKey(KeyView, frozen=True, kw_only=True):
    """A new key with the ``key`` itself, which is told this once."""

    key: str


# In threads, with the client of the command line: keys are made a few times a year.
@get("/", operation_id="ListKeys", opt={"audit": "keys"}, sync_to_thread=True)
def list_keys(key_store: Store, disclosed: Disclosed) -> KeyList:
    """All keys by their prefix, also revoked and expired ones; never the secret."""
    disclosed.note([])
    return KeyList([KeyView(**_shown(each)) for each in key_store.all()])


@post("/", operation_id="MakeKey", opt={"audit": "key_create"}, sync_to_thread=True)
def create_key(data: JSONBody[NewKey], request: Request[Any, Any, Any], key_store: Store, disclosed: Disclosed) -> MadeKey:
    """Make a key, which is in this answer and nowhere else. Nobody makes one that may do more than they may themselves."""
    caller: Caller = request.state.caller
    beyond = sorted({*(ROLES[data.role]), *data.scopes} - caller.scopes)
    if beyond:
        raise ForbiddenError(f"a key that may do what yours may not cannot be made with it: {', '.join(beyond)}")
    key, record = make_key(data.name, data.role, data.scopes, datetime.now(UTC), _moment(data.expires_at), row_texts(data.rows))
    disclosed.note([], shape=[f"key {record.prefix}", f"role {record.role}", *(["some customers only"] if record.rows else [])])
    key_store.add(record)
    return MadeKey(key=key, **_shown(record))


@delete("/{prefix:str}", operation_id="RevokeKey", opt={"audit": "key_revoke"}, status_code=200, sync_to_thread=True)
def revoke_key(prefix: FromPath[str], key_store: Store, disclosed: Disclosed) -> KeyView:
    """Make a key void for good; every process of the API refuses it within a second. One that is void already stays as it is."""
    revoked = key_store.revoke(prefix, datetime.now(UTC))
    disclosed.note([], shape=[f"key {revoked.prefix}"])
    return KeyView(**_shown(revoked))


def _shown(record: KeyRecord) -> dict[str, Any]:
    names = set(KeyView.__struct_fields__) - {"state"}
    return {name: getattr(record, name) for name in names} | {"state": key_state(record, datetime.now(UTC))}


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text is not None else None
        return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError("expires_at is a day such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z") from error


keys_router = Router(path="/keys", route_handlers=[list_keys, create_key, revoke_key], opt={"scope": "keys:write"}, tags=["administration"])
