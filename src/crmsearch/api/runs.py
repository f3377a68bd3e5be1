"""``/v1/runs``: the quality reports of all runs, with cells of customers masked; ``/v1/rules``: the rules that they speak of."""

from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from crmsearch.cleaning.rules import RULES, Rule
from crmsearch.contract import RunReport
from crmsearch.indexing.runs import MAX_RUNS, RunPage, RunStore

__all__ = ["list_rules", "runs_router"]

Runs = NamedDependency[SkipValidation[RunStore]]


# In threads, with the client of the command line: reports are asked for a few times a day.
@get("/", operation_id="ListRuns", sync_to_thread=True)
def list_runs(
    runs: Runs,
    size: Annotated[int, QueryParameter(ge=1, le=MAX_RUNS, description="Largest number of runs")] = 20,
    before: Annotated[str | None, QueryParameter(description="Id of a run, as in `next`: only older runs are listed")] = None,
) -> RunPage:
    """Runs with their main figures, newest first."""
    return runs.page(size, before)


@get("/{run_id:str}", operation_id="GetRun", sync_to_thread=True)
def get_run(run_id: FromPath[str], runs: Runs) -> RunReport:
    """The whole report of one run: tables read, quality of every field, rules applied with masked samples, merges, segments."""
    return runs.get(run_id)


@get("/rules", operation_id="ListRules", opt={"scope": "statistics:read"}, tags=["catalogue"], sync_to_thread=False)
def list_rules() -> list[Rule]:
    """The cleaning rules: what `quality_issues` and the reports of runs mean."""
    return list(RULES.values())


runs_router = Router(path="/runs", route_handlers=[list_runs, get_run], opt={"scope": "runs:read"}, tags=["runs"])
