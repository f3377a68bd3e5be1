"""The main job: read, clean, set aside, merge, and write into Elasticsearch or to files. Its report goes to stdout as JSON.

``crmsearch ingest`` and ``crmsearch clean`` start it; on a cluster ``spark-submit`` can, into an index made by ``crmsearch index create``:

    spark-submit --jars elasticsearch-spark-30_2.12-9.4.9.jar spark/ingest.py hdfs://host:9000/crm_data.csv --index crm-customers-…

Where Elasticsearch is and how to log in come from ``CRMSEARCH_ELASTICSEARCH_*`` variables, never from the command line.
"""

import argparse
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

if __package__ in {None, ""}:
    # spark-submit starts this file by its path; its siblings are then not importable without the folder above.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from crmsearch import __version__
from crmsearch.cleaning.headers import HeaderMapping, map_headers
from crmsearch.cleaning.record import RecordContext
from crmsearch.contract import InputReport, RunReport
from crmsearch.errors import CountMismatchError, CrmSearchError, InputError, InvalidRequestError, JobError
from crmsearch.settings import Settings, from_env
from spark.clean import with_cleaned_records
from spark.progress import Progress
from spark.read import Source, inspect_source, read_source
from spark.resolve import with_golden_records
from spark.session import make_session
from spark.write import documents_of, to_elasticsearch, to_files, write_quarantine

EXIT_INTERRUPTED = 130  # as a shell reports a process ended by Ctrl-C

__all__ = ["JobOptions", "main", "parse_arguments", "run"]


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What one run is asked to do. ``index`` and ``out`` may be given together; without ``index`` nothing is sent to Elasticsearch."""

    paths: tuple[str, ...]
    run_id: str
    began_at: datetime
    index: str | None = None
    out: str | None = None
    quarantine: str | None = None
    source_system: str = "generic"
    encoding: str = "UTF-8"
    region: str | None = None
    day_first: bool = True
    columns: dict[str, str] = {}


def run(spark: SparkSession, options: JobOptions, settings: Settings, progress: Progress) -> RunReport:
    """Carry out one run.

    Raises:
        InputError: a source cannot be used; nothing has been written.
        JobError: Elasticsearch refused documents, or the counts do not add up; the index must not be promoted.
    """
    with progress.stage("inspect", spark):
        inputs = [_inspect(spark, path, options) for path in options.paths]
    with progress.stage("clean", spark):
        cleaned = _clean_all(spark, inputs, options).persist(StorageLevel.MEMORY_AND_DISK)
        tallies = _tally_sources(cleaned)
        if not tallies:
            raise InputError(f"{', '.join(options.paths)}: there is a header but no row")
    rejected = cleaned.where(F.size("rejections") > 0)
    accepted = cleaned.where(F.size("rejections") == 0)
    with progress.stage("resolve", spark):
        golden = with_golden_records(accepted, options.run_id, _iso(options.began_at)).persist(StorageLevel.MEMORY_AND_DISK)
        survivors, merged = _count_golden(golden)
        report = _report(options, inputs, tallies, survivors, merged, _count_codes(cleaned))
    if options.quarantine is not None:
        with progress.stage("quarantine", spark):
            write_quarantine(rejected, options.quarantine)
    if options.out is not None:
        with progress.stage("write files", spark):
            to_files(golden, rejected, options.out)
    if options.index is not None:
        with progress.stage("index", spark, documents=report.indexed):
            to_elasticsearch(documents_of(golden), options.index, settings)
    return msgspec.structs.replace(report, seconds=dict(progress.seconds))


def _inspect(spark: SparkSession, path: str, options: JobOptions) -> tuple[Source, HeaderMapping]:
    source = inspect_source(spark, path, options.encoding)
    try:
        mapping = map_headers(source.headers, options.columns)
    except InvalidRequestError as error:
        raise InputError(f"{path}: {error.detail}") from error
    if not any(mapping.columns):
        # The first line may be a person, so it is not quoted.
        raise InputError(
            f"{path}: none of its {len(source.headers)} columns is known; if the first line is not a header, add one; "
            "otherwise name the columns with --map FIELD=HEADER (fields: GET /v1/fields or README.md)"
        )
    return source, mapping


def _clean_all(spark: SparkSession, inputs: list[tuple[Source, HeaderMapping]], options: JobOptions) -> DataFrame:
    context = RecordContext(
        source_system=options.source_system,
        default_region=options.region,
        as_of=options.began_at.date().isoformat(),
        day_first=options.day_first,
    )
    frames = []
    for source, mapping in inputs:
        damage = "malformed" if source.format == "json" else "cell_count"
        cleaned = with_cleaned_records(read_source(spark, source), source.headers, mapping.columns, context, damage)
        frames.append(cleaned.withColumn("source", F.lit(source.path)))
    return reduce(DataFrame.unionByName, frames).withColumn("run_id", F.lit(options.run_id))


class Tally(msgspec.Struct, frozen=True):
    """Rows of one source."""

    read: int
    quarantined: int


def _tally_sources(cleaned: DataFrame) -> dict[str, Tally]:
    counts = cleaned.groupBy("source").agg(F.count("*").alias("read"), F.count_if(F.size("rejections") > 0).alias("quarantined"))
    return {row["source"]: Tally(row["read"], row["quarantined"]) for row in counts.collect()}


def _count_golden(golden: DataFrame) -> tuple[int, int]:
    """Surviving and merged records.

    Raises:
        CountMismatchError: a document without an id, for which the connector would let Elasticsearch make one up at every run.
    """
    survives, anonymous = F.count_if("survivor"), F.count_if(F.col("customer_id").isNull())
    row = golden.agg(survives.alias("survivors"), F.count("*").alias("all"), anonymous.alias("anonymous")).first()
    assert row is not None
    if row["anonymous"]:
        raise CountMismatchError(f"{row['anonymous']} records have no id; this is a defect of crmsearch")
    return row["survivors"], row["all"] - row["survivors"]


def _count_codes(cleaned: DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by rejection, and accepted rows by issue, most frequent first."""
    accepted = F.size("rejections") == 0
    code = F.explode(F.array_distinct(F.when(accepted, F.col("issues")).otherwise(F.col("rejections"))))
    counted = cleaned.select(accepted.alias("accepted"), code.alias("code")).groupBy("accepted", "code").count()
    rows = counted.orderBy(F.desc("count"), "code").collect()
    rejections, issues = ({row["code"]: row["count"] for row in rows if row["accepted"] is kind} for kind in (False, True))
    return rejections, issues


