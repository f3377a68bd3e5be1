from __future__ import annotations

from typing import Any

import pytest

from crmsearch.errors import InvalidRequestError, UnknownFieldError
from crmsearch.search.request import HistogramRequest, StatsRequest, check_stats
from crmsearch.search.stats import build_stats_body, parse_stats, tdigest_compression


def _figures(n: int, **figures: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("min", "max", "avg", "variance_sampling", "std_deviation_sampling"))
    return {
        "age.stats": {"count": n, "sum": 0.0, **empty, **figures},
        "age.missing": {"doc_count": 2},
        "age.percentiles": {"values": {"50.0": 30.0 if n else None}},
    }


def _answer(n: int, **figures: Any) -> dict[str, Any]:
    return {"took": 3, "hits": {"total": {"value": n + 2}}, "aggregations": _figures(n, **figures)}


@pytest.mark.parametrize(("population", "compression"), [(0, 100), (1999, 100), (2000, 101), (100_000, 5001), (10**9, 10_000)])
def test_compression_keeps_the_population_exact_within_bounds(population: int, compression: int) -> None:
    assert tdigest_compression(population) == compression
    assert population < 20 * compression or compression == 10_000


def test_body_asks_for_figures_whole_and_in_groups() -> None:
    body = build_stats_body(StatsRequest(fields=["age"], by="company", percentiles=(90.0,), histogram=HistogramRequest(interval=10)), 100)
    assert body["size"] == 0
    assert body["aggs"]["age.stats"] == {"extended_stats": {"field": "age"}}
    assert body["aggs"]["age.percentiles"] == {"percentiles": {"field": "age", "percents": [50.0, 90.0], "tdigest": {"compression": 100}}}
    assert body["aggs"]["by"]["terms"] == {"field": "company.keyword", "size": 20}
    assert body["aggs"]["by"]["aggs"]["age.histogram"] == {"histogram": {"field": "age", "interval": 10, "min_doc_count": 1}}


def test_one_value_has_no_variance_and_says_why() -> None:
    request = StatsRequest(fields=["age"], percentiles=(50.0,))
    stats = parse_stats(request, _answer(1, avg=30.0, sum=30.0, variance_sampling="NaN", std_deviation_sampling="NaN"), 3).fields["age"]
    assert (stats.mean, stats.variance, stats.std_deviation) == (30.0, None, None)
    assert stats.reason == "one value has no variance"


def test_no_value_has_no_figures_and_says_why() -> None:
    stats = parse_stats(StatsRequest(fields=["age"]), _answer(0), 2).fields["age"]
    assert (stats.n, stats.missing, stats.mean, stats.median, stats.sum) == (0, 2, None, None, None)
    assert stats.reason


def test_exactness_follows_the_number_of_values() -> None:
    request = StatsRequest(fields=["age"])
    assert parse_stats(request, _answer(1999, avg=1.0), 1999).fields["age"].exact.median
    assert not parse_stats(request, _answer(250_000, avg=1.0), 250_000).fields["age"].exact.median


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (StatsRequest(fields=[]), InvalidRequestError),
        (StatsRequest(fields=["age"] * 11), InvalidRequestError),
        (StatsRequest(fields=["name"]), UnknownFieldError),
        (StatsRequest(fields=["nothing"]), UnknownFieldError),
        (StatsRequest(fields=["age"], by="notes"), UnknownFieldError),
        (StatsRequest(fields=["age"], size=201), InvalidRequestError),
        (StatsRequest(fields=["age"], percentiles=(101.0,)), InvalidRequestError),
    ],
)
def test_impossible_statistics_are_refused(request_: StatsRequest, error: type[InvalidRequestError]) -> None:
    with pytest.raises(error):
        check_stats(request_)
