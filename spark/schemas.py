"""Spark schemas, made from the contract."""

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from crmsearch.cleaning.forms import FORMS
from crmsearch.contract import FIELDS
from crmsearch.privacy.analytics import ANALYTICS_FIELDS, CUSTOMER_REF

__all__ = ["ANALYTICS_ARROW", "CLEANED", "CLEANED_ARROW", "DOCUMENT_COLUMNS", "FILLED_BITS", "INDEXED_ARROW", "SAMPLES"]

_ARROW = {
    "keyword": pa.string(),
    "text": pa.string(),
    "integer": pa.int32(),
    "double": pa.float64(),
    # ISO strings: a DateType would reach Elasticsearch as midnight of the JVM's time zone.
    "date": pa.string(),
    "geo_point": pa.struct([("lat", pa.float64()), ("lon", pa.float64())]),
}

_DOCUMENT = [(field.name, pa.list_(_ARROW[field.type]) if field.many else _ARROW[field.type]) for field in FIELDS.values()]

DOCUMENT_COLUMNS: tuple[str, ...] = tuple(FIELDS)

# A document as it is indexed: with the forms that are for search alone, which the mapping leaves out of _source.
INDEXED_ARROW = pa.schema([*_DOCUMENT, *((name, pa.string()) for name in (*FORMS, CUSTOMER_REF))])

# The same customer as analysts see it.
ANALYTICS_ARROW = pa.schema([(CUSTOMER_REF, pa.string()), *(column for column in _DOCUMENT if column[0] in ANALYTICS_FIELDS)])

# Groups that a run computes by itself; no export carries them.
_COMPUTED = {"commerce", "service", "marketing", "mined", "quality"}
# The bit of each field in the column ``filled``.
FILLED_BITS: dict[str, int] = {
    name: 1 << place for place, name in enumerate(name for name, field in FIELDS.items() if field.group not in _COMPUTED)
}

# A few cells of a row that broke a rule, masked; on most rows there is none.
SAMPLES = pa.list_(pa.struct([("code", pa.string()), ("sample", pa.string())]))

CLEANED_ARROW = pa.schema(
    [
        *_DOCUMENT,
        ("source_key", pa.string()),
        ("fingerprint", pa.string()),  # of the cleaned content; equal rows have equal ones
        ("issues", pa.list_(pa.string())),
        ("rejections", pa.list_(pa.string())),  # empty for an accepted row
        ("raw", pa.string()),  # the row as read, as JSON; rejected rows only
        ("withdrawn", pa.list_(pa.string())),  # consents that the row says are not given
        ("removed", pa.bool_()),  # the record is deleted in its system
        ("filled", pa.int64()),  # FILLED_BITS of the fields that had anything in their cells
        ("samples", SAMPLES),
    ]
)

CLEANED: StructType = from_arrow_schema(CLEANED_ARROW)
