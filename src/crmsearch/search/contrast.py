"""Groups of customers held against each other, field by field: one request, and what its figures say. Pure.

The request counts parts that do not overlap (members and others; only in a, only in b, in both). What is shown is put together from parts,
what is tested are two parts: customers in both groups are on both sides, and no test for independent samples may see them twice.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from crmsearch.contract import FIELDS, Field
from crmsearch.search.significance import (
    Interval,
    Sample,
    associate,
    benjamini_hochberg,
    cohen_h,
    effect_word,
    hedges_g,
    is_signal,
    merged,
    newcombe_interval,
    share_test,
    welch_test,
)
from crmsearch.search.small_groups import check_size, hide_rows, is_small

__all__ = [
    "CATEGORIES",
    "NUMBERS",
    "CategoryContrast",
    "Contrast",
    "Design",
    "Moments",
    "NumberContrast",
    "Tested",
    "Value",
    "ValueContrast",
    "build_contrast_aggs",
    "build_values_aggs",
    "parse_contrast",
    "parse_sample",
]

Body = dict[str, Any]
Value = str | int | float
SHOWN_VALUES = 10  # of each category, the most frequent; other_count and distinct tell of the rest
# A run is where a customer came from, not what they are.
CATEGORIES = [field for field in FIELDS.values() if field.facet and field.type in {"keyword", "text"} and field.name != "run_id"]
NUMBERS = [field for field in FIELDS.values() if field.statistic]


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """What is held against what.

    Attributes:
        parts: clauses of the parts, which do not overlap.
        shown: the groups of the answer, each made of parts; lift is the share in the first of them over that in the second.
        tested: the two parts whose difference is tested; ``None`` if there are no two.
    """

    parts: Mapping[str, Body]
    shown: Mapping[str, Sequence[str]]
    tested: tuple[str, str] | None


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one field in one group; dates in epoch milliseconds, ``None`` where there is no such figure.

    The smallest and largest value are somebody's own, and ``None`` for who may not see personal data.
    """

    n: int
    missing: int
    mean: float | None
    std_deviation: float | None
    min: float | None
    max: float | None


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """A difference with what is to be thought of it; every figure ``None`` where there are too few customers.

    Attributes:
        difference: of means or of shares, the first tested part less the second; with its 95% ``interval``.
        effect_size: Hedges' g for means, Cohen's h for shares; ``effect`` is Cohen's word for it.
        p_value: of Welch's test for means, of the exact or the "N-1" chi-square test for shares.
        q_value: the p value adjusted for the number of tests (Benjamini and Hochberg).
        more_than_noise: whether ``q_value`` is below 0.05.
    """

    difference: float | None = None
    interval: Interval | None = None
    effect_size: float | None = None
    effect: str | None = None
    p_value: float | None = None
    q_value: float | None = None
    more_than_noise: bool = False


class NumberContrast(Tested, frozen=True, kw_only=True):
    """A numeric or date field, by group."""

    field: str
    label: str
    groups: dict[str, Moments]


class ValueContrast(Tested, frozen=True, kw_only=True):
    """One value of a category: customers by group, and their shares of the ``known``, of whom there is a value.

    ``lift`` is the share in the first group over that in the second.
    """

    field: str
    value: Value
    label: str
    counts: dict[str, int]
    known: dict[str, int]
    shares: dict[str, float | None]
    lift: float | None


class CategoryContrast(msgspec.Struct, frozen=True, kw_only=True):
    """A category, by group.

    Attributes:
        known: customers of whom the field is known, by group; ``missing`` the others.
        values: the most frequent ones of all customers.
        other_count: customers with another value, by group; ``None`` where a customer may have several.
        distinct: different values there are, approximately above 3000.
        cramers_v: strength of the association of group and value, 0 to 1; ``None`` where a customer may have several values, or too few
            customers have one.
        more_than_noise: whether ``q_value``, of the chi-square test, is below 0.05.
    """

    field: str
    label: str
    known: dict[str, int]
    missing: dict[str, int]
    values: list[ValueContrast]
    other_count: dict[str, int] | None
    distinct: int
    cramers_v: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    more_than_noise: bool = False


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """All fields of two groups. ``extra`` has values that were asked for beyond the most frequent ones, ``withheld`` names the fields that
    too few customers of a part have or have not, and those with values that are not listed for the same reason.
    """

    sizes: dict[str, int]
    numbers: list[NumberContrast]
    categories: list[CategoryContrast]
    extra: list[ValueContrast] = []
    withheld: list[str] = []


