"""Statistics computed inside Elasticsearch over the whole filtered population: figures, groups, correlation, cross-tabulation. Pure."""

from crmsearch.search.stats.body import AnyStats, Group, StatsResponse
from crmsearch.search.stats.categories import CategoryStats, CategoryValue
from crmsearch.search.stats.correlation import Correlation, CorrelationResponse
from crmsearch.search.stats.crosstab import Cell, CrosstabResponse, Line
from crmsearch.search.stats.exchange import answer_correlation, answer_crosstab, answer_stats
from crmsearch.search.stats.figures import ErrorBound, Exactness, FieldStats
from crmsearch.search.stats.histogram import HistogramBin
from crmsearch.search.stats.request import (
    CorrelationRequest,
    CrosstabRequest,
    Grouping,
    HistogramRequest,
    Range,
    StatsRequest,
    check_stats,
    fields_of,
    parse_grouping,
    parse_groupings,
    parse_histogram,
    parse_percentiles,
    with_grouped_days,
)

__all__ = [
    "AnyStats",
    "CategoryStats",
    "CategoryValue",
    "Cell",
    "Correlation",
    "CorrelationRequest",
    "CorrelationResponse",
    "CrosstabRequest",
    "CrosstabResponse",
    "ErrorBound",
    "Exactness",
    "FieldStats",
    "Group",
    "Grouping",
    "HistogramBin",
    "HistogramRequest",
    "Line",
    "Range",
    "StatsRequest",
    "StatsResponse",
    "answer_correlation",
    "answer_crosstab",
    "answer_stats",
    "check_stats",
    "fields_of",
    "parse_grouping",
    "parse_groupings",
    "parse_histogram",
    "parse_percentiles",
    "with_grouped_days",
]
