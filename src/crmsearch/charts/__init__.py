"""Every answer with figures as a picture: figures in, SVG out. Pure; drawn by lets-plot, which needs no browser, no font and no network."""

from crmsearch.charts.insights import draw_campaigns, draw_service, draw_tour
from crmsearch.charts.segments import draw_comparison, draw_profile
from crmsearch.charts.statistics import draw_stats, prepare_stats
from crmsearch.charts.tables import draw_correlation, draw_crosstab
from crmsearch.charts.words import Language

__all__ = [
    "Language",
    "draw_campaigns",
    "draw_comparison",
    "draw_correlation",
    "draw_crosstab",
    "draw_profile",
    "draw_service",
    "draw_stats",
    "draw_tour",
    "prepare_stats",
]
