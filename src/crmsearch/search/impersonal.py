"""What may be asked by those who may not see personal data: nothing that only such data tells. Pure.

A text may be somebody's name, and a filter of an e-mail or an id is one person; even to count them says whether they are there.
"""

from collections.abc import Iterable, Mapping

from crmsearch.contract import FIELDS
from crmsearch.errors import ForbiddenError
from crmsearch.search.filters import Filter
from crmsearch.search.segments import Segment, used_segments

__all__ = ["check_impersonal", "is_impersonal"]


def check_impersonal(q: str, filters: Iterable[Filter], names: Iterable[str], segments: Mapping[str, Segment]) -> None:
    """Raise ``ForbiddenError`` if a question goes by personal data.

    Args:
        q: its text.
        filters: of it.
        names: fields that it is about or grouped by.
        segments: all that the filters lead to, as far as they are there.
    """
    if q.strip():
        raise ForbiddenError("your role may not ask by a text, which may be somebody's name; ask by filters")
    filters = list(filters)
    for name in [*(each.field for each in filters if each.field), *names]:
        if name in FIELDS and not FIELDS[name].analytics:
            raise ForbiddenError(f"{name} holds personal data, by which your role may not ask")
    for name in used_segments(filters):
        if name in segments and not is_impersonal(segments[name], segments):
            raise ForbiddenError(f"segment {name} goes by personal data, by which your role may not ask")


def is_impersonal(segment: Segment, segments: Mapping[str, Segment]) -> bool:
    """Whether neither the segment nor any that it leads to goes by personal data."""
    try:
        check_impersonal(segment.q, segment.filters, (), segments)
    except ForbiddenError:
        return False
    return True
