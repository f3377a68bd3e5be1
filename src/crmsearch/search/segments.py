"""Segments: named, saved filters over customers. Definitions, nesting, and what they come to in a query. Pure.

A segment may use others, as ``{"segment": "vip"}`` among its filters. Before a query is built every name gives way to the clause of the
members (``resolve_filters``), so that a segment is what its definition says at the moment of the question.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from crmsearch.errors import (
    InvalidRequestError,
    PreconditionFailedError,
    PreconditionRequiredError,
    SegmentNestingError,
    UnknownSegmentError,
)
from crmsearch.search.filters import Filter, ResolvedFilter, build_filter, check_segment_name, with_days
from crmsearch.search.query import build_text_query
from crmsearch.search.request import SearchRequest, check_search
from crmsearch.search.text import parse_text

__all__ = [
    "MAX_SEGMENTS",
    "Definition",
    "Segment",
    "SegmentList",
    "SegmentVersion",
    "SegmentView",
    "VersionPage",
    "build_members",
    "build_sizes_body",
    "check_definition",
    "check_nesting",
    "check_precondition",
    "defining_fields",
    "members_of_all",
    "resolve_filters",
    "segments_leading_to",
    "used_segments",
]

MAX_SEGMENTS = 200  # saved ones; the list counts all of them in one request
MAX_LABEL, MAX_DESCRIPTION = 120, 2000  # characters
MAX_DEPTH = 5  # segments in segments; each level is a round to where they are kept
MAX_CONDITIONS = 1000  # of a request when all names are resolved; as ranges they took 90 ms over a million customers
TEXT_CONDITIONS = 50  # that a text counts as, by the time it takes
RESERVED = {"compare"}  # a path of its own


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a segment: customers that fit ``q``, if it is there, and all ``filters``. Without either it is everyone."""

    label: str
    description: str = ""
    q: str = ""
    filters: list[Filter] = []


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment as it is now; built-in ones have no times and stay at version 1. Times are ISO 8601, UTC."""

    name: str
    label: str
    label_zh: str
    description: str = ""
    description_zh: str = ""
    q: str = ""
    filters: list[Filter] = []
    version: int = 1
    built_in: bool = False
    created_at: str | None = None
    updated_at: str | None = None


class SegmentView(Segment, frozen=True, kw_only=True):
    """A segment with the number of its members. ``None`` if they cannot be counted, with the reason in ``reason``."""

    size: int | None
    reason: str | None = None


class SegmentList(msgspec.Struct, frozen=True, kw_only=True):
    """All segments there are: built-in ones in the order of their table, then saved ones by name; all counted at one moment."""

    population: int
    segments: list[SegmentView]
    took_ms: int


class SegmentVersion(Segment, frozen=True, kw_only=True):
    """A segment as it was from ``updated_at`` on; ``deleted`` when it was gone from then on."""

    deleted: bool


class VersionPage(msgspec.Struct, frozen=True):
    """Versions, newest first; ``next`` is what to give as ``before`` for those before them, ``None`` at the end."""

    versions: list[SegmentVersion]
    next: int | None


def check_definition(name: str, definition: Definition) -> None:
    """Raise ``InvalidRequestError`` with the reason if there can be no such segment; the segments that it uses are not looked at."""
    check_segment_name(name)
    if name in RESERVED:
        raise InvalidRequestError(f"{name} is a word of the API; choose another name for the segment")
    for part, text, most in (("label", definition.label, MAX_LABEL), ("description", definition.description, MAX_DESCRIPTION)):
        if len(text) > most:
            raise InvalidRequestError(f"the {part} has {len(text)} characters; at most {most} are kept")
    if not definition.label.strip():
        raise InvalidRequestError("a segment has a label, the name that people read")
    check_search(SearchRequest(q=definition.q, filters=definition.filters))


def check_precondition(name: str, version: int | None, if_match: str | None, if_none_match: str | None) -> None:
    """Raise if a write is not of the state that its writer has seen (RFC 9110, section 13).

    Args:
        name: of the segment.
        version: the current one; ``None`` where there is no such segment.
        if_match: header of the request; ``"3"``, several of them, or ``*`` for any version.
        if_none_match: header of the request; ``*`` for a segment that must not be there.

    Raises:
        PreconditionFailedError: the state is another.
        PreconditionRequiredError: there is a segment of this name, and the request does not say which version it replaces.
    """
    if if_none_match is not None and version is not None and _names_version(if_none_match, version):
        raise PreconditionFailedError(f"there is a segment {name} already, at version {version}")
    if if_match is not None and version is None:
        raise PreconditionFailedError(f"there is no segment {name}, so it has no version to replace")
    if if_match is not None and version is not None and not _names_version(if_match, version):
        raise PreconditionFailedError(f"segment {name} is at version {version} by now; read it again and repeat the change")
    if if_match is None and version is not None:
        raise PreconditionRequiredError(f'segment {name} is there; send If-Match: "{version}", the ETag it was read with, to replace it')


def used_segments(filters: Iterable[Filter]) -> list[str]:
    """The segments that filters name, each once."""
    return list(dict.fromkeys(name for each in filters if (name := _segment_of(each))))


def check_nesting(filters: Sequence[Filter], segments: Mapping[str, Segment], within: Sequence[str] = ()) -> None:
    """Raise if filters cannot be resolved.

    Args:
        filters: of a request, or of a segment.
        segments: by name, at least all that the filters lead to, if there are any such.
        within: the segment whose filters they are, and those through which it is used.

    Raises:
        UnknownSegmentError: a segment is not there.
        SegmentNestingError: a segment leads to itself, or the nesting is too deep or too wide.
    """
    measured: dict[str, tuple[int, tuple[str, ...]]] = {}

    def measure(name: str, path: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        """Conditions that a segment comes to, and the longest chain of segments below and with it."""
        if name in path:
            raise SegmentNestingError(f"a segment cannot use itself: {' → '.join([*path[path.index(name) :], name])}")
        if name not in segments:
            raise UnknownSegmentError(f"there is no segment {name}; GET /v1/segments lists those there are")
        if name not in measured:
            found = segments[name]
            conditions, chain = below(found.filters, (*path, name))
            measured[name] = (TEXT_CONDITIONS if found.q else 0) + conditions, (name, *chain)
        return measured[name]

    def below(some: Sequence[Filter], path: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        parts = {name: measure(name, path) for name in used_segments(some)}
        conditions = sum(parts[name][0] if (name := _segment_of(each)) else 1 for each in some)
        return conditions, max((chain for _, chain in parts.values()), key=len, default=())

    total, chain = below(filters, tuple(within))
    if len(within) + len(chain) > MAX_DEPTH:
        raise SegmentNestingError(f"segments are nested deeper than {MAX_DEPTH}: {' → '.join([*within, *chain])}")
    if total > MAX_CONDITIONS:
        raise SegmentNestingError(f"with all segments resolved there are {total} conditions; at most {MAX_CONDITIONS} are possible")


def segments_leading_to(name: str, segments: Mapping[str, Segment]) -> list[str]:
    """Segments that use one, directly or through others; in the order of ``segments``."""
    leading = {name}
    while more := {other for other, each in segments.items() if leading & set(used_segments(each.filters))} - leading:
        leading |= more
    return [other for other in segments if other in leading - {name}]


def defining_fields(segment: Segment, segments: Mapping[str, Segment]) -> set[str]:
    """Fields that a segment's filters and the conditions in its text are about, and those of the segments it leads to; arguments as of
    ``resolve_filters``.
    """
    fields = {each.field for each in [*segment.filters, *parse_text(segment.q).filters] if each.field}
    return fields.union(*(defining_fields(segments[name], segments) for name in used_segments(segment.filters)))


def resolve_filters(filters: Iterable[Filter], segments: Mapping[str, Segment], today: date) -> list[Filter]:
    """Filters in which no name of a segment and no relative day is left.

    Args:
        filters: for which ``check_nesting`` is silent.
        segments: by name, at least all that the filters lead to.
        today: the day of UTC on which the question is asked.
    """
    return [_resolve(each, segments, today) for each in filters]


def build_members(segment: Segment | Definition, segments: Mapping[str, Segment], today: date) -> dict[str, Any]:
    """The clause that holds for the members of a segment; arguments as of ``resolve_filters``."""
    clauses = [build_filter(each) for each in resolve_filters(segment.filters, segments, today)]
    # As it is written: whether similar words count must not depend on how many customers there are at the moment.
    text = build_text_query(segment.q, "precise")
    if text is not None:
        clauses.append(text)
    return {"bool": {"filter": clauses}}


def members_of_all(
    some: Iterable[Segment], segments: Mapping[str, Segment], today: date
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Clauses of the members by segment, and by segment the reason why there is none.

    Two writes at once can make a cycle that neither of them saw. Then the others are still to be counted, and a list says what is wrong.
    """
    clauses, reasons = {}, {}
    for each in some:
        try:
            check_nesting(each.filters, segments, [each.name])
            clauses[each.name] = build_members(each, segments, today)
        except InvalidRequestError as error:
            reasons[each.name] = error.detail
    return clauses, reasons


def build_sizes_body(members: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One request that counts everyone, and the members of every clause by name."""
    # Elasticsearch refuses to count nothing.
    aggs = {"sizes": {"filters": {"filters": dict(members)}}} if members else {}
    return {"size": 0, "track_total_hits": True, "query": {"match_all": {}}, "aggs": aggs}


def _segment_of(filter_: Filter) -> str | None:
    return filter_.segment if filter_.segment is not None else filter_.not_segment


def _resolve(filter_: Filter, segments: Mapping[str, Segment], today: date) -> Filter:
    name = _segment_of(filter_)
    if name is None:
        return with_days(filter_, today)
    members = build_members(segments[name], segments, today)
    if filter_.segment is not None:
        return ResolvedFilter(segment=name, clause=members)
    return ResolvedFilter(not_segment=name, clause={"bool": {"must_not": [members]}})


def _names_version(header: str, version: int) -> bool:
    # A weak tag (W/"3") never fits, as strong comparison has it.
    tags = {tag.strip() for tag in header.split(",")}
    return bool(re.fullmatch(r"\s*\*\s*", header)) or f'"{version}"' in tags
