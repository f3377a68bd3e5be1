"""The dashboards about the work with customers: *Campaigns* and *Service*. Data only."""

from crmsearch.indexing.mappings import CUSTOMER_REF
from crmsearch.kibana.base_boards import Board
from crmsearch.kibana.lens import Bands, Measure, Months, Panel, Ratio, Terms

__all__ = ["CAMPAIGNS", "SERVICE"]

_COUNT = Measure("count")
_TILE, _HALF, _THIRD = (8, 5), (24, 12), (16, 12)

_SENT = Measure("sum", "campaigns_sent", "Sent")
_OPENED = Measure("sum", "campaigns_opened", "Opened")
_CLICKED = Measure("sum", "campaigns_clicked", "Clicked")
_CONVERTED = Measure("sum", "campaigns_converted", "Converted")
_OPEN_RATE = Ratio("Open rate", _OPENED, _SENT)
_CLICK_RATE = Ratio("Click rate", _CLICKED, _OPENED)
_CONVERSION = Ratio("Conversion", _CONVERTED, _SENT)
_REACHED = "campaigns_sent > 0"
_DEAF = "campaigns_sent >= 3 and campaigns_opened: 0"

CAMPAIGNS = Board(
    name="campaigns",
    title="Campaigns",
    description="Who answers to campaigns, whom do we bother in vain, and whom may we write to at all? Rates are of all campaigns that a "
    "customer was sent; groups by the last one say who was reached with it, not what it alone brought.",
    controls=("last_campaign", "country", "consents", "rfm_segment", "top_category"),
    ranges=("age", "campaigns_sent"),
    panels=(
        Panel(name="sent", title="Sent", description="How much did we send?", kind="metric", measures=(_SENT,), size=_TILE),
        Panel(
            name="open-rate",
            title="Open rate",
            description="What share of it was opened?",
            kind="metric",
            measures=(_OPEN_RATE,),
            size=_TILE,
        ),
        Panel(
            name="click-rate",
            title="Click rate",
            description="What share of what was opened was clicked?",
            kind="metric",
            measures=(_CLICK_RATE,),
            size=_TILE,
        ),
        Panel(
            name="conversion",
            title="Conversion",
            description="What share of what was sent led to what it was for?",
            kind="metric",
            measures=(_CONVERSION,),
            size=_TILE,
        ),
        Panel(
            name="deaf",
            title="Deaf to campaigns",
            description="How many were sent three or more and opened none? Leave them in peace, or try another channel.",
            kind="metric",
            measures=(Measure("count", where=_DEAF),),
            size=_TILE,
        ),
        Panel(
            name="unasked",
            title="Sent without a consent",
            description="How many were sent campaigns though no consent of theirs is known? This should be 0.",
            kind="metric",
            measures=(Measure("count", where=f"{_REACHED} and not consents: *"),),
            size=_TILE,
        ),
        Panel(
            name="campaigns",
            title="Customers by their last campaign",
            description="How responsive are those whom each campaign reached last?",
            kind="table",
            measures=(_COUNT, _SENT, _OPEN_RATE, _CLICK_RATE, _CONVERSION),
            groups=(Terms("last_campaign", 20),),
            where=_REACHED,
            size=(28, 12),
        ),
        Panel(
            name="consents",
            title="Consents",
            description="By which channels may how many be reached?",
            kind="bars",
            measures=(_COUNT,),
            groups=(Terms("consents", 10),),
            size=(20, 12),
        ),
        Panel(
            name="by-segment",
            title="Open rate and conversion by segment",
            description="Do campaigns reach those whom we want back, or those who would buy anyway?",
            kind="bars",
            measures=(_OPEN_RATE, _CONVERSION),
            groups=(Terms("rfm_segment", 12),),
            where=_REACHED,
            size=_THIRD,
        ),
        Panel(
            name="by-age",
            title="Open rate by age",
            description="Which ages listen?",
            kind="bars",
            measures=(_OPEN_RATE,),
            groups=(Bands("age", (18, 25, 35, 45, 55, 65, 75)),),
            where=_REACHED,
            size=_THIRD,
        ),
        Panel(
            name="by-country",
            title="Open rate by country",
            description="Where do campaigns work?",
            kind="bars",
            measures=(_OPEN_RATE,),
            groups=(Terms("country", 12),),
            where=_REACHED,
            size=_THIRD,
        ),
        Panel(
            name="category-segment",
            title="Conversion by category and segment",
            description="To whom should which goods be offered next?",
            kind="heat",
            measures=(_CONVERSION,),
            groups=(Terms("top_category", 8), Terms("rfm_segment", 12)),
            where=_REACHED,
            size=_HALF,
        ),
        Panel(
            name="pressure",
            title="Answers by number of campaigns",
            description="Does the open rate fall for those who are sent many?",
            kind="bars",
            measures=(_OPEN_RATE, _CONVERSION),
            groups=(Bands("campaigns_sent", (1, 2, 3, 5, 8, 13)),),
            size=_HALF,
        ),
    ),
)