def build_contrast_aggs(design: Design) -> Body:
    """Aggregations for all fields of the catalogue that can be contrasted."""
    per_part: Body = {f"{field.name}.stats": {"extended_stats": {"field": field.path}} for field in NUMBERS}
    per_part |= {f"{field.name}.missing": {"missing": {"field": field.path}} for field in CATEGORIES}
    aggs: Body = {"parts": {"filters": {"filters": dict(design.parts)}, "aggs": per_part}}
    for field in CATEGORIES:
        aggs[f"{field.name}.values"] = _count_values(field, design, {"size": SHOWN_VALUES})
        aggs[f"{field.name}.distinct"] = {"cardinality": {"field": field.path}}
    return aggs


def build_values_aggs(design: Design, values: Mapping[str, Sequence[Value]]) -> Body:
    """Aggregations that count certain values, by field, in every part."""
    return {
        f"{name}.values": _count_values(FIELDS[name], design, {"include": list(some), "size": len(some)}) for name, some in values.items()
    }


def _count_values(field: Field, design: Design, options: Body) -> Body:
    return {"terms": {"field": field.path, **options}, "aggs": {"parts": {"filters": {"filters": dict(design.parts)}}}}


def parse_contrast(design: Design, aggregations: Body, extra: Body | None = None, k: int | None = None) -> Contrast:
    """The answer to ``build_contrast_aggs``, and that to ``build_values_aggs`` if more values were counted.

    Args:
        design: that the requests were built with.
        aggregations: of the first answer.
        extra: of the second.
        k: the smallest group of customers that may be seen in any part; ``None`` where all may.

    Raises:
        SmallGroupError: a part has some customers, but fewer than ``k``.
    """
    parts = aggregations["parts"]["buckets"]
    if k is not None:
        for part in design.parts:
            check_size(parts[part]["doc_count"], k)
    numbers = [_parse_number(field, design, parts, extremes=k is None) for field in NUMBERS if not _is_withheld(field, design, parts, k)]
    open_categories = [field for field in CATEGORIES if not is_small(_of_parts(design, parts, field.name).values(), k)]
    hidden = {field.name: _hidden_values(field, design, aggregations, extra or {}, k) for field in open_categories}
    categories = [_parse_category(field, design, parts, aggregations, hidden[field.name]) for field in open_categories]
    tested = {each.field: _of_parts(design, parts, each.field) for each in categories}
    more = [
        _parse_value(FIELDS[each.field], design, bucket, each.known, tested)
        for each in categories
        for bucket in (extra or {}).get(f"{each.field}.values", {"buckets": []})["buckets"]
        if bucket["key"] not in hidden[each.field]
    ]
    shown = {each.field for each in numbers} | {name for name, values in hidden.items() if not values}
    return _adjusted(
        Contrast(
            sizes={group: sum(parts[part]["doc_count"] for part in made_of) for group, made_of in design.shown.items()},
            numbers=numbers,
            categories=categories,
            extra=more,
            withheld=[field.name for field in [*NUMBERS, *CATEGORIES] if field.name not in shown],
        )
    )


def _is_withheld(field: Field, design: Design, parts: Body, k: int | None) -> bool:
    """Whether so few customers of a part have this number that its figures are theirs."""
    return is_small([parts[part][f"{field.name}.stats"]["count"] for part in design.parts], k)


def _hidden_values(field: Field, design: Design, aggregations: Body, extra: Body, k: int | None) -> set[Value]:
    """Values that too few customers of a part have, and those that would give them away."""
    buckets = [bucket for found in (aggregations, extra) for bucket in found.get(f"{field.name}.values", {"buckets": []})["buckets"]]
    rows = {bucket["key"]: [bucket["parts"]["buckets"][part]["doc_count"] for part in design.parts] for bucket in buckets}
    totals = list(_of_parts(design, aggregations["parts"]["buckets"], field.name).values())
    return hide_rows(rows, None if field.many else totals, k)


def parse_sample(stats: Body) -> Sample:
    """From ``extended_stats``; of one value the variance comes as the text NaN."""
    n = stats["count"]
    if not n:
        return Sample(0)
    return Sample(n, stats["avg"], stats["variance_sampling"] if n > 1 else 0.0)


def _of_parts(design: Design, parts: Body, name: str) -> dict[str, int]:
    """Customers of each part of whom a category is known."""
    return {part: parts[part]["doc_count"] - parts[part][f"{name}.missing"]["doc_count"] for part in design.parts}


