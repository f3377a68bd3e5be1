"""Every statistics answer as a picture: figures in, SVG out. Pure; drawn by lets-plot, which needs no browser, no font and no network."""

from crmsearch.charts.statistics import draw_stats, prepare_stats
from crmsearch.charts.tables import draw_correlation, draw_crosstab
from crmsearch.charts.words import Language

__all__ = ["Language", "draw_correlation", "draw_crosstab", "draw_stats", "prepare_stats"]