_SERVED = "ticket_count > 0"
_WAITING = "open_ticket_count > 0"
_TICKETS = Measure("sum", "ticket_count", "Tickets")
_OPEN = Measure("sum", "open_ticket_count", "Open tickets")
_SATISFACTION = Measure("average", "satisfaction", "Mean satisfaction")
_HOURS = Measure("median", "average_resolution_hours", "Median hours to resolve")
_OPEN_SHARE = Ratio("With an open ticket", Measure("count", where=_WAITING), Measure("count", where=_SERVED))

SERVICE = Board(
    name="service",
    title="Service",
    description="Who waits, who is content, and where is service slow? Means and shares count every customer once, so that one who "
    "complains often does not speak for all.",
    controls=("owner", "country", "industry", "rfm_segment", "lifecycle"),
    ranges=("satisfaction", "open_ticket_count"),
    panels=(
        Panel(
            name="served",
            title="Customers with tickets",
            description="How many have turned to us?",
            kind="metric",
            measures=(Measure("count", where=_SERVED),),
            size=_TILE,
        ),
        Panel(name="tickets", title="Tickets", description="How often?", kind="metric", measures=(_TICKETS,), size=_TILE),
        Panel(
            name="open",
            title="Open tickets",
            description="How many still wait for an answer?",
            kind="metric",
            measures=(_OPEN,),
            size=_TILE,
        ),
        Panel(
            name="waiting",
            title="With an open ticket",
            description="What share of those with tickets has one open?",
            kind="metric",
            measures=(_OPEN_SHARE,),
            size=_TILE,
        ),
        Panel(
            name="satisfaction",
            title="Satisfaction",
            description="How content are they, from 1 to 5?",
            kind="metric",
            measures=(_SATISFACTION,),
            size=_TILE,
        ),
        Panel(
            name="hours",
            title="Hours to resolve",
            description="How long does the customer in the middle wait?",
            kind="metric",
            measures=(_HOURS,),
            size=_TILE,
        ),
        Panel(
            name="owners",
            title="Service by owner",
            description="Whose customers wait longest or are least content? Look at the number of customers before judging.",
            kind="table",
            measures=(Measure("count", label="Customers with tickets"), _TICKETS, _OPEN_SHARE, _HOURS, _SATISFACTION),
            groups=(Terms("owner", 20),),
            where=_SERVED,
            size=(28, 12),
        ),
        Panel(
            name="ratings",
            title="Spread of satisfaction",
            description="Is everybody half content, or are some angry?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Bands("satisfaction", (1, 2, 3, 4, 4.5)), Terms("lifecycle", 5)),
            size=(20, 12),
        ),
        Panel(
            name="owner-industry",
            title="Hours to resolve by owner and industry",
            description="Is an owner slow, or are the cases of an industry hard?",
            kind="heat",
            measures=(_HOURS,),
            groups=(Terms("owner", 12), Terms("industry", 12)),
            where=_SERVED,
            size=_HALF,
        ),
        Panel(
            name="satisfaction-segment",
            title="Satisfaction by segment",
            description="Are the best customers also the best served?",
            kind="bars",
            measures=(_SATISFACTION,),
            groups=(Terms("rfm_segment", 12),),
            where=_SERVED,
            size=_HALF,
        ),
        Panel(
            name="last-ticket",
            title="Month of the last ticket",
            description="Do fewer turn to us, or more, and do they still wait?",
            kind="columns",
            measures=(
                Measure("count", label="None open", where="open_ticket_count: 0"),
                Measure("count", label="With an open ticket", where=_WAITING),
            ),
            groups=(Months("last_ticket_at"),),
            where=_SERVED,
            size=_THIRD,
        ),
        Panel(
            name="speed-satisfaction",
            title="Satisfaction by hours to resolve",
            description="How fast is fast enough?",
            kind="bars",
            measures=(_SATISFACTION,),
            groups=(Bands("average_resolution_hours", (0, 8, 24, 48, 96, 168)),),
            where=_SERVED,
            size=_THIRD,
        ),
        Panel(
            name="answer-first",
            title="Answer first",
            description="Who waits, and is worth most? The link opens the customer in the console.",
            kind="table",
            measures=(Measure("sum", "revenue", "Revenue"), _OPEN, Measure("average", "churn_risk", "Churn risk")),
            groups=(Terms(CUSTOMER_REF, 50),),
            where=_WAITING,
            size=_THIRD,
        ),
    ),
)
