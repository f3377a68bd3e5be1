"""Every error as ``application/problem+json`` (RFC 9457): ``type, title, status, detail, code, request_id``."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException

from crmsearch.api.metrics import note_problem
from crmsearch.errors import CrmSearchError, InvalidRequestError, NotFoundError, TooManyRequestsError

__all__ = ["EXCEPTION_HANDLERS", "Problem"]

logger = logging.getLogger("crmsearch.api")

_PATH = re.compile(r" for path \S.*$", re.DOTALL)  # which Litestar repeats with its query, in which may stand what was searched for
_RETRY_AFTER_S = 2  # a restarted node or a full queue has usually recovered by then


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The one body of every error; programs match on ``code``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


def _respond(
    request: Request[Any, Any, Any], title: str, status: int, detail: str, code: str, headers: Mapping[str, str] | None = None
) -> Response[Problem]:
    request_id = request.scope.get("state", {}).get("request_id", "")
    note_problem(code, status)
    if status >= 500:
        logger.error("%s %s: %s (%s)", request.method, status, code, request_id)
    headers = dict(headers or {})
    if status in {503, 504}:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        Problem(type=f"urn:crmsearch:error:{code}", title=title, status=status, detail=detail, code=code, request_id=request_id),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def _own(request: Request[Any, Any, Any], error: CrmSearchError) -> Response[Problem]:
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyRequestsError) else None
    return _respond(request, error.title, error.status, error.detail, error.code, headers)


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Litestar's own refusals: unknown routes, wrong methods, bodies that are not JSON or not of the schema."""
    title = HTTPStatus(error.status_code).phrase
    detail = error.detail or title
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        places = [f"{each.get('key', 'body')}: {each['message']}" for each in error.extra if isinstance(each, dict) and "message" in each]
        detail = "; ".join(places) or detail
    detail = _PATH.sub("", detail)
    if isinstance(error, InternalServerException) and "client disconnected" in detail:
        # Nobody reads the answer, and nothing of ours went wrong.
        return _respond(request, HTTPStatus.BAD_REQUEST.phrase, 400, "the request ended before its body did", InvalidRequestError.code)
    code = {400: InvalidRequestError.code, 404: NotFoundError.code}.get(error.status_code, title.lower().replace(" ", "_"))
    return _respond(request, title, error.status_code, detail, code, error.headers)  # of which 405 has the methods that there are


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A defect of ours. The log gets where it happened, not the text of the error, which may quote personal data."""
    logger.error("unexpected %s at %s", type(error).__name__, _place(error))
    return _respond(request, CrmSearchError.title, 500, "something went wrong on our side; the log has the request id", CrmSearchError.code)


def _place(error: Exception) -> str:
    """File and line that raised it."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    CrmSearchError: _own,
    HTTPException: _framework,
    Exception: _unexpected,
}
