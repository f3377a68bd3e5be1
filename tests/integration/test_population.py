"""A search, its facets, its export and every figure of the same text and filters are about the same customers, whatever the stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.segments import SegmentStore
from crmsearch.keyfile import make_vault
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

Api = TestClient[Litestar]
TEXTS = {
    "": "precise",
    "Jones": "precise",  # fifteen, which is enough
    "Smith": "tolerant",  # four, and eight that sound alike
    "Smith age:20..28": "tolerant",
    "Smiht": "tolerant",  # nobody as typed
    "Smith Quito": "partial",  # nobody has both
    "Zzyzx": "tolerant",  # nobody at all
    '"Ann Smith"': "precise",
}
FILTERS: tuple[list[dict[str, Any]], ...] = ([], [{"field": "gender", "in": ["female"]}], [{"field": "age", "gte": 30}])


def _documents() -> Iterator[dict[str, Any]]:
    names = ["Ann Smith"] * 2 + ["Bob Smith"] * 2 + ["Carl Smyth"] * 8 + ["Dora Jones"] * 15 + ["Eve Quito"] * 3
    for number, name in enumerate(names):
        given, family = name.split()
        yield {
            "name": name,
            "given_name": given,
            "family_name": family,
            "gender": ("female", "male")[number % 2],
            "city": ("Berlin", "Hamburg", "Bremen")[number % 3],
            "age": 20 + number,
            "owner": "A",
            "ticket_count": 1 + number % 3,
            "average_resolution_hours": 2.0 + number,
            "campaigns_sent": 3,
            "campaigns_opened": number % 3,
        }


@pytest.fixture(scope="module")
def api(node_settings: Settings) -> Iterator[Api]:
    with own_prefix(node_settings, "population") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, _documents()))
        client = make_async_client(settings.elasticsearch)
        backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
        app = create_app(backend, segments=SegmentStore(client, settings.elasticsearch, make_vault(settings)))
        app.on_shutdown.append(client.close)
        with TestClient(app, base_url="http://127.0.0.1") as api:
            yield api


def _post(api: Api, path: str, **body: Any) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("q", TEXTS)
def test_figures_are_about_those_whom_the_search_finds(api: Api, q: str, filters: list[dict[str, Any]]) -> None:
    asked = {"q": q, "filters": filters}
    # The counts of a facet leave its own selection out, so the city is never selected here.
    found = _post(api, "/v1/customers/search", **asked, facets=["city"], exact_total=True)
    cities = {bucket["value"]: bucket["count"] for bucket in found["facets"][0]["buckets"]}
    figures = _post(api, "/v1/stats", **asked, fields=["age", "city"], by="city")
    assert figures["population"] == found["total"]
    assert {group["value"]: group["population"] for group in figures["groups"]} == cities
    assert {each["value"]: each["count"] for each in figures["fields"]["city"]["values"]} == cities
    assert figures["fields"]["age"]["n"] == found["total"]
    assert _post(api, "/v1/stats/correlation", **asked, fields=["age", "ticket_count"])["population"] == found["total"]
    crossed = _post(api, "/v1/stats/crosstab", **asked, rows="city", columns="gender")
    assert crossed["population"] == found["total"]
    assert {row["value"]: row["count"] for row in crossed["rows"]} == cities
    export = api.post("/v1/customers/export", json={**asked, "format": "ndjson", "fields": ["customer_id"]})
    assert export.headers["x-total-count"] == str(found["total"])


@pytest.mark.parametrize("q", TEXTS)
def test_insights_are_about_those_whom_the_search_finds(api: Api, q: str) -> None:
    found = _post(api, "/v1/customers/search", q=q, facets=["city"], exact_total=True)
    cities = {bucket["value"]: bucket["count"] for bucket in found["facets"][0]["buckets"]}
    for path in ("/v1/insights/service", "/v1/insights/campaigns"):
        insight = api.get(path, params={"q": q, "by": "city"}).json()
        assert insight["population"] == found["total"]
        assert {group["value"]: group["customers"] for group in insight["groups"]} == cities


@pytest.mark.parametrize(("q", "stage"), TEXTS.items())
def test_the_texts_are_of_all_stages(api: Api, q: str, stage: str) -> None:
    """Or the tests above would prove nothing."""
    found = _post(api, "/v1/customers/search", q=q)
    assert found["stage"] == stage
    assert (found["total"] == 0) == (q == "Zzyzx")


def test_a_segment_of_a_text_is_of_those_who_fit_as_typed(api: Api) -> None:
    """Or it would have twelve members until six more people of the name come, and then ten."""
    assert api.put("/v1/segments/smiths", json={"label": "Smiths", "q": "Smith"}).json()["size"] == 4
    assert _post(api, "/v1/customers/search", q="Smith")["total"] == 12
    members = [{"segment": "smiths"}]
    assert _post(api, "/v1/customers/search", filters=members)["total"] == 4
    assert _post(api, "/v1/stats", filters=members, fields=["age"])["population"] == 4
    within = _post(api, "/v1/customers/search", q="Carl", filters=members)
    assert within["total"] == _post(api, "/v1/stats", q="Carl", filters=members, fields=["age"])["population"]
