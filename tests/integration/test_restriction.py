"""Whose processing is restricted is kept and not used, and who is made anonymous is counted and nobody any more: on the real node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.cli import cli
from crmsearch.errors import LoadRunningError, NotFoundError
from crmsearch.indexing.access import KeyReader, KeyStore
from crmsearch.indexing.audit import AuditTrail
from crmsearch.indexing.audit_reader import AuditReader
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.restrictions import RestrictionReader
from crmsearch.indexing.segments import SegmentStore
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import make_vault, privacy_key
from crmsearch.loading import rebuild_customers
from crmsearch.privacy.access import make_key
from crmsearch.privacy.anonymity import KEPT
from crmsearch.processes import wait_until
from crmsearch.retention import Retention, parse_rules
from crmsearch.rights import Rights
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.search.view import RestrictedBackend
from crmsearch.settings import ApiSettings, Settings, child_environment
from tests.documents import BEGAN_AT, check_in_step, documents_in, open_hit, own_prefix, put_documents, runs_of
from tests.keys import bearer
from tests.population import TODAY, make_population

Api = TestClient[Litestar]
Source = dict[str, Any]
ADA: Source = {
    "customer_id": "ADA",
    "name": "Ada Byron",
    "emails": ["ada@example.org"],
    "phones": ["+447911123456"],
    "birth_date": "1990-12-10",
    "company": "Byron Ltd",
    "job_title": "Countess of Lovelace",
    "city": "北京",
    "country": "CN",
    "kind": "person",
    "lifecycle": "customer",
    "source_system": "zoho",
    "consents": ["email"],
    "tags": ["adatag"],
    "age": 36,
    "revenue": 7654321.25,
    "order_count": 4321,
    "last_order_at": "2026-01-03T04:05:06Z",
    "source_records": ["ADA", "ADA-2"],
    "merged_count": 2,
}
PERSONAL = {"X-Purpose": "privacy_request"}
PLANTED = ("Ada Byron", "ada@example.org", "447911123456", "Byron Ltd", "Lovelace", "ADA", "adatag")


class Installation(msgspec.Struct, frozen=True):
    settings: Settings
    lifecycle: Lifecycle
    rights: Rights
    api: Any
    admin: dict[str, str]
    agent: dict[str, str]

    def put(self, documents: list[Source], day: int) -> str:
        return put_documents(self.lifecycle, [*make_population(60), *documents], datetime(2026, 2, day, tzinfo=UTC))

    def analysts_see(self, index: str | None = None) -> bool:
        """Whether analysts have the customer, in the live generation or another."""
        mirror = self.lifecycle.analytics(index or str(self.lifecycle.live())).mirror()
        assert mirror is not None
        hits = self.lifecycle._client.search(index=mirror.index, query={"term": {"revenue": ADA["revenue"]}})["hits"]["hits"]
        return bool(hits)

    def is_found(self, **headers: str) -> set[str]:
        """The ways on which the customer is found."""
        api, header = self.api, self.admin | headers
        asked: dict[str, tuple[str, str, Source | None]] = {
            "search": ("POST", "search", {"q": "ada byron"}),
            "all": ("POST", "search", {"q": "", "sort": ["-revenue"], "size": 5}),
            "facet": ("POST", "search", {"q": "", "size": 0, "facets": ["tags"]}),
            "suggest": ("POST", "suggest", {"q": "ada by"}),
            "lookup": ("POST", "lookup", {"ids": ["ADA"], "emails": ["ada@example.org"], "phones": ["+447911123456"]}),
            "file": ("POST", "export", {"q": "", "format": "csv"}),
            "get": ("GET", "ADA", None),
            "lineage": ("GET", "ADA/lineage", None),
            "similar": ("GET", "ADA/similar", None),
        }
        found = set()
        for name, (method, path, body) in asked.items():
            answer = api.request(method, f"/v1/customers/{path}", json=body, headers=header)
            said = answer.text.replace('"not_found":{"ids":["ADA"],"emails":["ada@example.org"],"phones":["+447911123456"]', "")
            if method == "GET":
                found |= {name} if answer.is_success else set()
            elif "Ada Byron" in said or "adatag" in said:
                found.add(name)
        stats = api.get("/v1/stats/revenue", headers=header).raise_for_status().json()
        found |= {"stats"} if stats["fields"]["revenue"]["max"] == ADA["revenue"] else set()
        segments = api.get("/v1/segments", headers=header).raise_for_status().json()
        found |= {"segments"} if segments["population"] == 61 else set()
        tour = api.get("/v1/insights", headers=header).raise_for_status().json()
        return found | ({"insights"} if tour["population"] == 61 else set())


EVERYWHERE = {"search", "all", "facet", "suggest", "lookup", "file", "get", "lineage", "similar", "stats", "segments", "insights"}


@pytest.fixture
def base(node_settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    paths = msgspec.structs.replace(node_settings.paths, state_dir=str(tmp_path))
    with own_prefix(msgspec.structs.replace(node_settings, paths=paths), "restriction") as (settings, lifecycle):
        target = settings.elasticsearch
        lifecycle.promote(put_documents(lifecycle, [*make_population(60), ADA], BEGAN_AT))
        client, runs = make_async_client(target), runs_of(lifecycle)
        rights = Rights(settings, lifecycle, runs, Erasure(lifecycle._client, target, make_vault(settings)))
        store, keys = KeyStore(lifecycle._client, target), {}
        for role in ("admin", "agent"):
            key, record = make_key(role, role, (), datetime.now(UTC), None)
            store.add(record)
            keys[role] = bearer(key)
        app = create_app(
            RestrictedBackend(
                ElasticsearchBackend(client, target.index_prefix, 30.0, make_vault(settings)), RestrictionReader(client, target, fresh_s=0)
            ),
            ApiSettings(),
            runs,
            SegmentStore(client, target, make_vault(settings)),
            WriteStore(client, target, SuppressionReader(client, target, privacy_key(settings)), make_vault(settings)),
            KeyReader(client, target),
            rights,
            clock=lambda: TODAY,
            trail=AuditTrail(client, target),
            events=AuditReader(client, target),
        )
        app.on_shutdown.append(client.close)
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
            yield Installation(settings, lifecycle, rights, api, keys["admin"], keys["agent"])


def test_who_is_restricted_is_kept_and_not_used(base: Installation) -> None:
    api, lifecycle = base.api, base.lifecycle
    assert base.is_found() == EVERYWHERE
    assert base.analysts_see()
    made = api.put("/v1/customers/ADA/restriction", headers=base.admin).raise_for_status().json()
    assert made["names"] == ["ADA", "ADA-2"]
    assert api.put("/v1/customers/ADA/restriction", headers=base.admin).json() == made, "once is enough"
    assert base.is_found() == set()
    assert not base.analysts_see()
    assert documents_in(lifecycle, str(lifecycle.live()))["ADA"]["name"] == "Ada Byron", "kept"
    # Those who answer the person read it, and nothing else is found for them either.
    assert base.is_found(**PERSONAL) == {"get", "lineage"}
    assert api.get("/v1/customers/ADA", headers=base.agent | PERSONAL).status_code == 403
    assert api.post("/v1/customers/ADA/export", headers=base.admin).status_code == 403
    told = api.post("/v1/customers/ADA/export", headers=base.admin | PERSONAL).raise_for_status().json()
    assert (told["customer"]["name"], told["restrictions"]) == ("Ada Byron", [made])
    # Nobody writes, but to answer; and nothing of it comes to analysts.
    said = {"name": "Ada Lovelace", "emails": ["ada@example.org"]}
    answer = api.put("/v1/customers/ADA", json=said, headers=base.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "restricted")
    assert api.put("/v1/customers/ADA", json=said, headers=base.admin | PERSONAL).status_code == 200
    assert not base.analysts_see()
    # The time of somebody restricted is never over.
    retention = Retention(base.settings, lifecycle, runs_of(lifecycle), base.rights._erasure)
    assert retention.due(parse_rules("revenue:7000000..")).ids == set()

    lifted = api.delete("/v1/customers/ADA/restriction", headers=base.admin).raise_for_status().json()["lifted"]
    assert [each["restriction_id"] for each in lifted] == [made["restriction_id"]]
    assert api.delete("/v1/customers/ADA/restriction", headers=base.admin).status_code == 404
    assert api.get("/v1/customers/ADA", headers=base.admin).json()["name"] == "Ada Lovelace"
    check_in_step(lifecycle)

    def noted() -> list[tuple[str, list[str], int]]:
        lifecycle._client.indices.refresh(index=f"{base.settings.elasticsearch.index_prefix}-audit")
        events = api.get("/v1/audit", headers=base.admin).raise_for_status().json()["events"]
        return sorted((each["action"], each.get("customers", []), each["status"]) for each in events if each["action"].endswith("restrict"))

    assert wait_until(lambda: len(noted()) == 4, 30), "the trail is written a moment later"
    assert noted() == [
        ("restrict", ["ADA"], 200),
        ("restrict", ["ADA"], 200),
        ("unrestrict", [], 404),
        ("unrestrict", ["ADA"], 200),
    ]


def test_no_generation_brings_somebody_restricted_back(base: Installation) -> None:
    lifecycle, runs = base.lifecycle, runs_of(base.lifecycle)
    first = str(lifecycle.live())
    base.rights.restrict("ADA", "test")
    # A full load, in which she is merged into another customer, under whose id she is not looked for.
    other = {**ADA, "customer_id": "BAB", "source_records": ["ADA-2", "BAB", "ADA"], "merged_count": 3}
    merged = base.put([other], 2)
    lifecycle.promote(merged)
    assert base.is_found() == set()
    assert base.api.get("/v1/customers/BAB", headers=base.admin).status_code == 404
    assert not base.analysts_see()
    # One in which her records part: both are restricted.
    parted = base.put([{**ADA, "source_records": ["ADA"]}, {**ADA, "customer_id": "ADA-2", "source_records": ["ADA-2"]}], 3)
    lifecycle.promote(parted)
    assert not base.analysts_see()
    assert [base.api.get(f"/v1/customers/{name}", headers=base.admin).status_code for name in ("ADA", "ADA-2")] == [404, 404]
    assert lifecycle.rollback() == (parted, merged)
    assert base.is_found() == set()
    rebuilt = rebuild_customers(lifecycle, runs, None)
    assert lifecycle.live() == rebuilt
    assert base.is_found() == set()
    assert not any(base.analysts_see(each.index) for each in lifecycle.generations())
    # Under today's id nothing was ever restricted; it is lifted by what the customer is made of.
    assert len(base.rights.unrestrict("BAB", "test")) == 1
    assert all(base.analysts_see(each.index) for each in lifecycle.generations())
    check_in_step(lifecycle)
    # Erased in spite of it, she leaves no restriction behind.
    base.rights.restrict("BAB", "test")
    certificate = base.rights.erase("BAB", "test")
    assert certificate.removed["restrictions"] == 2
    assert lifecycle.restrictions.all() == []
    assert first not in [each.index for each in lifecycle.generations()] or "ADA" not in documents_in(lifecycle, first)


def test_a_restriction_is_seen_by_other_processes_within_a_second(base: Installation) -> None:
    clock = [0.0]

    async def found() -> list[int]:
        client = make_async_client(base.settings.elasticsearch)
        reader = RestrictionReader(client, base.settings.elasticsearch, clock=lambda: clock[0])
        counts = [len((await reader.find()).names)]
        base.rights.restrict("ADA", "test")
        for moment in (0.5, 1.0):
            clock[0] = moment
            counts.append(len((await reader.find()).names))
        await client.close()
        return counts

    assert asyncio.run(found()) == [0, 0, 2]


def test_the_command_line_restricts_and_lifts(base: Installation) -> None:
    def run(*arguments: str) -> Any:
        outcome = CliRunner().invoke(cli, arguments, env=child_environment(base.settings), catch_exceptions=False)
        assert outcome.exit_code == 0, outcome.output
        return json.loads(outcome.stdout)

    assert run("restrict", "ADA", "--json")[0]["names"] == ["ADA", "ADA-2"]
    assert run("search", "ada byron", "--json")["hits"] == []
    assert run("stats", "revenue", "--json")["population"] == 60
    assert run("export", "ADA")["customer"]["name"] == "Ada Byron"
    assert run("restrict", "ADA", "--lift", "--json")[0]["lifted_at"] is not None
    assert len(run("restrict", "--list", "--json")) == 1
    assert run("search", "ada byron", "--json")["hits"][0]["id"] == "ADA"
    assert run("anonymise", "ADA", "--yes", "--json")["marks"] > 0
    assert run("search", "ada byron", "--json")["hits"] == []


def test_who_is_made_anonymous_is_counted_and_nobody_any_more(base: Installation) -> None:
    api, lifecycle = base.api, base.lifecycle
    before = api.get("/v1/stats/revenue?by=city", headers=base.admin).raise_for_status().json()
    base.rights.restrict("ADA", "test")
    certificate = api.post("/v1/customers/ADA/anonymise", headers=base.admin).raise_for_status().json()
    assert certificate["removed"]["restrictions"] == 1
    after = api.get("/v1/stats/revenue?by=city", headers=base.admin).raise_for_status().json()
    for each in (before, after):
        each.pop("took_ms")
    assert before == after
    documents = documents_in(lifecycle, str(lifecycle.live()))
    (name,) = [name for name in documents if name.startswith("anon-")]
    stays = documents[name]
    assert (stays["revenue"], stays["order_count"], stays["city"], stays["last_order_at"]) == (ADA["revenue"], 4321, "北京", "2026-01-03")
    assert "job_title" not in stays, "which nobody else has"
    assert stays.keys() <= {*KEPT, "customer_id", "source_records", "updated_at", "created_at"}
    check_in_step(lifecycle)
    # Nothing leads from the person to the figures, and the person is nowhere any more.
    client, prefix = lifecycle._client, base.settings.elasticsearch.index_prefix
    client.indices.refresh(index=f"{prefix}-*")
    held = client.search(index=f"{prefix}-*,-{prefix}-audit", size=1000)["hits"]["hits"]
    said = json.dumps([(hit["_id"], open_hit(lifecycle.vault, hit)) for hit in held], ensure_ascii=False)
    assert not [word for word in PLANTED if word in said]
    assert name not in json.dumps(certificate)
    suppressed = [hit["_source"] for hit in held if hit["_index"].endswith("-suppressions")]
    assert name not in json.dumps(suppressed)
    assert api.put("/v1/customers/NEW", json={"name": "Ada", "emails": ["ada@example.org"]}, headers=base.admin).status_code == 409
    # Later bases have the figures too, without any source that knows them.
    lifecycle.promote(base.put([], 2))
    assert documents_in(lifecycle, str(lifecycle.live()))[name] == stays
    with pytest.raises(NotFoundError):
        base.rights.anonymise("ADA", "test")


def test_nobody_goes_back_to_an_earlier_base_while_a_load_is_running(base: Installation) -> None:
    second = base.put([ADA], 2)
    base.lifecycle.promote(second)
    with base.lifecycle.lock.held("ingest"), pytest.raises(LoadRunningError):
        base.lifecycle.rollback()
    assert base.lifecycle.live() == second


def test_a_withdrawal_takes_hold_at_once_and_no_load_undoes_it(base: Installation) -> None:
    api, agreeing = base.api, {"q": "", "filters": [{"field": "consents", "in": ["email", "marketing"]}], "exact_total": True}
    before = api.post("/v1/customers/search", json=agreeing, headers=base.admin).json()["total"]
    assert api.put("/v1/customers/ADA", json={"consents": []}, headers=base.admin).status_code == 400, "which would say who it is: nobody"
    base.rights.restrict("ADA", "test")  # nor does a restriction keep anybody from it
    answer = api.delete("/v1/customers/ADA/consents?channel=email", headers=base.admin).raise_for_status().json()
    assert answer == {"id": "ADA", "consents": []}
    base.rights.unrestrict("ADA", "test")
    assert "consents" not in api.get("/v1/customers/ADA", headers=base.admin).json()
    assert api.delete("/v1/customers/NOBODY/consents", headers=base.admin).status_code == 404
    assert api.delete("/v1/customers/ADA/consents?channel=pigeon", headers=base.admin).status_code == 400
    # Sources go on saying what they said, and later than the withdrawal at that.
    base.lifecycle.promote(base.put([{**ADA, "updated_at": "2100-01-01T00:00:00Z"}], 2))
    stored = documents_in(base.lifecycle, str(base.lifecycle.live()))["ADA"]
    assert (stored.get("consents"), stored["name"], stored["updated_at"]) == (None, "Ada Byron", "2100-01-01T00:00:00Z")
    assert api.post("/v1/customers/search", json=agreeing, headers=base.admin).json()["total"] == before - 1
    told = api.post("/v1/customers/ADA/export", headers=base.admin).raise_for_status().json()
    assert told["written_by_apps"] == {"ADA": {"withdrawn": ["email"]}}
    check_in_step(base.lifecycle)
    # The person agrees anew, which an app writes.
    again = {"name": "Ada Byron", "consents": ["email"]}
    assert api.put("/v1/customers/ADA", json=again, headers=base.admin).raise_for_status().status_code == 200
    base.lifecycle.promote(base.put([ADA], 3))
    assert documents_in(base.lifecycle, str(base.lifecycle.live()))["ADA"]["consents"] == ["email"]
    outcome = CliRunner().invoke(cli, ["withdraw", "ADA", "--json"], env=child_environment(base.settings), catch_exceptions=False)
    assert json.loads(outcome.stdout) == {"customer_id": "ADA", "consents": []}
