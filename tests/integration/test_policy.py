"""Keys that see some customers only, and keys that see them masked, on a real node: every route, and nothing else in any answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from crmsearch.api.app import create_app
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
from crmsearch.privacy.access import OF_EVERYBODY, SCOPES, make_key
from crmsearch.rights import Rights
from crmsearch.search.rows import read_rows
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.search.view import RestrictedBackend
from crmsearch.settings import ApiSettings, Settings
from tests.documents import own_prefix, put_documents, runs_of
from tests.keys import bearer
from tests.population import TODAY, make_population

Api = TestClient[Litestar]
Source = dict[str, Any]
ROWS = ("country:CN", "-owner:D")
MARKED = ("city", "industry", "owner", "top_category", "rfm_segment", "last_campaign", "source_system", "run_id", "lifecycle")
OUTSIDE = re.compile(r"zzz|\"DE\"|\"US\"|999888", re.IGNORECASE)  # what customers outside the rule are made of
NAMED = {"phones": ["+8613800138000"], "emails": ["xiaoming.wang@example.com"], "national_id": "110101199003071234"}
# What is masked of the customer IN, as far as no answer may hold it.
PLAIN = ("13800138", "xiaoming.wang", "010119900307", "静安区南京西路", "1990-03-07", "喜欢喝茶", "退货问题", "31.2304")


def _sources() -> Iterator[Source]:
    for number, each in enumerate(make_population(400)):
        source = each | {
            "emails": [f"person{number}@example.com"],
            "phones": [f"+86139{number:08}"],
            "source_records": [each["customer_id"]],
        }
        if not (source["country"] == "CN" and source["owner"] != "D"):
            source |= {name: f"Zzz{source[name]}" for name in MARKED if name in source and (name != "owner" or source[name] != "D")}
            source |= {"customer_id": f"ZZZ{number}", "name": f"Zzz Person {number}", "source_records": [f"ZZZ{number}"]}
            source |= {"emails": [f"zzz{number}@example.com"], "phones": [f"+1999888{number:04}"], "tags": ["zzztag"]}
        yield source
    yield {
        "customer_id": "IN",
        "name": "王小明",
        "given_name": "小明",
        "family_name": "王",
        "country": "CN",
        "city": "上海",
        "owner": "A",
        "address": "静安区南京西路1号",
        "postcode": "200040",
        "birth_date": "1990-03-07",
        "location": {"lat": 31.2304, "lon": 121.4737},
        "notes": "喜欢喝茶",
        "last_ticket_subject": "退货问题",
        "kind": "person",
        "age": 36,
        "lifecycle": "customer",
        "source_records": ["IN"],
        **NAMED,
    }
    yield {"customer_id": "ZZZ", "name": "王小明 Zzz", "country": "US", "owner": "A", "source_records": ["ZZZ", "ZZY"], **NAMED}


SOURCES: dict[str, Source] = {each["customer_id"]: each for each in _sources()}
INSIDE = {name: each for name, each in SOURCES.items() if each["country"] == "CN" and each["owner"] != "D"}
OUT = next(name for name in SOURCES if name not in INSIDE)
Q = {"q": "person"}
SMALL: Source = {"name": "Ada Byron", "country": "CN", "owner": "A"}

# method, route, path, body; the changes come last
REQUESTS: list[tuple[str, str, str, Any]] = [
    (
        "POST",
        "/v1/customers/search",
        "",
        {
            "q": "",
            "size": 100,
            "exact_total": True,
            "facets": ["city", "owner", "tags", "country", {"field": "age", "ranges": [{"lt": 40}, {"gte": 40}]}],
        },
    ),
    ("POST", "/v1/customers/search", "", {"q": "zz perso", "explain": True, "facets": ["city", {"field": "revenue", "interval": "auto"}]}),
    ("POST", "/v1/customers/search", "", {"q": "王小明", "explain": True}),
    ("POST", "/v1/customers/search", "", {"q": "xiaoming.wong@example.com", "explain": True}),
    ("POST", "/v1/customers/search", "", {"q": "8000"}),
    ("GET", "/v1/customers/search", "?q=person&filter=-country:FR&sort=-revenue&facets=country,created_at:month", None),
    ("POST", "/v1/customers/suggest", "", {"q": "王小"}),
    ("POST", "/v1/customers/suggest", "", {"q": "zz"}),
    ("GET", "/v1/customers/suggest", "?q=perso&size=20", None),
    ("POST", "/v1/customers/lookup", "", {"ids": [OUT, "IN"], "phones": NAMED["phones"]}),
    ("POST", "/v1/customers/export", "", {"q": "", "format": "csv"}),
    ("POST", "/v1/customers/export", "", {"q": "person", "format": "ndjson"}),
    ("GET", "/v1/customers/export", "?format=ndjson", None),
    ("GET", "/v1/customers/{customer_id:str}", "/IN", None),
    ("GET", "/v1/customers/{customer_id:str}", f"/{OUT}", None),
    ("GET", "/v1/customers/{customer_id:str}/lineage", "/IN/lineage", None),
    ("GET", "/v1/customers/{customer_id:str}/lineage", f"/{OUT}/lineage", None),
    ("GET", "/v1/customers/{customer_id:str}/similar", "/IN/similar?size=50", None),
    ("GET", "/v1/customers/{customer_id:str}/similar", f"/{OUT}/similar", None),
    (
        "POST",
        "/v1/stats",
        "",
        {"fields": ["age", "revenue", "city"], "by": ["owner", "city"], "percentiles": [0, 50]},
    ),
    ("POST", "/v1/stats", "", {"fields": ["age"], "by": ["country"], "q": "person"}),
    ("GET", "/v1/stats/{field:str}", "/age?by=industry&filter=revenue:1..&histogram=auto", None),
    ("GET", "/v1/stats/{field:str}", "/top_category", None),
    ("POST", "/v1/stats/correlation", "", {"fields": ["age", "revenue", "order_count"]}),
    ("GET", "/v1/stats/correlation", "?fields=age,revenue", None),
    ("POST", "/v1/stats/crosstab", "", {"rows": "city", "columns": "owner"}),
    ("GET", "/v1/stats/crosstab", "?rows=industry&columns=top_category", None),
    ("GET", "/v1/fields", "", None),
    ("GET", "/v1/purposes", "", None),
    ("GET", "/v1/rules", "", None),
    ("GET", "/v1/runs", "", None),
    ("GET", "/v1/runs/{run_id:str}", "/20260101t000000z", None),
    ("GET", "/v1/insights", "", None),
    ("GET", "/v1/insights/campaigns", "?by=city&size=100", None),
    ("GET", "/v1/insights/campaigns", "?by=segment&q=person", None),
    ("GET", "/v1/insights/service", "?by=owner&size=100", None),
    ("PUT", "/v1/segments/{name:str}", "/grown", {"label": "Grown", "filters": [{"field": "age", "gte": 30}]}),
    ("PUT", "/v1/segments/{name:str}", "/buyers", {"label": "Buyers", "filters": [{"field": "order_count", "gte": 3}]}),
    ("GET", "/v1/segments", "", None),
    ("GET", "/v1/segments/{name:str}", "/grown", None),
    ("GET", "/v1/segments/{name:str}/versions", "/grown/versions", None),
    ("GET", "/v1/segments/{name:str}/profile", "/grown/profile", None),
    ("GET", "/v1/segments/{name:str}/export", "/grown/export?format=csv", None),
    ("GET", "/v1/segments/{name:str}/export", "/grown/export?format=ndjson&purpose=marketing", None),
    ("GET", "/v1/segments/compare", "?a=grown&b=buyers", None),
    ("DELETE", "/v1/segments/{name:str}", "/grown", None),
    ("GET", "/v1/audit", "", None),
    ("GET", "/v1/audit/alerts", "", None),
    ("GET", "/metrics", "", None),
    ("POST", "/v1/customers/{customer_id:str}/export", "/IN/export", {}),
    ("POST", "/v1/customers/{customer_id:str}/export", f"/{OUT}/export", {}),
    ("PUT", "/v1/customers/{customer_id:str}", "/NEW", SMALL),
    ("PUT", "/v1/customers/{customer_id:str}", "/IN", {**SMALL, "name": "王小明", "notes": "喜欢喝茶"}),
    ("PUT", "/v1/customers/{customer_id:str}", f"/{OUT}", SMALL),
    (
        "POST",
        "/v1/customers/batch",
        "",
        {"customers": [{"customer_id": "NEW2", **SMALL}, {"customer_id": "NEW4", **SMALL}, {"customer_id": OUT, **SMALL}]},
    ),
    ("DELETE", "/v1/customers/{customer_id:str}/consents", "/NEW/consents?channel=email", None),
    ("DELETE", "/v1/customers/{customer_id:str}/consents", f"/{OUT}/consents", None),
    ("PUT", "/v1/customers/{customer_id:str}/restriction", f"/{OUT}/restriction", None),
    ("PUT", "/v1/customers/{customer_id:str}/restriction", "/NEW/restriction", None),
    ("DELETE", "/v1/customers/{customer_id:str}/restriction", f"/{OUT}/restriction", None),
    ("DELETE", "/v1/customers/{customer_id:str}/restriction", "/NEW/restriction", None),
    ("POST", "/v1/customers/{customer_id:str}/anonymise", f"/{OUT}/anonymise", None),
    ("POST", "/v1/customers/{customer_id:str}/anonymise", "/NEW4/anonymise", None),
    ("DELETE", "/v1/customers/{customer_id:str}", f"/{OUT}", None),
    ("DELETE", "/v1/customers/{customer_id:str}", "/NEW", None),
]


class Installation(msgspec.Struct, frozen=True):
    """The API over everything it may have, and keys for it."""

    app: Litestar
    lifecycle: Lifecycle
    restricted: str
    masked: str
    whole: str
    agent: str


@pytest.fixture(scope="module")
def installation(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    state = str(tmp_path_factory.mktemp("policy"))
    at_home = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=state))
    with own_prefix(at_home, "policy") as (settings, lifecycle):
        # An earlier generation, which the tour compares with, of other proportions.
        lifecycle.promote(put_documents(lifecycle, list(SOURCES.values())[::2]))
        lifecycle.promote(put_documents(lifecycle, SOURCES.values(), datetime(2026, 2, 1, tzinfo=UTC)))
        store, made = KeyStore(lifecycle._client, settings.elasticsearch), {}
        for name, role, rows in (
            ("restricted", "admin", ROWS),  # figures may be asked by a text too
            ("masked", "custom", ()),
            ("whole", "admin", ()),
            ("agent", "agent", ROWS),
        ):
            scopes: Any = list(SCOPES) if role == "custom" else ()
            made[name], record = make_key(name, role, scopes, datetime.now(UTC), None, rows)  # type: ignore[arg-type]
            store.add(record)
        yield Installation(app=_app(settings, lifecycle), lifecycle=lifecycle, **made)


def _app(settings: Settings, lifecycle: Lifecycle) -> Litestar:
    target = settings.elasticsearch
    client = make_async_client(target)
    runs = runs_of(lifecycle)
    return create_app(
        RestrictedBackend(ElasticsearchBackend(client, target.index_prefix, 30.0, make_vault(settings)), RestrictionReader(client, target)),
        ApiSettings(),
        runs,
        SegmentStore(client, target, make_vault(settings)),
        WriteStore(client, target, SuppressionReader(client, target, privacy_key(settings)), make_vault(settings)),
        KeyReader(client, target),
        Rights(settings, lifecycle, runs, Erasure(lifecycle._client, target, make_vault(settings))),
        clock=lambda: TODAY,
        trail=AuditTrail(client, target),
        events=AuditReader(client, target),
    )


@pytest.fixture(scope="module")
def api(installation: Installation) -> Iterator[Api]:
    with TestClient(installation.app, base_url="http://127.0.0.1", raise_server_exceptions=False) as api:
        yield api


def _url(route: str, path: str) -> str:
    return route.partition("/{")[0] + path


def _ask(api: Api, key: str, request: tuple[str, str, str, Any], **headers: str) -> Any:
    method, route, path, body = request
    sent = bearer(key) | headers | ({"If-Match": "*"} if route.startswith("/v1/segments") and method == "DELETE" else {})
    return api.request(method, _url(route, path), json=body, headers=sent)


def test_every_route_is_walked(installation: Installation) -> None:
    routes = {
        (method, route.path)
        for route in installation.app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith(("/v1", "/metrics")) and route.path != "/v1/session"  # of no customer
        for method in route.methods - {"OPTIONS"}
    }
    assert {(method, route) for method, route, *_ in REQUESTS} == routes


def test_a_search_pages_through_the_allowed_and_counts_them(api: Api, installation: Installation) -> None:
    header = bearer(installation.restricted)
    seen: list[str] = []
    request: Source = {"q": "", "size": 50, "exact_total": True, "sort": ["-revenue"], "facets": ["city", "owner", "tags", "country"]}
    answer = api.post("/v1/customers/search", json=request, headers=header).json()
    assert answer["total"] == len(INSIDE)
    for facet in answer["facets"]:
        counted = Counter(value for each in INSIDE.values() for value in _values(each, facet["field"]))
        assert {bucket["value"]: bucket["count"] for bucket in facet["buckets"]} == counted, facet["field"]
        assert facet["missing_count"] == sum(not _values(each, facet["field"]) for each in INSIDE.values())
    while True:
        seen += [hit["id"] for hit in answer["hits"]]
        if answer["next_cursor"] is None or not answer["hits"]:
            break
        answer = api.post("/v1/customers/search", json={**request, "cursor": answer["next_cursor"]}, headers=header).json()
    assert len(seen) == len(set(seen))
    assert set(seen) == INSIDE.keys()


def test_a_cursor_of_another_rule_leads_nowhere(api: Api, installation: Installation) -> None:
    request = {"q": "", "size": 5}
    whole, restricted = bearer(installation.whole), bearer(installation.restricted)
    for first, second in ((whole, restricted), (restricted, whole)):
        cursor = api.post("/v1/customers/search", json=request, headers=first).json()["next_cursor"]
        answer = api.post("/v1/customers/search", json={**request, "cursor": cursor}, headers=second)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
        assert api.post("/v1/customers/search", json={**request, "cursor": cursor}, headers=first).status_code == 200


def test_figures_are_those_of_the_allowed(api: Api, installation: Installation) -> None:
    header = bearer(installation.restricted)
    ages = [each["age"] for each in INSIDE.values() if "age" in each]
    stats = api.post("/v1/stats", json={"fields": ["age"], "by": ["city"]}, headers=header).json()
    assert (stats["population"], stats["fields"]["age"]["n"], stats["fields"]["age"]["sum"]) == (len(INSIDE), len(ages), sum(ages))
    assert {each["value"]: each["population"] for each in stats["groups"]} == Counter(each["city"] for each in INSIDE.values())
    crosstab = api.get("/v1/stats/crosstab?rows=city&columns=owner", headers=header).json()
    assert crosstab["population"] == len(INSIDE)
    for name in ("grown", "buyers"):
        field = "age" if name == "grown" else "order_count"
        body = {"label": name, "filters": [{"field": field, "gte": 30 if name == "grown" else 3}]}
        api.put(f"/v1/segments/{name}", json=body, headers=header).raise_for_status()
    grown = {name for name, each in INSIDE.items() if each.get("age", 0) >= 30}
    buyers = {name for name, each in INSIDE.items() if each.get("order_count", 0) >= 3}
    listed = api.get("/v1/segments", headers=header).json()
    assert listed["population"] == len(INSIDE)
    assert {each["name"]: each["size"] for each in listed["segments"]}["grown"] == len(grown)
    profile = api.get("/v1/segments/grown/profile", headers=header).json()
    assert (profile["population"], profile["size"]) == (len(INSIDE), len(grown))
    overlap = api.get("/v1/segments/compare?a=grown&b=buyers", headers=header).json()["overlap"]
    assert (overlap["both"], overlap["only_a"], overlap["only_b"]) == (len(grown & buyers), len(grown - buyers), len(buyers - grown))
    assert (overlap["either"], overlap["population"]) == (len(grown | buyers), len(INSIDE))
    assert api.get("/v1/insights", headers=header).json()["population"] == len(INSIDE)
    campaigns = api.get("/v1/insights/campaigns?by=city&size=100", headers=header).json()
    assert campaigns["population"] == sum("campaigns_sent" in each for each in INSIDE.values())
    for path, wanted in (("/v1/customers/export?format=csv", INSIDE.keys()), ("/v1/segments/grown/export?format=csv", grown)):
        file = api.get(path, headers=header)
        assert int(file.headers["X-Total-Count"]) == len(wanted)
        assert {line.split(",")[0] for line in file.text.lstrip("\ufeff").splitlines()[1:]} == set(wanted)
    for name in ("grown", "buyers"):
        api.delete(f"/v1/segments/{name}", headers=header).raise_for_status()


RULES = [
    "city:北京|上海",
    "-city:北京",
    "tags:clinic",
    "-tags:clinic|tag1",
    "tags:*",
    "-tags:*",
    "age:30..40",
    "age:30<..<40",
    "age:30",
    "-age:30|31",
    "revenue:..250.5",
    "churn_risk:0.5..",
    "created_at:2025-06-01..2026-01-31",
    "created_at:2025-06-01<..<2026-01-31",
    "created_at:..2025-06-01T12:00:00Z",
    "last_order_at:2026-01-01..",
    "-last_order_at:*",
    "job_title:*",
    "rfm_monetary:4|5",
]


@pytest.mark.parametrize("text", [*RULES, f"{RULES[0]} {RULES[6]}"])
def test_a_rule_means_the_same_here_and_in_elasticsearch(installation: Installation, text: str) -> None:
    rule = read_rows(tuple(text.split()))
    lifecycle = installation.lifecycle
    hits = lifecycle._client.search(index=lifecycle.alias, query=rule.clause, size=1000, source=False)["hits"]["hits"]
    held = {name for name, each in SOURCES.items() if rule.holds(each)}
    assert {hit["_id"] for hit in hits} == held
    assert 0 <= len(held) < len(SOURCES)


def test_what_is_masked_cannot_be_found_out_by_its_order_or_ranges(api: Api, installation: Installation) -> None:
    header = bearer(installation.agent)
    for method, path, body in (
        ("POST", "/v1/customers/search", {"q": "", "sort": ["birth_date"]}),
        ("POST", "/v1/customers/search", {"q": "birth_date:1990-01-01..1990-06-30"}),
        ("POST", "/v1/customers/search", {"q": "", "facets": [{"field": "birth_date", "interval": "month"}]}),
        ("POST", "/v1/customers/search", {"q": "", "filters": [{"field": "phones", "in": ["+8613800138000", "+8613800138001"]}]}),
        ("GET", "/v1/stats/age?by=birth_date:1990-01-01|1991-01-01", None),
        ("GET", "/v1/stats/age?filter=birth_date:1990-01-01..", None),
        ("GET", "/v1/insights/campaigns?filter=birth_date:1990-01-01..", None),
        ("PUT", "/v1/segments/guess", {"label": "x", "filters": [{"field": "birth_date", "gte": "1990-01-01"}]}),
    ):
        answer = api.request(method, path, json=body, headers=header)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (path, body, answer.text)
        assert "masked" in answer.json()["detail"] or "by which your role may not ask" in answer.json()["detail"]
    # A customer names their number.
    named = api.post("/v1/customers/search", json={"q": "", "filters": [{"field": "phones", "in": NAMED["phones"]}]}, headers=header)
    assert [hit["id"] for hit in named.json()["hits"]] == ["IN"]
    assert named.json()["hits"][0]["customer"]["phones"] == ["+86138****8000"]
    shown = api.post("/v1/customers/search", json={"q": "", "sort": ["birth_date"], "size": 1}, headers=header | {"X-Purpose": "support"})
    assert shown.json()["hits"][0]["customer"]["phones"] == NAMED["phones"]
    assert shown.json()["hits"][0]["customer"]["national_id"] == "110****34"


def test_what_is_masked_cannot_be_found_out_by_many_conditions(api: Api, installation: Installation) -> None:
    header, whole = bearer(installation.agent), bearer(installation.whole)
    days: list[Source] = [{"field": "birth_date", "not_in": [f"1990-03-{day:02}"]} for day in range(1, 20)]
    number: Source = {"field": "phones", "in": NAMED["phones"]}
    ranged: Source = {"label": "Young", "filters": [{"field": "birth_date", "gte": "1990-01-01"}]}
    named: Source = {"label": "Them", "filters": [number]}
    for name, definition in (("young", ranged), ("them", named)):
        assert api.put(f"/v1/segments/{name}", json=definition, headers=whole).status_code == 201
    me: Source = {"field": "customer_id", "in": ["IN"]}
    questions: tuple[tuple[str, Source], ...] = (
        ("customers/search", {"q": "", "filters": [me, *days]}),
        ("customers/search", {"q": "-phones:+8613800138001", "filters": [number]}),
        ("customers/search", {"q": "", "filters": [me, {"segment": "young"}]}),
        ("customers/search", {"q": "segment:young", "filters": [me]}),
        ("customers/search", {"q": "", "filters": [{"not_segment": "them"}, number]}),
        # Figures leave no trace of who was asked about, so that none may be asked by what only a person tells.
        ("stats", {"fields": ["age"], "filters": [me]}),
        ("stats", {"fields": ["age"], "q": "-48000"}),
        ("stats", {"fields": ["age"], "filters": [number]}),
        ("stats", {"fields": ["age"], "filters": [{"segment": "them"}]}),
    )
    for path, body in questions:
        for purpose in ({}, {"X-Purpose": "support"}) if path == "stats" else ({},):
            answer = api.post(f"/v1/{path}", json=body, headers=header | purpose)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (path, body, answer.text)
    for definition in (ranged, named, {"label": "Text", "q": "48000"}):
        assert api.put("/v1/segments/guess", json=definition, headers=header | {"X-Purpose": "quality"}).status_code == 403
    # Who may ask for figures by personal data states a purpose that masks it.
    browsing = whole | {"X-Purpose": "browse"}
    for path in ("insights/campaigns?filter=segment:young", "insights/service?q=segment:young"):
        assert api.get(f"/v1/{path}", headers=whole).status_code == 200
        answer = api.get(f"/v1/{path}", headers=browsing)
        assert (answer.status_code, "masked" in answer.json()["detail"]) == (403, True), path
    nested = {"label": "Nested", "filters": [{"segment": "young"}]}
    assert api.put("/v1/segments/guess", json=nested, headers=browsing).status_code == 403
    assert {"young", "them"}.isdisjoint(each["name"] for each in api.get("/v1/segments", headers=header).json()["segments"])
    assert api.get("/v1/segments/young", headers=header).status_code == 404
    for name in ("young", "them"):
        api.delete(f"/v1/segments/{name}", headers=whole).raise_for_status()


def test_the_id_of_a_merged_record_leads_to_nobody_outside_the_rule(api: Api, installation: Installation) -> None:
    header, inside = bearer(installation.restricted), {"name": "Mallory", "country": "CN", "owner": "A"}
    assert api.put("/v1/customers/ZZY", json=inside, headers=header).status_code == 404
    batch = {"customers": [{"customer_id": "ZZY", **inside}]}
    results = api.post("/v1/customers/batch", json=batch, headers=header).raise_for_status().json()["results"]
    assert [each["status"] for each in results] == [404]
    assert api.post("/v1/customers/ZZY/export", headers=header | {"X-Purpose": "privacy_request"}).status_code == 404
    assert api.delete("/v1/customers/ZZY", headers=header).status_code == 404
    # Who may see everybody is told that it is somebody's already.
    answer = api.put("/v1/customers/ZZY", json=inside, headers=bearer(installation.whole))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert api.get("/v1/customers/ZZZ", headers=bearer(installation.whole)).json()["name"] == "王小明 Zzz"


def test_no_answer_holds_anything_of_a_customer_outside_the_rule(api: Api, installation: Installation) -> None:
    refused, wrong = set(), []
    for request in REQUESTS:
        _, route, path, _ = request
        answer = _ask(api, installation.restricted, request, **{"X-Purpose": "privacy_request"})
        if answer.status_code == 403:
            refused.add(route)
            assert "some customers only" in answer.json()["detail"], request
        elif answer.status_code != 404 if OUT in path else not answer.is_success:
            wrong.append((request, answer.status_code, answer.text))
        # The words of the question are the caller's own: values that nobody has, the ids of a batch.
        said = re.sub(rf'"id":"{OUT}","status":404|"not_found":{{[^}}]*}}', "", answer.text)
        if found := OUTSIDE.findall(said):
            wrong.append((request, found, said[:300]))
    assert not wrong
    assert refused == {"/v1/runs", "/v1/runs/{run_id:str}", "/metrics", "/v1/audit", "/v1/audit/alerts"}
    assert {"runs:read", "metrics:read", "audit:read"} <= OF_EVERYBODY
    # Nothing outside was changed, and nothing was written outside.
    whole, mine = bearer(installation.whole), bearer(installation.restricted)
    assert api.get(f"/v1/customers/{OUT}", headers=whole).json()["name"] == SOURCES[OUT]["name"]
    for name, body in (("NEW3", {**SMALL, "country": "DE"}), ("IN", {**SMALL, "country": "DE"})):
        assert api.put(f"/v1/customers/{name}", json=body, headers=mine).status_code == 403
    assert api.get("/v1/customers/NEW3", headers=whole).status_code == 404
    assert api.get("/v1/customers/NEW2", headers=mine).json()["name"] == "Ada Byron"


def test_no_answer_holds_in_full_what_is_masked(api: Api, installation: Installation) -> None:
    checked = 0
    for request in REQUESTS:
        method, route, *_ = request
        if route.startswith(("/v1/audit", "/metrics", "/v1/runs", "/v1/rules")) or method == "DELETE":  # the examples of rules are nobody's
            continue
        answer = _ask(api, installation.masked, request)
        if route.endswith("{customer_id:str}/export"):
            assert answer.status_code == 403, request
            assert "privacy_request" in answer.json()["detail"]
            continue
        said = re.sub(r'"not_found":{[^}]*}', "", answer.text)
        assert not [word for word in PLAIN if word in said], request
        checked += answer.is_success and "王小明" in said
    assert checked >= 8  # answers that show the very customer
    answer = _ask(api, installation.whole, REQUESTS[2])
    shown = json.dumps(answer.json()["hits"], ensure_ascii=False)
    assert "喜欢喝茶" in shown


def _values(source: Source, field: str) -> list[Any]:
    value = source.get(field)
    return value if isinstance(value, list) else [] if value is None else [value]
