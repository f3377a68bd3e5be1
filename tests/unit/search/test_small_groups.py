"""No group of fewer than k customers is shown, and none can be worked out by whoever knows all totals and how groups are hidden."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.errors import SmallGroupError
from crmsearch.search.small_groups import check_size, coarsen, hide_rows, hide_small, is_small, merged

Matrix = list[list[int]]
counts = st.lists(st.integers(0, 12), min_size=1, max_size=8)
small_ks = st.integers(2, 6)


@given(counts=counts, k=small_ks, other=st.integers(0, 8), missing=st.integers(0, 8))
def test_hidden_groups_cannot_be_told_from_the_total(counts: list[int], k: int, other: int, missing: int) -> None:
    hidden = hide_small(counts, k, other, missing)
    assert all(count >= k or count == 0 or place in hidden for place, count in enumerate(counts))
    shown = sum(count for place, count in enumerate(counts) if place not in hidden)
    unseen = sum(counts) + other - shown
    if not any(count and place not in hidden for place, count in enumerate(counts)):
        return  # nothing is shown of any group
    # What the totals leave is nothing or so many customers; with a small group among them they are of more than one.
    assert unseen == 0 or unseen >= k
    assert unseen + missing == 0 or unseen + missing >= k
    for place in hidden:
        assert counts[place] == 0 or counts[place] >= k or unseen > counts[place]


@given(counts=counts, k=small_ks)
def test_nothing_is_hidden_without_need(counts: list[int], k: int) -> None:
    if all(count == 0 or count >= k for count in counts):
        assert hide_small(counts, k) == set()


def _consistent_tables(rows: Sequence[int], columns: Sequence[int]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Every table of whole numbers with these totals."""
    if not rows:
        if not any(columns):
            yield ()
        return
    for first in _rows_of(rows[0], columns):
        rest = [column - cell for column, cell in zip(columns, first, strict=True)]
        yield from ((first, *others) for others in _consistent_tables(rows[1:], rest))


def _rows_of(total: int, most: Sequence[int]) -> Iterator[tuple[int, ...]]:
    if len(most) == 1:
        if total <= most[0]:
            yield (total,)
        return
    for cell in range(min(total, most[0]) + 1):
        yield from ((cell, *rest) for rest in _rows_of(total - cell, most[1:]))


tables = (
    st.integers(2, 3)
    .flatmap(lambda width: st.lists(st.lists(st.integers(0, 7), min_size=width, max_size=width), min_size=2, max_size=3))
    .filter(lambda table: 0 < sum(map(sum, table)) <= 24)
)


@given(table=tables, k=st.integers(2, 4))
def test_small_cells_of_a_table_cannot_be_worked_out_from_all_totals(table: Matrix, k: int) -> None:
    """The attacker knows every row total and every column total that is no small group itself, and the table as it is published."""
    rows, columns = coarsen(table, k)
    published = merged(table, rows, columns)
    assert all(cell == 0 or cell >= k for row in published for cell in row) or not (rows or columns)
    row_totals, column_totals = [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
    if any(0 < total < k for total in (*row_totals, *column_totals)):
        return  # who knows such a total was told of a small group elsewhere, where it is hidden too
    possible = [
        guess for guess in _consistent_tables(row_totals, column_totals) if merged([list(row) for row in guess], rows, columns) == published
    ]
    assert tuple(map(tuple, table)) in possible
    for i, j in itertools.product(range(len(table)), range(len(table[0]))):
        if 0 < table[i][j] < k:
            assert len({guess[i][j] for guess in possible}) > 1, f"cell {i}, {j} of {table} is given away by {published}"


def test_rows_and_columns_stay_where_nothing_is_small() -> None:
    assert coarsen([[10, 10, 0], [10, 10, 0], [0, 0, 0]], 5) == ([0, 1], [0, 1])
    assert coarsen([[10, 10, 10], [10, 1, 10], [10, 10, 10]], 5) == ([0], [0, 1])


def test_groups_that_overlap_are_hidden_by_their_own_size_only() -> None:
    rows = {"vip": [40, 60], "new": [3, 60], "gone": [40, 4], "none": [0, 9]}
    assert hide_rows(rows, None, 5) == {"new", "gone"}
    assert hide_rows(rows, None, None) == set()


two_columns = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=8)


@given(cells=two_columns, rest=st.tuples(st.integers(0, 12), st.integers(0, 12)), k=small_ks)
def test_what_the_columns_leave_of_hidden_rows_is_no_small_group(cells: list[tuple[int, int]], rest: tuple[int, int], k: int) -> None:
    rows = {str(place): list(each) for place, each in enumerate(cells)}
    totals = [sum(column) + other for column, other in zip(zip(*cells, strict=True), rest, strict=True)]
    hidden = hide_rows(rows, totals, k)
    shown = [each for row, each in rows.items() if row not in hidden and any(each)]
    assert not any(is_small(each, k) for each in shown)
    left = [total - sum(each[place] for each in shown) for place, total in enumerate(totals)]
    assert not shown or not is_small(left, k)
    # Without need nothing is hidden.
    if not any(is_small(each, k) for each in [*rows.values(), rest]):
        assert hidden == set()


@pytest.mark.parametrize(("customers", "k", "refused"), [(0, 5, False), (1, 5, True), (4, 5, True), (5, 5, False), (1, 1, False)])
def test_a_question_about_a_few_is_refused(customers: int, k: int, refused: bool) -> None:
    assert is_small([customers], k) is refused
    if refused:
        with pytest.raises(SmallGroupError, match="fewer than 5"):
            check_size(customers, k)
    else:
        check_size(customers, k)
