"""What one run is asked to do, and the command line that says so."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from crmsearch.contract import InputKind
from crmsearch.inputs import split_system

__all__ = ["JobOptions", "NamedPath", "parse_arguments"]

_RELATED: tuple[Literal["orders", "tickets", "campaigns"], ...] = ("orders", "tickets", "campaigns")


class NamedPath(msgspec.Struct, frozen=True):
    """A path, what it holds where that was said (``None``: its headers tell), and the system it comes from (``None``: as for the run).

    ``removes``: its rows name records that are deleted in their system.
    """

    path: str
    kind: InputKind | None = None
    system: str | None = None
    removes: bool = False


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``index`` and ``out`` may be given together; without ``index`` nothing is sent to Elasticsearch.

    ``records_index`` is where the records go that incremental loads resolve against, ``analytics_index`` where analysts see the customers
    without their personal data. With ``rows_out``, a file of this machine, the run
    ends with the cleaning: the accepted rows are written there, and what they change is for the caller to find out.

    ``suppressions`` is a file of this machine that holds the marks of all who were erased; their rows are set aside unread.

    ``max_rejected`` is the largest share of the rows of one kind that may go to quarantine.
    """

    inputs: tuple[NamedPath, ...]
    run_id: str
    began_at: datetime
    index: str | None = None
    records_index: str | None = None
    analytics_index: str | None = None
    rows_out: str | None = None
    out: str | None = None
    quarantine: str | None = None
    suppressions: str | None = None
    source: str = "auto"
    encoding: str = "UTF-8"
    region: str | None = None
    day_first: bool = True
    columns: dict[str, str] = {}
    max_rejected: float | None = None


def _named_path(word: str, kind: InputKind | None = None, *, removes: bool = False) -> NamedPath:
    system, path = split_system(word)
    return NamedPath(path, kind, system or None, removes)


def parse_arguments(arguments: Sequence[str]) -> tuple[JobOptions, bool]:
    """The options, and whether progress is to be told to a machine."""
    parser = argparse.ArgumentParser(
        prog="ingest.py", description="Clean CRM exports, resolve duplicates, enrich, and write customers to Elasticsearch or to files."
    )
    parser.add_argument(
        "paths", nargs="*", metavar="[SYSTEM=]PATH", help="file, folder or glob; local, hdfs://, s3a:// or any Hadoop file system"
    )
    for kind in _RELATED:
        parser.add_argument(f"--{kind}", action="append", default=[], metavar="[SYSTEM=]PATH", help=f"{kind} of these customers")
    parser.add_argument("--removed", action="append", default=[], metavar="[SYSTEM=]PATH", help="keys of records that are deleted")
    parser.add_argument(
        "--index",
        help="existing index to write to, without which nothing is sent; needs CRMSEARCH_PRIVACY_KEY and CRMSEARCH_ENCRYPTION_KEYS",
    )
    parser.add_argument("--records-index", help="existing index of their records, which incremental loads need")
    parser.add_argument("--analytics-index", help="existing index of the same customers for analysts")
    parser.add_argument("--rows-out", metavar="FILE", help="only clean, and write the accepted rows of customers here as JSON lines")
    parser.add_argument("--out", help="folder for customers/, quarantine/ and clusters/")
    parser.add_argument("--quarantine", help="folder for the rejected rows alone")
    parser.add_argument("--suppressions", metavar="FILE", help="whom not to bring back, as `crmsearch ingest` writes it")
    parser.add_argument("--run-id", help="name of the run; made from the time when left out")
    parser.add_argument("--began-at", type=datetime.fromisoformat, default=None, help="ISO time that counts as now, for ages and recency")
    parser.add_argument(
        "--source", default="auto", help="auto (default), salesforce, zoho, dynamics365, hubspot, generic, or a name of your own"
    )
    parser.add_argument("--encoding", default="UTF-8", help="UTF-8 (default) or GB18030")
    parser.add_argument("--region", help="ISO country whose phone notation is assumed where a row names no country, e.g. CN")
    parser.add_argument("--month-first", action="store_true", help="read 03/04/2020 as 4 March, not 3 April")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=HEADER", help="column for a customer field; may be repeated")
    parser.add_argument("--max-rejected", type=float, metavar="SHARE", help="fail when a larger share of the rows is rejected, e.g. 0.05")
    parser.add_argument("--events", action="store_true", help="progress as JSON text sequences on stderr")
    parsed = parser.parse_args(arguments)
    columns = {}
    for pair in parsed.map:
        field, equals, header = pair.partition("=")
        if not equals:
            parser.error(f"--map takes FIELD=HEADER, not {pair!r}")
        columns[field] = header
    began_at = (parsed.began_at or datetime.now(UTC)).astimezone(UTC)
    inputs = [_named_path(word) for word in parsed.paths]
    inputs += [_named_path(word, "customers", removes=True) for word in parsed.removed]
    inputs += [_named_path(word, kind) for kind in _RELATED for word in getattr(parsed, kind)]
    options = JobOptions(
        inputs=tuple(inputs),
        run_id=parsed.run_id or began_at.strftime("%Y%m%dt%H%M%Sz"),
        began_at=began_at,
        index=parsed.index,
        records_index=parsed.records_index,
        analytics_index=parsed.analytics_index,
        rows_out=parsed.rows_out,
        out=parsed.out,
        quarantine=parsed.quarantine,
        suppressions=parsed.suppressions,
        source=parsed.source,
        encoding=parsed.encoding,
        region=parsed.region,
        day_first=not parsed.month_first,
        columns=columns,
        max_rejected=parsed.max_rejected,
    )
    return options, parsed.events
