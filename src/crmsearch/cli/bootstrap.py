"""``keys bootstrap``: what the parts of the product log in to Elasticsearch with."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.logins import ROLES, Key, Logins
from crmsearch.node import connection
from crmsearch.settings import Settings, from_env

__all__ = ["bootstrap", "revoke_old"]


def _make_store(settings: Settings) -> Logins:
    return Logins(make_client(settings.elasticsearch), settings.elasticsearch.index_prefix)


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the files; `keys` in the state directory if left out."
)
@click.option("--rotate", is_flag=True, help="Revoke the earlier keys at once; what still uses them is refused from then on.")
@click.option("--show", is_flag=True, help="Print the keys on the terminal too.")
@json_option
def bootstrap(out: Path | None, rotate: bool, show: bool, as_json: bool) -> None:
    """Make a key for each part, once, as a user who may; afterwards nothing needs that user.

    Each key goes into a file that its owner alone can read. Run again it makes new keys; earlier ones stay valid until revoked.

    \b
    Examples:
      read -rs CRMSEARCH_ELASTICSEARCH_PASSWORD && export CRMSEARCH_ELASTICSEARCH_PASSWORD
      CRMSEARCH_ELASTICSEARCH_USERNAME=elastic crmsearch keys bootstrap
      CRMSEARCH_ELASTICSEARCH_API_KEY_FILE=/var/lib/crmsearch/keys/job.key crmsearch ingest customers.csv
      crmsearch keys bootstrap --out /etc/crmsearch && crmsearch keys revoke-old
    """
    settings = connection(from_env())
    store = _make_store(settings)
    earlier, now = store.all(), datetime.now(UTC)
    folder = out or settings.paths.state / "keys"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = {key.role: (key, _write(folder / f"{key.role}.key", key)) for key in (store.make(role, now) for role in ROLES.values())}
    except OSError as error:
        raise ConfigError(f"keys cannot be kept in {folder} ({type(error).__name__}); name another folder by --out") from error
    if rotate:
        store.revoke(earlier)
    if as_json:
        print_json(
            {
                "keys": [{"role": role, "id": key.id, "file": str(path)} | _secret(key, show) for role, (key, path) in made.items()],
                "earlier": [{"role": key.role, "id": key.id, "name": key.name, "revoked": rotate} for key in earlier],
            }
        )
        return
    print_table("Keys", ["for", "what it is for", "file"], [(role, ROLES[role].purpose, str(path)) for role, (_, path) in made.items()])
    words.print("Set, for each part in its own environment, and unset CRMSEARCH_ELASTICSEARCH_USERNAME and _PASSWORD:")
    for role, (key, path) in made.items():
        click.echo(f"CRMSEARCH_ELASTICSEARCH_API_KEY_FILE={path}  # {role}")
        if show:
            click.echo(key.encoded)
    if earlier and rotate:
        words.print(f"{len(earlier)} earlier keys were revoked.", highlight=False)
    elif earlier:
        words.print(f"{_names(earlier)} may be revoked when nothing uses them any more: crmsearch keys revoke-old", highlight=False)


@click.command()
def revoke_old() -> None:
    """Revoke all keys that `keys bootstrap` has made but the newest of each part; prints their names.

    \b
    Example:
      crmsearch keys revoke-old
    """
    store = _make_store(connection(from_env()))
    everything = store.all()
    newest = {key.role: key for key in reversed(everything)}
    old = [key for key in everything if key != newest[key.role]]
    store.revoke(old)
    for key in old:
        click.echo(key.name)
    words.print(f"{len(old)} revoked", highlight=False)


def _write(path: Path, key: Key) -> Path:
    """Put a key into a file of its owner's, in the place of the one before."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{key.encoded!s}\n")
    new.replace(path)
    return path.absolute()


def _secret(key: Key, show: bool) -> dict[str, str]:
    return {"encoded": str(key.encoded)} if show else {}


def _names(keys: list[Key]) -> str:
    return ", ".join(key.name for key in keys)
