"""What Kibana would ask Elasticsearch: every field can be counted, every panel shows something, and analysts get no further."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from crmsearch.cli import cli
from crmsearch.contract import FIELDS
from crmsearch.indexing.client import make_client
from crmsearch.indexing.mappings import CUSTOMER_REF, build_analytics_body
from crmsearch.indexing.names import analytics_alias, analytics_index, customers_index
from crmsearch.indexing.users import put_user
from crmsearch.kibana.objects import BOARDS, build_dashboard, build_objects, to_ndjson
from crmsearch.kibana.setup import build_role
from crmsearch.kibana.views import Place
from crmsearch.settings import ElasticsearchSettings, Secret, Settings, child_environment
from crmsearch.trust import make_ssl_context
from tests.documents import BEGAN_AT
from tests.kibana_server import PASSWORD, USER, standing_in
from tests.lens_queries import build_body, parse_kql, read_rows
from tests.population import make_population
from tests.saved_objects import faults, panels_of, parse

Body = dict[str, Any]
SIZE = 3_000
SEGMENTS = ("champions", "loyal", "at risk", "lost")
PANELS = {f"{board.name}/{panel['panelIndex']}": panel for board in BOARDS for panel in panels_of(build_dashboard(board, Place()))}


def _documents(fields: set[str]) -> Iterator[Body]:
    """A population as the analysts' index has it, with what its other writers know."""
    for number, customer in enumerate(make_population(SIZE)):
        found = customer | {
            CUSTOMER_REF: f"REF{number:05}",
            "quality_score": (number % 11) / 10,
            "merged_count": 1 + (number % 7 == 0) + (number % 70 == 0),
            "match_confidence": 0.97 if number % 7 == 0 else 1.0,
            "last_activity_at": customer["created_at"],
        }
        if number % 3 == 0:
            found["quality_issues"] = ["phone_invalid", "date_ambiguous"][: 1 + number % 2]
        if "ticket_count" in found:
            found["last_ticket_at"] = customer["created_at"]
        if "order_count" in found:
            found |= {"rfm_recency": 1 + number % 5, "rfm_frequency": 1 + number // 5 % 5, "cluster": f"cluster {number % 4}"}
        if number % 20 == 0:
            del found["created_at"]
        yield {name: value for name, value in found.items() if name in fields}


class Base(msgspec.Struct, frozen=True):
    """The analysts' index of a population, and how to ask it."""

    client: Elasticsearch
    settings: ElasticsearchSettings
    alias: str

    @property
    def place(self) -> Place:
        return Place(prefix=self.settings.index_prefix)


@pytest.fixture(scope="module")
def base(node_settings: Settings) -> Iterator[Base]:
    own = f"{node_settings.elasticsearch.index_prefix}_kibana"
    # One bulk of everybody, on a machine on which much else runs.
    target = msgspec.structs.replace(node_settings.elasticsearch, index_prefix=own, timeout_s=120.0)
    alias = analytics_alias(target.index_prefix)
    index = analytics_index(target.index_prefix, customers_index(target.index_prefix, BEGAN_AT))
    body = build_analytics_body(target)
    with make_client(target) as client:
        client.indices.create(index=index, **body, aliases={alias: {}})
        operations: list[Body] = []
        for each in _documents(set(body["mappings"]["properties"])):
            operations += [{"index": {}}, each]
        assert not client.bulk(index=index, operations=operations, refresh=True)["errors"]
        yield Base(client, target, alias)
        client.indices.delete(index=index)


def test_every_field_that_is_named_can_be_counted(base: Base) -> None:
    caps = base.client.field_caps(index=base.alias, fields="*", filters="-metadata")["fields"]
    types = {name: kind for name, kinds in caps.items() for kind, each in kinds.items() if each["aggregatable"]}
    assert set(types) == {CUSTOMER_REF, *(name for name, field in FIELDS.items() if field.analytics)}
    assert faults(parse(to_ndjson(build_objects(base.place))), types) == []
    del types["rfm_segment"]
    assert "rfm_segment" in "\n".join(faults(build_objects(base.place), types))


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_shows_something(base: Base, name: str) -> None:
    panel = PANELS[name]
    rows = read_rows(panel, base.client.search(index=base.alias, **build_body(panel)).body)
    numbers = {column for _, cells in rows for column, value in cells.items() if value}
    assert "measure0" in numbers
    # A number that nobody ever has is a panel that says nothing.
    assert {column for _, cells in rows for column in cells} == numbers
    grouped = len(rows[0][0])
    assert len({keys for keys, _ in rows}) > 1 if grouped else len(rows) == 1


def test_the_numbers_are_those_of_the_population(base: Base) -> None:
    fields = set(build_analytics_body(base.settings)["mappings"]["properties"])
    customers = list(_documents(fields))

    def cells(name: str) -> dict[str, float | None]:
        panel = PANELS[name]
        [(_, found)] = read_rows(panel, base.client.search(index=base.alias, **build_body(panel)).body)
        return found

    assert cells("customer-base/customers")["measure0"] == SIZE
    assert cells("customer-base/undated")["measure0"] == sum("created_at" not in each for each in customers)
    buyers = sum(each.get("order_count", 0) > 0 for each in customers)
    assert cells("customer-base/buyers")["measure0"] == pytest.approx(buyers / SIZE)
    sent, opened = (sum(each.get(f"campaigns_{what}", 0) for each in customers) for what in ("sent", "opened"))
    assert cells("campaigns/open-rate")["measure0"] == pytest.approx(opened / sent)
    bold = sum("campaigns_sent" in each and each["campaigns_sent"] > 0 and not each.get("consents") for each in customers)
    assert cells("campaigns/unasked")["measure0"] == bold
    whole, best = (sum(each.get("revenue", 0) for each in customers if each.get("rfm_segment") in of) for of in (SEGMENTS, ("champions",)))
    assert cells("segments/champions")["measure0"] == pytest.approx(best / whole)


@pytest.mark.parametrize("kql", ["city: Berlin or city: Boston", "revenue", "not (a: 1)"])
def test_a_query_that_is_not_understood_is_not_passed_over(kql: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_kql(kql)


def test_an_analyst_reads_the_alias_and_nothing_else(base: Base) -> None:
    name, role = f"{base.settings.index_prefix}-ada", f"{base.settings.index_prefix}-analyst"
    granted = build_role(base.place)["elasticsearch"]
    base.client.security.put_role(name=role, cluster=granted["cluster"], indices=granted["indices"], run_as=granted["run_as"])
    try:
        assert put_user(base.client, name, Secret("first password"), role) == "created"
        assert put_user(base.client, name, Secret("first password"), role) == "unchanged"
        assert put_user(base.client, name, Secret("other password"), role) == "updated"
        statuses = _as_analyst(base, name)
        assert statuses == {
            f"GET /{base.alias}/_search": 200,
            f"GET /{base.alias}/_field_caps?fields=*": 200,
            f"POST /{base.alias}/_doc": 403,
            f"GET /{base.settings.index_prefix}-customers/_search": 403,
            "GET /_security/user": 403,
        }
    finally:
        base.client.options(ignore_status=404).security.delete_user(username=name)
        base.client.security.delete_role(name=role)


def test_the_command_makes_the_user_too(base: Base, node_settings: Settings, tmp_path: Path) -> None:
    login, password = tmp_path / "login", tmp_path / "password"
    login.write_text(f"{USER}:{PASSWORD}", encoding="utf-8")
    password.write_text("their password\n", encoding="utf-8")
    name = f"{base.settings.index_prefix}-grace"
    settings = msgspec.structs.replace(node_settings, elasticsearch=base.settings)
    with standing_in() as kibana:
        options = ["--login-file", str(login), "--user", name, "--user-password-file", str(password), "--json"]
        command = ["kibana", "setup", "--url", kibana.url, *options]
        try:
            states = []
            for _ in range(2):
                answer = CliRunner().invoke(cli, command, env=child_environment(settings))
                assert answer.exit_code == 0, answer.output
                states.append(json.loads(answer.stdout)[-1])
            assert states == [{"kind": "user", "name": name, "state": state} for state in ("created", "unchanged")]
            user = base.client.security.get_user(username=name).body[name]
            assert user["roles"] == [*kibana.roles] == [f"{base.settings.index_prefix}-analyst"]
        finally:
            base.client.options(ignore_status=404).security.delete_user(username=name)


def _as_analyst(base: Base, name: str) -> dict[str, int]:
    calls = (
        f"GET /{base.alias}/_search",
        f"GET /{base.alias}/_field_caps?fields=*",
        f"POST /{base.alias}/_doc",
        f"GET /{base.settings.index_prefix}-customers/_search",
        "GET /_security/user",
    )
    url, verify = base.settings.addresses[0].url, make_ssl_context(base.settings) or True
    with httpx.Client(base_url=url, auth=(name, "other password"), verify=verify, trust_env=False) as http:
        return {call: http.request(*call.split(" "), json={} if call.startswith("POST") else None).status_code for call in calls}
