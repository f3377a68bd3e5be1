"""The kinds of charts, as plots of the library: figures with their labels in, SVG out.

Rows and columns stand at numbers that have labels, so that equal labels stay apart.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from lets_plot import (
    aes,
    coord_cartesian,
    element_blank,
    element_line,
    element_text,
    geom_boxplot,
    geom_errorbar,
    geom_line,
    geom_point,
    geom_rect,
    geom_text,
    geom_tile,
    geom_vline,
    ggplot,
    ggsize,
    labs,
    scale_color_manual,
    scale_fill_gradient2,
    scale_fill_manual,
    scale_x_continuous,
    scale_x_datetime,
    scale_y_continuous,
    theme,
)

from crmsearch.charts.svg import literal

__all__ = ["Bar", "Box", "Frame", "Mark", "bars", "boxes", "heatmap", "histogram", "lines", "notice", "shorten", "stacks"]

WIDTH = 720  # pixels
PLOT = 540  # pixels of it that bars have, more or less
ROW = 26  # pixels of a row of bars, boxes or cells
LONGEST = 40  # characters of a label; longer ones end in …
ACCENT, INK, SOFT, LINE, PAPER = "#1f6feb", "#1c2430", "#5b6675", "#d9dee6", "#ffffff"
LOW, HIGH = "#c2410c", "#1d4ed8"  # ends of a scale with a middle; told apart by the colour-blind
# Okabe and Ito's colours for the colour-blind, the darker ones first.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c8c8c", "#f0e442")

Plot = Any


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What is written around a chart. ``dates`` says that the values are epoch milliseconds."""

    title: str
    subtitle: str = ""
    x: str = ""
    caption: str = ""
    dates: bool = False


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A value in a row, the ends of its interval if it has one, and what is written beside it; ``part`` is its place within the row."""

    row: int
    value: float
    low: float | None = None
    high: float | None = None
    text: str = ""
    part: int = 0


class Box(msgspec.Struct, frozen=True):
    """One row: whiskers, box and median in order."""

    label: str
    values: tuple[float, float, float, float, float]


class Mark(msgspec.Struct, frozen=True):
    """A line across the chart."""

    at: float
    colour: str = INK


def histogram(frame: Frame, bins: Sequence[tuple[float, float, int]], mark: Mark | None = None) -> str:
    """Bins from low to high with their counts."""
    lows, highs, counts = zip(*bins, strict=True)
    data = {"low": lows, "high": highs, "count": counts, "zero": [0] * len(bins)}
    plot = ggplot(data) + geom_rect(aes(xmin="low", xmax="high", ymin="zero", ymax="count"), fill=ACCENT, color=PAPER, size=0.4)
    plot += scale_y_continuous(format=",~g", expand=[0, 0, 0.05, 0])
    return _draw(plot + _across(frame, min(lows), max(highs)), frame, 340, grid="y", mark=mark)


def lines(frame: Frame, series: Sequence[tuple[str, Sequence[tuple[float, float]]]], labels: Sequence[str] | None = None) -> str:
    """Points joined by lines, one line for each series; ``labels`` name the places 0, 1, 2 … where x is not a number."""
    points = [(_label(name), x, y) for name, line in series for x, y in line]
    xs = [x for _, x, _ in points]
    plot = ggplot(_columns(points), aes("x", "y", color="series"))
    # Of a line of one point the library would write a remark to the standard output.
    joined = [(_label(name), x, y) for name, line in series if len(line) > 1 for x, y in line]
    if joined:
        plot += geom_line(data=_columns(joined), size=1.1)
    plot += geom_point(size=2.5)
    plot += scale_color_manual(values=_colours(len(series)), limits=[_label(name) for name, _ in series], name="")
    plot += scale_y_continuous(format=",~g")
    if labels is None:
        plot += _across(frame, min(xs), max(xs))
    else:
        plot += scale_x_continuous(breaks=list(range(len(labels))), labels=[_label(each) for each in labels])
    return _draw(plot, frame, 340, grid="y", legend=len(series) > 1)


def bars(
    frame: Frame, labels: Sequence[str], rows: Sequence[Bar], mark: Mark | None = None, parts: Sequence[str] = (), from_zero: bool = True
) -> str:
    """Labelled rows of bars with intervals, or points where a bar from zero would say nothing. ``parts`` name the bars of one row."""
    bands = max(1, len(parts))
    middle = [row.row + (row.part - (bands - 1) / 2) * 0.8 / bands for row in rows]
    reach = 0.4 / bands
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None] + ([0.0] if from_zero else [])
    span = max(ends) - min(ends) or 1.0
    share = min(0.5, (14 + 7 * max(len(row.text) for row in rows)) / PLOT)  # of the width, for the text beside the longest bar
    data = {
        "y": middle,
        "top": [y - reach for y in middle],
        "bottom": [y + reach for y in middle],
        "x": [row.value for row in rows],
        "zero": [0.0] * len(rows),
        "low": [row.value if row.low is None else row.low for row in rows],
        "high": [row.value if row.high is None else row.high for row in rows],
        "beside": [span / 100 + (row.value if row.high is None else max(row.high, row.value)) for row in rows],
        "text": [literal(row.text) for row in rows],
        "part": [_label(parts[row.part]) if parts else "" for row in rows],
    }
    plot = ggplot(data)
    if from_zero:
        plot += geom_rect(aes(xmin="zero", xmax="x", ymin="top", ymax="bottom", fill="part"), size=0)
    else:
        plot += geom_point(aes("x", "y", color="part"), size=4)
    colours = {"values": _colours(bands) if parts else [ACCENT], "limits": [_label(part) for part in parts] or [""], "name": ""}
    plot += scale_fill_manual(**colours) + scale_color_manual(**colours)
    if any(row.low is not None for row in rows):
        plot += geom_errorbar(aes(y="y", xmin="low", xmax="high"), width=reach, size=0.8, color=INK)
    if any(row.text for row in rows):
        plot += geom_text(aes("beside", "y", label="text"), hjust=0, size=6, color=INK)
    plot += _across(frame, min(ends), max(ends)) + _down(labels) + coord_cartesian(xlim=[min(ends), min(ends) + span / (1 - share)])
    height = ROW * len(labels) * (1 if bands == 1 else 0.35 + 0.45 * bands)
    return _draw(plot, frame, height, grid="x", legend=bool(parts), mark=mark)


def boxes(frame: Frame, rows: Sequence[Box]) -> str:
    """Rows of boxes."""
    names = ("lowest", "lower", "middle", "upper", "highest")
    data: dict[str, Any] = {name: [row.values[place] for row in rows] for place, name in enumerate(names)}
    data["y"] = list(range(len(rows)))
    ends = aes(y="y", xmin="lowest", xlower="lower", xmiddle="middle", xupper="upper", xmax="highest")
    plot = ggplot(data) + geom_boxplot(ends, stat="identity", orientation="y", fill="#dbe8fd", color=ACCENT, size=0.9, width=0.55)
    plot += _across(frame, min(data["lowest"]), max(data["highest"])) + _down([row.label for row in rows])
    return _draw(plot, frame, (ROW + 6) * len(rows), grid="x")


def stacks(frame: Frame, rows: Sequence[tuple[str, Sequence[float]]], parts: Sequence[str]) -> str:
    """Rows of shares that make a whole, one colour for each part."""
    data: dict[str, list[Any]] = {"low": [], "high": [], "top": [], "bottom": [], "part": []}
    for place, (_, shares) in enumerate(rows):
        begin = 0.0
        for part, share in zip(parts, shares, strict=True):
            rectangle = (begin, begin + share, place - 0.4, place + 0.4, _label(part))
            for values, value in zip(data.values(), rectangle, strict=True):
                values.append(value)
            begin += share
    plot = ggplot(data) + geom_rect(aes(xmin="low", xmax="high", ymin="top", ymax="bottom", fill="part"), color=PAPER, size=0.4)
    plot += scale_fill_manual(values=_colours(len(parts)), limits=[_label(part) for part in parts], name="")
    plot += scale_x_continuous(format=".0%", expand=[0, 0, 0.04, 0]) + _down([label for label, _ in rows])
    return _draw(plot, frame, ROW * len(rows), grid="x", legend=True)


def heatmap(
    frame: Frame,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[tuple[float | None, str]]],
    scale: tuple[float, float, float],
) -> str:
    """Cells with a value that gives the colour and the text written in it.

    Args:
        frame: what is written around it.
        rows: their labels, from the top.
        columns: their labels, from the left.
        cells: by row and column; ``None`` is left white.
        scale: the values that have the lowest, the middle (white) and the highest colour.
    """
    low, middle, high = scale
    if low == high:
        low, high = middle - 1, middle + 1
    data: dict[str, list[Any]] = {"x": [], "y": [], "value": [], "text": [], "ink": []}
    for place, row in enumerate(cells):
        for column, (value, text) in enumerate(row):
            shown = middle if value is None else min(max(value, low), high)
            reach = (high - middle if shown > middle else middle - low) or 1.0
            ink = "light" if abs(shown - middle) / reach > 0.6 else "dark"
            for name, each in (("x", column), ("y", place), ("value", shown), ("text", literal(text)), ("ink", ink)):
                data[name].append(each)
    plot = ggplot(data, aes("x", "y")) + geom_tile(aes(fill="value"), color=PAPER, size=0.6)
    plot += geom_text(aes(label="text", color="ink"), size=5.5)
    plot += scale_color_manual(values=[INK, PAPER], limits=["dark", "light"])
    plot += scale_fill_gradient2(low=LOW, mid=PAPER, high=HIGH, midpoint=middle, limits=[low, high])
    crowded = len(columns) * max(map(len, columns), default=0) > 70
    plot += scale_x_continuous(breaks=list(range(len(columns))), labels=[_label(each) for each in columns], expand=[0, 0])
    plot += _down(rows) + theme(axis_text_x=element_text(angle=-35 if crowded else 0, hjust=0 if crowded else 0.5))
    return _draw(plot, frame, ROW * len(rows) + (60 if crowded else 0), grid="")


def notice(frame: Frame, text: str) -> str:
    """A chart of nothing, that says so."""
    plot = ggplot({"x": [0], "y": [0], "text": [literal(text)]}, aes("x", "y", label="text")) + geom_text(size=7, color=SOFT)
    return _draw(plot + theme(axis_text=element_blank()), frame, 60, grid="")


def _across(frame: Frame, low: float, high: float) -> Plot:
    """The x axis; dates no finer than their span needs."""
    if not frame.dates:
        return scale_x_continuous(format=",~g")
    days = (high - low) / 86_400_000
    form = "%Y" if days > 3 * 366 else "%Y-%m" if days > 100 else "%Y-%m-%d" if days > 3 else "%m-%d %H:%M"
    return scale_x_datetime(format=form)


def _down(labels: Sequence[str]) -> Plot:
    """The y axis: one label for each row, the first on top."""
    places, shown = list(range(len(labels))), [_label(each) for each in labels]
    return scale_y_continuous(breaks=places, labels=shown, trans="reverse", limits=[len(labels) - 0.5, -0.5], expand=[0, 0])


def _draw(plot: Plot, frame: Frame, height: float, grid: str, legend: bool = False, mark: Mark | None = None) -> str:
    if mark is not None:
        plot += geom_vline(xintercept=mark.at, color=mark.colour, linetype="dashed", size=0.9)
    text = {"title": literal(frame.title), "subtitle": literal(frame.subtitle), "caption": literal(frame.caption), "x": literal(frame.x)}
    plot += labs(y="", **text)
    line = element_line(color=LINE, size=0.6)
    plot += theme(
        plot_title=element_text(size=17, color=INK, face="bold"),
        plot_subtitle=element_text(size=13, color=SOFT),
        plot_caption=element_text(size=12, color=SOFT, hjust=0),
        axis_title=element_text(size=12, color=SOFT),
        axis_title_y=element_blank(),
        axis_text=element_text(size=12, color=INK),
        plot_margin=[10, 8, 8, 10],
        axis_line=element_blank(),
        axis_ticks=element_blank(),
        panel_grid_major_x=line if grid == "x" else element_blank(),
        panel_grid_major_y=line if grid == "y" else element_blank(),
        panel_grid_minor=element_blank(),
        plot_title_position="plot",
        plot_caption_position="plot",
        legend_position="bottom" if legend else "none",
    )
    around = 52 + 22 * bool(frame.subtitle) + 26 * bool(frame.caption) + 20 * bool(frame.x) + 44 * legend
    return str((plot + ggsize(WIDTH, round(height + around))).to_svg())


def _columns(points: Sequence[tuple[str, float, float]]) -> dict[str, Any]:
    return dict(zip(("series", "x", "y"), zip(*points, strict=True), strict=True))


def _colours(count: int) -> list[str]:
    return [PALETTE[place % len(PALETTE)] for place in range(count)]


def shorten(text: str, most: int = LONGEST - 14) -> str:
    """A label that leaves room for a count behind it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _label(text: str) -> str:
    return literal(shorten(text, LONGEST))
