"""Source files to one uniform frame: ``cells`` (strings by column), ``damaged`` (the row as text where it could not be cut into cells).

A file is looked at twice. The first bytes tell format, encoding, delimiter and header; one native pass over all lines tells whether they
are of that encoding and whether quoted fields run over line ends, which decides how the file is split among the tasks.
"""

import csv
import io
import re
import zlib

import msgspec
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from crmsearch.errors import InputError
from spark.storage import first_bytes

__all__ = ["Source", "inspect_source", "read_source"]

DELIMITERS = ",;\t|"
DAMAGED = "_damaged"
# More undecodable lines than this share mean that the encoding is wrong; fewer are single damaged rows.
MAX_UNDECODABLE = 0.01
_FORMATS = {
    "csv": "csv",
    "tsv": "csv",
    "txt": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "parquet": "parquet",
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one input before it is read."""

    path: str
    format: str
    encoding: str
    headers: tuple[str, ...]
    delimiter: str = ","
    multiline: bool = False


def inspect_source(spark: SparkSession, path: str, encoding: str = "UTF-8") -> Source:
    """Find out how ``path`` is to be read.

    Raises:
        InputError: it is missing, empty, binary, of another encoding, has no header or a quoted field that never ends. The text
            says what to do and quotes no cell.
    """
    file_name, head = first_bytes(spark, path)
    kind = _format_of(file_name)
    if kind == "parquet":
        if not head.startswith(b"PAR1"):
            raise InputError(f"{path} is named as Parquet but is not")
        return Source(path=path, format=kind, encoding="binary", headers=tuple(spark.read.parquet(path).columns))
    if file_name.endswith(".gz"):
        head = zlib.decompressobj(wbits=31).decompress(head)
    _refuse_binary(path, head)
    text = _decode_head(head, encoding)
    if kind == "json":
        multiline = text.lstrip().startswith("[")
        _check_lines(spark, path, encoding, None)
        return Source(
            path=path, format=kind, encoding=encoding, headers=_json_headers(spark, path, encoding, multiline), multiline=multiline
        )
    header = _first_record(path, text)
    delimiter = "\t" if re.search(r"\.tsv(\.gz)?$", file_name) else _delimiter_of(header)
    headers = tuple(next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter)))
    multiline = _check_lines(spark, path, encoding, delimiter)
    return Source(path=path, format=kind, encoding=encoding, headers=headers, delimiter=delimiter, multiline=multiline)


def read_source(spark: SparkSession, source: Source) -> DataFrame:
    """Columns ``cells`` (one string or null per header) and ``damaged``."""
    if source.format == "csv":
        frame = _read_csv(spark, source)
    elif source.format == "json":
        frame = _read_json(spark, source)
    else:
        frame = spark.read.parquet(source.path).withColumn(DAMAGED, F.lit(None).cast("string"))
    # Columns by position: names may repeat, be empty or hold dots.
    types = [field.dataType for field in frame.schema.fields]
    frame = frame.toDF(*[f"c{position}" for position in range(len(types) - 1)], DAMAGED)
    cells = [_as_text(f"c{position}", is_array=isinstance(kind, ArrayType)) for position, kind in enumerate(types[:-1])]
    frame = frame.select(F.array(*cells).alias("cells"), F.col(DAMAGED).alias("damaged"))
    parallelism = spark.sparkContext.defaultParallelism
    # A file that cannot be split comes as one part; cleaning is what takes long, and that is spread.
    return frame.repartition(parallelism) if source.multiline else frame


def _read_csv(spark: SparkSession, source: Source) -> DataFrame:
    columns = [StructField(f"c{position}", StringType()) for position in range(len(source.headers))]
    return (
        spark.read.schema(StructType([*columns, StructField(DAMAGED, StringType())]))
        .option("header", "true")
        .option("sep", source.delimiter)
        .option("quote", '"')
        .option("escape", '"')
        .option("encoding", source.encoding)
        .option("multiLine", source.multiline)
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", DAMAGED)
        .csv(source.path)
    )


def _read_json(spark: SparkSession, source: Source) -> DataFrame:
    frame = (
        spark.read.option("primitivesAsString", "true")
        .option("multiLine", source.multiline)
        .option("encoding", source.encoding)
        .option("columnNameOfCorruptRecord", DAMAGED)
        .json(source.path)
    )
    damaged = F.col(DAMAGED) if DAMAGED in frame.columns else F.lit(None).cast("string")
    return frame.select(*[F.col(f"`{name}`") for name in source.headers], damaged.alias(DAMAGED))


def _json_headers(spark: SparkSession, path: str, encoding: str, multiline: bool) -> tuple[str, ...]:
    reader = spark.read.option("primitivesAsString", "true").option("multiLine", multiline).option("encoding", encoding)
    columns = reader.option("columnNameOfCorruptRecord", DAMAGED).json(path).columns
    headers = tuple(name for name in columns if name != DAMAGED)
    if not headers:
        raise InputError(f"{path} holds no JSON objects; expected one object per line, or one array of objects")
    return headers


def _as_text(column: str, *, is_array: bool) -> Column:
    # The cleaning rules split lists at semicolons.
    return F.concat_ws(";", F.col(column).cast("array<string>")) if is_array else F.col(column).cast("string")


def _format_of(file_name: str) -> str:
    extension = re.sub(r"\.(gz|bz2)$", "", file_name.lower()).rpartition(".")[2]
    if extension in {"xlsx", "xls", "zip"}:
        raise InputError(f"{file_name}: {extension} files are not read; save the table as CSV (UTF-8)")
    # An unknown name is tried as CSV, the commonest export; a file that is not will fail on its first bytes.
    return _FORMATS.get(extension, "csv")


def _refuse_binary(path: str, head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16; save it as UTF-8 (in Excel: «CSV UTF-8»)")
    if b"\x00" in head or head.startswith((b"PK\x03\x04", b"%PDF", b"PAR1")):
        raise InputError(f"{path} is binary, not a table of text; export it as CSV (UTF-8)")
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise InputError(f"{path} is empty")


def _decode_head(head: bytes, encoding: str) -> str:
    try:
        # The last character may be cut by the end of the sample.
        return head.decode(encoding, "ignore").removeprefix("\ufeff")
    except LookupError as error:
        raise InputError(f"there is no encoding {encoding!r}; use UTF-8 or GB18030") from error


def _first_record(path: str, text: str) -> str:
    lines = text.splitlines(keepends=True)
    for position, line in enumerate(lines):
        record = line
        if not line.strip():
            continue
        for following in lines[position + 1 :]:
            if record.count('"') % 2 == 0:
                break
            record += following
        if record.count('"') % 2:
            raise InputError(f"{path}: the header has a quotation mark that is never closed")
        return record
    raise InputError(f"{path} is empty")


def _delimiter_of(header: str) -> str:
    outside_quotes = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=lambda delimiter: (outside_quotes.count(delimiter), -DELIMITERS.index(delimiter)))


def _check_lines(spark: SparkSession, path: str, encoding: str, delimiter: str | None) -> bool:
    """One pass over the raw lines; returns whether quoted fields run over line ends.

    A line is looked at alone: complete quoted fields are taken out, and what remains either opens one, closes one, or neither.
    """
    value = F.col("value").cast("binary")
    decoded = F.decode(value, encoding)
    undecodable = F.encode(decoded, encoding) != value if encoding.upper() == "UTF-8" else decoded.contains("\ufffd")
    opens = closes = F.lit(False)
    if delimiter is not None:
        separator = re.escape(delimiter)
        rest = F.regexp_replace("value", rf'(?:^|(?<={separator}))"[^"]*+(?:""[^"]*+)*+"(?={separator}|\s*$)', "")
        opens, closes = rest.rlike(rf'(?:^|{separator})"'), rest.rlike(rf'"(?:{separator}|\s*$)')
    totals = (
        spark.read.text(path)
        .agg(
            F.count("*").alias("lines"),
            F.count_if(undecodable).alias("undecodable"),
            F.count_if(opens & ~closes).alias("opened"),
            F.count_if(closes & ~opens).alias("closed"),
            F.count_if(F.col("value").contains("\x00")).alias("nul"),
        )
        .first()
    )
    assert totals is not None
    if totals["nul"]:
        raise InputError(f"{path} is binary, not a table of text; export it as CSV (UTF-8)")
    if totals["undecodable"] > max(1, MAX_UNDECODABLE * totals["lines"]):
        hint = "try --encoding gb18030" if encoding.upper() == "UTF-8" else "try --encoding utf-8"
        raise InputError(f"{path}: {totals['undecodable']} of {totals['lines']} lines are not {encoding}; {hint}")
    if totals["opened"] > totals["closed"]:
        raise InputError(
            f"{path}: {totals['opened'] - totals['closed']} quoted field is opened and never closed; the file may have been cut off"
        )
    return bool(totals["opened"])
