"""What the API and the command line offer about the base as a whole: campaigns, service, a tour."""

from crmsearch.indexing.segments import SegmentStore
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.campaigns import CampaignInsight, Response, build_campaigns_body, parse_campaigns
from crmsearch.search.findings import Language
from crmsearch.search.grouping import BY_SEGMENT, Grouping, Meaning, check_grouping
from crmsearch.search.impersonal import is_impersonal
from crmsearch.search.population import find_population
from crmsearch.search.resolver import Resolver
from crmsearch.search.segments import members_of_all
from crmsearch.search.small_groups import SMALL_GROUP
from crmsearch.search.tickets import Measure, ServiceInsight, build_service_body, parse_service
from crmsearch.search.tour import Tour, build_earlier_body, build_tour_body, build_values_body, listed_values, parse_tour
from crmsearch.search.view import EVERYTHING, SearchBackend, View

__all__ = ["InsightService"]


class InsightService:
    """Insights, each from a fixed number of requests, and for a text those that find out whom it means."""

    def __init__(
        self, backend: SearchBackend, store: SegmentStore, resolver: Resolver, small_group: int = SMALL_GROUP, view: View = EVERYTHING
    ) -> None:
        self._everything = backend
        self._backend = view.of(backend)
        self._view = view
        self._store = store
        self._resolver = resolver
        self._small_group = small_group

    def within(self, view: View) -> "InsightService":
        """The same for one who may see this much."""
        return InsightService(self._everything, self._store, self._resolver, self._small_group, view)

    async def campaigns(self, grouping: Grouping, ranked_by: Response, *, may_see_personal: bool = True) -> CampaignInsight:
        """Response rates by group.

        Args:
            grouping: what is grouped.
            ranked_by: the response that orders the groups.
            may_see_personal: whether the caller may see personal data. Here, as below, figures of a few customers are withheld
                otherwise, and nothing may be asked by what only personal data tells.

        Raises:
            InvalidRequestError: this cannot be grouped by, or a filter cannot be applied.
            SmallGroupError: the question is about too few customers altogether.
        """
        meaning = await self._meaning(grouping, may_see_personal)
        answer = await self._backend.search(build_campaigns_body(grouping, meaning))
        return parse_campaigns(grouping, meaning, answer, ranked_by, self._smallest(may_see_personal))

    async def service(self, grouping: Grouping, ranked_by: Measure, *, may_see_personal: bool = True) -> ServiceInsight:
        """Service figures by group; raises as ``campaigns`` does."""
        meaning = await self._meaning(grouping, may_see_personal)
        answer = await self._backend.search(build_service_body(grouping, meaning))
        return parse_service(grouping, meaning, answer, ranked_by, self._smallest(may_see_personal))

    async def tour(self, language: Language, *, may_see_personal: bool = True) -> Tour:
        """What is remarkable about the base."""
        first = await self._backend.search(build_values_body())
        listed = listed_values(first)
        earlier = await self._backend.search_earlier(build_earlier_body(listed))
        before = listed_values(earlier[1]) if earlier else {}
        answer = await self._backend.search(build_tour_body(listed, before))
        return parse_tour(first, earlier, answer, language, self._smallest(may_see_personal))

    def _smallest(self, may_see_personal: bool) -> int | None:
        return None if may_see_personal else self._small_group

    async def _meaning(self, grouping: Grouping, may_see_personal: bool) -> Meaning:
        check_grouping(grouping)
        by_personal = may_see_personal and self._view.figures_by_personal
        if not by_personal:
            await self._resolver.check_impersonal(grouping.q, grouping.filters, [grouping.by])
        await self._view.check_masked(self._resolver, grouping.q, grouping.filters, [grouping.by])
        filters = await find_population(self._backend.search, self._resolver, grouping.q, grouping.filters)
        if grouping.by != BY_SEGMENT:
            return Meaning(filters=filters)
        segments = BUILT_IN | await self._store.all()
        if not by_personal:
            segments = {name: each for name, each in segments.items() if is_impersonal(each, segments)}
        # A segment that cannot be resolved has no members to speak of; the list of segments says why.
        clauses, _ = members_of_all(segments.values(), segments, self._resolver.today())
        return Meaning(filters=filters, segments=segments, clauses=clauses)
