"""``sample``, ``ingest`` and ``clean``: data in, customers out."""

import codecs
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import phonenumbers

from crmsearch.cleaning.headers import HEADERS, PRESETS
from crmsearch.cli.generations import make_lifecycle, make_run_store
from crmsearch.cli.output import json_option, print_json, print_report, print_table, stages, words
from crmsearch.contract import LoadMode
from crmsearch.errors import ConfigError, InputError
from crmsearch.inputs import is_system, split_part, split_system
from crmsearch.loading import IngestOptions, clean_to_files, load_changes, load_customers, report_page
from crmsearch.node import ensure
from crmsearch.sample import make_sample
from crmsearch.settings import CLOUDS, Settings, from_env

__all__ = ["clean", "ingest", "sample"]

_SLIP = 0.85  # likeness from which a name is a typing error of another; see difflib


def _share(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter(f"a share such as 5% or 0.05, not {text!r}")
    return share


def _source_options(command: Any) -> Any:
    """Options that ``ingest`` and ``clean`` share."""
    for option in reversed(
        (
            click.argument("paths", nargs=-1, metavar="[SYSTEM=]PATH..."),
            click.option(
                "--source",
                default="auto",
                show_default=True,
                help=f"System of the rows: auto (by their headers), {', '.join(PRESETS)}, or a name of your own; part of every id.",
            ),
            click.option("--orders", multiple=True, metavar="PATH", help="Orders of these customers; may be repeated."),
            click.option("--tickets", multiple=True, metavar="PATH", help="Service tickets of these customers; may be repeated."),
            click.option("--campaigns", multiple=True, metavar="PATH", help="Campaign responses of these customers; may be repeated."),
            click.option("--removed", multiple=True, metavar="PATH", help="Keys of records that are deleted; may be repeated."),
            click.option("--encoding", default="UTF-8", show_default=True, help="Encoding of text files: UTF-8 or GB18030."),
            click.option("--region", help="Country (ISO code) of phone numbers whose row names none, e.g. CN."),
            click.option("--day-first/--month-first", default=True, show_default=True, help="Read 03/04/2020 as 3 April or as 4 March."),
            click.option("--map", "columns", multiple=True, metavar="FIELD=HEADER", help="Column for a field; wins over what is found."),
            click.option(
                "--max-rejected", callback=_share, metavar="SHARE", help="Fail, with nothing promoted, when more rows are rejected: 5%."
            ),
            click.option(
                "--cloud", type=click.Choice(CLOUDS), help="Whose object store s3a:// means; credentials come from its usual variables."
            ),
            json_option,
        )
    ):
        command = option(command)
    return command


def _options(
    *,
    paths: tuple[str, ...],
    source: str = "auto",
    orders: tuple[str, ...] = (),
    tickets: tuple[str, ...] = (),
    campaigns: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
    encoding: str = "UTF-8",
    region: str | None = None,
    day_first: bool = True,
    columns: tuple[str, ...] = (),
    max_rejected: float | None = None,
) -> IngestOptions:
    """Check what can be checked at once, rather than after Spark has started."""
    if not paths and not removed:
        raise ConfigError("PATH is missing: name the files to read")
    if not is_system(source):
        raise ConfigError(f"--source is auto, {', '.join(PRESETS)}, or a short name of your own in small letters")
    if source not in PRESETS and (meant := get_close_matches(source, ["auto", *PRESETS], 1, _SLIP)) and meant[0] != source:
        raise ConfigError(f"--source {source}: did you mean {meant[0]}?")
    for column in columns:
        if "=" not in column:
            raise ConfigError(f"--map takes FIELD=HEADER, e.g. --map name=Kunde; it was given {column!r}")
        field = column.partition("=")[0]
        if field not in HEADERS:
            raise ConfigError(f"--map: no column can be read into a field {field!r}; these are possible: {', '.join(HEADERS)}")
    if region is not None and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ConfigError(f"--region is a country by its ISO code, e.g. CN; {region!r} is none")
    _check_encoding(encoding)
    return IngestOptions(
        paths=_located(paths),
        orders=_located(orders),
        tickets=_located(tickets),
        campaigns=_located(campaigns),
        removed=_located(removed),
        source=source,
        encoding=encoding,
        region=region.upper() if region else None,
        day_first=day_first,
        columns=columns,
        max_rejected=max_rejected,
    )


def _located(words_: tuple[str, ...]) -> tuple[str, ...]:
    """Local paths made absolute, with the name of their system before them where one was given.

    Raises:
        InputError: a local file is missing or empty; other file systems are Spark's to look at.
    """
    found = []
    for word in words_:
        system, path = ("", word) if Path(word).exists() else split_system(word)
        if "://" not in path:
            if not any(character in path for character in "*?[{"):
                file = Path(split_part(path)[0])
                if not file.exists():
                    raise InputError(f"{file} does not exist")
                if file.is_file() and not file.stat().st_size:
                    raise InputError(f"{file} is empty")
            path = str(Path(path).absolute())
        found.append(f"{system}={path}" if system else path)
    return tuple(found)


def _check_apart(options: IngestOptions, out: str) -> None:
    """Results replace those of an earlier run, which must therefore be no input.

    Raises:
        ConfigError: they are.
    """
    replaced = {Path(out).absolute() / name for name in ("customers", "quarantine", "clusters")} if "://" not in out else set()
    for path in (*options.paths, *options.orders, *options.tickets, *options.campaigns):
        file = Path(split_system(path)[1])
        if replaced & {file, *file.parents}:
            raise ConfigError(f"{file} would be replaced by the results; name another folder with --out")


def _check_encoding(encoding: str) -> None:
    try:
        known = codecs.lookup(encoding).name
    except LookupError:
        known = ""
    if not known or known.startswith(("utf-16", "utf-32")):
        raise ConfigError(f"--encoding is UTF-8 or GB18030, or another in which a line ends as in ASCII; {encoding!r} is not")


def _with_cloud(settings: Settings, cloud: str | None) -> Settings:
    if cloud is None:
        return settings
    return msgspec.structs.replace(settings, storage=msgspec.structs.replace(settings.storage, cloud=cloud))


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
@click.option(
    "--mode",
    type=click.Choice(get_args(LoadMode)),
    default="full",
    show_default=True,
    help="full replaces the customer base; incremental changes it by new, changed and removed rows.",
)
def ingest(cloud: str | None, as_json: bool, mode: LoadMode, **given: Any) -> None:
    """Load customers: clean, set aside, resolve duplicates, enrich, index, verify, promote.

    A full load replaces the whole customer base, so name all files in one call; the two bases before it are kept for `index rollback`.
    Either everything succeeds and the new index goes live, or nothing changes. An incremental load takes rows of customers that are
    new or changed, and removes those that a column marks as deleted or a file of --removed names. Rows that cannot be used are kept in
    quarantine with their reasons. PATH is a file, folder or glob: CSV, TSV, JSON lines, Parquet, .xlsx, .gz or .zip; local, hdfs:// or s3a://.
    Exports of Salesforce, Zoho, Dynamics 365 and HubSpot are known by their headers.

    \b
    Examples:
      crmsearch ingest customers.csv --orders orders.csv --tickets tickets.csv --campaigns campaigns.csv
      crmsearch ingest salesforce.zip zoho_leads.xlsx erp=kunden.csv
      crmsearch ingest hdfs://localhost:9000/crm_data.csv --max-rejected 5%
      crmsearch ingest s3a://bucket/crm/*.csv --cloud aliyun
      crmsearch ingest 客户.csv --encoding gb18030 --region CN
      crmsearch ingest changes.csv --removed salesforce=deleted_ids.csv --mode incremental
    """
    options = _options(**given)
    settings = ensure(_with_cloud(from_env(), cloud))
    lifecycle = make_lifecycle(settings)
    before = next((each for each in lifecycle.generations() if each.live), None)
    latest: list[str] = []

    def written() -> int:
        if not latest:
            latest.append(lifecycle.generations()[0].index)
        return lifecycle.written(latest[0])

    with stages(written) as show:
        load = load_customers if mode == "full" else load_changes
        report = load(settings, lifecycle, make_run_store(settings), options, show)
    if as_json:
        print_json(report)
    else:
        print_report(report)
        was = f"before: {before.documents:,} in {before.index}" if before else "the first"
        words.print(f"report: {report_page(settings, report)}", highlight=False)
        customers = report.indexed if report.changes is None else report.changes.customers
        words.print(f"live: {report.index} with {customers:,} customers ({was})", highlight=False)


@click.command()
@_source_options
@click.option("--out", metavar="DIR", required=True, help="Folder for the results; here or, as a URI, where Spark reaches.")
def clean(cloud: str | None, as_json: bool, out: str, **given: Any) -> None:
    """The Spark part only: customers/, quarantine/, clusters/, report.json and report.html in a folder; no Elasticsearch.

    \b
    Examples:
      crmsearch clean customers.csv --out cleaned
      crmsearch clean contacts.xlsx --orders orders.csv --out cleaned --max-rejected 1%
      crmsearch clean hdfs://namenode:9000/crm/*.csv --out hdfs://namenode:9000/cleaned
    """
    options = _options(**given)
    settings = _with_cloud(from_env(), cloud)
    if "://" not in out and Path(out).is_file():
        raise ConfigError(f"--out {out} is a file; name a folder")
    _check_apart(options, out)
    with stages() as show:
        report = clean_to_files(settings, options, out, show)
    if as_json:
        print_json(report)
    else:
        print_report(report)
        page = report_page(settings, report) if "://" in out else Path(out) / "report.html"
        words.print(f"results: {out}\nreport: {page}", highlight=False)
