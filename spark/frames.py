"""Keeping a frame that several steps read."""

from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame

__all__ = ["cut", "kept"]


def kept(frame: DataFrame) -> DataFrame:
    """The same rows, held in memory or on disk once computed, and with a plan that begins here."""
    return cut(frame.persist(StorageLevel.MEMORY_AND_DISK))


def cut(held: DataFrame) -> DataFrame:
    """The rows of a persisted frame with a plan that begins here.

    ``persist`` alone keeps the rows but not the time: every later query is analysed, optimised and described with all that led to the
    frame, which over a run of some seventy columns takes longer than its rows. ``localCheckpoint`` would cut the plan too, and with it the
    way to compute rows anew when an executor is lost; here only the plan is cut. It is what ``Dataset.checkpoint`` of Spark 3.5 does, less
    the checkpoint.
    """
    source: Any = held
    session: Any = held.sparkSession
    rows = source._jdf.queryExecution().toRdd()
    return DataFrame(session._jsparkSession.internalCreateDataFrame(rows, source._jdf.schema(), False), session)
