"""What the cleaning of every kind of row shares: the pass over Arrow batches, how a row is named, kept and shown."""

import hashlib
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from pyspark import cloudpickle

from crmsearch.cleaning.rules import RULES
from crmsearch.privacy.masking import mask

__all__ = ["as_read", "clean_batch", "fingerprint", "labels_of", "samples_of", "wanted_samples", "with_reasons"]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

REPLACEMENT = "\ufffd"  # what a decoder puts where bytes were not of the encoding
_SAMPLES = 3  # cells shown of each rule and part of a file; the report keeps as many of the whole run

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


def wanted_samples() -> dict[str, int]:
    """How many cells are wanted of each rule, for one part of a file."""
    return dict.fromkeys(RULES, _SAMPLES)


def samples_of(
    codes: Iterable[str],
    cells: Cells,
    columns: Sequence[str | None],
    broken_by: Callable[[str, str], Collection[str]],
    wanted: dict[str, int],
    own: Mapping[str, str] = {},
) -> list[dict[str, str]]:
    """The masked cells behind the codes of which some are still wanted; each one looked for is one less wanted.

    Args:
        codes: the rules that the row broke, each once.
        cells: the row.
        columns: the field of each column.
        broken_by: the rules that a cell of a field breaks on its own.
        wanted: cells still wanted of each rule.
        own: field of a rule -> field of its column, where these differ.
    """
    samples = []
    for code in codes:
        if not wanted.get(code):
            continue
        # Less whether or not a cell is found, so that a rule that no cell breaks alone is not looked for in every row.
        wanted[code] -= 1
        field = RULES[code].field
        if found := _culprit(code, own.get(field, field), cells, columns, broken_by):
            samples.append({"code": code, "sample": mask(*found)})
    return samples


def _culprit(
    code: str, named: str, cells: Cells, columns: Sequence[str | None], broken_by: Callable[[str, str], Collection[str]]
) -> tuple[str, str] | None:
    """The cell that broke a rule and its field: the one that breaks it alone, else the first of the rule's own field."""
    filled = [(cell, field) for cell, field in zip(cells, columns, strict=False) if cell and field]
    if code == "undecodable":
        return next((pair for pair in filled if REPLACEMENT in pair[0]), None)
    if named == "row" or code == "name_missing":
        return None  # nothing is there to be shown
    # Stable, so that a rule is first tried on its own field.
    for cell, field in sorted(filled, key=lambda pair: pair[1] != named):
        if code in broken_by(cell, field):
            return cell, field
    return next((pair for pair in filled if pair[1] == named), None)
