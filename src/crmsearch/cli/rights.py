"""``export``, ``erase`` and ``lift``: what a person may ask for, from the command line."""

import getpass
from pathlib import Path

import click
import msgspec

from crmsearch.cli.generations import make_lifecycle, make_run_store
from crmsearch.cli.output import json_option, print_json, print_table, stages, words
from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.keyfile import reference_key
from crmsearch.node import connection
from crmsearch.rights import Rights
from crmsearch.settings import from_env

__all__ = ["erase", "export", "lift"]


def _make_rights() -> Rights:
    settings = connection(from_env())
    erasure = Erasure(make_client(settings.elasticsearch), settings.elasticsearch, reference_key(settings))
    return Rights(settings, make_lifecycle(settings), make_run_store(settings), erasure)


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
