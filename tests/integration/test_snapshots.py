"""Backups on a real node: made, listed, and restored document by document, without replacing anything that is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from crmsearch import node
from crmsearch.errors import ConfigError, ContractMismatchError, NotFoundError
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.snapshots import Snapshots, build_repository
from crmsearch.keyfile import make_vault
from crmsearch.loading import rebuild_customers, restore_customers
from crmsearch.rights import Rights
from crmsearch.settings import Secret, Settings
from tests.documents import check_in_step, documents_in, own_prefix, put_documents, runs_of
from tests.node_fixture import local_settings
from tests.reports import REPORT

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
CUSTOMERS: list[dict[str, Any]] = [
    {"customer_id": f"S{number}", "name": f"王小明 {number}", "tags": ["a", "b"], "location": {"lat": 1.5, "lon": number / 10}}
    for number in range(500)
]


@pytest.fixture(scope="module")
def local() -> Iterator[Settings]:
    """A local node, whose own folder for snapshots is known; one that was set from outside may have none."""
    with local_settings(heap="512m") as settings:
        yield node.ensure(settings)


@pytest.fixture
def own(local: Settings, request: pytest.FixtureRequest) -> Iterator[tuple[Settings, Lifecycle, Snapshots]]:
    with own_prefix(local, request.node.name.partition("[")[0][-20:]) as (settings, lifecycle):
        yield settings, lifecycle, Snapshots(lifecycle._client, settings.elasticsearch, make_vault(settings))


def test_a_base_that_was_lost_comes_back_document_by_document(own: tuple[Settings, Lifecycle, Snapshots]) -> None:
    settings, lifecycle, snapshots = own
    index = put_documents(lifecycle, CUSTOMERS)
    lifecycle.promote(index)
    runs_of(lifecycle).save(REPORT, "promoted")
    made = snapshots.create(index, NOW)
    assert (made.state, made.index, made.documents) == ("SUCCESS", index, len(CUSTOMERS))
    before = documents_in(lifecycle, lifecycle.alias)
    lifecycle._client.indices.delete(index=[index, f"{lifecycle.alias.removesuffix('customers')}runs"])
    assert lifecycle.live() is None
    restored = restore_customers(settings, lifecycle, runs_of(lifecycle), snapshots, None)
    assert lifecycle.live() == restored
    assert documents_in(lifecycle, lifecycle.alias) == before == {each["customer_id"]: each for each in CUSTOMERS}
    assert lifecycle._client.count(index=restored, query={"term": {"name_words": "王小明"}})["count"] == len(CUSTOMERS), "searchable too"
    check_in_step(lifecycle)
    runs = runs_of(lifecycle)
    assert runs.get(REPORT.run_id) == REPORT
    assert [run.state for run in runs.page().runs if run.index == restored] == ["promoted"]
    assert not any(each.loading for each in lifecycle.generations())


def test_what_analysts_saw_under_another_key_stays_away(own: tuple[Settings, Lifecycle, Snapshots]) -> None:
    settings, lifecycle, snapshots = own
    index = put_documents(lifecycle, CUSTOMERS[:2])
    lifecycle.promote(index)
    snapshots.create(index, NOW)
    other = msgspec.structs.replace(settings, privacy=msgspec.structs.replace(settings.privacy, key=Secret("another key of tests")))
    key = make_vault(other)
    stranger = Lifecycle(lifecycle._client, other.elasticsearch, key)
    restored = restore_customers(other, stranger, runs_of(stranger), Snapshots(lifecycle._client, other.elasticsearch, key), None)
    assert documents_in(stranger, stranger.alias) == documents_in(lifecycle, index)
    assert {each.index: each.analytics for each in stranger.generations()} == {restored: False, index: True}
    rebuild_customers(stranger, runs_of(stranger), None)
    check_in_step(stranger)


def test_the_records_of_the_customers_come_back_with_them(own: tuple[Settings, Lifecycle, Snapshots]) -> None:
    settings, lifecycle, snapshots = own
    index = put_documents(lifecycle, CUSTOMERS[:2])
    lifecycle.records(index).create()
    lifecycle._client.index(index=lifecycle.records(index).index, id="S0", document={"written_at": 1, "removed": False})
    lifecycle.promote(index)
    snapshots.create(index, NOW)
    restored = restore_customers(settings, lifecycle, runs_of(lifecycle), snapshots, None)
    assert restored != index
    assert lifecycle._client.exists(index=lifecycle.records(restored).index, id="S0")


def test_who_was_erased_since_does_not_come_back(own: tuple[Settings, Lifecycle, Snapshots]) -> None:
    settings, lifecycle, snapshots = own
    index = put_documents(lifecycle, CUSTOMERS[:3])
    lifecycle.records(index).create()
    gone, *left = (each["customer_id"] for each in CUSTOMERS[:3])
    lifecycle.records(index).write(1, [(gone, {"written_at": 1, "removed": False, "record": {"customer_id": gone}})])
    lifecycle.promote(index)
    snapshots.create(index, NOW)
    Rights(settings, lifecycle, runs_of(lifecycle), Erasure(lifecycle._client, settings.elasticsearch, make_vault(settings))).erase(
        gone, "test"
    )
    restored = restore_customers(settings, lifecycle, runs_of(lifecycle), snapshots, None)
    assert documents_in(lifecycle, restored).keys() == set(left)
    check_in_step(lifecycle)
    assert not lifecycle._client.exists(index=lifecycle.records(restored).index, id=gone)


def test_what_is_there_stays(own: tuple[Settings, Lifecycle, Snapshots]) -> None:
    settings, lifecycle, snapshots = own
    first = put_documents(lifecycle, CUSTOMERS[:5])
    lifecycle.promote(first)
    runs_of(lifecycle).save(REPORT, "promoted")
    first_made = snapshots.create(first, NOW)
    second = put_documents(lifecycle, CUSTOMERS[5:9])
    lifecycle.promote(second)
    runs_of(lifecycle).save(msgspec.structs.replace(REPORT, merged=999), "promoted")
    second_made = snapshots.create(second, NOW + timedelta(minutes=1))
    assert snapshots.all() == [second_made, first_made]
    restored = restore_customers(settings, lifecycle, runs_of(lifecycle), snapshots, first_made.name)
    assert documents_in(lifecycle, lifecycle.alias).keys() == {each["customer_id"] for each in CUSTOMERS[:5]}
    assert [each.index for each in lifecycle.generations()] == [restored, second, first]
    assert runs_of(lifecycle).get(REPORT.run_id).merged == 999
    assert lifecycle.rollback() == (restored, second)


def test_there_may_be_none(own: tuple[Settings, Lifecycle, Snapshots]) -> None:
    settings, lifecycle, snapshots = own
    assert snapshots.all() == []
    with pytest.raises(NotFoundError, match="snapshot list"):
        restore_customers(settings, lifecycle, runs_of(lifecycle), snapshots, "20200101t000000z")
    assert lifecycle.lock.holder() is None


def test_another_contract_is_not_restored(own: tuple[Settings, Lifecycle, Snapshots], monkeypatch: pytest.MonkeyPatch) -> None:
    settings, lifecycle, snapshots = own
    live = put_documents(lifecycle, CUSTOMERS[:3])
    lifecycle.promote(live)
    snapshots.create(live, NOW)
    get = snapshots.get
    monkeypatch.setattr(snapshots, "get", lambda name: msgspec.structs.replace(get(name), versions={"contract_version": 0}))
    with pytest.raises(ContractMismatchError, match="of another contract"):
        restore_customers(settings, lifecycle, runs_of(lifecycle), snapshots, None)
    assert [each.index for each in lifecycle.generations()] == [live]
    assert [run.state for run in runs_of(lifecycle).page().runs] == ["failed"]


@pytest.mark.parametrize(
    ("location", "words"),
    [("", "SNAPSHOTS is not set"), ("/nowhere/else", "path.repo"), ("s3://bucket/crm", "repository-s3, which the local node lacks")],
)
def test_places_that_cannot_be_used_are_named(own: tuple[Settings, Lifecycle, Snapshots], location: str, words: str) -> None:
    settings, lifecycle, _ = own
    snapshots = Snapshots(lifecycle._client, msgspec.structs.replace(settings.elasticsearch, snapshots=location), make_vault(settings))
    with pytest.raises(ConfigError, match=words):
        snapshots.all()


def test_repositories_are_folders_or_buckets() -> None:
    assert build_repository("/backup/", "crm") == {"type": "fs", "settings": {"location": "/backup/crm", "compress": True}}
    assert build_repository("s3://data/a/b/", "crm") == {"type": "s3", "settings": {"bucket": "data", "base_path": "a/b/crm"}}
    assert build_repository("s3://data", "crm") == {"type": "s3", "settings": {"bucket": "data", "base_path": "crm"}}
