"""The segments that every customer base has. Data only.

They follow what the jobs compute: RFM segments, life cycle, service figures, churn risk, dates. Nobody can change them; a saved segment
can use them.
"""

from crmsearch.contract import LIFECYCLES
from crmsearch.mining.churn import DISSATISFIED
from crmsearch.mining.rfm import SEGMENTS
from crmsearch.search.filters import Filter
from crmsearch.search.segments import Segment
from crmsearch.search.vocabulary import VOCABULARY

__all__ = ["BUILT_IN"]

HIGH_RISK, SOME_RISK = 0.7, 0.4  # churn risk; the middle is where one cannot tell
SLOW_HOURS = 72  # mean time to resolve a ticket from which a customer has waited long
VALUABLE = 4  # monetary score from which a customer is among the upper two fifths


def _segment(name: str, label: str, label_zh: str, description: str, description_zh: str, *filters: Filter) -> Segment:
    return Segment(
        name=name,
        label=label,
        label_zh=label_zh,
        description=description,
        description_zh=description_zh,
        filters=list(filters),
        built_in=True,
    )


def _rfm() -> list[Segment]:
    return [
        _segment(
            f"rfm-{each.name.replace(' ', '-')}",
            f"RFM: {each.name}",
            f"RFM：{each.name_zh}",
            f"Usually good for: {each.advice}.",
            f"通常宜：{each.advice_zh}。",
            Filter(field="rfm_segment", in_=[each.name]),
        )
        for each in SEGMENTS
    ]


def _lifecycle() -> list[Segment]:
    return [
        _segment(
            f"lifecycle-{stage}",
            f"Life cycle: {stage}",
            f"生命周期：{VOCABULARY['lifecycle'][stage].label_zh}",
            f"Customers at the stage {stage}.",
            f"处于“{VOCABULARY['lifecycle'][stage].label_zh}”阶段的客户。",
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
            "有一张未结工单。",
            Filter(field="open_ticket_count", gte=1),
        ),
        _segment(
            "service-dissatisfied",
            "Service: dissatisfied",
            "服务：不满意",
            f"The mean satisfaction is below {DISSATISFIED:g}.",
            f"平均满意度低于 {DISSATISFIED:g}。",
            Filter(field="satisfaction", lt=DISSATISFIED),
        ),
        _segment(
            "service-slow",
            "Service: waited long",
            "服务：处理缓慢",
            f"Tickets took {SLOW_HOURS} hours or longer on average.",
            f"工单平均处理时间为 {SLOW_HOURS} 小时或更长。",
            Filter(field="average_resolution_hours", gte=SLOW_HOURS),
        ),
        _segment(
            "service-risk",
            "Service: at risk",
            "服务：有风险",
            "Dissatisfied, and a ticket is open.",
            "不满意，且有未结工单。",
            Filter(segment="service-open"),
            Filter(segment="service-dissatisfied"),
        ),
        _segment(
            "churn-high",
            "Churn risk: high",
            "流失风险：高",
            f"The churn risk is {HIGH_RISK:g} or more.",
            f"流失风险为 {HIGH_RISK:g} 或更高。",
            Filter(field="churn_risk", gte=HIGH_RISK),
        ),
        _segment(
            "churn-medium",
            "Churn risk: medium",
            "流失风险：中",
            f"The churn risk is from {SOME_RISK:g} to below {HIGH_RISK:g}.",
            f"流失风险从 {SOME_RISK:g} 到低于 {HIGH_RISK:g}。",
            Filter(field="churn_risk", gte=SOME_RISK, lt=HIGH_RISK),
        ),
        _segment(
            "churn-low",
            "Churn risk: low",
            "流失风险：低",
            f"The churn risk is below {SOME_RISK:g}.",
            f"流失风险低于 {SOME_RISK:g}。",
            Filter(field="churn_risk", lt=SOME_RISK),
        ),
        _segment(
            "churn-valuable",
            "Churn risk: high, and valuable",
            "流失风险：高价值且高风险",
            f"A high churn risk, and a monetary score of {VALUABLE} or 5.",
            f"流失风险高，且消费得分为 {VALUABLE} 或 5。",
            Filter(segment="churn-high"),
            Filter(field="rfm_monetary", gte=VALUABLE),
        ),
        _segment(
            "active-90-days",
            "Active: ordered in the last 90 days",
            "活跃：近90天有订单",
            "The last order was today or at most 90 days ago.",
            "最近一次订单在今天或 90 天以内。",
            Filter(field="last_order_at", gte="now-90d"),
        ),
        _segment(
            "silent-one-year",
            "Silent: no order for a year",
            "沉默：一年无订单",
            "Ordered before, but last more than a year ago.",
            "曾经下单，但最近一次在一年以前。",
            Filter(field="last_order_at", lt="now-1y"),
        ),
        _segment(
            "new-30-days",
            "New: created in the last 30 days",
            "新增：近30天建档",
            "The record was created today or at most 30 days ago.",
            "记录在今天或 30 天以内创建。",
            Filter(field="created_at", gte="now-30d"),
        ),
    )
}
