"""The golden record: which value of several records stands, field by field.

No value is made up: each is one that a record had. Facts that belong together, such as street and city, come from one record.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crmsearch.cleaning.categories import without_withdrawn
from crmsearch.cleaning.names import has_han
from crmsearch.cleaning.record import quality_score
from crmsearch.cleaning.rules import RULES
from crmsearch.resolution.clusters import Cluster, Link
from crmsearch.resolution.features import is_valid_id

__all__ = ["MAX_VALUES", "POLICIES", "TRUST", "describe_link", "is_older", "lead_of", "merge_records"]

Record = Mapping[str, Any]

TRUST: tuple[str, ...] = ("salesforce", "dynamics365", "hubspot", "zoho")
"""Source systems from the most trusted on; others follow, ``generic`` last. It decides only between records of the same age."""

MAX_VALUES = 20
"""Values that a list of contacts or tags keeps, the most recent first."""

POLICIES: dict[str, str] = {
    "name, given_name, family_name, kind": "fullest",
    "gender": "commonest",
    "birth_date, age": "commonest",
    "national_id": "proven",
    "emails": "union",
    "phones": "union",
    "tags": "union",
    "consents": "latest statement",
    "address, district, city, province, country, postcode, location": "together",
    "company, job_title, industry": "together",
    "lifecycle": "newest",
    "owner": "newest",
    "notes": "newest",
    "created_at": "earliest",
    "updated_at": "latest",
    "last_activity_at": "latest",
    "quality_issues": "all",
}
"""Fields -> policy. Fields named together are taken from one record.

