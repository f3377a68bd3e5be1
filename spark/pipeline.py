"""The steps of a run in their order: inspect, clean, resolve, enrich, profile, write. Each step lives in its own module."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import msgspec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from crmsearch import __version__
from crmsearch.cleaning.headers import PRESETS, HeaderMapping, Recognised, map_headers, recognise
from crmsearch.cleaning.record import RecordContext
from crmsearch.contract import InputKind, InputReport, RunReport
from crmsearch.errors import ConfigError, InputError, InvalidRequestError, TooManyRejectedError
from crmsearch.keyfile import make_vault
from crmsearch.privacy.quarantine import QUARANTINE_COLUMNS
from crmsearch.privacy.suppression import Suppressions
from crmsearch.privacy.vault import Vault
from crmsearch.settings import Settings
from spark.clean import with_cleaned_records
from spark.enrich import Enriched, enrich
from spark.frames import kept
from spark.options import JobOptions, NamedPath
from spark.progress import Progress
from spark.quality import AppliedRules, count_rules, profile
from spark.read import Source, inspect_sources, read_source
from spark.records import with_stored_form
from spark.refused import Refusal
from spark.related import with_cleaned_related
from spark.resolve import Resolution, record_name, resolve
from spark.schemas import DOCUMENT_COLUMNS
from spark.storage import reach, translated
from spark.tally import Tally, as_reasons, check_balance, check_documents, measure_contents, tally_cleaned, tally_resolved, total
from spark.unpack import Workspace, make_workspace
from spark.write import (
    analytics_to_elasticsearch,
    hand_over,
    records_to_elasticsearch,
    to_elasticsearch,
    to_files,
    write_quarantine,
)

__all__ = ["run"]

REFUSED = "refused"  # the rule that customers break whom Elasticsearch does not take
MAX_CHANGES = 200_000  # rows of an incremental load, whose records one process holds in memory; beyond, a full load is quicker anyway


class Input(msgspec.Struct, frozen=True):
    """One table to read, and what its columns mean."""

    source: Source
    recognised: Recognised
    mapping: HeaderMapping
    system: str
    removes: bool = False


def run(spark: SparkSession, options: JobOptions, settings: Settings, progress: Progress) -> RunReport:
    """Carry out one run.

    Raises:
        ConfigError: something is to be kept, and no keys that it is sealed with are set.
        InputError: a source cannot be used; nothing has been written.
        TooManyRejectedError: more rows of one kind are in quarantine than ``options.max_rejected`` allows; it bears what the report has
            until then.
        JobError: Elasticsearch refused documents, or the counts do not add up; the index must not be promoted.
    """
    options = _reached(spark, options, settings)
    vault = _vault(options, settings)
    with make_workspace(spark, settings) as workspace:
        with progress.stage("inspect", spark):
            inputs = [each for named in options.inputs for each in _inspect(spark, named, options, workspace)]
            if twice := [path for path, count in Counter(each.source.path for each in inputs).items() if count > 1]:
                raise InputError(f"{', '.join(twice)}: named twice in one run")
        return _run(spark, inputs, options, settings, vault, progress)


def _vault(options: JobOptions, settings: Settings) -> Vault | None:
    """What seals whatever is kept; ``None`` where nothing is, but files for whoever asked for them.

    A key of this machine's own will not do here: the job may run on any.
    """
    if not any((options.index, options.analytics_index, options.records_index, options.quarantine, options.rows_out)):
        return None
    given = settings.encryption
    if not settings.privacy.key or not (given.keys or given.key_file or given.key_command):
        raise ConfigError("set CRMSEARCH_PRIVACY_KEY and CRMSEARCH_ENCRYPTION_KEYS (or _KEY_FILE, _KEY_COMMAND) to those of every machine")
    return make_vault(settings)


def _reached(spark: SparkSession, options: JobOptions, settings: Settings) -> JobOptions:
    """The options with the places for results as Spark writes to them: an object store's own scheme becomes ``s3a``."""
    places = {"out": options.out, "quarantine": options.quarantine}
    return msgspec.structs.replace(options, **{name: reach(spark, place, settings.storage) for name, place in places.items() if place})


