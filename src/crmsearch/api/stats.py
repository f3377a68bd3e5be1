"""``/v1/stats`` and ``/v1/fields``."""

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation

from crmsearch.errors import InvalidRequestError
from crmsearch.search.filters import parse_filter
from crmsearch.search.request import DEFAULT_PERCENTILES, HistogramRequest, StatsRequest
from crmsearch.search.response import FieldInfo, field_infos
from crmsearch.search.service import SearchService
from crmsearch.search.stats import StatsResponse

__all__ = ["compute_stats", "compute_stats_by_url", "list_fields"]

Service = NamedDependency[SkipValidation[SearchService]]


@post("/stats", operation_id="ComputeStats", status_code=200, tags=["statistics"])
async def compute_stats(data: JSONBody[StatsRequest], service: Service) -> StatsResponse:
    """Statistics of numeric and date fields over the filtered customers, whole and in groups, computed inside Elasticsearch."""
    return await service.stats(data)


@get("/stats/{field:str}", operation_id="ComputeStatsByUrl", tags=["statistics"])
async def compute_stats_by_url(
    field: FromPath[str],
    service: Service,
    by: FromQuery[str | None] = None,
    q: FromQuery[str] = "",
    filter_: Annotated[
        list[str] | None, QueryParameter(name="filter", description="`city:北京|上海`, `age:20..39`; may be repeated")
    ] = None,
    size: Annotated[int, QueryParameter(description="Largest number of groups")] = 20,
    percentiles: Annotated[str, QueryParameter(description="Numbers from 0 to 100, separated by commas")] = "",
    histogram: Annotated[float | None, QueryParameter(description="Width of a histogram bin, days for dates")] = None,
) -> StatsResponse:
    """Statistics of one field; the same as the ``POST`` form."""
    request = StatsRequest(
        fields=[field],
        q=q,
        filters=[parse_filter(text) for text in filter_ or []],
        by=by,
        size=size,
        percentiles=_numbers(percentiles) or DEFAULT_PERCENTILES,
        histogram=HistogramRequest(interval=histogram) if histogram is not None else None,
    )
    return await service.stats(request)


@get("/fields", operation_id="ListFields", tags=["catalogue"], sync_to_thread=False)
def list_fields() -> list[FieldInfo]:
    """The field catalogue: what can be searched, filtered, counted and computed."""
    return field_infos()


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(",") if number)
    except ValueError:
        raise InvalidRequestError("percentiles are numbers from 0 to 100, separated by commas") from None
