"""Keys for tests that keep nothing: two vaults of one ring each, and one of both."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import msgspec

from crmsearch.privacy.analytics import derive_reference_key
from crmsearch.privacy.vault import Vault, parse_ring
from crmsearch.settings import Secret

__all__ = ["NEXT", "ROTATED", "VAULT"]


def _key(letter: bytes) -> str:
    return urlsafe_b64encode(letter * 32).decode()


VAULT = Vault(parse_ring(_key(b"a"), "TEST"), derive_reference_key(Secret("a key of these tests")))
NEXT = msgspec.structs.replace(VAULT, ring=parse_ring(_key(b"b"), "TEST"))
ROTATED = msgspec.structs.replace(VAULT, ring=(*NEXT.ring, *VAULT.ring))
"""Seals with the key of ``NEXT``, and opens what ``VAULT`` has sealed."""
