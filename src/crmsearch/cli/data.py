"""``sample``, ``ingest``, ``clean`` and ``index``: data in, generations out."""

import codecs
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import phonenumbers

from crmsearch.cleaning.headers import HEADERS
from crmsearch.cli.output import json_option, print_json, print_report, print_table, stages, words
from crmsearch.errors import ConfigError, InputError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.loading import IngestOptions, clean_to_files, load_customers
from crmsearch.node import connection, ensure
from crmsearch.report import render_report
from crmsearch.sample import make_sample
from crmsearch.settings import Settings, from_env

__all__ = ["clean", "index", "ingest", "make_lifecycle", "sample"]


def make_lifecycle(settings: Settings) -> Lifecycle:
    """The owner of the generations on the Elasticsearch of these settings."""
    return Lifecycle(make_client(settings.elasticsearch), settings.elasticsearch)


def _source_options(command: Any) -> Any:
    """Options that ``ingest`` and ``clean`` share."""
    for option in reversed(
        (
            click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
            click.option(
                "--source", default="generic", show_default=True, help="System the rows come from, e.g. salesforce; part of every id."
            ),
            click.option("--encoding", default="UTF-8", show_default=True, help="Encoding of text files: UTF-8 or GB18030."),
            click.option("--region", help="Country (ISO code) of phone numbers whose row names none, e.g. CN."),
            click.option("--day-first/--month-first", default=True, show_default=True, help="Read 03/04/2020 as 3 April or as 4 March."),
            click.option("--map", "columns", multiple=True, metavar="FIELD=HEADER", help="Column for a field; wins over what is found."),
            json_option,
        )
    ):
        command = option(command)
    return command


def _options(
    paths: tuple[str, ...], source: str, encoding: str, region: str | None, day_first: bool, columns: tuple[str, ...]
) -> IngestOptions:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", source):
        raise ConfigError("--source is a short name in small letters, e.g. salesforce")
    for column in columns:
        if "=" not in column:
            raise ConfigError(f"--map takes FIELD=HEADER, e.g. --map name=Kunde; it was given {column!r}")
        field = column.partition("=")[0]
        if field not in HEADERS:
            raise ConfigError(f"--map: no column can be read into a field {field!r}; these are possible: {', '.join(HEADERS)}")
    if region is not None and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ConfigError(f"--region is a country by its ISO code, e.g. CN; {region!r} is none")
    _check_encoding(encoding)
    # Said at once rather than after Spark has started; other file systems are Spark's to look at.
    for path in paths:
        if "://" in path or any(character in path for character in "*?[{"):
            continue
        if not Path(path).exists():
            raise InputError(f"{path} does not exist")
        if Path(path).is_file() and not Path(path).stat().st_size:
            raise InputError(f"{path} is empty")
    located = tuple(path if "://" in path else str(Path(path).absolute()) for path in paths)
    return IngestOptions(
        paths=located, source=source, encoding=encoding, region=region.upper() if region else None, day_first=day_first, columns=columns
    )


def _check_encoding(encoding: str) -> None:
    try:
        known = codecs.lookup(encoding).name
    except LookupError:
        known = ""
    if not known or known.startswith(("utf-16", "utf-32")):
        raise ConfigError(f"--encoding is UTF-8 or GB18030, or another in which a line ends as in ASCII; {encoding!r} is not")


