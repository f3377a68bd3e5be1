"""Where the results go: documents into Elasticsearch by its connector, files for people and for scoring."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec
import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark import cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from crmsearch.cleaning.forms import FORMS
from crmsearch.errors import BackendUnavailableError, JobError
from crmsearch.privacy.analytics import ANALYTICS_FIELDS, CUSTOMER_REF, customer_ref
from crmsearch.privacy.quarantine import QUARANTINE_COLUMNS, seal_row
from crmsearch.privacy.vault import SEALED_FIELDS, Vault
from crmsearch.refusals import missing_privilege
from crmsearch.settings import ElasticsearchSettings, Secret, Settings, SparkSettings
from spark.refused import Refusal, find_refused
from spark.schemas import ANALYTICS_ARROW, DOCUMENT_COLUMNS, INDEXED_ARROW
from spark.truststore import trust_options

__all__ = [
    "analytics_to_elasticsearch",
    "as_indexed",
    "connector_options",
    "hand_over",
    "records_to_elasticsearch",
    "to_elasticsearch",
    "to_files",
    "with_references",
    "write_quarantine",
]

# The executors have crmsearch installed, but not this package of jobs: its functions travel to them whole, not by name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

# Names only: the functions of the table are cached ones, which cannot travel.
_FORM_NAMES = list(FORMS)
_FORM_FIELDS = list(dict.fromkeys(field for form in FORMS.values() for field in form.fields))
_SEALED_AT = {name: DOCUMENT_COLUMNS.index(name) for name in SEALED_FIELDS}

_LONGEST_PAUSE_S = 10.0
# What the id of a document is; that of a record is not among its fields.
_CUSTOMERS = {"es.mapping.id": "customer_id"}
_ANALYTICS = {"es.mapping.id": CUSTOMER_REF}
_RECORDS = {"es.mapping.id": "record_id", "es.mapping.exclude": "record_id"}


def connector_options(settings: ElasticsearchSettings, spark: SparkSettings) -> dict[str, str]:
    """Options of the elasticsearch-spark connector; see its configuration reference for the names.

    Args:
        settings: where Elasticsearch is and how to log in.
        spark: how patient the writing is.

    Raises:
        ConfigError: no Elasticsearch is set.
    """
    addresses = settings.addresses
    options = {
        "es.nodes": ",".join(address.place for address in addresses),
        # The address given is the one that works; the nodes' own may be hidden behind a proxy or a container network.
        "es.nodes.wan.only": "true",
        "es.net.ssl": str(addresses[0].tls).lower(),
        "es.index.auto.create": "false",
        # 5 MB and 5,000 documents loaded about 1.5 times as fast as the defaults of 1 MB and 1,000.
        "es.batch.size.bytes": "5mb",
        "es.batch.size.entries": "5000",
        # The index is refreshed once, when it is complete.
        "es.batch.write.refresh": "false",
        "es.batch.write.retry.count": str(spark.write_retries),
        "es.batch.write.retry.wait": "10s",
        # A connection that died unnoticed is given up after this, and another is tried.
        "es.http.timeout": f"{math.ceil(spark.write_timeout_s)}s",
    }
    if addresses[0].path_prefix:
        options["es.nodes.path.prefix"] = addresses[0].path_prefix
    if settings.api_key:
        options["es.net.http.header.Authorization"] = f"ApiKey {settings.api_key!s}"
    elif settings.username:
        options |= {"es.net.http.auth.user": settings.username, "es.net.http.auth.pass": str(settings.password)}
    return options


def to_elasticsearch(documents: DataFrame, index: str, settings: Settings, vault: Vault, *, for_analysts: bool = False) -> list[Refusal]:
    """Bulk-index every document into ``index``, sealed, or fail; returns the few that Elasticsearch refuses for what they hold.

    Where there is an index for analysts, they bear the references by which analysts speak of them.

    The connector itself sends those documents of a batch again that an overloaded Elasticsearch did not take. Where it refuses the whole
    request, or is away for a moment, all is written again after a pause: what is there already is replaced by the same.

    Raises:
        JobError: Elasticsearch could not be reached, or refuses more than a few. Its text would quote a document, so only the kind is told.
    """

    def write(part: DataFrame) -> str | None:
        return _save(as_indexed(part, vault, for_analysts=for_analysts), index, settings, _CUSTOMERS)

    return find_refused(documents, write) if write(documents) else []


def analytics_to_elasticsearch(documents: DataFrame, index: str, settings: Settings, vault: Vault) -> None:
    """Bulk-index what analysts see of every customer into the index beside that of the customers, or fail.

    Raises:
        JobError: as with the customers; also if a document is refused, since it holds nothing that was not taken there.
    """
    if _save(with_references(documents, vault.reference_key), index, settings, _ANALYTICS):
        raise JobError("Elasticsearch refused to index a customer for analysts, which is a defect of the mapping")


def records_to_elasticsearch(records: DataFrame, index: str, settings: Settings) -> None:
    """Bulk-index every record into the index beside that of its customers, or fail.

    Args:
        records: frame of ``with_stored_form``.
        index: where to.
        settings: where Elasticsearch is.

    Raises:
        JobError: as with the customers; also if a record is refused.
    """
    if _save(records, index, settings, _RECORDS):
        raise JobError("Elasticsearch refused to index a record, which is a defect of its mapping")


def _save(documents: DataFrame, index: str, settings: Settings, mapping: dict[str, str]) -> str | None:
    """Write a frame; returns the mark of a refusal of one of its documents, after which some of the others may not have been written."""
    options = connector_options(settings.elasticsearch, settings.spark) | mapping
    tasks = documents.coalesce(settings.spark.write_tasks)
    for attempt in range(settings.spark.write_retries + 1):
        last = attempt == settings.spark.write_retries
        try:
            # Anew for every attempt, since a certificate may have been renewed meanwhile.
            trusted = options | trust_options(documents.sparkSession, settings.elasticsearch)
            tasks.write.format("org.elasticsearch.spark.sql").mode("append").options(**trusted).save(index)
        except BackendUnavailableError:
            if last:
                raise
        except Py4JJavaError as error:
            text = _text_of(error)
            if (refusal := next((mark for mark in _REFUSALS if mark in text), None)) is not None:
                return refusal
            if last or not any(mark in text for mark in _PASSING):
                raise JobError(_write_failure(text)) from None
        else:
            break
        time.sleep(min(_LONGEST_PAUSE_S, 2.0**attempt))
    return None


def as_indexed(documents: DataFrame, vault: Vault, *, for_analysts: bool = False) -> DataFrame:
    """Customers as they are indexed: sealed, with the forms that searches look up. Done last, since nothing else reads either."""
    reference_key = vault.reference_key if for_analysts else None

    def add_forms(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            # Only what forms are made of becomes Python values.
            rows = batch.select(_FORM_FIELDS).to_pylist()
            found = [vault.forms(row) for row in rows]
            forms = [pa.array([row.get(name) for row in found], pa.string()) for name in _FORM_NAMES]
            sealed = [vault.seal({name: row[name] for name in _SEALED_AT}, row["customer_id"]) for row in rows]
            columns = list(batch.columns)
            for name, at in _SEALED_AT.items():
                columns[at] = pa.array([row[name] for row in sealed], columns[at].type)
            yield pa.RecordBatch.from_arrays([*columns, *forms, _references(batch, reference_key)], schema=INDEXED_ARROW)

    return documents.select(*DOCUMENT_COLUMNS).mapInArrow(add_forms, from_arrow_schema(INDEXED_ARROW))


def with_references(documents: DataFrame, reference_key: Secret) -> DataFrame:
    """Customers as analysts see them."""

    def refer(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            shown = batch.select(list(ANALYTICS_FIELDS)).columns
            yield pa.RecordBatch.from_arrays([_references(batch, reference_key), *shown], schema=ANALYTICS_ARROW)

    return documents.select("customer_id", *ANALYTICS_FIELDS).mapInArrow(refer, from_arrow_schema(ANALYTICS_ARROW))


def _references(batch: pa.RecordBatch, reference_key: Secret | None) -> pa.Array:
    """The references of a batch of customers; nothing where there is no key."""
    names = batch.column("customer_id").to_pylist()
    return pa.array([reference_key and customer_ref(name, reference_key) for name in names], pa.string())


def hand_over(accepted: DataFrame, path: str, vault: Vault) -> None:
    """The accepted rows of customers as JSON lines, sealed, in a file of the driver's machine that only its owner may read.

    By the driver and not by the executors, whose disks the caller may not see; an incremental load has not more rows than fit.
    """
    columns = [*DOCUMENT_COLUMNS, "source", "source_key", "fingerprint", "withdrawn", "removed"]
    rows = accepted.select(F.to_json(F.struct(*columns)).alias("row")).collect()
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        for row in rows:
            document = msgspec.json.decode(row["row"])
            file.write(f"{msgspec.json.encode(vault.seal(document, document['fingerprint'])).decode()}\n")


def to_files(golden: DataFrame, clusters: DataFrame, rejected: DataFrame, out: str) -> None:
    """``customers/`` and ``quarantine/`` as Parquet, ``clusters/`` as CSV (``record_id,cluster_id``)."""
    golden.write.mode("overwrite").parquet(f"{out}/customers")
    write_quarantine(rejected, f"{out}/quarantine")
    clusters.coalesce(1).write.mode("overwrite").option("header", "true").csv(f"{out}/clusters")


def write_quarantine(rejected: DataFrame, out: str, vault: Vault | None = None, mode: str = "overwrite") -> None:
    """Rejected rows of every kind as Parquet: their reasons, and ``raw``, the row as read (JSON by header).

    With a vault, the row and its key are sealed (``crmsearch.quarantine`` opens them).
    """
    rows = rejected.select(*QUARANTINE_COLUMNS)
    if vault is not None:
        rows = rows.mapInArrow(_make_sealer(vault), rows.schema)
    rows.write.mode(mode).parquet(out)


def _make_sealer(vault: Vault) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def seal(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_pylist([seal_row(row, vault) for row in batch.to_pylist()], schema=batch.schema)

    return seal


_KNOWN_FAILURES = {
    "cluster_block_exception": "Elasticsearch has blocked writes, as it does when its disk is nearly full",
    "flood-stage": "Elasticsearch has blocked writes, as it does when its disk is nearly full",
    "security_exception": "Elasticsearch refuses the credentials or a privilege",
    "HTTP 401": "Elasticsearch refuses the credentials",
    "HTTP 403": "Elasticsearch refuses a privilege or has blocked writes",
    "index_not_found_exception": "the index does not exist",
    "circuit_breaking_exception": "Elasticsearch is overloaded",
    "es_rejected_execution_exception": "Elasticsearch is overloaded",
    "returned [429|": "Elasticsearch is overloaded",
    "returned [503|": "Elasticsearch is overloaded or not ready",
    "resource_not_found": "the index does not exist",
    # The connector does not say why a node did not do.
    "EsHadoopNoNodesLeftException": "Elasticsearch cannot be reached, or presents another certificate than it did before the write",
    "Connection error": "Elasticsearch cannot be reached",
    "Cannot detect ES version": "Elasticsearch cannot be reached, or the user lacks the cluster privilege «monitor»",
    "ClassNotFoundException": "the elasticsearch-spark connector is not on the class path",
}


# Marks of documents that are refused for what they hold: a value that does not fit its field, a field that is not known, a word too long.
_REFUSALS = ("document_parsing_exception", "mapper_parsing_exception", "strict_dynamic_mapping_exception", "immense term")

# Marks of failures of a whole request that pass by themselves: a server that is overloaded (429, 503), restarting or cut off.
_PASSING = (
    "circuit_breaking_exception",
    "HTTP 429",
    "HTTP 503",
    # So the connector tells what its own questions before a write were answered, such as whether the index is there.
    "returned [429|",
    "returned [503|",
    "EsHadoopNoNodesLeftException",
    "Connection error",
    "Cannot detect ES version",
)


def _text_of(error: Py4JJavaError) -> str:
    text = str(error.java_exception.toString())
    cause = error.java_exception.getCause()
    while cause is not None:
        text += str(cause.toString())
        cause = cause.getCause()
    return text


def _write_failure(text: str) -> str:
    """What kind of failure it was, by marks that the connector's messages are known to hold."""
    for mark, meaning in _KNOWN_FAILURES.items():
        if mark in text:
            return f"indexing failed: {meaning}{missing_privilege(text)}"
    return "indexing failed; Elasticsearch's own log says why"
