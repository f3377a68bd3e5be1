"""What a person may ask for: to be told everything that is known of them, to be left alone, and to be forgotten.

The articles of GDPR and PIPL behind it are in ``docs/privacy.md``.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import phonenumbers
import pyarrow as pa

from crmsearch.errors import ForbiddenError, NotFoundError
from crmsearch.holdings import Holdings
from crmsearch.indexing.erasure import Erasure, Held
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.indexing.suppressions import Certificate
from crmsearch.keyfile import privacy_key
from crmsearch.loading import OnEvent, writing
from crmsearch.privacy.access import show_moment
from crmsearch.privacy.anonymity import anonymous, values_to_count
from crmsearch.privacy.quarantine import open_row
from crmsearch.privacy.restriction import Restriction
from crmsearch.privacy.suppression import personal_emails, subject_of
from crmsearch.quarantine import replace_table, tables
from crmsearch.resolution.rows import record_id
from crmsearch.resolution.written import Write
from crmsearch.search.rows import RowRule
from crmsearch.settings import Settings

__all__ = ["Everything", "Rights"]

Document = dict[str, Any]
SystemOf = Callable[[Document], str | None]

_PHONE = 7  # digits of a national number that are not met by chance
_ADDRESS = re.compile(r"[^\s,;:<>\"'()\[\]|/\\]+@[^\s,;:<>\"'()\[\]|/\\]+")


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held of one person, as it is held.

    Attributes:
        customer: as searches find it; ``None`` for one that is only in an earlier generation.
        earlier: as kept generations hold the customer, by index.
        records: what each source said, by record; the same in all generations unless the sources have changed since.
        written_by_apps: what apps wrote, by the id that they wrote to.
        quarantine: rows of this person that no load took, with the reasons.
        restrictions: of their processing, those that were lifted too.
    """

    customer_id: str
    made_at: str
    customer: Document | None
    earlier: dict[str, list[Document]]
    records: dict[str, list[Document]]
    written_by_apps: dict[str, Document]
    quarantine: list[Document]
    restrictions: list[Restriction]


