"""Which system a table comes from, and which of its columns means which field.

Both are read from the tables of headers in ``presets``. A column that a preset neither names nor sets aside is looked up among the generic
headers, so that a company's own additions are read too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from crmsearch.cleaning.categories import OPT_OUTS
from crmsearch.cleaning.presets import TABLES, PresetTable
from crmsearch.cleaning.text import match_key
from crmsearch.contract import InputKind
from crmsearch.errors import InvalidRequestError, UnknownFieldError

__all__ = [
    "GENERIC_CUSTOMERS",
    "HEADERS",
    "KEY_FIELDS",
    "LIST_FIELDS",
    "PRESETS",
    "HeaderMapping",
    "Recognised",
    "fields_of",
    "knows_header",
    "map_headers",
    "recognise",
]

PRESETS = tuple(sorted(TABLES, key=lambda system: system == "generic"))
"""Names of the presets, ``generic`` last."""

KEY_FIELDS: dict[InputKind, str] = {
    "customers": "customer_id",
    "orders": "order_id",
    "tickets": "ticket_id",
    "campaigns": "response_id",
}
"""The field that is a row's own key, by kind of table."""

LIST_FIELDS = frozenset({"emails", "phones", "tags", "consents"})
_MANY = LIST_FIELDS | {"address", *OPT_OUTS}  # fields that several columns may fill

# Two headers that hardly any other source has are no accident; one may be.
MIN_MARKS = 2
# Share of the headers that a recognised table must know; the rest may be a company's own additions.
MIN_KNOWN = 0.4

_GENERIC: dict[InputKind, PresetTable] = {table.kind: table for table in TABLES["generic"].tables}
HEADERS: dict[str, tuple[str, ...]] = _GENERIC["customers"].columns
"""Field of a customer, or refusal, -> the generic names of its column, best first."""

_ALL_DIGITS = re.compile(r"[0-9]+")


class Recognised(msgspec.Struct, frozen=True):
    """What a table is.

    Attributes:
        preset: salesforce, zoho, dynamics365, hubspot or generic.
        table: the table's name in that system, such as ``Contact``; empty when only the system is known.
        kind: customers, orders, tickets or campaigns.
    """

    preset: str
    table: str
    kind: InputKind

    @property
    def system(self) -> str:
        """Name under which the keys of the rows are kept: the preset's, unless the system numbers this table apart from its others."""
        table = _table_of(self)
        return (table.system if table else "") or self.preset


GENERIC_CUSTOMERS = Recognised("generic", "", "customers")


class HeaderMapping(msgspec.Struct, frozen=True):
    """The meaning of a table's columns.

    Attributes:
        columns: the field of each column, in the table's order; ``None`` for one that is not used.
        unmapped: the header names of the columns that are not used.
        constants: fields that every row has, whatever its columns say nothing of.
    """

    columns: tuple[str | None, ...]
    unmapped: tuple[str, ...]
    constants: dict[str, str] = {}


def fields_of(kind: InputKind) -> tuple[str, ...]:
    """The fields that the columns of a table of this kind can be read into."""
    return tuple(_GENERIC[kind].columns)


def knows_header(header: str) -> bool:
    """Whether any table of any system has a column of this name; tells a header row from a title above it."""
    key = match_key(header)
    return bool(key) and any(key in table.known for preset in TABLES.values() for table in preset.tables)


def recognise(headers: Sequence[str], kind: InputKind | None = None, preset: str = "auto") -> Recognised:
    """Find the system and table that these headers come from.

    A table is recognised by its marks: two or more, and more than any table of another system has; what is not clear is generic.

    Args:
        headers: the header row.
        kind: what the table holds, where that is known; ``None`` lets the headers tell.
        preset: the system where that is known, or ``auto``. A known system needs no marks: the table that fits best is taken, and
            none where nothing fits.

    Raises:
        InvalidRequestError: there is no such preset.
    """
    if preset != "auto" and preset not in TABLES:
        raise InvalidRequestError(f"no preset {preset!r}; known are auto, {', '.join(PRESETS)}")
    exact = {_exact(header) for header in headers}
    # Salesforce marks a company's own fields; no preset can know them.
    keys = [key for header in headers if (key := match_key(header)) and not _exact(header).endswith("__c")]
    scored = sorted(
        (
            (_score(table, exact, keys), system, table)
            for system, each in TABLES.items()
            if system != "generic" and preset in {"auto", system}
            for table in each.tables
            if kind in {None, table.kind} and _has_needed(table, exact)
        ),
        key=lambda one: one[0],
        reverse=True,
    )
    if scored:
        (marks, known), system, table = scored[0]
        rival = max((score[0] for score, other, _ in scored if other != system), default=0)
        if preset == system and known:
            return Recognised(system, table.name, table.kind)
        if preset == "auto" and marks >= MIN_MARKS and marks > rival and known >= MIN_KNOWN * len(keys):
            return Recognised(system, table.name, table.kind)
    return Recognised("generic" if preset == "auto" else preset, "", kind or _generic_kind(headers))


