"""Data views over the analysts' index: what each field is called, means and looks like, from the catalogue. Pure.

There are two over the same index. With a time field Kibana shows nobody who lacks the date; without one it shows everybody, whatever the
time picker says.
"""

from typing import Any, Literal

import msgspec

from crmsearch.contract import FIELDS, Field
from crmsearch.indexing.mappings import CUSTOMER_REF
from crmsearch.indexing.names import analytics_alias

__all__ = [
    "CONSOLE",
    "DEFAULT_SPACE",
    "MONEY",
    "REF_LABEL",
    "SHARES",
    "TIME_FIELD",
    "VIEWS",
    "Place",
    "View",
    "build_data_view",
    "field_format",
    "shown_fields",
]

Body = dict[str, Any]
View = Literal["all", "dated"]

CONSOLE = "http://127.0.0.1:8000"
DEFAULT_SPACE = "default"
TIME_FIELD = "created_at"
REF_LABEL = "Customer"

VIEWS: dict[View, str] = {"all": "All customers", "dated": "Customers by creation date"}

SHARES = frozenset({"churn_risk", "quality_score", "match_confidence"})
MONEY = frozenset({"revenue", "average_order_value"})
_PLAIN = frozenset({"rfm_recency", "rfm_frequency", "rfm_monetary"})  # scores, which are no amounts

_MEANINGS = {
    CUSTOMER_REF: "By which analysts and agents speak of one customer; opens the console, where it takes a key to see who it is",
    "revenue": "Paid orders less refunds, in one currency",
    "average_order_value": "Revenue by order",
    "order_count": "Orders that were neither cancelled nor given back; empty where no orders are known",
    "recency_days": "From the last order to the day of the run",
    "rfm_recency": "5 for the fifth who ordered last, among those who ordered",
    "rfm_frequency": "5 for the fifth who order most often",
    "rfm_monetary": "5 for the fifth who spend most",
    "rfm_segment": "Named by the three RFM scores; only customers who ordered have one",
    "cluster": "Found by behaviour; names may change from run to run",
    "churn_risk": "Probability that the customer does not order again; a reason to look, no verdict",
    "satisfaction": "Mean rating of the customer's tickets, 1 to 5",
    "average_resolution_hours": "Mean hours from opening to closing a ticket of the customer",
    "open_ticket_count": "Tickets that are not closed",
    "campaigns_sent": "Campaigns that the customer was sent",
    "campaigns_opened": "Of these, opened",
    "campaigns_clicked": "Of these, clicked",
    "campaigns_converted": "Of these, led to what they were for",
    "consents": "Channels that the customer agreed to be reached by",
    "quality_score": "How much of a customer is known, and well",
    "quality_issues": "Rules that mended or dropped a value of the customer",
    "merged_count": "Source records that are this one customer; 1 where there was no duplicate",
    "match_confidence": "How sure it is that the records are one person; 100% where there is one record",
    "run_id": "The load that wrote the customer last",
    "created_at": "In the source system; customers without it are only in the view of all customers",
}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the content belongs, which is part of every id: prefixes and spaces do not get in each other's way."""

    prefix: str = "crm"
    space: str = DEFAULT_SPACE
    console: str = CONSOLE

    def id_of(self, name: str) -> str:
        """The stable id of an object. Kibana gives an object a new id when another space has one of the same."""
        return "-".join([self.prefix, *([self.space] if self.space != DEFAULT_SPACE else []), name])

    def title_of(self, title: str) -> str:
        """A title that tells installations apart, where there is more than the usual one."""
        return title if self.prefix == "crm" else f"{title} ({self.prefix})"

    def view_id(self, view: View) -> str:
        return self.id_of(f"customers-{view}")


def shown_fields() -> dict[str, Field]:
    """Fields of the catalogue that the analysts' index has."""
    return {name: field for name, field in FIELDS.items() if field.analytics}


def field_format(name: str, console: str = CONSOLE) -> Body | None:
    """How Kibana shows the values of a field; ``None`` for words, which it shows as they are."""
    if name == CUSTOMER_REF:
        link = {"type": "a", "urlTemplate": f"{console.rstrip('/')}/#ref={{{{value}}}}", "labelTemplate": "{{value}}"}
        return {"id": "url", "params": {**link, "openLinkInCurrentTab": False}}
    kind = FIELDS[name].type
    if kind == "date":
        return {"id": "date", "params": {"pattern": "YYYY-MM-DD"}}
    if name in SHARES:
        return {"id": "percent", "params": {"pattern": "0.0%"}}
    if name in MONEY:
        return {"id": "number", "params": {"pattern": "0,0.00"}}
    if name in _PLAIN:
        return {"id": "number", "params": {"pattern": "0"}}
    if kind in {"integer", "double"}:
        return {"id": "number", "params": {"pattern": "0,0" if kind == "integer" else "0,0.0"}}
    return None


def build_data_view(place: Place, view: View) -> Body:
    """A data view as Kibana's API of data views takes it."""
    names = [CUSTOMER_REF, *shown_fields()]
    formats = {name: found for name in names if (found := field_format(name, place.console))}
    body: Body = {
        "id": place.view_id(view),
        "title": analytics_alias(place.prefix),
        # Kibana knows data views by their names too, and would take another of this name for this one.
        "name": f"{VIEWS[view]} ({place.prefix})",
        "allowNoIndex": True,  # Kibana may be set up before the first load
        "fieldFormats": formats,
        "fieldAttrs": {name: _attributes(name) for name in names},
    }
    return body | ({"timeFieldName": TIME_FIELD} if view == "dated" else {})


def _attributes(name: str) -> Body:
    if name == CUSTOMER_REF:
        return {"customLabel": REF_LABEL, "customDescription": f"客户。{_MEANINGS[name]}"}
    field = FIELDS[name]
    # The Chinese label finds the field too: Kibana searches in descriptions, and has one label only.
    return {"customLabel": field.label, "customDescription": "。".join([field.label_zh, *([_MEANINGS[name]] if name in _MEANINGS else [])])}
