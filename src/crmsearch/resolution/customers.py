"""Linked records to the documents of customers."""

from collections.abc import Mapping, Sequence
from typing import Any

from crmsearch.resolution.clusters import Cluster, resolve_component
from crmsearch.resolution.features import build_features
from crmsearch.resolution.survivorship import merge_records
from crmsearch.resolution.weights import Model

__all__ = ["make_customers"]


def make_customers(records: Sequence[Mapping[str, Any]], model: Model) -> tuple[list[tuple[dict[str, Any], Cluster]], int]:
    """The customers among records that links connect.

    Args:
        records: documents as ``merge_records`` takes them.
        model: judges the pairs.

    Returns:
        The document of every customer with its cluster, by the first member; and how many links were refused.
    """
    documents = {str(record["customer_id"]): record for record in records}
    clusters, refused = resolve_component([build_features(record, name) for name, record in documents.items()], model)
    made = []
    for cluster in clusters:
        members = [documents[member] for member in cluster.members]
        made.append((merge_records(members, cluster) if len(members) > 1 else dict(members[0]), cluster))
    return made, refused
