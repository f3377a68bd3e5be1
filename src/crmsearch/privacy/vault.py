"""Key data as Elasticsearch gets it: encrypted, and found by keyed hashes. Pure but for the nonces, which are random.

Values of sealed fields (``contract.FIELDS``) are ciphertexts of AES-256-GCM (NIST SP 800-38D), bound to the field and to the document that
they are of, so that none can be put in the place of another. What searches look up of them are keyed hashes, BLAKE2b (RFC 7693), of the
same tokens that are looked up in the clear elsewhere. Every field and every form has a key of its own, derived from one master key by HKDF
(RFC 5869).

A ring may hold several master keys. The first one seals; all of them open, and a search asks by the hashes of all of them, so that a key
can be changed while the service runs. What the hashes tell to those who have the index and not the key stands in ``docs/security.md``.
"""

import hashlib
import re
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crmsearch.cleaning.forms import FORMS, search_forms
from crmsearch.contract import FIELDS
from crmsearch.errors import ConfigError, KeyMissingError
from crmsearch.settings import Secret

__all__ = ["HASHED_FORMS", "PREPARED", "SEALED_FIELDS", "Vault", "parse_ring"]

Document = dict[str, Any]

SEALED_FIELDS = tuple(name for name, field in FIELDS.items() if field.sealed)
HASHED_FORMS = frozenset(name for name, form in FORMS.items() if set(form.fields) <= set(SEALED_FIELDS))
"""Forms of the index that are made of sealed fields."""

PREPARED = "next:"
"""Stands before a key that is to seal next, and until then only opens."""
_MASTER_BYTES = 32
_NONCE_BYTES = 12
_FOR_URLS = str.maketrans("+/", "-_")
_LOOK_UPS = frozenset(("term", "terms"))
_HASH_BYTES = 6  # eight letters for a token; among a thousand million different ones a search meets a stranger once in 280,000 times
_SEALED = re.compile(r"~(?P<key>[0-9a-f]{8})(?P<text>[A-Za-z0-9_-]{38,}={0,2})")
_BLOCK, _COUNTER = 0, 1  # which numbers of a record are scrambled


