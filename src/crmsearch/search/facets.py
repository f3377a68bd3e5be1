"""Multi-select facets: one filtered aggregation per facet, counted under the *other* facets' selections. Pure."""

from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.filters import Filter, build_filter
from crmsearch.search.request import SearchRequest

__all__ = ["FACET_SIZE", "Bucket", "Facet", "build_facets", "parse_facets", "split_selections"]

FACET_SIZE = 25  # buckets shown; other_count tells of the rest


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One value with the number of hits that a reader would get by ticking it."""

    value: str | int | float
    label: str
    count: int
    selected: bool = False


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one field. ``error_bound`` is how far a count may be too low (0 on a single shard: exact)."""

    field: str
    label: str
    buckets: list[Bucket]
    other_count: int
    missing_count: int
    error_bound: int


def split_selections(request: SearchRequest) -> tuple[list[Filter], dict[str, Filter]]:
    """Filters that narrow everything, and the selections (``in`` filters on a requested facet) by facet.

    Raises:
        InvalidRequestError: two selections on one facet, whose meaning would be ambiguous.
    """
    narrowing: list[Filter] = []
    selections: dict[str, Filter] = {}
    for each in request.filters:
        if each.in_ is None or each.field not in request.facets:
            narrowing.append(each)
        elif each.field in selections:
            raise InvalidRequestError(f"two filters select values of the facet {each.field}; put the values into one")
        else:
            selections[each.field] = each
    return narrowing, selections


def build_facets(names: list[str], selections: dict[str, Filter]) -> dict[str, Any]:
    """Aggregations for the facets, each under all selections but its own."""
    aggs: dict[str, Any] = {}
    for name in names:
        path = FIELDS[name].path
        others = [build_filter(selection) for other, selection in selections.items() if other != name]
        inner: dict[str, Any] = {
            "values": {"terms": {"field": path, "size": FACET_SIZE}},
            "missing": {"missing": {"field": path}},
        }
        if name in selections:
            # Selected values stay on the page even when they are not among the most frequent.
            chosen = selections[name].in_ or []
            inner["selected"] = {"terms": {"field": path, "include": chosen, "size": len(chosen)}}
        aggs[name] = {"filter": {"bool": {"filter": others}}, "aggs": inner}
    return aggs


def parse_facets(names: list[str], selections: dict[str, Filter], aggregations: dict[str, Any]) -> list[Facet]:
    """Facets in the order they were asked for, from the ``aggregations`` of an answer."""
    return [_parse_facet(name, selections.get(name), aggregations[name]) for name in names]


def _parse_facet(name: str, selection: Filter | None, answer: dict[str, Any]) -> Facet:
    values = answer["values"]
    counts = {bucket["key"]: bucket["doc_count"] for bucket in values["buckets"]}
    chosen = selection.in_ or [] if selection else []
    found = {bucket["key"]: bucket["doc_count"] for bucket in answer.get("selected", {}).get("buckets", [])}
    added = {value: found.get(value, 0) for value in chosen if value not in counts}
    return Facet(
        field=name,
        label=FIELDS[name].label,
        buckets=[Bucket(value=value, label=str(value), count=count, selected=value in chosen) for value, count in (counts | added).items()],
        other_count=values["sum_other_doc_count"] - sum(added.values()),
        missing_count=answer["missing"]["doc_count"],
        error_bound=values["doc_count_error_upper_bound"],
    )
