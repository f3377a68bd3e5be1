"""What is read of ``crm-audit``: pages, everything in the order of the chains, and what each key did in each hour."""

import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.errors import AuditBrokenError, InvalidRequestError
from crmsearch.indexing.audit import SAME_COPY
from crmsearch.indexing.client import exchange
from crmsearch.indexing.names import audit_index
from crmsearch.privacy.alerts import HourOfKey
from crmsearch.privacy.audit import Action, Event, Head, Verifier, parse_head
from crmsearch.settings import ElasticsearchSettings

__all__ = ["MAX_EVENTS", "AuditFilter", "AuditPage", "AuditReader", "build_hours_body", "build_page_body"]

MAX_EVENTS = 1_000  # in one answer
_BUCKETS_AT_ONCE = 1_000
_EXACT_TO = 3_000  # different customers of an hour that are counted exactly; more than any rule asks about
_BEFORE = re.compile(r"([0-9]{1,15})-([0-9a-z]{1,64})-([0-9]{1,15})")
Body = dict[str, Any]


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are meant: from ``since`` to before ``until``, as ``parse_moment`` gives them, of a key, an action, a customer.

    Raises:
        InvalidRequestError: ``until`` is not after ``since``.
    """

    since: str | None = None
    until: str | None = None
    key: str | None = None
    action: Action | None = None
    customer: str | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidRequestError("until is not after since")


class AuditPage(msgspec.Struct, frozen=True):
    """Events, newest first; ``next`` is what to give as ``before`` for those after them, ``None`` at the end."""

    events: list[Event]
    next: str | None


class AuditReader:
    """The reader; of an index that is not there yet it reads nothing."""

    def __init__(self, client: AsyncElasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client
        self._timeout_s = settings.timeout_s
        self._index = audit_index(settings.index_prefix)

    async def page(self, wanted: AuditFilter, size: int, before: str | None = None) -> AuditPage:
        """Events without the heads of anchors.

        Args:
            wanted: which.
            size: from 1 to ``MAX_EVENTS``.
            before: ``next`` of the page before.

        Raises:
            InvalidRequestError: ``size`` is out of range, or ``before`` is no such text.
        """
        if not 1 <= size <= MAX_EVENTS:
            raise InvalidRequestError(f"size is a number of events from 1 to {MAX_EVENTS}")
        hits = await self._search(build_page_body(wanted, size + 1, before))
        events = [_event(hit) for hit in hits[:size]]
        return AuditPage(events, "-".join(map(str, hits[size - 1]["sort"])) if len(hits) > size else None)

    async def pages(self, wanted: AuditFilter) -> AsyncIterator[list[Event]]:
        """All of them, newest first, in pages."""
        page = await self.page(wanted, MAX_EVENTS)
        yield page.events
        while page.next is not None:
            page = await self.page(wanted, MAX_EVENTS, page.next)
            yield page.events

    async def verify(self, expected: list[Head]) -> Verifier:
        """Everything read by a verifier: the anchors first, so that none tells of what was written after it was looked for."""
        verifier = Verifier()
        for head in expected:
            verifier.expect(head)
        async for event in self._in_order({"term": {"action": "anchor"}}):
            for text in event.heads:
                verifier.expect(parse_head(text))
        async for event in self._in_order({"match_all": {}}):
            verifier.read(event)
        return verifier

    async def hours(self, wanted: AuditFilter) -> list[HourOfKey]:
        """What each key did in each hour, added up by Elasticsearch; without the service's own events."""
        hours: list[HourOfKey] = []
        after: Body | None = None
        while True:
            answer = await self._ask(build_hours_body(wanted, after))
            found = answer.get("aggregations", {}).get("hours", {"buckets": []})
            hours += [_hour(bucket) for bucket in found["buckets"]]
            after = found.get("after_key")
            if not found["buckets"] or after is None:
                return hours

    async def _in_order(self, query: Body) -> AsyncIterator[Event]:
        """Chain by chain, each from its beginning. Events that are added meanwhile stand behind what was read of their chains."""
        body: Body = {"query": query, "size": MAX_EVENTS, "sort": [{"chain": "asc"}, {"sequence": "asc"}]}
        while hits := await self._search(body):
            for hit in hits:
                yield _event(hit)
            body = {**body, "search_after": hits[-1]["sort"]}

    async def _search(self, body: Body) -> list[Body]:
        hits: list[Body] = (await self._ask(body))["hits"]["hits"]
        return hits

    async def _ask(self, body: Body) -> Body:
        async with exchange(self._timeout_s):
            answer = await self._client.search(
                index=self._index,
                body=body,
                preference=SAME_COPY,
                ignore_unavailable=True,
                allow_partial_search_results=False,
            )
        return dict(answer.body)


def build_page_body(wanted: AuditFilter, size: int, before: str | None) -> Body:
    """The ``_search`` body of a page; the sort values of its last hit lead on."""
    body: Body = {
        "query": {"bool": {"filter": _clauses(wanted)}},
        "sort": [{"at": "desc"}, {"chain": "asc"}, {"sequence": "desc"}],
        "size": size,
        "_source": {"excludes": ["heads"]},
    }
    if before is None:
        return body
    match = _BEFORE.fullmatch(before)
    if match is None:
        raise InvalidRequestError("before is not of this list; use next of an answer as it is")
    return {**body, "search_after": [int(match[1]), match[2], int(match[3])]}


def build_hours_body(wanted: AuditFilter, after: Body | None) -> Body:
    """The ``_search`` body that adds up what each key did in each hour, a page of both."""
    own = {"terms": {"action": ["anchor", "end"]}}
    names = [{name: {"terms": {"field": name}}} for name in ("key", "name", "role")]
    composite: Body = {
        "size": _BUCKETS_AT_ONCE,
        "sources": [*names, {"hour": {"date_histogram": {"field": "at", "fixed_interval": "1h", "format": "strict_date_time_no_millis"}}}],
    }
    measures = {
        "customers": {"cardinality": {"field": "customers", "precision_threshold": _EXACT_TO}},
        "answers": {"filter": {"exists": {"field": "customers"}}},
        "refusals": {"filter": {"terms": {"status": [401, 403]}}},
    }
    return {
        "size": 0,
        "query": {"bool": {"filter": _clauses(wanted), "must_not": [own]}},
        "aggs": {"hours": {"composite": {**composite, "after": after} if after else composite, "aggs": measures}},
    }


def _clauses(wanted: AuditFilter) -> list[Body]:
    bounds = {name: value for name, value in (("gte", wanted.since), ("lt", wanted.until)) if value is not None}
    terms = {"key": wanted.key, "action": wanted.action, "customers": wanted.customer}
    of_time = [{"range": {"at": bounds}}] if bounds else []
    return [*of_time, *({"term": {name: value}} for name, value in terms.items() if value is not None)]


def _event(hit: Body) -> Event:
    try:
        return msgspec.convert(hit["_source"], Event)
    except msgspec.ValidationError as error:
        raise AuditBrokenError(
            f"the document {hit['_id'][:64]} of the audit trail is no event; somebody has changed or added it"
        ) from error


def _hour(bucket: Body) -> HourOfKey:
    return HourOfKey(
        key=bucket["key"]["key"],
        name=bucket["key"]["name"],
        role=bucket["key"]["role"],
        hour=bucket["key"]["hour"],
        customers=bucket["customers"]["value"],
        answers=bucket["answers"]["doc_count"],
        refusals=bucket["refusals"]["doc_count"],
    )
