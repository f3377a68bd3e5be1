"""``keys``: what callers of the API show, and what the product's own parts show to Elasticsearch."""

import re
from datetime import UTC, datetime, timedelta
from typing import cast, get_args

import click

from crmsearch.cli.bootstrap import bootstrap, revoke_old
from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.cli.rotation import rotate
from crmsearch.errors import InvalidRequestError, NotFoundError
from crmsearch.indexing.access import KeyStore
from crmsearch.indexing.client import make_client
from crmsearch.node import connection
from crmsearch.privacy.access import SCOPES, KeyRecord, Role, Scope, key_state, make_key
from crmsearch.search.rows import row_texts
from crmsearch.settings import from_env

__all__ = ["keys"]

_DAYS = re.compile(r"([1-9][0-9]{0,4})d")


def _make_store() -> KeyStore:
    settings = connection(from_env())
    return KeyStore(make_client(settings.elasticsearch), settings.elasticsearch)


@click.group()
def keys() -> None:
    """Keys of those who call the API, and of the product's own parts.

    Agents, apps and analysts show a key to the API (create, list, revoke); before the first one is made, this machine alone may call. The
    job and the API show keys of least privileges to Elasticsearch (bootstrap, revoke-old). Key data of customers is encrypted with a master
    key that can be changed (rotate).
    """


keys.add_command(bootstrap)
keys.add_command(revoke_old)
keys.add_command(rotate)


@keys.command("create")
@click.option("--role", type=click.Choice(get_args(Role)), required=True, help="What the key may do; `custom` with --scope.")
@click.option("--name", default="", help="Whose it is, for people.")
@click.option("--expires", help="When it ceases to be good: days from now (90d) or a day (2027-01-31); never when left out.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(list(SCOPES)), help="Of a custom key; may be given several times.")
@click.option("--rows", multiple=True, metavar="F", help="Customers that it may see: country:CN|HK; all that are given must hold.")
@json_option
def keys_create(role: str, name: str, expires: str | None, scopes: tuple[str, ...], rows: tuple[str, ...], as_json: bool) -> None:
    """Make a key and print it: once, for nobody can read it again.

    \b
    Examples:
      crmsearch keys create --role agent --name "Support, Berlin"
      crmsearch keys create --role app --name shop --expires 365d
      crmsearch keys create --role agent --rows 'country:CN|HK'
      crmsearch keys create --role custom --scope customers:read --scope customers:export
    """
    now = datetime.now(UTC)
    key, record = make_key(name, cast(Role, role), cast(tuple[Scope, ...], scopes), now, _expiry(expires, now), row_texts(rows))
    _make_store().add(record)
    if as_json:
        print_json({"key": key, **_shown(record)})
        return
    click.echo(key)
    words.print("Send it as [bold]Authorization: Bearer <key>[/]. It is shown this once.", highlight=False)


@keys.command("list")
@json_option
def keys_list(as_json: bool) -> None:
    """List all keys by their prefix, also revoked and expired ones; never the secret.

    \b
    Example:
      crmsearch keys list
    """
    found, now = _make_store().all(), datetime.now(UTC)
    if as_json:
        print_json({"keys": [_shown(each) | {"state": key_state(each, now)} for each in found]})
        return
    columns = ["prefix", "name", "role", "rows", "state", "made", "expires", "last used"]
    rows = [
        (
            each.prefix,
            each.name,
            each.role,
            " ".join(each.rows) or "all",
            key_state(each, now),
            each.created_at,
            each.expires_at or "never",
            each.last_used_at or "never",
        )
        for each in found
    ]
    print_table("Keys", columns, rows)


@keys.command("revoke")
@click.argument("key")
def keys_revoke(key: str) -> None:
    """Make a key void, by its prefix or its name; every API process refuses it within a second.

    \b
    Examples:
      crmsearch keys revoke 3f9a0c1b2d4e
      crmsearch keys revoke shop
    """
    store = _make_store()
    now = datetime.now(UTC)
    every = [each for each in store.all() if key in {each.prefix, each.name} and key]
    found = [each for each in every if key_state(each, now) == "good"] or every[:1]
    if not found:
        raise NotFoundError("there is no key of this prefix or name; `crmsearch keys list` shows those there are")
    if len(found) > 1:
        raise InvalidRequestError(f"{len(found)} keys bear this name; revoke them by prefix: {', '.join(each.prefix for each in found)}")
    store.revoke(found[0].prefix, now)
    words.print(f"{found[0].prefix} is void.", highlight=False)


def _expiry(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    if match := _DAYS.fullmatch(text):
        return now + timedelta(days=int(match[1]))
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidRequestError("--expires is a number of days, such as 90d, or a day, such as 2027-01-31") from error


def _shown(record: KeyRecord) -> dict[str, object]:
    names = ("prefix", "name", "role", "scopes", "rows", "created_at", "expires_at", "revoked_at", "last_used_at")
    return {name: getattr(record, name) for name in names}
