"""``/v1/generations``: the customer bases that are kept, and the way back to the one before."""

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from crmsearch.api.audited import Disclosed
from crmsearch.indexing.generations import Generation
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore

__all__ = ["generations_router"]

Kept = NamedDependency[SkipValidation[Lifecycle]]
Runs = NamedDependency[SkipValidation[RunStore]]


class GenerationList(msgspec.Struct, frozen=True):
    """All generations, newest first. ``loading`` says who loads at this moment, or died while loading."""

    generations: list[Generation]
    loading: str | None


class RolledBack(msgspec.Struct, frozen=True):
    """The generation that is live now, and the one that was."""

    live: str
    before: str


# In threads, with the client of the command line: this is asked for a few times a day.
@get("/", operation_id="ListGenerations", opt={"scope": "runs:read"}, sync_to_thread=True)
def list_generations(lifecycle: Kept) -> GenerationList:
    """The customer bases that are kept, one of which is live."""
    holder = lifecycle.lock.holder()
    return GenerationList(lifecycle.generations(), holder.words if holder else None)


@post("/rollback", operation_id="RollBack", opt={"audit": "rollback"}, status_code=200, sync_to_thread=True)
def roll_back(lifecycle: Kept, runs: Runs, disclosed: Disclosed) -> RolledBack:
    """Make the newest complete generation before the live one live, in one step that readers do not notice. 404 if there is none."""
    left, live = lifecycle.rollback()
    disclosed.note([], shape=[f"generation {live}"])
    runs.note_promoted(live, left)
    return RolledBack(live, left)


generations_router = Router(
    path="/generations", route_handlers=[list_generations, roll_back], opt={"scope": "index:write"}, tags=["administration"]
)
