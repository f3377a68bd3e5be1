"""``/v1/stats``, correlation and cross-tabulation, as figures or as charts, and ``/v1/fields``."""

from typing import Annotated

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Response

from crmsearch.api.access import MaySeePersonal
from crmsearch.api.parameters import FilterTexts, Service, read_filters, read_names
from crmsearch.api.picture import PICTURE, Picture, Wanted
from crmsearch.charts import draw_correlation, draw_crosstab, draw_stats, prepare_stats
from crmsearch.search.response import FieldInfo, field_infos
from crmsearch.search.service import SearchService
from crmsearch.search.stats import (
    CorrelationRequest,
    CorrelationResponse,
    CrosstabRequest,
    CrosstabResponse,
    StatsRequest,
    StatsResponse,
    parse_grouping,
    parse_groupings,
    parse_histogram,
    parse_percentiles,
)

__all__ = ["list_fields", "stats_router"]

By = "Fields separated by commas, at most two; a number or a date is cut into ranges: `age:18|30|45`"


@post("/", operation_id="ComputeStats", status_code=200)
async def compute_stats(
    data: JSONBody[StatsRequest], service: Service, may_see_personal: MaySeePersonal, picture: Wanted
) -> Response[StatsResponse]:
    """Statistics over the filtered customers, whole and in groups, computed inside Elasticsearch; a chart with `format=svg`."""
    return await _stats(data, service, may_see_personal, picture)


@get("/{field:str}", operation_id="ComputeStatsByUrl")
async def compute_stats_by_url(
    field: FromPath[str],
    service: Service,
    may_see_personal: MaySeePersonal,
    picture: Wanted,
    by: Annotated[str, QueryParameter(description=By)] = "",
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    size: Annotated[int, QueryParameter(description="Largest number of groups, and of values of a category")] = 20,
    percentiles: Annotated[str, QueryParameter(description="Numbers from 0 to 100, separated by commas")] = "",
    histogram: Annotated[
        str | None, QueryParameter(description="Width of a bin (days for dates), `hour` to `year` for dates, `auto` or `auto:50`")
    ] = None,
) -> Response[StatsResponse]:
    """Statistics of one field; the same as the `POST` form."""
    request = StatsRequest(
        fields=[field],
        q=q,
        filters=read_filters(filter_),
        by=parse_groupings(by),
        size=size,
        percentiles=parse_percentiles(percentiles),
        histogram=parse_histogram(histogram) if histogram is not None else None,
    )
    return await _stats(request, service, may_see_personal, picture)


async def _stats(request: StatsRequest, service: SearchService, may_see_personal: bool, picture: Picture) -> Response[StatsResponse]:
    wanted = prepare_stats(request, picture.chart) if picture.wanted else request
    answer = await service.stats(wanted, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_stats(wanted, answer, picture.chart, picture.language))


@post("/correlation", operation_id="ComputeCorrelation", status_code=200)
async def compute_correlation(
    data: JSONBody[CorrelationRequest], service: Service, may_see_personal: MaySeePersonal, picture: Wanted
) -> Response[CorrelationResponse]:
    """Pearson's correlation of every pair of numeric fields, with its interval; a heat map with `format=svg`."""
    answer = await service.correlation(data, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_correlation(answer, picture.chart, picture.language))


@get("/correlation", operation_id="ComputeCorrelationByUrl")
async def compute_correlation_by_url(
    fields: Annotated[str, QueryParameter(description="Numbers and dates, separated by commas")],
    service: Service,
    may_see_personal: MaySeePersonal,
    picture: Wanted,
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
) -> Response[CorrelationResponse]:
    """Correlation of every pair of fields; the same as the `POST` form."""
    names = read_names(fields)
    request = CorrelationRequest(fields=names, q=q, filters=read_filters(filter_))
    answer = await service.correlation(request, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_correlation(answer, picture.chart, picture.language))


@post("/crosstab", operation_id="ComputeCrosstab", status_code=200)
async def compute_crosstab(
    data: JSONBody[CrosstabRequest], service: Service, may_see_personal: MaySeePersonal, picture: Wanted
) -> Response[CrosstabResponse]:
    """Two fields against each other: observed and expected counts, lift, shares and the chi-square test; a heat map with `format=svg`."""
    answer = await service.crosstab(data, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_crosstab(answer, picture.chart, picture.language))


@get("/crosstab", operation_id="ComputeCrosstabByUrl")
async def compute_crosstab_by_url(
    rows: Annotated[str, QueryParameter(description="A field, or a number or a date cut into ranges: `age:18|30|45`")],
    columns: Annotated[str, QueryParameter(description="Another field, likewise")],
    service: Service,
    may_see_personal: MaySeePersonal,
    picture: Wanted,
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    size: Annotated[int, QueryParameter(description="Largest number of values of each field")] = 20,
) -> Response[CrosstabResponse]:
    """Two fields against each other; the same as the `POST` form."""
    request = CrosstabRequest(
        rows=parse_grouping(rows),
        columns=parse_grouping(columns),
        q=q,
        filters=read_filters(filter_),
        size=size,
    )
    answer = await service.crosstab(request, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_crosstab(answer, picture.chart, picture.language))


@get("/fields", operation_id="ListFields", opt={"scope": "statistics:read"}, tags=["catalogue"], sync_to_thread=False)
def list_fields() -> list[FieldInfo]:
    """The field catalogue: what can be searched, filtered, counted and computed."""
    return field_infos()


stats_router = Router(
    path="/stats",
    route_handlers=[
        compute_stats,
        compute_stats_by_url,
        compute_correlation,
        compute_correlation_by_url,
        compute_crosstab,
        compute_crosstab_by_url,
    ],
    dependencies=PICTURE,
    opt={"scope": "statistics:read"},
    tags=["statistics"],
)
