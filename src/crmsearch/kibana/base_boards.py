"""The dashboards about who the customers are and what they are worth: *Customer base* and *Segments and RFM*. Data only."""

import msgspec

from crmsearch.indexing.mappings import CUSTOMER_REF
from crmsearch.kibana.lens import Bands, Measure, Months, Panel, Ratio, Terms

__all__ = ["BASE", "BUYERS", "SEGMENTS", "Board"]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """One dashboard.

    Attributes:
        name: part of its id.
        controls: fields that are ticked above the panels.
        ranges: numbers that are narrowed by a slider there.
        panels: laid out as one reads.
    """

    name: str
    title: str
    description: str
    controls: tuple[str, ...]
    ranges: tuple[str, ...]
    panels: tuple[Panel, ...]


BUYERS = "order_count > 0"
_HIGH_RISK = "churn_risk >= 0.7"

_COUNT = Measure("count")
_RISK = Measure("average", "churn_risk", "Mean churn risk")
_REVENUE = Measure("sum", "revenue", "Revenue")
_TILE, _THIRD, _HALF, _WIDE = (8, 5), (16, 12), (24, 12), (32, 12)

BASE = Board(
    name="customer-base",
    title="Customer base",
    description="Who are our customers, where do they come from, and how does the base grow? Everybody counts, whatever the time picker "
    "says, but in the panel that names it.",
    controls=("country", "city", "lifecycle", "source_system", "gender"),
    ranges=("age",),
    panels=(
        Panel(name="customers", title="Customers", description="How many are there?", kind="metric", measures=(_COUNT,), size=_TILE),
        Panel(
            name="buyers",
            title="Have ordered",
            description="What share of the customers has ordered?",
            kind="metric",
            measures=(Ratio("Have ordered", Measure("count", where=BUYERS), _COUNT),),
            size=_TILE,
        ),
        Panel(
            name="revenue", title="Revenue", description="What have they brought in all?", kind="metric", measures=(_REVENUE,), size=_TILE
        ),
        Panel(
            name="typical-revenue",
            title="Revenue of a typical buyer",
            description="What does the buyer in the middle bring? The mean is drawn up by a few.",
            kind="metric",
            measures=(Measure("median", "revenue", "Median revenue"),),
            where=BUYERS,
            size=_TILE,
        ),
        Panel(
            name="consenting",
            title="May be contacted",
            description="What share has agreed to be reached by at least one channel?",
            kind="metric",
            measures=(Ratio("With a consent", Measure("count", where="consents: *"), _COUNT),),
            size=_TILE,
        ),
        Panel(
            name="undated",
            title="Without creation date",
            description="How many does the time picker hide in the panel that follows it?",
            kind="metric",
            measures=(Measure("count", where="not created_at: *"),),
            size=_TILE,
        ),
        Panel(
            name="growth",
            title="New customers by month (follows the time picker)",
            description="Does the base grow, and with leads or with customers?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Months("created_at"), Terms("lifecycle", 5)),
            size=_WIDE,
            view="dated",
        ),
        Panel(
            name="lifecycle",
            title="Lifecycle",
            description="How far have they come, from lead to customer and back out?",
            kind="donut",
            measures=(_COUNT,),
            groups=(Terms("lifecycle", 5, rest=True),),
            size=_THIRD,
        ),
        Panel(
            name="cities",
            title="Cities with most customers",
            description="Where do they live?",
            kind="bars",
            measures=(_COUNT,),
            groups=(Terms("city", 15),),
            size=_THIRD,
        ),
        Panel(
            name="ages",
            title="Age and gender",
            description="Who is it that we reach, and whom do we miss?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Bands("age", (0, 18, 25, 35, 45, 55, 65, 75)), Terms("gender", 4)),
            size=_THIRD,
        ),
        Panel(
            name="countries",
            title="Countries",
            description="Which countries bring revenue, and which only customers?",
            kind="table",
            measures=(_COUNT, _REVENUE, Measure("median", "revenue", "Median revenue"), _RISK),
            groups=(Terms("country", 20),),
            size=_THIRD,
        ),
        Panel(
            name="industries",
            title="Industries",
            description="In which industries do our customers work, and what is each worth to us?",
            kind="table",
            measures=(_COUNT, _REVENUE, Ratio("Have ordered", Measure("count", where=BUYERS), _COUNT)),
            groups=(Terms("industry", 20),),
            size=_THIRD,
        ),
        Panel(
            name="silence",
            title="Month of the last activity",
            description="Since when have customers been silent, by lifecycle?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Months("last_activity_at"), Terms("lifecycle", 5)),
            size=_THIRD,
        ),
        Panel(
            name="sources",
            title="Source systems",
            description="From which system does the customer's leading record come?",
            kind="donut",
            measures=(_COUNT,),
            groups=(Terms("source_system", 8, rest=True),),
            size=_THIRD,
        ),
    ),
)

