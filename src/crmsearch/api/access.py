"""Who may call: one bearer key for all of ``/v1`` when ``CRMSEARCH_API_KEY`` is set, and known host names only."""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from crmsearch.errors import InvalidRequestError, UnauthorizedError
from crmsearch.settings import ApiSettings, Secret

__all__ = ["LOOPBACK", "allowed_hosts", "make_key_guard", "refuse_unknown_parameters"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


def make_key_guard(key: Secret) -> Guard:
    """A guard that wants ``Authorization: Bearer <key>``; compared in constant time."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        scheme, _space, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), key.encode()):
            raise UnauthorizedError("send a valid key as Authorization: Bearer <key>")

    return guard


def allowed_hosts(settings: ApiSettings) -> list[str]:
    """Host names the API answers to. A page of another site that resolves to this machine sends its own name, and is refused."""
    named = [name.strip() for name in settings.allowed_hosts.split(",") if name.strip()]
    return [*LOOPBACK, settings.host, *named]


def refuse_unknown_parameters(connection: Any) -> None:
    """A query parameter that the route does not know would be ignored silently, so it is refused."""
    if not connection.query_params:
        return
    known = {name.rstrip("_") for name in connection.route_handler.parsed_fn_signature.parameters}
    unknown = sorted(set(connection.query_params.keys()) - known)
    if unknown:
        raise InvalidRequestError(f"unknown query parameter {', '.join(name[:32] for name in unknown)}; GET /schema lists those there are")
