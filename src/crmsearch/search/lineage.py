"""Where a customer comes from: its source records, and the links that joined them.

``merge_reasons`` holds one text for each link, such as ``zoho:17 = salesforce:3: same phone, similar name (0.998)``: the two records, what
the link rests on, how sure it is. ``zoho:17: 2 rows of the same source key`` is said of rows that are one record from the beginning. An id
may hold any character, so the records are found by comparing with those of the customer rather than by taking the text apart.
"""

from collections.abc import Sequence

import msgspec

from crmsearch.contract import Customer

__all__ = ["Lineage", "SourceRecord", "build_lineage"]


class SourceRecord(msgspec.Struct, frozen=True):
    """One record of a source and the links that name it; none for the only record of a customer."""

    record: str
    links: list[str]


class Lineage(msgspec.Struct, frozen=True):
    """How one customer came about; ``match_confidence`` is ``null`` for a customer that nothing was compared for."""

    customer_id: str
    merged_count: int
    match_confidence: float | None
    records: list[SourceRecord]


def build_lineage(customer: Customer) -> Lineage:
    """The lineage that a customer's document tells."""
    ends = {reason: linked_records(reason, customer.source_records) for reason in customer.merge_reasons}
    return Lineage(
        customer_id=customer.customer_id,
        merged_count=customer.merged_count or len(customer.source_records),
        match_confidence=customer.match_confidence,
        records=[
            SourceRecord(record, [reason for reason, linked in ends.items() if record in linked]) for record in customer.source_records
        ],
    )


def linked_records(reason: str, records: Sequence[str]) -> tuple[str, ...]:
    """The two records that a reason links, or the one of which it tells, of those a customer has; empty if it names others.

    Where one id is the beginning of another with the same signs behind it, the longer one is meant: it leaves less unexplained.
    """
    for left in sorted((record for record in records if reason.startswith(f"{record} = ")), key=len, reverse=True):
        rest = reason[len(left) + 3 :]
        for right in sorted((record for record in records if rest.startswith(f"{record}: ")), key=len, reverse=True):
            return left, right
    alone = [record for record in records if reason.startswith(f"{record}: ")]
    return (max(alone, key=len),) if alone else ()
