"""``/health``: whether the process lives, and whether it can answer."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from crmsearch.search.service import SearchService

__all__ = ["live", "ready"]


@get("/health/live", operation_id="Live", tags=["operations"], sync_to_thread=False)
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get("/health/ready", operation_id="Ready", tags=["operations"])
async def ready(service: NamedDependency[SkipValidation[SearchService]]) -> dict[str, str]:
    """Elasticsearch answers, and a customer index of this contract is live; 503 with the reason otherwise."""
    await service.check()
    return {"status": "ready"}
