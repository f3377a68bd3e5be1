"""What charts say, in English and Chinese."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from crmsearch.contract import FIELDS

__all__ = ["Language", "field_label", "number", "say", "value_text"]

Language = Literal["en", "zh"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS: dict[str, tuple[str, str]] = {
    "by": ("{0} by {1}", "{0} · 按{1}"),
    "and": (" and ", "、"),
    "against": ("{0} and {1}", "{0} 与 {1}"),
    "correlation": ("Correlation", "相关系数"),
    "customers": ("customers", "客户数"),
    "mean": ("mean, with its 95% interval", "均值及其 95% 置信区间"),
    "mean_only": ("mean", "均值"),
    "all_mean": ("dashed: mean of all, {0}", "虚线: 总体均值 {0}"),
    "median": ("dashed: median, {0}", "虚线: 中位数 {0}"),
    "box": ("line: median; box: 25% to 75%; whiskers: 5% to 95%", "线: 中位数; 箱: 25% 至 75%; 须: 5% 至 95%"),
    "share": ("share of customers", "客户占比"),
    "lift": ("customers, and how many times as many as expected", "客户数, 以及为期望值的倍数"),
    "rows": ("shares within each row", "各行内占比"),
    "r": ("r, from -1 to 1", "r, 从 -1 到 1"),
    "interval": ("r, with its 95% interval", "r 及其 95% 置信区间"),
    "all": ("all", "全部"),
    "n": ("n = {0}", "n = {0}"),
    "covered": ("{0} customers", "{0} 位客户"),
    "missing": ("{0} without a value", "{0} 位无此值"),
    "other": ("{0} in groups not shown", "{0} 位属于未显示的分组"),
    "ungrouped": ("{0} in no group", "{0} 位不属于任何分组"),
    "values": ("{0} times other values", "其他值 {0} 次"),
    "others": ("other values", "其他值"),
    "few": ("groups of few customers are among the others", "客户很少的分组已并入其他"),
    "test": ("chi-square {0} with {1} degrees of freedom, p {2}, Cramér's V {3}", "卡方 {0}, 自由度 {1}, p {2}, Cramér V {3}"),
    "beyond": ("{0} values beyond are not drawn", "另有 {0} 个值超出图外"),
    "nothing": ("no customer here has a value", "此处没有客户有此值"),
    "too_few": ("too few customers to show", "客户太少, 不予显示"),
    "more": ("and {0} more", "另有 {0} 项"),
    "approximate": ("approximate", "近似"),
}


def say(language: Language, word: str, *values: str) -> str:
    return _WORDS[word][language == "zh"].format(*values)


def field_label(language: Language, name: str) -> str:
    return FIELDS[name].label_zh if language == "zh" else FIELDS[name].label


def number(value: float) -> str:
    """A number as people read it: whole ones as they are, others to four significant digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def value_text(name: str, value: float) -> str:
    """A value of a field: a number, or a moment in epoch milliseconds as its date."""
    if FIELDS[name].type != "date":
        return number(value)
    return (_EPOCH + timedelta(milliseconds=value)).date().isoformat()
