"""What becomes of the figures of customers (orders, tickets, campaigns, mined) when their records are put together anew.

The rows behind the figures are not kept, so that figures follow customers until the next full load counts the rows again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from crmsearch.contract import FIELDS

__all__ = ["FIGURES", "heirs", "with_figures"]

Document = Mapping[str, Any]

FIGURES: tuple[str, ...] = tuple(name for name, field in FIELDS.items() if field.group in {"commerce", "service", "marketing", "mined"})
"""Fields that no source record of a customer says."""

_JOINED: dict[str, Callable[[Iterable[Any]], Any]] = {
    "order_count": sum,
    "revenue": sum,
    "first_order_at": min,
    "last_order_at": max,
    "ticket_count": sum,
    "open_ticket_count": sum,
    "last_ticket_at": max,
    "campaigns_sent": sum,
    "campaigns_opened": sum,
    "campaigns_clicked": sum,
    "campaigns_converted": sum,
    "recency_days": min,
}
"""How the figures of customers that have become one are put together; of the others those of the busiest stay until the next full load."""


def heirs(old: Iterable[Document], members: Mapping[str, Sequence[str]]) -> dict[str, list[Document]]:
    """Which customers take over the figures of earlier ones.

    The figures of a customer go where the record goes that it was named after, or else most of its records.

    Args:
        old: documents of customers as they are indexed.
        members: ids of the records of every customer, by its id, as it will be.
    """
    homes = {record: customer for customer, records in members.items() for record in records}
    found: dict[str, list[Document]] = {}
    for document in old:
        into = [homes[record] for record in document.get("source_records") or () if record in homes]
        home = homes.get(document["customer_id"]) or (min(into, key=lambda one: (-into.count(one), one)) if into else None)
        if home is not None:
            found.setdefault(home, []).append(document)
    return found


def with_figures(document: Document, parts: Sequence[Document]) -> dict[str, Any]:
    """The document with the figures of the customers that it takes over.

    No record is of two customers, but where a run did not come to its end: then the customer itself, if it is there, has been written with
    the figures of the others, and a part that shares a record with it has been added already.
    """
    held: set[str] = set()
    single = []
    for part in sorted(parts, key=lambda one: (one["customer_id"] != document["customer_id"], one["customer_id"])):
        own = part.get("source_records") or [part["customer_id"]]
        if held.isdisjoint(own):
            single.append(part)
            held.update(own)
    figures = _joined(sorted(single, key=_busyness))
    found = {**document, **{name: value for name, value in figures.items() if value is not None}}
    moments = [found[name] for name in ("last_activity_at", "last_order_at", "last_ticket_at") if found.get(name)]
    return found | ({"last_activity_at": max(moments)} if moments else {})


def _joined(parts: Sequence[Document]) -> dict[str, Any]:
    if not parts:
        return {}
    figures = {name: parts[0].get(name) for name in FIGURES}
    if len(parts) == 1:
        return figures
    for name, join in _JOINED.items():
        known = [part[name] for part in parts if part.get(name) is not None]
        figures[name] = join(known) if known else None
    if figures["revenue"] is not None:
        figures["revenue"] = round(figures["revenue"], 2)
        if figures["order_count"]:
            figures["average_order_value"] = round(figures["revenue"] / figures["order_count"], 2)
    last = max(parts, key=lambda part: part.get("last_ticket_at") or "")
    return figures | {"last_ticket_subject": last.get("last_ticket_subject")}


def _busyness(part: Document) -> tuple[list[int], str]:
    """The busiest first, of equals the first by id."""
    return [-(part.get(name) or 0) for name in ("order_count", "ticket_count", "campaigns_sent")], str(part["customer_id"])