def _run(
    spark: SparkSession, inputs: Sequence[Input], options: JobOptions, settings: Settings, vault: Vault | None, progress: Progress
) -> RunReport:
    customers = [each for each in inputs if each.recognised.kind == "customers"]
    if not customers:
        raise InputError("none of the files holds customers; name one before --orders, --tickets and --campaigns")
    if options.rows_out is not None and len(customers) < len(inputs):
        other = next(each for each in inputs if each not in customers)
        raise InputError(f"{other.source.path} holds {other.recognised.kind}; an incremental load takes customers, a full one all kinds")
    with progress.stage("clean", spark):
        cleaned = kept(_clean_customers(spark, customers, options))
        tallies = tally_cleaned(cleaned)
        # A delta of a night in which nothing happened is empty; a whole export that is so is broken.
        if not tallies and options.rows_out is None:
            raise InputError(f"{', '.join(each.source.path for each in customers)}: there is a header but no row")
        report = _cleaning_report(options, inputs, tallies, count_rules(cleaned))
    rejected = _quarantine_of(cleaned)
    _check_rejected("customers", report, rejected, options, vault, progress)
    if options.rows_out is not None:
        return _handed_over(spark, cleaned, rejected, report, options, vault, progress)
    with progress.stage("resolve", spark):
        standing = cleaned.where((F.size("rejections") == 0) & ~F.col("removed"))
        resolution = resolve(standing, options.run_id, _iso(options.began_at))
        tallies = tally_resolved(tallies, resolution.records)
    with progress.stage("enrich", spark):
        related = _clean_related(spark, [each for each in inputs if each not in customers], {each.system for each in customers}, options)
        enriched = enrich(resolution.golden, resolution.records, related, options.began_at.date().isoformat())
        rejected = rejected.unionByName(enriched.rejected)
        tallies |= {source: tally for (_, source), tally in enriched.tallies.items()}
        report = _enriched_report(report, inputs, tallies, resolution, enriched)
    for kind in related:
        _check_rejected(kind, report, rejected, options, vault, progress)
    with progress.stage("profile", spark):
        check_balance(tallies)
        golden = kept(enriched.golden.select(*DOCUMENT_COLUMNS))
        records = check_documents(golden, report.indexed)
        mapped = {field for each in customers for field in each.mapping.columns if field}
        report = msgspec.structs.replace(
            report, records=records, fields=profile(cleaned, golden, mapped), contents=measure_contents(golden)
        )
    if options.quarantine is not None:
        with progress.stage("quarantine", spark), translated(options.quarantine):
            write_quarantine(rejected, options.quarantine, vault)
    if options.out is not None:
        with progress.stage("write files", spark), translated(options.out):
            to_files(golden, _clusters(resolution.records, cleaned), rejected, options.out)
    refused: list[Refusal] = []
    if options.index is not None and vault is not None:
        with progress.stage("index", spark, documents=report.indexed):
            refused = to_elasticsearch(golden, options.index, settings, vault, for_analysts=options.analytics_index is not None)
            if refused:
                report = _without_refused(refused, report, golden, resolution.records, options, vault)
    if options.analytics_index is not None and vault is not None:
        with progress.stage("analytics", spark):
            taken = golden.where(~F.col("customer_id").isin([each.customer_id for each in refused]))
            analytics_to_elasticsearch(taken, options.analytics_index, settings, vault)
    if options.records_index is not None and vault is not None:
        with progress.stage("records", spark):
            stored = with_stored_form(resolution.leaders, resolution.hot, int(options.began_at.timestamp() * 1000), vault)
            records_to_elasticsearch(stored, options.records_index, settings)
    return msgspec.structs.replace(report, seconds=dict(progress.seconds))


def _handed_over(
    spark: SparkSession,
    cleaned: DataFrame,
    rejected: DataFrame,
    report: RunReport,
    options: JobOptions,
    vault: Vault | None,
    progress: Progress,
) -> RunReport:
    """The end of a run that only cleans: the accepted rows go to the caller, who finds out what they change."""
    assert options.rows_out is not None
    assert vault is not None
    if report.rows_read > MAX_CHANGES:
        raise InputError(f"{report.rows_read:,} rows are too many for an incremental load, which takes {MAX_CHANGES:,}; load all in full")
    if options.quarantine is not None and report.quarantined:
        with progress.stage("quarantine", spark), translated(options.quarantine):
            write_quarantine(rejected, options.quarantine, vault)
    with progress.stage("hand over", spark):
        hand_over(cleaned.where(F.size("rejections") == 0), options.rows_out, vault)
    return msgspec.structs.replace(report, mode="incremental", seconds=dict(progress.seconds))


