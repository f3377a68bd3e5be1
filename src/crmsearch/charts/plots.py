"""The kinds of charts, as plots of the library: figures with their labels in, SVG out.

Rows and columns stand at numbers that have labels, so that equal labels stay apart.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from lets_plot import (
    aes,
    coord_cartesian,
    element_text,
    geom_blank,
    geom_boxplot,
    geom_errorbar,
    geom_label,
    geom_line,
    geom_point,
    geom_rect,
    geom_segment,
    geom_text,
    geom_tile,
    geom_vline,
    ggplot,
    scale_color_identity,
    scale_color_manual,
    scale_fill_identity,
    scale_fill_manual,
    scale_x_continuous,
    scale_y_continuous,
    theme,
)

from crmsearch.charts.frame import ACCENT, HIGH, INK, LOW, PAPER, SOFT, TEXT_LINE, Frame, Plot, across, down, draw, width_of_plot
from crmsearch.charts.labels import fit, label, literal, room, wrap
from crmsearch.errors import InvalidRequestError

__all__ = [
    "Bar",
    "Box",
    "Frame",
    "bars",
    "boxes",
    "choose_kind",
    "heatmap",
    "histogram",
    "lines",
    "notice",
    "sentences",
    "stacks",
]

ROW = 26  # pixels of a row of bars, boxes or cells
EDGE = 0.02  # of the width, that is left free where bars or intervals do not begin at zero
LEVEL = 70  # columns of labels side by side; more are slanted
SMALLEST = 7.5  # pixels of letters in a cell
MOST_LINES = 3  # of a sentence above its bar


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


def choose_kind(kind: str | None, fitting: Sequence[str], subject: str = "there is") -> str:
    """The kind that was asked for, if it fits; the first without one.

    Raises:
        InvalidRequestError: it does not fit.
    """
    if kind is not None and kind not in fitting:
        raise InvalidRequestError(f"{subject} no such chart here; these fit: {', '.join(fitting)}")
    return kind or fitting[0]


def histogram(frame: Frame, bins: Sequence[tuple[float, float, int]], mark: float | None = None) -> str:
    """Bins from low to high with their counts."""
    lows, highs, counts = zip(*bins, strict=True)
    data = {"low": lows, "high": highs, "count": counts, "zero": [0] * len(bins)}
    plot = ggplot(data) + geom_rect(aes(xmin="low", xmax="high", ymin="zero", ymax="count"), fill=ACCENT, color=PAPER, size=0.4)
    plot += scale_y_continuous(format=",~g", expand=[0, 0, 0.05, 0])
    if mark is not None:
        plot += _line_at(mark)
    return draw(plot + across(frame, min(lows), max(highs)), frame, 340, grid="y")


def lines(
    frame: Frame,
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    labels: Sequence[str] | None = None,
    height: int = 340,
    from_zero: bool = False,
) -> str:
    """Points joined by lines, one line for each series; ``labels`` name the places 0, 1, 2 … where x is not a number."""
    points = [(str(place), x, y) for place, (_, line) in enumerate(series) for x, y in line]
    xs = [x for _, x, _ in points]
    plot = ggplot(_columns(points), aes("x", "y", color="series"))
    # Of a line of one point the library would write a remark to the standard output.
    joined = [(str(place), x, y) for place, (_, line) in enumerate(series) if len(line) > 1 for x, y in line]
    if joined:
        plot += geom_line(data=_columns(joined), size=1.1)
    plot += geom_point(size=2.5)
    plot += scale_y_continuous(format=".1%" if frame.shares else ",~g", limits=[0, None] if from_zero else None)
    axis, below, beyond = (across(frame, min(xs), max(xs)), 0, 0) if labels is None else _along(labels, width_of_plot([""]))
    plot += axis
    if len(series) == 1:
        return draw(plot + scale_color_manual(values=[ACCENT]), frame, height + below, grid="y", beyond=beyond)
    return draw(plot, frame, height + below, grid="y", beyond=beyond, legend=[name for name, _ in series])


def _columns(points: Sequence[tuple[str, float, float]]) -> dict[str, Any]:
    return dict(zip(("series", "x", "y"), zip(*points, strict=True), strict=True))


def bars(
    frame: Frame, labels: Sequence[str], rows: Sequence[Bar], mark: float | None = None, parts: Sequence[str] = (), from_zero: bool = True
) -> str:
    """Labelled rows of bars with intervals, or points where a bar from zero would say nothing. ``parts`` name the bars of one row."""
    bands = max(1, len(parts))
    low, high = _reach(rows, from_zero)
    if mark is not None:
        low, high = min(low, mark), max(high, mark)
    span = high - low or 1.0
    middle = [row.row + (row.part - (bands - 1) / 2) * 0.8 / bands for row in rows]
    data = _bar_columns(rows, middle, 0.4 / bands, span, from_zero)
    data["part"] = [str(row.part) for row in rows]
    plot = ggplot(data)
    if from_zero:
        plot += geom_rect(aes(xmin="zero", xmax="x", ymin="top", ymax="bottom", fill="part"), size=0)
    else:
        plot += geom_point(aes("x", "y", color="part"), size=4)
    if not parts:
        plot += scale_fill_manual(values=[ACCENT]) + scale_color_manual(values=[ACCENT])
    if mark is not None:
        plot += _line_at(mark)
    plot += _intervals_and_figures(rows, 0.4 / bands, halo=mark is not None)
    # Of the width, for the text beside the longest bar.
    share = min(0.5, (14 + 7 * max(room(row.text) for row in rows)) / width_of_plot(labels))
    begin = low if from_zero and low == 0 else low - span * EDGE
    height = ROW * (1 if bands == 1 else 0.35 + 0.45 * bands)
    plot += across(frame, low, high) + down(labels, height) + coord_cartesian(xlim=[begin, low + span / (1 - share)])
    return draw(plot, frame, height * len(labels), grid="x", legend=parts)


def sentences(frame: Frame, rows: Sequence[tuple[str, Bar]]) -> str:
    """Bars from zero, each under the sentence that says what it is."""
    texts = [wrap(text, TEXT_LINE, MOST_LINES) for text, _ in rows]
    height = 30 + 15 * max(map(len, texts))  # of a row, with the bar at its foot
    shown = [bar for _, bar in rows]
    low, high = _reach(shown, from_zero=True)
    span = high - low or 1.0
    middle = [place + 0.5 - 15 / height for place in range(len(rows))]
    data = _bar_columns(shown, middle, 7 / height, span, from_zero=True)
    data["begin"] = [low] * len(rows)
    data["head"] = [y - 11 / height for y in middle]
    data["sentence"] = ["\n".join(map(literal, text)) for text in texts]
    plot = ggplot(data) + geom_rect(aes(xmin="zero", xmax="x", ymin="top", ymax="bottom"), size=0, fill=ACCENT)
    plot += geom_segment(aes(x="zero", xend="zero", y="top", yend="bottom"), size=0.9, color=INK)
    plot += _intervals_and_figures(shown, 10 / height)
    plot += geom_text(aes("begin", "head", label="sentence"), hjust=0, vjust=0, size=5.5, lineheight=1.15, color=INK)
    edges = [low - span * EDGE, high + span * 0.1]  # with room for a figure on the right
    plot += across(frame, low, high) + down([""] * len(rows), height) + coord_cartesian(xlim=edges)
    return draw(plot, frame, height * len(rows), grid="x")


def _reach(rows: Sequence[Bar], from_zero: bool) -> tuple[float, float]:
    """The lowest and the highest figure of bars and their intervals."""
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None] + ([0.0] if from_zero else [])
    return min(ends), max(ends)


def _bar_columns(rows: Sequence[Bar], middle: Sequence[float], reach: float, span: float, from_zero: bool) -> dict[str, Any]:
    return {
        "y": list(middle),
        "top": [y - reach for y in middle],
        "bottom": [y + reach for y in middle],
        "x": [row.value for row in rows],
        "zero": [0.0] * len(rows),
        "low": [row.low for row in rows],
        "high": [row.high for row in rows],
        "beside": [span / 100 + _reach([row], from_zero)[1] for row in rows],
        "text": [literal(row.text) for row in rows],
    }


def _intervals_and_figures(rows: Sequence[Bar], width: float, *, halo: bool = False) -> Plot:
    """Over bars or points; with a ``halo`` a line that goes through all rows stops around the figures, so that they can be read."""
    layers = geom_blank()
    if any(row.low is not None for row in rows):
        layers += geom_errorbar(aes(y="y", xmin="low", xmax="high"), width=width, size=0.8, color=INK)
    if any(row.text for row in rows):
        place = aes("beside", "y", label="text")
        paper = {"fill": PAPER, "alpha": 1, "label_size": 0, "label_padding": 0.1, "label_r": 0}
        layers += geom_label(place, hjust=0, size=6, color=INK, **paper) if halo else geom_text(place, hjust=0, size=6, color=INK)
    return layers


def _line_at(x: float) -> Plot:
    return geom_vline(xintercept=x, color=INK, linetype="dashed", size=0.9)


def boxes(frame: Frame, rows: Sequence[Box]) -> str:
    """Rows of boxes."""
    names = ("lowest", "lower", "middle", "upper", "highest")
    data: dict[str, Any] = {name: [row.values[place] for row in rows] for place, name in enumerate(names)}
    data["y"] = list(range(len(rows)))
    ends = aes(y="y", xmin="lowest", xlower="lower", xmiddle="middle", xupper="upper", xmax="highest")
    plot = ggplot(data) + geom_boxplot(ends, stat="identity", orientation="y", fill="#dbe8fd", color=ACCENT, size=0.9, width=0.55)
    plot += across(frame, min(data["lowest"]), max(data["highest"])) + down([row.label for row in rows], ROW + 6)
    return draw(plot, frame, (ROW + 6) * len(rows), grid="x")


def stacks(frame: Frame, rows: Sequence[tuple[str, Sequence[float]]], parts: Sequence[str]) -> str:
    """Rows of shares that make a whole, one colour for each part."""
    data: dict[str, list[Any]] = {"low": [], "high": [], "top": [], "bottom": [], "part": []}
    for place, (_, shares) in enumerate(rows):
        begin = 0.0
        for number, share in enumerate(shares):
            rectangle = (begin, begin + share, place - 0.4, place + 0.4, str(number))
            for values, value in zip(data.values(), rectangle, strict=True):
                values.append(value)
            begin += share
    plot = ggplot(data) + geom_rect(aes(xmin="low", xmax="high", ymin="top", ymax="bottom", fill="part"), color=PAPER, size=0.4)
    plot += scale_x_continuous(format=".0%", expand=[0, 0, 0.04, 0]) + down([label for label, _ in rows], ROW)
    return draw(plot, frame, ROW * len(rows), grid="x", legend=parts)


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
    longest, height = max((room(text) for row in cells for _, text in row), default=0), ROW
    letter = _letter(rows, columns, longest)
    if letter < SMALLEST:  # with its parts below each other
        cells = [[(value, text.replace(" · ", "\n")) for value, text in row] for row in cells]
        longest = max((room(line) for row in cells for _, text in row for line in text.split("\n")), default=0)
        letter, height = _letter(rows, columns, longest), 2 * ROW
    found = [(column, place, *_colours(value, scale), text) for place, row in enumerate(cells) for column, (value, text) in enumerate(row)]
    data: dict[str, Any] = dict(zip(("x", "y", "fill", "ink", "text"), map(list, zip(*found, strict=True)), strict=True))
    data["text"] = ["\n".join(map(literal, text.split("\n"))) for text in data["text"]]
    # The colours are worked out here: a scale of the library refuses values that are all equal.
    plot = ggplot(data, aes("x", "y")) + geom_tile(aes(fill="fill"), color=PAPER, size=0.6)
    # What nobody could read is left to the description.
    if letter >= SMALLEST:
        plot += geom_text(aes(label="text", color="ink"), size=letter / 2.2)
    plot += scale_fill_identity() + scale_color_identity()
    axis, below, beyond = _along(columns, width_of_plot(rows), expand=[0, 0])
    return draw(plot + axis + down(rows, height), frame, height * len(rows) + below, grid="", beyond=beyond)


def _colours(value: float | None, scale: tuple[float, float, float]) -> tuple[str, str]:
    """The colours of a cell and of the text in it."""
    low, middle, high = scale
    end, reach = (HIGH, high - middle) if value is not None and value > middle else (LOW, middle - low)
    strength = min(1.0, abs(value - middle) / reach) if value is not None and reach else 0.0
    mixed = (round(int(PAPER[place : place + 2], 16) * (1 - strength) + int(end[place : place + 2], 16) * strength) for place in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed), PAPER if strength > 0.6 else INK


def _letter(rows: Sequence[str], columns: Sequence[str], longest: int) -> float:
    """Pixels of the letters of which so many columns fit into a cell."""
    return min(12.0, width_of_plot(rows) / max(1, len(columns)) / 0.62 / max(1, longest))


def notice(frame: Frame, text: str) -> str:
    """A chart of nothing, that says so."""
    plot = ggplot({"x": [0], "y": [0], "text": [literal(text)]}, aes("x", "y", label="text")) + geom_text(size=7, color=SOFT)
    return draw(plot + scale_x_continuous(breaks=[]) + scale_y_continuous(breaks=[]), frame, 60, grid="")


def _along(labels: Sequence[str], width: int, **options: Any) -> tuple[Plot, int, int]:
    """The x axis with a label for each place, and the room below and on the right that slanted ones take; of too many only some."""
    rooms = [room(fit(each)) for each in labels]
    step = 1 if sum(rooms) <= LEVEL else math.ceil(len(labels) * 14 / width)
    places = list(range(0, len(labels), step))
    axis = scale_x_continuous(breaks=places, labels=[label(labels[place]) for place in places], **options)
    if sum(rooms) <= LEVEL:
        return axis, 0, 0
    beyond = max(0, round(6 * rooms[places[-1]] - width / len(labels) / 2))
    return axis + theme(axis_text_x=element_text(angle=-35, hjust=0)), 10 + 4 * max(rooms), beyond
