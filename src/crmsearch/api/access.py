"""Who may call, and how: one bearer key for all of ``/v1`` when ``CRMSEARCH_API_KEY`` is set, known host names, known parameters."""

import hmac
import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.types import Guard

from crmsearch.errors import InvalidRequestError, UnauthorizedError
from crmsearch.settings import LOOPBACK, ApiSettings, Secret

__all__ = ["MaySeeSmall", "make_key_guard", "make_request_check", "provide_may_see_small"]

MaySeeSmall = NamedDependency[bool]


def make_key_guard(key: Secret) -> Guard:
    """A guard that wants ``Authorization: Bearer <key>``; compared in constant time."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        scheme, _space, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), key.encode()):
            raise UnauthorizedError("send a valid key as Authorization: Bearer <key>")

    return guard


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
        if request.method in {"POST", "PUT"} and request.content_type[0] != "application/json":
            raise HTTPException(status_code=415, detail="send the body as Content-Type: application/json")
        if request.method != "OPTIONS":  # which asks for the methods of a path, whatever else is in the URL
            _check_query(request)

    return check


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


async def provide_may_see_small(request: Request[Any, Any, Any]) -> bool:
    """Whether the caller may see figures of a few customers. A guard that knows better says so in ``request.state.may_see_small``."""
    return bool(request.state.get("may_see_small", True))
