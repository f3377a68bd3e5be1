"""The table of faults in ``docs/loads.md``: one row for every fault test, as its last run observed it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "loads.md"
FOLDER = ROOT / "tests" / "integration" / "faults"
_BEGIN, _END = "<!-- faults: written by the tests -->\n", "<!-- end of faults -->\n"
_HEAD = "| fault | the load | readers see afterwards | the next load |\n| --- | --- | --- | --- |\n"


class FaultRow(msgspec.Struct):
    """What came of a fault: what the load said, what readers saw after it, and what the next load did."""

    fault: str
    load: str = ""
    readers: str = ""
    again: str = ""

    @property
    def complete(self) -> bool:
        return all(msgspec.structs.astuple(self))


def fault_names() -> list[str]:
    """The faults that there are tests of, in their order."""
    return [name for path in sorted(FOLDER.glob("test_*.py")) for name in re.findall(r'mark\.fault\(\s*"([^"]+)"', path.read_text("utf-8"))]


def read_rows() -> list[FaultRow]:
    """The rows as the documentation has them."""
    table = DOCS.read_text("utf-8").partition(_BEGIN)[2].partition(_END)[0].removeprefix(_HEAD)
    return [FaultRow(*line.strip("|").replace(" | ", "|").strip().split("|")) for line in table.splitlines()]


def update_rows(observed: Iterable[FaultRow]) -> None:
    """Write what was observed into the documentation; rows of faults that there is no test of any more are left out."""
    rows = {row.fault: row for row in (*read_rows(), *observed)}
    lines = [f"| {' | '.join(msgspec.structs.astuple(rows[name]))} |\n" for name in fault_names() if name in rows]
    before, _, rest = DOCS.read_text("utf-8").partition(_BEGIN)
    DOCS.write_text(before + _BEGIN + _HEAD + "".join(lines) + _END + rest.partition(_END)[2], "utf-8")
