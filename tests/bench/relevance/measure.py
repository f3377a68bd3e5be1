"""All questions put to all sides in turn, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.cli.look import ask
from crmsearch.cli.output import words
from crmsearch.indexing.client import make_async_client
from crmsearch.search.service import SearchService
from crmsearch.settings import Settings
from tests.bench.relevance.asking import Judged
from tests.bench.relevance.base import make_base
from tests.bench.relevance.febrl import FEBRL, make_febrl
from tests.bench.relevance.kinds import KINDS, PER_KIND, make_judged
from tests.bench.relevance.loading import loaded
from tests.bench.relevance.scoring import certain, latencies, limits, rank_of, recalls
from tests.bench.relevance.sides import OURS, SIDES, Side, make_sides, timed
from tests.bench.relevance.twins import Rivals, count_rivals
from tests.bench.relevance.verdict import BASE_ROWS, compare, recorded

__all__ = ["Answered", "Round", "figures_of", "measure_relevance"]

WARM_UP = 20  # questions, spread over the kinds, of which the times do not count
PATIENCE_S = 120.0  # that a baseline has for one answer


class Answered(msgspec.Struct, frozen=True):
    """A question with what every side found: the ids, and the milliseconds that it took."""

    question: Judged
    rivals: Rivals
    ids: dict[str, list[str]]
    took_ms: dict[str, float]

    def rank(self, side: str) -> int | None:
        return rank_of(self.question.target, self.ids[side])


class Round(msgspec.Struct, frozen=True):
    """All questions about one file of documents."""

    documents: Path
    answered: list[Answered]


def measure_relevance(
    settings: Settings,
    work: Path,
    rows: int,
    seed: int,
    *,
    kinds: Sequence[str] = (*KINDS, *FEBRL),
    per_kind: int = PER_KIND,
    sides: Sequence[str] = SIDES,
    keep: bool = False,
) -> tuple[dict[str, Any], list[Round]]:
    """Ask for people of a base of ``rows`` customers, and for the copies of the Febrl files among their originals.

    Returns:
        The figures by kind, with what the run was and where it falls short of what was recorded, and every answer.
    """
    rounds = []
    if own := [KINDS[name] for name in kinds if name in KINDS]:
        base = make_base(work, rows, seed)
        rounds.append(_ask_about(settings, base.documents, make_judged(base.people, own, seed, per_kind), sides, f"base{rows}", keep=keep))
    for name in kinds:
        if name in FEBRL:
            documents, questions = make_febrl(name, work)
            rounds.append(_ask_about(settings, documents, questions, sides, name, keep=keep))
    by_kind: dict[str, list[Answered]] = {}
    for each in (each for a_round in rounds for each in a_round.answered):
        by_kind.setdefault(each.question.kind, []).append(each)
    figures = {kind: figures_of(group, sides) for kind, group in by_kind.items()}
    small = recorded(BASE_ROWS, seed, per_kind) if rows > BASE_ROWS else None
    shortcomings = compare(figures, recorded(rows, seed, per_kind), small)
    return {"rows": rows, "seed": seed, "per_kind": per_kind, "kinds": figures, "shortcomings": shortcomings}, rounds


def figures_of(answered: Sequence[Answered], sides: Sequence[str]) -> dict[str, Any]:
    """One kind: how many questions, what rivals leave possible, recall and latency of every side, and ours by kind of error."""
    rivals = [each.rivals for each in answered]
    figures: dict[str, Any] = {"questions": len(answered), "limit": limits(rivals), "certain": certain(rivals)}
    for side in sides:
        figures[side] = recalls([each.rank(side) for each in answered]) | latencies([each.took_ms[side] for each in answered])
    errors = Counter(each.question.error for each in answered)
    if OURS in sides and len(errors) > 1:
        figures["by_error"] = {
            error: {"questions": count, **recalls([each.rank(OURS) for each in answered if each.question.error == error])}
            for error, count in errors.most_common()
        }
    return figures


def _ask_about(settings: Settings, documents: Path, questions: list[Judged], names: Sequence[str], word: str, *, keep: bool) -> Round:
    words.print(f"relevance: {word}, {len(questions):,} questions, counting rivals …", highlight=False)
    rivals = count_rivals(documents, [(question.twins, question.literal) for question in questions])
    if lost := next((question for question, each in zip(questions, rivals, strict=True) if not each.twins), None):
        raise AssertionError(f"a question of kind {lost.kind} does not have the keys of the document that it asks for")
    with loaded(settings, documents, word, baselines=any(name != OURS for name in names), keep=keep) as target:

        async def answer(service: SearchService) -> list[Answered]:
            async with make_async_client(target.elasticsearch).options(request_timeout=PATIENCE_S) as client:
                sides = {name: side for name, side in make_sides(service, client, target).items() if name in names}
                for question in questions[:: max(1, len(questions) // WARM_UP)]:
                    for side in sides.values():
                        await side(question.text)
                return await _ask_all(sides, questions, rivals)

        return Round(documents, ask(target, answer))


async def _ask_all(sides: dict[str, Side], questions: Sequence[Judged], rivals: Sequence[Rivals]) -> list[Answered]:
    """Put each question to all sides; who is asked first changes, so that nobody always finds the caches as another left them."""
    names, answered = list(sides), []
    for number, (question, its) in enumerate(zip(questions, rivals, strict=True), start=1):
        turn = number % len(names)
        found = {name: await timed(sides[name], question.text) for name in names[turn:] + names[:turn]}
        ids, took_ms = {name: ids for name, (_, ids) in found.items()}, {name: took_ms for name, (took_ms, _) in found.items()}
        answered.append(Answered(question, its, ids, took_ms))
        if number % 1000 == 0:
            words.print(f"relevance: {number:,} of {len(questions):,} asked", highlight=False)
    return answered
