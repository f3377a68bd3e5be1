"""Charts of cross-tabulations and correlations."""

import math

from crmsearch.charts.labels import named
from crmsearch.charts.plots import Bar, Frame, bars, choose_kind, heatmap, notice, stacks
from crmsearch.charts.svg import finish
from crmsearch.charts.words import Language, field_label, number, say, value_label
from crmsearch.search.stats import Cell, CorrelationResponse, CrosstabResponse, Line

__all__ = ["draw_correlation", "draw_crosstab"]

_KINDS = ("heatmap", "bars")
_STRONGEST = 4.0  # times expected, or a quarter of it, that has the full colour


def draw_crosstab(answer: CrosstabResponse, kind: str | None = None, language: Language = "en") -> str:
    """Cells coloured by lift with their counts, or the shares of each row as bars."""
    kind = choose_kind(kind, _KINDS)
    title = say(language, "against", field_label(answer.row_field, language), field_label(answer.column_field, language))
    notes = [say(language, "missing", number(answer.missing))] if answer.missing else []
    if answer.suppressed:
        notes.append(say(language, "few"))
    if answer.chi_square is not None and answer.p_value is not None and answer.cramers_v is not None:
        figures = number(answer.chi_square), str(answer.degrees_of_freedom), _p_text(answer.p_value), f"{answer.cramers_v:.2f}"
        notes.insert(0, say(language, "test", *figures))
    frame = Frame(title=title, subtitle=say(language, "rows" if kind == "bars" else "lift"), caption=" · ".join(notes))
    if not answer.n:
        return finish([notice(frame, say(language, "nothing"))], title, say(language, "nothing"))
    names = [_line(answer.row_field, line, language) for line in answer.rows]
    rows = [named(name, line.count) for name, line in zip(names, answer.rows, strict=True)]
    columns = [_line(answer.column_field, line, language) for line in answer.columns]
    if kind == "bars":
        chart = stacks(frame, [(row, [cell.row_share for cell in cells]) for row, cells in zip(rows, answer.cells, strict=True)], columns)
    else:
        cells = [[(_strength(cell), _cell_text(cell)) for cell in row] for row in answer.cells]
        chart = heatmap(frame, rows, columns, cells, (-1.0, 0.0, 1.0))
    told = [
        f"{name}: {', '.join(f'{column} {_cell_text(cell)}' for column, cell in zip(columns, of_line, strict=True))}"
        for name, of_line in zip(names, answer.cells, strict=True)
    ]
    return finish([chart], title, "; ".join([*notes[:1], *told]) + ".")


def draw_correlation(answer: CorrelationResponse, kind: str | None = None, language: Language = "en") -> str:
    """A matrix coloured by r, or every pair with its interval."""
    kind = choose_kind(kind, _KINDS)
    labels = [field_label(name, language) for name in answer.fields]
    title = f"{say(language, 'correlation')} · {say(language, 'covered', number(answer.population))}"
    found = {pair.fields: pair for pair in answer.pairs}
    told = [
        f"{field_label(pair.fields[0], language)}, {field_label(pair.fields[1], language)}: "
        + (f"{pair.r:.3f}, n {pair.n:,}" if pair.r is not None else f"–, n {pair.n:,}")
        for pair in answer.pairs
    ]
    if kind == "bars":
        frame = Frame(title=title, subtitle=say(language, "interval"))
        rows: list[Bar] = []
        names: list[str] = []
        for pair in answer.pairs:
            if pair.r is not None:
                rows.append(Bar(row=len(rows), value=pair.r, low=pair.low, high=pair.high, text=f"{pair.r:.2f}"))
                names.append(" – ".join(field_label(name, language) for name in pair.fields))
        chart = bars(frame, names, rows) if rows else notice(frame, say(language, "nothing"))
        return finish([chart], title, "; ".join(told) + ".")
    cells = []
    for row in answer.fields:
        line: list[tuple[float | None, str]] = []
        for column in answer.fields:
            both = found.get((row, column)) or found.get((column, row))
            r = 1.0 if row == column else None if both is None else both.r
            line.append((r, "–" if r is None else f"{r:.2f}"))
        cells.append(line)
    chart = heatmap(Frame(title=title, subtitle=say(language, "r")), labels, labels, cells, (-1.0, 0.0, 1.0))
    return finish([chart], title, "; ".join(told) + ".")


def _line(field: str, line: Line, language: Language) -> str:
    return say(language, "others") if line.value is None else value_label(field, line.value, line.label, language)


def _strength(cell: Cell) -> float | None:
    """The lift on a scale where twice and half as many are equally far from the middle."""
    if cell.lift is None:
        return None
    return math.log(min(max(cell.lift, 1 / _STRONGEST), _STRONGEST), _STRONGEST)


def _cell_text(cell: Cell) -> str:
    return f"{cell.observed:,}" if cell.lift is None else f"{cell.observed:,} · ×{cell.lift:.2f}"


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
