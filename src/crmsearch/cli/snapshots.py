"""``snapshot``: backups of the customer base."""

from datetime import UTC, datetime

import click

from crmsearch.cli.generations import make_lifecycle, make_run_store
from crmsearch.cli.output import json_option, print_json, print_table, stages, words
from crmsearch.errors import NotFoundError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.snapshots import Snapshots
from crmsearch.keyfile import make_vault
from crmsearch.loading import restore_customers
from crmsearch.node import connection
from crmsearch.settings import Settings, from_env

__all__ = ["snapshot"]


def _make_snapshots(settings: Settings) -> Snapshots:
    return Snapshots(make_client(settings.elasticsearch), settings.elasticsearch, make_vault(settings))


@click.group()
def snapshot() -> None:
    """Backups of the live customers, the reports of runs and the saved segments, by Elasticsearch's own snapshots."""


@snapshot.command("create")
@json_option
def snapshot_create(as_json: bool) -> None:
    """Back up what is live now, and print the snapshot's name.

    \b
    Example:
      crmsearch snapshot create
    """
    settings = connection(from_env())
    live = make_lifecycle(settings).live()
    if live is None:
        raise NotFoundError("no generation is live, so there is nothing to back up")
    made = _make_snapshots(settings).create(live, datetime.now(UTC))
    if as_json:
        print_json(made)
        return
    click.echo(made.name)
    words.print(f"{made.documents:,} customers of {made.index}", highlight=False)


@snapshot.command("list")
@json_option
def snapshot_list(as_json: bool) -> None:
    """All snapshots, newest first.

    \b
    Example:
      crmsearch snapshot list --json | jq -r '.[0].name'
    """
    found = _make_snapshots(connection(from_env())).all()
    if as_json:
        print_json(found)
        return
    rows = [(each.name, each.state, each.documents, each.index, each.made_at) for each in found]
    print_table("Snapshots", ["name", "state", "customers", "index", "made"], rows)


@snapshot.command("restore")
@click.argument("name", required=False)
def snapshot_restore(name: str | None) -> None:
    """Bring the customers of a snapshot, the newest if none is named, back as a new generation, and make it live.

    Runs and segments come back only where there are none; nothing that is there is replaced.

    \b
    Examples:
      crmsearch snapshot restore
      crmsearch snapshot restore 20261123t101500z
    """
    settings = connection(from_env())
    with stages() as show:
        made = restore_customers(settings, make_lifecycle(settings), make_run_store(settings), _make_snapshots(settings), name, show)
    words.print(f"live: {made}", highlight=False)
