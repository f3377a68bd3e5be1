"""A person is told everything, is erased everywhere, and is brought back by nothing: real node, real Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.errors import ConfigError, NotFoundError
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import analytics_alias
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import make_vault, privacy_key
from crmsearch.loading import IngestOptions, Runner, load_changes, load_customers
from crmsearch.privacy.quarantine import open_row
from crmsearch.quarantine import quarantine_folder, tables
from crmsearch.rights import Rights
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import PrivacySettings, Secret, Settings
from tests.documents import check_in_step, documents_in, open_hit, own_prefix, put_documents, runs_of

Api = TestClient[Litestar]

HEADER = "Customer ID,Name,Email,Phone,City,Birth Date\n"
ADA = "K-10001,Ada Byron,ada@example.org,+447911123456,London,1990-12-10\n"
ADA_TWICE = "K-10002,Ada Byron,ada@example.org,+447911123456,Bath,1990-12-10\n"
OTHERS = "K-20001,Bob Hale,bob@example.org,,London,1980-01-01\nK-20002,Cara Ives,cara@example.org,,Rome,1970-02-02\n"
PLANTED = ("ada@example.org", "447911123456", "Ada Byron")


class Installation(msgspec.Struct, frozen=True):
    """One that has loaded Ada twice over, in two generations, and keeps rows of hers in quarantine."""

    settings: Settings
    lifecycle: Lifecycle
    rights: Rights
    folder: Path

    def load(self, runner: Runner, rows: str, *, changes: bool = False) -> Any:
        path = self.folder / "customers.csv"
        path.write_text(HEADER + rows, encoding="utf-8")
        carry_out = load_changes if changes else load_customers
        return carry_out(self.settings, self.lifecycle, runs_of(self.lifecycle), IngestOptions(paths=(str(path),)), runner=runner)

    def names(self, index: str | None = None) -> set[str]:
        hits = self.lifecycle._client.search(index=index or self.lifecycle.alias, size=100)["hits"]["hits"]
        return {hit["_source"]["name"] for hit in hits}

    def quarantined(self, run: str = "*") -> list[dict[str, Any]]:
        """The rows in quarantine as they were read, of one run or of all."""
        vault = make_vault(self.settings)
        return [open_row(row, vault) for _, table in tables(quarantine_folder(self.settings), run) for row in table.to_pylist()]

    def everything(self) -> str:
        """All that is in any index, as text."""
        client = self.lifecycle._client
        prefix = self.settings.elasticsearch.index_prefix
        client.indices.refresh(index=f"{prefix}-*")
        hits = client.search(index=f"{prefix}-*", size=1000)["hits"]["hits"]
        return json.dumps([open_hit(self.lifecycle.vault, hit) for hit in hits], ensure_ascii=False)


@pytest.fixture(scope="module")
def loaded(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory, runner: Runner) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("rights")
    at_home = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=str(folder / "state")))
    with own_prefix(at_home, "rights") as (settings, lifecycle):
        rights = Rights(settings, lifecycle, runs_of(lifecycle), Erasure(lifecycle._client, settings.elasticsearch, make_vault(settings)))
        installation = Installation(settings, lifecycle, rights, folder)
        installation.load(runner, ADA + OTHERS)
        # A row that is cut wrongly: nobody knows its columns, but it bears her address.
        installation.load(runner, ADA + ADA_TWICE + OTHERS + "K-30001,Ada Byron,ada@example.org,x\n")
        yield installation


@pytest.fixture(scope="module")
def api(loaded: Installation) -> Iterator[Api]:
    target = loaded.settings.elasticsearch
    client = make_async_client(target)
    writes = WriteStore(client, target, SuppressionReader(client, target, privacy_key(loaded.settings)), make_vault(loaded.settings))
    app = create_app(
        ElasticsearchBackend(client, target.index_prefix, 30.0, make_vault(loaded.settings)), writes=writes, rights=loaded.rights
    )
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
        yield api


def test_a_person_from_the_first_question_to_the_last_load(loaded: Installation, api: Api, runner: Runner) -> None:
    assert api.put("/v1/customers/K-10001", json={"name": "Ada Byron", "emails": ["ada@example.org"]}).status_code == 200
    told = api.post("/v1/customers/K-10001/export").raise_for_status().json()
    assert told["customer"]["name"] == "Ada Byron"
    assert len(told["earlier"]) == 1
    assert told["records"].keys() == {"K-10001", "K-10002"}
    assert told["written_by_apps"].keys() == {"K-10001"}
    assert [row["reasons"][0] for row in told["quarantine"]] == ["cell_count"]

    certificate = api.delete("/v1/customers/K-10001").raise_for_status().json()
    assert sum(certificate["removed"].values()) >= 6
    assert certificate["removed"]["quarantine"] == 1
    assert not any(word in json.dumps(certificate) for word in (*PLANTED, "K-10001"))
    assert api.get("/v1/customers/K-10001").status_code == 404
    assert api.delete("/v1/customers/K-10001").status_code == 404
    assert api.post("/v1/customers/K-10001/export", json={}).status_code == 404
    for generation in loaded.lifecycle.generations():
        assert loaded.names(generation.index) == {"Bob Hale", "Cara Ives"}
    assert not any(word in loaded.everything() for word in PLANTED)
    assert not any(word in json.dumps(loaded.quarantined()) for word in PLANTED)

    # No app, no change and no load brings her back, whatever key a source gives her; and no row is lost without a word.
    answer = api.put("/v1/customers/NEW", json={"name": "A. Byron", "emails": ["ADA@example.org"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "suppressed")
    batch = [{"customer_id": "N1", "name": "Ada Byron", "phones": "+447911123456"}, {"customer_id": "N2", "name": "Dan Jay"}]
    results = api.post("/v1/customers/batch", json={"customers": batch, "refresh": "wait_for"}).raise_for_status().json()["results"]
    assert [each["status"] for each in results] == [409, 201]
    for changes in (True, False):
        report = loaded.load(runner, ADA + ADA_TWICE.replace("K-10002", "K-90002") + OTHERS, changes=changes)
        assert report.quarantined_by_reason == {"suppressed": 2}
        assert report.quarantined == 2
        assert "Ada Byron" not in loaded.names()
        rows = loaded.quarantined(report.run_id)
        assert [(row["raw"], row["source_key"]) for row in rows if row["reasons"] == ["suppressed"]] == [("{}", None)] * 2
    assert not any(word in loaded.everything() for word in PLANTED)
    assert not list((loaded.settings.paths.state / "suppressions").iterdir()), "the file that told the job"

    loaded.lifecycle.suppressions.lift(certificate["certificate_id"])
    loaded.load(runner, ADA + OTHERS)
    assert "Ada Byron" in loaded.names()


def test_another_key_would_recognise_nobody_and_so_stops_the_load(loaded: Installation, runner: Runner) -> None:
    certificate = loaded.rights.erase("K-20002", "test")
    other = msgspec.structs.replace(loaded.settings, privacy=PrivacySettings(key=Secret("another key of letters")))
    live = loaded.lifecycle.live()
    with pytest.raises(ConfigError, match="CRMSEARCH_PRIVACY_KEY"):
        msgspec.structs.replace(loaded, settings=other).load(runner, OTHERS)
    assert loaded.lifecycle.live() == live
    loaded.lifecycle.suppressions.lift(certificate.certificate_id)
    with pytest.raises(NotFoundError):
        loaded.lifecycle.suppressions.lift(certificate.certificate_id)


def test_changes_and_loads_leave_out_who_is_restricted(loaded: Installation, api: Api, runner: Runner) -> None:
    """Also what they bring anew of that person, beside the records that were restricted."""
    row = "K-20001,Bob Hale,bob@example.org,,London,1980-01-01\n"
    anew = "K-20009,Bob Hale,bob@example.org,,Paris,1980-01-01\n"
    loaded.load(runner, row + ADA)
    loaded.rights.restrict("K-20001", "test")
    prefix = loaded.settings.elasticsearch.index_prefix
    client = loaded.lifecycle._client
    for changes in (True, False):
        loaded.load(runner, anew if changes else row + anew + ADA, changes=changes)
        (bob,) = [each for each in documents_in(loaded.lifecycle, str(loaded.lifecycle.live())).values() if each["name"] == "Bob Hale"]
        assert set(bob["source_records"]) == {"K-20001", "K-20009"}, "kept, and brought up to date"
        copies = client.search(index=analytics_alias(prefix), size=10)["hits"]["hits"]
        assert len(copies) == loaded.lifecycle._client.count(index=loaded.lifecycle.alias)["count"] - 1
    assert loaded.rights.unrestrict("K-20001", "test")
    check_in_step(loaded.lifecycle)


def test_a_merged_record_is_no_customer(node_settings: Settings) -> None:
    with own_prefix(node_settings, "merged") as (settings, lifecycle):
        lifecycle.promote(
            put_documents(lifecycle, [{"customer_id": "A", "name": "Ada", "source_records": ["A", "B"]}], datetime(2026, 1, 2, tzinfo=UTC))
        )
        with pytest.raises(NotFoundError, match="merged record"):
            Erasure(lifecycle._client, settings.elasticsearch, make_vault(settings)).find("B")
