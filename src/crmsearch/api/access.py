"""Who may call, and how: keys with scopes for all of ``/v1``, or sessions that stand for them; known host names, known parameters."""

import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.types import Guard

from crmsearch.api.audited import client_of, open_disclosure, record_refusal
from crmsearch.api.issuer import Issuer
from crmsearch.api.limits import Buckets, spend
from crmsearch.errors import ForbiddenError, InvalidRequestError, NotFoundError, UnauthorizedError
from crmsearch.indexing.access import KeyReader
from crmsearch.indexing.audit import AuditTrail
from crmsearch.privacy.access import ANYBODY, SETTINGS, Caller, Scope, check_scope, read_caller, split_key
from crmsearch.privacy.limits import FAILURES, cost_of
from crmsearch.privacy.session import Sessions
from crmsearch.privacy.tokens import is_token
from crmsearch.settings import LOOPBACK, ApiSettings, Secret

__all__ = ["COOKIE", "Door", "MaySeePersonal", "make_access_guard", "make_request_check", "provide_may_see_personal"]

MaySeePersonal = NamedDependency[bool]
COOKIE = "crmsearch_session"
Connection = ASGIConnection[Any, Any, Any, Any]
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGE = "X-Requested-With"  # a header that no form can send, and a script of another site only if we let it


class Door:
    """Lets callers in, by what they show: a key, a token of the single sign-on, or the cookie of a session that stands for either.

    As long as there is no key at all, neither ``key`` nor one in the store, and no issuer of tokens, everybody may do everything; the
    service listens to its own machine alone then.
    """

    def __init__(
        self,
        key: Secret,
        keys: KeyReader | None,
        sessions: Sessions,
        trail: AuditTrail | None = None,
        buckets: Buckets | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        """Take who is to be let in.

        Args:
            key: of the settings, which may do everything; empty if there is none.
            keys: where the keys of callers are.
            sessions: what opens cookies.
            trail: where it is recorded who was refused.
            buckets: what keeps addresses to a few wrong keys.
            issuer: of tokens that are taken in the place of keys.
        """
        self._key = key
        self._keys = keys
        self.sessions = sessions
        self._trail = trail
        self._buckets = buckets
        self._issuer = issuer

    def shown(self, connection: Connection) -> str | None:
        """The key or token of a request: in its header, or else sealed in its cookie; ``None`` if there is neither.

        Raises:
            ForbiddenError: a cookie came along with what may not be the console's own request.
        """
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, given = header.partition(" ")
            return given if scheme.lower() == "bearer" else ""
        cookie = connection.cookies.get(COOKIE)
        if cookie is None:
            return None
        _check_own_page(connection)
        return self.sessions.open(cookie)

    async def admit(self, connection: Connection, given: str | None, scope: Scope | None = None) -> Caller:
        """Who shows this key or token, and has the scope.

        Raises:
            UnauthorizedError, ForbiddenError: nobody, or one who may not.
            TooManyRequestsError: too many wrong ones came from this address.
        """
        known: list[Caller] = []
        address = client_of(connection)
        if self._buckets is not None:
            self._buckets.check("wrong keys", address, FAILURES)
        try:
            caller = await self._identify(given, known)
            if scope is not None:
                check_scope(caller, scope)
        except (UnauthorizedError, ForbiddenError) as error:
            # Who shows nothing tries nothing: the page of somebody whose session is over asks several things at once.
            if self._buckets is not None and given is not None and isinstance(error, UnauthorizedError):
                self._buckets.take("wrong keys", address, FAILURES)
            if self._trail is not None and known:
                record_refusal(self._trail, connection, known[0], error.status)
            raise
        return caller

    async def _identify(self, given: str | None, known: list[Caller]) -> Caller:
        """Whose key it is; ``known`` gets who owns a key of this prefix, be it this one or not."""
        if given:
            if self._key and hmac.compare_digest(given.encode(), self._key.encode()):
                return SETTINGS
            if self._keys is not None and (parts := split_key(given)) is not None:
                prefix, secret = parts
                record = await self._keys.find(prefix)
                if record is not None:
                    known.append(Caller(record.prefix, record.name, record.role, frozenset()))
                caller = read_caller(secret, record, datetime.now(UTC))
                await self._keys.note_use(prefix)
                return caller
            if self._issuer is not None and is_token(given):
                return await self._issuer.caller(given)
        # Before there is any key, one that a caller shows all the same opens nothing more, and is no reason to refuse.
        if not self._key and self._issuer is None and (self._keys is None or not await self._keys.any()):
            return ANYBODY
        raise UnauthorizedError("send a valid key as Authorization: Bearer <key>")


def make_access_guard(door: Door, trail: AuditTrail | None = None, buckets: Buckets | None = None) -> Guard:
    """A guard that lets those in whose role has the scope of the handler.

    Args:
        door: tells who calls.
        trail: in which there has to be place for what is to be shown.
        buckets: what keeps callers to the limits of their roles; before there is a key nobody is kept.
    """

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        if connection.scope.get("method") == "OPTIONS":
            return  # which tells the methods of a path, as the description of the API does, and nothing else
        caller = await door.admit(connection, door.shown(connection), handler.opt["scope"])
        connection.state.caller = caller
        spend(buckets, caller, cost_of(handler.opt.get("audit")))
        if trail is not None and "audit" in handler.opt:
            open_disclosure(trail, connection, caller, handler.opt["audit"])

    return guard


def _check_own_page(connection: Connection) -> None:
    """Raise unless a request with a cookie is the console's: browsers send cookies along whoever has them ask.

    ``SameSite`` keeps other sites out, but not another port or name of this one. ``Sec-Fetch-Site`` and ``Origin`` are set by the browser.
    """
    headers = connection.headers
    elsewhere = headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
    origin = headers.get("origin")
    if elsewhere or (origin is not None and _place(origin) != headers.get("host")):
        raise ForbiddenError("a session is for the console's own page; show a key from elsewhere")
    if connection.scope.get("method") not in _SAFE and OWN_PAGE not in headers:
        raise ForbiddenError(f"with a session, send the header {OWN_PAGE} too, which no page of another site can")


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # a bracket that does not close
        return ""


def make_request_check(settings: ApiSettings) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """What every request must pass before its handler: a known host name, and no query parameter that would be ignored."""
    named = {name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()}
    hosts = LOOPBACK | {settings.host.lower()} | named

    # A coroutine, since Litestar would hand a plain function to a thread at every request.
    async def check(request: Request[Any, Any, Any]) -> None:
        # A page of another site that resolves to this machine (DNS rebinding) sends its own name, and is refused.
        if "\0" in request.scope["path"]:
            raise NotFoundError("there is nothing under this path")  # which no file system could even be asked for
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
