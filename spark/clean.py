"""Rows to cleaned records: the rules of ``crmsearch.cleaning``, run over Arrow batches on the executors."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import DataFrame

from crmsearch.cleaning.record import CleanRecord, RecordContext, clean_record
from crmsearch.privacy.suppression import Suppressions
from crmsearch.resolution.rows import record_id
from spark.rows import as_read, clean_batch, fingerprint, labels_of, samples_of, wanted_samples, with_reasons
from spark.schemas import CLEANED, CLEANED_ARROW, FILLED_BITS

__all__ = ["with_cleaned_records"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

# Fields that tell of the cleaning rather than of the person: two rows may differ in them and still say the same.
_NOT_CONTENT = {"quality_score", "quality_issues"}
SUPPRESSED = "suppressed"  # the rule that rows of people break who were erased


def with_cleaned_records(
    rows: DataFrame,
    headers: Sequence[str],
    columns: Sequence[str | None],
    context: RecordContext,
    damage: str = "cell_count",
    suppressions: Suppressions | None = None,
) -> DataFrame:
    """Every row of ``rows`` (``cells``, ``damaged``) cleaned, accepted or rejected; as many rows out as in.

    Args:
        rows: frame of ``read_source``.
        headers: the file's own column names, for the quarantine.
        columns: the contract field of each column, ``None`` for an unmapped one.
        context: what the rules need to know beside the row.
        damage: the rule that a damaged row breaks.
        suppressions: people who were erased; of their rows nothing is kept.
    """
    return rows.mapInArrow(_make_cleaner(labels_of(headers), tuple(columns), context, damage, suppressions), CLEANED)


def _make_cleaner(
    labels: tuple[str, ...], columns: tuple[str | None, ...], context: RecordContext, damage: str, suppressions: Suppressions | None
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    bits = tuple(FILLED_BITS.get(field or "", 0) for field in columns)

    def clean(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        wanted = wanted_samples()
        for batch in batches:
            yield clean_batch(
                batch,
                CLEANED_ARROW,
                lambda row: _clean_row(row, labels, columns, bits, context, wanted, suppressions),
                lambda whole, row: _damaged_row(whole, row, columns, context, damage),
            )

    return clean


def _damaged_row(
    whole: str, cells: list[str | None] | None, columns: tuple[str | None, ...], context: RecordContext, damage: str
) -> dict[str, Any]:
    # Which cell belongs to which column cannot be known, so nothing of the row can be trusted; but a key that comes first stands before
    # whatever was cut wrongly.
    key = clean_record(cells[:1], columns[:1], context).source_key if cells and damage == "cell_count" else None
    row = {"rejections": [damage], "issues": [], "raw": whole, "fingerprint": fingerprint(whole), "filled": 0}
    return row | {"source_key": key, "source_system": context.source_system}


def _clean_row(
    cells: list[str | None],
    labels: tuple[str, ...],
    columns: tuple[str | None, ...],
    bits: tuple[int, ...],
    context: RecordContext,
    wanted: dict[str, int],
    suppressions: Suppressions | None,
) -> dict[str, Any]:
    record = clean_record(cells, columns, context)
    if suppressions and (mark := suppressions.find(record.document, _names(record, context))):
        # Nothing else that tells who it is: the fingerprint of a row of few columns could be guessed, a mark could not.
        return {"rejections": [SUPPRESSED], "issues": [], "raw": "{}", "fingerprint": mark[:24], "filled": 0}
    document, rejections = record.document, with_reasons(record.rejections, record.issues, cells)
    content = {field: value for field, value in document.items() if field not in _NOT_CONTENT}
    if record.withdrawn:
        content["withdrawn"] = record.withdrawn
    filled = 0
    for cell, bit in zip(cells, bits, strict=False):
        if cell and not cell.isspace():
            filled |= bit
    row = {
        # An empty list says nothing that its absence does not.
        **{field: value for field, value in document.items() if value not in (None, [])},
        "source_key": record.source_key,
        "fingerprint": fingerprint([record.source_key, content]),
        "issues": list(record.issues),
        "rejections": rejections,
        "withdrawn": list(record.withdrawn),
        "removed": record.removed,
        "filled": filled,
    }
    codes = dict.fromkeys((*record.issues, *rejections))
    if samples := samples_of(codes, cells, columns, lambda cell, field: clean_record([cell], [field], context).issues, wanted):
        row["samples"] = samples
    if rejections:
        row["raw"] = as_read(labels, cells)
    return row


def _names(record: CleanRecord, context: RecordContext) -> list[str]:
    system = record.document.get("source_system") or context.source_system
    return [record_id(system, record.source_key)] if record.source_key else []
