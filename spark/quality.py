"""The quality of the fields over a run, and the rules that were applied: what the report shows of the frames of customers.

Completeness, validity and uniqueness in the sense of the ISO/IEC 25012 data quality model, each before (the cells as read) and after (the
customers). Uniqueness is estimated by HyperLogLog sketches (Flajolet and others, 2007), whose memory does not grow with the values.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from crmsearch.contract import FIELDS, FieldQuality, ReasonReport
from spark.schemas import FILLED_BITS
from spark.tally import MAX_SAMPLES, as_reasons

__all__ = ["AppliedRules", "count_rules", "profile"]

# What tells one customer from another: only of these is it worth knowing how many values differ.
_IDENTIFYING = ("customer_id", "name", "emails", "phones", "national_id", "address")
_LISTS = tuple(field for field in _IDENTIFYING if FIELDS[field].many)
_PROFILED = tuple(name for name, field in FIELDS.items() if field.group != "quality")  # those are always computed
# 4,096 registers: 1.6% standard deviation. Spark's approx_count_distinct keeps them in hundreds of columns of the plan, which takes
# seconds to compile; the sketches of Apache DataSketches are one value each.
_LOG_REGISTERS = 12


class AppliedRules(msgspec.Struct, frozen=True):
    """The rules that rows of customers broke, the most frequent first.

    Attributes:
        reasons: every rule; a row counts once for each, whether it was accepted or rejected.
        rejections: rejected rows by the codes that speak against them.
        issues: accepted rows by code.
    """

    reasons: list[ReasonReport]
    rejections: dict[str, int]
    issues: dict[str, int]


def profile(cleaned: DataFrame, golden: DataFrame, mapped: Collection[str] = ()) -> list[FieldQuality]:
    """Quality of every field that a customer file has or the run has filled, in the order of the catalogue.

    Args:
        cleaned: all rows of customers, accepted or rejected, with the columns of ``schemas.CLEANED``.
        golden: the customers, with the columns of ``schemas.DOCUMENT_COLUMNS``.
        mapped: fields that a column was found for; those are listed even if every cell of them is empty.
    """
    accepted = cleaned.where(F.size("rejections") == 0)
    # The source's own key becomes the customer's id only later.
    keys = {"customer_id": "source_key"}
    before, after = _completeness_before(cleaned, keys), _completeness_after(golden)
    unique_before, unique_after = _uniqueness(accepted, keys), _uniqueness(golden, {})
    profiled = []
    for name in _PROFILED:
        cells = before[f"filled.{name}"] if name in FILLED_BITS else 0
        if cells or after[f"filled.{name}"] or name in mapped:
            profiled.append(
                FieldQuality(
                    field=name,
                    filled_before=_share(cells, before["rows"]) or 0.0,
                    filled_after=_share(after[f"filled.{name}"], after["rows"]) or 0.0,
                    valid=_share(before[f"valid.{name}"], cells) if cells else None,
                    unique_before=unique_before.get(name),
                    unique_after=unique_after.get(name),
                )
            )
    return profiled


def count_rules(cleaned: DataFrame) -> AppliedRules:
    """Count the rules that were applied, each with a few masked cells.

    Of the cells found, the first in the order of Unicode are taken, so that the choice does not depend on which task was quickest.
    """
    told = F.coalesce("samples", F.array().cast(cleaned.schema["samples"].dataType))
    role = F.when(F.size("rejections") == 0, "issue").otherwise("beside")

    def applied(code: Column) -> Column:
        against = F.array_contains("rejections", code)
        return F.struct(
            code.alias("code"), F.when(against, "rejection").otherwise(role).alias("role"), _sample_of(told, code).alias("sample")
        )

    each = F.explode(F.transform(F.array_distinct(F.concat("issues", "rejections")), applied))
    grouped = cleaned.select(each.alias("each")).groupBy("each.code", "each.role")
    samples = F.slice(F.array_sort(F.collect_set("each.sample")), 1, MAX_SAMPLES)
    rows = grouped.agg(F.count("*").alias("rows"), samples.alias("samples")).collect()
    return AppliedRules(
        as_reasons("customers", ((row["code"], row["rows"], row["samples"]) for row in rows)),
        *(_most_frequent((row["code"], row["rows"]) for row in rows if row["role"] == role) for role in ("rejection", "issue")),
    )


def _most_frequent(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda each: (-each[1], each[0])))


def _sample_of(samples: Column, code: Column) -> Column:
    return F.get(F.filter(samples, lambda one: one["code"] == code), F.lit(0))["sample"]


def _completeness_before(cleaned: DataFrame, keys: Mapping[str, str]) -> Row:
    """Rows, rows with anything in the cells of each field, and those of them whose value survived."""
    figures = []
    for name, bit in FILLED_BITS.items():
        filled = F.col("filled").bitwiseAND(F.lit(bit)) != 0
        figures += [
            F.count_if(filled).alias(f"filled.{name}"),
            F.count_if(filled & _has(name, F.col(keys.get(name, name)))).alias(f"valid.{name}"),
        ]
    return _only(cleaned.agg(F.count("*").alias("rows"), *figures))


def _completeness_after(golden: DataFrame) -> Row:
    figures = [F.count_if(_has(name, F.col(name))).alias(f"filled.{name}") for name in _PROFILED]
    return _only(golden.agg(F.count("*").alias("rows"), *figures))


def _uniqueness(frame: DataFrame, keys: Mapping[str, str]) -> dict[str, float]:
    """Different values over values of each identifying field that has any; a list counts its elements.

    Apart from the counts of rows, since a row with lists is repeated for their second and further elements: two narrow passes over a
    frame in memory took less time than one wide one.
    """
    columns = {name: F.col(keys.get(name, name)) for name in _IDENTIFYING}
    longest = F.greatest(F.lit(1), *(F.size(F.coalesce(columns[name], F.array())) for name in _LISTS))
    place = F.explode(F.sequence(F.lit(0), longest - 1)).alias("place")
    places = frame.select(*(column.alias(name) for name, column in columns.items()), place)
    figures = []
    for name in _IDENTIFYING:
        value = F.get(F.col(name), F.col("place")) if name in _LISTS else F.when(F.col("place") == 0, F.col(name))
        different = F.hll_sketch_estimate(F.hll_sketch_agg(value, _LOG_REGISTERS))
        figures += [F.count(value).alias(f"values.{name}"), different.alias(f"different.{name}")]
    row = _only(places.agg(*figures))
    # An estimate may lie above what is possible.
    return {name: min(1.0, round(row[f"different.{name}"] / row[f"values.{name}"], 6)) for name in _IDENTIFYING if row[f"values.{name}"]}


def _only(frame: DataFrame) -> Row:
    row = frame.first()
    assert row is not None
    return row


def _has(name: str, value: Column) -> Column:
    return F.size(F.coalesce(value, F.array())) > 0 if FIELDS[name].many else value.isNotNull()


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
