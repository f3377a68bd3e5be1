"""What a person may ask for: ``export``, ``restrict``, ``withdraw``, ``erase``, ``anonymise``, ``lift``; ``purge``: whose time is over."""

import asyncio
import getpass
from pathlib import Path
from typing import Literal, get_args

import click
import msgspec

from crmsearch.cli.generations import make_lifecycle, make_run_store
from crmsearch.cli.output import json_option, print_json, print_table, stages, words
from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import make_vault, privacy_key
from crmsearch.node import connection
from crmsearch.retention import MOST, Retention, parse_rules
from crmsearch.rights import Rights
from crmsearch.search.consents import EVERYTHING, Withdrawable
from crmsearch.settings import Settings, from_env

__all__ = ["anonymise", "erase", "export", "lift", "purge", "restrict", "withdraw"]


def _make_rights() -> Rights:
    return Rights(*_make_holdings())


def _make_holdings() -> tuple[Settings, Lifecycle, RunStore, Erasure]:
    settings = connection(from_env())
    lifecycle = make_lifecycle(settings)
    erasure = Erasure(make_client(settings.elasticsearch), settings.elasticsearch, lifecycle.vault)
    return settings, lifecycle, make_run_store(settings), erasure


@click.command()
@click.argument("customer_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; stdout when left out.")
def export(customer_id: str, out: Path | None) -> None:
    """Give out everything that is held of one person, as JSON.

    The customer as searches find it, as kept generations and each source record have it, what apps wrote, and rows in quarantine.

    \b
    Examples:
      crmsearch export salesforce:003A > person.json
      crmsearch export C-00123 --out person.json
    """
    everything = _make_rights().everything(customer_id)
    if out is None:
        print_json(everything)
        return
    try:
        out.touch(mode=0o600)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(everything), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}); name another file with --out") from error
    words.print(f"written: {out}", highlight=False, markup=False)


