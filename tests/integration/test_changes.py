"""Changes of the live customers on a real node, without the job that cleans their rows."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crmsearch.cleaning.headers import map_headers
from crmsearch.cleaning.record import RecordContext, clean_record
from crmsearch.errors import ConflictError, CountMismatchError, IndexNotReadyError, InvalidRequestError
from crmsearch.indexing import analytics, changes, records
from crmsearch.indexing.changes import Applied
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.resolution.keys import MAX_NAMESAKES
from crmsearch.resolution.rows import group_rows
from crmsearch.sample import AS_OF, make_sample
from crmsearch.settings import Settings
from tests.documents import BEGAN_AT, documents_in, own_prefix

NOW = "2026-11-01T00:00:00Z"
Row = dict[str, Any]

ADA: Row = {
    "source_key": "A1", "name": "Ada Byron", "given_name": "Ada", "family_name": "Byron", "kind": "person", "birth_date": "1980-12-10",
    "emails": ["ada.byron80@example.org"], "phones": ["+447911123456"], "updated_at": "2026-01-10T00:00:00Z",
}  # fmt: skip
SAME_ADA: Row = ADA | {"source_key": "A2", "phones": ["+447911123457"], "updated_at": "2026-02-01T00:00:00Z"}
BOB: Row = {"source_key": "B1", "name": "Bob Hale", "kind": "person", "emails": ["bob.hale@example.org"]}


class Base:
    """A customer base that changes are applied to."""

    def __init__(self, lifecycle: Lifecycle, index: str) -> None:
        self.lifecycle = lifecycle
        self.index = index

    def apply(self, *rows: Row, run_id: str = "run") -> Applied:
        told = [{"source": "a.csv", "fingerprint": repr(sorted(row.items())), **row} for row in rows]
        return self.lifecycle.apply(self.index, group_rows(told, NOW), run_id, NOW)

    def found(self) -> dict[str, Row]:
        found = documents_in(self.lifecycle, self.index)
        return {key: {name: value for name, value in each.items() if name not in {"run_id", "indexed_at"}} for key, each in found.items()}

    def kept(self) -> dict[str, Row]:
        """What is kept of every record, but for when it was written."""
        hits = self.lifecycle._client.search(index=self.lifecycle.records(self.index).index, size=10_000)["hits"]["hits"]
        records = {hit["_id"]: self.lifecycle.vault.open_record(hit["_source"]) for hit in hits}
        return {key: {name: value for name, value in each.items() if name != "written_at"} for key, each in records.items()}

    def put(self, customer_id: str, **figures: Any) -> None:
        self.lifecycle._client.update(index=self.index, id=customer_id, doc=figures, refresh=True)


@pytest.fixture
def lifecycle(node_settings: Settings) -> Iterator[Lifecycle]:
    with own_prefix(node_settings, "changes") as (_, lifecycle):
        yield lifecycle


@pytest.fixture
def base(lifecycle: Lifecycle) -> Base:
    return Base(lifecycle, lifecycle.create(BEGAN_AT))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Rows of a sample as the job hands them over."""
    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder, 700, 5)
    return list(_cleaned(folder / "customers.csv"))


