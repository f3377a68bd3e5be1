"""The log: lines for people, or one JSON object a line (``CRMSEARCH_LOG_FORMAT=json``) for what collects logs.

An object has ``time, level, logger, message``, the ``request_id`` or ``run_id`` it belongs to, and of extras only those of ``_EXTRAS``, so
that nothing reaches the log by accident. Of an exception it has class and place, never the text, which may quote a customer.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from crmsearch.settings import LogSettings

__all__ = ["REQUEST_ID", "RUN_ID", "JsonFormatter", "configure_logging", "one_run"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
RUN_ID: ContextVar[str] = ContextVar("run_id", default="")
_EXTRAS = ("method", "route", "status", "took_ms", "stage", "seconds", "rows_read", "indexed", "merged", "quarantined")
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object for each line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: variable.get() for name, variable in (("request_id", REQUEST_ID), ("run_id", RUN_ID)) if variable.get()}
        line |= {name: vars(record)[name] for name in _EXTRAS if name in vars(record)}
        if record.exc_info and (error := record.exc_info[1]) is not None:
            places = traceback.extract_tb(error.__traceback__)
            line["error"] = type(error).__name__
            line["place"] = f"{places[-1].filename}:{places[-1].lineno}" if places else "?"
        return msgspec.json.encode(line).decode()


@contextmanager
def one_run() -> Iterator[None]:
    """Lines after the block, or after the function that this decorates, no more belong to the run that it has named meanwhile."""
    token = RUN_ID.set("")
    try:
        yield
    finally:
        RUN_ID.reset(token)


def configure_logging(settings: LogSettings) -> None:
    """Send the log of this process to stderr in the form that is set; what was set up before gives way."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # The client logs each request with its path, which may hold a customer's id.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
