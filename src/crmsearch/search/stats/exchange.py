"""From a request to its answer by way of the questions that it takes; how they are sent is the caller's matter.

Whom a text means is found out before (``population``) and stands among the filters. ``k`` is the smallest group that may be seen,
``None`` for those who may see any.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from crmsearch.search.stats.body import StatsResponse, build_doubts, build_stats_body, make_stats, read_draft, settle_doubts
from crmsearch.search.stats.correlation import CorrelationResponse, build_correlation_body, build_means_body, parse_correlation
from crmsearch.search.stats.crosstab import (
    CrosstabResponse,
    Table,
    build_cells_body,
    build_lines_body,
    make_crosstab,
    parse_axes,
    parse_table,
)
from crmsearch.search.stats.plan import build_look, build_probe, make_plan
from crmsearch.search.stats.protection import protect_correlation, protect_stats, protect_table
from crmsearch.search.stats.request import (
    CorrelationRequest,
    CrosstabRequest,
    StatsRequest,
    check_correlation,
    check_crosstab,
    check_stats,
)

__all__ = ["answer_correlation", "answer_crosstab", "answer_stats"]

Body = dict[str, Any]
Search = Callable[[Body], Awaitable[Body]]


async def answer_stats(search: Search, request: StatsRequest, k: int | None = None) -> StatsResponse:
    """A look at the index and, if it is large, at whom the question covers; the main question; further ones for what is left in doubt."""
    check_stats(request)
    probe = await search(build_probe(request))
    look = build_look(request, probe)
    plan = make_plan(request, probe, None if look is None else await search(look))
    draft = read_draft(request, plan, await search(build_stats_body(request, plan)))
    while doubts := build_doubts(request, draft):
        draft = settle_doubts(draft, await search(doubts))
    response = make_stats(request, plan, draft)
    if k is None:
        return response
    table = None
    if len(request.groupings) == 2:
        rows, columns = request.groupings
        table = await _table(search, CrosstabRequest(rows=rows, columns=columns, filters=request.filters, size=request.size))
    return protect_stats(response, k, table)


async def answer_correlation(search: Search, request: CorrelationRequest, k: int | None = None) -> CorrelationResponse:
    check_correlation(request)
    means = await search(build_means_body(request))
    response = parse_correlation(request, await search(build_correlation_body(request, means)))
    return response if k is None else protect_correlation(response, k)


async def answer_crosstab(search: Search, request: CrosstabRequest, k: int | None = None) -> CrosstabResponse:
    """Which rows and columns there are, and then their cells."""
    table = await _table(search, request)
    return make_crosstab(request, table) if k is None else make_crosstab(request, *protect_table(table, k))


async def _table(search: Search, request: CrosstabRequest) -> Table:
    check_crosstab(request)
    rows, columns = parse_axes(request, await search(build_lines_body(request)))
    return parse_table(rows, columns, await search(build_cells_body(request, rows, columns)))