def _inspect(spark: SparkSession, named: NamedPath, options: JobOptions, workspace: Workspace) -> list[Input]:
    found = []
    for source in inspect_sources(spark, named.path, options.encoding, workspace):
        recognised = recognise(source.headers, named.kind, _preset(named, options))
        overrides = options.columns if recognised.kind == "customers" else {}
        try:
            mapping = map_headers(source.headers, overrides, recognised)
        except InvalidRequestError as error:
            raise InputError(f"{source.path}: {error.detail}") from error
        if not any(mapping.columns):
            # The first line may be a person, so it is not quoted.
            raise InputError(
                f"{source.path}: none of its {len(source.headers)} columns is known; if the first line is not a header, add one; "
                "otherwise name the columns with --map FIELD=HEADER (fields: GET /v1/fields or README.md)"
            )
        if named.removes and "customer_id" not in mapping.columns:
            raise InputError(f"{source.path}: no column says which records are deleted; give it a header such as «Customer ID»")
        if recognised.kind != "customers" and "customer_id" not in mapping.columns:
            raise InputError(f"{source.path}: no column says whose {recognised.kind} these are; give it a header such as «Customer ID»")
        found.append(Input(source, recognised, mapping, named.system or _system(options.source, recognised), named.removes))
    return found


def _preset(named: NamedPath, options: JobOptions) -> str:
    """Whose headers to expect: as said of the file, else of the run; a system that is no preset may still write like one."""
    wanted = named.system or options.source
    return wanted if wanted in PRESETS else "auto"


def _system(source: str, recognised: Recognised) -> str:
    """The system that rows are said to come from: a name of one's own, else what the preset calls it."""
    return recognised.system if source in {"auto", *PRESETS} else source


def _clean_customers(spark: SparkSession, inputs: Sequence[Input], options: JobOptions) -> DataFrame:
    suppressions = Suppressions.decode(Path(options.suppressions).read_bytes()) if options.suppressions else None
    frames = [
        with_cleaned_records(
            read_source(spark, each.source),
            each.source.headers,
            each.mapping.columns,
            _context(each, options),
            _damage(each.source),
            suppressions,
        ).withColumn("source", F.lit(each.source.path))
        for each in inputs
    ]
    return reduce(DataFrame.unionByName, frames).withColumn("run_id", F.lit(options.run_id))


def _clean_related(spark: SparkSession, inputs: Sequence[Input], systems: set[str], options: JobOptions) -> dict[InputKind, DataFrame]:
    frames: dict[InputKind, DataFrame] = {}
    for each in inputs:
        kind = each.recognised.kind
        rows = read_source(spark, each.source)
        cleaned = with_cleaned_related(rows, each.source.headers, each.mapping.columns, kind, _context(each, options), _damage(each.source))
        # A shop's orders bear the keys of a CRM that they do not name.
        system = each.system if each.system in systems else "generic"
        cleaned = cleaned.withColumn("source", F.lit(each.source.path)).withColumn("source_system", F.lit(system))
        cleaned = cleaned.withColumn("run_id", F.lit(options.run_id))
        frames[kind] = frames[kind].unionByName(cleaned) if kind in frames else cleaned
    return frames


def _context(each: Input, options: JobOptions) -> RecordContext:
    return RecordContext(
        source_system=each.system,
        default_region=options.region,
        as_of=options.began_at.date().isoformat(),
        day_first=options.day_first,
        constants=each.mapping.constants,
        removes=each.removes,
    )


def _damage(source: Source) -> str:
    return "malformed" if source.format == "json" else "cell_count"


def _quarantine_of(cleaned: DataFrame) -> DataFrame:
    rejected = cleaned.where(F.size("rejections") > 0).withColumnRenamed("rejections", "reasons")
    return rejected.withColumn("kind", F.lit("customers")).select(*QUARANTINE_COLUMNS)


def _without_refused(
    refused: Sequence[Refusal], report: RunReport, golden: DataFrame, records: DataFrame, options: JobOptions, vault: Vault
) -> RunReport:
    """The report with the customers whom Elasticsearch does not take moved to quarantine, each with all its records."""
    reasons = {each.customer_id: each.reason for each in refused}
    is_refused = F.col("customer_id").isin(list(reasons))
    rows = records.where(is_refused)
    if options.quarantine is not None:
        lead = rows.where("indexed").select("customer_id", "source", "source_key")
        why = F.create_map(*[F.lit(word) for pair in reasons.items() for word in pair])[F.col("customer_id")]
        set_aside = (
            golden.where(is_refused)
            .withColumn("raw", F.to_json(F.struct(*DOCUMENT_COLUMNS)))
            .join(lead, "customer_id")
            .withColumn("kind", F.lit("customers"))
            .withColumn("reasons", F.array(F.lit(REFUSED), why))
            .withColumnRenamed("quality_issues", "issues")
        )
        with translated(options.quarantine):
            write_quarantine(set_aside, options.quarantine, vault, mode="append")
    counts = tally_resolved({each.path: Tally() for each in report.inputs}, rows)
    inputs = [
        msgspec.structs.replace(
            each,
            indexed=each.indexed - counts[each.path].indexed,
            merged=each.merged - counts[each.path].merged,
            quarantined=each.quarantined + counts[each.path].indexed + counts[each.path].merged,
        )
        for each in report.inputs
    ]
    moved = total(counts.values())
    return msgspec.structs.replace(
        report,
        inputs=inputs,
        indexed=report.indexed - moved.indexed,
        merged=report.merged - moved.merged,
        quarantined=report.quarantined + moved.indexed + moved.merged,
        quarantined_by_reason={**report.quarantined_by_reason, REFUSED: moved.indexed + moved.merged},
        reasons=[*report.reasons, *as_reasons("customers", [(REFUSED, moved.indexed + moved.merged, ())])],
        contents=measure_contents(golden.where(~is_refused)),
    )


