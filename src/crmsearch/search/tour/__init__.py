"""A tour of the customer base: what hangs together, which groups are unusual, which values rise and fall. Pure.

Three requests of fixed size, whatever the base holds. The first lists the most frequent values of a few fields; the second counts these
in the generation before, and lists its own; the third counts all pairs of fields and takes the means of a few numbers in every group.
"""

from collections.abc import Mapping, Sequence

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.search.contrast import Value
from crmsearch.search.families import are_related
from crmsearch.search.findings import Language
from crmsearch.search.tour.changes import Moved, find_moved
from crmsearch.search.tour.fields import FIELDS_TOURED, LISTED, NUMBERS_TOURED, Body, Values
from crmsearch.search.tour.groups import Unusual, find_unusual
from crmsearch.search.tour.pairs import Associated, find_associations

__all__ = ["Tour", "build_earlier_body", "build_tour_body", "build_values_body", "listed_values", "parse_tour"]

SHOWN = 10  # findings of each kind


class Tour(msgspec.Struct, frozen=True, kw_only=True):
    """The largest findings of each kind; the ``other_`` counts are of those that are not listed.

    Attributes:
        fields: that were looked at, and ``numbers``; of each field the ``values`` most frequent values.
        earlier: the generation that ``moved`` compares with; ``None`` if none is kept.
        tested: how many pairs of fields, groups and values were tested.
    """

    population: int
    earlier: str | None
    earlier_population: int | None
    fields: list[str]
    numbers: list[str]
    values: int
    tested: dict[str, int]
    associations: list[Associated]
    other_associations: int
    unusual: list[Unusual]
    other_unusual: int
    moved: list[Moved]
    other_moved: int
    took_ms: int


def build_values_body() -> Body:
    """First request: the most frequent values of every field."""
    return _request(_own_values())


def build_earlier_body(listed: Values) -> Body:
    """Second request, for the generation before: the values of this one, its own, and how many customers have none."""
    return _request(_own_values() | _counted(listed))


def build_tour_body(listed: Values, before: Values) -> Body:
    """Third request: every listed value by the listed values of the other fields, with the sums that means and variances take.

    Args:
        listed: by the first request.
        before: listed by the second; they are counted too.
    """
    numbers = {f"{name}.stats": {"extended_stats": {"field": FIELDS[name].path}} for name in NUMBERS_TOURED}
    aggs = numbers | _counted({name: _either(listed, before, name) for name in FIELDS_TOURED})
    for place, name in enumerate(FIELDS_TOURED):
        if not listed[name]:
            continue
        others = {
            f"with.{other}": _included(other, listed[other])
            for other in FIELDS_TOURED[place + 1 :]
            if listed[other] and not are_related(name, other)
        }
        own = {key: each for key, each in numbers.items() if not are_related(name, key.removesuffix(".stats"))}
        aggs[name] = _included(name, listed[name]) | {"aggs": others | own}
    return _request(aggs)


def listed_values(answer: Body) -> dict[str, list[Value]]:
    """The values that an answer lists as the most frequent, by field."""
    return {name: [bucket["key"] for bucket in answer["aggregations"][name]["buckets"]] for name in FIELDS_TOURED}


def parse_tour(first: Body, earlier: tuple[str, Body] | None, answer: Body, language: Language, k: int | None = None) -> Tour:
    """The answers to all three requests in their order, the second with the name of the generation it is from.

    No finding is about fewer than ``k`` customers; where it is ``None``, any may be.
    """
    listed = listed_values(first)
    found = answer["aggregations"]
    pairs, associations = find_associations(listed, found, language, k)
    groups, unusual = find_unusual(listed, found, language, k)
    changes, moved = find_moved(answer, earlier[1], language, k) if earlier else (0, [])
    return Tour(
        population=answer["hits"]["total"]["value"],
        earlier=earlier[0] if earlier else None,
        earlier_population=earlier[1]["hits"]["total"]["value"] if earlier else None,
        fields=list(FIELDS_TOURED),
        numbers=list(NUMBERS_TOURED),
        values=LISTED,
        tested={"associations": pairs, "unusual": groups, "moved": changes},
        associations=associations[:SHOWN],
        other_associations=len(associations[SHOWN:]),
        unusual=unusual[:SHOWN],
        other_unusual=len(unusual[SHOWN:]),
        moved=moved[:SHOWN],
        other_moved=len(moved[SHOWN:]),
        took_ms=first["took"] + answer["took"] + (earlier[1]["took"] if earlier else 0),
    )


def _request(aggs: Body) -> Body:
    return {"size": 0, "track_total_hits": True, "query": {"match_all": {}}, "aggs": aggs}


def _own_values() -> Body:
    return {name: {"terms": {"field": FIELDS[name].path, "size": LISTED}} for name in FIELDS_TOURED}


def _either(listed: Values, before: Values, name: str) -> list[Value]:
    return list(dict.fromkeys([*listed[name], *before.get(name, ())]))


def _included(name: str, values: Sequence[Value]) -> Body:
    return {"terms": {"field": FIELDS[name].path, "include": list(values), "size": len(values)}}


def _counted(values: Mapping[str, Sequence[Value]]) -> Body:
    """Customers with each of these values, and without any value."""
    aggs = {f"{name}.values": _included(name, values[name]) for name in FIELDS_TOURED if values[name]}
    return aggs | {f"{name}.missing": {"missing": {"field": FIELDS[name].path}} for name in FIELDS_TOURED}
