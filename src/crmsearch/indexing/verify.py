"""Whether a filled index holds what the job says it wrote, and whether searches find it.

Three looks, each for what the others miss: the number of documents, for those that were lost; for every field how many documents have it
and what its numbers and dates add up to, for values that changed on the way; and some customers drawn at random, for what only searches
read.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from crmsearch.contract import FIELDS, Customer, FieldContent
from crmsearch.errors import ContentMismatchError, CountMismatchError
from crmsearch.indexing.mappings import load_customers_body
from crmsearch.privacy.vault import SEALED_FIELDS, Vault

__all__ = ["build_contents_body", "check_contents", "check_count", "check_searches", "find_differences", "parse_contents"]

SAMPLED = 25  # customers that are looked for
LONGEST_TOKEN = 255  # characters; Elasticsearch cuts longer words of a text
# Sums of whole numbers and of milliseconds are exact but for the last bits of a double; those of doubles depend on the order of adding.
_TOLERANCE = {"integer": 1e-12, "date": 1e-12, "double": 1e-9}

Body = dict[str, Any]


def check_count(client: Elasticsearch, index: str, expected: int) -> None:
    """Raise ``CountMismatchError`` unless the index holds so many documents."""
    found = int(client.count(index=index)["count"])
    if found != expected:
        raise CountMismatchError(f"{index} holds {found} documents, the job wrote {expected}; it was not promoted")


def check_contents(client: Elasticsearch, index: str, written: Sequence[FieldContent]) -> None:
    """Raise ``ContentMismatchError`` if a field holds something else than was written."""
    if not written:
        return
    found = parse_contents(_search(client, index, **build_contents_body(written)))
    if differences := find_differences(written, found):
        raise ContentMismatchError(f"{index} does not hold what the job wrote: {'; '.join(differences)}; it was not promoted")


def build_contents_body(written: Sequence[FieldContent], properties: Body | None = None) -> Body:
    """The ``_search`` body that counts and adds up these fields, but for those that are stored without being indexed.

    Args:
        written: the fields.
        properties: of the index that is asked; those of today's contract when left out.
    """
    mapped = load_customers_body()["mappings"]["properties"] if properties is None else properties
    aggs: Body = {}
    for each in written:
        # Sealed values are not indexed; their form is.
        path = FIELDS[each.field].path if FIELDS[each.field].sealed and FIELDS[each.field].path in mapped else each.field
        if mapped[path].get("index", True):
            aggs[each.field] = {"filter": {"exists": {"field": path}}}
            if each.total is not None:
                aggs[each.field]["aggs"] = {"total": {"sum": {"field": each.field}}}
    return {"size": 0, "aggs": aggs}


def parse_contents(answer: Mapping[str, Any]) -> dict[str, FieldContent]:
    """The answer to ``build_contents_body``."""
    return {
        field: FieldContent(field=field, filled=each["doc_count"], total=each["total"]["value"] if "total" in each else None)
        for field, each in answer["aggregations"].items()
    }


def find_differences(written: Sequence[FieldContent], found: Mapping[str, FieldContent]) -> list[str]:
    """What is not as it was written, in words without a value of any one customer."""
    differences = []
    for each in written:
        there = found.get(each.field)
        if there is None:
            continue
        if there.filled != each.filled:
            differences.append(f"{each.field} is filled in {there.filled:,} documents, not in {each.filled:,}")
        elif each.total is not None and not math.isclose(
            each.total, there.total or 0.0, rel_tol=_TOLERANCE[FIELDS[each.field].type], abs_tol=1e-6
        ):
            differences.append(f"{each.field} adds up to {there.total:,}, not to {each.total:,}")
    return differences


def check_searches(client: Elasticsearch, index: str, vault: Vault) -> dict[str, Body]:
    """Draw some customers, and look each up by every search form that its values must have.

    Returns:
        The customers, open, by id.

    Raises:
        ContentMismatchError: one is no customer of the contract, or is not found.
    """
    drawn = _search(client, index, query={"function_score": {"random_score": {}}}, size=SAMPLED)
    found: dict[str, Body] = {}
    for hit in drawn["hits"]["hits"]:
        source = found[hit["_id"]] = vault.open(hit["_source"], hit["_id"])
        if plain := [name for name in SEALED_FIELDS if source.get(name) and source[name] == hit["_source"][name]]:
            raise ContentMismatchError(f"{index} holds {', '.join(plain)} that are not sealed; it was not promoted")
        try:
            named = msgspec.convert(source, Customer).customer_id
        except msgspec.ValidationError as error:
            raise ContentMismatchError(f"{index} holds a document that is no customer of this contract; it was not promoted") from error
        if named != hit["_id"]:
            raise ContentMismatchError(f"{index} holds a customer under an id that is not its own; it was not promoted")
        if missing := _not_found_by(client, index, named, vault.forms(source)):
            raise ContentMismatchError(
                f"searches do not find a customer of {index} by {', '.join(missing)}; was it written by another version of crmsearch? "
                "It was not promoted"
            )
    return found


def _not_found_by(client: Elasticsearch, index: str, customer_id: str, forms: Mapping[str, str]) -> list[str]:
    """The forms of which one word does not lead to the customer; every customer has those of the id."""
    words = {form: next((word for word in text.split() if len(word) <= LONGEST_TOKEN), None) for form, text in forms.items()}
    looked_for = {form: {"term": {form: word}} for form, word in words.items() if word is not None}
    aggs = {"forms": {"filters": {"filters": looked_for or {"any": {"match_all": {}}}}}}
    answer = _search(client, index, query={"ids": {"values": [customer_id]}}, size=0, aggs=aggs)
    return [form for form, bucket in answer["aggregations"]["forms"]["buckets"].items() if not bucket["doc_count"]]


def _search(client: Elasticsearch, index: str, **body: Any) -> Body:
    return dict(client.search(index=index, track_total_hits=False, allow_partial_search_results=False, **body))
