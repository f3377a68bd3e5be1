"""Who responds to campaigns: rates by group with their intervals, and who responds best. Pure.

A rate is responses over campaigns sent. Campaigns sent to one customer are no independent trials: who opens one opens the next. So the
variance of a rate is that of a ratio over customers (Cochran, Sampling Techniques, 3rd ed. 1977, section 6.4), its excess over that of
independent trials is the design effect (Kish, Survey Sampling, 1965), and the Wilson interval is of as many trials as are worth as much
(Dean and Pagano, J. Surv. Stat. Methodol. 3, 2015).
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from crmsearch.search.findings import show_share
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
from crmsearch.search.significance import Interval, benjamini_hochberg, is_signal, newcombe_interval, share_test, wilson_interval

__all__ = ["RESPONSES", "BestResponse", "CampaignGroup", "CampaignInsight", "Rate", "Response", "build_campaigns_body", "parse_campaigns"]

Body = dict[str, Any]
Response = Literal["opened", "clicked", "converted"]
RESPONSES: tuple[Response, ...] = ("opened", "clicked", "converted")
_PRODUCT = """
    doc['campaigns_sent'].size() == 0 || doc[params.other].size() == 0 ? 0 : doc['campaigns_sent'].value * doc[params.other].value
"""
_WORDS = {
    "en": {"opened": "open", "clicked": "click", "converted": "convert"},
    "zh": {"opened": "打开率", "clicked": "点击率", "converted": "转化率"},
}


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Responses of campaigns sent; ``rate`` and its 95% ``interval`` are ``None`` where nothing was sent.

    ``design_effect`` says how many campaigns sent are worth one independent trial: 1 if a customer's responses are alike by chance only.
    """

    responses: int
    rate: float | None
    interval: Interval | None
    design_effect: float


class CampaignGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One group, or everyone: customers that campaigns were sent to, how many, and what came of them."""

    value: str | int | float
    label: str
    customers: int
    sent: int
    opened: Rate
    clicked: Rate
    converted: Rate


class BestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The group whose interval begins highest, held against all others; of those that are not defined by their responses.

    Attributes:
        difference: of its rate and that of the others, with its 95% ``difference_interval``.
        q_value: the p value adjusted for the number of groups (Benjamini and Hochberg).
        distinguishable: whether the group responds better than the others, by more than noise.
    """

    response: Response
    value: str | int | float
    label: str
    rate: float
    interval: Interval
    rest_rate: float | None
    rest_interval: Interval | None
    difference: float | None
    difference_interval: Interval | None
    p_value: float | None
    q_value: float | None
    distinguishable: bool
    sentence: str
    link: str | None


class CampaignInsight(GroupsAnswer, frozen=True, kw_only=True):
    """Rates by group, the surest best first by the response that was asked for; ``best`` has one group for every response there was."""

    ranked_by: Response
    total: CampaignGroup
    groups: list[CampaignGroup]
    best: list[BestResponse]


class _Sums(msgspec.Struct, frozen=True):
    """Sums over customers: campaigns sent, responses, and the squares and products that the variance of their ratio takes."""

    customers: float
    sent: float
    hits: float
    sent_squared: float
    hits_squared: float
    product: float

    def less(self, part: "_Sums") -> "_Sums":
        return _Sums(*(mine - other for mine, other in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(part), strict=True)))

    @property
    def design_effect(self) -> float:
        """At least 1. Where all or none responded, that of customers who always do the same, which is the largest there is."""
        if not self.sent:
            return 1.0
        rate, largest = self.hits / self.sent, self.sent_squared / self.sent
        if self.customers < 2 or not 0 < rate < 1:
            return max(1.0, largest)
        squares = max(0.0, self.hits_squared - 2 * rate * self.product + rate * rate * self.sent_squared)
        return max(1.0, squares / self.sent * self.customers / (self.customers - 1) / (rate * (1 - rate)))

    @property
    def worth(self) -> tuple[float, float]:
        """Responses and trials of the independent trials that it is worth."""
        return self.hits / self.design_effect, self.sent / self.design_effect


def build_campaigns_body(grouping: Grouping, meaning: Meaning) -> Body:
    """One request over the customers that campaigns were sent to."""
    figures: Body = {"sent": {"extended_stats": {"field": "campaigns_sent"}}}
    for response in RESPONSES:
        path = f"campaigns_{response}"
        figures[response] = {"extended_stats": {"field": path}}
        figures[f"{response}.product"] = {"sum": {"script": {"source": _PRODUCT.strip(), "params": {"other": path}}}}
    return build_groups_body(grouping, meaning, {"range": {"campaigns_sent": {"gt": 0}}}, figures)


