"""The customer seen whole: orders, tickets and campaign responses become the commerce, service, marketing and mined fields."""

from collections.abc import Mapping
from functools import reduce

import msgspec
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from crmsearch.contract import FIELDS, ClusterReport, InputKind, ReasonReport
from crmsearch.privacy.quarantine import QUARANTINE_COLUMNS
from spark.frames import kept
from spark.link import GENERIC, INDEXED, QUARANTINED, Survey, count_rows, survey, with_verdicts
from spark.mine import cluster_reports, count_segments, with_churn_risk, with_clusters, with_rfm
from spark.schemas import CLEANED, DOCUMENT_COLUMNS
from spark.tally import Tally

__all__ = ["Enriched", "enrich"]

SEED = 17  # of the random starts of the clusters; any would do, as long as it stays

# The groups of fields that each kind fills; ``cluster`` takes all.
_GROUPS = {"orders": ("commerce", "mined"), "tickets": ("service",), "campaigns": ("marketing",)}
_QUARANTINE = {name: "array<string>" if name in {"reasons", "issues"} else "string" for name in QUARANTINE_COLUMNS}
_CENTS = "decimal(38,0)"  # sums of whole numbers do not depend on the order of rows, and these do not overflow


class Enriched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        golden: customers, with ``DOCUMENT_COLUMNS``.
        rejected: rows of all kinds that count for no customer, with ``QUARANTINE_COLUMNS``.
        tallies: rows by kind and source.
        reasons: rows by kind and rule.
        rfm_segments: customers by segment.
        clusters: the behavioural clusters, highest revenue first.
        currency: what the money is in, where the orders tell it.
    """

    golden: DataFrame
    rejected: DataFrame
    tallies: dict[tuple[InputKind, str], Tally]
    reasons: list[ReasonReport] = []
    rfm_segments: dict[str, int] = {}
    clusters: list[ClusterReport] = []
    currency: str | None = None


def enrich(golden: DataFrame, records: DataFrame, related: Mapping[InputKind, DataFrame], as_of: str, seed: int = SEED) -> Enriched:
    """Fill the fields that orders, tickets and campaign responses tell; the same for the same rows, however they lie.

    A count is 0 for a customer of whom there are no rows, and null where there could be none: no file of the kind was given, or none of
    the customer's records has a key that its rows could bear.

    Args:
        golden: one row per customer, with ``DOCUMENT_COLUMNS``.
        records: one row per accepted record, with ``customer_id``, ``source_system`` and ``source_key``.
        related: by kind, a frame of ``with_cleaned_related`` with ``source``, ``source_system`` and ``run_id``. They are kept in memory or
            on disk; what is returned reads them.
        as_of: the day of the run, ``yyyy-MM-dd``.
        seed: of the clusters.
    """
    empty = records.limit(0).select(*(F.lit(None).cast(type_).alias(name) for name, type_ in _QUARANTINE.items()))
    if not related:
        return Enriched(golden=golden, rejected=empty, tallies={})
    surveys: dict[InputKind, Survey] = {}
    rejected = [empty]
    tallies: dict[tuple[InputKind, str], Tally] = {}
    reasons: list[ReasonReport] = []
    aggregates: list[DataFrame] = []
    for kind, frame in related.items():
        cleaned = frame.persist(StorageLevel.MEMORY_AND_DISK)
        surveys[kind] = survey(cleaned, kind)
        # The rows as read are long, and needed only for the few in quarantine.
        raw = F.when(F.col("verdict") == QUARANTINED, F.col("raw"))
        judged = kept(with_verdicts(cleaned, records, kind, surveys[kind]).withColumn("raw", raw))
        found = count_rows(judged, kind, surveys[kind])
        cleaned.unpersist()
        rejected.append(judged.where(F.col("verdict") == QUARANTINED).withColumn("kind", F.lit(kind)).select(*QUARANTINE_COLUMNS))
        tallies |= {(kind, source): tally for source, tally in found.tallies.items()}
        reasons += found.reasons
        aggregates += _AGGREGATES[kind](judged.where(F.col("verdict") == INDEXED))
    figures = reduce(lambda left, right: left.join(right, "customer_id", "left"), aggregates, _reach(records, surveys))
    known = kept(_complete(figures, surveys, as_of))
    figures, clustering = with_clusters(with_churn_risk(with_rfm(known)) if "orders" in related else known, seed)
    figures = kept(figures)
    return Enriched(
        golden=_fill(golden, figures, surveys),
        rejected=reduce(DataFrame.unionByName, rejected),
        tallies=tallies,
        reasons=reasons,
        rfm_segments=count_segments(figures) if "orders" in related else {},
        clusters=cluster_reports(figures, clustering),
        currency=surveys["orders"].currency if "orders" in surveys else None,
    )


def _reach(records: DataFrame, surveys: Mapping[InputKind, Survey]) -> DataFrame:
    """``customer_id``, and for every kind whether rows of it could name the customer."""
    keyed = F.col("source_key").isNotNull()
    reaches = [
        F.max(keyed & (F.lit(GENERIC in known.systems) | F.col("source_system").isin(*known.systems, GENERIC))).alias(f"reaches_{kind}")
        for kind, known in surveys.items()
    ]
    return records.groupBy("customer_id").agg(*reaches)


def _of_orders(orders: DataFrame) -> list[DataFrame]:
    sold, day = F.col("is_sale"), F.substring("ordered_at", 1, 10)
    totals = orders.groupBy("customer_id").agg(
        F.count_if(sold & F.col("leads")).alias("order_count"),
        F.sum(F.col("revenue_cents").cast(_CENTS)).alias("revenue_cents"),
        F.min(F.when(sold, F.col("ordered_at"))).alias("first_order_at"),
        F.max(F.when(sold, F.col("ordered_at"))).alias("last_order_at"),
        # Several orders of one day are one visit: they say nothing of the pace.
        F.count_distinct(F.when(sold, day)).alias("order_days"),
    )
    sums = orders.where(sold & F.col("category").isNotNull()).groupBy("customer_id", "category")
    counted = sums.agg(F.count("*").alias("orders"), F.sum(F.col("revenue_cents").cast(_CENTS)).alias("cents"))
    # Most orders, then most money, then the first by the alphabet.
    first = F.min(F.struct(-F.col("orders"), -F.col("cents"), F.col("category").alias("category")))
    return [totals, counted.groupBy("customer_id").agg(first["category"].alias("top_category"))]


def _of_tickets(tickets: DataFrame) -> list[DataFrame]:
    last = F.max(F.struct("opened_at", "source_key", "fingerprint", "subject"))
    totals = tickets.groupBy("customer_id").agg(
        F.count("*").alias("ticket_count"),
        F.count_if("is_open").alias("open_ticket_count"),
        F.sum(F.col("resolution_seconds").cast(_CENTS)).alias("seconds"),
        F.count("resolution_seconds").alias("resolved"),
        F.sum("rating").alias("points"),
        F.count("rating").alias("ratings"),
        last.alias("last"),
    )
    return [
        totals.select(
            "customer_id",
            "ticket_count",
            "open_ticket_count",
            F.round(_mean("seconds", "resolved") / 3600, 2).alias("average_resolution_hours"),
            F.round(_mean("points", "ratings") / 100, 2).alias("satisfaction"),
            F.col("last.opened_at").alias("last_ticket_at"),
            F.col("last.subject").alias("last_ticket_subject"),
        )
    ]


def _of_campaigns(responses: DataFrame) -> list[DataFrame]:
    steps = ("opened", "clicked", "converted")
    last = F.max(F.when(F.col("campaign").isNotNull(), F.struct("sent_at", "source_key", "fingerprint", "campaign")))
    # A sum of nulls is null: a file that has no such column does not tell.
    counts = [F.sum(F.col(step).cast("int")).alias(f"campaigns_{step}") for step in steps]
    return [responses.groupBy("customer_id").agg(F.count("*").alias("campaigns_sent"), *counts, last["campaign"].alias("last_campaign"))]


_AGGREGATES = {"orders": _of_orders, "tickets": _of_tickets, "campaigns": _of_campaigns}


def _mean(total: str, count: str) -> Column:
    return F.when(F.col(count) > 0, F.col(total).cast("double") / F.col(count))


def _complete(figures: DataFrame, surveys: Mapping[InputKind, Survey], as_of: str) -> DataFrame:
    """Put a 0 where nothing happened, and add what follows from the sums; a kind that was not given has nulls."""
    columns: dict[str, Column] = {}
    for kind, names in _COUNTS.items():
        for name in names:
            # Where rows came, what they do not tell is not 0.
            none = F.col(names[0]).isNull() & F.col(f"reaches_{kind}") if kind in surveys else F.lit(False)
            count = F.when(none, F.lit(0)).otherwise(F.col(name)) if kind in surveys else F.lit(None)
            columns[name] = count.cast(_CENTS if name == "revenue_cents" else "int")
    if "orders" in surveys:
        since = F.datediff(F.lit(as_of), F.substring("last_order_at", 1, 10))
        # The greatest of null and 0 would be 0.
        columns["recency_days"] = F.when(since.isNotNull(), F.greatest(since, F.lit(0)))
        # Cents of at most 2^53, a double's exact integers, so that one division gives the nearest double.
        columns["revenue"] = columns["revenue_cents"].cast("double") / 100
        average = F.round(F.col("revenue_cents").cast("double") / F.col("order_count")) / 100
        columns["average_order_value"] = F.when(F.col("order_count") > 0, average)
    else:
        columns["recency_days"] = F.lit(None).cast("int")
    if "tickets" not in surveys:
        columns["satisfaction"] = F.lit(None).cast("double")
    return figures.withColumns(columns)


# Of these a customer without rows has none.
_COUNTS = {
    "orders": ("order_count", "revenue_cents"),
    "tickets": ("ticket_count", "open_ticket_count"),
    "campaigns": ("campaigns_sent", "campaigns_opened", "campaigns_clicked", "campaigns_converted"),
}


def _fill(golden: DataFrame, figures: DataFrame, surveys: Mapping[InputKind, Survey]) -> DataFrame:
    """The customers with their figures; fields of kinds that were not given stay as they are."""
    groups = {group for kind in surveys for group in _GROUPS[kind]}
    names = [field.name for field in FIELDS.values() if field.group in groups and field.name != "cluster"]
    names.append("cluster")
    values = figures.select(
        F.col("customer_id").alias("_id"), *(F.col(name).cast(CLEANED[name].dataType).alias(f"_{name}") for name in names)
    )
    joined = golden.join(values, F.col("customer_id") == F.col("_id"), "left")
    moves = [f"_{name}" for name in ("last_order_at", "last_ticket_at") if name in names]
    latest = F.greatest("last_activity_at", *moves) if moves else F.col("last_activity_at")
    filled = {name: F.col(f"_{name}") for name in names} | {"last_activity_at": latest}
    return joined.withColumns(filled).select(*DOCUMENT_COLUMNS)
