"""The command line: data on stdout, words on stderr, exit codes from ``errors.py``."""

import signal
import sys
from typing import Any

import click

from crmsearch import __version__
from crmsearch.cli.audit import audit
from crmsearch.cli.data import clean, ingest, sample
from crmsearch.cli.generations import index
from crmsearch.cli.keys import keys
from crmsearch.cli.kibana import kibana
from crmsearch.cli.look import doctor, search
from crmsearch.cli.manual import completion, manual
from crmsearch.cli.node import node
from crmsearch.cli.output import words
from crmsearch.cli.quarantine import quarantine
from crmsearch.cli.rights import anonymise, erase, export, lift, purge, restrict, withdraw
from crmsearch.cli.segments import segments
from crmsearch.cli.service import demo, down, serve, up
from crmsearch.cli.snapshots import snapshot
from crmsearch.cli.statistics import stats
from crmsearch.errors import CrmSearchError

__all__ = ["main"]

EXIT_INTERRUPTED = 130  # as a shell reports a process ended by Ctrl-C


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="crmsearch")
def cli() -> None:
    """CRM exports in, a searchable customer base out.

    \b
    Start here:
      crmsearch demo                          everything on sample data, in one go
      crmsearch ingest customers.csv          your own export
      crmsearch search "wang 上海"            look someone up
      crmsearch doctor                        what is missing on this machine
    """


for command in (
    demo,
    up,
    down,
    sample,
    ingest,
    clean,
    index,
    snapshot,
    serve,
    search,
    stats,
    segments,
    keys,
    audit,
    export,
    restrict,
    withdraw,
    erase,
    anonymise,
    lift,
    purge,
    quarantine,
    node,
    kibana,
    doctor,
    completion,
    manual,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; errors of ours become one line on stderr and the exit code of their class."""
    # A process manager's stop is to clean up as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli.main(args=arguments, prog_name="crmsearch", standalone_mode=False)
    except CrmSearchError as error:
        words.print(f"[bold red]error:[/] {_escaped(error.detail)}", soft_wrap=True, highlight=False)
        _print_notes(error)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        interrupt = error.__context__ if isinstance(error, click.Abort) else error
        if not _print_notes(interrupt):
            words.print("interrupted; what had been begun was cleaned up")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        sys.stderr.close()
        sys.exit(0)


def _print_notes(error: BaseException | None) -> bool:
    """Print what was noted on an error on its way here; returns whether there was anything."""
    notes = getattr(error, "__notes__", [])
    for note in notes:
        words.print(f"note: {note}", soft_wrap=True, highlight=False, markup=False)
    return bool(notes)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
