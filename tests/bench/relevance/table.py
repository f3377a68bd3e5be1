"""The figures for people: a line for each kind, and the questions that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.cli.output import data, print_table
from tests.bench.relevance.measure import Answered
from tests.bench.relevance.scoring import DEPTHS
from tests.bench.relevance.sides import OURS, SIDES

__all__ = ["print_failures", "print_relevance"]

_RECALLS = [f"recall@{depth}" for depth in DEPTHS]
_SHOWN_HITS = 3


def print_relevance(figures: dict[str, Any]) -> None:
    """Recall at 1, 5 and 10 of every side, in percent, MRR beside it, and milliseconds (p50 / p95); and ours by kind of error."""
    kinds: dict[str, Any] = figures["kinds"]
    sides = [side for side in SIDES if any(side in kind for kind in kinds.values())]
    rows = []
    for name, kind in kinds.items():
        row = [name, kind["questions"], _percents(kind["limit"])]
        for side in sides:
            row += [f"{_percents(kind[side])}  {kind[side]['mrr']:.3f}", f"{kind[side]['p50_ms']:.0f} / {kind[side]['p95_ms']:.0f}"]
        rows.append(row)
    heads = ["kind", "n", "limit", *(head for side in sides for head in (f"{side}  MRR", "ms"))]
    print_table(f"relevance among {figures['rows']:,} customers: recall@1 @5 @10 in %", heads, rows)
    errors = [
        (name, error, each["questions"], _percents(each))
        for name, kind in kinds.items()
        for error, each in kind.get("by_error", {}).items()
    ]
    print_table(f"{OURS} by kind of error", ["kind", "error", "n", "@1 @5 @10"], errors)
    for title, lines in figures["shortcomings"].items():
        for line in lines:
            data.print(f"{title.replace('_', ' ')}: {line}", markup=False, highlight=False)


def print_failures(answered: Sequence[Answered], documents: Path) -> None:
    """Every question whose right answer is not our first hit: its text, who was meant and where they stand, and who came first."""
    failed = [each for each in answered if each.rank(OURS) != 1]
    shown = _descriptions(
        documents, {each.question.target for each in failed} | {i for each in failed for i in each.ids[OURS][:_SHOWN_HITS]}
    )
    for each in failed:
        question = each.question
        place = each.rank(OURS) or "not found"
        data.print(
            f"{question.text!r}  [{question.kind}; {question.error or '–'}; twins {each.rivals.twins}, literal {each.rivals.literal}]",
            markup=False,
            highlight=False,
        )
        data.print(f"    {place}: {shown[question.target]}", markup=False, highlight=False)
        for number, identifier in enumerate(each.ids[OURS][:_SHOWN_HITS], start=1):
            data.print(f"        {number}. {shown[identifier]}", markup=False, highlight=False)


def _descriptions(documents: Path, wanted: set[str]) -> Mapping[str, str]:
    shown = {}
    with documents.open("rb") as file:
        for line in file:
            document = msgspec.json.decode(line)
            if document["customer_id"] in wanted:
                parts = (document.get(field) for field in ("name", "city", "phones", "emails", "company", "customer_id"))
                shown[document["customer_id"]] = " | ".join(_text(part) for part in parts)
    return shown


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")


def _percents(figures: Mapping[str, float]) -> str:
    return " ".join(f"{100 * figures[key]:5.1f}" for key in _RECALLS)
