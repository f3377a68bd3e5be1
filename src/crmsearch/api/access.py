"""Who may call, and how: keys with scopes for all of ``/v1``, known host names, known parameters."""

import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.types import Guard

from crmsearch.api.audited import client_of, open_disclosure, record_refusal
from crmsearch.api.issuer import Issuer
from crmsearch.api.limits import Buckets, spend
from crmsearch.errors import ForbiddenError, InvalidRequestError, UnauthorizedError
from crmsearch.indexing.access import KeyReader
from crmsearch.indexing.audit import AuditTrail
from crmsearch.privacy.access import ANYBODY, SETTINGS, Caller, check_scope, read_caller, split_key
from crmsearch.privacy.limits import FAILURES, cost_of
from crmsearch.privacy.tokens import is_token
from crmsearch.settings import LOOPBACK, ApiSettings, Secret

__all__ = ["MaySeePersonal", "make_access_guard", "make_request_check", "provide_may_see_personal"]

MaySeePersonal = NamedDependency[bool]


def make_access_guard(
    key: Secret,
    keys: KeyReader | None,
    trail: AuditTrail | None = None,
    buckets: Buckets | None = None,
    issuer: Issuer | None = None,
) -> Guard:
    """A guard that wants ``Authorization: Bearer <key>`` of a role with the scope of the handler.

    As long as there is no key at all, neither ``key`` nor one in the store, and no issuer of tokens, everybody may do everything; the
    service listens to its own machine alone then.

    Args:
        key: of the settings, which may do everything; empty if there is none.
        keys: where the keys of callers are.
        trail: where it is recorded who was refused, and has to be place for what is to be shown.
        issuer: of tokens that are taken in the place of keys.
        buckets: what keeps callers to the limits of their roles, and addresses to a few wrong keys; before there is a key nobody is kept.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if connection.scope.get("method") == "OPTIONS":
            return  # which tells the methods of a path, as the description of the API does, and nothing else
        known: list[Caller] = []
        address = client_of(connection)
        if buckets is not None:
            buckets.check("wrong keys", address, FAILURES)
        try:
            caller = await _identify(connection.headers.get("authorization"), key, keys, issuer, known)
            check_scope(caller, handler.opt["scope"])
        except (UnauthorizedError, ForbiddenError) as error:
            if buckets is not None and isinstance(error, UnauthorizedError):
                buckets.take("wrong keys", address, FAILURES)
            if trail is not None and known:
                record_refusal(trail, connection, known[0], error.status)
            raise
        connection.state.caller = caller
        spend(buckets, caller, cost_of(handler.opt.get("audit")))
        if trail is not None and "audit" in handler.opt:
            open_disclosure(trail, connection, caller, handler.opt["audit"])

    return guard


async def _identify(header: str | None, key: Secret, keys: KeyReader | None, issuer: Issuer | None, known: list[Caller]) -> Caller:
    """Whose key it is; ``known`` gets who owns a key of this prefix, be it this one or not."""
    scheme, _, given = (header or "").partition(" ")
    if header is not None and scheme.lower() == "bearer":
        if key and hmac.compare_digest(given.encode(), key.encode()):
            return SETTINGS
        if keys is not None and (parts := split_key(given)) is not None:
            prefix, secret = parts
            record = await keys.find(prefix)
            if record is not None:
                known.append(Caller(record.prefix, record.name, record.role, frozenset()))
            caller = read_caller(secret, record, datetime.now(UTC))
            await keys.note_use(prefix)
            return caller
        if issuer is not None and is_token(given):
            return await issuer.caller(given)
    # Before there is any key, one that a caller shows all the same opens nothing more, and is no reason to refuse.
    if not key and issuer is None and (keys is None or not await keys.any()):
        return ANYBODY
    raise UnauthorizedError("send a valid key as Authorization: Bearer <key>")


def make_request_check(settings: ApiSettings) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """What every request must pass before its handler: a known host name, and no query parameter that would be ignored."""
    named = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()}
    hosts = LOOPBACK | {settings.host.lower()} | named

    # A coroutine, since Litestar would hand a plain function to a thread at every request.
    async def check(request: Request[Any, Any, Any]) -> None:
        # A page of another site that resolves to this machine (DNS rebinding) sends its own name, and is refused.
        host = re.sub(r":\d+$", "", request.headers.get("host", "")).strip("[]").lower()
        if host not in hosts:
            raise InvalidRequestError("this host name is not served; name it in CRMSEARCH_API_ALLOWED_HOSTS if it should be")
        # A form on another site can be posted here without asking; JSON cannot.
        if request.method in {"POST", "PUT"} and request.content_type[0] != "application/json" and _has_body(request):
            raise HTTPException(status_code=415, detail="send the body as Content-Type: application/json")
        if request.method != "OPTIONS":  # which asks for the methods of a path, whatever else is in the URL
            _check_query(request)

    return check


def _has_body(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _check_query(request: Request[Any, Any, Any]) -> None:
    several = _query_parameters(request.route_handler)
    given = request.query_params
    if unknown := sorted(set(given.keys()) - several.keys()):
        raise InvalidRequestError(f"unknown query parameter {', '.join(name[:32] for name in unknown)}; GET /schema lists those there are")
    if twice := sorted(name for name in given if not several[name] and len(given.getall(name)) > 1):
        raise InvalidRequestError(f"{', '.join(twice)} is given more than once, and only one would count; give it once")


@cache
def _query_parameters(handler: BaseRouteHandler) -> dict[str, bool]:
    """The query parameters of a handler, and whether one may be repeated."""
    signatures = [handler.parsed_fn_signature, *(each.parsed_fn_signature for each in handler.resolve_dependencies().values())]
    fields = [each for signature in signatures for each in signature.parameters.items()]
    kinds = {name: (field, field.kwarg_definition) for name, field in fields}
    return {kind.name or name: field.is_non_string_sequence for name, (field, kind) in kinds.items() if isinstance(kind, QueryParameter)}


async def provide_may_see_personal(request: Request[Any, Any, Any]) -> bool:
    """Whether the caller may see personal data, as the guard has found."""
    caller: Caller = request.state.caller
    return caller.may_see_personal
