"""Rows of orders, tickets and campaign responses to clean values: the rules of ``crmsearch.cleaning.related``, run over Arrow batches."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from crmsearch.cleaning.record import RecordContext
from crmsearch.cleaning.related import clean_related
from crmsearch.contract import InputKind
from spark.rows import as_read, clean_batch, fingerprint, labels_of, samples_of, wanted_samples, with_reasons
from spark.schemas import SAMPLES

__all__ = ["RELATED_ARROW", "with_cleaned_related"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

_COMMON = [
    ("source_key", pa.string()),
    ("customer_key", pa.string()),
    ("stage", pa.int32()),
    ("fingerprint", pa.string()),  # of the cleaned content; equal rows have equal ones
    ("issues", pa.list_(pa.string())),
    ("rejections", pa.list_(pa.string())),  # empty for an accepted row
    # The row as read, as JSON: whether it must be kept is known only when its customer is looked for.
    ("raw", pa.string()),
    ("samples", SAMPLES),
]

# Rules are named after the field of the customer that they are about; the column in which a cell breaks them has another name.
_COLUMN_OF = {
    "first_order_at": "ordered_at",
    "revenue": "amount",
    "order_count": "status",
    "top_category": "category",
    "open_ticket_count": "status",
    "ticket_count": "priority",
    "average_resolution_hours": "closed_at",
    "campaigns_opened": "opened",
}

# The values that figures are made of; what else a row says is in its fingerprint alone.
RELATED_ARROW: dict[str, pa.Schema] = {
    "orders": pa.schema(
        [
            *_COMMON,
            ("ordered_at", pa.string()),
            ("revenue_cents", pa.int64()),
            ("is_sale", pa.bool_()),
            ("is_refund", pa.bool_()),
            ("currency", pa.string()),
            ("category", pa.string()),
            ("line", pa.string()),  # of an order of several rows
            ("is_line_amount", pa.bool_()),  # for certain, since it was made of a price and a quantity
            ("order_fingerprint", pa.string()),  # of a line without what differs between lines: equal where a row repeats the order
        ]
    ),
    "tickets": pa.schema(
        [
            *_COMMON,
            ("opened_at", pa.string()),
            ("closed_at", pa.string()),
            ("resolution_seconds", pa.int64()),
            ("is_open", pa.bool_()),
            ("subject", pa.string()),
            ("rating", pa.int32()),
        ]
    ),
    "campaigns": pa.schema(
        [
            *_COMMON,
            ("sent_at", pa.string()),
            ("campaign", pa.string()),
            ("opened", pa.bool_()),
            ("clicked", pa.bool_()),
            ("converted", pa.bool_()),
        ]
    ),
}


def with_cleaned_related(
    rows: DataFrame,
    headers: Sequence[str],
    columns: Sequence[str | None],
    kind: InputKind,
    context: RecordContext,
    damage: str = "cell_count",
) -> DataFrame:
    """Every row of ``rows`` (``cells``, ``damaged``) cleaned, accepted or rejected; as many rows out as in.

    Args:
        rows: frame of ``read_source``.
        headers: the file's own column names, for the quarantine.
        columns: the field of each column, ``None`` for an unmapped one.
        kind: orders, tickets or campaigns.
        context: what the rules need to know beside the row.
        damage: the rule that a damaged row breaks.
    """
    labels, schema = labels_of(headers), RELATED_ARROW[kind]
    return rows.mapInArrow(_make_cleaner(labels, tuple(columns), kind, context, damage), from_arrow_schema(schema))


def _make_cleaner(
    labels: tuple[str, ...], columns: tuple[str | None, ...], kind: InputKind, context: RecordContext, damage: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    schema = RELATED_ARROW[kind]
    absent = clean_related(kind, [], [], context).rejections

    def broken_by(cell: str, field: str) -> set[str]:
        alone = clean_related(kind, [cell], [field], context)
        return {*alone.issues, *alone.rejections}.difference(absent)

    def clean(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        wanted = wanted_samples()
        for batch in batches:
            yield clean_batch(
                batch,
                schema,
                lambda row: _clean_row(row, labels, columns, kind, context, broken_by, wanted),
                lambda whole, _: _damaged_row(whole, damage),
            )

    return clean


def _damaged_row(whole: str, damage: str) -> dict[str, Any]:
    return {"rejections": [damage], "issues": [], "raw": whole, "fingerprint": fingerprint(whole)}


def _clean_row(
    cells: list[str | None],
    labels: tuple[str, ...],
    columns: tuple[str | None, ...],
    kind: InputKind,
    context: RecordContext,
    broken_by: Callable[[str, str], set[str]],
    wanted: dict[str, int],
) -> dict[str, Any]:
    row = clean_related(kind, cells, columns, context)
    rejections = with_reasons(row.rejections, row.issues, cells)
    codes = dict.fromkeys((*row.issues, *rejections))
    samples = samples_of(codes, cells, columns, broken_by, wanted, _COLUMN_OF)
    said = {name: value for name, value in row.values.items() if name not in {"line", "category"}}
    return {
        **row.values,
        "order_fingerprint": fingerprint([row.source_key, row.customer_key, said]) if "line" in row.values else None,
        "source_key": row.source_key,
        "customer_key": row.customer_key,
        "stage": row.stage,
        "fingerprint": fingerprint([row.source_key, row.customer_key, row.values]),
        "issues": list(row.issues),
        "rejections": rejections,
        "raw": as_read(labels, cells),
        "samples": samples or None,
    }
