"""``/v1/insights``: campaigns, service, and a tour of the customer base."""

from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter, SkipValidation

from crmsearch.api.parameters import FilterTexts, read_filters
from crmsearch.search.campaigns import CampaignInsight, Response
from crmsearch.search.findings import Language
from crmsearch.search.grouping import Grouping
from crmsearch.search.insight_service import InsightService
from crmsearch.search.tickets import Measure, ServiceInsight
from crmsearch.search.tour import Tour

__all__ = ["insights_router"]

Insights = NamedDependency[SkipValidation[InsightService]]
By = Annotated[str, QueryParameter(description="A facet to group by, or `segment`")]
Size = Annotated[int, QueryParameter(description="Largest number of groups listed")]
Lang = Annotated[Language, QueryParameter(description="Language of labels and sentences: `en` or `zh`")]


@get("/", operation_id="TourInsights")
async def tour(insights: Insights, lang: Lang = "en") -> Tour:
    """What is remarkable about the base: fields that hang together, unusual groups, values that rise or fall since the generation before.

    Each with its numbers, whether it is more than noise, a sentence, and the path of the search that shows it.
    """
    return await insights.tour(lang)


@get("/campaigns", operation_id="CampaignInsights")
async def campaigns(
    insights: Insights,
    by: By = "segment",
    order: Annotated[Response, QueryParameter(description="Response that ranks the groups")] = "converted",
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    size: Size = 20,
    lang: Lang = "en",
) -> CampaignInsight:
    """Campaigns opened, clicked and converted of those sent, by group with 95% intervals; and which group responds best."""
    return await insights.campaigns(_grouping(by, q, filter_, size, lang), order)


@get("/service", operation_id="ServiceInsights")
async def service(
    insights: Insights,
    by: By = "owner",
    order: Annotated[Measure, QueryParameter(description="Measure that ranks the groups")] = "resolution",
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    size: Size = 20,
    lang: Lang = "en",
) -> ServiceInsight:
    """Time to resolve tickets, satisfaction and open tickets by group with 95% intervals, the surest worst groups first."""
    return await insights.service(_grouping(by, q, filter_, size, lang), order)


def _grouping(by: str, q: str, filters: list[str] | None, size: int, language: Language) -> Grouping:
    return Grouping(by=by, q=q, filters=read_filters(filters), size=size, language=language)


insights_router = Router(path="/insights", route_handlers=[tour, campaigns, service], tags=["insights"])
