"""``/metrics`` for Prometheus: the four golden signals of each group of routes, the audit trail, the limits, the customers and the runs.

With several API processes, each counts into files of the folder that ``crmsearch serve`` sets in ``PROMETHEUS_MULTIPROC_DIR``, and
whichever is asked answers for all. Labels name routes, never paths: these may hold a customer's id.
"""

import asyncio
from collections import Counter as Tally
from datetime import UTC, datetime
from typing import get_args

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.audit import ROOM
from crmsearch.indexing.runs import MAX_RUNS, RunState, RunStore
from crmsearch.search.service import SearchService

__all__ = ["IN_PROGRESS", "group_of", "metrics_router", "note_audit", "note_limited", "note_problem", "note_request"]

_BUCKETS = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # about what is promised of searches

_GROUPS = ("customers", "stats", "segments", "insights", "runs", "audit", "fields")  # of /v1
_OPERATIONS = ("health", "metrics", "schema")

REQUESTS = Counter("crmsearch_requests", "Requests answered", ("group", "method", "route", "status"))
DURATION = Histogram(
    "crmsearch_request_duration_seconds", "From the request to the end of its answer", ("group", "method", "route"), buckets=_BUCKETS
)
IN_PROGRESS = Gauge("crmsearch_requests_in_progress", "Requests being answered", ("group",), multiprocess_mode="livesum")
PROBLEMS = Counter("crmsearch_problems", "Requests answered with an error, by its code", ("code", "status"))
LIMITED = Counter("crmsearch_limited", "Requests refused by a limit: of a key, or of wrong keys from an address", ("limit",))
AUDIT_WAITING = Gauge("crmsearch_audit_events_waiting", "Events of the audit trail that are not written yet", multiprocess_mode="livesum")
# Of processes that have ended too: what was lost stays lost.
AUDIT_LOST = Gauge("crmsearch_audit_events_lost", "Events of the audit trail that could not be written", multiprocess_mode="sum")


def group_of(path: str) -> str:
    """The group of a path or of a route: the word behind `/v1`, if it is one of ours; never what a caller has typed."""
    first, second = [*path.split("/")[1:3], "", ""][:2]
    if first == "v1" and second in _GROUPS:
        return second
    return first if first in _OPERATIONS else "other"


def note_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    group = group_of(route)
    REQUESTS.labels(group, method, route, str(status)).inc()
    DURATION.labels(group, method, route).observe(seconds)


def note_problem(code: str, status: int) -> None:
    """Count an answer that tells of an error."""
    PROBLEMS.labels(code, str(status)).inc()


def note_limited(limit: str) -> None:
    """Count a request that came too early."""
    LIMITED.labels(limit).inc()


def note_audit(waiting: int, lost: int) -> None:
    """Tell how the audit trail of this process stands."""
    AUDIT_WAITING.set(waiting)
    AUDIT_LOST.set(lost)


@get("/metrics", operation_id="Metrics", media_type="text/plain")
async def metrics(
    service: NamedDependency[SkipValidation[SearchService]], runs: NamedDependency[SkipValidation[RunStore | None]]
) -> Response[bytes]:
    """Metrics in the text format of Prometheus: requests of all API processes, the customers that are live, the runs."""
    own = CollectorRegistry()
    Gauge("crmsearch_audit_events_room", "Events of the audit trail that may wait in one process", registry=own).set(ROOM)
    await _note_customers(own, service)
    if runs is not None:
        await asyncio.to_thread(_note_runs, own, runs)
    return Response(generate_latest(_requests()) + generate_latest(own), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _requests() -> CollectorRegistry:
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:  # one process alone, and no folder
        return REGISTRY
    return registry


async def _note_customers(registry: CollectorRegistry, service: SearchService) -> None:
    up = Gauge("crmsearch_elasticsearch_up", "1 if Elasticsearch answers and holds customers", registry=registry)
    try:
        vitals = await service.vitals()
    except CrmSearchError:
        up.set(0)
        return
    up.set(1)
    Gauge("crmsearch_customers", "Customers that are live", registry=registry).set(vitals.customers)
    if vitals.newest is not None:
        age = Gauge("crmsearch_index_age_seconds", "Since the newest customer was written", registry=registry)
        age.set((datetime.now(UTC) - vitals.newest).total_seconds())


def _note_runs(registry: CollectorRegistry, runs: RunStore) -> None:
    try:
        found = runs.page(MAX_RUNS).runs
    except CrmSearchError:
        return
    states = Tally(run.state for run in found)
    of_state = Gauge("crmsearch_runs", f"Runs by state, of the newest {MAX_RUNS}", ("state",), registry=registry)
    for state in get_args(RunState):
        of_state.labels(state).set(states[state])
    if promoted := next((run for run in found if run.state == "promoted"), None):
        began = Gauge("crmsearch_last_promoted_run_timestamp_seconds", "When the newest run began that went live", registry=registry)
        began.set(datetime.fromisoformat(promoted.began_at).timestamp())
    if not found:
        return
    run = found[0]
    for name, words, value in (
        ("failed", "1 if the newest run has failed", run.state == "failed"),
        ("timestamp_seconds", "When the newest run began", datetime.fromisoformat(run.began_at).timestamp()),
        ("rows_read", "Rows that the newest run has read", run.rows_read),
        ("indexed", "Customers that the newest run has indexed", run.indexed),
        ("merged", "Records that the newest run has merged into others", run.merged),
        ("quarantined", "Rows that the newest run has set aside", run.quarantined),
        ("seconds", "How long the newest run has taken", run.seconds),
    ):
        if value is not None:
            Gauge(f"crmsearch_last_run_{name}", words, registry=registry).set(value)


metrics_router = Router(path="/", route_handlers=[metrics], opt={"scope": "metrics:read"}, tags=["operations"])
