"""Parts of a page: large figures, tables, and charts drawn as those of the API; every text is escaped here or where it is drawn.

A bar never stands alone: its figure is beside it as text, and all of them are in the description of the picture.
"""

from collections.abc import Sequence
from html import escape

import msgspec

from crmsearch.charts import plots
from crmsearch.charts.plots import Frame
from crmsearch.charts.svg import finish

__all__ = ["Row", "Series", "bars", "figure", "pairs", "percent", "sentences", "table", "trend"]

_TREND = 130  # pixels of height


class Row(msgspec.Struct, frozen=True):
    """One row of a bar chart, with its figure as it is written."""

    label: str
    value: float
    shown: str


class Series(msgspec.Struct, frozen=True):
    """One figure over the runs: its place among them, its value, and how that is written."""

    name: str
    points: Sequence[tuple[int, float, str]]


def percent(share: float | None, digits: int = 1) -> str:
    """A share as people read it: nothing that is not all, and not nothing, looks as if it were."""
    if share is None:
        return "–"
    shown = f"{share:.{digits}%}"
    step = 10.0 ** -(digits + 2)
    if 0 < share < step / 2:
        return f"<{step:.{digits}%}"
    if share < 1 and shown == f"{1:.{digits}%}":
        return f">{1 - step:.{digits}%}"
    return shown


def figure(value: str, label: str, tone: str = "") -> str:
    """A large number with what it counts."""
    return f'<div class="figure {tone}"><strong>{escape(value)}</strong><span>{escape(label)}</span></div>'


def bars(rows: Sequence[Row], title: str, subtitle: str = "", *, shares: bool = False) -> str:
    """Bars beside their labels."""
    if not rows:
        return "<p>None.</p>"
    drawn = plots.bars(Frame(title=title, subtitle=subtitle, shares=shares), [row.label for row in rows], _bars(rows))
    return _picture(drawn, title, [f"{row.label}: {row.shown}" for row in rows])


def sentences(rows: Sequence[Row], title: str, subtitle: str = "") -> str:
    """Bars under their labels, for long ones."""
    if not rows:
        return "<p>None.</p>"
    drawn = plots.sentences(Frame(title=title, subtitle=subtitle), list(zip([row.label for row in rows], _bars(rows), strict=True)))
    return _picture(drawn, title, [f"{row.label}: {row.shown}" for row in rows])


def pairs(rows: Sequence[tuple[str, Sequence[float | None]]], parts: Sequence[str], title: str) -> str:
    """Shares of several parts beside each label."""
    shown = [
        plots.Bar(row=row, part=part, value=share, text=percent(share, 0))
        for row, (_, shares) in enumerate(rows)
        for part, share in enumerate(shares)
        if share is not None
    ]
    if not shown:
        return ""
    drawn = plots.bars(Frame(title=title, shares=True), [label for label, _ in rows], shown, parts=parts)
    return _picture(drawn, title, [f"{label}: {', '.join(percent(share, 0) for share in shares)}" for label, shares in rows])


def trend(series: Sequence[Series], runs: Sequence[str], title: str, *, shares: bool = False) -> str:
    """Lines over the runs, oldest first."""
    told = [f"{each.name}: {each.points[0][2]} in the first of {len(runs)} runs, {each.points[-1][2]} in this one" for each in series]
    points = [(each.name, [(float(place), value) for place, value, _ in each.points]) for each in series]
    return _picture(plots.lines(Frame(title=title, shares=shares), points, runs, _TREND, from_zero=True), title, told)


def _bars(rows: Sequence[Row]) -> list[plots.Bar]:
    return [plots.Bar(row=place, value=row.value, text=row.shown) for place, row in enumerate(rows)]


def _picture(drawn: str, title: str, told: Sequence[str]) -> str:
    return f'<figure class="chart" {_scroll(title)}>{finish([drawn], title, "; ".join(told) + ".")}</figure>'


def table(caption: str, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = (), wide: bool = False) -> str:
    """A table of cells that are HTML already; ``numbers`` are the columns set to the right."""
    head = "".join(f'<th scope="col"{_right(place, numbers)}>{escape(header)}</th>' for place, header in enumerate(headers))
    lines = []
    for row in rows:
        cells = "".join(f"<td{_right(place, numbers)}>{cell}</td>" for place, cell in enumerate(row[1:], 1))
        lines.append(f'<tr><th scope="row">{row[0]}</th>{cells}</tr>')
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    scroll = _scroll(caption)
    return f'<div class="scroll{" wide" if wide else ""}" {scroll}><table><caption>{escape(caption)}</caption>{body}</table></div>'


def _scroll(name: str) -> str:
    """A region of its own may be scrolled by keyboard where the page is narrow."""
    return f'role="region" aria-label="{escape(name)}" tabindex="0"'


def _right(place: int, numbers: Sequence[int]) -> str:
    return ' class="number"' if place in numbers else ""