def _clusters(records: DataFrame, cleaned: DataFrame) -> DataFrame:
    """Every record with the customer it belongs to. A rejected one was compared with none and stands alone."""
    alone = cleaned.where(F.size("rejections") > 0).select(record_name().alias("record_id"))
    clusters = records.select("record_id", F.col("customer_id").alias("cluster_id"))
    return clusters.unionByName(alone.withColumn("cluster_id", F.concat(F.lit("rejected:"), "record_id"))).distinct()


def _check_rejected(
    kind: InputKind, report: RunReport, rejected: DataFrame, options: JobOptions, vault: Vault | None, progress: Progress
) -> None:
    rows = [each for each in report.inputs if each.kind == kind]
    read, quarantined = sum(each.rows_read for each in rows), sum(each.quarantined for each in rows)
    if options.max_rejected is None or quarantined <= options.max_rejected * read:
        return
    where = ""
    if folder := options.quarantine or (f"{options.out}/quarantine" if options.out else None):
        write_quarantine(rejected, folder, vault)
        where = f"; the rows and their reasons are in {folder}"
    failure = (
        f"{quarantined:,} of {read:,} rows of {kind} ({quarantined / read:.1%}) were rejected, more than the "
        f"{options.max_rejected:.1%} that --max-rejected allows{where}"
    )
    raise TooManyRejectedError(failure, msgspec.structs.replace(report, seconds=dict(progress.seconds), failure=failure))


def _cleaning_report(options: JobOptions, inputs: Sequence[Input], tallies: Mapping[str, Tally], applied: AppliedRules) -> RunReport:
    """What is known once the rows of customers are clean; the other tables have not been read."""
    customers = total(tallies.values())
    return RunReport(
        run_id=options.run_id,
        crmsearch_version=__version__,
        began_at=_iso(options.began_at),
        index=options.index,
        inputs=_input_reports(inputs, tallies),
        rows_read=customers.read,
        indexed=0,
        merged=0,
        quarantined=customers.quarantined,
        removed=customers.removed,
        quarantined_by_reason=applied.rejections,
        issues=applied.issues,
        reasons=applied.reasons,
        seconds={},
    )


def _enriched_report(
    report: RunReport, inputs: Sequence[Input], tallies: Mapping[str, Tally], resolution: Resolution, enriched: Enriched
) -> RunReport:
    """The same with what became of the records, and with the other tables."""
    read = _input_reports(inputs, tallies)
    customers = [each for each in read if each.kind == "customers"]
    return msgspec.structs.replace(
        report,
        inputs=read,
        indexed=sum(each.indexed for each in customers),
        merged=sum(each.merged for each in customers),
        reasons=[*report.reasons, *enriched.reasons],
        merges=resolution.report,
        rfm_segments=enriched.rfm_segments,
        clusters=enriched.clusters,
        currency=enriched.currency,
    )


def _input_reports(inputs: Sequence[Input], tallies: Mapping[str, Tally]) -> list[InputReport]:
    return [_input_report(each, tallies.get(each.source.path, Tally())) for each in inputs]


def _input_report(each: Input, tally: Tally) -> InputReport:
    return InputReport(
        path=each.source.path,
        kind=each.recognised.kind,
        format=each.source.format,
        encoding=each.source.encoding,
        source_system=each.system,
        preset=each.recognised.preset,
        table=each.recognised.table,
        rows_read=tally.read,
        indexed=tally.indexed,
        merged=tally.merged,
        quarantined=tally.quarantined,
        removed=tally.removed,
        columns={header.strip(): field for header, field in zip(each.source.headers, each.mapping.columns, strict=True) if field},
        unmapped=list(each.mapping.unmapped),
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
