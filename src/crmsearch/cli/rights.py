"""``export``, ``erase`` and ``lift``: what a person may ask for; ``purge``: whose time is over."""

import getpass
from pathlib import Path

import click
import msgspec

from crmsearch.cli.generations import make_lifecycle, make_run_store
from crmsearch.cli.output import json_option, print_json, print_table, stages, words
from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.keyfile import make_vault
from crmsearch.node import connection
from crmsearch.retention import MOST, Retention, parse_rules
from crmsearch.rights import Rights
from crmsearch.settings import Settings, from_env

__all__ = ["erase", "export", "lift", "purge"]


def _make_rights() -> Rights:
    settings = connection(from_env())
    return Rights(settings, make_lifecycle(settings), make_run_store(settings), _make_erasure(settings))


def _make_erasure(settings: Settings) -> Erasure:
    return Erasure(make_client(settings.elasticsearch), settings.elasticsearch, make_vault(settings))


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
    rights = _make_rights()
    if not yes:
        rights.check(customer_id)  # so that nobody is asked about somebody who is not there
        if not click.confirm("Erase this person for good?", err=True):
            words.print("Nothing was erased.")
            return
    with stages() as show:
        certificate = rights.erase(customer_id, getpass.getuser(), show)
    if as_json:
        print_json(certificate)
        return
    print_table(f"Certificate {certificate.certificate_id}", ["where", "removed"], list(certificate.removed.items()))
    words.print(f"Erased at {certificate.erased_at}; {certificate.marks} marks keep the person from being loaded again.", highlight=False)


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
    settings = connection(from_env())
    wanted = parse_rules(";".join(rules) or settings.privacy.retention)
    if not wanted and not settings.privacy.quarantine_days:
        raise ConfigError("there is no rule of retention; set CRMSEARCH_PRIVACY_RETENTION, or name one by --rule")
    retention = Retention(settings, make_lifecycle(settings), make_run_store(settings), _make_erasure(settings))
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
