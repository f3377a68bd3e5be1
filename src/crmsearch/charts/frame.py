"""What is around every chart: its texts, its axes, its colours."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from lets_plot import (
    element_blank,
    element_line,
    element_text,
    ggsize,
    guide_legend,
    guides,
    labs,
    scale_color_manual,
    scale_fill_manual,
    scale_x_continuous,
    scale_x_datetime,
    scale_y_continuous,
    theme,
)

from crmsearch.charts.labels import LEGEND, fit, label, literal, room, shorten, wrap

__all__ = ["ACCENT", "HIGH", "INK", "LOW", "PAPER", "SOFT", "TEXT_LINE", "Frame", "Plot", "across", "down", "draw", "width_of_plot"]

WIDTH = 720  # pixels
LEAST = 50  # pixels of a plot; the library makes none lower, and writes beyond the picture
# Columns of a line of text, by the size of its letters: seven pixels for twelve, in the widest fonts.
TITLE_LINE, SUBTITLE_LINE, TEXT_LINE = 60, 88, 96
ACCENT, INK, SOFT, LINE, PAPER = "#1f6feb", "#1c2430", "#5b6675", "#d9dee6", "#ffffff"
LOW, HIGH = "#c2410c", "#1d4ed8"  # ends of a scale with a middle; told apart by the colour-blind
# Okabe and Ito's colours for the colour-blind, the darker ones first.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c8c8c", "#f0e442")

Plot = Any


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What is written around a chart. ``dates`` says that the values are epoch milliseconds, ``shares`` that 1 is all."""

    title: str
    subtitle: str = ""
    x: str = ""
    caption: str = ""
    dates: bool = False
    shares: bool = False


def across(frame: Frame, low: float, high: float) -> Plot:
    """The x axis; dates and shares no finer than their span needs."""
    if not frame.dates:
        return scale_x_continuous(format=",~g" if not frame.shares else ".0%" if high - low > 0.05 else ".1%")
    days = (high - low) / 86_400_000
    form = "%Y" if days > 3 * 366 else "%Y-%m" if days > 100 else "%Y-%m-%d" if days > 3 else "%m-%d %H:%M"
    return scale_x_datetime(format=form)


def down(labels: Sequence[str], row: float) -> Plot:
    """The y axis: one label for each row, of so many pixels, the first on top."""
    places, shown = list(range(len(labels))), [label(each) for each in labels]
    # In a plot that must be higher than its rows these stay as high as they are, in the middle of it.
    middle, reach = (len(labels) - 1) / 2, max(len(labels), LEAST / row) / 2
    return scale_y_continuous(breaks=places, labels=shown, trans="reverse", limits=[middle + reach, middle - reach], expand=[0, 0])


def draw(plot: Plot, frame: Frame, height: float, grid: str, legend: Sequence[str] = (), beyond: int = 0) -> str:
    """The plot with what is written around it, as SVG.

    Args:
        plot: what is drawn.
        frame: what is written around it.
        height: of the plot alone, in pixels.
        grid: which lines go through it: ``x``, ``y`` or none.
        legend: what the colours are called.
        beyond: pixels that labels need on the right of it.
    """
    text = {
        "title": wrap(frame.title, TITLE_LINE, 2),
        "subtitle": wrap(frame.subtitle, SUBTITLE_LINE, 2),
        "caption": wrap(frame.caption, TEXT_LINE, 3),
        "x": wrap(frame.x, TEXT_LINE, 1),
    }
    plot += labs(y="", **{name: "\n".join(map(literal, each)) for name, each in text.items() if any(each)})
    line = element_line(color=LINE, size=0.6)
    plot += theme(
        plot_title=element_text(size=17, color=INK, face="bold"),
        plot_subtitle=element_text(size=13, color=SOFT, margin=[4, 0, 8, 0]),
        plot_caption=element_text(size=12, color=SOFT, hjust=0),
        axis_title=element_text(size=12, color=SOFT) if frame.x else element_blank(),
        axis_title_y=element_blank(),
        axis_text=element_text(size=12, color=INK),
        plot_margin=[10, 22 + beyond, 8, 12],
        axis_line=element_blank(),
        axis_ticks=element_blank(),
        panel_grid_major_x=line if grid == "x" else element_blank(),
        panel_grid_major_y=line if grid == "y" else element_blank(),
        panel_grid_minor=element_blank(),
        plot_title_position="plot",
        plot_caption_position="plot",
        legend_position="bottom" if legend else "none",
    )
    beside = max(1, int(WIDTH * 0.9 / (40 + 7 * max((min(room(each), LEGEND) for each in legend), default=0))))  # entries of the legend
    if legend:
        names = [literal(shorten(each, LEGEND)) for each in legend]
        guide = guide_legend(ncol=beside, byrow=True)
        plot += guides(fill=guide, color=guide) + coloured(names)
    # What the library takes for each of them, in pixels.
    around = 38 + 17 * len(text["title"]) + (12 + 13 * len(text["subtitle"])) * bool(frame.subtitle) + 15 * bool(frame.x)
    around += 12 * len(text["caption"]) * bool(frame.caption) + (10 + 23 * math.ceil(len(legend) / beside)) * bool(legend)
    return str((plot + ggsize(WIDTH, round(max(height, LEAST) + around))).to_svg())


def coloured(names: Sequence[str]) -> Plot:
    """A colour for each part; in the data parts have their numbers, as texts, so that those with equal names stay apart."""
    places = [str(place) for place in range(len(names))]
    scale = {
        "values": [PALETTE[place % len(PALETTE)] for place in range(len(names))],
        "limits": places,
        "breaks": places,
        "labels": list(names),
        "name": "",
    }
    return scale_fill_manual(**scale) + scale_color_manual(**scale)


def width_of_plot(labels: Sequence[str]) -> int:
    """Pixels that a plot has at least beside the labels of its rows."""
    return WIDTH - 60 - 7 * max((room(fit(each)) for each in labels), default=0)
