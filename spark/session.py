"""The Spark session, with a reason beside each setting."""

import os
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from crmsearch.settings import SparkSettings

__all__ = ["LOG4J", "make_session"]

LOG4J = Path(__file__).with_name("log4j2.properties")


def make_session(settings: SparkSettings, name: str) -> SparkSession:
    """A session on the configured master, or on the one that ``spark-submit`` was told."""
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
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.warehouse.dir", "/tmp/crmsearch-spark-warehouse")  # noqa: S108 - never written: no tables are made
    )
    if settings.connector_jar:
        builder = builder.config("spark.jars", settings.connector_jar)
    for side in ("driver", "executor"):
        builder = builder.config(f"spark.{side}.extraJavaOptions", "-Duser.timezone=UTC")
    # Under spark-submit the JVM is there already, and what is set here would win over its --master.
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.master(settings.master).config("spark.driver.memory", settings.driver_memory)
    session = builder.getOrCreate()
    # By hand, since under spark-submit the JVM has started with a configuration of its own.
    jvm: Any = session._jvm
    jvm.org.apache.logging.log4j.core.config.Configurator.reconfigure(jvm.java.net.URI(LOG4J.as_uri()))
    return session
