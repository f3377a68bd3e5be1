"""Whom no load may bring back: people who were erased, known by keyed hashes of what tells who somebody is. Pure.

What is kept of a person are marks: HMAC-SHA256 (RFC 2104) of an identifier under a key that Elasticsearch never sees. Without the key a
mark tells nothing; with it, whoever can guess a phone or an address can ask whether its owner was erased, so the key is kept like a
password.

``MARKS`` is the table of what makes two records the same person here. It is narrower than the resolution of duplicates, which weighs
evidence: what many share (a phone, a mailbox of an office, a name) marks nobody by itself.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from crmsearch.cleaning.email_tables import ROLES
from crmsearch.cleaning.spelling import split_words
from crmsearch.settings import Secret

__all__ = ["MARKS", "Suppressions", "key_id", "marks_of", "personal_emails", "subject_of"]

Document = Mapping[str, Any]


def personal_emails(document: Document) -> Iterable[str]:
    """Folded addresses that are one person's, not of an office."""
    folded = (email.casefold() for email in document.get("emails") or ())
    return (email for email in folded if email.partition("@")[0] not in ROLES)


def _with_name(document: Document, values: Iterable[str]) -> Iterable[str]:
    """Values that mark a person together with the name, whatever the order and case of its words."""
    words = " ".join(sorted(split_words(document.get("name") or "")))
    return (f"{value} {words}" for value in values) if words else ()


MARKS: dict[str, Callable[[Document], Iterable[str]]] = {
    "national id": lambda document: [document["national_id"]] if document.get("national_id") else [],
    "e-mail address that is not of an office": personal_emails,
    "phone and name": lambda document: _with_name(document, document.get("phones") or ()),
    "birth date and name": lambda document: _with_name(document, [document["birth_date"]] if document.get("birth_date") else []),
}
"""What marks a person, beside the ids of the records."""


def key_id(key: Secret) -> str:
    """Which key it is, without telling it."""
    return _mark(key, "key", "id")[:12]


def subject_of(customer_id: str, key: Secret) -> str:
    """What a certificate says of whom it is about."""
    return _mark(key, "subject", customer_id)


def marks_of(document: Document, records: Iterable[str], key: Secret) -> set[str]:
    """The marks of a customer or of one record.

    Args:
        document: its clean fields.
        records: ids of the source records it is of.
        key: what the marks are made with.

    Returns:
        Texts of 64 hexadecimal digits.
    """
    found = {_mark(key, "record", record) for record in records}
    for kind, values in MARKS.items():
        found |= {_mark(key, kind, value) for value in values(document)}
    return found


def _mark(key: Secret, kind: str, value: str) -> str:
    return hmac.new(key.encode(), f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()


class Suppressions(msgspec.Struct, frozen=True):
    """Everybody who was erased, as a load is told of them."""

    key: Secret
    marks: frozenset[str]

    def encode(self) -> bytes:
        """As a file tells them to the job; it is to be kept like the key, which it holds."""
        return msgspec.json.encode({"key": str(self.key), "marks": sorted(self.marks)})

    @classmethod
    def decode(cls, told: bytes) -> "Suppressions":
        """What ``encode`` has told."""
        found = msgspec.json.decode(told)
        return cls(Secret(found["key"]), frozenset(found["marks"]))

    def find(self, document: Document, records: Iterable[str]) -> str | None:
        """A mark by which this is somebody who was erased, the same for the same row; ``None`` if it is nobody of them."""
        return min(self.marks & marks_of(document, records, self.key), default=None)