def _cleaned(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    columns, context = map_headers(header).columns, RecordContext(as_of=AS_OF.isoformat(), default_region="CN")
    for row in rows:
        record = clean_record(row, columns, context)
        if not record.rejections and len(row) == len(header):
            known = {field: value for field, value in record.document.items() if value not in (None, [])}
            yield known | {"source_key": record.source_key, "withdrawn": list(record.withdrawn)}


def _by_key(rows: Iterable[Row]) -> list[Row]:
    return list({row["source_key"]: row for row in rows}.values())


def test_records_join_and_leave_customers(base: Base) -> None:
    base.apply(ADA, BOB)
    assert base.found().keys() == {"A1", "B1"}
    applied = base.apply(SAME_ADA)
    assert (applied.homes, applied.told) == ({"A1": "A1", "A2": "A1"}, {"A2"})
    assert (applied.written, applied.deleted, applied.customers) == ({"A1"}, set(), 2)
    ada = base.found()["A1"]
    assert (ada["source_records"], ada["phones"]) == (["A1", "A2"], ["+447911123457", "+447911123456"])
    moved = base.apply(
        ADA | {"name": "Mary Shelley", "given_name": "Mary", "family_name": "Shelley", "emails": [], "birth_date": "1997-08-30"}
    )
    assert moved.homes == {"A1": "A1", "A2": "A2"}
    assert {key: each["source_records"] for key, each in base.found().items()} == {"A1": ["A1"], "A2": ["A2"], "B1": ["B1"]}
    removed = base.apply({"source_key": "A2", "removed": True})
    assert (removed.removed, removed.deleted, removed.customers) == ({"A2"}, {"A2"}, 2)


def test_a_customer_is_found_by_search_forms_as_soon_as_the_run_ends(base: Base) -> None:
    base.apply(ADA)
    answer = base.lifecycle._client.search(index=base.index, query={"match": {"name_words": "byron"}})
    assert [hit["_id"] for hit in answer["hits"]["hits"]] == ["A1"]
    assert answer["hits"]["hits"][0]["_source"]["run_id"] == "run"


def test_a_name_that_was_frequent_finds_its_like_when_it_is_so_no_more(base: Base) -> None:
    def namesake(key: str, year: int, **more: Any) -> Row:
        born = f"{year}-0{1 + year % 9}-11"
        return ADA | {"source_key": key, "birth_date": born, "emails": [f"box{year}{key.lower()}@example.org"], "phones": [], **more}

    crowd = [namesake(f"N{number}", 1950 + 3 * number) for number in range(MAX_NAMESAKES + 1)]
    base.apply(*crowd)
    assert len(base.found()) == len(crowd)
    base.apply(*({"source_key": each["source_key"], "removed": True} for each in crowd[:4]))
    known = crowd[-1]
    # A slip in the address and one in the day: nothing but the name and the year leads from one to the other.
    like = known | {"source_key": "Z", "emails": [f"x{known['emails'][0]}"], "birth_date": known["birth_date"][:-1] + "2"}
    home = base.apply(like).homes["Z"]
    whole = Base(base.lifecycle, base.lifecycle.create(BEGAN_AT.replace(year=2025)))
    whole.apply(*crowd[4:], like)
    assert base.found().keys() == whole.found().keys()
    assert home == known["source_key"]


def test_an_older_row_never_overwrites_a_newer_one(base: Base) -> None:
    base.apply(ADA)
    older = base.apply(ADA | {"name": "Ada King", "updated_at": "2026-01-09"})
    assert (older.told, older.written) == (set(), set())
    assert base.found()["A1"]["name"] == "Ada Byron"
    # A day alone may be the later hour of that day, and a row without a date is as new as its run.
    for day, name in (("2026-01-10", "Ada Gordon"), (None, "Ada Milbanke")):
        assert base.apply(ADA | {"name": name, "updated_at": day}).written == {"A1"}
        assert base.found()["A1"]["name"] == name


def test_an_older_row_does_not_bring_a_removed_record_back(base: Base) -> None:
    base.apply(ADA)
    assert base.apply({"source_key": "A1", "removed": True, "updated_at": "2026-03-01"}, ADA).removed == {"A1"}
    assert base.apply(ADA).told == set()
    assert base.apply({"source_key": "A1", "removed": True}, {"source_key": "never seen", "removed": True}).removed == set()
    assert (base.found(), [each["removed"] for each in base.kept().values()]) == ({}, [True])
    assert "Byron" not in repr(base.kept())
    assert base.apply(ADA | {"updated_at": "2026-03-02"}).homes == {"A1": "A1"}
    assert base.found().keys() == {"A1"}


def test_changes_in_any_order_and_portions_give_what_all_at_once_gives(
    lifecycle: Lifecycle, sample: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, chance = _by_key(sample), random.Random(3)
    at_once = Base(lifecycle, lifecycle.create(BEGAN_AT))
    at_once.apply(*rows)
    by_and_by = Base(lifecycle, lifecycle.create(BEGAN_AT.replace(year=2025)))
    chance.shuffle(rows)
    monkeypatch.setattr(changes, "PORTION", 100)
    for row in chance.sample(rows, 60):
        # What is told of a record at first is not what is told in the end.
        by_and_by.apply({**rows[0], **{name: row.get(name) for name in ("source_key", "name")}, "updated_at": None})
    for start in range(0, len(rows), 170):
        by_and_by.apply(*rows[start : start + 170])
    assert by_and_by.found() == at_once.found()
    before = by_and_by.kept()
    again = by_and_by.apply(*rows)
    assert (again.told, again.written, again.deleted) == (set(), set(), set())
    assert by_and_by.kept() == before
    assert any(len(each["source_records"]) > 2 for each in at_once.found().values())


@pytest.mark.parametrize("writes", range(4))
def test_a_run_that_dies_between_writes_is_made_whole_by_the_same_input(
    base: Base, sample: list[Row], writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _by_key(sample)[:300]
    old, new = rows[:200], [*rows[150:], *({"source_key": row["source_key"], "removed": True} for row in rows[:20])]
    whole = Base(base.lifecycle, base.lifecycle.create(BEGAN_AT.replace(year=2025)))
    for each in (base, whole):
        each.apply(*old)
        # Figures that are counted twice would tell of a customer that was taken over twice.
        for customer_id in each.found():
            each.put(customer_id, order_count=1, revenue=10.0)
    changed = [
        {**row, "emails": rows[0].get("emails"), "phones": rows[1].get("phones")} if place < 9 else row for place, row in enumerate(new)
    ]
    whole.apply(*changed)
    done = 0

    def dying(real: Callable[..., None], where: int) -> Callable[..., None]:
        """The same, of which the documents are the argument of that number, but for what is to be cut short."""

        def write(*given: Any) -> None:
            nonlocal done
            documents = list(given[where])
            done += 1
            if done > writes:
                # Every second document of what is being written, and no deletion.
                real(*given[:where], documents[::2])
                raise KeyboardInterrupt
            real(*given[:where], documents, *given[where + 1 :])

        return write

    with monkeypatch.context() as patch:
        patch.setattr(changes, "write_customers", dying(analytics.write_customers, 5))
        patch.setattr(records.RecordStore, "write", dying(records.RecordStore.write, 2))
        if writes < 3:
            with pytest.raises(KeyboardInterrupt):
                base.apply(*changed)
        else:
            base.apply(*changed)
    assert done == min(writes + 1, 3)
    base.apply(*changed)
    assert base.found() == whole.found()
    assert base.kept() == whole.kept()
    mirror = base.lifecycle.analytics(base.index).mirror()
    assert mirror is not None
    copies = base.lifecycle._client.search(index=mirror.index, size=10_000, source=False)["hits"]["hits"]
    assert {hit["_id"] for hit in copies} == {mirror.ref(name) for name in base.found()}


def test_figures_follow_the_customers(base: Base) -> None:
    base.apply(ADA, BOB)
    base.put("A1", order_count=2, revenue=30.5, average_order_value=15.25, last_order_at="2026-05-01", rfm_segment="loyal")
    base.put("B1", order_count=1, revenue=10.0, average_order_value=10.0, last_order_at="2026-04-01", top_category="Books")
    base.apply(SAME_ADA)
    ada = base.found()["A1"]
    assert (ada["order_count"], ada["revenue"], ada["rfm_segment"], ada["last_activity_at"]) == (2, 30.5, "loyal", "2026-05-01")
    base.apply(ADA | {"source_key": "B1", "updated_at": "2026-02-02"})
    (ada,) = base.found().values()
    assert (ada["order_count"], ada["revenue"], ada["average_order_value"], ada["last_order_at"]) == (3, 40.5, 13.5, "2026-05-01")
    assert "top_category" not in ada, "that of the busiest, who has none"


def test_what_somebody_else_writes_in_between_is_resolved_anew(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    base.apply(ADA)
    real, days = changes._Changes._resolve, ["2026-06-01"]
    is_other = False

    def resolve(self: Any, *given: Any) -> Any:
        nonlocal is_other
        plan = real(self, *given)
        if days and not is_other:
            is_other = True
            base.apply(ADA | {"phones": ["+447911123459"], "updated_at": days.pop()})
            is_other = False
        return plan

    monkeypatch.setattr(changes._Changes, "_resolve", resolve)
    base.apply(SAME_ADA)
    assert base.found()["A1"]["phones"] == ["+447911123459", "+447911123457"]
    days += ["2026-06-04", "2026-06-03", "2026-06-02"]
    with pytest.raises(ConflictError):
        base.apply(SAME_ADA | {"phones": ["+447911123458"]})


def test_records_go_with_their_generation(lifecycle: Lifecycle) -> None:
    base = Base(lifecycle, lifecycle.create(BEGAN_AT))
    base.apply(ADA, SAME_ADA)
    with pytest.raises(CountMismatchError, match="holds 2 records, the job wrote 3"):
        lifecycle.finish(base.index, 1, expected_records=3)
    lifecycle.finish(base.index, 1, expected_records=2)
    store = lifecycle.records(base.index)
    assert store.index == base.index.replace("customers", "records")
    lifecycle.delete(base.index)
    assert not lifecycle._client.indices.exists(index=store.index)


def test_a_generation_without_records_takes_no_changes(lifecycle: Lifecycle) -> None:
    with pytest.raises(IndexNotReadyError, match="no customers yet"):
        lifecycle.changeable()
    index = lifecycle.create(BEGAN_AT)
    lifecycle.finish(index, 0)
    lifecycle.promote(index)
    assert lifecycle.changeable() == index
    with pytest.raises(InvalidRequestError, match="load all sources once in full"):
        lifecycle.apply(index, group_rows([], NOW), "run", NOW)
