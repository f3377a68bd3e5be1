"""The figures of the API against those that Spark computes in two passes from the same customers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from crmsearch.cli.look import ask
from crmsearch.search.stats import CorrelationRequest, FieldStats, StatsRequest, StatsResponse
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Source = dict[str, Any]

FIELDS = ("age", "revenue", "average_order_value", "satisfaction", "churn_risk")
PERCENTILES = (1.0, 25.0, 33.3, 50.0, 95.0)
DIGITS = 1e-9  # relative
_random = np.random.default_rng(11)


def _documents() -> Iterator[Source]:
    for number in range(3000):
        document: Source = {"city": ("北京", "上海", "Bern", "Chur")[number % 7 % 4], "age": int(_random.integers(18, 90))}
        document["revenue"] = float(_random.lognormal(6, 1.5))
        document["average_order_value"] = 1e9 + float(_random.normal(0, 1))  # of whose squares no digit is left
        document["churn_risk"] = float(number % 2)  # a step in the middle
        if number % 3 == 0:
            document["satisfaction"] = float(_random.normal(-5, 2))
        yield document


DOCUMENTS = list(_documents())


@pytest.fixture(scope="module")
def made(node_settings: Settings) -> Iterator[Settings]:
    with own_prefix(node_settings, "stats_spark") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, DOCUMENTS))
        yield settings


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    schema = "city string, " + ", ".join(f"{field} double" for field in FIELDS)
    rows = [(each["city"], *(float(each[field]) if field in each else None for field in FIELDS)) for each in DOCUMENTS]
    return spark.createDataFrame(rows, schema)


@pytest.fixture(scope="module")
def expected(frame: DataFrame) -> dict[str | None, dict[str, dict[str, Any]]]:
    """Figures by city (``None``: the whole) and field. Means first, then the distances to them: the two passes."""
    from pyspark.sql import functions as F

    parts = frame.withColumn("part", F.explode(F.array(F.lit("all"), F.col("city"))))
    means = parts.groupBy("part").agg(*(F.avg(field).alias(f"mean_{field}") for field in FIELDS))
    percents = ", ".join(str(percent / 100) for percent in PERCENTILES)
    figures = []
    for field in FIELDS:
        squares = F.sum((F.col(field) - F.col(f"mean_{field}")) ** 2)
        figures += [
            F.count(field).alias(f"{field}_n"),
            F.min(field).alias(f"{field}_min"),
            F.max(field).alias(f"{field}_max"),
            F.sum(field).alias(f"{field}_sum"),
            F.first(f"mean_{field}").alias(f"{field}_mean"),
            (squares / (F.count(field) - 1)).alias(f"{field}_variance"),
            F.expr(f"percentile({field}, array({percents}))").alias(f"{field}_percentiles"),
        ]
    found = {}
    for row in parts.join(F.broadcast(means), "part").groupBy("part").agg(*figures).collect():
        names = ("n", "min", "max", "sum", "mean", "variance", "percentiles")
        found[None if row["part"] == "all" else row["part"]] = {field: {name: row[f"{field}_{name}"] for name in names} for field in FIELDS}
    return found


def _assert_equal(found: FieldStats, expected: dict[str, Any]) -> None:
    assert (found.n, found.min, found.max) == (expected["n"], expected["min"], expected["max"])
    for name in ("sum", "mean", "variance"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=DIGITS), name
    assert found.exact.median
    assert found.exact.percentiles
    assert list(found.percentiles.values()) == pytest.approx(expected["percentiles"], rel=DIGITS)


def _stats(settings: Settings) -> StatsResponse:
    request = msgspec.convert({"fields": FIELDS, "by": "city", "percentiles": PERCENTILES}, StatsRequest)
    return ask(settings, lambda service: service.stats(request))


@pytest.mark.parametrize("small", [False, True])
def test_figures_agree_with_spark(made: Settings, expected: dict[Any, Any], small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are, and as if there were far more customers than a digest keeps."""
    if small:
        monkeypatch.setattr("crmsearch.search.stats.plan.MAX_KEPT", 0)
        monkeypatch.setattr("crmsearch.search.stats.plan.COUNTED_VALUES", 0)
    answer = _stats(made)
    assert {group.value for group in answer.groups or []} == set(expected) - {None}
    for field in FIELDS:
        _assert_equal(answer.figures(field), expected[None][field])
        for group in answer.groups or []:
            _assert_equal(group.figures(field), expected[group.value][field])


def test_correlations_agree_with_spark(made: Settings, frame: DataFrame) -> None:
    from pyspark.sql import functions as F

    answer = ask(made, lambda service: service.correlation(CorrelationRequest(fields=list(FIELDS))))
    for pair, (x, y) in zip(answer.pairs, itertools.combinations(FIELDS, 2), strict=True):
        both = frame.dropna(subset=[x, y])
        means = both.agg(F.avg(x), F.avg(y)).first()
        assert means is not None
        expected = both.select((F.col(x) - means[0]).alias("x"), (F.col(y) - means[1]).alias("y")).agg(F.corr("x", "y")).first()
        assert expected is not None
        assert pair.n == both.count()
        assert pair.r == pytest.approx(expected[0], rel=DIGITS, abs=1e-12)
