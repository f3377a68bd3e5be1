"""``/v1/session``: signing in to the console, who is signed in, and signing out.

The key is sent once; from then on a cookie stands for it that scripts cannot read and other sites cannot send.
"""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie, ResponseHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody, SkipValidation

from crmsearch.api.access import COOKIE, Door
from crmsearch.errors import UnauthorizedError
from crmsearch.privacy.access import ANYBODY, Caller, Role
from crmsearch.privacy.policy import purposes_of
from crmsearch.privacy.session import LONGEST_SHOWN

__all__ = ["session_router"]

OpenDoor = NamedDependency[SkipValidation[Door]]
_SET_COOKIE = ResponseHeader(name="Set-Cookie", description="The session, good until `ends_at`", documentation_only=True)


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller shows: a key, or a token of the single sign-on."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SHOWN)]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and what they may do.

    Attributes:
        state: ``open`` as long as there is no key at all, so that everybody may do everything.
        prefix: of the key.
        rows: filters that hold for all customers that they may see; without any these are all.
        ends_at: when the session by cookie is over; ``None`` for who shows a key.
        purposes: what ``X-Purpose`` may be; ``GET /v1/purposes`` tells what each shows.
    """

    state: Literal["signed_in", "open", "signed_out"]
    name: str | None = None
    role: Role | None = None
    prefix: str | None = None
    scopes: list[str] = []
    rows: list[str] = []
    ends_at: str | None = None
    purposes: list[str] = []


@get("/", operation_id="GetSession")
async def get_session(request: Request[Any, Any, Any], door: OpenDoor) -> Session:
    """Who calls: by a key in the header, or by the cookie of a session. 401 for a wrong key, `signed_out` for none."""
    shown = door.shown(request)
    try:
        caller = await door.admit(request, shown)
    except UnauthorizedError:
        if "authorization" in request.headers:
            raise
        return Session(state="signed_out")
    by_cookie = shown is not None and "authorization" not in request.headers
    return _session(caller, door.sessions.end(request.cookies[COOKIE]) if by_cookie else None)


@post("/", operation_id="SignIn", status_code=200, response_headers=[_SET_COOKIE])
async def sign_in(data: JSONBody[SignIn], request: Request[Any, Any, Any], door: OpenDoor) -> Response[Session]:
    """Exchange a key for a session; 401 for a wrong one. Before there is any key there is nothing to sign in to, and no cookie is set."""
    shown = data.key.strip()
    caller = await door.admit(request, shown)
    if caller is ANYBODY:
        return Response(_session(caller, None))
    value = door.sessions.seal(shown)
    return Response(_session(caller, door.sessions.end(value)), cookies=[_cookie(request, value)])


@delete(
    "/",
    operation_id="SignOut",
    response_cookies=[Cookie(COOKIE, value="", path="/v1", max_age=0, httponly=True, samesite="strict")],
    sync_to_thread=False,
)
def sign_out() -> None:
    """End the session of this browser. Other sessions of the key go on; revoke the key to end them all."""


def _cookie(request: Request[Any, Any, Any], value: str) -> Cookie:
    """The cookie of a session, which ends with the browser's own session or by what is sealed in it."""
    # Behind a proxy that ends TLS and is not trusted, only the page itself knows that it is served over TLS.
    over_tls = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")
    return Cookie(COOKIE, value=value, path="/v1", httponly=True, samesite="strict", secure=over_tls)


def _session(caller: Caller, ends_at: str | None) -> Session:
    return Session(
        state="open" if caller is ANYBODY else "signed_in",
        name=caller.name,
        role=caller.role,
        prefix=caller.prefix,
        scopes=sorted(caller.scopes),
        rows=list(caller.rows),
        ends_at=ends_at,
        purposes=list(purposes_of(caller)),
    )


session_router = Router(path="/v1/session", route_handlers=[get_session, sign_in, sign_out], tags=["session"])
