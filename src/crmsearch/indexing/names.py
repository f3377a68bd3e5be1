"""The one builder and parser of index names.

crm-customers                       alias, the only name readers use
crm-customers-20261123t101500z      one generation: the UTC second its run began
crm-customers-analytics             alias, the only name analysts use
crm-customers-analytics-20261123t101500z  the same population as the generation of that second, without personal data
crm-customers-loading               alias of the generation that a load is filling, which only the holder of the writers' lock may promote
crm-locks                           the lock of all writers
crm-records-20261123t101500z        the source records of that generation, for incremental loads
crm-runs                            the reports of all runs
crm-segments                        the saved segments, with all their versions
crm-suppressions                    who was erased, as keyed hashes, with the certificates
crm-restrictions                    whose processing is restricted, or was
crm-audit                           who has seen which customers
"""

import re
from datetime import UTC, datetime

__all__ = [
    "analytics_alias",
    "analytics_index",
    "audit_index",
    "customers_alias",
    "customers_index",
    "customers_pattern",
    "generation_time",
    "keys_index",
    "loading_alias",
    "locks_index",
    "records_index",
    "restrictions_index",
    "run_of",
    "run_time",
    "runs_index",
    "segments_index",
    "snapshots_repository",
    "stamp",
    "suppressions_index",
    "writes_index",
]

_STAMP = "%Y%m%dt%H%M%Sz"


def stamp(moment: datetime) -> str:
    """A moment as names of indices, runs and snapshots hold it: its UTC second."""
    return moment.astimezone(UTC).strftime(_STAMP)


def analytics_alias(prefix: str) -> str:
    """Name by which analysts reach the customers without their personal data."""
    return f"{customers_alias(prefix)}-analytics"


def analytics_index(prefix: str, index: str) -> str:
    """Name of the analysts' index beside the generation ``index``."""
    return f"{analytics_alias(prefix)}-{run_of(index)}"


def audit_index(prefix: str) -> str:
    """Name of the index that holds the audit trail."""
    return f"{prefix}-audit"


def customers_alias(prefix: str) -> str:
    return f"{prefix}-customers"


def customers_index(prefix: str, began_at: datetime) -> str:
    """Name of the generation that a run begun at ``began_at`` (aware) builds."""
    return f"{customers_alias(prefix)}-{stamp(began_at)}"


def customers_pattern(prefix: str) -> str:
    """Wildcard over all generations; narrower than ``crm-customers-*``, which would take in the analysts' index."""
    return f"{customers_alias(prefix)}-2*z"


def generation_time(prefix: str, index: str) -> datetime | None:
    """When the generation was begun, or ``None`` for a name that is not one of ours."""
    match = re.fullmatch(re.escape(customers_alias(prefix)) + r"-(\d{8}t\d{6}z)", index)
    return run_time(match[1]) if match else None


def run_time(run_id: str) -> datetime | None:
    """When a run was begun, or ``None`` for a name that is not one of a run."""
    try:
        return datetime.strptime(run_id, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def run_of(index: str) -> str:
    """Id of the run that fills a generation."""
    return index.rpartition("-")[2]


def keys_index(prefix: str) -> str:
    """Name of the index that holds the keys of the API's callers."""
    return f"{prefix}-keys"


def loading_alias(prefix: str) -> str:
    """The alias that a generation bears while a load fills it."""
    return f"{customers_alias(prefix)}-loading"


def locks_index(prefix: str) -> str:
    """Name of the index that holds the lock of all writers."""
    return f"{prefix}-locks"


def records_index(customers_index: str) -> str:
    """Name of the index with the source records of a generation of customers."""
    prefix, _, stamp = customers_index.rpartition("-customers-")
    return f"{prefix}-records-{stamp}"


def restrictions_index(prefix: str) -> str:
    """Name of the index of those whose processing is restricted."""
    return f"{prefix}-restrictions"


def runs_index(prefix: str) -> str:
    """Name of the index that holds one report per run."""
    return f"{prefix}-runs"


def snapshots_repository(prefix: str) -> str:
    """Name of the repository that holds the snapshots."""
    return f"{prefix}-snapshots"


def segments_index(prefix: str) -> str:
    """Name of the index that holds the saved segments."""
    return f"{prefix}-segments"


def suppressions_index(prefix: str) -> str:
    """Name of the index of those who were erased."""
    return f"{prefix}-suppressions"


def writes_index(prefix: str) -> str:
    """Name of the index that holds what apps have written of single customers."""
    return f"{prefix}-writes"
