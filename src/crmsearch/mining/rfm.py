"""Recency, frequency and monetary scores by quintile, and the named segments made of them.

The scores are those of Hughes, Strategic Database Marketing (1994); the names of the segments are in common use, their borders are ours.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import msgspec

__all__ = ["LEADING_DIGITS", "QUINTILES", "SEGMENTS", "Segment", "leading_digits", "quintile_limits", "quintile_score", "segment_of"]

QUINTILES = 5
MIDDLE = 3  # the score of everyone where all are alike
LEADING_DIGITS = 3  # of an amount of money that count in a comparison: below 1% there is no difference worth a score


Area = tuple[range, range]


def _area(recency: tuple[int, int], value: tuple[int, int]) -> Area:
    return range(recency[0], recency[1] + 1), range(value[0], value[1] + 1)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A named part of the 125 combinations of scores.

    Attributes:
        name: as written into ``rfm_segment``.
        name_zh: the same in Chinese.
        areas: recency scores, and with them sums of the frequency and the monetary score, from 2 to 10.
        advice: what the segment is usually good for.
        advice_zh: the same in Chinese.
    """

    name: str
    name_zh: str
    areas: tuple[Area, ...]
    advice: str
    advice_zh: str


# No two areas meet, and together they cover everything; a test counts.
SEGMENTS: tuple[Segment, ...] = tuple(
    Segment(name=name, name_zh=name_zh, areas=areas, advice=advice, advice_zh=advice_zh)
    for name, name_zh, areas, advice, advice_zh in (
        ("champions", "冠军客户", (_area((4, 5), (9, 10)),), "reward them, ask them to recommend", "奖励他们，请他们推荐"),
        ("loyal", "忠诚客户", (_area((4, 5), (7, 8)), _area((3, 3), (7, 10))), "offer more of what they buy", "多推荐他们常买的商品"),
        ("potential loyal", "潜力客户", (_area((4, 5), (4, 6)),), "offer a membership, recommend related goods", "邀请入会，推荐相关商品"),
        ("new", "新客户", (_area((5, 5), (2, 3)),), "welcome them, help with the first steps", "欢迎他们，帮助迈出第一步"),
        (
            "promising",
            "有望客户",
            (_area((4, 4), (2, 3)),),
            "make the brand known, give a small reason to return",
            "让他们了解品牌，给一个小小的回访理由",
        ),
        ("need attention", "需关注客户", (_area((3, 3), (5, 6)),), "a limited offer while they remember", "趁他们还记得，给一个限时优惠"),
        ("about to sleep", "将沉睡客户", (_area((3, 3), (2, 4)),), "remind them before they are gone", "在离开之前提醒他们"),
        (
            "cannot lose",
            "不可流失客户",
            (_area((1, 2), (9, 10)),),
            "call them: among the best once, and long silent",
            "致电联系：曾是最好的客户，如今久无音讯",
        ),
        (
            "at risk",
            "流失风险客户",
            (_area((1, 2), (6, 8)),),
            "a personal message and a reason to come back",
            "一条专属消息和一个回来的理由",
        ),
        ("hibernating", "休眠客户", (_area((2, 2), (2, 5)),), "an occasional offer, at little cost", "偶尔给个优惠，成本要低"),
        (
            "lost",
            "已流失客户",
            (_area((1, 1), (2, 5)),),
            "one attempt to win them back, then leave them in peace",
            "尝试挽回一次，之后不再打扰",
        ),
    )
)

_SEGMENT_OF = {
    (recency, value): segment.name
    for segment in SEGMENTS
    for recencies, values in segment.areas
    for recency in recencies
    for value in values
}


def segment_of(recency: int, frequency: int, monetary: int) -> str:
    """The segment of three scores from 1 to 5."""
    return _SEGMENT_OF[recency, frequency + monetary]


def leading_digits(number: int) -> int:
    """Round a count of at least 0 down to its first three digits, which bounds how many different amounts have to be counted."""
    return number - number % int(10 ** max(0, len(str(number)) - LEADING_DIGITS))


def quintile_limits(counts: Mapping[int, int]) -> tuple[int, ...]:
    """The four values that a customer must exceed for the scores 2 to 5.

    A customer's score is one more than the whole fifths of all customers that it exceeds. Equal customers have equal scores, so that with
    few different values some scores do not occur. Where there is one value only there are no limits, and everyone is in the middle.

    Args:
        counts: customers by value.
    """
    if len(counts) < 2:
        return ()
    values = sorted(counts)
    running = list(accumulate(counts[value] for value in values))
    total = running[-1]
    return tuple(
        next(value for value, below in zip(values, running, strict=True) if QUINTILES * below >= fifth * total)
        for fifth in range(1, QUINTILES)
    )


def quintile_score(value: int, limits: Sequence[int]) -> int:
    """The score, 1 to 5, of a value of which more is better; see :func:`quintile_limits`."""
    return 1 + sum(value > limit for limit in limits) if limits else MIDDLE
