"""Groups by values or by ranges: the aggregation, and the tree of parts that its answer is. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.stats.request import Grouping, Range

__all__ = ["Part", "build_groups", "read_parts"]

Body = dict[str, Any]
Value = str | int | float


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The whole, or one group: what selects it, how many customers it has, and Elasticsearch's figures for it.

    ``number`` counts the parts of an answer, the whole first. ``groups`` is ``None`` where nothing is grouped further; then
    ``other_count`` and ``missing_count`` say nothing.
    """

    number: int
    filters: tuple[Body, ...]
    population: int
    answer: Body
    value: Value | None = None
    label: str = ""
    range: Range | None = None
    groups: "list[Part] | None" = None
    other_count: int = 0
    missing_count: int = 0
    error_bound: int = 0

    def walk(self) -> "Iterator[Part]":
        """This part and all below it, in the order of their numbers."""
        yield self
        for group in self.groups or []:
            yield from group.walk()


def build_groups(groupings: list[Grouping], figures: Body, size: int) -> Body:
    """Aggregations that give ``figures`` for every group, and for every group in a group."""
    if not groupings:
        return {}
    grouping, path = groupings[0], FIELDS[groupings[0].field].path
    inner = figures | build_groups(groupings[1:], figures, size)
    return {"by": build_grouping(grouping, size) | {"aggs": inner}, "by_missing": {"missing": {"field": path}}}


def build_grouping(grouping: Grouping, size: int) -> Body:
    """The buckets of one grouping: the most frequent values, or the ranges in their order."""
    field = FIELDS[grouping.field]
    if grouping.ranges is None:
        return {"terms": {"field": field.path, "size": size}}
    ranges = [
        {"key": str(number), **({"from": each.gte} if each.gte is not None else {}), **({"to": each.lt} if each.lt is not None else {})}
        for number, each in enumerate(grouping.ranges)
    ]
    return {"date_range" if field.type == "date" else "range": {"field": field.path, "ranges": ranges}}


def read_parts(groupings: list[Grouping], answer: Body) -> Part:
    """The whole with its groups, from the answer to a body with ``build_groups``."""
    return _read(groupings, answer["aggregations"], answer["hits"]["total"]["value"], (), iter(range(1 << 30)))


def _read(groupings: list[Grouping], answer: Body, population: int, filters: tuple[Body, ...], numbers: Iterator[int], **own: Any) -> Part:
    number = next(numbers)
    if not groupings:
        return Part(number=number, filters=filters, population=population, answer=answer, **own)
    grouping, missing = groupings[0], answer["by_missing"]["doc_count"]
    groups = []
    for bucket in sorted_buckets(grouping, answer["by"]):
        own_range = grouping.ranges[int(bucket["key"])] if grouping.ranges is not None else None
        value = bucket["key"] if own_range is None else own_range.text
        chosen = (*filters, select(grouping, bucket["key"]))
        group = {"value": value, "label": str(value), "range": own_range}
        groups.append(_read(groupings[1:], bucket, bucket["doc_count"], chosen, numbers, **group))
    if grouping.ranges is None:
        other, error = answer["by"]["sum_other_doc_count"], answer["by"]["doc_count_error_upper_bound"]
    else:
        other, error = population - missing - sum(group.population for group in groups), 0
    counts = {"groups": groups, "other_count": other, "missing_count": missing, "error_bound": error}
    return Part(number=number, filters=filters, population=population, answer=answer, **counts, **own)


def sorted_buckets(grouping: Grouping, answer: Body) -> list[Body]:
    """Buckets as they are shown: values by their count, ranges in the order they were asked for."""
    buckets: list[Body] = answer["buckets"]
    return buckets if grouping.ranges is None else sorted(buckets, key=lambda bucket: int(bucket["key"]))


def select(grouping: Grouping, key: Value) -> Body:
    """The clause for the customers of one bucket."""
    path = FIELDS[grouping.field].path
    if grouping.ranges is None:
        return {"term": {path: key}}
    each = grouping.ranges[int(key)]
    return {"range": {path: {name: bound for name, bound in (("gte", each.gte), ("lt", each.lt)) if bound is not None}}}
