"""The service's own state sealed anew, after the key that seals has changed.

Customers and their records are not sealed anew in their place: a rebuilt generation is of the new key from the beginning, while readers
have the old one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from elasticsearch import Elasticsearch, helpers

from crmsearch.errors import ConflictError
from crmsearch.indexing.client import translated_errors
from crmsearch.indexing.kept_writes import reseal_write
from crmsearch.indexing.names import segments_index, writes_index
from crmsearch.indexing.records import TIMEOUT_S
from crmsearch.indexing.segments import reseal_segment
from crmsearch.privacy.vault import SEALED_FIELDS, Vault

__all__ = ["find_other_keys", "reseal_state"]

_PAGE = 1_000
_KEYS = re.compile(r'"~([0-9a-f]{8})[A-Za-z0-9_-]{38,}={0,2}\\?"')  # of ciphertexts in JSON, also in one that stands in it as a text
_PASSES = 5  # as long as the service writes with the old key, what it has just written is met once more

Document = dict[str, Any]


def reseal_state(client: Elasticsearch, prefix: str, vault: Vault) -> int:
    """Seal what apps wrote, and what segments ask for, with the key that seals now; returns how many documents that changed.

    Raises:
        ConflictError: somebody goes on writing with the old key: a service that was not started anew since the key is there.
        KeyMissingError: a document is sealed with a key that is not in the ring.
    """
    patient = client.options(request_timeout=TIMEOUT_S)
    states: dict[str, Callable[[Document, Vault], Document]] = {
        writes_index(prefix): reseal_write,
        segments_index(prefix): reseal_segment,
    }
    changed = 0
    for index, reseal in states.items():
        for _ in range(_PASSES):
            with translated_errors():
                actions = list(_actions(patient, index, lambda source, reseal=reseal: reseal(source, vault)))  # type: ignore[misc]
                written, _ = helpers.bulk(patient, actions, raise_on_error=False, refresh=True)
            changed += written
            if not actions:
                break
        else:
            raise ConflictError(f"somebody goes on sealing in {index} with the old key; start every service anew, and repeat this")
    return changed


def find_other_keys(client: Elasticsearch, indices: Sequence[str], vault: Vault) -> set[str]:
    """The keys other than the one that seals now with which something in these indices is sealed; it reads them all."""
    query = {"_source": [*SEALED_FIELDS, "record"]}
    with translated_errors():
        hits = helpers.scan(
            client.options(request_timeout=TIMEOUT_S), index=list(indices), query=query, size=_PAGE, ignore_unavailable=True
        )
        return {key for hit in hits for key in _KEYS.findall(msgspec.json.encode(hit["_source"]).decode())} - {vault.key_id}


def _actions(client: Elasticsearch, index: str, reseal: Callable[[Document], Document]) -> Iterator[Document]:
    """Writes of the documents that are not of today's key, each on condition that it is as it was read."""
    if not client.indices.exists(index=index):
        return
    client.indices.refresh(index=index)
    for hit in helpers.scan(client, index=index, query={"seq_no_primary_term": True}, size=_PAGE):
        sealed = reseal(hit["_source"])
        if sealed != hit["_source"]:
            condition = {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
            yield {"_op_type": "index", "_index": index, "_id": hit["_id"], "_source": sealed, **condition}
