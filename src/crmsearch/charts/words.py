"""What charts say, in English and Chinese."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from crmsearch.contract import FIELDS
from crmsearch.search.findings import Language, field_label, show_value

__all__ = ["Language", "field_label", "number", "say", "told_of", "value_label", "value_text"]

TOLD = 40  # rows that a description tells of one by one
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
    "several": ("a customer may have several values", "一位客户可有多个值"),
    "at_most": ("≤: not among the most frequent values of the group", "≤: 不在该分组最常见的取值之中"),
    "with_others": (
        "a value that is not among the most frequent of a group is among its other values",
        "不在分组最常见取值之中的值计入其他值",
    ),
    "few": ("groups of few customers are among the others", "客户很少的分组已并入其他"),
    "test": ("chi-square {0} with {1} degrees of freedom, p {2}, Cramér's V {3}", "卡方 {0}, 自由度 {1}, p {2}, Cramér V {3}"),
    "beyond": ("{0} values beyond are not drawn", "另有 {0} 个值超出图外"),
    "nothing": ("no customer here has a value", "此处没有客户有此值"),
    "too_few": ("too few customers to show", "客户太少, 不予显示"),
    "more": ("and {0} more", "另有 {0} 项"),
    "opened": ("Open rate", "打开率"),
    "clicked": ("Click rate", "点击率"),
    "converted": ("Conversion rate", "转化率"),
    "open": ("Customers with an open ticket", "有未结工单的客户"),
    "best": (
        "share of campaigns sent, with its 95% interval; the surest best first",
        "占已发送营销活动的比例及其 95% 置信区间; 最有把握的最好分组在前",
    ),
    "worst": ("with its 95% interval; the surest worst first", "及其 95% 置信区间; 最有把握的最差分组在前"),
    "everyone": ("dashed: everyone, {0}", "虚线: 总体 {0}"),
    "n_sent": ("n: campaigns sent", "n: 已发送的营销活动"),
    "n_customers": ("n: customers", "n: 客户数"),
    "groups": ("{0} groups are not shown", "另有 {0} 个分组未显示"),
    "blank_groups": ("{0} groups have no figure", "{0} 个分组无数据"),
    "no_groups": ("no customer here belongs to a group", "此处没有属于任何分组的客户"),
    "associations": ("Fields that hang together", "相互关联的字段"),
    "cramers_v": ("Cramér's V, from 0 (nothing in common) to 1", "Cramér's V, 从 0 (无关) 到 1"),
    "unusual": ("Unusual groups", "与众不同的分组"),
    "deviations": (
        "difference in standard deviations, with its 95% interval; zero: like {0}",
        "以标准差计的差异及其 95% 置信区间; 零: 与{0}相同",
    ),
    "all_others": ("all others", "其余客户"),
    "moved": ("Values that rise and fall", "上升与下降的值"),
    "points": (
        "change of the share since the generation before, with its 95% interval; the largest effect first",
        "与上一代相比占比的变化及其 95% 置信区间; 效应最大的在前",
    ),
    "tested": ("{0} were looked at", "共检验 {0} 项"),
    "unremarkable": ("nothing here is more than noise", "没有超出偶然的发现"),
    "no_earlier": ("there is no earlier generation to compare with", "没有可供比较的上一代"),
    "against_others": ("{0} against {1}: numbers", "{0} 与 {1}: 数值"),
    "shares_of_both": ("{0} against {1}: values", "{0} 与 {1}: 取值"),
    "share_of_known": (
        "share of those with a value, with its 95% interval; × how many times as much",
        "占有值客户的比例及其 95% 置信区间; × 为倍数",
    ),
    "everyone_else": ("everyone", "全部客户"),
    "members": ("{0} customers, {1} of all", "{0} 位客户, 占全部的 {1}"),
    "defined": ("left out, since it is so by definition: {0}", "因由定义决定而不列: {0}"),
    "overlap": ("{0} and {1}", "{0} 与 {1}"),
    "in_both": ("in both", "两者皆是"),
    "only": ("only {0}", "仅 {0}"),
    "jaccard": ("Jaccard index {0}", "Jaccard 指数 {0}"),
    "nobody": ("nobody is in either", "两者皆无客户"),
    "alike": ("there are no two different groups to hold against each other", "没有两个不同的分组可供比较"),
    "too_few_tested": ("too few customers to tell a difference", "客户太少, 无法判断差异"),
    "approximate": ("approximate", "近似"),
}


def say(language: Language, word: str, *values: str) -> str:
    return _WORDS[word][language == "zh"].format(*values)


def number(value: float) -> str:
    """A number as people read it: whole ones as they are, others to four significant digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def value_label(name: str, value: object, label: str, language: Language) -> str:
    """What a value of a category or a group is called: in Chinese where there is a word for it, else by its label."""
    if language == "en" or not isinstance(value, str):
        return label
    found = show_value(name, value, language).strip("“”")
    return label if found == value else found


def value_text(name: str, value: float) -> str:
    """A value of a field: a number, or a moment in epoch milliseconds as its date."""
    if FIELDS[name].type != "date":
        return number(value)
    return (_EPOCH + timedelta(milliseconds=value)).date().isoformat()


def told_of(rows: Sequence[str], language: Language) -> list[str]:
    """The rows of a chart in words, and how many there are more than a description can hold."""
    rest = len(rows) - TOLD
    return [*rows[:TOLD], *([say(language, "more", str(rest))] if rest > 0 else [])]