def parse_campaigns(grouping: Grouping, meaning: Meaning, answer: Body, ranked_by: Response, k: int | None = None) -> CampaignInsight:
    """The answer to ``build_campaigns_body``, without groups of fewer than ``k`` customers; with all where it is ``None``.

    Raises:
        SmallGroupError: campaigns were sent to fewer than ``k`` customers altogether.
    """
    population = answer["hits"]["total"]["value"]
    everyone = Found(value="", label="", customers=population, figures=answer["aggregations"])
    groups = sorted(find_groups(grouping, meaning, answer), key=lambda each: _rank(_sums(each, ranked_by)), reverse=True)
    visible = visible_groups(grouping, groups, answer, k)
    # All others are spoken of too, beside the best.
    of_two_parts = visible_parts(grouping, {each.value: [each.customers] for each in visible}, [population], k)
    compared = [each for each in visible if each.value in of_two_parts]
    best = [_best(response, grouping, everyone, compared, answer) for response in RESPONSES]
    return CampaignInsight(
        **group_answer(grouping, answer, groups, visible),
        ranked_by=ranked_by,
        total=_group(everyone),
        groups=[_group(each) for each in visible[: grouping.size]],
        best=[each for each in best if each is not None],
    )


def _sums(found: Found, response: Response) -> _Sums:
    sent, hits = found.figures["sent"], found.figures[response]
    return _Sums(
        found.customers,
        sent["sum"],
        hits["sum"],
        sent["sum_of_squares"] or 0.0,
        hits["sum_of_squares"] or 0.0,
        found.figures[f"{response}.product"]["value"],
    )


def _group(found: Found) -> CampaignGroup:
    rates = {response: _rate(_sums(found, response)) for response in RESPONSES}
    return CampaignGroup(value=found.value, label=found.label, customers=found.customers, sent=round(found.figures["sent"]["sum"]), **rates)


def _rate(sums: _Sums) -> Rate:
    return Rate(
        responses=round(sums.hits),
        rate=sums.hits / sums.sent if sums.sent else None,
        interval=wilson_interval(*sums.worth),
        design_effect=sums.design_effect,
    )


def _rank(sums: _Sums) -> float:
    """The lower end of the interval, so that three lucky campaigns win nothing."""
    interval = wilson_interval(*sums.worth)
    return interval.low if interval else -1.0


def _best(response: Response, grouping: Grouping, everyone: Found, groups: Sequence[Found], answer: Body) -> BestResponse | None:
    groups = [each for each in groups if not each.is_defined_by(f"campaigns_{response}")]
    if not groups or not everyone.figures[response]["sum"]:
        return None
    whole = _sums(everyone, response)
    of_groups = [_sums(each, response) for each in groups]
    rests = [whole.less(each) for each in of_groups]
    p_values = [share_test(*one.worth, *rest.worth) for one, rest in zip(of_groups, rests, strict=True)]
    tests = answer["aggregations"].get("distinct", {}).get("value", len(groups))
    q_values = benjamini_hochberg(p_values, tests)
    place = max(range(len(groups)), key=lambda each: _rank(of_groups[each]))
    found, rate, rest = groups[place], _rate(of_groups[place]), _rate(rests[place])
    assert rate.rate is not None
    assert rate.interval is not None
    difference = rate.rate - rest.rate if rest.rate is not None else None
    best = BestResponse(
        response=response,
        value=found.value,
        label=found.label,
        rate=rate.rate,
        interval=rate.interval,
        rest_rate=rest.rate,
        rest_interval=rest.interval,
        difference=difference,
        difference_interval=newcombe_interval(*of_groups[place].worth, *rests[place].worth),
        p_value=p_values[place],
        q_value=q_values[place],
        distinguishable=is_signal(q_values[place]) and difference is not None and difference > 0,
        sentence="",
        link=group_link(grouping, found.value),
    )
    return msgspec.structs.replace(best, sentence=_sentence(best, round(of_groups[place].sent), grouping))


def _sentence(best: BestResponse, sent: int, grouping: Grouping) -> str:
    low, high, rate, rest = (show_share(each) for each in (best.interval.low, best.interval.high, best.rate, best.rest_rate))
    word = _WORDS[grouping.language][best.response]
    if grouping.language == "zh":
        verdict = "高于其余客户，差异不只是偶然" if best.distinguishable else "与其余客户的差异可能只是偶然"
        return f"“{best.label}”的{word}最高：{rate}（95% 区间 {low} 至 {high}，n={sent:,}），其余客户为 {rest}；{verdict}。"
    verdict = "more than noise" if best.distinguishable else "the difference may be noise"
    return (
        f"“{best.label}” is the surest to {word}: {rate} of campaigns sent (95% interval {low} to {high}, n = {sent:,}), "
        f"against {rest} of those sent to all others; {verdict}."
    )
