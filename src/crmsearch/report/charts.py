"""Parts of a page: bars, pairs of bars, a line over runs. HTML and SVG with nothing behind them; every text is escaped here.

A bar never stands alone: its figure is beside it as text, so that nobody needs to see it or its colour.
"""

from collections.abc import Sequence
from html import escape

import msgspec

__all__ = ["Bar", "Point", "bars", "figure", "line_chart", "percent", "share_bar", "table"]

_WIDTH, _HEIGHT = 260, 96  # of a line chart, in units of its own
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 6, 14, 18


class Bar(msgspec.Struct, frozen=True):
    """One row of a bar chart; ``note`` is said beside the figure, ``tone`` is good, bad or empty."""

    label: str
    value: float
    shown: str
    note: str = ""
    tone: str = ""


class Point(msgspec.Struct, frozen=True):
    """One run in a line chart."""

    label: str
    value: float
    shown: str


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


def share_bar(share: float | None, kind: str = "") -> str:
    """A bar of a share from 0 to 1 and its figure; a dash where there is none."""
    if share is None:
        return '<span class="none">–</span>'
    return f'<span class="share"><i class="{kind}" style="width:{100 * share:.1f}%"></i></span><b>{percent(share, 0)}</b>'


def bars(rows: Sequence[Bar], caption: str, whole: float | None = None) -> str:
    """Bars; the whole width is ``whole``, or the longest of them."""
    if not rows:
        return "<p>None.</p>"
    full = whole or max(row.value for row in rows) or 1
    lines = [
        f'<tr><th scope="row">{escape(row.label)}</th><td class="number">{escape(row.shown)}'
        f"{f'<small>{escape(row.note)}</small>' if row.note else ''}</td>"
        f'<td class="bar"><i class="{row.tone}" style="width:{100 * row.value / full:.1f}%"></i></td></tr>'
        for row in rows
    ]
    return f'<table class="bars"><caption>{escape(caption)}</caption>{"".join(lines)}</table>'


def table(caption: str, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = (), wide: bool = False) -> str:
    """A table of cells that are HTML already; ``numbers`` are the columns set to the right."""
    head = "".join(f'<th scope="col"{_right(place, numbers)}>{escape(header)}</th>' for place, header in enumerate(headers))
    lines = []
    for row in rows:
        cells = "".join(f"<td{_right(place, numbers)}>{cell}</td>" for place, cell in enumerate(row[1:], 1))
        lines.append(f'<tr><th scope="row">{row[0]}</th>{cells}</tr>')
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    # A region of its own may be scrolled by keyboard where the page is narrow.
    scroll = f'role="region" aria-label="{escape(caption)}" tabindex="0"'
    return f'<div class="scroll{" wide" if wide else ""}" {scroll}><table><caption>{escape(caption)}</caption>{body}</table></div>'


def _right(place: int, numbers: Sequence[int]) -> str:
    return ' class="number"' if place in numbers else ""


def line_chart(title: str, points: Sequence[Point], from_zero: bool = True) -> str:
    """A line over runs, the last one marked; its figures are in the text of the picture too."""
    values = [point.value for point in points]
    low, high = (0.0 if from_zero else min(values)), max(values)
    span = (high - low) or 1.0
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(points) - 1)
    places = [
        (_LEFT + step * place, _HEIGHT - _BOTTOM - (value - low) / span * (_HEIGHT - _TOP - _BOTTOM)) for place, value in enumerate(values)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    (x, y), first, last = places[-1], points[0], points[-1]
    said = f"{title}: {first.shown} in the first of {len(points)} runs, {last.shown} in this one"
    base = _HEIGHT - _BOTTOM
    return (
        f'<figure class="trend"><figcaption>{escape(title)} <strong>{escape(last.shown)}</strong></figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said)}">'
        f'<line class="base" x1="{_LEFT}" y1="{base}" x2="{_WIDTH - _RIGHT}" y2="{base}"/>'
        f'<polyline points="{path}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{escape(first.label)}</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end">{escape(last.label)}</text>'
        f'<text x="{_LEFT}" y="{_TOP - 5}">{escape(max(points, key=lambda point: point.value).shown)}</text></svg></figure>'
    )