@click.command()
@click.option("--rows", type=click.IntRange(1), default=20_000, show_default=True, help="Customer records, duplicates included.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same files.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("sample"), show_default=True, help="Folder to fill.")
@json_option
def sample(rows: int, seed: int, out: Path, as_json: bool) -> None:
    """Make messy CRM exports to try things on: customers, orders, tickets, campaigns, and the truth.

    \b
    Example:
      crmsearch sample --rows 100000 --seed 1 --out /tmp/sample
    """
    report = make_sample(out, rows, seed)
    if as_json:
        print_json(report)
        return
    print_table(f"Sample in {out}", ["file", "rows"], list(report.rows.items()))
    print_table("Dirt put in", ["kind", "cells or rows"], list(report.dirt.items()))


@click.command()
@_source_options
def ingest(
    paths: tuple[str, ...], source: str, encoding: str, region: str | None, day_first: bool, columns: tuple[str, ...], as_json: bool
) -> None:
    """Load customers: clean, set aside, merge, index, verify, promote.

    A load replaces the whole customer base, so name all files in one call; the two bases before it are kept for `index rollback`.
    Either everything succeeds and the new index goes live, or nothing changes. Rows that cannot be used are kept in quarantine with
    their reasons. PATH is a file, folder or glob: CSV, TSV, JSON lines or Parquet, local or hdfs://.

    \b
    Examples:
      crmsearch ingest customers.csv
      crmsearch ingest hdfs://localhost:9000/crm_data.csv
      crmsearch ingest kunden.csv --map name=Kunde --region DE
      crmsearch ingest 客户.csv --encoding gb18030 --region CN
    """
    options = _options(paths, source, encoding, region, day_first, columns)
    settings = ensure(from_env())
    lifecycle = make_lifecycle(settings)
    before = next((each for each in lifecycle.generations() if each.live), None)
    latest: list[str] = []

    def written() -> int:
        if not latest:
            latest.append(lifecycle.generations()[0].index)
        return lifecycle.written(latest[0])

    with stages(written) as show:
        report = load_customers(settings, lifecycle, options, show)
    if as_json:
        print_json(report)
    else:
        print_report(report)
        was = f"before: {before.documents:,} in {before.index}" if before else "the first"
        words.print(f"live: {report.index} with {report.indexed:,} customers ({was})", highlight=False)


@click.command()
@_source_options
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results.")
def clean(
    paths: tuple[str, ...],
    source: str,
    encoding: str,
    region: str | None,
    day_first: bool,
    columns: tuple[str, ...],
    as_json: bool,
    out: Path,
) -> None:
    """The Spark part only: customers/, quarantine/, clusters/, report.json and report.html in a folder; no Elasticsearch.

    \b
    Example:
      crmsearch clean customers.csv --out cleaned
    """
    options = _options(paths, source, encoding, region, day_first, columns)
    with stages() as show:
        report = clean_to_files(from_env(), options, out, show)
    (out / "report.html").write_text(render_report(report), encoding="utf-8")
    if as_json:
        print_json(report)
    else:
        print_report(report)
        words.print(f"results: {out}", highlight=False)


@click.group()
def index() -> None:
    """The generations of the customer index: each load makes one, one is live."""


@index.command("list")
@json_option
def index_list(as_json: bool) -> None:
    """All generations, newest first.

    \b
    Examples:
      crmsearch index list
      crmsearch index list --json | jq -r '.[] | select(.live).index'
    """
    generations = make_lifecycle(connection(from_env())).generations()
    if as_json:
        print_json(generations)
        return
    rows = [
        (each.index, "live" if each.live else "" if each.complete else "incomplete", each.documents, each.size_bytes / 1e6, each.created_at)
        for each in generations
    ]
    print_table("Generations", ["index", "state", "documents", "MB", "created"], rows)


@index.command("create")
def index_create() -> None:
    """Make an empty generation for a job started by spark-submit, and print its name.

    \b
    Example:
      spark-submit … spark/ingest.py hdfs://… --index "$(crmsearch index create)"
    """
    click.echo(make_lifecycle(connection(from_env())).create(datetime.now(UTC)))


@index.command("promote")
@click.argument("name")
@click.option("--documents", type=click.IntRange(1), help="Documents that the job wrote; needed once for an index filled by spark-submit.")
def index_promote(name: str, documents: int | None) -> None:
    """Make a generation live, in one step that readers do not notice.

    \b
    Examples:
      crmsearch index promote crm-customers-20261123t101500z
      crmsearch index promote crm-customers-20261123t101500z --documents 19800     after spark-submit
    """
    lifecycle = make_lifecycle(connection(from_env()))
    if documents is not None:
        lifecycle.finish(name, documents)
    before = lifecycle.promote(name)
    words.print(f"live: {name} (before: {before or 'none'})", highlight=False)


@index.command("rollback")
def index_rollback() -> None:
    """Go back to the complete generation before the live one.

    \b
    Example:
      crmsearch index rollback
    """
    left, live = make_lifecycle(connection(from_env())).rollback()
    words.print(f"live: {live} (before: {left})", highlight=False)


@index.command("prune")
@click.option("--keep", type=click.IntRange(0), default=2, show_default=True, help="Complete generations to keep beside the live one.")
def index_prune(keep: int) -> None:
    """Delete old generations; the live one and newer ones stay.

    \b
    Example:
      crmsearch index prune --keep 1
    """
    deleted = make_lifecycle(connection(from_env())).prune(keep)
    for name in deleted:
        click.echo(name)
    words.print(f"{len(deleted)} deleted", highlight=False)
