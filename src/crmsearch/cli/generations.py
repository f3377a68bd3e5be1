"""``index``: the generations of the customer index."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from crmsearch.cli.output import json_option, print_json, print_table, stages, words
from crmsearch.contract import RunReport
from crmsearch.errors import InputError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.generations import Generation
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.lock import Holder
from crmsearch.indexing.runs import RunStore, RunSummary
from crmsearch.keyfile import make_vault
from crmsearch.loading import rebuild_customers
from crmsearch.node import connection
from crmsearch.settings import Settings, from_env

__all__ = ["index", "make_lifecycle", "make_run_store"]

SHOWN_RUNS = 10


def make_lifecycle(settings: Settings) -> Lifecycle:
    """The owner of the generations on the Elasticsearch of these settings."""
    return Lifecycle(make_client(settings.elasticsearch), settings.elasticsearch, make_vault(settings))


def make_run_store(settings: Settings) -> RunStore:
    """Where the reports of runs are kept, on the Elasticsearch of these settings."""
    return RunStore(make_client(settings.elasticsearch), settings.elasticsearch)


def _tell_of(holder: Holder) -> None:
    """Say whose end is waited for; a holder that died is known as dead after a lease."""
    words.print(f"wait for {holder.words} …", highlight=False)


@click.group()
def index() -> None:
    """The generations of the customer index: each load makes one, one is live."""


@index.command("list")
@json_option
def index_list(as_json: bool) -> None:
    """All generations, newest first, with the state of the run that made each; and the last runs that left none.

    \b
    Examples:
      crmsearch index list
      crmsearch index list --json | jq -r '.[] | select(.live).index'
    """
    settings = connection(from_env())
    lifecycle, runs = make_lifecycle(settings), make_run_store(settings).page(SHOWN_RUNS).runs
    generations = lifecycle.generations()
    states = {run.index: run.state for run in runs if run.mode == "full"}
    if as_json:
        print_json([{**msgspec.to_builtins(each), "state": states.get(each.index)} for each in generations])
        return
    rows = [
        (
            each.index,
            "live" if each.live else "" if each.complete else "incomplete",
            states.get(each.index, ""),
            each.documents,
            each.size_bytes / 1e6,
            each.created_at,
            each.key_id or "none",
            "" if each.analytics else "none; `crmsearch index rebuild` makes it",
        )
        for each in generations
    ]
    print_table("Generations", ["index", "", "run", "documents", "MB", "created", "key", "for analysts"], rows)
    if gone := _without_index(runs, generations):
        print_table("Runs without an index", ["run", "state", "began", "why"], gone)
    if (holder := lifecycle.lock.holder()) is not None:
        words.print(f"loading now, or died while loading: {holder.words}", highlight=False)


def _without_index(runs: Sequence[RunSummary], generations: Sequence[Generation]) -> list[tuple[str, str, str, str]]:
    """Runs of which nothing is left, because they failed, or were pruned; and changes that failed."""
    present = {each.index for each in generations}
    left = [run for run in runs if run.index not in present or (run.mode, run.state) == ("incremental", "failed")]
    return [(run.run_id, run.state, run.began_at, run.failure or "") for run in left]


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
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Report that the job printed; needed once for an index filled by spark-submit, which is compared with it.",
)
def index_promote(name: str, report: Path | None) -> None:
    """Make a generation live, in one step that readers do not notice. A load that is running is not disturbed: this is refused then.

    \b
    Examples:
      crmsearch index promote crm-customers-20261123t101500z
      crmsearch index promote crm-customers-20261123t101500z --report report.json     after spark-submit
    """
    settings = connection(from_env())
    lifecycle, runs = make_lifecycle(settings), make_run_store(settings)
    written = _read_report(report) if report is not None else None
    with lifecycle.lock.held("promote", _tell_of):
        if written is not None:
            lifecycle.finish(name, written.indexed, written.contents)
            runs.save(written, "verified")
        before = lifecycle.promote(name)
        runs.note_promoted(name, before)
    words.print(f"live: {name} (before: {before or 'none'})", highlight=False)


def _read_report(path: Path) -> RunReport:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunReport)
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is not the report of a run, which spark/ingest.py prints as its last line") from error


@index.command("rollback")
def index_rollback() -> None:
    """Go back to the complete generation before the live one.

    \b
    Example:
      crmsearch index rollback
    """
    settings = connection(from_env())
    left, live = make_lifecycle(settings).rollback(_tell_of)
    make_run_store(settings).note_promoted(live, left)
    words.print(f"live: {live} (before: {left})", highlight=False)


@index.command("rebuild")
@click.argument("name", required=False)
def index_rebuild(name: str | None) -> None:
    """Copy a generation, the live one if none is named, into a new one of this crmsearch's contract, and make that live.

    Needed after an upgrade that changes the contract, where loading again from the sources is not wanted or not possible.

    \b
    Examples:
      crmsearch index rebuild
      crmsearch index rebuild crm-customers-20261123t101500z
    """
    settings = connection(from_env())
    with stages() as show:
        made = rebuild_customers(make_lifecycle(settings), make_run_store(settings), name, show)
    words.print(f"live: {made}", highlight=False)


@index.command("prune")
@click.option("--keep", type=click.IntRange(0), default=2, show_default=True, help="Complete generations to keep beside the live one.")
def index_prune(keep: int) -> None:
    """Delete old generations; the live one and newer ones stay.

    \b
    Example:
      crmsearch index prune --keep 1
    """
    lifecycle = make_lifecycle(connection(from_env()))
    with lifecycle.lock.held("prune", _tell_of):
        deleted = lifecycle.prune(keep)
    for name in deleted:
        click.echo(name)
    words.print(f"{len(deleted)} deleted", highlight=False)
