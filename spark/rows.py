"""What the cleaning of every kind of row shares: the pass over Arrow batches, and how a row is named, kept and told from others."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from pyspark import cloudpickle

from crmsearch.cleaning.rules import RULES

__all__ = ["REPLACEMENT", "as_read", "clean_batch", "fingerprint", "labels_of", "with_reasons"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

REPLACEMENT = "\ufffd"  # what a decoder puts where bytes were not of the encoding

Cells = list[str | None]


def labels_of(headers: Sequence[str]) -> tuple[str, ...]:
    """A name for each column. Headers may repeat, and no cell of a rejected row may be lost for it."""
    return tuple(name if headers.count(name) == 1 else f"{name}#{place}" for place, name in enumerate(headers, 1))


def clean_batch(
    batch: pa.RecordBatch,
    schema: pa.Schema,
    whole_row: Callable[[Cells], dict[str, Any]],
    damaged_row: Callable[[str, Cells], dict[str, Any]],
) -> pa.RecordBatch:
    """One row out for each row in (``cells``, ``damaged``): by ``damaged_row`` where the row could not be cut, else by ``whole_row``."""
    damaged, cells = batch.column("damaged").to_pylist(), batch.column("cells").to_pylist()
    rows = [whole_row(row) if text is None else damaged_row(text, row) for row, text in zip(cells, damaged, strict=True)]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def with_reasons(rejections: Iterable[str], issues: Iterable[str], cells: Cells) -> list[str]:
    """All that speaks against a row; empty if nothing rejects it. The values that were dropped are reasons too: nothing was left."""
    found = [*rejections, *(["undecodable"] if any(cell is not None and REPLACEMENT in cell for cell in cells) else [])]
    return found + [code for code in issues if RULES[code].severity == "blank"] if found else []


def as_read(labels: Sequence[str], cells: Cells) -> str:
    """The row as read, as JSON."""
    return msgspec.json.encode(dict(zip(labels, cells, strict=True))).decode()


def fingerprint(content: Any) -> str:
    """Equal for equal content: a text, or what JSON can hold."""
    text = content.encode() if isinstance(content, str) else msgspec.json.encode(content, order="sorted")
    # 96 bits: among 10^9 rows a chance meeting has a probability below 10^-11.
    return hashlib.sha256(text).hexdigest()[:24]