class Vault(msgspec.Struct, frozen=True):
    """Seals and opens documents, and hides what is looked up in them.

    Attributes:
        ring: master keys, base64 of 32 bytes each; the first one seals.
        reference_key: what the references are made with by which analysts speak of customers.
    """

    ring: tuple[Secret, ...]
    reference_key: Secret

    @property
    def key_id(self) -> str:
        """Which key seals, without telling it."""
        return _key_id(self.ring[0])

    @property
    def key_ids(self) -> list[str]:
        """All keys that open."""
        return [_key_id(each) for each in self.ring]

    def check_key(self, index: str, key_id: str | None) -> None:
        """Raise ``KeyMissingError`` if an index is sealed with a key that is not in the ring; an old one may be of none."""
        if key_id is not None and key_id not in self.key_ids:
            raise KeyMissingError(
                f"{index} is sealed with the key {key_id}, which is not among CRMSEARCH_ENCRYPTION_KEYS; use the keys that it was loaded "
                "with"
            )

    def of(self, index: str, key_id: str | None) -> "Vault":
        """The same, sealing with the key of an index, for its writers: a generation is of one key; raises as ``check_key``."""
        self.check_key(index, key_id)
        first = [each for each in self.ring if _key_id(each) == key_id]
        return msgspec.structs.replace(self, ring=(*first, *(each for each in self.ring if each not in first)))

    def seal(self, document: Mapping[str, Any], owner: str) -> Document:
        """The document with its key data as ciphertext. Whatever a value looks like, it is sealed: anybody may have written it.

        Args:
            document: of a customer or a record; it may have some of its fields only.
            owner: its id, without which nobody opens it.
        """
        return _changed(document, owner, self.seal_text)

    def open(self, document: Mapping[str, Any], owner: str) -> Document:
        """The document as it was before ``seal``; values of before there was encryption stay as they are.

        Raises:
            KeyMissingError: it was sealed with a key that is not in the ring, or for another document.
        """
        return _changed(document, owner, self.open_text)

    def seal_text(self, text: str, field: str, owner: str) -> str:
        """One text as ciphertext: a tilde, the id of the key, and nonce, ciphertext and tag in base64 for URLs."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        hidden = _cipher(self.ring[0], field).encrypt(nonce, text.encode(), _bound_to(field, owner))
        return f"~{self.key_id}{urlsafe_b64encode(nonce + hidden).decode()}"

    def open_text(self, text: str, field: str, owner: str) -> str:
        """The text behind a ciphertext; raises as ``open``."""
        found = _SEALED.fullmatch(text)
        if found is None:
            return text
        master = next((each for each in self.ring if _key_id(each) == found["key"]), None)
        if master is None:
            raise KeyMissingError(
                f"{field} is sealed with the key {found['key']}, which is not among CRMSEARCH_ENCRYPTION_KEYS; add it behind the others"
            )
        hidden = urlsafe_b64decode(found["text"])
        try:
            return _cipher(master, field).decrypt(hidden[:_NONCE_BYTES], hidden[_NONCE_BYTES:], _bound_to(field, owner)).decode()
        except InvalidTag as error:
            raise KeyMissingError(f"{field} of a document cannot be opened: it was changed, or moved from another document") from error

    def reseal(self, document: Mapping[str, Any], owner: str) -> Document:
        """The document sealed with the key that seals now; it is the same if it was so before."""
        return _changed(document, owner, self.reseal_text)

    def reseal_text(self, text: str, field: str, owner: str) -> str:
        """One ciphertext of the key that seals now, in the place of another or of a text; raises as ``open``."""
        if text.startswith(f"~{self.key_id}") and _SEALED.fullmatch(text):
            return text
        return self.seal_text(self.open_text(text, field, owner), field, owner)

    def forms(self, document: Mapping[str, Any]) -> dict[str, str]:
        """The search forms of an open document as they are indexed: those of key data hashed."""
        found = search_forms(document)
        for form in HASHED_FORMS & found.keys():
            key = _hash_key(self.ring[0], form)
            found[form] = " ".join(_hash(key, token) for token in found[form].split())
        return found

    def hide(self, body: Any) -> Any:
        """A request to Elasticsearch with hashes in the place of all key data that it looks up."""
        if type(body) is list:
            return [self.hide(each) for each in body]
        if type(body) is not dict:
            return body
        if len(body) > 1:
            return {name: self.hide(value) for name, value in body.items()}
        for name, value in body.items():
            if name not in _LOOK_UPS:
                return {name: self.hide(value)}
            for path, looked_up in value.items():
                if path in HASHED_FORMS:
                    return self._looked_up(path, looked_up if isinstance(looked_up, list) else [looked_up])
        return body

    def _looked_up(self, form: str, values: Iterable[Any]) -> Document:
        plain = {"".join(str(each).split()).casefold() for each in values}
        hashes = sorted(_hash(_hash_key(master, form), each) for master in self.ring for each in plain)
        # One by one where it is one value, since its rarity may count; of no value, what nobody has.
        if len(plain) != 1:
            return {"terms": {form: hashes}}
        each_of = [{"term": {form: each}} for each in hashes]
        return each_of[0] if len(each_of) == 1 else {"bool": {"should": each_of}}

    def seal_record(self, stored: Mapping[str, Any]) -> Document:
        """A source record (``resolution.stored.build_stored``) as it is kept: sealed, one text, and found by numbers that say nothing."""
        record = self.seal(stored["record"], stored["record"]["customer_id"])
        # As text: nothing but the resolution reads it, and forty fields of a document cost more to take apart than one.
        kept = {**stored, "record": msgspec.json.encode(record).decode()}
        for name, kind in (("blocks", _BLOCK), ("counted", _COUNTER)):
            if name in kept:
                kept[name] = _scrambled(self.ring[0], kind, kept[name])
        return kept

    def open_record(self, stored: Mapping[str, Any]) -> Document:
        """What ``seal_record`` has made of a record; its numbers stay as they are."""
        record = msgspec.json.decode(stored["record"])
        return {**stored, "record": self.open(record, record["customer_id"])}

    def blocks(self, numbers: Iterable[int]) -> list[int]:
        """The numbers by which records of these blocks are found, under any key."""
        plain = list(numbers)
        return [hidden for master in self.ring for hidden in _scrambled(master, _BLOCK, plain)]

    def counters(self, numbers: Iterable[int]) -> dict[int, int]:
        """The numbers by which these counters are counted, under any key, and which counter each is."""
        plain = list(numbers)
        return {hidden: number for master in self.ring for hidden, number in zip(_scrambled(master, _COUNTER, plain), plain, strict=True)}


def parse_ring(text: str, variable: str) -> tuple[Secret, ...]:
    """Master keys from their text, one a line or with commas between them.

    Raises:
        ConfigError: there is none, or one is no base64 of 32 bytes; the text names the variable, never the value.
    """
    lines = (line.removeprefix(PREPARED).replace(",", " ") for line in text.splitlines() if not line.startswith("#"))
    words = [word.translate(_FOR_URLS).rstrip("=") for line in lines for word in line.split()]
    for word in words:
        try:
            size = len(urlsafe_b64decode(word + "=" * (-len(word) % 4)))
        except ValueError:
            size = 0
        if size != _MASTER_BYTES:
            raise ConfigError(f"{variable} holds something that is no key: base64 of 32 bytes, as `openssl rand -base64 32` makes it")
    if not words:
        raise ConfigError(
            f"{variable} holds no key; put back the copy that you kept, or make one with `openssl rand -base64 32` if nothing is sealed yet"
        )
    return tuple(map(Secret, dict.fromkeys(words)))


def _changed(document: Mapping[str, Any], owner: str, change: Callable[[str, str, str], str]) -> Document:
    """The document with each text of its sealed fields changed, by the text, the field and the owner."""
    changed = dict(document)
    for field in SEALED_FIELDS:
        if value := document.get(field):
            changed[field] = [change(each, field, owner) for each in value] if isinstance(value, list) else change(value, field, owner)
    return changed


def _bound_to(field: str, owner: str) -> bytes:
    return f"{field}\0{owner}".encode()


@lru_cache(maxsize=256)
def _derive(master: Secret, purpose: str, size: int = 32) -> bytes:
    secret = urlsafe_b64decode(f"{master}=")
    return HKDF(SHA256(), size, salt=None, info=f"crmsearch {purpose}".encode()).derive(secret)


@lru_cache(maxsize=64)
def _key_id(master: Secret) -> str:
    return _derive(master, "id", 4).hex()


@lru_cache(maxsize=64)
def _cipher(master: Secret, field: str) -> AESGCM:
    return AESGCM(_derive(master, f"seal {field}"))


def _hash_key(master: Secret, form: str) -> bytes:
    return _derive(master, f"find {form}")


def _hash(key: bytes, token: str) -> str:
    return b2a_base64(hashlib.blake2b(token.encode(), key=key, digest_size=_HASH_BYTES).digest(), newline=False).decode()


def _scrambled(master: Secret, kind: int, numbers: list[int]) -> list[int]:
    """A pseudorandom number of as many bits for each: 64 for blocks, 48 for counters. AES of each, shortened, all in one call."""
    if not numbers:
        return []
    cipher = Cipher(AES(_derive(master, "numbers")), ECB()).encryptor()  # noqa: S305 - one block each, as a pseudorandom function
    hidden = cipher.update(struct.pack(f">{2 * len(numbers)}q", *(part for number in numbers for part in (number, kind))))
    found = struct.unpack(">" + "q8x" * len(numbers), hidden)
    return list(found) if kind == _BLOCK else [number & ((1 << 48) - 1) for number in found]
