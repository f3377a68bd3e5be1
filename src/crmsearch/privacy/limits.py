"""How fast a caller may ask: one table of limits, and what an answer costs. Pure.

A limit is that of the generic cell rate algorithm (ITU-T I.371, the leaky bucket as a meter): of each name one moment is kept, at which
all that it has asked for will have been paid at its rate. A request is let in while that moment is not further ahead than the burst.
"""

import msgspec

from crmsearch.privacy.access import Role

__all__ = ["FAILURES", "LIMITS", "LOOKED_UP", "Limit", "cost_of"]


class Limit(msgspec.Struct, frozen=True):
    """Requests per second for long, and how many at once after a pause."""

    per_s: float
    burst: float

    @property
    def window_s(self) -> float:
        """Seconds in which a whole burst is paid."""
        return self.burst / self.per_s


# Somebody who types makes a few requests a second; the console asks while one types. What is faster is a program.
LIMITS: dict[Role, Limit] = {
    "agent": Limit(10, 100),
    "app": Limit(100, 1_000),
    "analyst": Limit(10, 100),
    "admin": Limit(50, 500),
    "custom": Limit(20, 200),
}
"""What a key may ask for, by its role."""

FAILURES = Limit(1 / 6, 10)
"""Wrong keys from one address: ten, and then one every six seconds."""

LOOKED_UP = 0.5
"""What each value of a lookup costs besides: who tries numbers one after the other is told of each whether somebody has it."""

_COSTS = {"export": 20.0, "segment_export": 20.0} | dict.fromkeys(("person_export", "erase", "anonymise", "restrict", "unrestrict"), 10.0)


def cost_of(action: str | None) -> float:
    """How many requests one counts for, by its action in the audit trail, if it has one."""
    return _COSTS.get(action or "", 1.0)