SEGMENTS = Board(
    name="segments",
    title="Segments and RFM",
    description="Who is worth most, who is about to leave, and whom should we call first?",
    controls=("rfm_segment", "cluster", "country", "top_category"),
    ranges=("churn_risk", "revenue"),
    panels=(
        Panel(
            name="scored",
            title="Customers who ordered",
            description="How many have RFM scores? Only who has ordered has them.",
            kind="metric",
            measures=(Measure("count", where="rfm_segment: *"),),
            size=(12, 5),
        ),
        Panel(
            name="champions",
            title="Revenue of champions",
            description="How much of the revenue hangs on the best customers?",
            kind="metric",
            measures=(Ratio("Of the revenue", Measure("sum", "revenue", where='rfm_segment: "champions"'), _REVENUE),),
            size=(12, 5),
        ),
        Panel(
            name="at-risk",
            title="Likely to leave",
            description="How many buyers have a churn risk of 70% or more?",
            kind="metric",
            measures=(Measure("count", where=_HIGH_RISK),),
            size=(12, 5),
        ),
        Panel(
            name="revenue-at-risk",
            title="Revenue of those likely to leave",
            description="What have the buyers with a churn risk of 70% or more brought so far?",
            kind="metric",
            measures=(Measure("sum", "revenue", "Revenue", _HIGH_RISK),),
            size=(12, 5),
        ),
        Panel(
            name="segments",
            title="RFM segments",
            description="How large is each segment, what does it bring, and how long has it been silent?",
            kind="table",
            measures=(
                _COUNT,
                _REVENUE,
                Measure("median", "revenue", "Median revenue"),
                Measure("average", "order_count", "Mean orders"),
                Measure("median", "recency_days", "Median days since last order"),
                _RISK,
            ),
            groups=(Terms("rfm_segment", 12),),
            size=(30, 13),
        ),
        Panel(
            name="revenue-shares",
            title="Revenue by segment",
            description="Which segments carry the business?",
            kind="donut",
            measures=(_REVENUE,),
            groups=(Terms("rfm_segment", 12),),
            size=(18, 13),
        ),
        Panel(
            name="recency-frequency",
            title="Recency and frequency: customers",
            description="Where do buyers stand? The best are at 5 and 5; a frequency of 5 at a recency of 1 is worth a call.",
            kind="heat",
            measures=(_COUNT,),
            groups=(Terms("rfm_recency", 5, ordered=True), Terms("rfm_frequency", 5, ordered=True)),
            size=_HALF,
        ),
        Panel(
            name="recency-monetary",
            title="Recency and money: revenue",
            description="How much revenue has become old? High money at low recency is what was lost.",
            kind="heat",
            measures=(_REVENUE,),
            groups=(Terms("rfm_recency", 5, ordered=True), Terms("rfm_monetary", 5, ordered=True)),
            size=_HALF,
        ),
        Panel(
            name="risk-bands",
            title="Churn risk by segment",
            description="How is the risk spread, and which segments fill the upper end?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Bands("churn_risk", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)), Terms("rfm_segment", 12)),
            size=_HALF,
        ),
        Panel(
            name="clusters",
            title="Behavioural clusters",
            description="What kinds of behaviour are there, beyond the segments that we cut?",
            kind="table",
            measures=(
                _COUNT,
                _REVENUE,
                Measure("average", "order_count", "Mean orders"),
                Measure("average", "ticket_count", "Mean tickets"),
                _RISK,
            ),
            groups=(Terms("cluster", 10),),
            size=_HALF,
        ),
        Panel(
            name="categories",
            title="Categories and segments",
            description="Which goods do the best buy, and which the lost?",
            kind="shares",
            measures=(_COUNT,),
            groups=(Terms("top_category", 10), Terms("rfm_segment", 12)),
            size=_HALF,
        ),
        Panel(
            name="win-back",
            title="Win back first",
            description="Which customers likely to leave brought most? The link opens the customer in the console.",
            kind="table",
            measures=(_REVENUE, Measure("average", "churn_risk", "Churn risk"), Measure("sum", "recency_days", "Days since last order")),
            groups=(Terms(CUSTOMER_REF, 50),),
            where=f"{_HIGH_RISK} and {BUYERS}",
            size=_HALF,
        ),
    ),
)
