"""Fields that say the same thing in other words. Data only.

That champions of RFM spend much, or that a city lies in its province, is no finding: the one is made from the other. Such fields are not
held against each other.
"""

__all__ = ["are_related"]

_ORDERS = (
    "order_count revenue average_order_value first_order_at last_order_at recency_days rfm_recency rfm_frequency rfm_monetary rfm_segment"
)
# Different figures of one thing.
_FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(words.split())
    for words in (
        "district city province country",
        _ORDERS,
        "ticket_count open_ticket_count last_ticket_at",
        "campaigns_sent campaigns_opened campaigns_clicked campaigns_converted",
        "quality_score quality_issues merged_count match_confidence",
        "created_at updated_at last_activity_at",
    )
)
# What is computed from fields that have nothing to do with each other otherwise.
_MADE_FROM: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "cluster": f"{_ORDERS} ticket_count open_ticket_count last_ticket_at campaigns_sent campaigns_opened campaigns_clicked "
        "campaigns_converted churn_risk last_activity_at",
        "churn_risk": "order_count first_order_at last_order_at last_activity_at recency_days rfm_recency rfm_frequency rfm_segment "
        "open_ticket_count satisfaction campaigns_sent campaigns_opened",
        "last_activity_at": f"{_ORDERS} last_ticket_at",
    }.items()
}


def are_related(one: str, other: str) -> bool:
    """Whether two fields are the same, or one is made from the other or from what makes the other."""
    if one == other or other in _MADE_FROM.get(one, ()) or one in _MADE_FROM.get(other, ()):
        return True
    return any(one in family and other in family for family in _FAMILIES)
