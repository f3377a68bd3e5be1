"""What makes a filled index fit for readers: few segments, and as many copies as are set."""

from collections.abc import Sequence
from contextlib import suppress

import elasticsearch
from elasticsearch import Elasticsearch

from crmsearch.errors import BackendUnavailableError
from crmsearch.indexing.client import translated_errors

__all__ = ["merge_segments", "wait_for_copies"]

LARGEST_SEGMENT_BYTES = 4 << 30
MERGE_WAIT_S, MERGE_WAITS = 30.0, 60  # a million customers take about a minute
COPY_WAIT_S, COPY_WAITS = 30, 120  # Elasticsearch copies 40 MB a second where nothing else is set
IDLE_WAITS = 2  # after which copies that nobody makes are given up


def wait_for_copies(client: Elasticsearch, indices: Sequence[str], replicas: int) -> None:
    """Wait as long as Elasticsearch makes the copies that are set, so that no node that dies takes a live base with it.

    Raises:
        BackendUnavailableError: there are not data nodes enough for them.
    """
    patient = client.options(request_timeout=COPY_WAIT_S * 2, ignore_status=408)
    idle = 0
    for _ in range(COPY_WAITS):
        health = patient.cluster.health(index=indices, wait_for_status="green", timeout=f"{COPY_WAIT_S}s")
        if health["status"] == "green":
            return
        # A copy whose node has just gone is not made elsewhere for a minute, and one may wait for others to be made.
        idle = 0 if health["initializing_shards"] or health["delayed_unassigned_shards"] else idle + 1
        if idle == IDLE_WAITS:
            break
    raise BackendUnavailableError(
        f"Elasticsearch does not make {replicas + 1} copies of every shard, as many as CRMSEARCH_ELASTICSEARCH_REPLICAS "
        "asks for: are there so many data nodes, and have they room?"
    )


def merge_segments(client: Elasticsearch, index: str, size_bytes: int) -> None:
    """Make few large segments of the many that a load leaves, since every search looks up every term in each of them.

    Elasticsearch advises it for an index that is not written any more, in segments of less than 5 GB (`Force merge` in its reference).
    It only makes searches faster: where it takes too long, the load goes on.
    """
    segments = 1 + size_bytes // LARGEST_SEGMENT_BYTES
    patient = client.options(request_timeout=MERGE_WAIT_S, max_retries=0)
    with translated_errors():
        for _ in range(MERGE_WAITS):
            with suppress(elasticsearch.ConnectionTimeout):
                # Asked once more, Elasticsearch waits for the merge that is under way.
                patient.indices.forcemerge(index=index, max_num_segments=segments)
                return
            client.indices.exists(index=index)  # busy, and not gone
