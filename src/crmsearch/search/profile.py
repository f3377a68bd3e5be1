"""What is special about a segment: its facets and statistics against everyone, over-represented values, findings in words. Pure.

Two requests: the first has the figures of all fields and lets ``significant_terms`` propose values that stand out among the members but
are rare among everyone, with the whole index as background; the second counts the proposed values exactly, wherever they lie.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crmsearch.search.contrast import (
    CATEGORIES,
    CategoryContrast,
    Contrast,
    Design,
    NumberContrast,
    Value,
    ValueContrast,
    build_contrast_aggs,
    build_values_aggs,
    parse_contrast,
)
from crmsearch.search.families import are_related
from crmsearch.search.filters import Filter
from crmsearch.search.findings import Finding, Language, build_findings
from crmsearch.search.segments import Segment, defining_fields

__all__ = ["OverRepresented", "Profile", "build_profile_body", "build_proposed_body", "parse_profile", "proposed_values"]

Body = dict[str, Any]
PROPOSED = 10  # values of each field
SHOWN_OVER_REPRESENTED = 20
SHOWN_FINDINGS = 8
_GROUPS: dict[Language, dict[str, str]] = {
    "en": {"segment": "the segment", "everyone": "everyone"},
    "zh": {"segment": "该分群", "everyone": "全部客户"},
}


class OverRepresented(ValueContrast, frozen=True, kw_only=True):
    """A value that is more frequent in the segment than among everyone; ``score`` is JLH, (f - b) · f / b of the two shares."""

    score: float


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A segment against everyone; differences are tested between members and all others.

    Attributes:
        size: members; ``population`` is everyone.
        numbers: all numeric and date fields.
        categories: all categories, each with its most frequent values among everyone.
        over_represented: values that are more than noise, the highest score first; ``other_over_represented`` counts those not listed.
        findings: the largest differences in words; ``other_findings`` counts those not listed.
        by_definition: fields by which the segment is defined, and those made from them, of which there are no findings.
        withheld: fields that are not shown, or not with all their values, because too few customers are behind them.
    """

    name: str
    label: str
    size: int
    population: int
    share: float | None
    numbers: list[NumberContrast]
    categories: list[CategoryContrast]
    over_represented: list[OverRepresented]
    other_over_represented: int
    findings: list[Finding]
    other_findings: int
    by_definition: list[str]
    withheld: list[str]
    took_ms: int


def make_design(members: Body) -> Design:
    """Members of a segment, by their clause, against all others."""
    return Design(
        parts={"members": members, "others": {"bool": {"must_not": [members]}}},
        shown={"segment": ("members",), "everyone": ("members", "others")},
        tested=("members", "others"),
    )


def build_profile_body(members: Body) -> Body:
    """The first request: figures of all fields, and values that stand out among the members."""
    significant = {f"{field.name}.significant": {"significant_terms": {"field": field.path, "size": PROPOSED}} for field in CATEGORIES}
    aggs = build_contrast_aggs(make_design(members)) | {"proposed": {"filter": members, "aggs": significant}}
    return {"size": 0, "track_total_hits": True, "query": {"match_all": {}}, "aggs": aggs}


def proposed_values(answer: Body) -> dict[str, list[Value]]:
    """Values that stand out and are not among those that the first answer counts already, by field."""
    found = {}
    for field in CATEGORIES:
        counted = {bucket["key"] for bucket in answer["aggregations"][f"{field.name}.values"]["buckets"]}
        proposed = [bucket["key"] for bucket in answer["aggregations"]["proposed"][f"{field.name}.significant"]["buckets"]]
        if more := [value for value in proposed if value not in counted]:
            found[field.name] = more
    return found


def build_proposed_body(members: Body, values: Mapping[str, Sequence[Value]]) -> Body:
    """The second request: the proposed values, counted."""
    aggs = build_values_aggs(make_design(members), values)
    return {"size": 0, "track_total_hits": False, "query": {"match_all": {}}, "aggs": aggs}


def parse_profile(
    segment: Segment,
    segments: Mapping[str, Segment],
    members: Body,
    answer: Body,
    proposed: Body | None,
    language: Language,
    k: int | None = None,
) -> Profile:
    """The profile of a segment from both answers; ``proposed`` is ``None`` where the first proposed nothing.

    Args:
        segment: whose profile it is.
        segments: all that it leads to.
        members: the clause that the requests were built with.
        answer: to ``build_profile_body``.
        proposed: to ``build_proposed_body``.
        language: of the sentences.
        k: the smallest group of customers that may be seen; ``None`` where all may.

    Raises:
        SmallGroupError: the segment, or what is outside it, is smaller than ``k``.
    """
    contrast = parse_contrast(make_design(members), answer["aggregations"], proposed["aggregations"] if proposed else None, k)
    defining = defining_fields(segment, segments)
    by_definition = {field for field in _field_names(contrast) if any(are_related(field, each) for each in defining)}
    values = [value for each in contrast.categories for value in each.values] + contrast.extra
    values = [each for each in values if each.field not in by_definition]
    over = sorted((_scored(each) for each in values if each.more_than_noise and (each.lift or 0) > 1), key=lambda each: -each.score)
    numbers = [each for each in contrast.numbers if each.field not in by_definition]
    findings = build_findings(numbers, values, _GROUPS[language], [Filter(segment=segment.name)], language)
    size, population = contrast.sizes["segment"], contrast.sizes["everyone"]
    return Profile(
        name=segment.name,
        label=segment.label_zh if language == "zh" else segment.label,
        size=size,
        population=population,
        share=size / population if population else None,
        numbers=contrast.numbers,
        categories=contrast.categories,
        over_represented=over[:SHOWN_OVER_REPRESENTED],
        other_over_represented=len(over[SHOWN_OVER_REPRESENTED:]),
        findings=findings[:SHOWN_FINDINGS],
        other_findings=len(findings[SHOWN_FINDINGS:]),
        by_definition=sorted(by_definition),
        withheld=contrast.withheld,
        took_ms=answer["took"] + (proposed["took"] if proposed else 0),
    )


def _field_names(contrast: Contrast) -> list[str]:
    return [each.field for each in contrast.numbers] + [each.field for each in contrast.categories]


def _scored(each: ValueContrast) -> OverRepresented:
    of_segment, of_everyone = each.shares["segment"], each.shares["everyone"]
    assert of_segment is not None
    assert of_everyone
    score = (of_segment - of_everyone) * of_segment / of_everyone
    return OverRepresented(**msgspec.structs.asdict(each), score=score)
