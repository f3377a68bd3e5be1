"""The main job as a process: its report goes to stdout as JSON, its progress and its failure to stderr.

A run that fails because too many rows were rejected has a report too, with its ``failure``.

``crmsearch ingest`` and ``crmsearch clean`` start it; on a cluster ``spark-submit`` can, into an index made by ``crmsearch index create``:

    spark-submit --jars elasticsearch-spark-30_2.12-9.4.9.jar spark/ingest.py hdfs://host:9000/crm_data.csv --index crm-customers-… \\
        --records-index crm-records-… --analytics-index crm-customers-analytics-…

Where Elasticsearch is and how to log in come from ``CRMSEARCH_ELASTICSEARCH_*`` variables, never from the command line; and from
``CRMSEARCH_PRIVACY_KEY`` and ``CRMSEARCH_ENCRYPTION_KEYS`` (or ``_KEY_FILE``, ``_KEY_COMMAND``) what customers are sealed with, and
referred to by analysts.
"""

import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

if __package__ in {None, ""}:
    # Started by its path, the folder of the jobs comes first on the import path and would hide modules of the standard library; the folder
    # above is what makes the jobs importable.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import msgspec

from crmsearch.contract import RunReport
from crmsearch.errors import CrmSearchError, JobError, TooManyRejectedError
from crmsearch.settings import from_env
from spark.options import parse_arguments
from spark.pipeline import run
from spark.progress import Progress
from spark.session import make_session

__all__ = ["main"]

EXIT_INTERRUPTED = 130  # as a shell reports a process ended by Ctrl-C


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
            spark = make_session(settings.spark, f"crmsearch {options.run_id}", settings.storage, brief=options.rows_out is not None)
        try:
            report = run(spark, options, settings, progress)
        finally:
            spark.stop()
    except CrmSearchError as error:
        progress.failed(error)
        if isinstance(error, TooManyRejectedError) and error.report is not None:
            _print_report(error.report)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a defect, or a failure of Spark: told by kind and place
        failure = JobError(f"the job failed; {_where(error)}")
        progress.failed(failure)
        return failure.exit_code
    _print_report(report)
    return 0


def _print_report(report: RunReport) -> None:
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")


if __name__ == "__main__":
    sys.exit(main())