def map_headers(headers: Sequence[str], overrides: Mapping[str, str] = {}, recognised: Recognised = GENERIC_CUSTOMERS) -> HeaderMapping:
    """Find the field of every column by its header.

    List fields and the address take every column that fits, in order. Of several columns for another field the one with the best name
    wins, at equal names the first; the others stay unused. ``email 2`` or ``address_1`` mean what they mean without their number.

    Args:
        headers: the header row.
        overrides: field -> header, for what the tables cannot know; they win over them.
        recognised: what the table is, as ``recognise`` found it.

    Raises:
        UnknownFieldError: an override names a field that a table of this kind cannot carry.
        InvalidRequestError: an override names a header that is not in the file, or two overrides name the same one.
    """
    columns: list[str | None] = [None] * len(headers)
    for field, header in overrides.items():
        columns[_overridden(field, header, headers, columns, recognised.kind)] = field
    table = _table_of(recognised)
    free = [(place, header) for place, header in enumerate(headers) if columns[place] is None]
    found = [(*match, place) for place, header in free if (match := _find(header, table, recognised.kind))]
    for _, field, _, place in sorted(found, key=lambda one: (one[0], one[2], one[3])):
        if field in _MANY or field not in columns:
            columns[place] = field
    unmapped = tuple(header for header, column in zip(headers, columns, strict=True) if column is None)
    return HeaderMapping(tuple(columns), unmapped, dict(table.constants) if table else {})


def _table_of(recognised: Recognised) -> PresetTable | None:
    tables = TABLES[recognised.preset].tables if recognised.preset in TABLES else ()
    return next((table for table in tables if table.name and (table.name, table.kind) == (recognised.table, recognised.kind)), None)


def _exact(header: str) -> str:
    return header.strip().lower()


def _has_needed(table: PresetTable, exact: set[str]) -> bool:
    return not table.needs or any(_exact(header) in exact for header in table.needs)


def _score(table: PresetTable, exact: set[str], keys: Sequence[str]) -> tuple[int, int]:
    """Marks that are there, and headers that the table is known to have."""
    return sum(_exact(mark) in exact for mark in table.marks), sum(key in table.known for key in keys)


def _generic_kind(headers: Sequence[str]) -> InputKind:
    """Customers, unless another kind's own key is there, says whose the rows are, and explains more of the headers."""
    best: InputKind = "customers"
    most = _columns_of(headers, best)
    for kind, key in KEY_FIELDS.items():
        columns = _columns_of(headers, kind)
        named = any(match_key(header) in _NAMED_KEYS[kind] for header in headers)
        if kind != "customers" and named and {key, "customer_id"} <= columns and len(columns) > len(most):
            best, most = kind, columns
    return best


def _columns_of(headers: Sequence[str], kind: InputKind) -> set[str]:
    return {column for column in map_headers(headers, {}, Recognised("generic", "", kind)).columns if column}


def _find(header: str, table: PresetTable | None, kind: InputKind) -> tuple[int, str, int] | None:
    """0 where the preset says it and 1 where the generic table does, the field, and the rank of the header among that field's names."""
    key = match_key(header)
    if table is not None:
        if key in table.ranks:
            return (0, *table.ranks[key])
        if key in table.known:
            return None
    match = _RANKS[kind].get(key)
    if match is None:
        match = _RANKS[kind].get(_ALL_DIGITS.sub("", key))
        match = match if match is not None and match[0] in _MANY else None
    # Whose key a column is, a preset knows for itself.
    if match is None or (table is not None and match[0] in {"customer_id", KEY_FIELDS[kind]}):
        return None
    return (1, *match)


def _overridden(field: str, header: str, headers: Sequence[str], columns: Sequence[str | None], kind: InputKind) -> int:
    if field not in _GENERIC[kind].columns:
        raise UnknownFieldError(f"no field {field!r} in an export of {kind}; known are {', '.join(_GENERIC[kind].columns)}")
    wanted = [place for place, one in enumerate(headers) if one.strip() == header.strip()]
    wanted = wanted or [place for place, one in enumerate(headers) if match_key(one) == match_key(header)]
    if not wanted or not match_key(header):
        raise InvalidRequestError(f"no header {header!r} for {field}; the file has {', '.join(repr(one) for one in headers)}")
    free = [place for place in wanted if columns[place] is None]
    if not free:
        raise InvalidRequestError(f"header {header!r} is given to both {columns[wanted[0]]} and {field}")
    return free[0]


def _ranked(table: PresetTable) -> Iterator[tuple[str, tuple[str, int]]]:
    for field, headers in table.columns.items():
        for rank, header in enumerate((field, *headers)):
            yield match_key(header), (field, rank)


# The contract's own names come first: what crmsearch writes, it reads.
_RANKS = {kind: dict(_ranked(table)) for kind, table in _GENERIC.items()}
# Names of a key that say what it is the key of; "id" or "no" might be anybody's.
_VAGUE = frozenset({"id", "key", "no", "recordid", "编号", "序号"})
_NAMED_KEYS = {
    kind: frozenset(match_key(header) for header in (field, *_GENERIC[kind].columns[field])) - _VAGUE for kind, field in KEY_FIELDS.items()
}
