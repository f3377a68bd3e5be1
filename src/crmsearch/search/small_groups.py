"""Which groups those may see who may not see personal data: of k customers or more, and none that a subtraction gives away. Pure.

What is too small is put to the rest. Where the rest would still be small, or a single group, the next smallest go with it. So totals stay
true, and whoever knows every total can at best work out figures of k customers or more.

This protects each answer by itself. Customers without a value are counted as such and are no group. Someone who may put any number of
questions with any filters can still compare answers to slightly different ones; that is a matter of who may ask, and of the audit trail.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

from crmsearch.errors import SmallGroupError

__all__ = ["SMALL_GROUP", "check_size", "coarsen", "hide_rows", "hide_small", "is_small", "merged"]

SMALL_GROUP = 5  # customers, below which a group is shown only to those who may see personal data

Matrix = Sequence[Sequence[int]]
Row = TypeVar("Row", bound=Hashable)


def is_small(counts: Iterable[int], k: int | None) -> bool:
    """Whether any of these is a group of fewer than k customers; no group is, where ``k`` is ``None`` and all may be seen."""
    return k is not None and any(0 < count < k for count in counts)


def check_size(customers: int, k: int) -> None:
    """Raise ``SmallGroupError`` if this is about some customers, but fewer than k."""
    if 0 < customers < k:
        raise SmallGroupError(f"this is about fewer than {k} customers, whose figures your role may not see; ask for more of them")


def hide_small(counts: Sequence[int], k: int, other: int = 0, missing: int = 0, hidden: AbstractSet[int] = frozenset()) -> set[int]:
    """Which of these groups to put to the others.

    Args:
        counts: customers of each group.
        k: the smallest group that may be seen.
        other: customers of the groups that are not shown anyway.
        missing: customers of no group; their number is shown, their figures only follow from those of all.
        hidden: groups that are put to the others for another reason.
    """
    chosen = {place for place, count in enumerate(counts) if 0 < count < k} | hidden
    rest = sorted((place for place, count in enumerate(counts) if count and place not in chosen), key=lambda place: -counts[place])
    while rest and not _is_safe(other + sum(counts[place] for place in chosen), missing, k):
        chosen.add(rest.pop())
    return chosen


def _is_safe(unseen: int, missing: int, k: int) -> bool:
    """Whether what the totals leave is no small group; so it is none alone either, as one that is hidden for its size is smaller than k."""
    return all(left == 0 or left >= k for left in (unseen, unseen + missing))


def hide_rows(rows: Mapping[Row, Sequence[int]], totals: Sequence[int] | None, k: int | None) -> set[Row]:
    """Which rows of a table to leave out, so that none of its cells is small, nor what the totals of its columns leave of it.

    Args:
        rows: customers by column.
        totals: of the columns, the rows that are not listed included; ``None`` where a customer may be in several rows, which no
            subtraction tells apart.
        k: the smallest cell that may be seen; ``None`` where all may.
    """
    chosen = {row for row, cells in rows.items() if is_small(cells, k)}
    if totals is None:
        return chosen
    rest = sorted((row for row in rows if row not in chosen and any(rows[row])), key=lambda row: -sum(rows[row]))
    left = [total - sum(rows[row][place] for row in rest) for place, total in enumerate(totals)]
    while rest and is_small(left, k):
        row = rest.pop()
        chosen.add(row)
        left = [unseen + cell for unseen, cell in zip(left, rows[row], strict=True)]
    return chosen


def coarsen(counts: Matrix, k: int) -> tuple[list[int], list[int]]:
    """The rows and columns that may be seen beside each other.

    The last row and the last column of ``counts`` are the others. Of the smallest cell's row and column the one of fewer customers goes to
    the others, until every cell that is left is empty or has k customers or more. Cells that went to the others stay unknown to whoever
    knows the totals of all rows and columns, since at least two lines share what is not zero there.
    """
    rows, columns = list(range(len(counts) - 1)), list(range(len(counts[0]) - 1))
    row_totals, column_totals = [sum(row) for row in counts], [sum(column) for column in zip(*counts, strict=True)]
    while rows or columns:
        cells = merged(counts, rows, columns)
        small = [(count, i, j) for i, row in enumerate(cells) for j, count in enumerate(row) if 0 < count < k]
        if not small:
            break
        _, i, j = min(small)
        candidates = [(row_totals[row], rows, row) for row in rows[i : i + 1]] + [
            (column_totals[column], columns, column) for column in columns[j : j + 1]
        ]
        if not candidates:
            # It is in the corner of all others; whatever is smallest goes there too.
            candidates = [(row_totals[row], rows, row) for row in rows] + [(column_totals[column], columns, column) for column in columns]
        _, lines, line = min(candidates, key=lambda candidate: candidate[0])
        lines.remove(line)
    return rows, columns


def merged(counts: Matrix, rows: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    """The counts with all but these rows and columns put together in the last ones."""

    def across(row: Sequence[int]) -> list[int]:
        kept = [row[column] for column in columns]
        return [*kept, sum(row) - sum(kept)]

    kept = [across(counts[row]) for row in rows]
    totals = across([sum(column) for column in zip(*counts, strict=True)])
    return [*kept, [total - sum(row[place] for row in kept) for place, total in enumerate(totals)]]
