"""Records to customers: rows that say the same, or bear the same key, become one."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

__all__ = ["with_golden_records"]

MAX_ID_BYTES = 512  # of a document's id; Elasticsearch refuses a longer one, and the whole run with it


def with_golden_records(accepted: DataFrame, run_id: str, indexed_at: str) -> DataFrame:
    """Group the records of a customer and mark the surviving one.

    Records are one customer when they have the same source key, or no key and the same content. Of several the newest survives
    (``updated_at``), then the most complete, then by fingerprint and issues, so that the outcome does not depend on the order of rows.

    Returns:
        ``accepted`` with the identity and lineage fields of the document, ``record_id`` (unique among keyless records) and
        ``survivor``; as many rows as came in.
    """
    key = F.coalesce("source_key", "fingerprint")
    generic = F.col("source_system") == "generic"
    # The key alone when it names its system no better; otherwise keys of two systems could meet.
    name = F.when(generic, key).otherwise(F.concat_ws(":", "source_system", key))
    customer_id = F.when(F.octet_length(name) > MAX_ID_BYTES, F.sha2(name, 256)).otherwise(name)
    by_customer = Window.partitionBy("customer_id")
    newest, fullest = F.col("updated_at").desc_nulls_last(), F.col("quality_score").desc_nulls_last()
    best_first = by_customer.orderBy(newest, fullest, "fingerprint", F.concat_ws(",", "quality_issues"))
    copies = F.row_number().over(best_first)
    return (
        accepted.withColumn("source_system", F.coalesce("source_system", F.lit("generic")))
        .withColumn("customer_id", customer_id)
        .withColumn("_copy", copies)
        .withColumn("survivor", F.col("_copy") == 1)
        .withColumn("merged_count", F.count("*").over(by_customer).cast("int"))
        .withColumn("_contents", F.size(F.collect_set("fingerprint").over(by_customer)))
        .withColumn("record_id", F.when(F.col("source_key").isNull() & (F.col("_copy") > 1), F.concat_ws("-", key, "_copy")).otherwise(key))
        .withColumn("source_records", F.array("customer_id"))
        # Nothing but equality has merged them so far.
        .withColumn("match_confidence", F.lit(1.0))
        .withColumn(
            "quality_issues",
            F.when(
                F.col("_contents") > 1, F.array_union(F.coalesce("quality_issues", F.array()), F.array(F.lit("key_conflict")))
            ).otherwise(F.col("quality_issues")),
        )
        .withColumn("run_id", F.lit(run_id))
        .withColumn("indexed_at", F.lit(indexed_at))
        .drop("_copy", "_contents")
    )
