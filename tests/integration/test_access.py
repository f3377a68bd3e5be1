"""Keys on a real node: made and revoked at the command line, asked for by the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.background import check_binding
from crmsearch.errors import ConfigError, NotFoundError
from crmsearch.indexing.access import KeyReader, KeyStore
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.mappings import build_keys_body
from crmsearch.keyfile import make_vault
from crmsearch.processes import free_port, wait_until
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import ApiSettings, Settings, child_environment
from tests.documents import own_prefix, put_documents
from tests.keys import bearer

Api = TestClient[Litestar]


@pytest.fixture
def own(node_settings: Settings) -> Iterator[tuple[Settings, Lifecycle]]:
    with own_prefix(node_settings, "access") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [{"customer_id": "C1", "name": "Ada Byron"}]))
        yield settings, lifecycle


@pytest.fixture
def api(own: tuple[Settings, Lifecycle]) -> Iterator[Api]:
    settings = own[0].elasticsearch
    client = make_async_client(settings)
    app = create_app(ElasticsearchBackend(client, settings.index_prefix, 30.0, make_vault(own[0])), keys=KeyReader(client, settings))
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
        yield api


def _crmsearch(settings: Settings, *arguments: str, group: str = "keys") -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    command = [sys.executable, "-m", "crmsearch", group, *arguments]
    environment = inherited | child_environment(settings) | {"COLUMNS": "200"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)


def test_a_key_from_its_making_to_its_end(own: tuple[Settings, Lifecycle], api: Api) -> None:
    settings, lifecycle = own
    assert api.get("/v1/customers/C1").status_code == 200
    made = _crmsearch(settings, "create", "--role", "agent", "--name", "Berlin")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key.startswith("crm_")
    assert key not in made.stderr
    # What was read a moment ago is good for a second.
    wait_until(lambda: api.get("/v1/customers/C1").status_code == 401, 10)
    assert api.get("/v1/customers/C1", headers=bearer(key)).json()["name"] == "Ada Byron"
    assert api.get("/v1/runs", headers=bearer(key)).status_code == 404  # this application has none
    listed = json.loads(_crmsearch(settings, "list", "--json").stdout)["keys"]
    assert [(each["name"], each["role"], each["state"]) for each in listed] == [("Berlin", "agent", "good")]
    assert listed[0]["last_used_at"]
    assert key.rsplit("_", 1)[1] not in json.dumps(listed)
    hits = lifecycle._client.search(index=f"{settings.elasticsearch.index_prefix}-keys")["hits"]["hits"]
    assert key.split("_", 2)[2] not in json.dumps(hits)
    revoked = _crmsearch(settings, "revoke", "Berlin")
    assert revoked.returncode == 0, revoked.stderr
    wait_until(lambda: api.get("/v1/customers/C1", headers=bearer(key)).status_code == 401, 10)
    assert "revoked" in _crmsearch(settings, "list").stdout


def test_what_is_wrong_with_a_key_is_told(own: tuple[Settings, Lifecycle]) -> None:
    settings, _ = own
    for arguments, code, said in (
        (["create", "--role", "agent", "--expires", "soon"], 2, "90d"),
        (["create", "--role", "agent", "--expires", "2020-01-01"], 2, "expired"),
        (["create", "--role", "custom"], 2, "scopes"),
        (["create", "--role", "agent", "--rows", "segment:vip"], 2, "segment"),
        (["create", "--role", "agent", "--rows", "name:Ada"], 2, "personal"),
        (["revoke", "nobody"], NotFoundError.exit_code, "keys list"),
    ):
        answer = _crmsearch(settings, *arguments)
        assert (answer.returncode, said in answer.stderr) == (code, True), answer.stderr


def test_a_key_of_some_customers_is_kept_with_its_rule(own: tuple[Settings, Lifecycle], api: Api) -> None:
    settings, lifecycle = own
    # An index of keys as it was before there were rules.
    body = build_keys_body(settings.elasticsearch)
    del body["mappings"]["properties"]["rows"]
    lifecycle._client.indices.create(index=f"{settings.elasticsearch.index_prefix}-keys", body=body)
    made = _crmsearch(settings, "create", "--role", "agent", "--rows", "country:CN|HK", "--rows", "age:20..<40", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    assert key["rows"] == ["country:CN|HK", "age:20..<40"]
    assert "country:CN|HK" in _crmsearch(settings, "list").stdout
    everybody = _crmsearch(settings, "create", "--role", "agent", "--json")
    assert everybody.returncode == 0, everybody.stderr
    wait_until(lambda: api.get("/v1/customers/C1").status_code == 401, 10)
    assert api.get("/v1/customers/C1", headers=bearer(key["key"])).status_code == 404
    assert api.get("/v1/customers/C1", headers=bearer(json.loads(everybody.stdout)["key"])).status_code == 200


def test_the_terminal_masks_for_a_purpose(own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own
    documents = [{"customer_id": "C1", "name": "Ada Byron", "phones": ["+8613800138000"]}]
    lifecycle.promote(put_documents(lifecycle, documents, datetime(2026, 3, 1, tzinfo=UTC)))
    for arguments, shown in (([], "+8613800138000"), (["--purpose", "browse"], "+86138****8000")):
        answer = _crmsearch(settings, "ada", *arguments, group="search")
        assert answer.returncode == 0, answer.stderr
        assert shown in answer.stdout


def test_names_that_two_keys_bear_are_no_names(own: tuple[Settings, Lifecycle]) -> None:
    settings, _ = own
    for _ in range(2):
        assert _crmsearch(settings, "create", "--role", "app", "--name", "shop").returncode == 0
    answer = _crmsearch(settings, "revoke", "shop")
    assert answer.returncode == 2
    with make_client(settings.elasticsearch) as client:
        records = KeyStore(client, settings.elasticsearch).all()
        assert all(each.prefix in answer.stderr for each in records)
        for _ in range(2):
            revoked = KeyStore(client, settings.elasticsearch).revoke(records[0].prefix, datetime(2026, 1, 1, tzinfo=UTC))
            assert revoked.revoked_at == "2026-01-01T00:00:00Z"


def test_the_network_is_served_when_there_is_a_key(own: tuple[Settings, Lifecycle]) -> None:
    settings = msgspec.structs.replace(own[0], api=ApiSettings(host="0.0.0.0", port=free_port(8000)))
    with pytest.raises(ConfigError, match="crmsearch keys create"):
        check_binding(settings)
    assert _crmsearch(settings, "create", "--role", "admin").returncode == 0
    check_binding(settings)
