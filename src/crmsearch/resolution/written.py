"""A customer as an app writes it: cleaned by the rules of source rows, and laid over what the sources say. Pure.

A write says all that a source row can say of a customer. What only a load knows (orders, tickets, campaigns, what is mined from them,
lineage) stays. It holds until the sources say something newer, and then they replace it as a whole. What a person has withdrawn holds on:
no source gives that consent again, only an app that writes consents anew.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from crmsearch.cleaning.categories import without_withdrawn
from crmsearch.cleaning.record import CleanRecord, RecordContext, clean_record
from crmsearch.cleaning.text import clean_code
from crmsearch.cleaning.values import Clean
from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError, UnknownFieldError
from crmsearch.resolution.survivorship import is_older

__all__ = [
    "MAX_ID_BYTES",
    "WRITABLE",
    "Withdrawal",
    "Write",
    "check_customer_id",
    "clean_write",
    "is_of_apps",
    "next_write",
    "with_write",
]

Document = dict[str, Any]

MAX_ID_BYTES = 512  # Elasticsearch's own limit
SYSTEM = "api"  # where a customer comes from whom no source knows
KINDS = ("person", "company")
_BY_THE_LOAD = frozenset({"customer_id", "location", "source_system", "updated_at"})
WRITABLE: tuple[str, ...] = tuple(
    name for name, field in FIELDS.items() if field.group in {"identity", "contact", "work", "relationship"} and name not in _BY_THE_LOAD
)
"""Fields that a write may hold."""
_KEPT_IF_UNSAID = frozenset({"created_at", "last_activity_at"})


class Write(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an app has written of a customer.

    Attributes:
        written_at: epoch milliseconds, and more than those of any write before it; the external version of the customer's document.
        creates: no source knew the customer then.
        document: clean fields, and the quality of what was written; empty if only consents were withdrawn.
        said_at: when the document was written, if a withdrawal came after it.
        withdrawn: consents that the person has withdrawn.
    """

    customer_id: str
    written_at: int
    creates: bool
    document: Document
    said_at: int | None = None
    withdrawn: list[str] = []


class Withdrawal(msgspec.Struct, frozen=True):
    """Consents that a person withdraws."""

    consents: tuple[str, ...]


def check_customer_id(customer_id: str) -> None:
    """Raise ``InvalidRequestError`` if no customer can have this id."""
    if len(customer_id.encode()) > MAX_ID_BYTES:
        raise InvalidRequestError(f"customer_id has more than {MAX_ID_BYTES} bytes")
    outcome = clean_code(customer_id)
    if not isinstance(outcome, Clean) or outcome.value != customer_id:
        raise InvalidRequestError(
            "customer_id is no id: it is a text without spaces around it, signs that cannot be seen, or rounded digits"
        )


def clean_write(fields: Mapping[str, Any], as_of: str) -> CleanRecord:
    """Clean what an app says of a customer.

    Args:
        fields: raw values by field: texts or numbers, lists of them where a customer may have several, ``None`` for what is not known.
        as_of: the day, ``yyyy-MM-dd``.

    Returns:
        The clean record; its ``rejections`` say why it cannot be a customer.

    Raises:
        UnknownFieldError: a field is not there, or no write may hold it.
        InvalidRequestError: a value is of another type.
    """
    columns: list[str] = []
    cells: list[str] = []
    constants: dict[str, str] = {}
    for name, value in fields.items():
        if name not in WRITABLE:
            raise UnknownFieldError(f"{name[:64]} cannot be written; these can: {', '.join(WRITABLE)}")
        if name == "kind" and value is not None:
            if value not in KINDS:
                raise InvalidRequestError(f"kind is one of {', '.join(KINDS)}")
            constants["kind"] = value
            continue
        for cell in _cells(name, value):
            columns.append(name)
            cells.append(cell)
    clean = clean_record(cells, columns, RecordContext(as_of=as_of, constants=constants))
    # Where a customer comes from is not for a write to say.
    document = {name: value for name, value in clean.document.items() if name != "source_system"}
    return msgspec.structs.replace(clean, document=document)


def _cells(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and not FIELDS[name].many:
        raise InvalidRequestError(f"{name} is one value, not a list")
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, bool) or not isinstance(each, str | int | float | None) for each in values):
        raise InvalidRequestError(f"{name} is a text or a number" + (", or a list of them" if FIELDS[name].many else ""))
    return [str(each) for each in values if each is not None]


def next_write(customer_id: str, said: Document | Withdrawal, kept: Write | None, written_at: int, *, creates: bool) -> Write:
    """What is kept of a customer whom an app writes, or who withdraws consents.

    Args:
        customer_id: of the customer.
        said: the clean document, or what is withdrawn.
        kept: what was kept so far, if anything was.
        written_at: of this write.
        creates: no source knows the customer.
    """
    withdrawn = kept.withdrawn if kept is not None else []
    if isinstance(said, Withdrawal):
        return Write(
            customer_id=customer_id,
            written_at=written_at,
            creates=creates,
            document=kept.document if kept is not None else {},
            said_at=(kept.said_at or kept.written_at) if kept is not None and kept.document else None,
            withdrawn=sorted({*withdrawn, *said.consents}),
        )
    # Who says anew what the person agrees to has asked.
    left = [] if said.get("consents") else withdrawn
    return Write(customer_id=customer_id, written_at=written_at, creates=creates, document=said, withdrawn=left)


def is_of_apps(document: Mapping[str, Any]) -> bool:
    """Whether no source knows the customer, but apps alone."""
    return bool(document.get("source_records") == [_own_record(document["customer_id"])])


def _own_record(customer_id: str) -> str:
    return f"{SYSTEM}:{customer_id}"


def with_write(document: Mapping[str, Any] | None, write: Write) -> Document:
    """The document of a customer with a write laid over it; ``None`` where no source knows the customer.

    A document that is known to be newer stays as it is.
    """
    laid = _laid(document, write) if write.document or document is None else dict(document)
    standing = without_withdrawn(laid.get("consents") or (), write.withdrawn)
    if standing != (laid.get("consents") or []):
        del laid["consents"]
        laid |= {"consents": standing} if standing else {}
    return laid


def _laid(document: Mapping[str, Any] | None, write: Write) -> Document:
    moment = datetime.fromtimestamp((write.said_at or write.written_at) / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if document is None:
        own = {"source_system": SYSTEM, "source_records": [_own_record(write.customer_id)], "merged_count": 1, "created_at": moment}
        return {"customer_id": write.customer_id, **own, **write.document, "updated_at": moment}
    if is_older({"updated_at": moment}, document):
        return dict(document)
    kept = {
        name: value for name, value in document.items() if name not in WRITABLE or (name in _KEPT_IF_UNSAID and name not in write.document)
    }
    # What was found wrong in the rows of the sources is said of values that are no longer there.
    kept.pop("quality_issues", None)
    return {**kept, **write.document, "updated_at": moment}
