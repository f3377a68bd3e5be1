"""Records as they are kept beside the customers, for incremental loads; see ``crmsearch.resolution.stored``."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from crmsearch.privacy.vault import Vault
from crmsearch.resolution.stored import build_stored, describe
from spark.pairs import Batches
from spark.schemas import DOCUMENT_COLUMNS

__all__ = ["with_stored_form"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

_STORED = pa.schema(
    [
        ("record_id", pa.string()),
        ("customer_id", pa.string()),
        ("component", pa.int64()),
        ("counted", pa.list_(pa.int64())),
        ("blocks", pa.list_(pa.int64())),
        ("written_at", pa.int64()),
        ("record", pa.string()),
    ]
)
# A customer says by which run it was written; a record stays as it is until its row changes.
_LEFT_OUT = ("run_id", "indexed_at")


def with_stored_form(leaders: DataFrame, hot: Sequence[int], written_at: int, vault: Vault) -> DataFrame:
    """Every record as it is kept, sealed.

    Args:
        leaders: ``Resolution.leaders``.
        hot: ``Resolution.hot``.
        written_at: the version of all documents of the run.
        vault: what seals them.
    """
    shared = leaders.sparkSession.sparkContext.broadcast(frozenset(hot))
    columns = [name for name in DOCUMENT_COLUMNS if name not in _LEFT_OUT]
    rows = leaders.select("home", "component", "fingerprint", "withdrawn", *columns)
    return rows.mapInArrow(_make_writer(shared, written_at, vault), from_arrow_schema(_STORED))


def _make_writer(shared: Any, written_at: int, vault: Vault) -> Batches:
    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        is_hot = shared.value.__contains__
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                home, component = row.pop("home"), row.pop("component")
                stored = build_stored(describe(row), home, component, is_hot, written_at)
                rows.append({"record_id": row["customer_id"], **vault.seal_record(stored)})
            yield pa.RecordBatch.from_pylist(rows, schema=_STORED)

    return write
