"""The tables of headers by system: one TOML file each in this folder, read once.

A file names its ``system`` and ``label`` and holds ``[[tables]]``:

- ``name`` and ``kind`` (customers, orders, tickets or campaigns) of the table;
- ``columns``: field -> header names, best first; case, spaces, underscores and punctuation do not matter;
- ``unused``: headers that the table is known to have and that are deliberately not read;
- ``marks``: headers that hardly any other source has, as the system writes them (only case and outer spaces do not matter);
- ``needs``: headers one of which must be there for the table to be recognised; none means that marks suffice;
- ``constants``: fields that every row of the table has;
- ``system``: name under which the keys of this table's rows are kept, where the system numbers them apart from its other tables.
"""

import tomllib
from functools import cached_property
from importlib.resources import files

import msgspec

from crmsearch.cleaning.text import match_key
from crmsearch.contract import InputKind

__all__ = ["TABLES", "Preset", "PresetTable"]


class PresetTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One table of one system; see the module."""

    name: str
    kind: InputKind
    columns: dict[str, tuple[str, ...]]
    needs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    constants: dict[str, str] = {}
    system: str = ""

    @cached_property
    def ranks(self) -> dict[str, tuple[str, int]]:
        """Match key of a header -> its field, and its place among that field's names (lower is better)."""
        return {match_key(header): (field, rank) for field, headers in self.columns.items() for rank, header in enumerate(headers)}

    @cached_property
    def known(self) -> frozenset[str]:
        """Match keys of all headers that the table is known to have."""
        return frozenset((*self.ranks, *map(match_key, (*self.unused, *self.marks, *self.needs))))


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One system with its tables."""

    system: str
    label: str
    tables: tuple[PresetTable, ...]


def _load() -> dict[str, Preset]:
    found = sorted((each for each in files(__name__).iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)
    presets = [msgspec.convert(tomllib.loads(each.read_text(encoding="utf-8")), Preset) for each in found]
    return {preset.system: preset for preset in presets}


TABLES: dict[str, Preset] = _load()
"""System -> its preset; ``generic`` is one of them."""
