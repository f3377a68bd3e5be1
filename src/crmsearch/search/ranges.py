"""What is wrong with ranges that are counted beside each other: of a facet, or of groups. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from crmsearch.contract import Field
from crmsearch.errors import FilterSyntaxError, InvalidRequestError
from crmsearch.search.bins import cuts
from crmsearch.search.filters import Filter, check_filter, days_are_known

__all__ = ["check_ranges"]


def check_ranges(field: Field, ranges: Sequence[Filter], most: int, wayout: str = "") -> None:
    """Raise ``InvalidRequestError`` if there are too many ranges, one cannot be counted, or some overlap.

    Days counted back from today have no place among others before they are resolved; then ranges with them are to be checked again.

    Args:
        field: a number or a date.
        ranges: as the filters that select them.
        most: that are possible.
        wayout: what to do for more, behind the reason.
    """
    if not 1 <= len(ranges) <= most:
        raise InvalidRequestError(f"{field.name} is cut into {len(ranges)} ranges; from 1 to {most} are possible{wayout}")
    for each in ranges:
        if not each.bounds:
            raise FilterSyntaxError(f"a range of {field.name} has no bound; it needs gte, lt or both")
        check_filter(each)
    spans = sorted(cuts(field, each.bounds) for each in ranges if days_are_known(each))
    if any(low >= high for low, high in spans):
        raise InvalidRequestError(f"a range of {field.name} ends before it begins")
    if any(before[1] > after[0] for before, after in pairwise(spans)):
        raise InvalidRequestError(
            f"ranges of {field.name} overlap, so that some customers would count twice; an upper end is not in its range"
        )
