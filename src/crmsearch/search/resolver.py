"""What names and relative days in filters mean at the moment of a question."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Protocol

from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.filters import Filter
from crmsearch.search.impersonal import check_impersonal
from crmsearch.search.segments import Segment, check_nesting, resolve_filters, used_segments
from crmsearch.search.text import parse_text

__all__ = ["Resolver", "SegmentSource", "utc_now"]


class SegmentSource(Protocol):
    """Where saved segments are kept."""

    async def find(self, names: Collection[str]) -> dict[str, Segment]:
        """Those of the named segments that are there, by name."""
        ...


def utc_now() -> datetime:
    """The clock of the program; tests put another in its place."""
    return datetime.now(UTC)


class Resolver:
    """Puts into filters what they refer to: segments, built in or saved, and days counted back from today."""

    def __init__(self, saved: SegmentSource | None = None, clock: Callable[[], datetime] = utc_now) -> None:
        self._saved = saved
        self._clock = clock

    def now(self) -> datetime:
        return self._clock()

    def today(self) -> date:
        return self._clock().astimezone(UTC).date()

    async def resolve(self, filters: Sequence[Filter]) -> list[Filter]:
        """Checked filters with the meaning of their names.

        Raises:
            UnknownSegmentError: a segment is not there.
            SegmentNestingError: a segment leads to itself, or the nesting is too deep or too wide.
        """
        segments = await self.segments(used_segments(filters))
        check_nesting(filters, segments)
        return resolve_filters(filters, segments, self.today())

    async def resolve_text(self, q: str, filters: Sequence[Filter]) -> tuple[str, list[Filter]]:
        """A checked text without the conditions in it, and these among the filters; raises as ``resolve`` does."""
        text = parse_text(q)
        return text.unfiltered if text.filters else q, await self.resolve([*filters, *text.filters])

    async def check_impersonal(self, q: str, filters: Sequence[Filter], names: Iterable[str]) -> None:
        """Raise ``ForbiddenError`` if a question about these fields goes by personal data, itself or by a segment."""
        check_impersonal(q, filters, names, await self.segments(used_segments(filters)))

    async def segments(self, names: Collection[str]) -> dict[str, Segment]:
        """The named segments and all that they lead to, as far as they are there."""
        known: dict[str, Segment] = {}
        wanted = set(names)
        while wanted:  # a round for each level of nesting
            saved = wanted - BUILT_IN.keys()
            found = {name: BUILT_IN[name] for name in wanted & BUILT_IN.keys()}
            if saved and self._saved is not None:
                found |= await self._saved.find(saved)
            known |= found
            wanted = {used for each in found.values() for used in used_segments(each.filters)} - known.keys()
        return known
