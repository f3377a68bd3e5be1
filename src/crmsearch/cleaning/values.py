"""What a cleaning rule answers: a clean value with notes, or a rejection."""

from typing import Generic, TypeAlias, TypeVar

import msgspec

__all__ = ["Clean", "Notes", "Outcome", "Rejection"]

T = TypeVar("T")


class Clean(msgspec.Struct, Generic[T], frozen=True):
    """A usable value, or ``None`` for a cell that says nothing; ``issues`` are the codes of what was mended on the way."""

    value: T | None
    issues: tuple[str, ...] = ()


class Rejection(msgspec.Struct, frozen=True):
    """A cell that cannot be used; the severity of its rule says whether the field or the row is lost."""

    code: str


Outcome: TypeAlias = Clean[T] | Rejection


class Notes:
    """The issues met so far in one row, each once, in the order found."""

    __slots__ = ("issues",)

    def __init__(self) -> None:
        self.issues: dict[str, None] = {}

    def note(self, outcome: Outcome[T]) -> T | None:
        """The value of an outcome, whose codes are kept."""
        if isinstance(outcome, Rejection):
            self.issues[outcome.code] = None
            return None
        for code in outcome.issues:
            self.issues[code] = None
        return outcome.value
