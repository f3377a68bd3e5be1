"""Incremental loads on a real node: the customers are those that a full load of everything would give."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crmsearch.contract import InputReport, RunReport
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.loading import IngestOptions, Runner, load_changes, load_customers
from crmsearch.sample import make_sample
from crmsearch.settings import Settings
from tests.documents import documents_in, own_prefix, runs_of

ROWS, CHANGED = 2000, 120
Base = tuple[Settings, Lifecycle]


@pytest.fixture
def base(node_settings: Settings) -> Iterator[Base]:
    with own_prefix(node_settings, "increments") as (settings, lifecycle):
        yield settings, lifecycle


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _full(base: Base, runner: Runner, *paths: Path) -> RunReport:
    return load_customers(*base, runs_of(base[1]), IngestOptions(paths=tuple(map(str, paths)), region="CN"), runner=runner)


def _change(base: Base, runner: Runner, *paths: Path, removed: Sequence[Path] = ()) -> RunReport:
    options = IngestOptions(paths=tuple(map(str, paths)), removed=tuple(map(str, removed)), region="CN")
    report = load_changes(*base, runs_of(base[1]), options, runner=runner)
    counted: list[RunReport | InputReport] = [report, *report.inputs]
    for each in counted:
        assert each.rows_read == each.indexed + each.merged + each.quarantined + each.removed + each.unchanged
    return report


def _documents(base: Base) -> dict[str, dict[str, Any]]:
    """All customers, as readers find them right after a run."""
    found = documents_in(base[1], base[1].alias)
    return {name: {key: value for key, value in each.items() if key not in {"run_id", "indexed_at"}} for name, each in found.items()}


def _ids(base: Base, run_id: str) -> set[str]:
    """The customers that a run has written."""
    answer = base[1]._client.search(index=base[1].alias, size=10_000, query={"term": {"run_id": run_id}}, source=False)
    return {hit["_id"] for hit in answer["hits"]["hits"]}


def _without(document: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _sample(folder: Path) -> tuple[list[str], list[list[str]]]:
    make_sample(folder, ROWS, 11)
    with (folder / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    seen: dict[str, list[str]] = {}
    for row in rows:
        # What a file says twice of one key is for full loads to sort out.
        if row and len(row) == len(header) and row[0]:
            seen.setdefault(row[0], row)
    return header, list(seen.values())


def test_new_changed_and_removed_rows_give_what_a_full_load_of_all_gives(base: Base, runner: Runner, tmp_path: Path) -> None:
    header, rows = _sample(tmp_path / "sample")
    phone, mail, name, updated = (header.index(each) for each in ("Phone", "Email", "Full Name", "Last Modified"))
    old, new = rows[:-CHANGED], rows[-CHANGED:]
    changed = []
    for place, row in enumerate(old[:CHANGED]):
        # Some take over what tells another customer, some lose what linked them, some only move.
        other = old[-1 - place]
        row = [*row]
        row[updated] = "2026-10-30"
        if place % 3 == 0:
            row[phone], row[mail], row[name] = other[phone], other[mail], other[name]
        elif place % 3 == 1:
            row[phone], row[mail] = "", f"somebody.else{place}@example.org"
        else:
            row[header.index("City")] = "Shanghai"
        changed.append(row)
    gone = [row[0] for row in old[CHANGED : CHANGED + 50]]
    first = _write(tmp_path / "first.csv", header, old)
    then = _write(tmp_path / "then.csv", header, [*changed, *new])
    removed = _write(tmp_path / "removed.csv", ["Customer ID"], [[key] for key in gone])
    names = {row[0] for row in changed} | {*gone}
    everything = _write(tmp_path / "all.csv", header, [*(row for row in old if row[0] not in names), *changed, *new])

    _full(base, runner, everything)
    wanted = _documents(base)
    _full(base, runner, first)
    report = _change(base, runner, then, removed=[removed])
    found = _documents(base)

    assert {key: each["source_records"] for key, each in found.items()} == {key: each["source_records"] for key, each in wanted.items()}
    # The more records there are, the less a common value says; customers that the run did not touch stand by what it said before.
    sure = {"match_confidence", "merge_reasons"}
    touched = _ids(base, report.run_id)
    different = {
        key
        for key in found
        if _without(found[key], set() if key in touched else sure) != _without(wanted[key], set() if key in touched else sure)
    }
    assert all(abs(found[key]["match_confidence"] - wanted[key]["match_confidence"]) < 0.01 for key in found)
    assert len(touched) > CHANGED
    assert {key: (wanted[key], found[key]) for key in different} == {}
    assert report.removed == len(gone)
    assert report.changes is not None
    assert report.changes.customers == len(found)
    assert report.merged > 0

    again = _change(base, runner, then, removed=[removed])
    assert again.unchanged == again.rows_read - again.quarantined
    assert again.changes is not None
    assert (again.changes.customers_written, again.changes.customers_deleted) == (0, 0)
    quiet_night = _change(base, runner, _write(tmp_path / "nothing.csv", header, []))
    assert quiet_night.changes is not None
    assert (quiet_night.rows_read, quiet_night.changes.customers_written, quiet_night.changes.customers) == (0, 0, len(found))
    assert _documents(base) == found
