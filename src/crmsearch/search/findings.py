"""Findings as sentences with their numbers, in English and Chinese, and links to the searches that show them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

import msgspec

from crmsearch.contract import FIELDS, Field
from crmsearch.mining.features import name_in_chinese
from crmsearch.search.contrast import NumberContrast, Tested, Value, ValueContrast
from crmsearch.search.filters import Filter, format_filter
from crmsearch.search.significance import SMALL
from crmsearch.search.vocabulary import VOCABULARY

__all__ = ["Finding", "Language", "build_findings", "build_link", "field_label", "show_number", "show_share", "show_value"]

Language = Literal["en", "zh"]
_EFFECTS_ZH = {"negligible": "可忽略", "small": "小", "medium": "中", "large": "大"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that is more than noise and of more than a negligible size.

    ``link`` is a path of this API: the search for the customers that the sentence is about.
    """

    kind: Literal["value", "mean"]
    field: str
    value: Value | None
    effect_size: float
    effect: str
    q_value: float
    sentence: str
    link: str


def build_findings(
    numbers: Iterable[NumberContrast],
    values: Iterable[ValueContrast],
    groups: Mapping[str, str],
    members: Sequence[Filter],
    language: Language,
) -> list[Finding]:
    """What is worth a sentence, the largest effect first.

    Args:
        numbers: fields that may be spoken of.
        values: of fields that may be spoken of.
        groups: the two groups by name in the figures, as a sentence calls them.
        members: filters for the first of them.
        language: of the sentences.
    """
    contrasts: list[NumberContrast | ValueContrast] = [*numbers, *values]
    found = [_finding(each, groups, members, language) for each in contrasts if _is_worth_a_word(each)]
    return sorted(found, key=lambda each: (-abs(each.effect_size), each.field, str(each.value)))


def build_link(filters: Sequence[Filter], sort: str = "") -> str:
    """Path of the search with these filters; they name segments and values of facets, never a person."""
    words = [("filter", format_filter(each)) for each in filters] + ([("sort", sort)] if sort else [])
    return f"/v1/customers/search?{urlencode(words)}"


def field_label(name: str, language: Language) -> str:
    return FIELDS[name].label_zh if language == "zh" else FIELDS[name].label


def show_value(field: str, value: Value, language: Language) -> str:
    """A value of a category as a sentence writes it."""
    text = str(value)
    if language == "en":
        return text
    if field == "cluster":
        return f"“{name_in_chinese(text)}”"
    word = VOCABULARY[field].get(text)
    return f"“{word.label_zh if word else text}”"


def show_number(field: Field, value: float) -> str:
    """A mean as a sentence writes it; that of dates is a day of UTC."""
    if field.type == "date":
        return datetime.fromtimestamp(value / 1000, UTC).date().isoformat()
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.2f}"


def show_share(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{share:.3%}"


def _is_worth_a_word(each: Tested) -> bool:
    return each.more_than_noise and each.effect_size is not None and abs(each.effect_size) >= SMALL


def _finding(each: NumberContrast | ValueContrast, groups: Mapping[str, str], members: Sequence[Filter], language: Language) -> Finding:
    assert each.effect_size is not None
    assert each.effect is not None
    assert each.q_value is not None
    if isinstance(each, ValueContrast):
        sentence = _value_sentence(each, groups, language)
        link = build_link([*members, Filter(field=each.field, in_=[each.value])])
    else:
        sentence = _mean_sentence(each, groups, language)
        order = "-" if each.effect_size > 0 else ""
        link = build_link([*members, Filter(field=each.field, exists=True)], f"{order}{each.field}")
    return Finding(
        kind="value" if isinstance(each, ValueContrast) else "mean",
        field=each.field,
        value=each.value if isinstance(each, ValueContrast) else None,
        effect_size=each.effect_size,
        effect=each.effect,
        q_value=each.q_value,
        sentence=sentence,
        link=link,
    )


def _mean_sentence(each: NumberContrast, groups: Mapping[str, str], language: Language) -> str:
    field, (first, second) = FIELDS[each.field], (each.groups[name] for name in groups)
    assert first.mean is not None
    assert second.mean is not None
    assert each.effect is not None
    one, other = groups.values()
    mean_one, mean_other = show_number(field, first.mean), show_number(field, second.mean)
    if language == "zh":
        return (
            f"{field.label_zh}在{one}中平均为 {mean_one}（n={first.n:,}），在{other}中为 {mean_other}（n={second.n:,}）；"
            f"效应量 {each.effect_size:+.2f}（{_EFFECTS_ZH[each.effect]}）。"
        )
    return (
        f"{field.label} is {mean_one} on average for {one} (n = {first.n:,}) and {mean_other} for {other} (n = {second.n:,}); "
        f"effect size {each.effect_size:+.2f}, {each.effect}."
    )


def _value_sentence(each: ValueContrast, groups: Mapping[str, str], language: Language) -> str:
    parts = [(name, show_share(each.shares[group]), each.counts[group], each.known[group]) for group, name in groups.items()]
    of_one, of_other = (each.shares[group] for group in groups)
    value, (one, other) = show_value(each.field, each.value, language), groups.values()
    lift = of_one / of_other if of_one is not None and of_other else None
    if language == "zh":
        said = "，".join(f"在{name}中占 {share}（{count:,}/{known:,}）" for name, share, count, known in parts)
        times = f"，{one}是{other}的 {lift:.1f} 倍" if lift is not None else ""
        return f"{FIELDS[each.field].label_zh}为{value}的客户{said}{times}。"
    said = " and ".join(f"{share} of {name} ({count:,} of {known:,})" for name, share, count, known in parts)
    times = f", {lift:.1f} times as much" if lift is not None else ""
    return f"{FIELDS[each.field].label}: {value} is {said}{times}."
