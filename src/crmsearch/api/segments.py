"""``/v1/segments``: saved and built-in segments, their versions, profiles, comparison and files."""

from typing import Annotated

from litestar import Response, Router, delete, get, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter, SkipValidation
from litestar.response import Stream

from crmsearch.api.access import MaySeePersonal
from crmsearch.api.audited import Disclosed
from crmsearch.api.exports import EXPORT_HEADERS, streamed
from crmsearch.api.parameters import read_names
from crmsearch.api.picture import PICTURE, Wanted
from crmsearch.charts import draw_comparison, draw_profile
from crmsearch.search.compare import Comparison
from crmsearch.search.consents import Channel, Purpose
from crmsearch.search.profile import Profile
from crmsearch.search.request import ExportFormat
from crmsearch.search.segment_service import MAX_VERSIONS, SegmentService
from crmsearch.search.segments import Definition, SegmentList, SegmentView, VersionPage

__all__ = ["segments_router"]

Segments = NamedDependency[SkipValidation[SegmentService]]
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description='The `ETag` of the version to replace, such as `"3"`; `*` for any')
]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match", description="`*`: only if there is no such segment")]
_ETAG = ResponseHeader(name="ETag", description="The version, to be named in `If-Match`", documentation_only=True)
_LEFT_OUT = ResponseHeader(name="X-Left-Out-Count", description="Members left out for want of consent", documentation_only=True)


@get("/", operation_id="ListSegments")
async def list_segments(segments: Segments, may_see_personal: MaySeePersonal) -> SegmentList:
    """All segments, built in and saved, with the number of their members at this moment."""
    return await segments.all(may_see_personal=may_see_personal)


@get("/{name:str}", operation_id="GetSegment", response_headers=[_ETAG])
async def get_segment(name: FromPath[str], segments: Segments, may_see_personal: MaySeePersonal) -> Response[SegmentView]:
    """One segment with the number of its members; the `ETag` names its version."""
    return _tagged(await segments.get(name, may_see_personal=may_see_personal), 200)


@put(
    "/{name:str}",
    operation_id="PutSegment",
    opt={"scope": "segments:write"},
    status_code=200,
    response_headers=[_ETAG],
    responses={201: ResponseSpec(SegmentView, generate_examples=False, description="A new segment")},
)
async def put_segment(
    name: FromPath[str],
    data: JSONBody[Definition],
    segments: Segments,
    may_see_personal: MaySeePersonal,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response[SegmentView]:
    """Save a segment, as a new version if it is there. Then `If-Match` is needed: 428 without it, 412 if it is not the current version.

    201 for a new segment. 409 if it is built in, or if somebody else has written it at the same moment.
    """
    view, created = await segments.put(name, data, if_match, if_none_match, may_see_personal=may_see_personal)
    return _tagged(view, 201 if created else 200)


@delete("/{name:str}", operation_id="DeleteSegment", opt={"scope": "segments:write"})
async def delete_segment(name: FromPath[str], segments: Segments, may_see_personal: MaySeePersonal, if_match: IfMatch = None) -> None:
    """Delete a saved segment; 409 with their names if others use it. Its versions stay readable."""
    await segments.delete(name, if_match, may_see_personal=may_see_personal)


@get("/{name:str}/versions", operation_id="ListSegmentVersions", opt={"scope": "customers:read", "audit": "segment_versions"})
async def list_versions(
    name: FromPath[str],
    segments: Segments,
    disclosed: Disclosed,
    size: Annotated[int, QueryParameter(ge=1, le=MAX_VERSIONS, description="Largest number of versions")] = 20,
    before: Annotated[int | None, QueryParameter(description="A version, as in `next`: only those before it are listed")] = None,
) -> VersionPage:
    """What a segment was from when on, newest version first; a deletion is a version too."""
    page = await segments.versions(name, size, before)
    disclosed.note([], shape=[f"segment {name}"])
    return page


@get("/{name:str}/profile", operation_id="ProfileSegment", dependencies=PICTURE)
async def profile_segment(name: FromPath[str], segments: Segments, may_see_personal: MaySeePersonal, picture: Wanted) -> Response[Profile]:
    """Facets and statistics of a segment against everyone, over-represented values, and what is more than noise in sentences.

    With `format=svg` the numbers and values that differ most, as `bars` or `points` with their intervals.
    """
    answer = await segments.profile(name, picture.language, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_profile(answer, picture.chart, picture.language))


@get(
    "/{name:str}/export",
    operation_id="ExportSegment",
    opt={"scope": "customers:export", "audit": "segment_export"},
    response_headers=[*EXPORT_HEADERS, _LEFT_OUT],
)
async def export_segment(
    name: FromPath[str],
    segments: Segments,
    disclosed: Disclosed,
    format_: Annotated[ExportFormat, QueryParameter(name="format")],
    purpose: Annotated[Purpose | None, QueryParameter(description="What the file is for; `marketing` asks for consent")] = None,
    channel: Annotated[Channel | None, QueryParameter(description="By which way marketing goes out")] = None,
    fields: Annotated[str, QueryParameter(description="Columns, separated by commas; all fields when left out")] = "",
) -> Stream:
    """All members of a segment as CSV or NDJSON, streamed.

    With `purpose=marketing` those are left out who have consented neither to the channel nor to marketing in general; the header
    `X-Left-Out-Count` says how many, in either format.
    """
    columns = read_names(fields)
    found = await segments.export(name, format_, columns or None, purpose, channel)
    consent = [f"consent {channel or purpose}"] if purpose else []
    shape = [f"segment {name}", *consent, *(f"column {column}" for column in columns)]
    disclosed.note_file(found.export.total, found.export.first, shape=shape)
    return streamed(found.export, format_, name, {"X-Left-Out-Count": str(found.left_out)})


@get("/compare", operation_id="CompareSegments", dependencies=PICTURE)
async def compare_segments(
    segments: Segments,
    may_see_personal: MaySeePersonal,
    picture: Wanted,
    a: Annotated[str, QueryParameter(description="Name of a segment")],
    b: Annotated[str, QueryParameter(description="Name of another segment")],
) -> Response[Comparison]:
    """Overlap of two segments, and their differences by field with tests and effect sizes; as `bars` or `points` with `format=svg`."""
    answer = await segments.compare(a, b, picture.language, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_comparison(answer, picture.chart, picture.language))


def _tagged(view: SegmentView, status: int) -> Response[SegmentView]:
    return Response(view, status_code=status, headers={"ETag": f'"{view.version}"'})


segments_router = Router(
    path="/segments",
    route_handlers=[
        list_segments,
        get_segment,
        put_segment,
        delete_segment,
        list_versions,
        profile_segment,
        export_segment,
        compare_segments,
    ],
    opt={"scope": "statistics:read"},
    tags=["segments"],
)
