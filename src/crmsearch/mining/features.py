"""What customers are clustered by, and the words that clusters are named with. Data, apart from the fit, which needs heavier packages."""

import msgspec

__all__ = ["AVERAGE", "AVERAGE_ZH", "FEATURES", "Feature", "name_in_chinese"]


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """Something that customers do more or less of.

    Attributes:
        name: a field of the customer, or ``open_rate``, the share of the campaigns sent that were opened.
        is_count: many are small and few are large, so that it is compared by its logarithm, ``log(1 + x)``.
        low: words for little of it.
        high: words for much of it.
        low_zh: the first in Chinese.
        high_zh: the second in Chinese.
    """

    name: str
    is_count: bool
    low: str
    high: str
    low_zh: str
    high_zh: str


FEATURES: tuple[Feature, ...] = tuple(
    Feature(name=name, is_count=is_count, low=low, high=high, low_zh=low_zh, high_zh=high_zh)
    for name, is_count, low, high, low_zh, high_zh in (
        ("revenue", True, "low revenue", "high revenue", "消费低", "消费高"),
        ("order_count", True, "few orders", "many orders", "订单少", "订单多"),
        ("recency_days", True, "recent orders", "long without orders", "近期下单", "久未下单"),
        ("ticket_count", True, "few tickets", "many tickets", "工单少", "工单多"),
        ("open_rate", False, "campaigns ignored", "campaigns opened", "不看营销", "常看营销"),
    )
)
AVERAGE, AVERAGE_ZH = "average", "一般"


def name_in_chinese(name: str) -> str:
    """The Chinese name of a cluster; words that are not of ours stay as they are."""
    words = {AVERAGE: AVERAGE_ZH}
    for feature in FEATURES:
        words |= {feature.low: feature.low_zh, feature.high: feature.high_zh}
    bare, space, number = name.rpartition(" ")
    if not (space and number.isdecimal()):
        bare, number = name, ""
    return "，".join(words.get(trait, trait) for trait in bare.split(", ")) + number
