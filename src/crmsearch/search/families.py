"""Fields that say the same thing in other words. Data only.

That champions of RFM spend much, or that a city lies in its province, is no finding: the one is made from the other. Fields of one family
are not held against each other.
"""

__all__ = ["are_related"]

_ORDERS = (
    "order_count revenue average_order_value first_order_at last_order_at last_activity_at recency_days rfm_recency rfm_frequency "
    "rfm_monetary rfm_segment cluster"
)
_RISK = (
    "churn_risk order_count first_order_at last_order_at last_activity_at recency_days rfm_recency rfm_frequency rfm_segment cluster "
    "open_ticket_count satisfaction campaigns_sent campaigns_opened"
)
_FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(words.split())
    for words in (
        "district city province country",
        _ORDERS,
        _RISK,
        "ticket_count open_ticket_count last_ticket_at last_activity_at cluster",
        "campaigns_sent campaigns_opened campaigns_clicked campaigns_converted cluster",
        "quality_score quality_issues merged_count match_confidence",
        "created_at updated_at last_activity_at",
    )
)


def are_related(one: str, other: str) -> bool:
    """Whether two fields are the same, or one is made from the other or from what makes the other."""
    return one == other or any(one in family and other in family for family in _FAMILIES)
