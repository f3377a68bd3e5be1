"""A new master key in the place of an old one, while the service runs.

Three steps, each for all machines before the next: the new key is there, and opens (``prepare``); it seals, and everything is sealed with
it anew (``rotate``); nothing is sealed with the old one any more, and it goes (``finish``). Every process reads the keys when it starts.
"""

import secrets
from pathlib import Path

import msgspec

from crmsearch.errors import ConfigError, ConflictError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import records_index
from crmsearch.indexing.reseal import find_other_keys, reseal_state
from crmsearch.indexing.runs import RunStore
from crmsearch.keyfile import encryption_ring, make_vault, own_ring_file, prepared_key, write_ring
from crmsearch.loading import OnEvent, rebuild_customers
from crmsearch.privacy.vault import Vault
from crmsearch.quarantine import quarantine_folder, reseal_rows
from crmsearch.settings import Secret, Settings

__all__ = ["Rotated", "finish_rotation", "prepare_rotation", "rotate_keys"]


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What was sealed with the new key: the generation that is live now, documents of the service's state, rows in quarantine."""

    key_id: str
    index: str
    documents: int
    rows: int


def prepare_rotation(settings: Settings) -> Vault:
    """Put a new key behind those there are; it opens and does not seal.

    Raises:
        ConfigError: the keys are not in a file that could be changed, or one is prepared already.
    """
    ring = encryption_ring(settings)
    path = _ring_file(settings)
    if len(ring) > 1:
        raise ConfigError("there are several keys already; go on with `crmsearch keys rotate`, and end that with --finish")
    write_ring(path, ring, Secret(secrets.token_urlsafe(32)))
    return make_vault(settings)


def rotate_keys(settings: Settings, on_event: OnEvent = lambda _: None) -> Rotated:
    """Have the prepared key seal, if the keys are in a file, and seal everything with the one that seals.

    Done once more after it was cut off, it does the rest.

    Raises:
        ConfigError: there is no new key.
        LoadRunningError, BackendError, …: as for a rebuild; the customers that readers see are as they were.
        ConflictError: a service goes on sealing with the old key.
    """
    ring = encryption_ring(settings)
    if len(ring) < 2:
        raise ConfigError("there is one key only; make another with `crmsearch keys rotate --prepare`, and start every service anew")
    if _in_a_file(settings) and (prepared := prepared_key(_ring_file(settings))) is not None:
        write_ring(_ring_file(settings), [prepared, *(each for each in ring if each != prepared)])
    vault = make_vault(settings)
    with make_client(settings.elasticsearch) as client:
        on_event({"stage": "seal the state"})
        documents = reseal_state(client, settings.elasticsearch.index_prefix, vault)
        rows = reseal_rows(quarantine_folder(settings), vault)
        lifecycle = Lifecycle(client, settings.elasticsearch, vault)
        index = rebuild_customers(lifecycle, RunStore(client, settings.elasticsearch), None, on_event)
        # What apps wrote while the copy was made is of the key that the generation before it has.
        documents += reseal_state(client, settings.elasticsearch.index_prefix, vault)
    return Rotated(key_id=vault.key_id, index=index, documents=documents, rows=rows)


def finish_rotation(settings: Settings) -> Vault:
    """Take the old keys away.

    Raises:
        ConflictError: a kept generation, or a document of the service's state, is sealed with one of them.
        ConfigError: the keys are not in a file that could be changed.
    """
    ring = encryption_ring(settings)
    path = _ring_file(settings)
    vault = make_vault(settings)
    with make_client(settings.elasticsearch) as client:
        lifecycle = Lifecycle(client, settings.elasticsearch, vault)
        if any(each.key_id != vault.key_id for each in lifecycle.generations()):
            raise ConflictError(
                "kept generations are sealed with an old key; `crmsearch index prune --keep 0` removes them, then repeat this"
            )
        reseal_state(client, settings.elasticsearch.index_prefix, vault)
        reseal_rows(quarantine_folder(settings), vault)
        for index in [each.index for each in lifecycle.generations()]:
            if others := find_other_keys(client, [index, records_index(index)], vault):
                raise ConflictError(
                    f"{index} holds documents that are sealed with {', '.join(sorted(others))}; seal all anew with `crmsearch keys rotate`"
                )
    write_ring(path, ring[:1])
    return make_vault(settings)


def _in_a_file(settings: Settings) -> bool:
    return not (settings.encryption.keys or settings.encryption.key_command)


def _ring_file(settings: Settings) -> Path:
    if not _in_a_file(settings):
        raise ConfigError(
            "the keys come from CRMSEARCH_ENCRYPTION_KEYS or _KEY_COMMAND, so change them there: the new one behind the old, and in front "
            "when every service has it; then run `crmsearch keys rotate`. The old one goes when `crmsearch index list` shows it no more"
        )
    return own_ring_file(settings)