class Rights(Holdings):
    """Answers a person's requests, over everything that one installation holds."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, runs: RunStore, erasure: Erasure) -> None:
        super().__init__(settings, lifecycle, runs, erasure)
        self._systems: dict[str, dict[str, str]] = {}
        self._rule: RowRule | None = None

    def within(self, rule: RowRule) -> "Rights":
        """The same for whom the rule leaves some customers only: of all others nothing is held."""
        found = copy(self)
        found._rule = rule
        return found

    def ids(self, customer_id: str) -> list[str]:
        """The ids that a customer is held under: the one that was asked for, and those of today and of kept generations.

        Raises:
            NotFoundError: nothing is held of a customer of this id.
        """
        return sorted({customer_id}.union(*self._find(customer_id).customers.values()))

    def check_unrestricted(self, customer_id: str) -> None:
        """Raise ``ForbiddenError`` for somebody whose processing is restricted, and ``NotFoundError`` for nobody."""
        if any(each.lifted_at is None for each in self._lifecycle.restrictions.of(self._find(customer_id).known_as)):
            raise ForbiddenError("the processing of this person is restricted; send X-Purpose: privacy_request to answer what they ask")

    def everything(self, customer_id: str) -> Everything:
        """What is held of a customer.

        Raises:
            NotFoundError: nothing is.
        """
        held = self._find(customer_id)
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
            made_at=show_moment(datetime.now(UTC)),
            customer=current.get(customer_id),
            earlier={index: list(found.values()) for index, found in now.items()},
            records=records,
            written_by_apps=held.writes,
            quarantine=[
                open_row(row, self._lifecycle.vault)
                for _, theirs, _ in _quarantined(self._quarantine, self._is_theirs(held))
                for row in theirs.to_pylist()
            ],
            restrictions=self._lifecycle.restrictions.of(held.known_as),
        )

    def restrict(self, customer_id: str, by: str) -> Restriction:
        """Keep a customer and use them no more, whatever loads make of the records; one who is restricted already stays so.

        It takes hold at once, also while a load is running.

        Raises:
            NotFoundError: nothing is held of a customer of this id.
            ConfigError: what analysts see of a generation is of another key, so that it cannot be taken away; nobody was restricted.
            BackendError: not all copies for analysts went; done once more, it takes away the rest.
        """
        names, mirrors = self._find(customer_id).known_as, self._lifecycle.mirrors()
        restriction = self._lifecycle.restrictions.add(names, by, datetime.now(UTC))
        for index, mirror in mirrors.items():
            self._lifecycle.restrictions.settle(index, mirror)
        return restriction

    def unrestrict(self, customer_id: str, by: str) -> list[Restriction]:
        """Use a customer again: end every restriction of one of the records that the customer is made of now; returns them.

        Raises:
            NotFoundError: nothing is held of a customer of this id, or no restriction holds.
            ConfigError: as of ``restrict``.
        """
        names, mirrors = self._find(customer_id).known_as, self._lifecycle.mirrors()
        lifted = self._lifecycle.restrictions.lift(names, by, datetime.now(UTC))
        if not lifted:
            raise NotFoundError("the processing of this customer is not restricted")
        for index, mirror in mirrors.items():
            self._lifecycle.restrictions.settle(index, mirror)
        return lifted

    def check(self, customer_id: str) -> None:
        """Raise ``NotFoundError`` if nothing is held of a customer of this id; quarantine is not read."""
        self._find(customer_id)

    def erase(self, customer_id: str, by: str, on_event: OnEvent = lambda _: None) -> Certificate:
        """Remove all of it and keep the person from being loaded again; nothing else may write meanwhile.

        The marks are kept first: whatever ends an erasure half-way, no load brings back what was removed, and done once more it is whole.

        Raises:
            NotFoundError: nothing is held of a customer of this id.
            LoadRunningError: a load is writing customers at this moment.
            ConfigError: others were erased under another key.
            BackendError: not everything could be removed; done once more, it removes the rest.
        """
        with writing("erase", self._lifecycle, self._runs, on_event):
            return self._erase(customer_id, self._find(customer_id), by)

    def anonymise(self, customer_id: str, by: str, on_event: OnEvent = lambda _: None) -> Certificate:
        """Erase a customer, but for what statistics are made of, which stays under a random id that nothing leads to.

        Ended half-way after the erasure, nothing stays.

        Raises:
            NotFoundError: there is no customer of this id in the live generation.
            LoadRunningError, ConfigError, BackendError: as of ``erase``.
        """
        with writing("anonymise", self._lifecycle, self._runs, on_event):
            held = self._find(customer_id)
            live = self._lifecycle.live() or ""
            documents = held.customers.get(live)
            if not documents:
                raise NotFoundError("this customer is in earlier generations only, where nothing is counted any more; erase instead")
            stay = [self._anonymous(document, live) for document in documents.values()]
            certificate = self._erase(customer_id, held, by)
            # Of the day alone: the very moment would lead to it from the certificate, or from the audit trail.
            written_at = int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
            for document in stay:
                write = Write(customer_id=f"anon-{secrets.token_hex(8)}", written_at=written_at, creates=True, document=document)
                self._lifecycle.put_write(live, write)
        return certificate

    def _anonymous(self, document: Document, live: str) -> Document:
        """What may stay of a customer: no value that fewer customers have than a group of figures must."""
        values = values_to_count(document)
        counts = Counter(dict(zip(values, self._erasure.count(live, values), strict=True)))
        return anonymous(document, lambda field, value: counts[field, value] >= self._settings.api.small_group)

    def _erase(self, customer_id: str, held: Held, by: str) -> Certificate:
        key = privacy_key(self._settings)
        suppressions = self._lifecycle.suppressions
        suppressions.read(key)
        marks = held.marks(key)
        certificate = Certificate(
            certificate_id=secrets.token_hex(8),
            erased_at=show_moment(datetime.now(UTC)),
            by=by,
            subject=subject_of(customer_id, key),
            removed={},
            marks=len(marks),
        )
        suppressions.add(certificate, marks, key)
        removed = self._erasure.remove(held) | {"quarantine": _erase_quarantined(self._quarantine, self._is_theirs(held))}
        if restrictions := self._lifecycle.restrictions.forget(held.known_as):
            removed["restrictions"] = restrictions
        certificate = msgspec.structs.replace(certificate, removed=removed)
        suppressions.add(certificate, marks, key)
        return certificate

    def _find(self, customer_id: str) -> Held:
        held = self._erasure.find(customer_id)
        if self._rule is not None:
            live = self._lifecycle.live()
            documents = held.customers.get(live, {}) if live else {}
            # All of them: a customer may be there whose records bear the id of another.
            if customer_id not in documents or not all(map(self._rule.holds, documents.values())):
                raise NotFoundError("nothing is held of a customer of this id")
        return held

    def _is_theirs(self, held: Held) -> Callable[[Document], bool]:
        recognised = _recognise(held, self._system_of)
        return lambda row: recognised(open_row(row, self._lifecycle.vault))

    def _system_of(self, row: Document) -> str | None:
        """The system that a row of quarantine came from, as the report of its run says; ``None`` if there is no report any more."""
        if row["run_id"] not in self._systems:
            with suppress(NotFoundError):
                inputs = self._runs.get(row["run_id"]).inputs
                self._systems[row["run_id"]] = {each.path: each.source_system for each in inputs}
        return self._systems.get(row["run_id"], {}).get(row["source"])


def _quarantined(folder: Path, is_theirs: Callable[[Document], bool]) -> Iterator[tuple[Path, pa.Table, pa.Table]]:
    """The files that hold rows of a person, with these rows and those of everybody else."""
    for path, table in tables(folder):
        theirs = [is_theirs(row) for row in table.to_pylist()]
        if any(theirs):
            yield path, table.filter(pa.array(theirs)), table.filter(pa.array([not each for each in theirs]))


def _erase_quarantined(folder: Path, is_theirs: Callable[[Document], bool]) -> int:
    """Remove the rows of a person from the files; returns how many there were."""
    removed = 0
    for path, theirs, kept in _quarantined(folder, is_theirs):
        replace_table(path, kept)
        removed += theirs.num_rows
    return removed


def _recognise(held: Held, system_of: SystemOf) -> Callable[[Document], bool]:
    """Tells whether a row of quarantine is of this person: it bears a key of theirs in its system, their own address, a phone, or an id.

    A row that was rejected is not clean, so a phone may be in any notation, and an address or a key anywhere in the row.
    """
    documents = [one for found in (*held.customers.values(), *held.records.values()) for one in found.values()] + [*held.writes.values()]
    names = held.known_as
    emails = {email for one in documents for email in personal_emails(one)}
    ids = {one["national_id"].casefold() for one in documents if one.get("national_id")}
    phones = {digits for one in documents for each in one.get("phones") or () if len(digits := _national(each)) >= _PHONE}

    def is_theirs(row: Document) -> bool:
        cells = _cells(row["raw"])
        system, text = system_of(row), " ".join(cells).casefold()
        keys = [*cells, *([row["source_key"]] if row["kind"] == "customers" and row["source_key"] else [])]
        return (
            (system is not None and any(record_id(system, key.strip()) in names for key in keys))
            or not emails.isdisjoint(address.strip(".") for address in _ADDRESS.findall(text))
            or any(number in text for number in ids)
            or any(phone in "".join(filter(str.isdecimal, cell)) for phone in phones for cell in cells)
        )

    return is_theirs


def _national(phone: str) -> str:
    """The number without its country, as it stands in every notation."""
    try:
        return str(phonenumbers.parse(phone).national_number)
    except phonenumbers.NumberParseException:
        return phone.lstrip("+")


def _cells(raw: str) -> Collection[str]:
    """The cells of a row: an object of them, or the row as it was read where it could not be cut."""
    try:
        row = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return [raw]
    return [str(cell) for cell in row.values() if cell is not None] if isinstance(row, dict) else [raw]
