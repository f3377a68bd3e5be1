"""``quarantine``: the rows that no load took, with their reasons."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import click
import msgspec

from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.errors import ConfigError
from crmsearch.keyfile import make_vault
from crmsearch.privacy.quarantine import Row
from crmsearch.quarantine import quarantine_folder, read_rows, tables
from crmsearch.settings import from_env

__all__ = ["quarantine"]

SHOWN = 20


@click.command()
@click.argument("run", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File for all rows, as JSON lines; only you may read it.")
@json_option
def quarantine(run: str | None, out: Path | None, as_json: bool) -> None:
    """Show rows that could not be used: of a RUN each row as it was read and why; without one, which runs have some.

    They are encrypted where they lie, and people's data: an --out file is in the clear.

    \b
    Examples:
      crmsearch quarantine
      crmsearch quarantine 20261123t101500z
      crmsearch quarantine 20261123t101500z --out rejected.jsonl
    """
    settings = from_env()
    folder = quarantine_folder(settings)
    if run is None:
        _show_runs(folder, as_json)
        return
    rows = read_rows(folder, run, make_vault(settings))
    if out is not None:
        _write(rows, out)
    elif as_json:
        print_json(list(rows))
    else:
        shown = list(islice(rows, SHOWN))
        table = [(row["kind"], ", ".join(row["reasons"]), row["source"].rpartition("/")[2], row["raw"]) for row in shown]
        print_table(f"Quarantine of {run}", ["holds", "reasons", "file", "row"], table)
        if left := sum(1 for _ in rows):
            words.print(f"and {left:,} more; --out writes them all", highlight=False)


def _show_runs(folder: Path, as_json: bool) -> None:
    rows: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for path, table in tables(folder):
        run = path.parent.name
        rows[run] += table.num_rows
        reasons.setdefault(run, Counter()).update(reason for row in table.column("reasons").to_pylist() for reason in row)
    if as_json:
        print_json([{"run_id": run, "rows": rows[run], "reasons": dict(each.most_common())} for run, each in reasons.items()])
        return
    shown = [(run, rows[run], ", ".join(f"{name} {count:,}" for name, count in each.most_common(5))) for run, each in reasons.items()]
    print_table("Quarantine", ["run", "rows", "most frequent reasons"], shown)


def _write(rows: Iterable[Row], out: Path) -> None:
    count = 0
    try:
        out.touch(mode=0o600)
        with out.open("wb") as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")
                count += 1
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}); name another file with --out") from error
    words.print(f"{count:,} rows written: {out}", highlight=False, markup=False)
