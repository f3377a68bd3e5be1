"""Multi-select facets: one filtered aggregation per facet, counted under the *other* facets' selections. Pure.

Values come from ``terms``, ranges from ``range``, calendars from ``date_histogram``. A numeric histogram is asked for in two steps: first
how far the values found reach (``build_facets`` of an open facet), then ranges from multiple to multiple of the interval
(``close_facets``), so that a bucket and the filter made of it always mean the same customers.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.bins import CALENDAR, Step, bin_count, cuts, edges, label, nice_width, parse_step, step_end
from crmsearch.search.facet_request import AUTO, FacetRange, FacetRequest, as_facet
from crmsearch.search.filters import Filter, build_filter, format_filter
from crmsearch.search.request import SearchRequest

__all__ = ["FACET_SIZE", "Bucket", "Facet", "build_facets", "close_facets", "open_facets", "parse_facets", "split_selections"]

FACET_SIZE = 25  # values shown; other_count tells of the rest
MAX_BINS = 400  # of one histogram: a year by day and some more
AUTO_BINS = 10  # parts that the bulk of the values is cut into at most; about what a chart beside a list can show
# The bulk is what lies between these percentiles; one customer who spent a thousand times more than others does not widen the bins. It
# is looked for among as many customers as change no edge in practice: the bins need not be exact, their counts are.
AUTO_BULK = (5.0, 95.0)
AUTO_SAMPLE = 10_000

AnyFacet = str | FacetRequest
Scalar = int | float | str


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One value or range with the number of hits that a reader would get by selecting it.

    A range has its bounds in ``gte`` and ``lt`` (the one that is open is left out), ready for a filter; its ``value`` is the string form.
    """

    value: str | int | float
    label: str
    count: int
    selected: bool = False
    gte: int | float | str | UnsetType = UNSET
    lt: int | float | str | UnsetType = UNSET


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one field. ``error_bound`` is how far a count may be too low (0 on a single shard, and for ranges: exact)."""

    field: str
    label: str
    buckets: list[Bucket]
    other_count: int
    missing_count: int
    error_bound: int


def split_selections(request: SearchRequest) -> tuple[list[Filter], dict[str, Filter]]:
    """Filters that narrow everything, and the selections by facet: ``in`` on one of values, bounds on one of ranges.

    Raises:
        InvalidRequestError: two selections on one facet, whose meaning would be ambiguous.
    """
    facets = {facet.field: facet for facet in map(as_facet, request.facets)}
    narrowing: list[Filter] = []
    selections: dict[str, Filter] = {}
    for each in request.filters:
        facet = facets.get(each.field)
        if facet is None or not (each.bounds if facet.spread else each.in_ is not None):
            narrowing.append(each)
        elif each.field in selections:
            raise InvalidRequestError(f"two filters select from the facet {each.field}; put the values, or the range, into one")
        else:
            selections[each.field] = each
    return narrowing, selections


def build_facets(facets: Sequence[AnyFacet], selections: dict[str, Filter]) -> dict[str, Any]:
    """Aggregations for the facets, each under all selections but its own."""
    aggs: dict[str, Any] = {}
    for facet in map(as_facet, facets):
        path = FIELDS[facet.field].path
        others = [build_filter(selection) for other, selection in selections.items() if other != facet.field]
        inner = _build_reach(path, facet) if facet.open else _build_counts(path, facet)
        if facet.field in selections and not facet.spread:
            # Selected values stay on the page even when they are not among the most frequent.
            chosen = selections[facet.field].in_ or []
            inner["selected"] = {"terms": {"field": path, "include": chosen, "size": len(chosen)}}
        aggs[facet.field] = {"filter": {"bool": {"filter": others}}, "aggs": inner}
    return aggs


def open_facets(facets: Sequence[AnyFacet]) -> list[AnyFacet]:
    """The facets whose ranges depend on how far the values found reach."""
    return [facet for facet in facets if as_facet(facet).open]


def close_facets(facets: Sequence[AnyFacet], aggregations: dict[str, Any]) -> list[AnyFacet]:
    """The facets with ranges in the place of numeric intervals.

    Args:
        facets: all facets of a request.
        aggregations: of the answer to ``build_facets(open_facets(facets))``.

    Raises:
        InvalidRequestError: an interval makes more than ``MAX_BINS`` ranges.
    """
    return [
        FacetRequest(field=facet.field, ranges=_ranges(facet, aggregations[facet.field])) if facet.open else facet
        for facet in map(as_facet, facets)
    ]


def parse_facets(facets: Sequence[AnyFacet], selections: dict[str, Filter], aggregations: dict[str, Any]) -> list[Facet]:
    """Facets in the order they were asked for, from the ``aggregations`` of an answer."""
    return [_parse_facet(facet, selections.get(facet.field), aggregations[facet.field]) for facet in map(as_facet, facets)]


def _build_counts(path: str, facet: FacetRequest) -> dict[str, Any]:
    return {**_build_values(path, facet), "missing": {"missing": {"field": path}}}


def _build_values(path: str, facet: FacetRequest) -> dict[str, Any]:
    if facet.interval == AUTO:
        return {"values": {"auto_date_histogram": {"field": path, "buckets": AUTO_BINS, "minimum_interval": "day"}}}
    if facet.interval is not None:
        return {"values": {"date_histogram": {"field": path, "calendar_interval": facet.interval}}}
    if facet.ranges is None:
        return {"values": {"terms": {"field": path, "size": FACET_SIZE}}}
    if not facet.ranges:  # a histogram of values that nobody has
        return {}
    kind = "date_range" if FIELDS[facet.field].type == "date" else "range"
    ranges = []
    for number, each in enumerate(facet.ranges):
        ends = {"from": each.gte, "to": each.lt}
        ranges.append({"key": str(number), **{end: value for end, value in ends.items() if value is not None}})
    return {"values": {kind: {"field": path, "ranges": ranges}}}


def _build_reach(path: str, facet: FacetRequest) -> dict[str, Any]:
    """How far the values reach, and for the bins that we choose where most of them lie."""
    ends: dict[str, Any] = {"low": {"min": {"field": path}}, "high": {"max": {"field": path}}}
    if facet.interval != AUTO:
        return ends
    bulk = {"bulk": {"percentiles": {"field": path, "percents": AUTO_BULK}}}
    sample = {"sample": {"sampler": {"shard_size": AUTO_SAMPLE}, "aggs": bulk}}
    return ends | {"known": {"filter": {"exists": {"field": path}}, "aggs": sample}}


def _ranges(facet: FacetRequest, answer: dict[str, Any]) -> list[FacetRange]:
    low, high = answer["low"]["value"], answer["high"]["value"]
    if low is None:
        return []
    if facet.interval != AUTO:
        assert isinstance(facet.interval, int | float)
        if (count := bin_count(low, high, facet.interval)) > MAX_BINS:
            raise InvalidRequestError(
                f"an interval of {facet.interval} makes {count:,} bins of {facet.field}, more than {MAX_BINS}; take one of "
                f"{_width(facet.field, high - low, MAX_BINS - 1)} or more, {AUTO}, or a filter on {facet.field}"
            )
        return [FacetRange(gte=begin, lt=end) for begin, end in pairwise(edges(low, high, facet.interval))]
    bulk = answer["known"]["sample"]["bulk"]["values"]
    begin, end = (min(max(bulk[f"{percent}"], low), high) for percent in AUTO_BULK)
    marks = edges(begin, end, _width(facet.field, end - begin, AUTO_BINS))
    ranges = [FacetRange(gte=begin, lt=end) for begin, end in pairwise(marks)]
    below = [FacetRange(lt=marks[0])] if low < marks[0] else []
    above = [FacetRange(gte=marks[-1])] if high >= marks[-1] else []
    return [*below, *ranges, *above]


def _width(name: str, span: float, most: int) -> int | float:
    width = nice_width(span, most)
    return max(1, width) if FIELDS[name].type == "integer" else width


def _parse_facet(facet: FacetRequest, selection: Filter | None, answer: dict[str, Any]) -> Facet:
    missing = answer["missing"]["doc_count"]
    if facet.spread:
        buckets = _parse_ranges(facet, selection, answer.get("values", {"buckets": []}))
        other, error = answer["doc_count"] - missing - sum(bucket.count for bucket in buckets), 0
    else:
        buckets = _parse_values(selection, answer)
        added = sum(bucket.count for bucket in buckets[len(answer["values"]["buckets"]) :])
        other, error = answer["values"]["sum_other_doc_count"] - added, answer["values"]["doc_count_error_upper_bound"]
    return Facet(
        field=facet.field,
        label=FIELDS[facet.field].label,
        buckets=buckets,
        other_count=other,
        missing_count=missing,
        error_bound=error,
    )


def _parse_values(selection: Filter | None, answer: dict[str, Any]) -> list[Bucket]:
    """The most frequent values, and behind them the selected ones that are not among them."""
    counts = {bucket["key"]: bucket["doc_count"] for bucket in answer["values"]["buckets"]}
    chosen = selection.in_ or [] if selection else []
    found = {bucket["key"]: bucket["doc_count"] for bucket in answer.get("selected", {}).get("buckets", [])}
    added = {value: found.get(value, 0) for value in chosen if value not in counts}
    return [Bucket(value=value, label=str(value), count=count, selected=value in chosen) for value, count in (counts | added).items()]


def _parse_ranges(facet: FacetRequest, selection: Filter | None, values: dict[str, Any]) -> list[Bucket]:
    found = values["buckets"]
    if facet.ranges is not None:
        counts = {bucket["key"]: bucket["doc_count"] for bucket in found}
        return [_range_bucket(facet, each, counts[str(number)], selection) for number, each in enumerate(facet.ranges)]
    if len(found) > MAX_BINS:
        raise InvalidRequestError(
            f"{facet.field} has {len(found):,} bins by {facet.interval}, more than {MAX_BINS}; take a longer interval, {AUTO}, "
            f"or a filter on {facet.field}"
        )
    step = parse_step(values["interval"]) if facet.interval == AUTO else CALENDAR[str(facet.interval)]
    days = [(bucket["key_as_string"][:10], bucket["doc_count"]) for bucket in found]
    return [_range_bucket(facet, FacetRange(gte=day, lt=step_end(day, step)), count, selection, step) for day, count in days]


def _range_bucket(facet: FacetRequest, range_: FacetRange, count: int, selection: Filter | None, step: Step | None = None) -> Bucket:
    field, as_filter = FIELDS[facet.field], range_.as_filter(facet.field)
    low, high = cuts(field, as_filter.bounds)
    chosen = cuts(field, selection.bounds) if selection else None
    return Bucket(
        value=format_filter(as_filter).partition(":")[2],
        label=label(field, range_.gte, range_.lt, step),
        count=count,
        selected=chosen is not None and chosen[0] <= low and high <= chosen[1],
        gte=UNSET if range_.gte is None else range_.gte,
        lt=UNSET if range_.lt is None else range_.lt,
    )
