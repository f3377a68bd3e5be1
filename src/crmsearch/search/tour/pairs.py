"""Which fields of the base hang together. Pure."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import sqrt

import msgspec

from crmsearch.search.contrast import Value
from crmsearch.search.families import are_related
from crmsearch.search.filters import Filter
from crmsearch.search.findings import Language, build_link, field_label, show_value
from crmsearch.search.significance import associate, benjamini_hochberg, is_signal
from crmsearch.search.tour.fields import FIELDS_TOURED, Body, Values, counts

__all__ = ["Associated", "find_associations"]

LEAST_V = 0.1  # Cramér's V from which two fields hang together by more than a negligible amount (Cohen's small w for two values)


class Associated(msgspec.Struct, frozen=True, kw_only=True):
    """Two fields that hang together, and the pair of values that shows it most.

    Attributes:
        n: customers with a listed value of both fields.
        cramers_v: from 0 to 1, freed of its bias.
        values: one of each field; ``count`` customers have both, ``expected`` would if the fields were independent.
    """

    fields: list[str]
    n: int
    cramers_v: float
    p_value: float
    q_value: float
    values: list[Value]
    count: int
    expected: float
    lift: float
    sentence: str
    link: str


def find_associations(listed: Values, found: Body, language: Language, k: int | None) -> tuple[int, list[Associated]]:
    """How many pairs of fields were tested, and those that hang together, the strongest first.

    The pair of values that shows it is of ``k`` customers or more; what no such pair shows is left out.
    """
    tables = list(_tables(listed, found))
    tested = [(names, table, test) for names, table in tables if (test := associate(table)) is not None]
    q_values = benjamini_hochberg([test.p_value for _, _, test in tested])
    strong = []
    for (names, table, test), q_value in zip(tested, q_values, strict=True):
        if test.v < LEAST_V or q_value is None or not is_signal(q_value):
            continue
        cell = _strongest_cell(table, k or 1)
        if cell is None:
            continue
        n, places, expected = cell
        count, values = table[places[0]][places[1]], [listed[name][place] for name, place in zip(names, places, strict=True)]
        strong.append(
            Associated(
                fields=list(names),
                n=n,
                cramers_v=test.v,
                p_value=test.p_value,
                q_value=q_value,
                values=values,
                count=count,
                expected=expected,
                lift=count / expected,
                sentence=_association_sentence(names, values, test.v, n, count, expected, language),
                link=build_link([Filter(field=name, in_=[value]) for name, value in zip(names, values, strict=True)]),
            )
        )
    return len(tested), sorted(strong, key=lambda each: -each.cramers_v)


def _tables(listed: Values, found: Body) -> Iterator[tuple[tuple[str, str], list[list[int]]]]:
    """Pairs of fields with a row for every listed value of the first, and a column for every one of the second."""
    for one, other in combinations(FIELDS_TOURED, 2):
        if are_related(one, other) or not listed[one] or not listed[other]:
            continue
        rows = {bucket["key"]: counts(bucket[f"with.{other}"]) for bucket in found[one]["buckets"]}
        yield (one, other), [[rows.get(value, {}).get(second, 0) for second in listed[other]] for value in listed[one]]


def _strongest_cell(table: Sequence[Sequence[int]], least: int) -> tuple[int, tuple[int, int], float] | None:
    """Customers in the table, the cell that exceeds chance most by its adjusted residual (Haberman 1973), and chance's share of it.

    Cells of fewer customers than ``least`` do not count; ``None`` if there are no others.
    """
    rows, columns = [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
    n = sum(rows)

    def residual(place: tuple[int, int]) -> float:
        row, column = rows[place[0]] / n, columns[place[1]] / n
        spread = sqrt(n * row * column * (1 - row) * (1 - column))
        return (table[place[0]][place[1]] - n * row * column) / spread if spread else 0.0

    places = [(row, column) for row in range(len(rows)) for column in range(len(columns)) if table[row][column] >= least]
    if not places:
        return None
    best = max(places, key=residual)
    return n, best, rows[best[0]] * columns[best[1]] / n


def _association_sentence(
    names: Sequence[str], values: Sequence[Value], v: float, n: int, count: int, expected: float, language: Language
) -> str:
    (one, other), (value, second) = (
        [field_label(name, language) for name in names],
        [show_value(name, each, language) for name, each in zip(names, values, strict=True)],
    )
    if language == "zh":
        return (
            f"{one}与{other}相关（Cramér's V {v:.2f}，n={n:,}）：{one}为{value}且{other}为{second}的有 {count:,} 位，"
            f"若无关则为 {expected:,.0f} 位，是其 {count / expected:.1f} 倍。"
        )
    return (
        f"{one} and {other} hang together (Cramér's V {v:.2f}, n = {n:,}): {count:,} customers have {value} and {second}, "
        f"{count / expected:.1f} times the {expected:,.0f} there would be by chance."
    )
