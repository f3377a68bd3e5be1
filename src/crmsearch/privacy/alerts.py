"""What in the audit trail is worth a look: a table of rules over what each key did in each hour. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

__all__ = ["ALERTS", "Alert", "HourOfKey", "Rule", "find_alerts"]

Measure = Literal["customers", "answers", "refusals"]


class HourOfKey(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with a key in one hour of the clock.

    Attributes:
        hour: when it began; ISO 8601, UTC.
        customers: different ones that were shown or changed, as far as events hold their ids.
        answers: that showed or changed customers.
        refusals: of requests that showed this key, good or not.
    """

    key: str
    name: str
    role: str
    hour: str
    customers: int
    answers: int
    refusals: int


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One row: an hour is told of in which the measure is above a number, in these hours of the day only if some are named."""

    name: str
    measure: Measure
    above: int
    hours: tuple[int, ...] = ()
    says: str
    reason: str


_NIGHT = (20, 21, 22, 23, 0, 1, 2, 3, 4, 5)

ALERTS: tuple[Rule, ...] = (
    Rule(
        name="bulk_reading",
        measure="customers",
        above=500,
        says="different customers shown to one key within an hour",
        reason="who helps one customer after the other sees some tens, with lists some hundreds; an export of so many is told of too",
    ),
    Rule(
        name="off_hours",
        measure="answers",
        above=20,
        hours=_NIGHT,
        says="answers with customers to one key in an hour from 20:00 to 06:00",
        reason="nobody is at work, and a look or two at home is no harm; apps that run at night are known to who reads this",
    ),
    Rule(
        name="refusals",
        measure="refusals",
        above=20,
        says="refused requests that showed one key within an hour",
        reason="somebody tries what the key may not, or guesses its secret, or an app has not learnt that its key is void",
    ),
)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that an hour of a key has broken: ``value`` is above ``above``."""

    rule: str
    key: str
    name: str
    role: str
    hour: str
    value: int
    above: int
    says: str


def find_alerts(hours: Iterable[HourOfKey], utc_offset_h: int) -> list[Alert]:
    """What the rules say, the newest hour first.

    Args:
        hours: of all keys.
        utc_offset_h: hours that the clocks of those who work are ahead of UTC.
    """
    found = [
        Alert(
            rule=rule.name,
            key=each.key,
            name=each.name,
            role=each.role,
            hour=each.hour,
            value=getattr(each, rule.measure),
            above=rule.above,
            says=rule.says,
        )
        for each in hours
        for rule in ALERTS
        if getattr(each, rule.measure) > rule.above and (not rule.hours or _hour_of_day(each.hour, utc_offset_h) in rule.hours)
    ]
    return sorted(found, key=lambda alert: alert.hour, reverse=True)


def _hour_of_day(hour: str, utc_offset_h: int) -> int:
    return (datetime.fromisoformat(hour).hour + utc_offset_h) % 24
