"""Starts a Spark job as a process of its own, follows its progress and returns its report.

Spark runs on a Java that Elasticsearch does not take and the other way round, and a job that fails must not take the command line with
it; so nothing here imports pyspark.
"""

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import msgspec

from crmsearch import errors
from crmsearch.artifacts import CONNECTOR, S3A, fetch
from crmsearch.contract import RunReport
from crmsearch.errors import CrmSearchError, JobError, TooManyRejectedError
from crmsearch.inputs import split_system
from crmsearch.java import find_java
from crmsearch.resources import jobs_root
from crmsearch.settings import LOOPBACK, Settings, child_environment

__all__ = ["connector_jar", "job_environment", "run_ingest", "storage_jars"]

Event = dict[str, Any]

_RECORD_SEPARATOR = "\x1e"  # begins a progress event of the job (RFC 7464)
_STOP_TIMEOUT_S = 20.0
_SHOWN_LINES = 15
_OBJECT_STORE = re.compile(r"(?:s3a?|s3n|oss|cosn|obs)://", re.IGNORECASE)


def connector_jar(settings: Settings) -> Path:
    """The elasticsearch-spark jar: the one that is set, else the pinned one, fetched at first use."""
    if settings.spark.connector_jar:
        path = Path(settings.spark.connector_jar)
        if not path.is_file():
            raise errors.ConfigError(f"CRMSEARCH_SPARK_CONNECTOR_JAR names {path}, which is not a file")
        return path
    return fetch(CONNECTOR, settings.paths.cache)


def storage_jars(settings: Settings, arguments: Sequence[str]) -> str:
    """Jars that the paths among ``arguments`` need, separated by commas: those that are set, else the pinned ones of ``s3a://``.

    They are 280 MB, so they are fetched only when a path is in an object store.

    Raises:
        ConfigError: a jar that is set is not there.
        NodeError: they cannot be fetched.
    """
    if settings.storage.jars:
        for jar in settings.storage.jars.split(","):
            if "://" not in jar and not Path(jar).is_file():
                raise errors.ConfigError(f"CRMSEARCH_STORAGE_JARS names {jar}, which is not a file")
        return settings.storage.jars
    if not any(_OBJECT_STORE.match(split_system(word)[1]) for word in (*arguments, settings.spark.staging_dir)):
        return ""
    return ",".join(str(fetch(artifact, settings.paths.cache)) for artifact in S3A)


def job_environment(settings: Settings) -> dict[str, str]:
    """Variables of a Spark process: its Java, its Python, and the settings.

    Raises:
        JavaNotFoundError: there is no Java 17 or 21.
    """
    java = find_java("spark", settings.spark.java_home)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    return {
        **inherited,
        **child_environment(settings),
        "JAVA_HOME": str(java.home),
        "PYSPARK_PYTHON": settings.spark.executor_python or sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        # Loopback is enough for a master on this machine, and the name of a laptop often does not resolve.
        **({"SPARK_LOCAL_IP": "127.0.0.1"} if _is_here(settings.spark.master) else {}),
    }


def _is_here(master: str) -> bool:
    return master.startswith("local") or urlsplit(master).hostname in LOOPBACK


def run_ingest(settings: Settings, arguments: Sequence[str], on_event: Callable[[Event], None] = lambda _: None) -> RunReport:
    """Run ``spark/ingest.py`` with ``arguments`` and wait for its report.

    Raises:
        CrmSearchError: the error that the job reported, as the class that it was there; a ``TooManyRejectedError`` with the report.
        JobError: the job died, or took longer than ``spark.timeout_s``; the text ends with its last lines.
        ConfigError, NodeError: a jar that it needs is not there and cannot be fetched.
    """
    settings = msgspec.structs.replace(
        settings,
        spark=msgspec.structs.replace(settings.spark, connector_jar=str(connector_jar(settings))),
        storage=msgspec.structs.replace(settings.storage, jars=storage_jars(settings, arguments)),
    )
    process = subprocess.Popen(
        [sys.executable, str(jobs_root() / "spark" / "ingest.py"), "--events", *arguments],
        env=job_environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Ctrl-C reaches us alone, and we end the job in good order; told twice, Spark would report it as a failure.
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    words: deque[str] = deque(maxlen=_SHOWN_LINES)
    failure: list[Event] = []
    # In this context, so that what is logged of an event bears the run's id.
    follower = threading.Thread(target=copy_context().run, args=(_follow, process.stderr, words, failure, on_event), daemon=True)
    answers: list[str] = []
    answerer = threading.Thread(target=lambda: answers.append(process.stdout.read() if process.stdout else ""), daemon=True)
    try:
        follower.start()
        answerer.start()
        process.wait(settings.spark.timeout_s)
    except subprocess.TimeoutExpired:
        raise JobError(
            f"the job took longer than {settings.spark.timeout_s:g} s and was ended; CRMSEARCH_SPARK_TIMEOUT_S allows more"
        ) from None
    finally:
        # On Ctrl-C too: neither the driver nor its JVM outlives the command.
        _end(process)
        for thread in (follower, answerer):
            if thread.ident is not None:
                thread.join(_STOP_TIMEOUT_S)
        process.stdout.close()
        process.stderr.close()
    answer = answers[0].strip() if answers else ""
    if failure:
        error = _as_raised(failure[-1])
        if isinstance(error, TooManyRejectedError) and answer:
            error.report = _report_in(answer)
        raise error
    if process.returncode != 0 or not answer:
        last = "\n".join(f"  {line}" for line in words)
        raise JobError(f"the Spark job ended with exit code {process.returncode}. Its last lines:\n{last}")
    return _report_in(answer)


def _report_in(answer: str) -> RunReport:
    """The report, which is the last line of what a job has printed; libraries may have spoken before."""
    return msgspec.json.decode(answer.splitlines()[-1], type=RunReport)


def _follow(stream: IO[str], words: deque[str], failure: list[Event], on_event: Callable[[Event], None]) -> None:
    for line in stream:
        if not line.startswith(_RECORD_SEPARATOR):
            words.append(line.rstrip("\n")[:300])
            continue
        event: Event = msgspec.json.decode(line.removeprefix(_RECORD_SEPARATOR))
        if "error" in event:
            failure.append(event)
        else:
            on_event(event)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _as_raised(event: Event) -> CrmSearchError:
    """The error with the class it was raised as in the job, found by its code."""
    classes = (getattr(errors, name) for name in errors.__all__)
    kind = next((each for each in classes if each.code == event["error"]), JobError)
    return kind(event["detail"])
