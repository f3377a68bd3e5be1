"""``/v1/audit``: who has seen what, as pages or as a file, and what of it is worth a look."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from litestar.response import Stream

from crmsearch.api.audited import Disclosed
from crmsearch.errors import InvalidRequestError
from crmsearch.indexing.audit_reader import MAX_EVENTS, AuditFilter, AuditPage, AuditReader
from crmsearch.privacy.alerts import Alert, find_alerts
from crmsearch.privacy.audit import Action, Event, event_time, parse_moment
from crmsearch.search.export import BOM, MEDIA_TYPES, render_csv

__all__ = ["audit_router"]

_COLUMNS = [name for name in Event.__struct_fields__ if name != "heads"]
_DAY = timedelta(days=1)
Reader = NamedDependency[SkipValidation[AuditReader]]
Since = Annotated[str | None, QueryParameter(description="A day or time, in UTC unless it says otherwise: events from then on")]
Until = Annotated[str | None, QueryParameter(description="A day or time: events before it")]


class AlertList(msgspec.Struct, frozen=True):
    """What the rules say of a time, the newest hour first."""

    since: str
    until: str
    alerts: list[Alert]


@get("/", operation_id="ListEvents", opt={"audit": "audit"})
async def list_events(
    events: Reader,
    disclosed: Disclosed,
    since: Since = None,
    until: Until = None,
    key: Annotated[str | None, QueryParameter(description="Prefix of a key")] = None,
    action: Annotated[Action | None, QueryParameter(description="What was done")] = None,
    customer: Annotated[str | None, QueryParameter(description="Id of a customer who was shown or changed")] = None,
    size: Annotated[int, QueryParameter(ge=1, le=MAX_EVENTS, description="Largest number of events of a page")] = 100,
    before: Annotated[str | None, QueryParameter(description="As in `next`: only events after that page are listed")] = None,
    format_: Annotated[
        Literal["json", "csv", "ndjson"], QueryParameter(name="format", description="`csv` or `ndjson`: all events as a file, streamed")
    ] = "json",
) -> Response[AuditPage]:
    """Events of the audit trail, newest first."""
    wanted = AuditFilter(since=_moment(since), until=_moment(until), key=key, action=action, customer=customer)
    disclosed.note([], shape=_told(since=since, until=until, key=key, action=action, customer=customer))
    if format_ == "json":
        return Response(await events.page(wanted, size, before))
    if before is not None:
        raise InvalidRequestError("before is of a page, and a file holds all events; leave one of the two out")
    pages = events.pages(wanted)
    first = await anext(pages)  # so that what cannot be answered is refused before the file begins
    headers = {"Content-Disposition": f'attachment; filename="audit.{format_}"'}
    file: Response[Any] = Stream(_lines(first, pages, format_), media_type=MEDIA_TYPES[format_], headers=headers)
    return file


@get("/alerts", operation_id="ListAlerts", opt={"audit": "audit"})
async def list_alerts(
    events: Reader,
    disclosed: Disclosed,
    since: Since = None,
    until: Until = None,
    utc_offset: Annotated[int, QueryParameter(ge=-12, le=14, description="Hours that clocks at work are ahead of UTC")] = 0,
) -> AlertList:
    """Keys and hours that a rule tells of: many different customers, work at night, many refusals; of the last day by default."""
    end = _moment(until) or event_time(datetime.now(UTC))
    wanted = AuditFilter(since=_moment(since) or event_time(datetime.fromisoformat(end) - _DAY), until=end)
    disclosed.note([], shape=_told(since=since, until=until))
    return AlertList(wanted.since or "", wanted.until or "", find_alerts(await events.hours(wanted), utc_offset))


async def _lines(first: list[Event], pages: AsyncIterator[list[Event]], format_: Literal["csv", "ndjson"]) -> AsyncIterator[bytes]:
    if format_ == "csv":
        yield BOM + render_csv([_COLUMNS])
    yield _render(first, format_)
    async for page in pages:
        yield _render(page, format_)


def _render(events: Sequence[Event], format_: Literal["csv", "ndjson"]) -> bytes:
    if format_ == "csv":
        return render_csv([[getattr(event, name) for name in _COLUMNS] for event in events])
    return b"".join(msgspec.json.encode(event) + b"\n" for event in events)


def _moment(text: str | None) -> str | None:
    return parse_moment(text) if text is not None else None


def _told(**given: str | None) -> list[str]:
    """Which filters were set; the texts themselves are the reader's own."""
    return [f"filter {name}" for name, value in given.items() if value is not None]


audit_router = Router(path="/audit", route_handlers=[list_events, list_alerts], opt={"scope": "audit:read"}, tags=["audit"])
