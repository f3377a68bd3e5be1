"""``index``: the generations of the customer index."""

from datetime import UTC, datetime

import click

from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.node import connection
from crmsearch.settings import Settings, from_env

__all__ = ["index", "make_lifecycle", "make_run_store"]


def make_lifecycle(settings: Settings) -> Lifecycle:
    """The owner of the generations on the Elasticsearch of these settings."""
    return Lifecycle(make_client(settings.elasticsearch), settings.elasticsearch)


def make_run_store(settings: Settings) -> RunStore:
    """Where the reports of runs are kept, on the Elasticsearch of these settings."""
    return RunStore(make_client(settings.elasticsearch), settings.elasticsearch)


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
