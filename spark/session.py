"""The Spark session, with a reason beside each setting."""

import os
from pathlib import Path
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from crmsearch.settings import SparkSettings, StorageSettings

__all__ = ["LOG4J", "make_session"]

LOG4J = Path(__file__).with_name("log4j2.properties")
_NO_JARS = StorageSettings()


def make_session(settings: SparkSettings, name: str, storage: StorageSettings = _NO_JARS, *, brief: bool = False) -> SparkSession:
    """A session on the configured master, or on the one that ``spark-submit`` was told; a ``brief`` one for what takes less than a minute.

    What else a cluster needs (memory of its executors, a container image) stands in ``spark-defaults.conf`` of ``SPARK_CONF_DIR``, which
    Spark reads by itself. No secret is put into this configuration: it stands on the JVM's command line.
    """
    builder = (
        SparkSession.builder.appName(name)
        # Dates are compared and printed as written, wherever the machine stands.
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", settings.shuffle_partitions)
        # Without the corrupt-record column in the plan Spark would not parse the cells, and so not see a wrong number of them.
        .config("spark.sql.csv.parser.columnPruning.enabled", "false")
        # Small files are split too, so that every core has a part to clean.
        .config("spark.sql.files.openCostInBytes", 262_144)
        # A batch of 2,000 rows of 30 cells is about a megabyte: enough to hide the cost of the exchange with Python.
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 2000)
        # A second copy of a slow task would send its documents twice.
        .config("spark.speculation", "false")
        # Plans name the options of a write, and an event log keeps plans; Spark itself hides passwords and tokens only.
        .config("spark.redaction.regex", "(?i)secret|password|token|access[.]?key|[.]pass$|authorization")
        # What does not fit into memory, and what goes from task to task, lies on disks with people's data in it.
        .config("spark.io.encryption.enabled", "true")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.warehouse.dir", "/tmp/crmsearch-spark-warehouse")  # noqa: S108 - never written: no tables are made
    )
    if jars := ",".join(filter(None, (settings.connector_jar, storage.jars))):
        builder = builder.config("spark.jars", jars)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    for side in ("driver", "executor"):
        name = f"spark.{side}.extraJavaOptions"
        given = _submitted_conf().get(name, "") if submitted else ""
        # What the second compiler makes of the code, and takes the cores for, comes too late for a brief session.
        compiler = "-XX:TieredStopAtLevel=1" if brief else ""
        builder = builder.config(name, f"{given} -Duser.timezone=UTC {compiler}".strip())
    # Under spark-submit the JVM is there already, and what is set here would win over its --master.
    if not submitted:
        builder = builder.master(settings.master).config("spark.driver.memory", settings.driver_heap)
    session = builder.getOrCreate()
    # By hand, since under spark-submit the JVM has started with a configuration of its own.
    jvm: Any = session._jvm
    jvm.org.apache.logging.log4j.core.config.Configurator.reconfigure(jvm.java.net.URI(LOG4J.as_uri()))
    return session


def _submitted_conf() -> SparkConf:
    """What spark-submit was told, which what is set here would replace; the logging configuration of executors is among it."""
    SparkContext._ensure_initialized()
    return SparkConf()
