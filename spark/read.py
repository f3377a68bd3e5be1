"""Source files to one uniform frame: ``cells`` (strings by column), ``damaged`` (the row as text where it could not be cut into cells).

Workbooks and archives are taken apart first (``unpack``); what comes out is read like any other file. A file is looked at twice. The first
bytes tell format, encoding, delimiter and header; one native pass over all lines tells whether they are of that encoding and whether quoted
fields run over line ends, which decides how the file is split among the tasks.
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
from crmsearch.inputs import split_part
from spark.storage import fetch_file, first_bytes, list_files, reach
from spark.unpack import TableFile, Workspace, is_packed, tables_of

__all__ = ["Source", "inspect_source", "inspect_sources", "read_source"]

DELIMITERS = ",;\t|"
DAMAGED = "_damaged"
# More undecodable lines than this share mean that the encoding is wrong; fewer are single damaged rows.
MAX_UNDECODABLE = 0.01
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
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
    """What is known of one table before it is read.

    Attributes:
        path: what the user calls it; behind ``#`` the sheet or the member of an archive.
        location: where Spark finds it, in a form that every executor reaches.
        format: csv, json, parquet or xlsx.
        encoding: of the file that the user gave.
        headers: the header row.
        delimiter: between the cells of a text file.
        multiline: rows may run over line ends, so the file cannot be split.
        recoded: what Spark finds was written anew as UTF-8.
    """

    path: str
    location: str
    format: str
    encoding: str
    headers: tuple[str, ...]
    delimiter: str = ","
    multiline: bool = False
    recoded: bool = False


def inspect_sources(spark: SparkSession, path: str, encoding: str, workspace: Workspace) -> list[Source]:
    """Find out what tables ``path`` stands for, and how each is to be read.

    A file, folder or glob of text, JSON or Parquet is one table, as Spark's parts of a table are; a workbook or an archive is one for
    every sheet or member that is a table. ``book.xlsx#Leads`` and ``export.zip#crm/contacts.csv`` stand for one of these alone.

    Raises:
        InputError: something in it cannot be used; see ``inspect_source`` and ``unpack.tables_of``.
        ConfigError: no key or region is set for the object store.
    """
    whole, part = split_part(path)
    located = reach(spark, whole, workspace.storage)
    files = list_files(spark, located, whole)
    if not any(is_packed(file.uri) for file in files):
        head = first_bytes(spark, files[0], whole)
        if len(files) > 1 or not head.startswith(_UTF16_MARKS):
            return [_inspect(spark, located, files[0].uri, head, encoding, whole)]
    found = []
    for file in files:
        label = whole if len(files) == 1 else file.uri
        fetched = fetch_file(spark, file, workspace.folder, label)
        tables = tables_of(fetched, label, workspace.folder)
        wanted = [table for table in tables if part in {"", table.label.removeprefix(f"{label}#")}]
        if not wanted:
            raise InputError(f"{path}: there are {', '.join(table.label.removeprefix(f'{label}#') for table in tables)}, and no {part}")
        for table in wanted:
            # What was not taken out of anything is read where it is.
            location = file.uri if table.path == fetched else workspace.publish(table.path)
            found.append(_inspect_table(spark, table, location, encoding))
    return found


def inspect_source(spark: SparkSession, path: str, encoding: str = "UTF-8") -> Source:
    """Find out how ``path`` (a file, folder or glob that Hadoop reaches as it is) is to be read as one table.

    Raises:
        InputError: it is missing, empty, binary, of another encoding, has no header or a quoted field that never ends. The text
            says what to do and quotes no cell.
    """
    file = list_files(spark, path)[0]
    return _inspect(spark, path, file.uri, first_bytes(spark, file, path), encoding, path)


def _inspect_table(spark: SparkSession, table: TableFile, location: str, encoding: str) -> Source:
    if table.headers is not None:
        return Source(path=table.label, location=location, format="xlsx", encoding="binary", headers=table.headers)
    first = list_files(spark, location, table.label)[0]
    own = "UTF-8" if table.recoded_from else encoding
    source = _inspect(spark, location, first.uri, first_bytes(spark, first, table.label), own, table.label)
    return msgspec.structs.replace(source, encoding=table.recoded_from, recoded=True) if table.recoded_from else source


def _inspect(spark: SparkSession, location: str, file_name: str, head: bytes, encoding: str, path: str) -> Source:
    """Look at one table.

    Args:
        spark: the session that reads it.
        location: what to read.
        file_name: the first file of it, whose ending tells the format.
        head: the beginning of that file.
        encoding: of text files.
        path: what the user calls it.
    """
    kind = _format_of(file_name)
    if kind == "parquet":
        if not head.startswith(b"PAR1"):
            raise InputError(f"{path} is named as Parquet but is not")
        headers = tuple(spark.read.parquet(location).columns)
        return Source(path=path, location=location, format=kind, encoding="binary", headers=headers)
    if file_name.endswith(".gz"):
        head = _unzipped(path, head)
    _refuse_binary(path, head)
    text = _decode_head(head, encoding)
    if kind == "json":
        multiline = text.lstrip().startswith("[")
        _check_lines(spark, location, encoding, None, path)
        headers = _json_headers(spark, location, encoding, multiline, path)
        return Source(path=path, location=location, format=kind, encoding=encoding, headers=headers, multiline=multiline)
    header = _first_record(path, text)
    delimiter = "\t" if re.search(r"\.tsv(\.gz)?$", file_name) else _delimiter_of(header)
    headers = tuple(next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter)))
    multiline = _check_lines(spark, location, encoding, delimiter, path)
    return Source(path=path, location=location, format=kind, encoding=encoding, headers=headers, delimiter=delimiter, multiline=multiline)


def read_source(spark: SparkSession, source: Source) -> DataFrame:
    """Columns ``cells`` (one string or null per header) and ``damaged``."""
    if source.format == "csv":
        frame = _read_csv(spark, source)
    elif source.format == "json":
        frame = _read_json(spark, source)
    else:
        frame = spark.read.parquet(source.location).withColumn(DAMAGED, F.lit(None).cast("string"))
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
        .option("encoding", "UTF-8" if source.recoded else source.encoding)
        .option("multiLine", source.multiline)
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", DAMAGED)
        .csv(source.location)
    )


def _read_json(spark: SparkSession, source: Source) -> DataFrame:
    frame = (
        spark.read.option("primitivesAsString", "true")
        .option("multiLine", source.multiline)
        .option("encoding", "UTF-8" if source.recoded else source.encoding)
        .option("columnNameOfCorruptRecord", DAMAGED)
        .json(source.location)
    )
    damaged = F.col(DAMAGED) if DAMAGED in frame.columns else F.lit(None).cast("string")
    return frame.select(*[F.col(f"`{name}`") for name in source.headers], damaged.alias(DAMAGED))


def _json_headers(spark: SparkSession, location: str, encoding: str, multiline: bool, path: str) -> tuple[str, ...]:
    reader = spark.read.option("primitivesAsString", "true").option("multiLine", multiline).option("encoding", encoding)
    columns = reader.option("columnNameOfCorruptRecord", DAMAGED).json(location).columns
    headers = tuple(name for name in columns if name != DAMAGED)
    if not headers:
        raise InputError(f"{path} holds no JSON objects; expected one object per line, or one array of objects")
    return headers


def _as_text(column: str, *, is_array: bool) -> Column:
    # The cleaning rules split lists at semicolons.
    return F.concat_ws(";", F.col(column).cast("array<string>")) if is_array else F.col(column).cast("string")


def _format_of(file_name: str) -> str:
    extension = re.sub(r"\.(gz|bz2)$", "", file_name.lower()).rpartition(".")[2]
    # An unknown name is tried as CSV, the commonest export; a file that is not will fail on its first bytes.
    return _FORMATS.get(extension, "csv")


def _unzipped(path: str, head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head)
    except zlib.error as error:
        raise InputError(f"{path} is named as gzip but is not, or is damaged") from error


def _refuse_binary(path: str, head: bytes) -> None:
    if head.startswith(_UTF16_MARKS):
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


def _check_lines(spark: SparkSession, location: str, encoding: str, delimiter: str | None, path: str) -> bool:
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
        spark.read.text(location)
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