@click.command()
@click.argument("customer_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(customer_id: str, yes: bool, as_json: bool) -> None:
    """Erase one person everywhere, and keep them from being loaded again; prints a certificate without a word about whom.

    All kept generations, source records, what apps wrote, and rows in quarantine. Snapshots and files of your own are not reached: who
    was erased is left out when a snapshot is restored.

    \b
    Examples:
      crmsearch erase salesforce:003A
      crmsearch erase C-00123 --yes --json > certificate.json
    """
    _end(customer_id, "erase", yes=yes, as_json=as_json)


def _end(customer_id: str, work: Literal["erase", "anonymise"], *, yes: bool, as_json: bool) -> None:
    """Let a person go, wholly or but for figures, and show the certificate."""
    rights = _make_rights()
    if not yes:
        rights.check(customer_id)  # so that nobody is asked about somebody who is not there
        if not click.confirm(f"{work.capitalize()} this person for good?", err=True):
            words.print("Nothing was erased.")
            return
    with stages() as show:
        carry_out = rights.erase if work == "erase" else rights.anonymise
        certificate = carry_out(customer_id, getpass.getuser(), show)
    if as_json:
        print_json(certificate)
        return
    print_table(f"Certificate {certificate.certificate_id}", ["where", "removed"], list(certificate.removed.items()))
    words.print(f"Erased at {certificate.erased_at}; {certificate.marks} marks keep the person from being loaded again.", highlight=False)


@click.command()
@click.argument("customer_id")
@click.option("--channel", type=click.Choice(get_args(Withdrawable)), help="The consent that is withdrawn; all of them when left out.")
@json_option
def withdraw(customer_id: str, channel: str | None, as_json: bool) -> None:
    """Take back what one person has agreed to, at once and whatever sources say of it from now on.

    Only an app that writes consents anew gives one back. A channel takes the consent to marketing in general with it.

    \b
    Examples:
      crmsearch withdraw salesforce:003A
      crmsearch withdraw C-00123 --channel email
    """
    settings = connection(from_env())

    async def taken() -> list[str]:
        client = make_async_client(settings.elasticsearch)
        try:
            suppressions = SuppressionReader(client, settings.elasticsearch, privacy_key(settings))
            writes = WriteStore(client, settings.elasticsearch, suppressions, make_vault(settings))
            return (await writes.withdraw(customer_id, (channel,) if channel else EVERYTHING)).get("consents") or []
        finally:
            await client.close()

    standing = asyncio.run(taken())
    if as_json:
        print_json({"customer_id": customer_id, "consents": standing})
        return
    words.print(f"Withdrawn; what stands: {', '.join(standing) or 'nothing'}.", highlight=False)


@click.command()
@click.argument("customer_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def anonymise(customer_id: str, yes: bool, as_json: bool) -> None:
    """Erase one person everywhere, but for figures and groups, which stay under a random id; prints a certificate as erase does.

    Revenue, tickets, campaigns, segment, city and the like go on being counted. Values that only few customers have go too.

    \b
    Examples:
      crmsearch anonymise salesforce:003A
      crmsearch anonymise C-00123 --yes --json > certificate.json
    """
    _end(customer_id, "anonymise", yes=yes, as_json=as_json)


@click.command()
@click.argument("customer_id", required=False)
@click.option("--lift", "lifts", is_flag=True, help="Use the person again.")
@click.option("--list", "lists", is_flag=True, help="Show all restrictions, those that were lifted too.")
@json_option
def restrict(customer_id: str | None, lifts: bool, lists: bool, as_json: bool) -> None:
    """Keep one person and use them no more: nothing finds them and no figure counts them, whatever is loaded, until it is lifted.

    It takes hold within a second. What is known can still be exported, corrected and erased to answer the person.

    \b
    Examples:
      crmsearch restrict salesforce:003A
      crmsearch restrict salesforce:003A --lift
      crmsearch restrict --list
    """
    rights = _make_rights()
    if (customer_id is None) is not lists or (lists and lifts):
        raise click.UsageError("name one customer, or --list")
    if customer_id is None:
        shown = make_lifecycle(connection(from_env())).restrictions.all()
    elif lifts:
        shown = rights.unrestrict(customer_id, getpass.getuser())
    else:
        shown = [rights.restrict(customer_id, getpass.getuser())]
    if as_json:
        print_json(shown)
        return
    rows = [(each.restriction_id, ", ".join(each.names), each.restricted_at, each.restricted_by, each.lifted_at or "") for each in shown]
    print_table("Restrictions", ["name", "customer and records", "since", "by", "lifted"], rows)


@click.command()
@click.argument("certificate_id")
def lift(certificate_id: str) -> None:
    """Let somebody who was erased be loaded and written again, by the name of the certificate.

    \b
    Example:
      crmsearch lift 3f9a0c1b2d4e5f60
    """
    make_lifecycle(connection(from_env())).suppressions.lift(certificate_id)
    words.print("Lifted; the next load takes the person if the sources know them.", highlight=False)


@click.command()
@click.option("--rule", "rules", multiple=True, metavar="FILTERS", help="Instead of those of CRMSEARCH_PRIVACY_RETENTION.")
@click.option("--most", type=click.FloatRange(0, 1), default=MOST, show_default=True, help="Share of all customers that may go at once.")
@click.option("--dry-run", is_flag=True, help="Say who would go, and remove nobody.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def purge(rules: tuple[str, ...], most: float, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove customers whose time is over, from all kept generations, and old rows in quarantine.

    Whose that is, CRMSEARCH_PRIVACY_RETENTION says, or --rule: filters that all hold. Run it after loads: a source that still exports
    somebody brings them back until then.

    \b
    Examples:
      crmsearch purge --dry-run
      crmsearch purge --rule "lifecycle:churned last_activity_at:..now-3y"
      crmsearch purge --yes --json
    """
    holdings = _make_holdings()
    settings = holdings[0]
    wanted = parse_rules(";".join(rules) or settings.privacy.retention)
    if not wanted and not settings.privacy.quarantine_days:
        raise ConfigError("there is no rule of retention; set CRMSEARCH_PRIVACY_RETENTION, or name one by --rule")
    retention = Retention(*holdings)
    if dry_run or not yes:
        due = retention.due(wanted)
        counts = [*((rule, len(ids)) for rule, ids in due.customers.items()), ("rows in quarantine, of so many runs", len(due.quarantine))]
        if dry_run and as_json:
            print_json({"population": due.population, "customers": dict(counts[:-1]), "quarantine": due.quarantine})
            return
        print_table(f"Due, of {due.population:,} customers", ["rule", "customers"], counts)
        if dry_run or not (due.ids or due.quarantine):
            return
        if not click.confirm("Remove them for good?", err=True):
            words.print("Nothing was removed.")
            return
    with stages() as show:
        purged = retention.purge(wanted, most, show)
    if as_json:
        print_json(purged)
        return
    print_table(f"Removed: {purged.customers:,} customers", ["where", "documents"], list(purged.documents.items()))
    words.print(f"Rows in quarantine of {len(purged.quarantine)} runs were removed.", highlight=False)
