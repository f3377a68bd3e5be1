"""The analysts' index on a real node: whatever writes customers, it holds the live ones without their personal data, and nobody else's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import elasticsearch
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.contract import RunReport
from crmsearch.errors import ConfigError, CountMismatchError, CrmSearchError
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.logins import ROLES, Logins
from crmsearch.indexing.names import analytics_alias, analytics_index
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import make_vault, privacy_key
from crmsearch.loading import IngestOptions, Runner, load_changes, load_customers, rebuild_customers
from crmsearch.privacy.analytics import customer_ref
from crmsearch.resolution.rows import group_rows
from crmsearch.rights import Rights
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import Secret, Settings
from tests.documents import BEGAN_AT, check_in_step, documents_in, own_prefix, put_documents, runs_of

HEADER = "Customer ID,Name,Email,Phone,City,Birth Date,Address,Notes,Company\n"
ADA = "K-10001,Ada Byron,ada@example.org,+447911123456,London,1990-12-10,12 St James Square,likes engines,Analytical\n"
BOB = "K-20001,Bob Hale,bob@example.org,,London,1980-01-01,,,\n"
CARA = "K-20002,Cara Ives,cara@example.org,,Rome,1970-02-02,,,\n"
PLANTED = ("Ada", "Byron", "ada@example.org", "7911123456", "1990-12-10", "James Square", "likes engines", "K-10001")
NOW = "2026-11-01T00:00:00Z"


class Installation(msgspec.Struct, frozen=True):
    """One of its own, with a folder for what it loads."""

    settings: Settings
    lifecycle: Lifecycle
    folder: Path

    def load(self, runner: Runner, rows: str, *, changes: bool = False) -> RunReport:
        path = self.folder / "customers.csv"
        path.write_text(HEADER + rows, encoding="utf-8")
        carry_out = load_changes if changes else load_customers
        return carry_out(self.settings, self.lifecycle, runs_of(self.lifecycle), IngestOptions(paths=(str(path),)), runner=runner)

    def write(self, documents: dict[str, dict[str, Any]]) -> None:
        async def written() -> None:
            client = make_async_client(self.settings.elasticsearch)
            try:
                suppressions = SuppressionReader(client, self.settings.elasticsearch, privacy_key(self.settings))
                store = WriteStore(client, self.settings.elasticsearch, suppressions, make_vault(self.settings))
                await store.write(documents, refresh=True)
            finally:
                await client.close()

        _run(written())

    def erase(self, customer_id: str) -> dict[str, int]:
        erasure = Erasure(self.lifecycle._client, self.settings.elasticsearch, make_vault(self.settings))
        return Rights(self.settings, self.lifecycle, runs_of(self.lifecycle), erasure).erase(customer_id, "test").removed

    def seen(self) -> str:
        """All that analysts may read, as text."""
        hits = self.lifecycle._client.search(index=f"{self.lifecycle.alias}-analytics*", size=1_000)["hits"]["hits"]
        return json.dumps(list(hits), ensure_ascii=False)

    def indices(self) -> set[str]:
        return set(self.lifecycle._client.indices.get(index=f"{self.lifecycle.alias}*", allow_no_indices=True).body)


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@pytest.fixture
def own(node_settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    at_home = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=str(tmp_path / "state")))
    with own_prefix(at_home, "analytics") as (settings, lifecycle):
        yield Installation(settings, lifecycle, tmp_path)


def _without_analytics(own: Installation, documents: Sequence[dict[str, Any]]) -> str:
    """A live generation as an older crmsearch has made it."""
    index = put_documents(own.lifecycle, documents)
    own.lifecycle.analytics(index).delete()
    own.lifecycle.promote(index)
    own.lifecycle.records(index).create()
    return index


def test_every_writer_keeps_it_in_step(own: Installation, runner: Runner) -> None:
    own.load(runner, ADA + BOB)
    check_in_step(own.lifecycle)
    assert [mark for mark in PLANTED if mark in own.seen()] == []
    assert "Analytical" in own.seen()
    first = own.lifecycle.live()

    own.load(runner, ADA.replace("London", "Bath") + CARA, changes=True)
    check_in_step(own.lifecycle)
    assert {each.get("city") for each in documents_in(own.lifecycle, str(first)).values()} == {"Bath", "London", "Rome"}

    own.write({"K-20001": {"name": "Robert Hale", "tags": ["vip"]}, "K-30001": {"name": "New One"}})
    check_in_step(own.lifecycle)
    assert "vip" in own.seen()

    own.load(runner, ADA + BOB + CARA)
    check_in_step(own.lifecycle)
    assert own.lifecycle.rollback()[1] == first
    check_in_step(own.lifecycle)

    removed = own.erase("K-10001")
    check_in_step(own.lifecycle)
    prefix = own.settings.elasticsearch.index_prefix
    assert [removed[analytics_index(prefix, each.index)] for each in own.lifecycle.generations()] == [1, 1]

    rebuild_customers(own.lifecycle, runs_of(own.lifecycle), None)
    check_in_step(own.lifecycle)
    assert [mark for mark in (*PLANTED, "Robert", "New One") if mark in own.seen()] == []

    own.lifecycle.prune(0)
    live = str(own.lifecycle.live())
    assert own.indices() == {live, analytics_index(prefix, live)}


@pytest.mark.parametrize("outcome", ["fails", "writes nothing for analysts"])
def test_a_load_that_does_not_go_live_leaves_neither(own: Installation, outcome: str) -> None:
    own.lifecycle.promote(put_documents(own.lifecycle, [{"customer_id": "A", "city": "London"}]))
    before = own.indices()
    report = msgspec.convert({"run_id": "r", "crmsearch_version": "0", "began_at": NOW, "index": None, "inputs": [], "rows_read": 1,
                              "indexed": 1, "merged": 0, "quarantined": 0, "quarantined_by_reason": {}, "issues": {}, "seconds": {}},
                             RunReport)  # fmt: skip

    def job(_: Settings, arguments: Sequence[str], __: object) -> RunReport:
        index = arguments[list(arguments).index("--index") + 1]
        assert {index, analytics_index(own.settings.elasticsearch.index_prefix, index)} <= own.indices()
        if outcome == "fails":
            raise KeyboardInterrupt
        own.lifecycle._client.index(index=index, id="A", document={"customer_id": "A", "id_forms": "a"})
        return report

    with pytest.raises(KeyboardInterrupt if outcome == "fails" else CountMismatchError):
        own.load(job, ADA)
    assert own.indices() == before
    check_in_step(own.lifecycle)


def test_a_load_that_was_killed_leaves_neither_to_the_next(own: Installation) -> None:
    own.lifecycle.create(BEGAN_AT, loading=True)
    assert len(own.indices()) == 2
    own.lifecycle.discard_abandoned()
    assert own.indices() == set()


def test_a_job_that_has_written_other_copies_is_not_promoted(own: Installation) -> None:
    index = own.lifecycle.create(BEGAN_AT)
    client, mirror = own.lifecycle._client, own.lifecycle.analytics(index)
    client.index(index=index, id="A", document={"customer_id": "A", "id_forms": "a"})
    client.index(index=mirror.index, id="another", document={"customer_ref": "another"})
    with pytest.raises(CrmSearchError, match="CRMSEARCH_PRIVACY_KEY"):
        own.lifecycle.finish(index, 1)


def test_a_generation_of_an_older_crmsearch_goes_on_without_until_it_is_rebuilt(own: Installation) -> None:
    lifecycle, alias = own.lifecycle, analytics_alias(own.settings.elasticsearch.index_prefix)
    newer = put_documents(lifecycle, [{"customer_id": "A", "name": "Ada Byron"}])
    lifecycle.promote(newer)
    old = _without_analytics(own, [{"customer_id": "A", "name": "Ada Byron", "source_records": ["A"]}])
    assert not lifecycle._client.indices.exists_alias(name=alias), "rather than show other customers than the live ones"
    assert {each.index: each.analytics for each in lifecycle.generations()} == {newer: True, old: False}

    own.write({"B": {"name": "Bob Hale"}})
    told = {"source": "a.csv", "source_key": "C", "name": "Cara Ives", "emails": ["cara@example.org"], "fingerprint": "x"}
    lifecycle.apply(old, group_rows([told], NOW), "run", NOW)
    assert documents_in(lifecycle, old).keys() == {"A", "B", "C"}
    assert own.erase("A")[old] == 1

    rebuild_customers(lifecycle, runs_of(lifecycle), None)
    check_in_step(lifecycle)
    assert documents_in(lifecycle, lifecycle.alias).keys() == {"B", "C"}


def test_who_has_another_key_writes_nothing(own: Installation) -> None:
    index = put_documents(own.lifecycle, [{"customer_id": "A", "city": "London"}])
    own.lifecycle.promote(index)
    other = msgspec.structs.replace(own.settings, privacy=msgspec.structs.replace(own.settings.privacy, key=Secret("another key of tests")))
    stranger = Installation(other, Lifecycle(own.lifecycle._client, other.elasticsearch, make_vault(other)), own.folder)
    told = {"source": "a.csv", "source_key": "C", "name": "Cara Ives", "fingerprint": "x"}
    for attempt in (
        lambda: stranger.write({"A": {"name": "Ada Byron"}}),
        lambda: stranger.lifecycle.apply(index, group_rows([told], NOW), "run", NOW),
        lambda: stranger.erase("A"),
    ):
        with pytest.raises(ConfigError, match="CRMSEARCH_PRIVACY_KEY"):
            attempt()
    stranger.lifecycle.check_live()  # reading needs no key
    check_in_step(own.lifecycle)
    assert documents_in(own.lifecycle, index) == {"A": {"customer_id": "A", "city": "London"}}


def test_an_analyst_reads_this_and_nothing_of_persons(own: Installation) -> None:
    settings, lifecycle = own.settings.elasticsearch, own.lifecycle
    index = put_documents(lifecycle, [{"customer_id": "A", "name": "Ada Byron", "city": "London", "age": 40}])
    lifecycle.promote(index)
    lifecycle.records(index).create()
    logins = Logins(lifecycle._client, settings.index_prefix)
    key = logins.make(ROLES["analyst"], BEGAN_AT)
    as_analyst = msgspec.structs.replace(settings, username="", password=Secret(), api_key=key.encoded)
    try:
        with make_client(as_analyst) as client:
            ages = client.search(index=analytics_alias(settings.index_prefix), size=0, aggs={"age": {"avg": {"field": "age"}}})
            assert ages["aggregations"]["age"]["value"] == 40
            assert "city" in client.field_caps(index=analytics_alias(settings.index_prefix), fields="*")["fields"]
            for forbidden in (lifecycle.alias, index, lifecycle.records(index).index, f"{settings.index_prefix}-writes"):
                with pytest.raises(elasticsearch.AuthorizationException):
                    client.search(index=forbidden)
            with pytest.raises(elasticsearch.AuthorizationException):
                client.index(index=analytics_alias(settings.index_prefix), document={"city": "Rome"})
            assert client.search(index=f"{settings.index_prefix}-*", size=10)["hits"]["total"]["value"] == 1, "a star finds no more"
    finally:
        logins.revoke([key])


def test_an_agent_is_led_from_a_reference_to_the_customer(own: Installation) -> None:
    own.lifecycle.promote(put_documents(own.lifecycle, [{"customer_id": "A", "name": "Ada Byron"}, {"customer_id": "B"}]))
    ref = customer_ref("A", make_vault(own.settings).reference_key)
    client = make_async_client(own.settings.elasticsearch)
    app: Litestar = create_app(ElasticsearchBackend(client, own.settings.elasticsearch.index_prefix, 30.0, make_vault(own.settings)))
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1") as api:
        answer = api.post("/v1/customers/lookup", json={"refs": [ref, "a" * 32]}).raise_for_status().json()
        assert answer["customers"] == [{"customer_id": "A", "name": "Ada Byron"}], "which does not show the reference"
        assert answer["not_found"]["refs"] == ["a" * 32]
