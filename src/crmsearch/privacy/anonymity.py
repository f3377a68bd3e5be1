"""What stays of a customer who is made anonymous: what statistics count and add up, without what tells who it was. Pure.

The policy decides: fields of other kinds than ``open`` go. Of the open ones those go too that may hold a name or a promise, days lose
their time, and values that only few customers have are left out. A rare combination of what stays may still single somebody out.
"""

from collections.abc import Callable, Mapping
from typing import Any

from crmsearch.contract import FIELDS
from crmsearch.privacy.policy import POLICY

__all__ = ["KEPT", "anonymous", "values_to_count"]

Document = Mapping[str, Any]

# A sole trader's company is a name, tags are anybody's words, and nobody is there any more to have agreed to anything. When the document
# was changed last is the moment of this very change.
_DROPPED = frozenset({"company", "tags", "consents", "updated_at"})
_DAY = len("2026-11-27")

KEPT: tuple[str, ...] = tuple(name for name in FIELDS if POLICY[name].kind == "open" and name not in _DROPPED)
"""Fields that stay, as far as their values are not rare."""


def values_to_count(document: Document) -> list[tuple[str, str]]:
    """The words among what would stay, each with its field: those that few customers have are to be left out."""
    return [(name, value) for name in KEPT if FIELDS[name].type != "date" for value in _words(document.get(name))]


def anonymous(document: Document, is_common: Callable[[str, str], bool]) -> dict[str, Any]:
    """What stays of a customer.

    Args:
        document: of the customer.
        is_common: whether many customers have this value in this field.
    """
    kept = {}
    for name in KEPT:
        value = document.get(name)
        if FIELDS[name].type == "date" and isinstance(value, str):
            value = value[:_DAY]
        elif isinstance(value, list):
            value = [each for each in value if is_common(name, each)]
        elif isinstance(value, str) and not is_common(name, value):
            value = None
        if value not in (None, []):
            kept[name] = value
    return kept


def _words(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
