"""``/metrics`` for Prometheus: how many requests, how long, how many at once, and how the customers stand.

With several API processes, each counts into files of the folder that ``crmsearch serve`` sets in ``PROMETHEUS_MULTIPROC_DIR``, and
whichever is asked answers for all. Labels name routes, never paths: these may hold a customer's id.
"""

import asyncio
from datetime import UTC, datetime

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.runs import RunStore
from crmsearch.search.service import SearchService

__all__ = ["IN_PROGRESS", "metrics_router", "note_request"]

_BUCKETS = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # about what is promised of searches

REQUESTS = Counter("crmsearch_requests", "Requests answered", ("method", "route", "status"))
DURATION = Histogram(
    "crmsearch_request_duration_seconds", "From the request to the end of its answer", ("method", "route"), buckets=_BUCKETS
)
IN_PROGRESS = Gauge("crmsearch_requests_in_progress", "Requests being answered", multiprocess_mode="livesum")


def note_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    REQUESTS.labels(method, route, str(status)).inc()
    DURATION.labels(method, route).observe(seconds)


@get("/metrics", operation_id="Metrics", media_type="text/plain")
async def metrics(
    service: NamedDependency[SkipValidation[SearchService]], runs: NamedDependency[SkipValidation[RunStore | None]]
) -> Response[bytes]:
    """Metrics in the text format of Prometheus: requests of all API processes, the customers that are live, the last run."""
    own = CollectorRegistry()
    await _note_customers(own, service)
    if runs is not None:
        await asyncio.to_thread(_note_last_run, own, runs)
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


def _note_last_run(registry: CollectorRegistry, runs: RunStore) -> None:
    try:
        found = runs.page(1).runs
    except CrmSearchError:
        return
    for run in found:
        Gauge("crmsearch_last_run_failed", "1 if the newest run has failed", registry=registry).set(run.state == "failed")
        for name, words, value in (
            ("rows_read", "Rows that the newest run has read", run.rows_read),
            ("quarantined", "Rows that the newest run has set aside", run.quarantined),
            ("seconds", "How long the newest run has taken", run.seconds),
        ):
            if value is not None:
                Gauge(f"crmsearch_last_run_{name}", words, registry=registry).set(value)


metrics_router = Router(path="/", route_handlers=[metrics], opt={"scope": "metrics:read"}, tags=["operations"])
