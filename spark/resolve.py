"""Records to customers: rows of one key or one content first, then records that are one person by comparison.

Which links hold and which value survives is ``crmsearch.resolution``'s; here it is carried out over a whole customer base, of whose records
``pairs`` finds the links.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa
from pyspark import StorageLevel, cloudpickle
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from crmsearch.contract import MergeReport
from crmsearch.resolution.components import connect
from crmsearch.resolution.customers import make_customers
from crmsearch.resolution.rows import MAX_ID_BYTES
from crmsearch.resolution.weights import Model
from spark.frames import cut
from spark.pairs import Batches, Links, find_links
from spark.schemas import CLEANED_ARROW, DOCUMENT_COLUMNS

__all__ = ["Resolution", "record_name", "resolve"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

_BROADCAST_LINKED = 1_000_000  # records in clusters up to which their components are sent to every executor; 16 bytes each, and overhead
_AND = ", "
_CONFIDENCE_BANDS = (("0.99-1.00", 0.99), ("0.95-0.99", 0.95), ("below 0.95", 0.0))
_MOST_REASONS = 20  # combinations of levels that the report names
_MERGED = pa.schema(
    [
        *(CLEANED_ARROW.field(name) for name in DOCUMENT_COLUMNS),
        ("members", pa.list_(pa.string())),  # ids of the records, one of which is the customer's
        ("reasons", pa.list_(pa.string())),  # one text for each link
        ("refused", pa.int64()),
    ]
)


class Resolution(msgspec.Struct, frozen=True):
    """What the records have become.

    Attributes:
        golden: one row per customer, with ``DOCUMENT_COLUMNS``.
        records: one row per accepted record: ``record_id``, ``customer_id``, ``source``, ``source_system``, ``source_key`` and ``indexed``,
            which is true for exactly one record of each customer.
        leaders: the records as they were compared, rows of one key being one: with ``DOCUMENT_COLUMNS`` of their own, ``fingerprint``,
            ``withdrawn``, ``component`` (null where no link touches it) and ``home``, the customer.
        hot: blocking keys that narrower ones replaced.
        report: how records became customers.
        held: frames in memory or on disk that the two above read.
    """

    golden: DataFrame
    records: DataFrame
    leaders: DataFrame
    hot: list[int]
    report: MergeReport
    held: tuple[DataFrame, ...] = ()

    def release(self) -> None:
        """Give the memory back; ``golden`` and ``records`` would have to be computed anew."""
        for frame in self.held:
            frame.unpersist()


def resolve(accepted: DataFrame, run_id: str, indexed_at: str) -> Resolution:
    """Find the customers behind the records.

    Args:
        accepted: rows of ``schemas.CLEANED`` that were not rejected, with ``source``.
        run_id: name of the run, for the documents.
        indexed_at: ISO time of the run, for the documents.

    The outcome does not depend on the order or the partitions of the rows. The driver holds 16 bytes for each link and some 200 for each
    record that has one: about a gigabyte for 20 million records of which a quarter are copies.
    """
    held: list[DataFrame] = []

    def kept(frame: DataFrame) -> DataFrame:
        held.append(frame.persist(StorageLevel.MEMORY_AND_DISK))
        return cut(held[-1])

    grouped = kept(_with_groups(accepted))
    leaders = grouped.where("leads").withColumn("run_id", F.lit(run_id)).withColumn("indexed_at", F.lit(indexed_at))
    links = find_links(leaders)
    components = connect(links.edges)
    tagged = _with_components(leaders, components)
    alone = tagged.where(F.col("component").isNull()).select(*DOCUMENT_COLUMNS)
    found = tagged.where(F.col("component").isNotNull()) if components else leaders.limit(0).withColumn("component", F.col("rid"))
    merged = kept(_merge(found, links.model, run_id, indexed_at))
    golden = kept(alone.unionByName(merged.select(*DOCUMENT_COLUMNS)))
    records = kept(_records(grouped, merged))
    report = _report(golden, merged, links)
    homes = tagged.join(_homes(merged), "customer_id", "left").withColumn("home", F.coalesce("merged_id", "customer_id"))
    return Resolution(golden, records, homes, links.hot, report, tuple(held))


def record_name() -> Column:
    """What a record is called: the key alone when it names its system no better; otherwise keys of two systems could meet."""
    key, system = F.coalesce("source_key", "fingerprint"), F.coalesce("source_system", F.lit("generic"))
    return F.when(system == "generic", key).otherwise(F.concat_ws(":", system, key))


def _with_groups(accepted: DataFrame) -> DataFrame:
    """Group rows of one key of one system, or without a key and of one content; the newest of a group leads it.

    Of equals one that withdraws a consent leads, then the most complete, then the first by fingerprint and issues, so that the outcome does
    not depend on the order of rows.
    """
    name = record_name()
    customer_id = F.when(F.octet_length(name) > MAX_ID_BYTES, F.sha2(name, 256)).otherwise(name)
    group = Window.partitionBy("customer_id")
    newest, fullest = F.col("updated_at").desc_nulls_last(), F.col("quality_score").desc_nulls_last()
    strictest = F.size(F.coalesce("withdrawn", F.array())).desc()
    copy = F.row_number().over(group.orderBy(newest, strictest, fullest, "fingerprint", F.concat_ws(",", "quality_issues"), "source"))
    rows, keyless = F.col("merged_count"), F.col("source_key").isNull()
    same = F.when(keyless, F.lit(" rows of the same content")).otherwise(F.lit(" rows of the same source key"))
    issues = F.coalesce("quality_issues", F.array().cast("array<string>"))
    conflict = F.min("fingerprint").over(group) != F.max("fingerprint").over(group)
    return (
        accepted.withColumn("source_system", F.coalesce("source_system", F.lit("generic")))
        .withColumn("customer_id", customer_id)
        .withColumn("copy", copy)
        .withColumn("leads", F.col("copy") == 1)
        .withColumn("merged_count", F.count("*").over(group).cast("int"))
        .withColumn("record_id", F.when(keyless & (F.col("copy") > 1), F.concat_ws("-", name, "copy")).otherwise(name))
        .withColumn("source_records", F.array("customer_id"))
        .withColumn("merge_reasons", F.when(rows > 1, F.array(F.concat("customer_id", F.lit(": "), rows.cast("string"), same))))
        .withColumn("match_confidence", F.lit(1.0))
        .withColumn(
            "quality_issues", F.when(conflict, F.array_union(issues, F.array(F.lit("key_conflict")))).otherwise(F.col("quality_issues"))
        )
        .withColumn("rid", F.xxhash64("customer_id"))
    )


def _with_components(leaders: DataFrame, components: dict[int, int]) -> DataFrame:
    """Every record with the number of its component, null for one that no link touches."""
    frame = leaders.sparkSession.createDataFrame(list(components.items()), "rid bigint, component bigint")
    return leaders.join(F.broadcast(frame) if len(components) <= _BROADCAST_LINKED else frame, "rid", "left")


def _merge(linked: DataFrame, model: Model, run_id: str, indexed_at: str) -> DataFrame:
    """The documents of all components: one for each customer found in them."""
    shared = linked.sparkSession.sparkContext.broadcast(model)
    rows = (
        linked.select("component", "withdrawn", *DOCUMENT_COLUMNS).repartition("component").sortWithinPartitions("component", "customer_id")
    )
    return rows.mapInArrow(_make_merger(shared, run_id, indexed_at), from_arrow_schema(_MERGED))


def _make_merger(shared: Any, run_id: str, indexed_at: str) -> Batches:
    def merge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in batch.to_pylist())
        waiting: list[dict[str, Any]] = []
        for _, group in groupby(rows, key=lambda row: row["component"]):
            customers, refused = make_customers(list(group), shared.value)
            for place, (document, cluster) in enumerate(customers):
                waiting.append(
                    {
                        **document,
                        "run_id": run_id,
                        "indexed_at": indexed_at,
                        "members": list(cluster.members),
                        "reasons": [_AND.join(link.reasons) for link in cluster.links],
                        "refused": 0 if place else refused,
                    }
                )
            if len(waiting) >= 1000:
                yield pa.RecordBatch.from_pylist(waiting, schema=_MERGED)
                waiting = []
        yield pa.RecordBatch.from_pylist(waiting, schema=_MERGED)

    return merge


def _records(grouped: DataFrame, merged: DataFrame) -> DataFrame:
    """Every accepted record with its customer."""
    customer_id = F.coalesce("merged_id", "customer_id")
    joined = grouped.select("record_id", "customer_id", "source", "source_system", "source_key", "leads").join(
        _homes(merged), "customer_id", "left"
    )
    return joined.select(
        "record_id",
        customer_id.alias("customer_id"),
        "source",
        "source_system",
        "source_key",
        # The customer bears the id of one of its records.
        (F.col("leads") & (F.col("customer_id") == customer_id)).alias("indexed"),
    )


def _homes(merged: DataFrame) -> DataFrame:
    """The customer of every record that was in a component."""
    return merged.select(F.col("customer_id").alias("merged_id"), F.explode("members").alias("customer_id"))


def _report(golden: DataFrame, merged: DataFrame, found: Links) -> MergeReport:
    customers = golden.agg(F.count_if(F.col("merged_count") > 1).alias("merged"), F.max("merged_count").alias("largest")).first()
    band = F.lit(_CONFIDENCE_BANDS[-1][0])
    for name, least in reversed(_CONFIDENCE_BANDS[:-1]):
        band = F.when(F.col("match_confidence") >= least, name).otherwise(band)
    # A row for each link; for a customer without one, a row too.
    several = F.when(F.size("members") > 1, band).alias("band")
    rows = merged.select(several, F.posexplode_outer("reasons").alias("place", "reason"), "refused")
    first = F.coalesce("place", F.lit(0)) == 0
    counts = rows.groupBy("band", "reason").agg(
        F.count("reason").alias("links"), F.count_if(first).alias("customers"), F.sum(F.when(first, F.col("refused"))).alias("refused")
    )
    bands: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    links = refused = 0
    for row in counts.collect():
        refused += row["refused"] or 0
        if row["band"] is not None:
            bands[row["band"]] += row["customers"]
            links += row["links"]
            # A link rests on several agreements, and counts for each.
            for reason in row["reason"].split(_AND):
                reasons[reason] += row["links"]
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    return MergeReport(
        pairs_compared=found.compared,
        links=links,
        customers_merged=customers["merged"] if customers else 0,
        largest_cluster=(customers["largest"] if customers else 0) or 0,
        blocks_capped=found.capped,
        links_refused=refused,
        confidence={name: bands[name] for name, _ in _CONFIDENCE_BANDS if bands[name]},
        reasons=dict(ranked[:_MOST_REASONS]),
    )
