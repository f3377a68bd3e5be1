"""Around every request: an id, security headers, one access line without personal data."""

import logging
import re
import time
import uuid
from collections.abc import Sequence

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from crmsearch.api.metrics import IN_PROGRESS, group_of, note_request
from crmsearch.logs import REQUEST_ID

__all__ = ["observed"]

logger = logging.getLogger("crmsearch.access")

_SECURITY_HEADERS: Sequence[tuple[str, str]] = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
_STRICT = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
# Swagger UI starts itself from a script inside the page and styles its parts inline.
_API_PAGE = _STRICT + "; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"


def observed(app: ASGIApp) -> ASGIApp:
    """Wrap the application. The line names the route, not the path, since a path may hold a customer's id."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST_ID.set(request_id)  # for this request alone, which is a task of its own
        status, started = 500, False
        in_progress = IN_PROGRESS.labels(group_of(scope["path"]))
        in_progress.inc()

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                headers = MutableScopeHeaders(message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY_HEADERS:
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _API_PAGE if scope["path"].startswith("/schema") else _STRICT)
            await send(message)

        try:
            await app(scope, receive, send_with_headers)
        except Exception:
            if not started:
                raise
            # The server finds an answer without an end and cuts the connection, which tells the client that it is not whole. What it
            # would print of the error itself may quote customers.
            logger.error("an answer was broken off after it had begun (%s)", request_id)  # noqa: TRY400
        finally:
            route = scope.get("path_template") or "unrouted"
            seconds = time.perf_counter() - began
            in_progress.dec()
            note_request(scope["method"], route, status, seconds)
            facts = {"method": scope["method"], "route": route, "status": status, "took_ms": round(seconds * 1000, 1)}
            logger.info("%s %s %d %.1fms %s", *facts.values(), request_id, extra=facts)

    return wrapped


def _request_id(scope: Scope) -> str:
    """The caller's ``X-Request-ID`` if it is a plain token, else a new one."""
    for name, value in scope["headers"]:
        if name.lower() == b"x-request-id" and re.fullmatch(rb"[\w.-]{8,64}", value):
            return value.decode()
    return uuid.uuid4().hex
