"""Which groups of the base are unusual. Pure."""

from itertools import product

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.contrast import Value, parse_sample
from crmsearch.search.filters import Filter
from crmsearch.search.findings import Language, build_link, field_label, show_number, show_value
from crmsearch.search.significance import (
    SMALL,
    Interval,
    Sample,
    benjamini_hochberg,
    effect_word,
    hedges_g,
    is_signal,
    welch_test,
    without,
)
from crmsearch.search.small_groups import hide_rows, is_small
from crmsearch.search.tour.fields import FIELDS_TOURED, NUMBERS_TOURED, Body, Values

__all__ = ["Unusual", "find_unusual"]


class Unusual(msgspec.Struct, frozen=True, kw_only=True):
    """A group whose mean is far from that of all others; ``difference`` is the first less the second, dates in milliseconds."""

    field: str
    value: Value
    number: str
    n: int
    mean: float
    rest_n: int
    rest_mean: float
    difference: float
    interval: Interval
    effect_size: float
    effect: str
    p_value: float
    q_value: float
    sentence: str
    link: str


def find_unusual(listed: Values, found: Body, language: Language, k: int | None) -> tuple[int, list[Unusual]]:
    """How many groups were tested by how many numbers, and those far from all others, the furthest first.

    Numbers that fewer than ``k`` customers of a group have are left out, and those that would give them away.
    """
    groups: list[tuple[str, Value, str, Sample, Sample]] = []
    for name, number in product(FIELDS_TOURED, NUMBERS_TOURED):
        stats = f"{number}.stats"
        buckets = [bucket for bucket in (found[name]["buckets"] if listed[name] else []) if stats in bucket]
        rows = {bucket["key"]: [bucket[stats]["count"]] for bucket in buckets}
        hidden = hide_rows(rows, [found[stats]["count"]], k) if buckets else set()
        for bucket in buckets:
            whole, part = parse_sample(found[stats]), parse_sample(bucket[stats])
            if bucket["key"] not in hidden and not is_small([whole.n - part.n], k):
                groups.append((name, bucket["key"], number, part, without(whole, part)))
    tests = [welch_test(part, rest) for *_, part, rest in groups]
    q_values = benjamini_hochberg([test.p_value if test else None for test in tests])
    far = []
    for (name, value, number, part, rest), test, q_value in zip(groups, tests, q_values, strict=True):
        effect = hedges_g(part, rest)
        if test is None or q_value is None or effect is None or not is_signal(q_value) or abs(effect) < SMALL:
            continue
        far.append(
            Unusual(
                field=name,
                value=value,
                number=number,
                n=part.n,
                mean=part.mean,
                rest_n=rest.n,
                rest_mean=rest.mean,
                difference=test.difference,
                interval=test.interval,
                effect_size=effect,
                effect=effect_word(effect),
                p_value=test.p_value,
                q_value=q_value,
                sentence=_unusual_sentence(name, value, number, part, rest, effect, language),
                link=build_link([Filter(field=name, in_=[value])], f"{'-' if effect > 0 else ''}{number}"),
            )
        )
    return sum(test is not None for test in tests), sorted(far, key=lambda each: -abs(each.effect_size))


def _unusual_sentence(name: str, value: Value, number: str, part: Sample, rest: Sample, effect: float, language: Language) -> str:
    of, shown, field = field_label(name, language), show_value(name, value, language), FIELDS[number]
    mean, rest_mean = show_number(field, part.mean), show_number(field, rest.mean)
    if language == "zh":
        return (
            f"{of}为{shown}的客户{field.label_zh}平均为 {mean}（n={part.n:,}），其余为 {rest_mean}（n={rest.n:,}）；效应量 {effect:+.2f}。"
        )
    return (
        f"{field.label} is {mean} on average where {of} is {shown} (n = {part.n:,}), and {rest_mean} elsewhere (n = {rest.n:,}); "
        f"effect size {effect:+.2f}."
    )
