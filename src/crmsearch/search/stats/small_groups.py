"""Answers for those who may not see personal data: no group of fewer than k customers, nor one that a subtraction would give away. Pure.

What is too small is put to the rest, never left blank: groups to ``other_count``, bins to their neighbours, rows and columns to the others.
Where the rest would still be small, or a single group, the next smallest go with it. So totals stay true, and whoever knows every total can
at best work out figures of k customers or more.

This protects each answer by itself. Customers without a value are counted as such and are no group. Someone who may put any number of
questions with any filters can still compare answers to slightly different ones; that is a matter of who may ask, and of the audit trail.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from crmsearch.errors import SmallGroupError
from crmsearch.search.stats.body import AnyStats, Group, StatsResponse
from crmsearch.search.stats.categories import CategoryStats
from crmsearch.search.stats.correlation import CorrelationResponse
from crmsearch.search.stats.crosstab import Line, Table
from crmsearch.search.stats.figures import FieldStats
from crmsearch.search.stats.histogram import HistogramBin

__all__ = ["SMALL_GROUP", "coarsen", "hide_small", "merge_bins", "merged", "protect_correlation", "protect_stats", "protect_table"]

SMALL_GROUP = 5  # customers, below which a group is shown only to those who may see personal data

Matrix = Sequence[Sequence[int]]
Values = AbstractSet[str | int | float | None]


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


def protect_stats(response: StatsResponse, k: int, table: Table | None = None) -> StatsResponse:
    """The answer without small groups.

    Args:
        response: the whole answer.
        k: the smallest group that may be seen.
        table: where customers are grouped by two fields, the cross-tabulation of these.

    Raises:
        SmallGroupError: all that was asked for is about fewer than k customers.
    """
    _check_population(response.population, k)
    withheld = [name for name, stats in response.fields.items() if 0 < stats.n < k]
    fields = {name: _protect_field(stats, k) for name, stats in response.fields.items() if name not in withheld}
    response = msgspec.structs.replace(response, fields=fields, withheld=withheld)
    if response.groups is None:
        return response
    seen: list[Values] = []
    if table is not None:
        rows, columns = coarsen(table.counts, k)
        seen = [{table.rows[place].value for place in rows}, {table.columns[place].value for place in columns}]
    return msgspec.structs.replace(response, **_protect_groups(response, k, seen))


def _protect_groups(part: StatsResponse | Group, k: int, seen: Sequence[Values]) -> dict[str, Any]:
    """What changes of a part that has groups."""
    groups, other, missing = part.groups or [], part.other_count or 0, part.missing_count or 0
    counts = [group.population for group in groups]
    unseen = {place for place, group in enumerate(groups) if seen and group.value not in seen[0]}
    hidden = hide_small(counts, k, other, missing, unseen)
    kept = [group for place, group in enumerate(groups) if place not in hidden]
    other += sum(counts[place] for place in hidden)
    withheld = _withheld_in_groups(part, kept, k)
    kept = [_without(group, names) for group, names in zip(kept, withheld, strict=True)]
    if any(group.groups is not None for group in kept):
        kept = [msgspec.structs.replace(group, **_protect_groups(group, k, seen[1:])) for group in kept]
        # Of a field that is withheld in one group of two fields, the others would tell by the totals of the second field.
        gone = {name for group in kept for inner in group.groups or [] for name in inner.withheld}
        kept = [msgspec.structs.replace(group, groups=[_without(inner, gone) for inner in group.groups or []]) for group in kept]
    changes: dict[str, Any] = {"groups": kept, "other_count": other, "missing_count": missing}
    if hidden and not kept:
        # With no group left to go with it, the rest takes in those without a value.
        changes |= {"other_count": other + missing, "missing_count": None}
    # How many were hidden would tell that each has one customer, where there are no more than that.
    return changes | ({"suppressed": bool(hidden)} if isinstance(part, StatsResponse) else {})


def _withheld_in_groups(part: StatsResponse | Group, groups: list[Group], k: int) -> list[set[str]]:
    """Fields to withhold in each group: those that too few have, or whose figures would give those away, and all categories."""
    withheld: list[set[str]] = [set() for _ in groups]
    for name in dict.fromkeys(name for group in groups for name in group.fields):
        whole = part.fields.get(name)
        if isinstance(whole, FieldStats):
            counts = [group.fields[name].n for group in groups]
            places = hide_small(counts, k, other=whole.n - sum(counts))
        else:
            places = set(range(len(groups)))
        for place in places:
            withheld[place].add(name)
    return withheld


def _without(group: Group, names: AbstractSet[str]) -> Group:
    fields: dict[str, AnyStats] = {}
    for name, stats in group.fields.items():
        if name not in names:
            # Bins of groups and of the whole would have to hide each other's; the figures stay.
            fields[name] = msgspec.structs.replace(stats, histogram=None) if isinstance(stats, FieldStats) else stats
    return msgspec.structs.replace(group, fields=fields, withheld=sorted({*group.withheld, *names}))


def _protect_field(stats: AnyStats, k: int) -> AnyStats:
    if isinstance(stats, CategoryStats):
        hidden = hide_small([value.count for value in stats.values], k, stats.other_count)
        kept = [value for place, value in enumerate(stats.values) if place not in hidden]
        return msgspec.structs.replace(
            stats, values=kept, other_count=stats.other_count + sum(stats.values[place].count for place in hidden)
        )
    return stats if stats.histogram is None else msgspec.structs.replace(stats, histogram=merge_bins(stats.histogram, k))


def merge_bins(bins: Sequence[HistogramBin], k: int) -> list[HistogramBin]:
    """Neighbouring bins put together until each holds k values or more."""
    merged: list[HistogramBin] = []
    for each in bins:
        if merged and merged[-1].count < k:
            last = merged.pop()
            each = HistogramBin(last.low, each.high, last.count + each.count)
        merged.append(each)
    if len(merged) > 1 and merged[-1].count < k:
        last, before = merged.pop(), merged.pop()
        merged.append(HistogramBin(before.low, last.high, before.count + last.count))
    return merged


def protect_correlation(response: CorrelationResponse, k: int) -> CorrelationResponse:
    """The answer without pairs of fields that fewer than k customers have."""
    _check_population(response.population, k)
    return msgspec.structs.replace(
        response,
        pairs=[pair for pair in response.pairs if not 0 < pair.n < k],
        withheld=[pair.fields for pair in response.pairs if 0 < pair.n < k],
    )


def protect_table(table: Table, k: int) -> tuple[Table, bool]:
    """The table without small cells, and whether rows or columns have gone to the others."""
    _check_population(table.population, k)
    _check_population(table.n, k)
    rows, columns = coarsen(table.counts, k)
    protected = msgspec.structs.replace(
        table, rows=_merge_lines(table.rows, rows), columns=_merge_lines(table.columns, columns), counts=merged(table.counts, rows, columns)
    )
    return protected, len(rows) + len(columns) < len(table.rows) + len(table.columns) - 2


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


def _merge_lines(lines: list[Line], kept: list[int]) -> list[Line]:
    gone = [lines[place] for place in range(len(lines)) if place not in kept]
    other = msgspec.structs.replace(lines[-1], count=sum(line.count for line in gone), share=sum(line.share for line in gone))
    return [*(lines[place] for place in kept), other]


def _check_population(population: int, k: int) -> None:
    if 0 < population < k:
        raise SmallGroupError(f"this is about fewer than {k} customers, whose figures your role may not see; ask for more of them")
