"""What analysts see of a customer: the fields that are no personal data, under a reference in the place of the id. Pure.

A reference is an HMAC-SHA256 (RFC 2104) of the customer's id, under a key that is derived from the privacy key and that Elasticsearch
never sees. It is the same in every generation, and without the key nobody can tell whether it is that of an id that was guessed.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from crmsearch.contract import FIELDS
from crmsearch.settings import Secret

__all__ = ["ANALYTICS_FIELDS", "CUSTOMER_REF", "analytics_document", "customer_ref", "derive_reference_key"]

CUSTOMER_REF = "customer_ref"
"""By which analysts and agents speak of one customer: in the analysts' index in the place of the id, which points outside."""

ANALYTICS_FIELDS: tuple[str, ...] = tuple(name for name, field in FIELDS.items() if field.analytics)
"""Fields of the catalogue that the analysts' index holds."""

_REF_BYTES = 20  # 160 bits, which are 32 characters of base32 without padding


def derive_reference_key(privacy_key: Secret) -> Secret:
    """The key of references alone: who is given it, such as the processes of a job, learns nothing of the marks of erased people."""
    return Secret(hmac.new(privacy_key.encode(), b"customer references", hashlib.sha256).hexdigest())


def customer_ref(customer_id: str, reference_key: Secret) -> str:
    """The reference of a customer: 32 characters, lower-case letters and the digits 2 to 7."""
    digest = hmac.digest(reference_key.encode(), customer_id.encode(), "sha256")
    return base64.b32encode(digest[:_REF_BYTES]).decode().lower()


def analytics_document(customer: Mapping[str, Any], reference_key: Secret) -> dict[str, Any]:
    """The document of the analysts' index for a customer's; its id there is the reference."""
    told = {name: customer[name] for name in ANALYTICS_FIELDS if name in customer}
    return {CUSTOMER_REF: customer_ref(customer["customer_id"], reference_key), **told}
