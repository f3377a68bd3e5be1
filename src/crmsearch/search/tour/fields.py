"""What a tour looks at, and what its requests and answers have in common. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from crmsearch.search.contrast import Value

__all__ = ["FIELDS_TOURED", "LISTED", "NUMBERS_TOURED", "Body", "Values", "counts"]

Body = dict[str, Any]
Values = Mapping[str, Sequence[Value]]
# Fields of one value each, and of few enough that a table of two of them can be read.
FIELDS_TOURED = (
    "gender", "kind", "country", "city", "industry", "lifecycle", "owner", "source_system", "top_category", "last_campaign", "rfm_segment",
    "cluster",
)  # fmt: skip
NUMBERS_TOURED = (
    "age", "revenue", "order_count", "recency_days", "ticket_count", "average_resolution_hours", "satisfaction", "churn_risk",
)  # fmt: skip
LISTED = 15  # values of each field


def counts(terms: Body) -> dict[Value, int]:
    """Customers by value, in the order of the answer."""
    return {bucket["key"]: bucket["doc_count"] for bucket in terms["buckets"]}
