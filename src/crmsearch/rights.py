"""What a person may ask for: to be told everything that is known of them, and to be forgotten.

The articles of GDPR and PIPL behind it are in ``docs/privacy.md``.
"""

import secrets
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as parquet

from crmsearch.indexing.erasure import Erasure, Held
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.indexing.suppressions import Certificate
from crmsearch.keyfile import privacy_key
from crmsearch.loading import OnEvent, writing
from crmsearch.privacy.suppression import subject_of
from crmsearch.settings import Settings

__all__ = ["Everything", "Rights"]

Document = dict[str, Any]

_PHONE = 6  # digits of a number that may be a phone
_KEY = 5  # characters of a key that is no age or count


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held of one person, as it is held.

    Attributes:
        customer: as searches find it; ``None`` for one that is only in an earlier generation.
        earlier: as kept generations hold the customer, by index.
        records: what each source said, by record; the same in all generations unless the sources have changed since.
        written_by_apps: what apps wrote, by the id that they wrote to.
        quarantine: rows of this person that no load took, with the reasons.
    """

    customer_id: str
    made_at: str
    customer: Document | None
    earlier: dict[str, list[Document]]
    records: dict[str, list[Document]]
    written_by_apps: dict[str, Document]
    quarantine: list[Document]


class Rights:
    """Answers a person's requests, over everything that one installation holds."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, runs: RunStore, erasure: Erasure) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._runs = runs
        self._erasure = erasure
        self._quarantine = settings.paths.state / "quarantine"

    def everything(self, customer_id: str) -> Everything:
        """What is held of a customer.

        Raises:
            NotFoundError: nothing is.
        """
        held = self._erasure.find(customer_id)
        live = self._lifecycle.live()
        now = dict(held.customers)
        current = now.pop(live, {}) if live else {}
        records: dict[str, list[Document]] = {}
        for found in held.records.values():
            for name, record in found.items():
                if record not in records.setdefault(name, []):
                    records[name].append(record)
        return Everything(
            customer_id=customer_id,
            made_at=_moment(),
            customer=current.get(customer_id),
            earlier={index: list(found.values()) for index, found in now.items()},
            records=records,
            written_by_apps=held.writes,
            quarantine=[row for _, rows in _quarantined(self._quarantine, held) for row in rows],
        )

    def erase(self, customer_id: str, by: str, on_event: OnEvent = lambda _: None) -> Certificate:
        """Remove all of it and keep the person from being loaded again; nothing else may write meanwhile.

        The marks are kept first: whatever ends an erasure half-way, no load brings back what was removed, and done once more it is whole.

        Raises:
            NotFoundError: nothing is held of a customer of this id.
            LoadRunningError: a load is writing customers at this moment.
            ConfigError: others were erased under another key.
            BackendError: not everything could be removed; done once more, it removes the rest.
        """
        key = privacy_key(self._settings)
        with writing("erase", self._lifecycle, self._runs, on_event):
            held = self._erasure.find(customer_id)
            suppressions = self._lifecycle.suppressions
            suppressions.read(key)
            marks = held.marks(key)
            certificate = Certificate(
                certificate_id=secrets.token_hex(8),
                erased_at=_moment(),
                by=by,
                subject=subject_of(customer_id, key),
                removed={},
                marks=len(marks),
            )
            suppressions.add(certificate, marks, key)
            removed = self._erasure.remove(held) | {"quarantine": _erase_quarantined(self._quarantine, held)}
            certificate = msgspec.structs.replace(certificate, removed=removed)
            suppressions.add(certificate, marks, key)
        return certificate


def _moment() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quarantined(folder: Path, held: Held) -> Iterator[tuple[Path, list[Document]]]:
    """The files that hold rows of a person, with these rows."""
    is_theirs = _recognise(held)
    for path in sorted(folder.glob("*/*.parquet")):
        rows = [row for row in parquet.read_table(path).to_pylist() if is_theirs(row)]
        if rows:
            yield path, rows


def _erase_quarantined(folder: Path, held: Held) -> int:
    """Remove the rows of a person from the files; returns how many there were."""
    removed = 0
    is_theirs = _recognise(held)
    for path, rows in _quarantined(folder, held):
        table = parquet.read_table(path)
        kept = table.filter(pa.array([not is_theirs(row) for row in table.to_pylist()]))
        draft = path.with_name(f".{path.name}.draft")
        parquet.write_table(kept, draft)
        draft.replace(path)
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # Hadoop's, of the file as it was
        removed += len(rows)
    return removed


def _recognise(held: Held) -> Callable[[Document], bool]:
    """Tells whether a row of quarantine is of this person: it bears a key, an address, a phone or an id of theirs.

    A row that was rejected is not clean, so cells are compared loosely; that one row too many goes harms nobody.
    """
    documents = [one for found in (*held.customers.values(), *held.records.values()) for one in found.values()] + [*held.writes.values()]
    keys = {each for name in held.known_as for each in (name, name.partition(":")[2]) if each}
    words = {each.casefold() for one in documents for each in (*(one.get("emails") or ()), one.get("national_id") or "") if each}
    phones = {each[-10:].lstrip("+") for one in documents for each in one.get("phones") or ()}

    def is_theirs(row: Document) -> bool:
        cells = _cells(row["raw"])
        text, digits = " ".join(cells).casefold(), ["".join(filter(str.isdecimal, cell)) for cell in cells]
        return (
            (row["kind"] == "customers" and row["source_key"] in keys)
            or any(cell in keys for cell in cells if len(cell) >= _KEY)
            or any(word in text for word in words)
            or any(phone in cell for phone in phones for cell in digits if len(cell) >= _PHONE)
        )

    return is_theirs


def _cells(raw: str) -> Collection[str]:
    """The cells of a row: an object of them, or the row as it was read where it could not be cut."""
    try:
        row = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return [raw]
    return [str(cell) for cell in row.values() if cell is not None] if isinstance(row, dict) else [raw]