``fullest``: a person's name before a company's, both names before one, none an initial, Chinese characters before their pinyin; then what
most records say, then the newest. ``commonest``: what most records say, then the newest; an age goes with its birth date. ``proven``: a
number that passes its check, then what most records say. ``together``: the newest record that knows the first of the fields, else the next
field. ``latest statement``: of the newest record that states any, less what another record withdraws, unless that one is known to be older.
The ``newest`` record is the one last updated; of equals the one of the most trusted system, then the fullest.
"""


def _newest_first(records: Sequence[Record], trust: Sequence[str]) -> list[Record]:
    ranks = {system: rank for rank, system in enumerate(trust)}

    def rank(record: Record) -> tuple[int, float, str]:
        system = record.get("source_system") or "generic"
        place = ranks.get(system, len(ranks) + (system == "generic"))
        return place, -(record.get("quality_score") or 0.0), record["customer_id"]

    return sorted(sorted(records, key=rank), key=lambda record: record.get("updated_at") or "", reverse=True)


def lead_of(records: Sequence[Record]) -> Record:
    """The record whose id the customer bears: the earliest created, of those the one with the smallest id; stable as copies come and go."""
    return min(records, key=lambda record: (record.get("created_at") or "9", record["customer_id"]))


def describe_link(link: Link) -> str:
    """A link in words that name records, fields and levels, and no value of a person."""
    return f"{link.one} = {link.two}: {', '.join(link.reasons)} ({link.probability:.3f})"


def merge_records(records: Sequence[Record], cluster: Cluster, trust: Sequence[str] = TRUST) -> dict[str, Any]:
    """Make the document of a customer from the records of a cluster.

    Args:
        records: cleaned documents with ``customer_id`` (the record's own id), ``source_records``, ``merged_count``, ``withdrawn`` (consents
            that the record refuses) and, where equal rows have been merged before, ``merge_reasons``.
        cluster: what holds them together.
        trust: source systems, the most trusted first.

    Returns:
        The fields that are known; the same whatever the order of the records.
    """
    ordered = _newest_first(records, trust)
    lead = lead_of(records)
    document: dict[str, Any] = {"customer_id": lead["customer_id"], "source_system": lead.get("source_system")}
    for fields, policy in POLICIES.items():
        document |= _CHOICES[policy](ordered, tuple(fields.split(", ")))
    document["source_records"] = sorted({each for record in records for each in record["source_records"]})
    document["merged_count"] = sum(record["merged_count"] for record in records)
    earlier = (reason for record in sorted(records, key=lambda one: one["customer_id"]) for reason in record.get("merge_reasons") or ())
    document["merge_reasons"] = [*(describe_link(link) for link in cluster.links), *earlier]
    document["match_confidence"] = round(cluster.confidence, 4)
    # What was found wrong between records, such as two contents of one key, takes nothing from the quality of what stands.
    issues = [code for code in document["quality_issues"] if code in RULES]
    document["quality_score"] = quality_score(
        {field: value for field, value in document.items() if value is not None} | {"quality_issues": issues}
    )
    return {field: value for field, value in document.items() if value not in (None, [])}


def _take(record: Record | None, fields: Sequence[str]) -> dict[str, Any]:
    return {field: record.get(field) for field in fields} if record else {}


def _first_knowing(ordered: Sequence[Record], field: str) -> Record | None:
    return next((record for record in ordered if record.get(field) not in (None, [])), None)


def _stated(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    stated = _first_knowing(ordered, fields[0])
    if stated is None:
        return {}
    withdrawn = {each for record in ordered if not is_older(record, stated) for each in record.get("withdrawn") or ()}
    return {fields[0]: without_withdrawn(stated[fields[0]], withdrawn)}


def is_older(record: Record, other: Record) -> bool:
    """Whether a record is known to be older; without a date it may be the newer one, and with a day alone the newer one of that day."""
    one, two = record.get("updated_at") or "", other.get("updated_at") or ""
    return bool(one and two) and one < two[: len(one)]


def _newest(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    return _take(_first_knowing(ordered, fields[0]), fields)


def _together(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    found = (record for field in fields if (record := _first_knowing(ordered, field)))
    return _take(next(found, None), fields)


def _commonest(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    for field in fields:
        known = [record for record in ordered if record.get(field) not in (None, "unknown")]
        if known:
            counts = Counter(record[field] for record in known)
            # ``max`` takes the first of equals, which is the newest.
            return _take(max(known, key=lambda record: counts[record[field]]), fields)
    return _take(ordered[0], fields)


def _fullest(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    known = [record for record in ordered if record.get("name")]
    if not known:
        return _take(ordered[0], fields)
    counts = Counter(record["name"] for record in known)

    def fullness(record: Record) -> tuple[bool, bool, bool, bool, int]:
        given, family = record.get("given_name") or "", record.get("family_name") or ""
        spelt = len(given.split(" ")[0].rstrip(".")) > 1 or has_han(given)
        return record.get("kind") != "company", bool(given and family), spelt, has_han(record["name"]), counts[record["name"]]

    return _take(max(known, key=fullness), fields)


def _proven(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    known = [record for record in ordered if record.get(fields[0])]
    counts = Counter(record[fields[0]] for record in known)
    best = max(known, key=lambda record: (is_valid_id(record[fields[0]]), counts[record[fields[0]]]), default=None)
    return _take(best, fields)


def _union(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    values = dict.fromkeys(value for record in ordered for value in record.get(fields[0]) or ())
    return {fields[0]: list(values)[:MAX_VALUES]}


def _all(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
    return {fields[0]: sorted({value for record in ordered for value in record.get(fields[0]) or ()})}


def _extreme(choose: Callable[..., Any]) -> Callable[[Sequence[Record], Sequence[str]], dict[str, Any]]:
    def take(ordered: Sequence[Record], fields: Sequence[str]) -> dict[str, Any]:
        return {fields[0]: choose((record[fields[0]] for record in ordered if record.get(fields[0])), default=None)}

    return take


_CHOICES: dict[str, Callable[[Sequence[Record], Sequence[str]], dict[str, Any]]] = {
    "fullest": _fullest,
    "commonest": _commonest,
    "proven": _proven,
    "union": _union,
    "latest statement": _stated,
    "together": _together,
    "newest": _newest,
    "earliest": _extreme(min),
    "latest": _extreme(max),
    "all": _all,
}
