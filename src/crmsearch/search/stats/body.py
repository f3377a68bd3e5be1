"""The main question and its answer: figures of every field, whole and in groups, over the whole filtered population. Pure.

Looks at the index and its customers come before (``plan``), ``build_stats_body`` asks for everything, and what is left in doubt is asked
for further (``refine``).
"""

from typing import Any, NamedTuple

import msgspec

from crmsearch.search.stats.categories import CategoryStats, build_category, parse_category
from crmsearch.search.stats.figures import FieldStats, build_figures, make_figures, read_summary
from crmsearch.search.stats.groups import Part, build_groups, read_parts
from crmsearch.search.stats.plan import Plan, build_population
from crmsearch.search.stats.refine import Summaries, build_refinement, learn
from crmsearch.search.stats.request import Range, StatsRequest

__all__ = ["AnyStats", "Draft", "Group", "StatsResponse", "build_doubts", "build_stats_body", "make_stats", "read_draft", "settle_doubts"]

Body = dict[str, Any]
AnyStats = FieldStats | CategoryStats


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One group: its value, or its range and the text of it. Of a list field a customer belongs to the group of each value.

    ``groups`` and the counts behind it are there where customers are grouped by two fields.
    """

    value: str | int | float
    label: str
    range: Range | None = None
    population: int
    fields: dict[str, AnyStats]
    withheld: list[str] = []
    groups: "list[Group] | None" = None
    other_count: int | None = None
    missing_count: int | None = None
    error_bound: int | None = None

    def figures(self, name: str) -> FieldStats:
        """What is said of a numeric field."""
        return _figures(self.fields[name])


class StatsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """``groups`` is ``None`` without ``by``; customers in no listed group are told by ``other_count`` and ``missing_count``.

    ``error_bound`` is how many customers a group may lack (0 on a single shard: exact). For those who may not see figures of few customers,
    ``withheld`` names the fields that have no others, ``suppressed`` tells that small groups are part of ``other_count``, and
    ``missing_count`` is ``None`` where it is part of it too.
    """

    population: int
    fields: dict[str, AnyStats]
    groups: list[Group] | None = None
    other_count: int = 0
    missing_count: int | None = 0
    error_bound: int = 0
    withheld: list[str] = []
    suppressed: bool = False
    took_ms: int = 0

    def figures(self, name: str) -> FieldStats:
        """What is said of a numeric field."""
        return _figures(self.fields[name])


class Draft(NamedTuple):
    """What is known before the last question: the parts, by number, and the summaries of their fields."""

    parts: list[Part]
    summaries: Summaries
    took_ms: int
    rounds: int = 0


def _figures(stats: AnyStats) -> FieldStats:
    assert isinstance(stats, FieldStats), "categories have counts, no figures"
    return stats


def build_stats_body(request: StatsRequest, plan: Plan) -> Body:
    """Translate a checked request into a ``_search`` body."""

    def figures(*, whole: bool) -> Body:
        aggs = build_figures(request.numeric, request.percentiles, plan, whole=whole)
        for name in request.categorical:
            aggs |= build_category(name, request.size)
        return aggs

    aggs = figures(whole=True)
    if request.groupings:
        aggs |= build_groups(request.groupings, figures(whole=False), request.size)
    return {"size": 0, "track_total_hits": True, "query": build_population(request.filters), "aggs": aggs}


def read_draft(request: StatsRequest, plan: Plan, answer: Body) -> Draft:
    """What the answer to ``build_stats_body`` says, with what it leaves in doubt."""
    parts = list(read_parts(request.groupings, answer).walk())
    summaries = {(part.number, name): read_summary(name, part, request.percentiles, plan) for part in parts for name in request.numeric}
    return Draft(parts, summaries, answer["took"])


def build_doubts(request: StatsRequest, draft: Draft) -> Body | None:
    """The next question about what is in doubt, or ``None`` if nothing is or no question would help."""
    return build_refinement(build_population(request.filters), draft.parts, draft.summaries, draft.rounds)


def settle_doubts(draft: Draft, answer: Body) -> Draft:
    """The draft with what the answer to ``build_doubts`` adds to it."""
    return Draft(draft.parts, learn(draft.summaries, answer), draft.took_ms + answer["took"], draft.rounds + 1)


def make_stats(request: StatsRequest, plan: Plan, draft: Draft) -> StatsResponse:
    """What is answered, once nothing more is asked."""
    whole = draft.parts[0]

    def fields(part: Part) -> dict[str, AnyStats]:
        return {name: _field(name, part) for name in request.fields}

    def _field(name: str, part: Part) -> AnyStats:
        if name in request.categorical:
            return parse_category(name, part)
        return make_figures(name, part, request.percentiles, plan, draft.summaries[part.number, name])

    def group(part: Part) -> Group:
        assert part.value is not None
        nested: Body = {}
        if part.groups is not None:
            nested = {
                "groups": [group(each) for each in part.groups],
                "other_count": part.other_count,
                "missing_count": part.missing_count,
                "error_bound": part.error_bound,
            }
        return Group(value=part.value, label=part.label, range=part.range, population=part.population, fields=fields(part), **nested)

    return StatsResponse(
        population=whole.population,
        fields=fields(whole),
        groups=None if whole.groups is None else [group(each) for each in whole.groups],
        other_count=whole.other_count,
        missing_count=whole.missing_count,
        error_bound=whole.error_bound,
        took_ms=draft.took_ms,
    )
