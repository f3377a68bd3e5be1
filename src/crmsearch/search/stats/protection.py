"""Statistics for those who may not see personal data: without groups of fewer than k customers. Pure.

What is too small is put to the rest, never left blank: groups to ``other_count``, bins to their neighbours, rows and columns to the others.
A percentile is somebody's own value; one that fewer than k customers lie below or above is withheld, as the smallest and the largest
value are.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from crmsearch.search.small_groups import check_size, coarsen, hide_small, merged
from crmsearch.search.stats.body import AnyStats, Group, StatsResponse
from crmsearch.search.stats.categories import CategoryStats
from crmsearch.search.stats.correlation import CorrelationResponse
from crmsearch.search.stats.crosstab import Line, Table
from crmsearch.search.stats.figures import FieldStats
from crmsearch.search.stats.histogram import HistogramBin

__all__ = ["merge_bins", "protect_correlation", "protect_stats", "protect_table"]

Values = AbstractSet[str | int | float | None]


def protect_stats(response: StatsResponse, k: int, table: Table | None = None) -> StatsResponse:
    """The answer without small groups.

    Args:
        response: the whole answer.
        k: the smallest group that may be seen.
        table: where customers are grouped by two fields, the cross-tabulation of these.

    Raises:
        SmallGroupError: all that was asked for is about fewer than k customers.
    """
    check_size(response.population, k)
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
    kept = [_without(group, names, k) for group, names in zip(kept, withheld, strict=True)]
    if any(group.groups is not None for group in kept):
        kept = [msgspec.structs.replace(group, **_protect_groups(group, k, seen[1:])) for group in kept]
        # Of a field that is withheld in one group of two fields, the others would tell by the totals of the second field.
        gone = {name for group in kept for inner in group.groups or [] for name in inner.withheld}
        kept = [msgspec.structs.replace(group, groups=[_without(inner, gone, k) for inner in group.groups or []]) for group in kept]
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


def _without(group: Group, names: AbstractSet[str], k: int) -> Group:
    fields: dict[str, AnyStats] = {}
    for name, stats in group.fields.items():
        if name not in names:
            # Bins of groups and of the whole would have to hide each other's; the figures stay.
            fields[name] = msgspec.structs.replace(_inner(stats, k), histogram=None) if isinstance(stats, FieldStats) else stats
    return msgspec.structs.replace(group, fields=fields, withheld=sorted({*group.withheld, *names}))


def _protect_field(stats: AnyStats, k: int) -> AnyStats:
    if isinstance(stats, CategoryStats):
        hidden = hide_small([value.count for value in stats.values], k, stats.other_count)
        kept = [value for place, value in enumerate(stats.values) if place not in hidden]
        return msgspec.structs.replace(
            stats, values=kept, other_count=stats.other_count + sum(stats.values[place].count for place in hidden)
        )
    stats = _inner(stats, k)
    return stats if stats.histogram is None else msgspec.structs.replace(stats, histogram=merge_bins(stats.histogram, k))


def _inner(stats: FieldStats, k: int) -> FieldStats:
    """The figures that are not the values of the first or last few customers."""

    def is_inner(percent: float) -> bool:
        return min(percent, 100 - percent) * stats.n >= 100 * k

    if stats.n == 0:
        return stats
    return msgspec.structs.replace(
        stats,
        min=None,
        max=None,
        median=stats.median if is_inner(50) else None,
        percentiles={percent: value if is_inner(float(percent)) else None for percent, value in stats.percentiles.items()},
        reason=stats.reason or f"the smallest and largest values, and percentiles with fewer than {k} customers beyond them, are withheld",
    )


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
    check_size(response.population, k)
    return msgspec.structs.replace(
        response,
        pairs=[pair for pair in response.pairs if not 0 < pair.n < k],
        withheld=[pair.fields for pair in response.pairs if 0 < pair.n < k],
    )


def protect_table(table: Table, k: int) -> tuple[Table, bool]:
    """The table without small cells, and whether rows or columns have gone to the others."""
    check_size(table.population, k)
    check_size(table.n, k)
    rows, columns = coarsen(table.counts, k)
    protected = msgspec.structs.replace(
        table, rows=_merge_lines(table.rows, rows), columns=_merge_lines(table.columns, columns), counts=merged(table.counts, rows, columns)
    )
    return protected, len(rows) + len(columns) < len(table.rows) + len(table.columns) - 2


def _merge_lines(lines: list[Line], kept: list[int]) -> list[Line]:
    gone = [lines[place] for place in range(len(lines)) if place not in kept]
    other = msgspec.structs.replace(lines[-1], count=sum(line.count for line in gone), share=sum(line.share for line in gone))
    return [*(lines[place] for place in kept), other]
