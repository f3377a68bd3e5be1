"""Rows in quarantine as they are kept: their reasons in the clear, what they hold sealed. Pure."""

from collections.abc import Mapping
from typing import Any

from crmsearch.privacy.vault import Vault

__all__ = ["QUARANTINE_COLUMNS", "Row", "open_row", "seal_row"]

Row = dict[str, Any]

QUARANTINE_COLUMNS = ("run_id", "source", "kind", "reasons", "issues", "source_key", "raw")
_SEALED = ("source_key", "raw")  # a row was not understood, so that anything may stand anywhere in it


def seal_row(row: Mapping[str, Any], vault: Vault) -> Row:
    """The row as it lies on a disk, bound to its run."""
    return {
        name: vault.seal_text(value, f"quarantine {name}", row["run_id"]) if name in _SEALED and value else value
        for name, value in row.items()
    }


def open_row(row: Mapping[str, Any], vault: Vault) -> Row:
    """The row as it was read; one of before there was encryption stays as it is.

    Raises:
        KeyMissingError: it was sealed with a key that is not in the ring.
    """
    return {
        name: vault.open_text(value, f"quarantine {name}", row["run_id"]) if name in _SEALED and value else value
        for name, value in row.items()
    }
