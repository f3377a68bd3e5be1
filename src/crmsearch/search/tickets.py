"""How service fares by group: time to resolve, satisfaction, open tickets; the worst groups first. Pure.

The unit is the customer: every figure of a group is a mean or a share over its customers with tickets, so that one who complains often
does not speak for all. Groups are ranked by the end of the interval that is surely bad, so that one angry customer is no worst group.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.contrast import parse_sample
from crmsearch.search.findings import field_label, show_number, show_share
from crmsearch.search.grouping import (
    Found,
    Grouping,
    GroupsAnswer,
    Meaning,
    build_groups_body,
    find_groups,
    group_answer,
    group_link,
    visible_groups,
    visible_parts,
)
from crmsearch.search.significance import (
    Interval,
    Sample,
    benjamini_hochberg,
    is_signal,
    mean_interval,
    newcombe_interval,
    share_test,
    welch_test,
    wilson_interval,
    without,
)
from crmsearch.search.small_groups import is_small

__all__ = ["MEASURES", "Measure", "ServiceGroup", "ServiceInsight", "WorstGroup", "build_service_body", "parse_service"]

Body = dict[str, Any]
Measure = Literal["resolution", "satisfaction", "open"]
MEASURES: tuple[Measure, ...] = ("resolution", "satisfaction", "open")
_FIELDS = {"resolution": "average_resolution_hours", "satisfaction": "satisfaction", "open": "open_ticket_count"}
_OPEN = {"en": "Customers with an open ticket", "zh": "有未结工单的客户"}


class MeanOf(msgspec.Struct, frozen=True, kw_only=True):
    """Mean over the ``n`` customers of whom there is a value, with its 95% interval; ``None`` where there are too few."""

    n: int
    mean: float | None
    std_deviation: float | None
    interval: Interval | None


class OpenTickets(msgspec.Struct, frozen=True, kw_only=True):
    """Open tickets, and the share of customers with any, of all ``n`` with tickets."""

    n: int
    open_tickets: int
    customers: int
    share: float | None
    interval: Interval | None


class ServiceGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One group, or everyone: customers with tickets, and how they fared; ``resolution`` in hours, ``satisfaction`` from 1 to 5.

    A measure is ``None`` where too few customers are behind it, or beside them.
    """

    value: str | int | float
    label: str
    customers: int
    tickets: int
    resolution: MeanOf | None
    satisfaction: MeanOf | None
    open: OpenTickets | None


class WorstGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The group that is surely worst by one measure, held against all others; of those that are not defined by it.

    Attributes:
        figure: its mean, or share of customers with an open ticket; of ``n`` customers, with its 95% ``interval``.
        difference: of the figure and that of the others, ``rest_figure`` of ``rest_n`` customers, with its 95% ``difference_interval``.
        q_value: the p value adjusted for the number of groups (Benjamini and Hochberg).
        distinguishable: whether the group is worse than the others, by more than noise.
    """

    measure: Measure
    value: str | int | float
    label: str
    n: int
    figure: float
    interval: Interval | None
    rest_n: int
    rest_figure: float | None
    difference: float | None
    difference_interval: Interval | None
    p_value: float | None
    q_value: float | None
    distinguishable: bool
    sentence: str
    link: str | None


class ServiceInsight(GroupsAnswer, frozen=True, kw_only=True):
    """Service by group, the surest worst first by the measure that was asked for; ``worst`` has one group for every measure there is."""

    ranked_by: Measure
    total: ServiceGroup
    groups: list[ServiceGroup]
    worst: list[WorstGroup]


def build_service_body(grouping: Grouping, meaning: Meaning) -> Body:
    """One request over the customers with tickets."""
    figures: Body = {
        "resolution": {"extended_stats": {"field": _FIELDS["resolution"]}},
        "satisfaction": {"extended_stats": {"field": _FIELDS["satisfaction"]}},
        "tickets": {"sum": {"field": "ticket_count"}},
        "open_tickets": {"sum": {"field": _FIELDS["open"]}},
        "open": {"filter": {"range": {_FIELDS["open"]: {"gt": 0}}}},
    }
    return build_groups_body(grouping, meaning, {"range": {"ticket_count": {"gt": 0}}}, figures)


def parse_service(grouping: Grouping, meaning: Meaning, answer: Body, ranked_by: Measure, k: int | None = None) -> ServiceInsight:
    """The answer to ``build_service_body``, without figures of fewer than ``k`` customers; with all where it is ``None``.

    Raises:
        SmallGroupError: fewer than ``k`` customers have tickets altogether.
    """
    everyone = Found(value="", label="", customers=answer["hits"]["total"]["value"], figures=answer["aggregations"])
    groups = list(find_groups(grouping, meaning, answer))
    visible = visible_groups(grouping, groups, answer, k)
    of_all = {measure: _counts(everyone, measure) for measure in MEASURES}
    told = {
        measure: visible_parts(grouping, {each.value: _counts(each, measure) for each in visible}, of_all[measure], k)
        for measure in MEASURES
    }
    # Where a measure of a group is withheld, so is its place.
    visible.sort(key=lambda each: _badness(each, ranked_by) if each.value in told[ranked_by] else float("-inf"), reverse=True)
    worst = [_worst(measure, grouping, everyone, [each for each in visible if each.value in told[measure]], answer) for measure in MEASURES]
    return ServiceInsight(
        **group_answer(grouping, answer, groups, visible),
        ranked_by=ranked_by,
        total=_group(everyone, {measure for measure in MEASURES if not is_small(of_all[measure], k)}),
        groups=[_group(each, {measure for measure in MEASURES if each.value in told[measure]}) for each in visible[: grouping.size]],
        worst=[each for each in worst if each is not None],
    )


def _counts(found: Found, measure: Measure) -> list[int]:
    """Customers behind a measure: those of whom there is a value; with an open ticket and without."""
    if measure == "open":
        hits = found.figures["open"]["doc_count"]
        return [hits, found.customers - hits]
    return [found.figures[measure]["count"]]


def _group(found: Found, told: Collection[Measure]) -> ServiceGroup:
    hits = found.figures["open"]["doc_count"]
    return ServiceGroup(
        value=found.value,
        label=found.label,
        customers=found.customers,
        tickets=round(found.figures["tickets"]["value"]),
        resolution=_mean(_sample(found, "resolution")) if "resolution" in told else None,
        satisfaction=_mean(_sample(found, "satisfaction")) if "satisfaction" in told else None,
        open=OpenTickets(
            n=found.customers,
            open_tickets=round(found.figures["open_tickets"]["value"]),
            customers=hits,
            share=hits / found.customers if found.customers else None,
            interval=wilson_interval(hits, found.customers),
        )
        if "open" in told
        else None,
    )


def _sample(found: Found, measure: Measure) -> Sample:
    return parse_sample(found.figures[measure])


def _mean(sample: Sample) -> MeanOf:
    return MeanOf(
        n=sample.n,
        mean=sample.mean if sample.n else None,
        std_deviation=sample.variance**0.5 if sample.n > 1 else None,
        interval=mean_interval(sample),
    )


def _badness(found: Found, measure: Measure) -> float:
    """How bad a group is at least, with 97.5% certainty; what cannot be told comes last."""
    interval = _interval(found, measure)
    if interval is None:
        return float("-inf")
    return -interval.high if measure == "satisfaction" else interval.low


def _interval(found: Found, measure: Measure) -> Interval | None:
    if measure == "open":
        return wilson_interval(found.figures["open"]["doc_count"], found.customers)
    return mean_interval(_sample(found, measure))


class _Test(msgspec.Struct, frozen=True):
    """A group against all others by one measure."""

    n: int
    figure: float
    rest_n: int
    rest_figure: float | None
    interval: Interval | None
    p_value: float | None


def _test_open(everyone: Found, found: Found) -> _Test:
    hits, n = found.figures["open"]["doc_count"], found.customers
    rest_hits, rest_n = everyone.figures["open"]["doc_count"] - hits, everyone.customers - n
    rest = rest_hits / rest_n if rest_n else None
    return _Test(n, hits / n, rest_n, rest, newcombe_interval(hits, n, rest_hits, rest_n), share_test(hits, n, rest_hits, rest_n))


def _test_mean(measure: Measure) -> Callable[[Found, Found], _Test]:
    def test(everyone: Found, found: Found) -> _Test:
        sample = _sample(found, measure)
        rest = without(_sample(everyone, measure), sample)
        welch = welch_test(sample, rest)
        return _Test(
            sample.n,
            sample.mean,
            rest.n,
            rest.mean if rest.n else None,
            welch.interval if welch else None,
            welch.p_value if welch else None,
        )

    return test


_TESTS: dict[Measure, Callable[[Found, Found], _Test]] = {
    "resolution": _test_mean("resolution"),
    "satisfaction": _test_mean("satisfaction"),
    "open": _test_open,
}


def _worst(measure: Measure, grouping: Grouping, everyone: Found, groups: Sequence[Found], answer: Body) -> WorstGroup | None:
    ranked = [each for each in groups if _interval(each, measure) is not None and not each.is_defined_by(_FIELDS[measure])]
    if not ranked:
        return None
    tests = [_TESTS[measure](everyone, each) for each in ranked]
    distinct = answer["aggregations"].get("distinct", {}).get("value", len(groups))
    q_values = benjamini_hochberg([each.p_value for each in tests], distinct)
    place = max(range(len(ranked)), key=lambda each: _badness(ranked[each], measure))
    found, test = ranked[place], tests[place]
    difference = test.figure - test.rest_figure if test.rest_figure is not None else None
    worse = difference is not None and (difference < 0 if measure == "satisfaction" else difference > 0)
    worst = WorstGroup(
        measure=measure,
        value=found.value,
        label=found.label,
        n=test.n,
        figure=test.figure,
        interval=_interval(found, measure),
        rest_n=test.rest_n,
        rest_figure=test.rest_figure,
        difference=difference,
        difference_interval=test.interval,
        p_value=test.p_value,
        q_value=q_values[place],
        distinguishable=is_signal(q_values[place]) and worse,
        sentence="",
        link=group_link(grouping, found.value),
    )
    return msgspec.structs.replace(worst, sentence=_sentence(worst, grouping))


def _sentence(worst: WorstGroup, grouping: Grouping) -> str:
    def shown(figure: float | None) -> str:
        if figure is None or worst.measure == "open":
            return show_share(figure)
        return show_number(FIELDS[_FIELDS[worst.measure]], figure)

    name = _OPEN[grouping.language] if worst.measure == "open" else field_label(_FIELDS[worst.measure], grouping.language)
    low, high = (shown(worst.interval.low), shown(worst.interval.high)) if worst.interval else ("–", "–")
    if grouping.language == "zh":
        verdict = "差于其余客户，差异不只是偶然" if worst.distinguishable else "与其余客户的差异可能只是偶然"
        return (
            f"“{worst.label}”最差，{name}：{shown(worst.figure)}（95% 区间 {low} 至 {high}，n={worst.n:,}），"
            f"其余客户为 {shown(worst.rest_figure)}（n={worst.rest_n:,}）；{verdict}。"
        )
    verdict = "more than noise" if worst.distinguishable else "the difference may be noise"
    return (
        f"“{worst.label}” is surest to be worst: {name.lower()} {shown(worst.figure)} (95% interval {low} to {high}, n = {worst.n:,}), "
        f"against {shown(worst.rest_figure)} of all others (n = {worst.rest_n:,}); {verdict}."
    )
