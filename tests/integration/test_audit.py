"""The audit trail on a real node: what three questions leave behind, that it is whole, and that nobody changes it unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import elasticsearch
import msgspec
import pytest
from elasticsearch import Elasticsearch
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.errors import BackendAuthError
from crmsearch.indexing.access import KeyReader, KeyStore
from crmsearch.indexing.audit import AuditTrail
from crmsearch.indexing.audit_reader import AuditReader
from crmsearch.indexing.client import make_async_client, make_client, translated_errors
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.logins import ROLES, Logins
from crmsearch.privacy.access import make_key
from crmsearch.privacy.audit import Head, Verdict
from crmsearch.privacy.vault import Vault
from crmsearch.processes import wait_until
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import ApiSettings, ElasticsearchSettings, Secret, Settings
from tests.documents import own_prefix, put_documents
from tests.keys import bearer

CUSTOMERS = [{"customer_id": "C1", "name": "Ada Byron", "city": "London"}, {"customer_id": "C2", "name": "Ada Smith", "city": "Leeds"}]


@pytest.fixture
def own(node_settings: Settings) -> Iterator[tuple[Settings, Lifecycle]]:
    with own_prefix(node_settings, "audit") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, CUSTOMERS))
        yield settings, lifecycle


@pytest.fixture
def as_api(own: tuple[Settings, Lifecycle]) -> Iterator[ElasticsearchSettings]:
    """The settings of the API with a key of its own, which may do no more than it must."""
    settings, lifecycle = own
    logins = Logins(lifecycle._client, settings.elasticsearch.index_prefix)
    key = logins.make(ROLES["api"], datetime.now(UTC))
    yield msgspec.structs.replace(settings.elasticsearch, username="", password=Secret(), api_key=key.encoded)
    logins.revoke([key])


def _verify(settings: ElasticsearchSettings, *expected: Head) -> Verdict:
    async def verified() -> Verdict:
        async with make_async_client(settings) as client:
            return (await AuditReader(client, settings).verify(list(expected))).verdict(datetime.now(UTC))

    return asyncio.run(verified())


def _serve(settings: ElasticsearchSettings, vault: Vault, key: str) -> tuple[dict[str, Any], str]:
    """Ask for customers as one process of the API; gives what it then says of the trail, as a page and as a file."""
    client = make_async_client(settings)
    app = create_app(
        ElasticsearchBackend(client, settings.index_prefix, 30.0, vault),
        ApiSettings(),
        keys=KeyReader(client, settings),
        trail=AuditTrail(client, settings),
        events=AuditReader(client, settings),
    )
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1") as api:
        api.headers.update(bearer(key))
        assert len(api.post("/v1/customers/search", json={"q": "ada"}).json()["hits"]) == 2
        assert api.get("/v1/customers/C1", headers={"X-Purpose": "marketing"}).status_code == 200
        assert api.get("/v1/customers/export?format=csv").text.count("\r\n") == 3
        # At first there is no index, and then one that cannot be read yet.
        assert wait_until(lambda: bool(api.get("/v1/audit?action=export").json().get("events")), 30)
        page = api.get("/v1/audit?customer=C1&size=2").json()
        following = api.get(f"/v1/audit?customer=C1&before={page['next']}").json()
        assert api.get("/v1/audit/alerts").json()["alerts"] == []
        return {**page, "events": page["events"] + following["events"]}, api.get("/v1/audit?format=csv").text


def test_the_trail_from_a_question_to_a_theft(own: tuple[Settings, Lifecycle], as_api: ElasticsearchSettings) -> None:
    settings, lifecycle = own
    superuser, index = lifecycle._client, f"{as_api.index_prefix}-audit"
    key, record = make_key("audit", "admin", (), datetime.now(UTC), None)
    KeyStore(superuser, settings.elasticsearch).add(record)
    page, file = _serve(as_api, lifecycle.vault, key)

    told = {event["action"]: event for event in page["events"]}
    assert list(told) == ["export", "get", "search"]
    assert {event["key"] for event in page["events"]} == {record.prefix}
    assert (sorted(told["search"]["customers"]), told["search"]["hits"], told["search"]["shape"][0]) == (["C1", "C2"], 2, "word latin 3")
    assert (told["get"]["customers"], told["get"]["purpose"]) == (["C1"], "marketing")
    assert (sorted(told["export"]["customers"]), told["export"]["hits"]) == (["C1", "C2"], 2)
    assert "ada" not in file.lower()
    assert "C1" in file

    # A second process anchors what the first has left.
    _serve(as_api, lifecycle.vault, key)
    superuser.indices.refresh(index=index)
    verdict = _verify(as_api)
    assert (verdict.whole, len(verdict.heads), verdict.unclosed) == (True, 2, [])

    with make_client(as_api) as api:
        _assert_refused(api, index, told["get"])
        assert _verify(as_api).heads == verdict.heads

    # Who may do everything may take an event out, but not unseen.
    name = f"{told['get']['chain']}-{told['get']['sequence']}"
    superuser.delete(index=index, id=name, refresh=True)
    found = _verify(as_api).findings
    assert [(each.kind, each.chain, each.sequence) for each in found] == [("missing", told["get"]["chain"], told["get"]["sequence"] + 1)]
    # Nor the whole first chain, which the second knows of; nor the second, whose head was kept elsewhere.
    first = told["get"]["chain"]
    superuser.delete_by_query(index=index, query={"term": {"chain": first}}, refresh=True)
    assert [(each.kind, each.chain) for each in _verify(as_api).findings] == [("gone", first)]
    superuser.delete_by_query(index=index, query={"match_all": {}}, refresh=True)
    assert _verify(as_api).whole
    assert {each.chain for each in _verify(as_api, *verdict.heads).findings} == {head.chain for head in verdict.heads}


def _assert_refused(api: Elasticsearch, index: str, event: dict[str, Any]) -> None:
    """Elasticsearch lets the API add events, and neither change nor delete one."""
    name = f"{event['chain']}-{event['sequence']}"
    calls: list[Callable[[], object]] = [
        lambda: api.delete(index=index, id=name),
        lambda: api.update(index=index, id=name, doc={"status": 404}),
        lambda: api.index(index=index, id=name, document=event),
        lambda: api.delete_by_query(index=index, query={"match_all": {}}),
        lambda: api.indices.delete(index=index),
        lambda: api.indices.put_settings(index=index, settings={"index": {"blocks": {"read": True}}}),
    ]
    for call in calls:
        with pytest.raises(BackendAuthError), translated_errors():
            call()
    with pytest.raises(elasticsearch.ConflictError):
        api.create(index=index, id=name, document=event)
