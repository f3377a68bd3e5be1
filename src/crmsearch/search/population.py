"""Whom a text and filters mean: one choice of the stage for searches, exports, and every figure about the same customers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from crmsearch.search.filters import Filter, ResolvedFilter
from crmsearch.search.query import build_count_body, build_text_query, is_enough, stages_of
from crmsearch.search.relevance import Stage
from crmsearch.search.resolver import Resolver

__all__ = ["answer_in_stages", "choose_stage", "find_population"]

Body = dict[str, Any]
Answer = TypeVar("Answer")


async def choose_stage(q: str, count: Callable[[Stage], Awaitable[int]]) -> Stage:
    """The first stage of a text that finds enough, or the last one, which is not counted as nothing is left to choose.

    Args:
        q: without conditions in it.
        count: how many customers a stage finds, all filters applied.
    """
    *doubtful, last = stages_of(q)
    for stage in doubtful:
        if is_enough(q, stage, await count(stage)):
            return stage
    return last


async def answer_in_stages(q: str, ask: Callable[[Stage], Awaitable[Answer]], total_of: Callable[[Answer], int]) -> tuple[Stage, Answer]:
    """The stage of a text and its answer; every stage is asked once, and the answers of those that find too little are dropped.

    Args:
        q: without conditions in it.
        ask: puts the question in a stage.
        total_of: how many customers an answer is about.
    """
    answers: dict[Stage, Answer] = {}

    async def count(stage: Stage) -> int:
        answers[stage] = await ask(stage)
        return total_of(answers[stage])

    stage = await choose_stage(q, count)
    return stage, answers[stage] if stage in answers else await ask(stage)


async def find_population(search: Callable[[Body], Awaitable[Body]], resolver: Resolver, q: str, filters: Sequence[Filter]) -> list[Filter]:
    """Filters that hold for exactly the customers that a search for this text and these filters finds.

    A text is counted until a stage finds enough, ten hits and no more; without a text nothing is asked.
    """
    q, resolved = await resolver.resolve_text(q, filters)

    async def count(stage: Stage) -> int:
        answer = await search(build_count_body(q, resolved, stage))
        return int(answer["hits"]["total"]["value"])

    clause = build_text_query(q, await choose_stage(q, count))
    return resolved if clause is None else [*resolved, ResolvedFilter(clause=clause)]
