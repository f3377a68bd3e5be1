"""Two segments side by side: how far they overlap, and in what they differ. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from crmsearch.search.contrast import CategoryContrast, Design, NumberContrast, build_contrast_aggs, parse_contrast
from crmsearch.search.families import are_related
from crmsearch.search.filters import Filter
from crmsearch.search.findings import Finding, Language, build_findings
from crmsearch.search.segments import Segment, defining_fields
from crmsearch.search.small_groups import check_size

__all__ = ["Comparison", "Overlap", "build_compare_body", "parse_comparison"]

Body = dict[str, Any]
SHOWN_FINDINGS = 8


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Customers in each part; ``jaccard`` is ``both / either``, ``None`` if nobody is in either."""

    a: int
    b: int
    both: int
    only_a: int
    only_b: int
    either: int
    population: int
    jaccard: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a and b and of their parts; tests are between parts, since customers of both segments are on both sides.

    Attributes:
        a: name of the first segment, ``b`` that of the second. Groups of the figures are ``a``, ``b``, ``only_a``, ``only_b`` and ``both``;
            ``lift`` compares ``a`` with ``b``.
        labels: what ``a``, ``b`` and the tested parts are called.
        tested: the parts whose difference is tested: ``only_a`` and ``only_b``, or ``both`` and the rest where one segment lies within the
            other; ``None`` where both have the same members.
        by_definition: fields by which either segment is defined, and those made from them, of which there are no findings.
        withheld: fields that are not shown, or not with all their values, because too few customers are behind them.
    """

    a: str
    b: str
    labels: dict[str, str]
    overlap: Overlap
    tested: list[str] | None
    numbers: list[NumberContrast]
    categories: list[CategoryContrast]
    findings: list[Finding]
    other_findings: int
    by_definition: list[str]
    withheld: list[str]
    took_ms: int


def build_compare_body(a: Body, b: Body) -> Body:
    """One request over the members of either segment, by their clauses; everyone is counted beside."""
    aggs = build_contrast_aggs(_design(a, b, None)) | {"everyone": {"global": {}}}
    query = {"bool": {"filter": [{"bool": {"should": [a, b], "minimum_should_match": 1}}]}}
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": aggs}


def parse_comparison(
    a: Segment,
    b: Segment,
    segments: Mapping[str, Segment],
    clauses: tuple[Body, Body],
    answer: Body,
    language: Language,
    k: int | None = None,
) -> Comparison:
    """The answer to ``build_compare_body(*clauses)``.

    Args:
        a: the first segment.
        b: the second.
        segments: all that either leads to.
        clauses: of the members of both.
        answer: of Elasticsearch.
        language: of the sentences.
        k: the smallest group of customers that may be seen; ``None`` where all may.

    Raises:
        SmallGroupError: those in one segment only, in both, or in neither are fewer than ``k``.
    """
    parts = answer["aggregations"]["parts"]["buckets"]
    overlap = _overlap(parts, answer["aggregations"]["everyone"]["doc_count"])
    if k is not None:
        check_size(overlap.population - overlap.either, k)
    tested = _choose_tested(overlap)
    contrast = parse_contrast(_design(*clauses, tested), answer["aggregations"], k=k)
    defining = defining_fields(a, segments) | defining_fields(b, segments)
    names = [each.field for each in contrast.numbers] + [each.field for each in contrast.categories]
    by_definition = {field for field in names if any(are_related(field, each) for each in defining)}
    labels = {part: _call(part, a, b, overlap, language) for part in tested or ()}
    findings = []
    if tested is not None:
        findings = build_findings(
            [each for each in contrast.numbers if each.field not in by_definition],
            [value for each in contrast.categories for value in each.values if each.field not in by_definition],
            labels,
            [Filter(segment=a.name)] if tested[0] == "both" or not overlap.both else [Filter(segment=a.name), Filter(not_segment=b.name)],
            language,
        )
    return Comparison(
        a=a.name,
        b=b.name,
        labels={"a": _label(a, language), "b": _label(b, language), **labels},
        overlap=overlap,
        tested=list(tested) if tested else None,
        numbers=contrast.numbers,
        categories=contrast.categories,
        findings=findings[:SHOWN_FINDINGS],
        other_findings=len(findings[SHOWN_FINDINGS:]),
        by_definition=sorted(by_definition),
        withheld=contrast.withheld,
        took_ms=answer["took"],
    )


def _design(a: Body, b: Body, tested: tuple[str, str] | None) -> Design:
    return Design(
        parts={
            "only_a": {"bool": {"filter": [a], "must_not": [b]}},
            "only_b": {"bool": {"filter": [b], "must_not": [a]}},
            "both": {"bool": {"filter": [a, b]}},
        },
        shown={"a": ("only_a", "both"), "b": ("only_b", "both"), "only_a": ("only_a",), "only_b": ("only_b",), "both": ("both",)},
        tested=tested,
    )


def _overlap(parts: Body, population: int) -> Overlap:
    only_a, only_b, both = (parts[part]["doc_count"] for part in ("only_a", "only_b", "both"))
    either = only_a + only_b + both
    return Overlap(
        a=only_a + both,
        b=only_b + both,
        both=both,
        only_a=only_a,
        only_b=only_b,
        either=either,
        population=population,
        jaccard=both / either if either else None,
    )


def _choose_tested(overlap: Overlap) -> tuple[str, str] | None:
    if overlap.only_a and overlap.only_b:
        return "only_a", "only_b"
    if overlap.only_b:
        return "both", "only_b"
    return ("only_a", "both") if overlap.only_a else None


def _call(part: str, a: Segment, b: Segment, overlap: Overlap, language: Language) -> str:
    """What a sentence calls a tested part: by the name of a segment where it is all of it."""
    name_a, name_b = _label(a, language), _label(b, language)
    if part == "both":
        return f"“{name_b if overlap.only_a else name_a}”"
    one, other = (name_a, name_b) if part == "only_a" else (name_b, name_a)
    if not overlap.both:
        return f"“{one}”"
    return f"“{one}”（不含“{other}”）" if language == "zh" else f"“{one}” without “{other}”"


def _label(segment: Segment, language: Language) -> str:
    return segment.label_zh if language == "zh" else segment.label
