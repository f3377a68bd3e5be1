"""Values of a categorical field with their counts and shares. Pure."""

import math
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.groups import Part

__all__ = ["CategoryStats", "CategoryValue", "build_category", "parse_category"]

Body = dict[str, Any]

# Elasticsearch's largest: 2^18 registers, standard error 1.04 / sqrt(2^18) = 0.2%; as good as exact below.
_THRESHOLD = 40_000
_DISTINCT_ERROR = 0.006  # three standard errors


class CategoryValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value: customers that have it, and their share of those that have any. Of a list field a customer counts for each value."""

    value: str | int | float
    label: str
    count: int
    share: float


class CategoryStats(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="categorical"):
    """The most frequent values of one field; ``other_count`` is how often the values not shown occur.

    ``distinct`` is exact where ``distinct_error_bound`` is 0, else within it with 99.7% certainty (HyperLogLog++). ``error_bound`` is how
    far a count may be too low (0 on a single shard: exact).
    """

    n: int
    missing: int
    distinct: int
    distinct_error_bound: int
    values: list[CategoryValue]
    other_count: int
    error_bound: int
    reason: str | None = None


def build_category(name: str, size: int) -> Body:
    path = FIELDS[name].path
    return {
        f"{name}.values": {"terms": {"field": path, "size": size}},
        f"{name}.missing": {"missing": {"field": path}},
        f"{name}.distinct": {"cardinality": {"field": path, "precision_threshold": _THRESHOLD}},
    }


def parse_category(name: str, part: Part) -> CategoryStats:
    """What ``build_category`` found in one part."""
    found, missing = part.answer[f"{name}.values"], part.answer[f"{name}.missing"]["doc_count"]
    n, buckets, other = part.population - missing, found["buckets"], found["sum_other_doc_count"]
    # With no value left out, those shown are all there are.
    estimate = max(part.answer[f"{name}.distinct"]["value"], len(buckets) + 1)
    return CategoryStats(
        n=n,
        missing=missing,
        distinct=estimate if other else len(buckets),
        distinct_error_bound=math.ceil(_DISTINCT_ERROR * estimate) if other else 0,
        values=[
            CategoryValue(value=bucket["key"], label=str(bucket["key"]), count=bucket["doc_count"], share=bucket["doc_count"] / n)
            for bucket in buckets
        ],
        other_count=other,
        error_bound=found["doc_count_error_upper_bound"],
        reason=None if n else "no customer here has a value",
    )
