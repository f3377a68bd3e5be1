"""What the figures must come to: the promises, no less than was recorded, and more than the baselines give. Pure but for the records.

No bound asks for more than rivals leave certain: where several customers fit a question alike, the best ranking has bad luck too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tests.bench.relevance.chinese import PINYIN
from tests.bench.relevance.kinds import KINDS
from tests.bench.relevance.sides import OURS, SIDES
from tests.bench.results import FOLDER, Aim

__all__ = ["BASE_ROWS", "DROPPED", "compare", "judge", "recorded"]

Figures = Mapping[str, Any]

BASE_ROWS = 5000
TOLERANCE = 0.005  # that a recall may lie below the recorded one: no drop, but a tie that fell the other way
MAX_LOSS = 0.02  # of recall from the small base to a large one
DROPPED = "dropped"  # in the name of a record that fell below an earlier one: it sets no floor

_PROMISES: dict[str, dict[str, float]] = {
    "name and city, corrupted": {"recall@1": 0.97, "recall@5": 0.988},
    "name, corrupted": {"recall@1": 0.82, "recall@5": 0.91},
    "initial and beginning, clean": {"recall@10": 0.985},
    "initial and beginning, corrupted": {"recall@10": 0.85},
    "phone": {"recall@1": 0.99},
    "phone ending": {"recall@10": 0.99},
    "e-mail": {"recall@1": 0.99},
    "e-mail misspelt": {"recall@1": 0.99},
    "e-mail local part": {"recall@1": 0.99},
    "e-mail beginning": {"recall@10": 0.96},
    "customer id": {"recall@1": 0.99},
    "Chinese name and city": {"recall@1": 0.995},
    **{f"pinyin {form}": {"recall@10": 0.99} for form in PINYIN},
    "pinyin of rare surnames": {"recall@10": 0.99},
    "pinyin and city": {"recall@10": 0.99},
}
_PROMISES_OF_FILES = {"febrl1": {"recall@1": 0.97}, "febrl2": {"recall@1": 0.97}}


def recorded(rows: int, seed: int, per_kind: int) -> Figures | None:
    """The kinds of the newest record of such a run that is no drop, if there is one."""
    found: list[tuple[str, Figures]] = []
    for path in FOLDER.glob("*.json"):
        if path.stem.endswith(DROPPED):
            continue
        body = msgspec.json.decode(path.read_bytes())
        figures = body["figures"].get("relevance")
        if figures and (figures["rows"], figures["seed"], figures["per_kind"]) == (rows, seed, per_kind):
            found.append((body["began_at"], figures["kinds"]))
    return max(found, key=lambda each: each[0])[1] if found else None


def compare(kinds: Figures, floor: Figures | None, small: Figures | None) -> dict[str, list[str]]:
    """The kinds that fall short, each with what is wrong: of the recorded figures, of those of a small base, of the baselines.

    Args:
        kinds: figures of this run by kind.
        floor: kinds of the newest record of the same run.
        small: kinds of the newest record of a base of 5,000, for a larger one.
    """
    return {
        "below_recorded": list(_below(kinds, floor or {}, TOLERANCE, ("recall@1", "recall@10"))),
        "below_small_base": list(_below(kinds, small or {}, MAX_LOSS, ("recall@1", "recall@10"), spare_twins=True)),
        "not_above_baselines": list(_not_above(kinds)),
    }


def _below(kinds: Figures, floor: Figures, tolerance: float, measures: tuple[str, ...], *, spare_twins: bool = False) -> Iterator[str]:
    for name, kind in kinds.items():
        for measure in measures:
            if name not in floor or OURS not in kind:
                continue
            bound = floor[name][OURS][measure] - tolerance
            if spare_twins:
                bound = min(bound, kind["certain"][measure])
            if kind[OURS][measure] < bound - 1e-9:
                yield f"{name}: {measure} {kind[OURS][measure]:.3f}, recorded {floor[name][OURS][measure]:.3f}"


def _not_above(kinds: Figures) -> Iterator[str]:
    for name, kind in kinds.items():
        measure = f"recall@{KINDS[name].depth if name in KINDS else 1}"
        others = {side: kind[side][measure] for side in SIDES if side != OURS and side in kind}
        if OURS not in kind or not others:
            continue
        ours, best = kind[OURS][measure], max(others.values())
        # All that a ranking can do has been done where both find everybody, or everybody that twins leave certain.
        if ours <= best and ours < min(1.0, kind["certain"][measure]):
            yield f"{name}: {measure} {ours:.3f}, {max(others, key=others.__getitem__)} {best:.3f}"


def judge(figures: Figures) -> list[Aim]:
    """The promises for a base of 5,000 customers and for the Febrl files, and that no comparison finds anything."""
    promises = {**(_PROMISES if figures["rows"] == BASE_ROWS else {}), **_PROMISES_OF_FILES}
    aims = []
    for name, bounds in promises.items():
        kind = figures["kinds"].get(name, {})
        for measure, bound in bounds.items():
            if OURS in kind:
                aims.append(
                    Aim(figure=f"relevance: {name}, {measure}", value=kind[OURS][measure], at_least=min(bound, kind["certain"][measure]))
                )
    titles = {
        "below_recorded": "relevance: kinds below the recorded figures",
        "below_small_base": f"relevance: kinds more than {100 * MAX_LOSS:g} points below those among {BASE_ROWS:,}",
        "not_above_baselines": "relevance: kinds not above both baselines",
    }
    return aims + [Aim(figure=titles[name], value=len(kinds), at_most=0) for name, kinds in figures["shortcomings"].items()]
