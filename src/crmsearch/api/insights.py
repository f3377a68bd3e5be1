"""``/v1/insights``: campaigns, service, and a tour of the customer base, as figures or as charts."""

from typing import Annotated

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter, SkipValidation

from crmsearch.api.access import MaySeePersonal
from crmsearch.api.parameters import FilterTexts, read_filters
from crmsearch.api.picture import PICTURE, Wanted
from crmsearch.charts import Language, draw_campaigns, draw_service, draw_tour
from crmsearch.search.campaigns import CampaignInsight
from crmsearch.search.campaigns import Response as CampaignResponse
from crmsearch.search.grouping import Grouping
from crmsearch.search.insight_service import InsightService
from crmsearch.search.tickets import Measure, ServiceInsight
from crmsearch.search.tour import Tour

__all__ = ["insights_router"]

Insights = NamedDependency[SkipValidation[InsightService]]
By = Annotated[str, QueryParameter(description="A facet to group by, or `segment`")]
Size = Annotated[int, QueryParameter(description="Largest number of groups listed")]


@get("/", operation_id="TourInsights")
async def tour(insights: Insights, may_see_personal: MaySeePersonal, picture: Wanted) -> Response[Tour]:
    """What is remarkable about the base: fields that hang together, unusual groups, values that rise or fall since the generation before.

    Each with its numbers, whether it is more than noise, a sentence, and the path of the search that shows it; the findings by their
    strength as bars with `format=svg`.
    """
    answer = await insights.tour(picture.language, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_tour(answer, picture.chart, picture.language))


@get("/campaigns", operation_id="CampaignInsights")
async def campaigns(
    insights: Insights,
    may_see_personal: MaySeePersonal,
    picture: Wanted,
    by: By = "segment",
    order: Annotated[CampaignResponse, QueryParameter(description="Response that ranks the groups")] = "converted",
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    size: Size = 20,
) -> Response[CampaignInsight]:
    """Campaigns opened, clicked and converted of those sent, by group with 95% intervals; and which group responds best.

    With `format=svg` the response that ranks the groups, as `bars` or `points` with their intervals.
    """
    grouping = _grouping(by, q, filter_, size, picture.language)
    answer = await insights.campaigns(grouping, order, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_campaigns(answer, picture.chart, picture.language))


@get("/service", operation_id="ServiceInsights")
async def service(
    insights: Insights,
    may_see_personal: MaySeePersonal,
    picture: Wanted,
    by: By = "owner",
    order: Annotated[Measure, QueryParameter(description="Measure that ranks the groups")] = "resolution",
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    size: Size = 20,
) -> Response[ServiceInsight]:
    """Time to resolve tickets, satisfaction and open tickets by group with 95% intervals, the surest worst groups first.

    With `format=svg` the measure that ranks the groups, as `bars` or `points` with their intervals.
    """
    grouping = _grouping(by, q, filter_, size, picture.language)
    answer = await insights.service(grouping, order, may_see_personal=may_see_personal)
    return await picture.respond(answer, lambda: draw_service(answer, picture.chart, picture.language))


def _grouping(by: str, q: str, filters: list[str] | None, size: int, language: Language) -> Grouping:
    return Grouping(by=by, q=q, filters=read_filters(filters), size=size, language=language)


insights_router = Router(
    path="/insights",
    route_handlers=[tour, campaigns, service],
    dependencies=PICTURE,
    opt={"scope": "statistics:read"},
    tags=["insights"],
)
