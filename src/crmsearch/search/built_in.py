"""The segments that every customer base has. Data only.

They follow what the jobs compute: RFM segments, life cycle, service figures, churn risk, dates. Nobody can change them; a saved segment
can use them.
"""

from crmsearch.contract import LIFECYCLES
from crmsearch.mining.churn import DISSATISFIED
from crmsearch.mining.rfm import SEGMENTS
from crmsearch.search.filters import Filter
from crmsearch.search.segments import Segment

__all__ = ["BUILT_IN"]

HIGH_RISK, SOME_RISK = 0.7, 0.4  # churn risk; the middle is where one cannot tell
SLOW_HOURS = 72  # mean time to resolve a ticket from which a customer has waited long
VALUABLE = 4  # monetary score from which a customer is among the upper two fifths
_STAGES_ZH = {"lead": "线索", "prospect": "潜在客户", "customer": "客户", "churned": "已流失"}


def _segment(name: str, label: str, label_zh: str, description: str, *filters: Filter) -> Segment:
    return Segment(name=name, label=label, label_zh=label_zh, description=description, filters=list(filters), built_in=True)


def _rfm() -> list[Segment]:
    return [
        _segment(
            f"rfm-{each.name.replace(' ', '-')}",
            f"RFM: {each.name}",
            f"RFM：{each.name_zh}",
            f"Usually good for: {each.advice}.",
            Filter(field="rfm_segment", in_=[each.name]),
        )
        for each in SEGMENTS
    ]


def _lifecycle() -> list[Segment]:
    return [
        _segment(
            f"lifecycle-{stage}",
            f"Life cycle: {stage}",
            f"生命周期：{_STAGES_ZH[stage]}",
            f"Customers at the stage {stage}.",
            Filter(field="lifecycle", in_=[stage]),
        )
        for stage in LIFECYCLES
    ]


BUILT_IN: dict[str, Segment] = {
    each.name: each
    for each in (
        *_rfm(),
        *_lifecycle(),
        _segment(
            "service-open",
            "Service: open tickets",
            "服务：有未结工单",
            "A ticket is open.",
            Filter(field="open_ticket_count", gte=1),
        ),
        _segment(
            "service-dissatisfied",
            "Service: dissatisfied",
            "服务：不满意",
            f"The mean satisfaction is below {DISSATISFIED:g}.",
            Filter(field="satisfaction", lt=DISSATISFIED),
        ),
        _segment(
            "service-slow",
            "Service: waited long",
            "服务：处理缓慢",
            f"Tickets took {SLOW_HOURS} hours or longer on average.",
            Filter(field="average_resolution_hours", gte=SLOW_HOURS),
        ),
        _segment(
            "service-risk",
            "Service: at risk",
            "服务：有风险",
            "Dissatisfied, and a ticket is open.",
            Filter(segment="service-open"),
            Filter(segment="service-dissatisfied"),
        ),
        _segment(
            "churn-high",
            "Churn risk: high",
            "流失风险：高",
            f"The churn risk is {HIGH_RISK:g} or more.",
            Filter(field="churn_risk", gte=HIGH_RISK),
        ),
        _segment(
            "churn-medium",
            "Churn risk: medium",
            "流失风险：中",
            f"The churn risk is from {SOME_RISK:g} to below {HIGH_RISK:g}.",
            Filter(field="churn_risk", gte=SOME_RISK, lt=HIGH_RISK),
        ),
        _segment(
            "churn-low",
            "Churn risk: low",
            "流失风险：低",
            f"The churn risk is below {SOME_RISK:g}.",
            Filter(field="churn_risk", lt=SOME_RISK),
        ),
        _segment(
            "churn-valuable",
            "Churn risk: high, and valuable",
            "流失风险：高价值且高风险",
            f"A high churn risk, and a monetary score of {VALUABLE} or 5.",
            Filter(segment="churn-high"),
            Filter(field="rfm_monetary", gte=VALUABLE),
        ),
        _segment(
            "active-90-days",
            "Active: ordered in the last 90 days",
            "活跃：近90天有订单",
            "The last order was today or at most 90 days ago.",
            Filter(field="last_order_at", gte="now-90d"),
        ),
        _segment(
            "silent-one-year",
            "Silent: no order for a year",
            "沉默：一年无订单",
            "Ordered before, but last more than a year ago.",
            Filter(field="last_order_at", lt="now-1y"),
        ),
        _segment(
            "new-30-days",
            "New: created in the last 30 days",
            "新增：近30天建档",
            "The record was created today or at most 30 days ago.",
            Filter(field="created_at", gte="now-30d"),
        ),
    )
}
