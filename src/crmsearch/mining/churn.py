"""Churn risk: the probability that a customer will not order again, from their own rhythm, and what else speaks for it.

The base is the modified beta-geometric/NBD model of buying (Batislam, Denizel and Filiztekin, International Journal of Research in
Marketing 24, 2007), which follows Fader, Hardie and Lee (Marketing Science 24, 2005). It needs no labels: while customers stay they order
at random at a pace of their own; after every order some leave for good. Silence speaks for having left the more, the longer it lasts
compared with the pace.
"""

from math import exp, log

import msgspec

__all__ = [
    "DEAF_AFTER",
    "DISSATISFIED",
    "LEAVES",
    "MAX_LOG_ODDS",
    "PRIOR_ORDERS",
    "SIGNS",
    "STAYS",
    "USUAL_GAP_DAYS",
    "ChurnInput",
    "Sign",
    "churn_risk",
    "signs_of",
]

# After an order one customer in five is thought to leave before anything is known of them: a beta distribution with this mean, of the
# weight of five orders. Customers who go on ordering outweigh it.
LEAVES, STAYS = 1.0, 4.0
USUAL_GAP_DAYS = 90.0  # from one order to the next, where nobody has ordered on two days
PRIOR_ORDERS = 1.0  # weight, in orders, of the pace of all customers in the estimate of the pace of one
MAX_LOG_ODDS = 20.0  # beyond it the probability rounds to 0 or 1 anyway


class Sign(msgspec.Struct, frozen=True):
    """Something beside the orders that makes leaving more likely; it multiplies the odds."""

    name: str
    odds: float
    meaning: str


# Chosen, not estimated: there are no labels to estimate them from. Each is small beside the rhythm of the orders.
SIGNS: dict[str, Sign] = {
    sign.name: sign
    for sign in (
        Sign("open ticket", 1.5, "a ticket is open"),
        Sign("dissatisfied", 2.0, "the mean satisfaction is below 3"),
        Sign("deaf to campaigns", 1.5, "of at least 3 campaigns sent none was opened"),
    )
}
DISSATISFIED = 3.0  # mean satisfaction, of 1 to 5, below which a customer is
DEAF_AFTER = 3  # campaigns sent


class ChurnInput(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a customer who ordered at least once.

    Attributes:
        order_days: days on which they ordered.
        span_days: from the first of them to the last.
        recency_days: since the last.
        open_tickets: tickets that are open; ``None`` where none are known.
        satisfaction: mean, 1 to 5.
        campaigns_sent: campaigns they were sent.
        campaigns_opened: campaigns they opened.
    """

    order_days: int
    span_days: int
    recency_days: int
    open_tickets: int | None = None
    satisfaction: float | None = None
    campaigns_sent: int | None = None
    campaigns_opened: int | None = None


def churn_risk(customer: ChurnInput, usual_gap_days: float) -> float:
    """The probability, 0 to 1, that the customer will not order again.

    With ``x`` repeat orders, the last ``t`` days after the first, and ``T = t + recency``, the odds of having left are

        LEAVES / (STAYS + x) · ((gap + T) / (gap + t)) ** (1 + x)

    times the odds of every sign that holds.

    Args:
        customer: what is known of them.
        usual_gap_days: days from one order to the next, over all customers; more than 0.
    """
    repeats = customer.order_days - 1
    begun = usual_gap_days + customer.span_days
    log_odds = log(LEAVES / (STAYS + repeats)) + (PRIOR_ORDERS + repeats) * log((begun + customer.recency_days) / begun)
    log_odds += sum(log(SIGNS[name].odds) for name in signs_of(customer))
    return round(1 / (1 + exp(-min(MAX_LOG_ODDS, log_odds))), 4)


def signs_of(customer: ChurnInput) -> list[str]:
    """The signs that hold for a customer."""
    holds = {
        "open ticket": (customer.open_tickets or 0) > 0,
        "dissatisfied": customer.satisfaction is not None and customer.satisfaction < DISSATISFIED,
        "deaf to campaigns": (customer.campaigns_sent or 0) >= DEAF_AFTER and customer.campaigns_opened == 0,
    }
    return [name for name, held in holds.items() if held]
