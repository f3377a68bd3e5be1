"""Scores, clusters and risks from the figures of customers, by the tables and formulas of ``crmsearch.mining``."""

from collections.abc import Sequence
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from crmsearch.contract import ClusterReport
from crmsearch.mining.churn import DEAF_AFTER, DISSATISFIED, LEAVES, MAX_LOG_ODDS, PRIOR_ORDERS, SIGNS, STAYS, USUAL_GAP_DAYS
from crmsearch.mining.clusters import REACH, SAMPLE_SIZE, Clustering, fit_clusters
from crmsearch.mining.features import FEATURES
from crmsearch.mining.rfm import LEADING_DIGITS, MIDDLE, SEGMENTS, quintile_limits

__all__ = ["cluster_reports", "count_segments", "with_churn_risk", "with_clusters", "with_rfm"]

_BUYER = "order_count > 0"


def with_rfm(figures: DataFrame) -> DataFrame:
    """Add the three scores and the segment of everyone who ordered; they take one job that counts customers by value."""
    cents = F.greatest("revenue_cents", F.lit(0)).cast("bigint")
    surplus = F.pow(F.lit(10), F.greatest(F.lit(0), F.length(cents.cast("string")) - LEADING_DIGITS)).cast("bigint")
    values = {
        "rfm_recency": -F.col("recency_days").cast("bigint"),
        "rfm_frequency": F.col("order_count").cast("bigint"),
        "rfm_monetary": cents - cents % surplus,
    }
    pairs = F.array(*(F.struct(F.lit(score).alias("score"), value.alias("value")) for score, value in values.items()))
    counts: dict[str, dict[int, int]] = {score: {} for score in values}
    for row in figures.where(_BUYER).select(F.explode(pairs).alias("pair")).groupBy("pair.score", "pair.value").count().collect():
        counts[row["score"]][row["value"]] = row["count"]
    scored = figures
    for score, value in values.items():
        scored = scored.withColumn(score, F.when(F.expr(_BUYER), _score(value, quintile_limits(counts[score]))))
    names = [(recency, value, each.name) for each in SEGMENTS for area in each.areas for recency in area[0] for value in area[1]]
    table = F.create_map(*(F.lit(one) for recency, value, name in names for one in (100 * recency + value, name)))
    place = 100 * F.col("rfm_recency") + F.col("rfm_frequency") + F.col("rfm_monetary")
    return scored.withColumn("rfm_segment", table[place])


def _score(value: Column, limits: Sequence[int]) -> Column:
    if not limits:
        return F.lit(MIDDLE)
    return reduce(add, ((value > limit).cast("int") for limit in limits), F.lit(1))


def with_churn_risk(figures: DataFrame) -> DataFrame:
    """Add the risk of everyone who ordered; see ``crmsearch.mining.churn.churn_risk``, of which this is the same in columns."""
    span, repeats = F.datediff("last_order_at", "first_order_at"), F.col("order_days") - 1
    row = figures.where(_BUYER).agg(F.sum(span).alias("days"), F.sum(repeats).alias("gaps")).first()
    gap = row["days"] / row["gaps"] if row is not None and row["gaps"] else USUAL_GAP_DAYS
    begun = F.lit(gap) + span
    log_odds = F.log(F.lit(LEAVES) / (F.lit(STAYS) + repeats))
    log_odds += (F.lit(PRIOR_ORDERS) + repeats) * F.log((begun + F.col("recency_days")) / begun)
    holds = {
        "open ticket": F.col("open_ticket_count") > 0,
        "dissatisfied": F.col("satisfaction") < DISSATISFIED,
        "deaf to campaigns": (F.col("campaigns_sent") >= DEAF_AFTER) & (F.col("campaigns_opened") == 0),
    }
    for name, sign in SIGNS.items():
        log_odds += F.when(holds[name], F.log(F.lit(sign.odds))).otherwise(0.0)
    risk = 1 / (1 + F.exp(-F.least(log_odds, F.lit(MAX_LOG_ODDS))))
    return figures.withColumn("churn_risk", F.when(F.expr(_BUYER), F.round(risk, 4)))


def with_clusters(figures: DataFrame, seed: int) -> tuple[DataFrame, Clustering | None]:
    """Add the cluster of everyone who did anything, and give what was found.

    The fit takes the customers whose ids have the smallest hashes: a sample that does not depend on how the rows lie, and in which almost
    the same customers are when some join or leave.
    """
    active = reduce(
        lambda one, other: one | other,
        (F.coalesce(F.col(name), F.lit(0)) > 0 for name in ("order_count", "ticket_count", "campaigns_sent")),
    )
    features = [F.log1p(_feature(each.name)) if each.is_count else _feature(each.name) for each in FEATURES]
    sample = figures.where(active).orderBy(F.xxhash64("customer_id"), "customer_id").limit(SAMPLE_SIZE)
    clustering = fit_clusters([tuple(row) for row in sample.select(*features).collect()], seed)
    if clustering is None:
        return figures.withColumn("cluster", F.lit(None).cast("string")), None
    # What is not known stands at the mean; the limits come after it, since to Spark the greatest of null and a number is the number.
    scaled = [
        F.least(F.greatest(F.coalesce((feature - mean) / deviation, F.lit(0.0)), F.lit(-REACH)), F.lit(REACH)) if deviation else F.lit(0.0)
        for feature, mean, deviation in zip(features, clustering.means, clustering.deviations, strict=True)
    ]
    placed = figures.withColumn("_place", F.when(active, F.array(*scaled)))
    distances = [
        F.struct(reduce(add, ((F.col("_place")[axis] - at) ** 2 for axis, at in enumerate(centre))).alias("far"), F.lit(name).alias("name"))
        for centre, name in zip(clustering.centres, clustering.names, strict=True)
    ]
    nearest = F.array_min(F.array(*distances))["name"]
    return placed.withColumn("cluster", F.when(active, nearest)).drop("_place"), clustering


def _feature(name: str) -> Column:
    """A feature in its own unit, as a double; money is never below 0 here."""
    values = {
        "revenue": F.when(F.col("revenue_cents").isNotNull(), F.greatest("revenue_cents", F.lit(0))).cast("double") / 100,
        "open_rate": F.when(F.col("campaigns_sent") > 0, F.col("campaigns_opened") / F.col("campaigns_sent")),
    }
    return values.get(name, F.col(name)).cast("double")


def cluster_reports(figures: DataFrame, clustering: Clustering | None) -> list[ClusterReport]:
    """Customers and means of every cluster, in the order of the fit."""
    if clustering is None:
        return []
    # Decimals, since a sum of doubles depends on the order of rows.
    means = [F.avg(_feature(each.name).cast("decimal(28,6)")).cast("double").alias(each.name) for each in FEATURES]
    found = {
        row["cluster"]: row
        for row in figures.where("cluster is not null").groupBy("cluster").agg(F.count("*").alias("n"), *means).collect()
    }
    return [
        ClusterReport(
            name=name,
            customers=found[name]["n"],
            means={each.name: round(found[name][each.name], 4) for each in FEATURES if found[name][each.name] is not None},
        )
        for name in clustering.names
        if name in found
    ]


def count_segments(figures: DataFrame) -> dict[str, int]:
    """Customers by segment, in the order of the table."""
    counts = {row["rfm_segment"]: row["count"] for row in figures.groupBy("rfm_segment").count().collect()}
    return {each.name: counts[each.name] for each in SEGMENTS if each.name in counts}
