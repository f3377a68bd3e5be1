"""Groups of customers by a field or by segment, for insights: what may be asked, the request, the groups in the answer. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError, UnknownFieldError
from crmsearch.search.families import are_related
from crmsearch.search.filters import Filter, build_filter
from crmsearch.search.findings import Language, build_link, field_label, show_value
from crmsearch.search.request import SearchRequest, check_search
from crmsearch.search.segments import Segment, defining_fields
from crmsearch.search.small_groups import check_size, hide_rows, hide_small, is_small

__all__ = [
    "BY_SEGMENT",
    "Found",
    "Grouping",
    "GroupsAnswer",
    "Meaning",
    "build_groups_body",
    "check_grouping",
    "find_groups",
    "group_answer",
    "group_link",
    "visible_groups",
    "visible_parts",
]

Body = dict[str, Any]
Value = str | int | float
BY_SEGMENT = "segment"
MOST_GROUPS = 200  # that are ranked; other_count tells of customers in the rest
MAX_SHOWN = 100


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """What is grouped: ``by`` names a facet or is ``segment``, ``size`` is the largest number of groups in the answer."""

    by: str
    q: str = ""
    filters: list[Filter] = []
    size: int = 20
    language: Language = "en"


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a grouping refers to: segments by name with the clauses of their members (only if it is by segment), and whom its text and
    filters mean.
    """

    filters: list[Filter]
    segments: Mapping[str, Segment] = {}
    clauses: Mapping[str, Body] = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One group of an answer, with Elasticsearch's figures of it; ``about`` are the fields by which it is defined."""

    value: str | int | float
    label: str
    customers: int
    figures: Body
    about: Collection[str] = ()

    def is_defined_by(self, field: str) -> bool:
        """Whether the group is what it is by this field, so that it says nothing to hold them against each other."""
        return any(are_related(field, each) for each in self.about)


class GroupsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer by group says.

    Attributes:
        by: the field, or ``segment``; segments overlap, so that one customer may count in several groups.
        label: of the field, in the language asked for.
        population: customers that the groups are of.
        other_groups: groups that are not listed, approximately above 3000; ``None`` where some are suppressed.
        other_count: customers in those; ``None`` by segment.
        missing_count: customers of whom the field is not known; ``None`` by segment, and where they are among ``other_count`` because
            no group can be shown.
        suppressed: whether groups are not listed because too few customers are in them.
    """

    by: str
    label: str
    population: int
    other_groups: int | None
    other_count: int | None
    missing_count: int | None
    suppressed: bool
    took_ms: int


def check_grouping(grouping: Grouping) -> None:
    """Raise the reason why this cannot be answered, if there is one."""
    check_search(SearchRequest(q=grouping.q, filters=grouping.filters))
    if not 1 <= grouping.size <= MAX_SHOWN:
        raise InvalidRequestError(f"size is {grouping.size}; from 1 to {MAX_SHOWN} groups can be listed, other_groups tells of the rest")
    if grouping.by == BY_SEGMENT:
        return
    field = FIELDS.get(grouping.by)
    if field is None or not field.facet:
        facets = ", ".join(each.name for each in FIELDS.values() if each.facet)
        raise UnknownFieldError(f"{grouping.by[:64]} is not a field to group by; these are: segment, {facets}")


def build_groups_body(grouping: Grouping, meaning: Meaning, whole: Body, figures: Body) -> Body:
    """One request for the figures of all groups and of everyone in them.

    Args:
        grouping: checked.
        meaning: what it refers to.
        whole: a clause for the customers that are spoken of at all.
        figures: aggregations of a group.
    """
    filters = [whole, *(build_filter(each) for each in meaning.filters)]
    if grouping.by == BY_SEGMENT:
        groups: Body = {"groups": {"filters": {"filters": dict(meaning.clauses)}, "aggs": figures}}
    else:
        path = FIELDS[grouping.by].path
        groups = {
            "groups": {"terms": {"field": path, "size": MOST_GROUPS}, "aggs": figures},
            "missing": {"missing": {"field": path}},
            "distinct": {"cardinality": {"field": path}},
        }
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": filters}}, "aggs": figures | groups}


def find_groups(grouping: Grouping, meaning: Meaning, answer: Body) -> Iterator[Found]:
    """The groups that have customers, in the order of the answer."""
    buckets = answer["aggregations"]["groups"]["buckets"]
    if grouping.by == BY_SEGMENT:
        for name, bucket in buckets.items():
            segment = meaning.segments[name]
            label = segment.label_zh if grouping.language == "zh" else segment.label
            if bucket["doc_count"]:
                about = defining_fields(segment, meaning.segments)
                yield Found(value=name, label=label, customers=bucket["doc_count"], figures=bucket, about=about)
        return
    for bucket in buckets:
        label = show_value(grouping.by, bucket["key"], grouping.language).strip("“”")
        yield Found(value=bucket["key"], label=label, customers=bucket["doc_count"], figures=bucket, about=[grouping.by])


def visible_groups(grouping: Grouping, groups: Sequence[Found], answer: Body, k: int | None) -> list[Found]:
    """The groups without those of fewer than ``k`` customers, and those that would give them away; all where ``k`` is ``None``.

    Raises:
        SmallGroupError: the question is about fewer customers altogether.
    """
    if k is None:
        return list(groups)
    population, aggregations = answer["hits"]["total"]["value"], answer["aggregations"]
    check_size(population, k)
    counts = [each.customers for each in groups]
    if grouping.by == BY_SEGMENT:
        hidden = {place for place, count in enumerate(counts) if is_small([count, population - count], k)}
    elif FIELDS[grouping.by].many:
        hidden = {place for place, count in enumerate(counts) if is_small([count], k)}
    else:
        hidden = hide_small(counts, k, aggregations["groups"]["sum_other_doc_count"], aggregations["missing"]["doc_count"])
    return [each for place, each in enumerate(groups) if place not in hidden]


def visible_parts(grouping: Grouping, parts: Mapping[Value, Sequence[int]], whole: Sequence[int], k: int | None) -> set[Value]:
    """Groups of which a figure may be shown, where so many customers of each stand behind it.

    Args:
        grouping: checked.
        parts: by value of the group, customers with the figure, or of every kind that it tells apart.
        whole: of everyone in the groups and outside them.
        k: the smallest of these that may be seen; ``None`` where all may.
    """
    overlapping = grouping.by == BY_SEGMENT or FIELDS[grouping.by].many
    hidden = hide_rows(parts, None if overlapping else whole, k)
    rests = {value: [all_ - part for all_, part in zip(whole, counts, strict=True)] for value, counts in parts.items()}
    return {value for value in parts if value not in hidden and not is_small(rests[value], k)}


def group_answer(grouping: Grouping, answer: Body, groups: Sequence[Found], visible: Sequence[Found]) -> Body:
    """The fields of ``GroupsAnswer``; of all groups that there are, those that may be seen, in the order in which they are listed."""
    aggregations, by_segment = answer["aggregations"], grouping.by == BY_SEGMENT
    listed, suppressed = visible[: grouping.size], len(visible) < len(groups)
    beyond = 0 if by_segment else max(0, aggregations["distinct"]["value"] - len(groups))
    other, missing = None, None
    if not by_segment:
        other = aggregations["groups"]["sum_other_doc_count"] + sum(each.customers for each in groups)
        other, missing = other - sum(each.customers for each in listed), aggregations["missing"]["doc_count"]
        if suppressed and not visible:
            # With no group left to go with it, what is hidden would be told by the rest; so it takes in those without a value.
            other, missing = other + missing, None
    return {
        "by": grouping.by,
        "label": {"en": "Segment", "zh": "分群"}[grouping.language] if by_segment else field_label(grouping.by, grouping.language),
        "population": answer["hits"]["total"]["value"],
        # Beside the number of their customers it would tell that each has one, where there are no more than that.
        "other_groups": None if suppressed else len(groups) - len(listed) + beyond,
        "other_count": other,
        "missing_count": missing,
        "suppressed": suppressed,
        "took_ms": answer["took"],
    }


def group_link(grouping: Grouping, value: str | float) -> str | None:
    """Path of the search for a group; ``None`` where it would write a text or personal data into a URL."""
    if grouping.q or any(not FIELDS[each.field].analytics for each in grouping.filters if each.field):
        return None
    group = Filter(segment=str(value)) if grouping.by == BY_SEGMENT else Filter(field=grouping.by, in_=[value])
    return build_link([group, *grouping.filters])
