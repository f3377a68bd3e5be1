"""Single writes on a real node: what is answered, when it is seen, and what becomes of it at the next loads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from elasticsearch import AsyncElasticsearch
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.api.writes import MAX_BATCH
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import writes_index
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import make_vault
from crmsearch.resolution.rows import group_rows
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import Secret, Settings
from tests.documents import check_in_step, documents_in, own_prefix, put_documents

Api = TestClient[Litestar]
ADA = {
    "customer_id": "C1",
    "name": "Ada Byron",
    "emails": ["ada@example.org"],
    "city": "London",
    "order_count": 3,
    "source_records": ["C1"],
}
BOB = {"customer_id": "C2", "name": "Bob Hale", "phones": ["+447911123456"], "source_records": ["C2", "C9"]}
KEY = Secret("a key of these tests")
FEBRUARY, MARCH = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


def store_of(client: AsyncElasticsearch, settings: Settings) -> WriteStore:
    return WriteStore(client, settings.elasticsearch, SuppressionReader(client, settings.elasticsearch, KEY), make_vault(settings))


@pytest.fixture
def own(node_settings: Settings) -> Iterator[tuple[Settings, Lifecycle]]:
    with own_prefix(node_settings, "writes") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [ADA, BOB]))
        yield settings, lifecycle


@pytest.fixture
def api(own: tuple[Settings, Lifecycle]) -> Iterator[Api]:
    settings = own[0]
    client = make_async_client(settings.elasticsearch)
    app = create_app(
        ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings)), writes=store_of(client, settings)
    )
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
        yield api


def _found(api: Api, text: str) -> list[str]:
    return [hit["id"] for hit in api.post("/v1/customers/search", json={"q": text}).raise_for_status().json()["hits"]]


def _put(api: Api, customer_id: str, refresh: str = "false", **fields: Any) -> dict[str, Any]:
    answer = api.put(f"/v1/customers/{quote(customer_id, safe='')}?refresh={refresh}", json=fields)
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json())


def test_a_write_is_cleaned_answered_and_seen_at_once(api: Api) -> None:
    answer = _put(api, "C1", name="BYRON, ADA", emails=["Ada@Example.org ", "ada@gmial.com"], city="北京市")
    assert not answer["created"]
    customer = answer["customer"]
    assert (customer["name"], customer["city"], customer["order_count"]) == ("Ada Byron", "北京", 3)
    assert customer["emails"][0] == "ada@example.org"
    assert {"name_order", "email_domain_typo"} & {each["code"] for each in answer["issues"]}
    assert all(each["severity"] in {"fix", "blank"} and each["action"] for each in answer["issues"])
    assert api.get("/v1/customers/C1").json() == customer


def test_searches_find_it_when_the_write_waits_for_that(api: Api) -> None:
    _put(api, "C1", "wait_for", name="Augusta King", phones=["+86 138 0013 8000"])
    assert _found(api, "augusta") == _found(api, "8000") == ["C1"]
    assert _found(api, "ada byron") == []


@pytest.mark.parametrize("customer_id", ["crm:1/2?a=b", "客户 7", "A%2FB"])
def test_a_new_customer_under_any_id(api: Api, customer_id: str) -> None:
    answer = api.put(f"/v1/customers/{quote(customer_id, safe='')}?refresh=wait_for", json={"name": "Zoë Quill"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["created"]
    assert _found(api, "zoe quill") == [customer_id]
    again = api.put(f"/v1/customers/{quote(customer_id, safe='')}", json={"name": "Zoë Quill"})
    assert (again.status_code, again.json()["created"]) == (200, False)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/C1", {"city": "Berlin"}, 400, "invalid_request"),
        ("/C1", {"order_count": 3}, 400, "unknown_field"),
        ("/C1", {"name": ["a", "b"]}, 400, "invalid_request"),
        ("/C1", ["name"], 400, "invalid_request"),
        ("/%20C1", {"name": "A"}, 400, "invalid_request"),
        ("/C1?refresh=now", {"name": "A"}, 400, "invalid_request"),
        ("/C1?q=1", {"name": "A"}, 400, "invalid_request"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_changes(api: Api, path: str, body: Any, status: int, code: str) -> None:
    before = api.get("/v1/customers/C1").json()
    answer = api.put(f"/v1/customers{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert api.get("/v1/customers/C1").json() == before


def test_a_batch_writes_what_can_be_written_and_says_why_the_rest_cannot(api: Api) -> None:
    customers = [
        {"customer_id": "C1", "name": "Ada King"},
        {"customer_id": "N1", "name": "Nora Vale", "emails": ["nora@example.org"]},
        {"customer_id": "N2", "city": "Berlin"},
        {"customer_id": "N3", "name": "A", "revenue": 5},
        {"name": "Nameless"},
    ]
    answer = api.post("/v1/customers/batch", json={"customers": customers, "refresh": "wait_for"}).json()
    assert (answer["written"], answer["refused"]) == (2, 3)
    assert [(each["id"], each["status"]) for each in answer["results"]] == [("C1", 200), ("N1", 201), ("N2", 400), ("N3", 400), (None, 400)]
    assert ["no_identity" in answer["results"][2]["reason"], "revenue" in answer["results"][3]["reason"]] == [True, True]
    assert answer["results"][1]["customer"] == api.get("/v1/customers/N1").json()
    assert _found(api, "nora vale") == ["N1"]
    assert api.get("/v1/customers/N2").status_code == 404


def test_a_batch_of_which_nothing_can_be_written_says_so(api: Api) -> None:
    answer = api.post("/v1/customers/batch", json={"customers": [{}, {"customer_id": "N1"}]})
    assert answer.status_code == 200
    assert (answer.json()["written"], answer.json()["refused"]) == (0, 2)


@pytest.mark.parametrize(
    "customers", [[], [{"customer_id": "A", "name": "A"}] * 2, [{"customer_id": str(n)} for n in range(MAX_BATCH + 1)]]
)
def test_a_batch_of_none_of_too_many_or_of_one_twice_is_refused(api: Api, customers: list[dict[str, Any]]) -> None:
    answer = api.post("/v1/customers/batch", json={"customers": customers})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_many_writers_of_one_customer_leave_one_whole_document(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    def write(number: int) -> int:
        return int(api.put("/v1/customers/C1", json={"name": f"Writer {number}", "tags": [str(number)]}).status_code)

    with ThreadPoolExecutor(8) as threads:
        statuses = set(threads.map(write, range(40)))
    assert statuses <= {200, 409}
    assert 200 in statuses
    customer = api.get("/v1/customers/C1").json()
    assert customer["name"] == f"Writer {customer['tags'][0]}"
    settings, lifecycle = own
    kept = lifecycle._client.get(index=writes_index(settings.elasticsearch.index_prefix), id="C1")["_source"]["document"]
    assert kept["name"] == customer["name"]


def test_before_the_first_load_there_is_nothing_to_write_to(node_settings: Settings) -> None:
    with own_prefix(node_settings, "unwritten") as (settings, _):
        client = make_async_client(settings.elasticsearch)
        app = create_app(
            ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings)), writes=store_of(client, settings)
        )
        app.on_shutdown.append(client.close)
        with TestClient(app, base_url="http://127.0.0.1") as api:
            for answer in (api.put("/v1/customers/C1", json={"name": "Ada"}), api.get("/v1/customers/C1")):
                assert (answer.status_code, answer.json()["code"]) == (503, "index_not_ready")


# Later loads


def test_a_full_load_keeps_what_apps_have_written(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    _put(api, "C1", name="Ada King", city="Berlin")
    _put(api, "N1", name="Nora Vale")
    refused = api.put("/v1/customers/C9", json={"name": "Gone Elsewhere"})  # a record that is part of C2
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    lifecycle.promote(put_documents(lifecycle, [{**ADA, "order_count": 5}, BOB], FEBRUARY))
    ada = api.get("/v1/customers/C1").json()
    assert (ada["name"], ada["city"], ada["order_count"]) == ("Ada King", "Berlin", 5)
    assert "emails" not in ada
    assert api.get("/v1/customers/N1").json()["name"] == "Nora Vale"
    assert _found(api, "nora vale") == ["N1"]


def test_a_write_goes_with_the_customer_that_the_sources_have_merged_it_into(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    _put(api, "C1", name="Ada King")
    lifecycle.promote(put_documents(lifecycle, [{**BOB, "source_records": ["C1", "C2"]}], FEBRUARY))
    merged = api.get("/v1/customers/C2").json()
    assert (merged["customer_id"], merged["name"], merged["source_records"]) == ("C2", "Ada King", ["C1", "C2"])
    assert api.get("/v1/customers/C1").status_code == 404


def test_newer_sources_outweigh_a_write_and_customers_that_are_gone_stay_gone(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    _put(api, "C1", name="Ada King")
    _put(api, "C2", name="Robert Hale")
    lifecycle.promote(put_documents(lifecycle, [{**ADA, "updated_at": "2999-01-01T00:00:00Z"}], FEBRUARY))
    assert api.get("/v1/customers/C1").json()["name"] == "Ada Byron"
    assert api.get("/v1/customers/C2").status_code == 404


def test_a_roll_back_does_not_lose_writes(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    lifecycle.promote(put_documents(lifecycle, [ADA, BOB], FEBRUARY))
    _put(api, "C1", name="Ada King")
    lifecycle.rollback()
    assert api.get("/v1/customers/C1").json()["name"] == "Ada King"


def test_an_incremental_load_keeps_what_apps_have_written(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    index = lifecycle.create(MARCH)

    def apply(**row: Any) -> None:
        told = {"source": "a.csv", "source_key": "K1", "kind": "person", "fingerprint": repr(row), **row}
        lifecycle.apply(index, group_rows([told], "2026-03-02T00:00:00Z"), "run", "2026-03-02T00:00:00Z")

    apply(name="Ada Byron", emails=["ada.byron@example.org"], updated_at="2026-01-10T00:00:00Z")
    lifecycle.finish(index, 1)
    lifecycle.promote(index)
    (customer_id,) = documents_in(lifecycle, index)
    _put(api, customer_id, name="Ada King")
    apply(name="Ada Byron", emails=["new.byron@example.org"], updated_at="2026-01-11T00:00:00Z")
    assert api.get(f"/v1/customers/{customer_id}").json()["name"] == "Ada King"
    apply(name="Ada Lovelace", emails=["newer@example.org"], updated_at="2999-01-11T00:00:00Z")
    newest = api.get(f"/v1/customers/{customer_id}").json()
    assert (newest["name"], newest["emails"]) == ("Ada Lovelace", ["newer@example.org"])


def test_no_write_is_lost_while_generations_are_promoted(api: Api, own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own

    async def write_many() -> None:
        client = make_async_client(settings.elasticsearch)
        try:
            store = store_of(client, settings)
            for number in range(120):
                await store.write({"C1": {"name": f"Name {number}"}, f"N{number}": {"name": f"New {number}"}}, refresh=False)
        finally:
            await client.close()

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(asyncio.run, write_many())
        day = 1
        while not writing.done() or day < 4:
            lifecycle.promote(put_documents(lifecycle, [ADA, BOB], datetime(2026, 4, day, tzinfo=UTC)))
            lifecycle.prune(2)
            day += 1
        writing.result()
    assert api.get("/v1/customers/C1").json()["name"] == "Name 119"
    assert {api.get(f"/v1/customers/N{number}").json().get("name") for number in range(120)} == {f"New {number}" for number in range(120)}
    assert day >= 4
    check_in_step(lifecycle)
