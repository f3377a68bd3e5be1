"""Records to linked pairs: records are shuffled by blocking key and compared within each block as they stream by.

No pair of records is ever a row. Which records are compared and what a pair weighs is ``crmsearch.resolution``'s.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from pyspark import StorageLevel, cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from crmsearch.resolution.features import Features, build_features
from crmsearch.resolution.keys import MAX_BLOCK, MAX_NAMESAKES, block_limit, blocking_keys
from crmsearch.resolution.weights import EVERY, Model, frequency_values
from spark.frames import cut

__all__ = ["Batches", "Links", "find_links"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

_COMPARED = (
    "name", "given_name", "family_name", "gender", "birth_date", "age", "kind", "emails", "phones", "address", "district", "city",
    "postcode", "national_id", "company",
)  # fmt: skip
_FEATURES = pa.schema(
    [
        ("rid", pa.int64()),
        ("payload", pa.binary()),
        ("keys", pa.list_(pa.struct([("value", pa.int64()), ("narrower", pa.list_(pa.int64()))]))),
        ("frequent", pa.list_(pa.string())),
    ]
)
_SCORED = pa.schema([("edges", pa.binary()), ("compared", pa.int64()), ("capped", pa.int64())])

Batches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Links(NamedTuple):
    """The linked pairs, and how they were found.

    Attributes:
        edges: ``rid`` of both records of every pair, as an array of two columns.
        model: what judged the pairs.
        compared: pairs that were.
        capped: keys of more records than are compared, those that narrower ones replaced included.
        hot: the keys that narrower ones replaced.
    """

    edges: "np.ndarray[Any, np.dtype[np.int64]]"
    model: Model
    compared: int
    capped: int
    hot: list[int]


def find_links(records: DataFrame) -> Links:
    """Compare all records that share a blocking key.

    Args:
        records: with ``rid``, a number of their own, ``customer_id``, and the fields that are compared.
    """
    prepared = _features(records).persist(StorageLevel.MEMORY_AND_DISK)
    features = cut(prepared)
    model, hot = _model(features), _hot_keys(features)
    edges, compared, capped = _links(features, model, hot)
    prepared.unpersist()
    return Links(edges, model, compared, len(hot) + capped, hot)


def _features(leaders: DataFrame) -> DataFrame:
    return leaders.select("rid", "customer_id", *_COMPARED).mapInArrow(_prepare, from_arrow_schema(_FEATURES))


def _prepare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    encode = msgspec.msgpack.Encoder().encode
    for batch in batches:
        rows = []
        for document in batch.to_pylist():
            record = build_features(document, document["customer_id"])
            keys = blocking_keys(record)
            rows.append(
                {
                    "rid": document["rid"],
                    "payload": encode((record, sorted(key.value for key in keys))),
                    "keys": [{"value": key.value, "narrower": list(key.narrower)} for key in keys],
                    "frequent": frequency_values(record),
                }
            )
        yield pa.RecordBatch.from_pylist(rows, schema=_FEATURES)


def _model(features: DataFrame) -> Model:
    """The frequencies of this data, of values that more than two records bear."""
    counts = features.select(F.explode("frequent").alias("value")).groupBy("value").count()
    found = {row["value"]: row["count"] for row in counts.where((F.col("count") > 2) | (F.col("value") == EVERY)).collect()}
    return Model(found.pop(EVERY, 0), found)


def _hot_keys(features: DataFrame) -> list[int]:
    """Keys of more records than are compared with each other; narrower ones take their place."""
    limit = F.when(F.col("key").bitwiseAND(1) == 1, MAX_NAMESAKES).otherwise(MAX_BLOCK)
    counts = features.select(F.explode("keys.value").alias("key")).groupBy("key").count().where(F.col("count") > limit)
    return sorted(row["key"] for row in counts.collect())


def _links(features: DataFrame, model: Model, hot: list[int]) -> tuple["np.ndarray[Any, np.dtype[np.int64]]", int, int]:
    """All linked pairs as an array of two columns, how many pairs were compared, and how many narrower keys were too frequent as well."""
    session = features.sparkSession
    frame = F.broadcast(session.createDataFrame([(key, True) for key in hot], "value bigint, hot boolean"))
    keys = features.select("rid", "payload", F.explode("keys").alias("key")).select("rid", "payload", "key.*")
    blocks = (
        keys.join(frame, "value", "left")
        .select("rid", "payload", F.explode(F.when(F.col("hot"), F.col("narrower")).otherwise(F.array("value"))).alias("key"))
        .repartition("key")
        .sortWithinPartitions("key", "rid")
    )
    shared = session.sparkContext.broadcast((model, frozenset(hot)))
    rows = blocks.select("key", "rid", "payload").mapInArrow(_make_scorer(shared), from_arrow_schema(_SCORED)).collect()
    edges = np.frombuffer(b"".join(bytes(row["edges"]) for row in rows), dtype=np.int64).reshape(-1, 2)
    return edges, sum(row["compared"] for row in rows), sum(row["capped"] for row in rows)


def _make_scorer(shared: Any) -> Batches:
    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model, hot = shared.value
        decode = msgspec.msgpack.Decoder(tuple[Features, tuple[int, ...]]).decode
        edges: list[int] = []
        compared = capped = 0
        for key, block in _blocks(batches):
            if len(block) > block_limit(key):
                capped += 1
                continue
            records = [(rid, *decode(payload)) for rid, payload in block]
            bases = [frozenset(keys) - hot for _, _, keys in records]
            for one, two in combinations(range(len(records)), 2):
                both = bases[one] & bases[two]
                # A pair of several keys is compared for the smallest of them.
                if both and key != min(both):
                    continue
                compared += 1
                if model.judge(records[one][1], records[two][1]).linked:
                    edges += (records[one][0], records[two][0])
        row = {"edges": np.array(edges, dtype=np.int64).tobytes(), "compared": compared, "capped": capped}
        yield pa.RecordBatch.from_pylist([row], schema=_SCORED)

    return score


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Runs of equal keys of two rows or more; of a run longer than is compared, one row more than that.

    Most keys are borne by one record, so that runs are found in the array of keys and only their payloads become Python values.
    """
    key: int | None = None
    block: list[tuple[int, bytes]] = []
    for batch in batches:
        keys = batch.column("key").to_numpy()
        if not len(keys):
            continue
        starts = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1)).tolist()
        for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
            first = int(keys[start])
            if first != key:
                if key is not None and len(block) > 1:
                    yield key, block
                key, block = first, []
            if end - start == 1 and end < len(keys) and not block:
                continue  # alone, and the run has ended
            room = MAX_BLOCK + 1 - len(block)
            taken = batch.slice(start, min(end - start, room))
            block += zip(taken.column("rid").to_pylist(), taken.column("payload").to_pylist(), strict=True)
    if key is not None and len(block) > 1:
        yield key, block
