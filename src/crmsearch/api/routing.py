"""What the framework's routing leaves out: ids with a slash in a path, and ``HEAD``.

Paths are routed decoded, so that ``a%2Fb`` would be two segments. Here each segment is decoded by itself, and what would part it stays
encoded until the route is found. ``HEAD`` is answered as ``GET`` without the body (RFC 9110, 9.3.2).
"""

import re
from urllib.parse import unquote

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

__all__ = ["decoded_parameters", "routed"]


def routed(app: ASGIApp) -> ASGIApp:
    """Wrap the application, routing and all."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        if raw_path := scope.get("raw_path"):
            scope["path"] = routable_path(raw_path)
        if scope["method"] != "HEAD":
            await app(scope, receive, _with_head_allowed(send))
            return
        answered = False

        async def send_head(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                scope["method"] = "HEAD"  # before the server looks at it, which expects a body of what it takes for a GET
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answered = True

        async def receive_until_answered() -> ReceiveMessage:
            # An answer that is streamed ends here; nobody would read it.
            return {"type": "http.disconnect"} if answered else await receive()

        scope["method"] = "GET"
        try:
            await app(scope, receive_until_answered, _with_head_allowed(send_head))
        finally:
            scope["method"] = "HEAD"

    return wrapped


def decoded_parameters(app: ASGIApp) -> ASGIApp:
    """Middleware of the routes that have parameters in their path: what ``routable_path`` left encoded is decoded."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        # A new dictionary: the router keeps its own for the next request of this path.
        scope["path_params"] = {name: unquote(value) if isinstance(value, str) else value for name, value in scope["path_params"].items()}
        await app(scope, receive, send)

    return wrapped


def routable_path(raw_path: bytes) -> str:
    """The path to route by: decoded, but for slashes within a segment.

    An id in front of another segment is kept from being taken for a route of its name: the customer ``search`` has a lineage too.
    """
    segments = raw_path.partition(b"?")[0].decode("ascii", "replace").split("/")
    path = "/".join(unquote(segment).replace("%", "%25").replace("/", "%2F") for segment in segments)
    return re.sub(r"(?<=/v1/customers/)([a-z])(?=[^/]*/[^/])", lambda match: f"%{ord(match[1]):02X}", path)


def _with_head_allowed(send: Send) -> Send:
    """Name ``HEAD`` beside ``GET`` where an answer tells the methods there are."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders(message)
            if "GET" in headers.get("allow", "") and "HEAD" not in headers["allow"]:
                headers["allow"] += ", HEAD"
        await send(message)

    return wrapped
