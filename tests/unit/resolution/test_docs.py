"""The page on resolution shows the tables of the code."""

from __future__ import annotations

import math
from pathlib import Path

from crmsearch.resolution.clusters import CONTRADICTION
from crmsearch.resolution.keys import MAX_BLOCK, MAX_NAMESAKES, PASSES
from crmsearch.resolution.levels import LEVELS, Level
from crmsearch.resolution.survivorship import MAX_VALUES, POLICIES, TRUST
from crmsearch.resolution.weights import LINK_WEIGHT, SPARSE_WEIGHT

PAGE = Path(__file__).parents[3] / "docs" / "resolution.md"


def level_row(row: Level) -> str:
    stranger = f"{row.stranger:g} or its frequency" if row.frequency else f"{row.stranger:g}"
    weights = f"{math.log2(row.same / row.stranger):+.1f} | {math.log2(row.same / row.related):+.1f}"
    return f"| {row.field} | {row.name} | {row.same:g} | {row.related:g} | {stranger} | {weights} |"


def pass_row(name: str, what: str) -> str:
    return f"| `{name}` | {what} |"


def policy_row(fields: str, policy: str) -> str:
    return f"| {', '.join(f'`{field}`' for field in fields.split(', '))} | {policy} |"


def test_page_shows_the_tables() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for each in (
        *(level_row(row) for row in LEVELS.values()),
        *(pass_row(*item) for item in PASSES.items()),
        *(policy_row(*item) for item in POLICIES.items()),
    ):
        assert each in lines, each


def test_page_names_the_numbers() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"{LINK_WEIGHT:g} bits" in page
    assert f"{SPARSE_WEIGHT:g} bits" in page
    assert f"{-CONTRADICTION:g} bits" in page
    assert f"more than {MAX_BLOCK} records" in page
    assert f"more than {MAX_NAMESAKES}" in page
    assert f"{MAX_VALUES} values" in page
    assert ", ".join(TRUST) in page
