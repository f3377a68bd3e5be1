"""Whose each order, ticket or campaign response is, and whether it counts: once, again, or not at all."""

import sys
from collections.abc import Sequence
from functools import reduce

import msgspec
from pyspark import cloudpickle
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from crmsearch.contract import InputKind, ReasonReport
from crmsearch.privacy.masking import mask
from spark.tally import Tally, as_reasons

__all__ = ["GENERIC", "INDEXED", "MERGED", "QUARANTINED", "Found", "Survey", "count_rows", "survey", "with_verdicts"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

_NAME = r"^[^0-9]+$"  # a key that nobody has and that holds no digit is somebody's name
GENERIC = "generic"  # a file whose system is not told; its keys may be of any
INDEXED, MERGED, QUARANTINED = "indexed", "merged", "quarantined"

# When the matter of a row last moved.
_MOMENTS = {
    "orders": ("ordered_at",),
    "tickets": ("opened_at", "closed_at"),
    "campaigns": ("sent_at",),
}

# Rules that only other rows can break -> the column that shows it, and the field by which it is masked.
_EVIDENCE = {
    "customer_unknown": ("customer_key", "customer_id"),
    "customer_named": ("customer_key", "name"),
    "customer_ambiguous": ("customer_key", "customer_id"),
    "currency_mixed": ("currency", "currency"),
    "key_reused": ("source_key", "order_id"),
}


class Survey(msgspec.Struct, frozen=True):
    """What has to be known of all rows of a kind before one can be judged.

    Attributes:
        read: rows by source.
        systems: systems that the rows come from; of no rows it is not told.
        currency: the one that most orders are in; of equally many the first by the alphabet; ``None`` where none is told.
        by_line: sources of orders whose rows are lines with amounts of their own.
    """

    read: dict[str, int]
    systems: tuple[str, ...]
    currency: str | None
    by_line: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """Rows by source, and by rule."""

    tallies: dict[str, Tally]
    reasons: list[ReasonReport]


def survey(cleaned: DataFrame, kind: InputKind) -> Survey:
    """Look at all rows of a kind."""
    currency = F.when(F.size("rejections") == 0, F.col("currency")) if kind == "orders" else F.lit(None).cast("string")
    lines = F.count("line") if kind == "orders" else F.lit(0)
    groups = cleaned.groupBy("source", "source_system", currency.alias("currency"))
    rows = groups.agg(F.count("*").alias("count"), lines.alias("lines")).collect()
    read: dict[str, int] = {}
    currencies: dict[str, int] = {}
    for row in rows:
        read[row["source"]] = read.get(row["source"], 0) + row["count"]
        if row["currency"] is not None:
            currencies[row["currency"]] = currencies.get(row["currency"], 0) + row["count"]
    main = min(currencies, key=lambda code: (-currencies[code], code)) if currencies else None
    systems = tuple(sorted({row["source_system"] for row in rows})) or (GENERIC,)
    return Survey(read, systems, main, _sources_by_line(cleaned) if kind == "orders" and any(row["lines"] for row in rows) else ())


def _sources_by_line(orders: DataFrame) -> tuple[str, ...]:
    """Sources whose rows are lines with amounts of their own, and do not repeat the order's.

    An order's own amount is the same on all of its lines; lines of their own differ in most orders, if not in all.
    """
    lines = orders.where((F.size("rejections") == 0) & F.col("is_sale") & F.col("source_key").isNotNull() & F.col("line").isNotNull())
    differ = (F.min("revenue_cents") < F.max("revenue_cents")) | F.coalesce(F.bool_or("is_line_amount"), F.lit(False))
    each = lines.groupBy("source", "source_system", "source_key").agg(F.count_distinct("line").alias("lines"), differ.alias("differ"))
    counts = each.where("lines > 1").groupBy("source").agg(F.count("*").alias("orders"), F.count_if("differ").alias("differ"))
    return tuple(sorted(row["source"] for row in counts.collect() if 2 * row["differ"] >= row["orders"]))


def with_verdicts(cleaned: DataFrame, records: DataFrame, kind: InputKind, known: Survey) -> DataFrame:
    """Every row with ``customer_id``, ``verdict`` (indexed, merged or quarantined), ``reasons`` and ``evidence``; as many rows as came in.

    A row belongs to the customer of whose records one has its customer key: a record of the row's own system, else one of a generic source.
    A row of a generic source belongs to the customer with that key in whatever system, if there is one only. Of rows with one key of their
    own the one that is furthest on counts, then the newest; those that say the same as it are merged, the others are set aside. Keyless
    rows are the same if they say the same.

    Lines of an order count each, if they agree in customer and date with the one that is furthest on; one that counts ``leads`` the order.
    Where every line bears the amount of the whole order, lines say the same.

    The evidence is the value by which other rows speak against this one, in the clear.

    Args:
        cleaned: frame of ``with_cleaned_related`` with ``source`` and ``source_system``.
        records: the accepted records of customers.
        kind: orders, tickets or campaigns.
        known: what ``survey`` found.
    """
    owners = _owners(records, known.systems).withColumnRenamed("source_key", "customer_key").withColumnRenamed("scope", "source_system")
    owned = cleaned.join(owners, ["source_system", "customer_key"], "left")
    compared = _compared(owned.withColumn("_code", _reason(kind, known.currency)), kind, known)
    fit, first = F.col("_code").isNull(), F.col("_place") == 1
    counts, repeats = F.col("_agrees") & first, F.col("_agrees") & F.col("_repeats")
    verdict = F.when(~fit, QUARANTINED).when(counts, INDEXED).when(repeats, MERGED).otherwise(QUARANTINED)
    added = F.when(~fit, F.col("_code")).when(~(counts | repeats), F.lit("key_reused"))
    own = F.size("rejections") > 0
    reasons = F.when(own, F.col("rejections")).when(added.isNotNull(), F.array(added)).otherwise(F.array().cast("array<string>"))
    evidence = F.coalesce(*(F.when(added == code, F.col(column)) for code, (column, _) in _EVIDENCE.items() if column in cleaned.columns))
    decided = compared.withColumn("verdict", verdict).withColumn("reasons", reasons).withColumn("evidence", evidence)
    if kind == "orders":
        decided = decided.withColumn("leads", _leads(known))
    return decided.select(*(name for name in decided.columns if not name.startswith("_") and name not in {"is_ambiguous", "rejections"}))


_ORDER = ("_whole", "_part", "source_system")  # what rows of one key have in common


def _compared(judged: DataFrame, kind: InputKind, known: Survey) -> DataFrame:
    """Every row with its place among those of its key, and of its line if it is one.

    Adds ``_place``, from 1; ``_repeats``, whether the row says what the first of them says; ``_agrees``, whether a line is of the same
    order as the first of all lines; and the columns of ``_ORDER`` and ``_of_line``.
    """
    # Only rows that could count are compared with one another.
    fit = F.col("_code").isNull()
    whole = F.when(fit, F.coalesce("source_key", "fingerprint")).otherwise(F.concat(F.lit("\0"), "fingerprint"))
    is_order = kind == "orders"
    of_line = fit & F.col("source").isin(*known.by_line) & F.col("source_key").isNotNull() & F.col("line").isNotNull()
    of_line = of_line if known.by_line else F.lit(False)
    said = F.coalesce("order_fingerprint", "fingerprint") if is_order else F.col("fingerprint")
    moments = [F.col(moment) for moment in _MOMENTS[kind]]
    compared = judged.withColumns(
        {
            "_whole": whole,
            # A refund often bears the number of its order.
            "_part": F.col("is_refund") if is_order else F.lit(False),
            "_moment": F.greatest(*moments) if len(moments) > 1 else moments[0],
            "_of_line": of_line,
            "_said": F.when(of_line, F.col("fingerprint")).otherwise(said),
        }
    )
    # The last two only decide in whose count a repetition is.
    furthest = (F.desc("stage"), F.desc_nulls_last("_moment"), F.desc("fingerprint"), F.col("source"), F.concat_ws(",", "issues"))
    agrees, line = F.lit(True), []
    if known.by_line:
        # A row of the whole order beside its lines would count it twice.
        about = F.concat_ws("\0", "_of_line", *(F.when(F.col("_of_line"), F.col(name)) for name in ("customer_key", "ordered_at")))
        agrees = about == F.first(about).over(Window.partitionBy(*_ORDER).orderBy(F.desc("_of_line"), *furthest))
        line = [F.when(F.col("_of_line"), F.col("line"))]
    compared = compared.withColumn("_agrees", agrees)
    best = Window.partitionBy(*_ORDER, *line).orderBy(F.desc("_agrees"), *furthest)
    compared = compared.withColumn("_place", F.row_number().over(best)).withColumn("_best", F.first("_said").over(best))
    return compared.withColumn("_repeats", F.col("_said") == F.col("_best"))


def _leads(known: Survey) -> Column:
    """Whether a row stands for its order, which is counted once: of lines that count the first."""
    if not known.by_line:
        return F.lit(True)
    sold = (F.col("verdict") == INDEXED) & F.col("is_sale")
    lines = Window.partitionBy(*_ORDER, "_of_line").orderBy(sold.desc(), "line")
    return ~F.col("_of_line") | (F.row_number().over(lines) == 1)


def _owners(records: DataFrame, systems: Sequence[str]) -> DataFrame:
    """``scope``, ``source_key``, ``customer_id``, ``is_ambiguous``: for every system that rows come from, the customer of every key."""
    keyed = records.where(F.col("source_key").isNotNull())
    empty = keyed.limit(0).select(F.lit("").alias("scope"), "source_key", F.col("customer_id"), F.lit(False).alias("is_ambiguous"))
    return reduce(DataFrame.unionByName, (_owners_in(keyed, system) for system in systems), empty)


def _owners_in(keyed: DataFrame, system: str) -> DataFrame:
    within = keyed if system == GENERIC else keyed.where(F.col("source_system").isin(system, GENERIC))
    own = F.when(F.lit(system == GENERIC) | (F.col("source_system") == system), F.col("customer_id"))
    ends = within.groupBy("source_key").agg(
        F.min(own).alias("first_own"),
        F.max(own).alias("last_own"),
        F.min("customer_id").alias("first"),
        F.max("customer_id").alias("last"),
    )
    first, last = F.coalesce("first_own", "first"), F.coalesce("last_own", "last")
    return ends.select(
        F.lit(system).alias("scope"),
        "source_key",
        F.when(first == last, first).alias("customer_id"),
        (first != last).alias("is_ambiguous"),
    )


def _reason(kind: InputKind, currency: str | None) -> Column:
    """Why a row cannot count, whatever the other rows say; null if it can."""
    reason = F.when(F.size("rejections") > 0, F.element_at("rejections", 1))
    nobodys = F.col("customer_id").isNull()
    reason = reason.when(F.coalesce("is_ambiguous", F.lit(False)), "customer_ambiguous")
    reason = reason.when(nobodys & F.col("customer_key").rlike(_NAME), "customer_named").when(nobodys, "customer_unknown")
    if kind == "orders" and currency is not None:
        reason = reason.when(F.col("currency") != currency, "currency_mixed")
    return reason


def count_rows(judged: DataFrame, kind: InputKind, known: Survey) -> Found:
    """Rows by source and verdict, and by rule with a few masked cells."""
    # Combinations of codes are few, however many rows there are; so are samples.
    groups = judged.groupBy("source", "verdict", "reasons", "issues").agg(
        F.count("*").alias("count"),
        F.flatten(F.collect_list("samples")).alias("samples"),
        F.array(F.min("evidence"), F.max("evidence")).alias("ends"),
    )
    # Masked by an executor, so that the driver sees no value in the clear.
    shown = F.udf(_mask_evidence, "array<string>")(F.get("reasons", F.lit(0)), "ends")
    tallies: dict[str, dict[str, int]] = {source: {} for source in known.read}
    counts: list[tuple[str, int, Sequence[str]]] = []
    for row in groups.withColumn("ends", shown).collect():
        tally = tallies[row["source"]]
        tally[row["verdict"]] = tally.get(row["verdict"], 0) + row["count"]
        counts += ((code, row["count"], row["ends"] if code in row["reasons"] else ()) for code in {*row["reasons"], *row["issues"]})
        counts += ((one["code"], 0, [one["sample"]]) for one in row["samples"])
    return Found({source: Tally(read=known.read[source], **tally) for source, tally in tallies.items()}, as_reasons(kind, counts))


def _mask_evidence(code: str | None, cells: Sequence[str | None]) -> list[str]:
    return [mask(cell, _EVIDENCE[code][1]) for cell in cells if cell is not None and code in _EVIDENCE]
