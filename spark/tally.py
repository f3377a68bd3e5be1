"""Counting rows: what was read of each table must be indexed, merged, quarantined or removed, and by which rules."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from crmsearch.cleaning.rules import RULES
from crmsearch.contract import FIELDS, Field, FieldContent, InputKind, ReasonReport
from crmsearch.errors import CountMismatchError

__all__ = [
    "MAX_SAMPLES",
    "Tally",
    "as_reasons",
    "check_balance",
    "check_documents",
    "measure_contents",
    "tally_cleaned",
    "tally_resolved",
    "total",
]

MAX_SAMPLES = 3  # masked cells that the report shows of a rule


class Tally(msgspec.Struct, frozen=True):
    """Rows of one table, or of several."""

    read: int = 0
    indexed: int = 0
    merged: int = 0
    quarantined: int = 0
    removed: int = 0


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tables."""
    rows = [msgspec.structs.astuple(each) for each in tallies]
    return Tally(*(sum(column) for column in zip(*rows, strict=True))) if rows else Tally()


def tally_cleaned(cleaned: DataFrame) -> dict[str, Tally]:
    """Rows read, quarantined and removed of every source; a source without a row is not there."""
    rejected = F.size("rejections") > 0
    counts = cleaned.groupBy("source").agg(
        F.count("*").alias("read"), F.count_if(rejected).alias("quarantined"), F.count_if(~rejected & F.col("removed")).alias("removed")
    )
    return {row["source"]: Tally(row["read"], quarantined=row["quarantined"], removed=row["removed"]) for row in counts.collect()}


def tally_resolved(tallies: Mapping[str, Tally], records: DataFrame) -> dict[str, Tally]:
    """The same with the records that lead a customer and those that were merged into one."""
    counts = records.groupBy("source").agg(F.count_if("indexed").alias("indexed"), F.count_if(~F.col("indexed")).alias("merged"))
    found = {row["source"]: row for row in counts.collect()}
    return {
        source: msgspec.structs.replace(tally, indexed=found[source]["indexed"], merged=found[source]["merged"])
        if source in found
        else tally
        for source, tally in tallies.items()
    }


def check_balance(tallies: Mapping[str, Tally]) -> None:
    """Every row is accounted for, in every table.

    Raises:
        CountMismatchError: one is not.
    """
    for source, each in tallies.items():
        if each.read != each.indexed + each.merged + each.quarantined + each.removed:
            raise CountMismatchError(
                f"{source}: {each.read} rows were read, but {each.indexed} indexed, {each.merged} merged, {each.quarantined} "
                f"quarantined and {each.removed} removed do not add up to it; was the file changed during the run? Run it again"
            )


def check_documents(golden: DataFrame, customers: int) -> int:
    """There is one document for every customer, each under an id of its own; returns how many records they are made of.

    Raises:
        CountMismatchError: there is not. Without an id the connector would let Elasticsearch make one up at every run.
    """
    records = F.sum(F.size("source_records")).alias("records")
    row = golden.agg(F.count("*").alias("documents"), F.count_distinct("customer_id").alias("ids"), records).first()
    assert row is not None
    if not row["documents"] == row["ids"] == customers:
        raise CountMismatchError(
            f"there are {row['documents']} documents of {row['ids']} ids for {customers} customers; this is a defect of crmsearch"
        )
    return row["records"] or 0


def measure_contents(golden: DataFrame) -> list[FieldContent]:
    """What the documents hold in every field, as Elasticsearch can count and add it up."""
    columns = [F.count_if(_is_filled(field)).alias(f"{name}_filled") for name, field in FIELDS.items()]
    columns += [F.sum(_number(field)).cast("double").alias(f"{name}_total") for name, field in FIELDS.items() if field.type in _SUMMED]
    row = golden.agg(*columns).first()
    assert row is not None
    return [
        FieldContent(field=name, filled=row[f"{name}_filled"], total=(row[f"{name}_total"] or 0.0) if field.type in _SUMMED else None)
        for name, field in FIELDS.items()
    ]


_SUMMED = {"integer", "double", "date"}


def _is_filled(field: Field) -> Column:
    column = F.col(field.name)
    return F.size(F.filter(column, lambda value: value.isNotNull())) > 0 if field.many else column.isNotNull()


def _number(field: Field) -> Column:
    column = F.col(field.name)
    return F.unix_millis(F.to_timestamp(column)) if field.type == "date" else column


def as_reasons(kind: InputKind, counts: Iterable[tuple[str, int, Sequence[str]]]) -> list[ReasonReport]:
    """The rules of a kind of rows, the most frequent first, of their codes, rows and masked cells; a code may come several times."""
    rows: dict[str, int] = {}
    samples: dict[str, set[str]] = {}
    for code, count, cells in counts:
        rows[code] = rows.get(code, 0) + count
        samples.setdefault(code, set()).update(cells)
    return [
        ReasonReport(
            code=code,
            kind=kind,
            severity=RULES[code].severity,
            action=RULES[code].action,
            rows=rows[code],
            samples=sorted(samples[code])[:MAX_SAMPLES],
        )
        for code in sorted(rows, key=lambda code: (-rows[code], code))
    ]
