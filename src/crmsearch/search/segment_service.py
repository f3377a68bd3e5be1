"""What the API and the command line offer about segments: keep them, count them, say what is special about them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from crmsearch.errors import ConflictError, CrmSearchError, ForbiddenError, InvalidRequestError, NotFoundError
from crmsearch.indexing.segments import SegmentStore, Stored
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.compare import Comparison, build_compare_body, parse_comparison
from crmsearch.search.consents import Channel, Purpose, build_consent_filters
from crmsearch.search.filters import Filter
from crmsearch.search.findings import Language
from crmsearch.search.impersonal import is_impersonal
from crmsearch.search.profile import Profile, build_profile_body, build_proposed_body, parse_profile, proposed_values
from crmsearch.search.request import ExportFormat, ExportRequest, SearchRequest
from crmsearch.search.resolver import Resolver
from crmsearch.search.segments import (
    MAX_SEGMENTS,
    Definition,
    Segment,
    SegmentList,
    SegmentVersion,
    SegmentView,
    VersionPage,
    build_members,
    build_sizes_body,
    check_definition,
    check_nesting,
    check_precondition,
    members_of_all,
    segments_leading_to,
    used_segments,
)
from crmsearch.search.service import Export, SearchService
from crmsearch.search.small_groups import SMALL_GROUP, is_small
from crmsearch.search.view import EVERYTHING, SearchBackend, View

__all__ = ["MAX_VERSIONS", "SegmentExport", "SegmentService"]

MAX_VERSIONS = 100  # in one answer
Body = dict[str, Any]


class SegmentExport(msgspec.Struct, frozen=True):
    """Members of a segment as a file in the making, and how many are left out because they have not consented."""

    export: Export
    left_out: int


class SegmentService:
    """Segments, built in and saved."""

    def __init__(
        self,
        backend: SearchBackend,
        store: SegmentStore,
        search: SearchService,
        resolver: Resolver,
        small_group: int = SMALL_GROUP,
        view: View = EVERYTHING,
    ) -> None:
        self._everything = backend
        self._backend = view.of(backend)
        self._view = view
        self._store = store
        self._search = search
        self._resolver = resolver
        self._small_group = small_group

    def within(self, view: View) -> "SegmentService":
        """The same for one who may see this much."""
        return SegmentService(self._everything, self._store, self._search.within(view), self._resolver, self._small_group, view)

    async def all(self, *, may_see_personal: bool = True) -> SegmentList:
        """All segments with their sizes, counted in one request.

        Args:
            may_see_personal: whether the caller may see personal data. Here, as below, figures of a few customers are withheld
                otherwise, and nothing may be asked by what only personal data tells.
        """
        everything = BUILT_IN | await self._store.all()
        everything = {name: each for name, each in everything.items() if _is_shown(each, everything, self._by_personal(may_see_personal))}
        answer, views = await self._counted(everything.values(), everything, may_see_personal)
        return SegmentList(population=answer["hits"]["total"]["value"], segments=views, took_ms=answer["took"])

    async def get(self, name: str, *, may_see_personal: bool = True) -> SegmentView:
        """One segment with its size.

        Raises:
            NotFoundError: there is none of this name.
        """
        segment, pool = await self._find(name, may_see_personal)
        return (await self._counted([segment], pool, may_see_personal))[1][0]

    async def put(
        self, name: str, definition: Definition, if_match: str | None, if_none_match: str | None, *, may_see_personal: bool = True
    ) -> tuple[SegmentView, bool]:
        """Save a new version of a segment; returns it, and whether the segment is new.

        Raises:
            InvalidRequestError: there can be no such segment, or it, or one that uses it, could not be resolved.
            ConflictError: it is built in, or somebody else has written it at the same moment.
            PreconditionFailedError: it is not at the version that the request names.
            PreconditionRequiredError: it is there, and the request names no version.
            ForbiddenError: it is there, and goes by what the caller may not see.
        """
        check_definition(name, definition)
        _refuse_built_in(name, "changed")
        if not self._by_personal(may_see_personal):
            await self._resolver.check_impersonal(definition.q, definition.filters, ())
        await self._view.check_masked(self._resolver, definition.q, definition.filters, [])
        stored = await self._store.current(name)
        before = _living(stored)
        saved = await self._store.all()
        if before is not None and not _is_shown(before, BUILT_IN | saved, self._by_personal(may_see_personal)):
            raise ForbiddenError("a segment of this name is not for your role to change; choose another name")
        check_precondition(name, before.version if before else None, if_match, if_none_match)
        if before is None and len(saved) >= MAX_SEGMENTS:
            raise ConflictError(f"there are {len(saved)} saved segments; at most {MAX_SEGMENTS} are kept, so delete one first")
        now = self._now()
        segment = Segment(
            name=name,
            label=definition.label,
            label_zh=definition.label,
            description=definition.description,
            description_zh=definition.description,
            q=definition.q,
            filters=definition.filters,
            version=stored.version.version + 1 if stored else 1,
            created_at=before.created_at if before else now,
            updated_at=now,
        )
        pool = BUILT_IN | saved | {name: segment}
        for each in [segment, *(pool[other] for other in segments_leading_to(name, pool))]:
            self._members(each, pool)
        await self._store.write(_version(segment, deleted=False), stored)
        return (await self._counted([segment], pool, may_see_personal))[1][0], before is None

    async def delete(self, name: str, if_match: str | None, *, may_see_personal: bool = True) -> None:
        """Delete a segment; its versions stay readable.

        Raises:
            NotFoundError: there is none of this name.
            ConflictError: it is built in, others use it, or somebody else has written it at the same moment.
            PreconditionFailedError: it is not at the version that the request names.
        """
        _refuse_built_in(name, "deleted")
        stored = await self._store.current(name)
        before = _living(stored)
        saved = await self._store.all()
        pool = BUILT_IN | saved
        if before is None or not _is_shown(before, pool, self._by_personal(may_see_personal)):
            raise _unknown()
        check_precondition(name, before.version, if_match or "*", None)
        if users := [each for each in saved.values() if name in used_segments(each.filters)]:
            named = [each.name for each in users if _is_shown(each, pool, self._by_personal(may_see_personal))]
            others = ["others that are not shown to your role"] if len(named) < len(users) else []
            raise ConflictError(f"segment {name} is used by {', '.join([*named, *others])}; change or delete these first")
        gone = msgspec.structs.replace(before, version=before.version + 1, updated_at=self._now())
        await self._store.write(_version(gone, deleted=True), stored)

    async def versions(self, name: str, size: int, before: int | None) -> VersionPage:
        """The history of a saved segment, newest version first.

        Args:
            name: of a segment that is, or was, there.
            size: from 1 to ``MAX_VERSIONS``.
            before: only versions before this one are listed.

        Raises:
            InvalidRequestError: ``size`` is out of range.
            NotFoundError: there never was a segment of this name.
        """
        if not 1 <= size <= MAX_VERSIONS:
            raise InvalidRequestError(f"size is a number of versions from 1 to {MAX_VERSIONS}")
        if name in BUILT_IN:
            return VersionPage([_version(BUILT_IN[name], deleted=False)], None)
        page = await self._store.versions(name, size, before)
        if not page.versions and await self._store.current(name) is None:
            raise _unknown()
        return page

    async def profile(self, name: str, language: Language, *, may_see_personal: bool = True) -> Profile:
        """What is special about a segment.

        Raises:
            NotFoundError: there is none of this name.
            InvalidRequestError: it cannot be resolved.
            SmallGroupError: too few customers are in it, or outside it.
        """
        segment, pool = await self._find(name, may_see_personal)
        members = self._members(segment, pool)
        answer = await self._backend.search(build_profile_body(members))
        values = proposed_values(answer)
        proposed = await self._backend.search(build_proposed_body(members, values)) if values else None
        return parse_profile(segment, pool, members, answer, proposed, language, self._smallest(may_see_personal))

    async def compare(self, a: str, b: str, language: Language, *, may_see_personal: bool = True) -> Comparison:
        """How two segments overlap and in what they differ.

        Raises:
            NotFoundError: there is none of one of the names.
            InvalidRequestError: the names are the same, or a segment cannot be resolved.
            SmallGroupError: too few customers are in a part of what is compared, or outside it.
        """
        if a == b:
            raise InvalidRequestError("a and b are the same segment; compare two")
        (segment_a, pool_a), (segment_b, pool_b) = await self._find(a, may_see_personal), await self._find(b, may_see_personal)
        pool = pool_a | pool_b
        clauses = self._members(segment_a, pool), self._members(segment_b, pool)
        answer = await self._backend.search(build_compare_body(*clauses))
        return parse_comparison(segment_a, segment_b, pool, clauses, answer, language, self._smallest(may_see_personal))

    def _now(self) -> str:
        return self._resolver.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def export(
        self, name: str, format_: ExportFormat, fields: Sequence[str] | None, purpose: Purpose | None, channel: Channel | None
    ) -> SegmentExport:
        """All members as a file, but for those who have not consented to what it is for.

        Args:
            name: of the segment.
            format_: of the file.
            fields: columns in their order, all when left out.
            purpose: what the file is for; only marketing asks for consent.
            channel: by which marketing goes out.

        Raises:
            NotFoundError: there is no segment of this name.
            InvalidRequestError: it cannot be resolved, or there are no such fields, or no such channel for the purpose.
        """
        await self._find(name)
        consents, members, left_out = build_consent_filters(purpose, channel), [Filter(segment=name)], 0
        if consents is not None:
            consenting, others = consents
            found = await self._search.search(SearchRequest(filters=[*members, others], size=0, exact_total=True))
            members, left_out = [*members, consenting], found.total
        request = ExportRequest(filters=members, format=format_, fields=list(fields) if fields is not None else None)
        return SegmentExport(await self._search.export(request), left_out)

    async def _find(self, name: str, may_see_personal: bool = True) -> tuple[Segment, dict[str, Segment]]:
        """A segment, and all that it leads to with it; one that goes by personal data is not there for who may not see such data."""
        pool = await self._resolver.segments([name])
        if name not in pool or not _is_shown(pool[name], pool, self._by_personal(may_see_personal)):
            raise _unknown()
        return pool[name], pool

    def _members(self, segment: Segment, pool: Mapping[str, Segment]) -> Body:
        check_nesting(segment.filters, pool, [segment.name])
        return build_members(segment, pool, self._resolver.today())

    def _by_personal(self, may_see_personal: bool) -> bool:
        return may_see_personal and self._view.figures_by_personal

    def _smallest(self, may_see_personal: bool) -> int | None:
        return None if may_see_personal else self._small_group

    async def _counted(
        self, segments: Iterable[Segment], pool: Mapping[str, Segment], may_see_personal: bool
    ) -> tuple[Body, list[SegmentView]]:
        """Segments with their sizes, and the answer that these are from."""
        segments = list(segments)
        clauses, reasons = members_of_all(segments, pool, self._resolver.today())
        answer = await self._backend.search(build_sizes_body(clauses))
        sizes = {name: bucket["doc_count"] for name, bucket in answer["aggregations"]["sizes"]["buckets"].items()} if clauses else {}
        everyone, k = answer["hits"]["total"]["value"], self._smallest(may_see_personal)
        for name in [name for name, size in sizes.items() if is_small([size, everyone - size], k)]:
            del sizes[name]
            reasons[name] = f"fewer than {k} customers are in it, or outside it, whose number your role may not see"
        return answer, [
            SegmentView(**msgspec.structs.asdict(each), size=sizes.get(each.name), reason=reasons.get(each.name)) for each in segments
        ]


def _refuse_built_in(name: str, what: str) -> None:
    if name in BUILT_IN:
        raise ConflictError(f"segment {name} is built in, so it cannot be {what}; save one of another name that uses it")


def _is_shown(segment: Segment, pool: Mapping[str, Segment], by_personal: bool) -> bool:
    """Whether a caller may know of a segment; one that goes by personal data is not there for who may not ask by such data."""
    return by_personal or is_impersonal(segment, pool)


def _unknown() -> CrmSearchError:
    return NotFoundError("there is no segment of this name; GET /v1/segments lists those there are")


def _living(stored: Stored | None) -> SegmentVersion | None:
    return stored.version if stored is not None and not stored.version.deleted else None


def _version(segment: Segment, *, deleted: bool) -> SegmentVersion:
    fields = {name: getattr(segment, name) for name in Segment.__struct_fields__}
    return SegmentVersion(**fields, deleted=deleted)