def _parse_number(field: Field, design: Design, parts: Body, *, extremes: bool) -> NumberContrast:
    found = {part: parts[part][f"{field.name}.stats"] for part in design.parts}
    groups = {}
    for group, made_of in design.shown.items():
        sample = Sample(0)
        for part in made_of:
            sample = merged(sample, parse_sample(found[part]))
        filled = [found[part] for part in made_of if found[part]["count"]]
        groups[group] = Moments(
            n=sample.n,
            missing=sum(parts[part]["doc_count"] for part in made_of) - sample.n,
            mean=sample.mean if sample.n else None,
            std_deviation=sample.variance**0.5 if sample.n > 1 else None,
            min=min((each["min"] for each in filled), default=None) if extremes else None,
            max=max((each["max"] for each in filled), default=None) if extremes else None,
        )
    answer = NumberContrast(field=field.name, label=field.label, groups=groups)
    if design.tested is None:
        return answer
    first, second = (parse_sample(found[part]) for part in design.tested)
    test, effect = welch_test(first, second), hedges_g(first, second)
    if test is None:
        return answer
    return msgspec.structs.replace(
        answer,
        difference=test.difference,
        interval=test.interval,
        p_value=test.p_value,
        effect_size=effect,
        effect=None if effect is None else effect_word(effect),
    )


def _parse_category(field: Field, design: Design, parts: Body, aggregations: Body, hidden: AbstractSet[Value]) -> CategoryContrast:
    of_parts = _of_parts(design, parts, field.name)
    known = {group: sum(of_parts[part] for part in made_of) for group, made_of in design.shown.items()}
    buckets = [bucket for bucket in aggregations[f"{field.name}.values"]["buckets"] if bucket["key"] not in hidden]
    values = [_parse_value(field, design, bucket, known, {field.name: of_parts}) for bucket in buckets]
    answer = CategoryContrast(
        field=field.name,
        label=field.label,
        known=known,
        missing={group: sum(parts[part]["doc_count"] - of_parts[part] for part in made_of) for group, made_of in design.shown.items()},
        values=values,
        other_count=None if field.many else {group: known[group] - sum(each.counts[group] for each in values) for group in known},
        distinct=aggregations[f"{field.name}.distinct"]["value"],
    )
    if field.many or design.tested is None:
        return answer
    # The values that are not listed are one row, so that every customer counts.
    table = [[bucket["parts"]["buckets"][part]["doc_count"] for part in design.tested] for bucket in buckets]
    table.append([of_parts[part] - sum(row[place] for row in table) for place, part in enumerate(design.tested)])
    found = associate(table)
    return msgspec.structs.replace(answer, cramers_v=found.v, p_value=found.p_value) if found else answer


def _parse_value(
    field: Field, design: Design, bucket: Body, known: Mapping[str, int], of_parts: Mapping[str, Mapping[str, int]]
) -> ValueContrast:
    found = {part: bucket["parts"]["buckets"][part]["doc_count"] for part in design.parts}
    counts = {group: sum(found[part] for part in made_of) for group, made_of in design.shown.items()}
    shares = {group: counts[group] / known[group] if known[group] else None for group in counts}
    of_first, of_second, *_ = shares.values()
    answer = ValueContrast(
        field=field.name,
        value=bucket["key"],
        label=str(bucket["key"]),
        counts=counts,
        known=dict(known),
        shares=shares,
        lift=of_first / of_second if of_first is not None and of_second else None,
    )
    if design.tested is None:
        return answer
    first, second = design.tested
    hits_a, n_a, hits_b, n_b = found[first], of_parts[field.name][first], found[second], of_parts[field.name][second]
    if not n_a or not n_b:
        return answer
    effect = cohen_h(hits_a / n_a, hits_b / n_b)
    return msgspec.structs.replace(
        answer,
        difference=hits_a / n_a - hits_b / n_b,
        interval=newcombe_interval(hits_a, n_a, hits_b, n_b),
        p_value=share_test(hits_a, n_a, hits_b, n_b),
        effect_size=effect,
        effect=effect_word(effect),
    )


def _adjusted(contrast: Contrast) -> Contrast:
    """With q values: one family of tests are the fields, the other all values that there are, whether or not they are listed."""
    p_values = [each.p_value for each in contrast.numbers] + [each.p_value for each in contrast.categories]
    fields = benjamini_hochberg(p_values)
    numbers = [_judged(each, q) for each, q in zip(contrast.numbers, fields, strict=False)]
    categories = [_judged(each, q) for each, q in zip(contrast.categories, fields[len(numbers) :], strict=True)]
    listed = [value for each in categories for value in each.values]
    q_values = benjamini_hochberg(
        [each.p_value for each in [*listed, *contrast.extra]], sum(max(each.distinct, len(each.values)) for each in categories)
    )
    judged = iter([_judged(each, q) for each, q in zip([*listed, *contrast.extra], q_values, strict=True)])
    return msgspec.structs.replace(
        contrast,
        numbers=numbers,
        categories=[msgspec.structs.replace(each, values=[next(judged) for _ in each.values]) for each in categories],
        extra=list(judged),
    )


def _judged(each: Any, q_value: float | None) -> Any:
    return msgspec.structs.replace(each, q_value=q_value, more_than_noise=is_signal(q_value))