def _report(
    options: JobOptions,
    inputs: list[tuple[Source, HeaderMapping]],
    tallies: dict[str, Tally],
    survivors: int,
    merged: int,
    codes: tuple[dict[str, int], dict[str, int]],
) -> RunReport:
    """The report, without the seconds.

    Raises:
        CountMismatchError: not every row that was read is accounted for.
    """
    rows_read, quarantined = sum(each.read for each in tallies.values()), sum(each.quarantined for each in tallies.values())
    if rows_read != survivors + merged + quarantined:
        raise CountMismatchError(
            f"{rows_read} rows were read, but {survivors} to index, {merged} merged and {quarantined} quarantined do not add up to it; "
            "was a source changed during the run? Run it again"
        )
    none = Tally(0, 0)
    return RunReport(
        run_id=options.run_id,
        crmsearch_version=__version__,
        began_at=_iso(options.began_at),
        index=options.index,
        inputs=[
            InputReport(
                path=source.path,
                format=source.format,
                encoding=source.encoding,
                source_system=options.source_system,
                rows_read=tallies.get(source.path, none).read,
                quarantined=tallies.get(source.path, none).quarantined,
                columns={header.strip(): field for header, field in zip(source.headers, mapping.columns, strict=True) if field},
                unmapped=list(mapping.unmapped),
            )
            for source, mapping in inputs
        ],
        rows_read=rows_read,
        indexed=survivors,
        merged=merged,
        quarantined=quarantined,
        quarantined_by_reason=codes[0],
        issues=codes[1],
        seconds={},
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_arguments(arguments: Sequence[str]) -> tuple[JobOptions, bool]:
    """The options, and whether progress is to be told to a machine."""
    parser = argparse.ArgumentParser(prog="ingest.py", description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder or glob; local, hdfs:// or any Hadoop file system")
    parser.add_argument("--index", help="existing index to write to; without it nothing is sent to Elasticsearch")
    parser.add_argument("--out", help="folder for customers/, quarantine/ and clusters/")
    parser.add_argument("--quarantine", help="folder for the rejected rows alone")
    parser.add_argument("--run-id", help="name of the run; made from the time when left out")
    parser.add_argument("--began-at", type=datetime.fromisoformat, default=None, help="ISO time that counts as now, for ages")
    parser.add_argument("--source", default="generic", help="source system that the rows come from")
    parser.add_argument("--encoding", default="UTF-8", help="UTF-8 (default) or GB18030")
    parser.add_argument("--region", help="ISO country whose phone notation is assumed where a row names no country, e.g. CN")
    parser.add_argument("--month-first", action="store_true", help="read 03/04/2020 as 4 March, not 3 April")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=HEADER", help="column for a field; may be repeated")
    parser.add_argument("--events", action="store_true", help="progress as JSON text sequences on stderr")
    parsed = parser.parse_args(arguments)
    columns = {}
    for pair in parsed.map:
        field, equals, header = pair.partition("=")
        if not equals:
            parser.error(f"--map takes FIELD=HEADER, not {pair!r}")
        columns[field] = header
    began_at = (parsed.began_at or datetime.now(UTC)).astimezone(UTC)
    options = JobOptions(
        paths=tuple(parsed.paths),
        run_id=parsed.run_id or began_at.strftime("%Y%m%dt%H%M%Sz"),
        began_at=began_at,
        index=parsed.index,
        out=parsed.out,
        quarantine=parsed.quarantine,
        source_system=parsed.source,
        encoding=parsed.encoding,
        region=parsed.region,
        day_first=not parsed.month_first,
        columns=columns,
    )
    return options, parsed.events


def _where(error: Exception) -> str:
    """Kind and place of a failure, on an executor or here. Not its text, which may quote a cell."""
    text = f"{error}\n{''.join(traceback.format_tb(error.__traceback__))}"
    kinds = [type(error).__name__, *re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception))\b", text, re.MULTILINE)]
    places = re.findall(r'File "([^"]+)", line (\d+)', text)
    own = [f"{path}:{line}" for path, line in places if "site-packages" not in path and f"{os.sep}lib{os.sep}" not in path]
    return f"{' / '.join(dict.fromkeys(kinds))} at {', '.join(dict.fromkeys(own)) or 'an unknown place'}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job as a process; returns the exit code of ``errors.py``."""
    # The command line ends a job so; Spark is then stopped in good order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options, events = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    progress = Progress(machine=events)
    try:
        settings = from_env()
        with progress.stage("start Spark"):
            spark = make_session(settings.spark, f"crmsearch {options.run_id}")
        try:
            report = run(spark, options, settings, progress)
        finally:
            spark.stop()
    except CrmSearchError as error:
        progress.failed(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a defect, or a failure of Spark: told by kind and place
        failure = JobError(f"the job failed; {_where(error)}")
        progress.failed(failure)
        return failure.exit_code
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
