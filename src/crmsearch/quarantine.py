"""The files of rows that no load took: a folder for each run, in the state directory, readable by its owner alone."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from crmsearch.errors import NotFoundError
from crmsearch.privacy.quarantine import Row, open_row, seal_row
from crmsearch.privacy.vault import Vault
from crmsearch.settings import Settings

__all__ = ["quarantine_folder", "read_rows", "replace_table", "reseal_rows", "tables"]


def quarantine_folder(settings: Settings) -> Path:
    """Where they lie."""
    return settings.paths.state / "quarantine"


def tables(folder: Path, run: str = "*") -> Iterator[tuple[Path, pa.Table]]:
    """The files of all runs, or of one, as they are kept."""
    for path in sorted(folder.glob(f"{run}/*.parquet")):
        yield path, parquet.read_table(path)


def read_rows(folder: Path, run: str, vault: Vault) -> Iterator[Row]:
    """The rows of a run as they were read, one file at a time.

    Raises:
        NotFoundError: the run has left none.
        KeyMissingError: they are sealed with a key that is not in the ring.
    """
    if "/" in run or not (folder / run).is_dir():
        raise NotFoundError("no rows of this run are in quarantine here; `crmsearch quarantine` lists the runs that have some")
    for _, table in tables(folder, run):
        yield from (open_row(row, vault) for row in table.to_pylist())


def reseal_rows(folder: Path, vault: Vault) -> int:
    """Seal all rows with the key that seals now; returns how many there are."""
    count = 0
    for path, table in tables(folder):
        rows = [seal_row(open_row(row, vault), vault) for row in table.to_pylist()]
        replace_table(path, pa.Table.from_pylist(rows, schema=table.schema))
        count += len(rows)
    return count


def replace_table(path: Path, table: pa.Table) -> None:
    """Put a table in the place of a file, in one step."""
    draft = path.with_name(f".{path.name}.draft")
    parquet.write_table(table, draft)
    draft.replace(path)
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # Hadoop's, of the file as it was
