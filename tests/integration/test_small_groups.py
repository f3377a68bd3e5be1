"""Insights, profiles and sizes of segments for a role that may not see small groups: every figure against a count of every customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.segments import SegmentStore
from crmsearch.keyfile import make_vault
from crmsearch.privacy.access import Role
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.contrast import CATEGORIES
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.search.small_groups import SMALL_GROUP as K
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents
from tests.keys import Keys, bearer
from tests.population import TODAY, make_population

Api = TestClient[Litestar]
# Of so few many groups are small; and some more that stand alone.
CUSTOMERS = list(make_population(140, seed=5))
for place, each in enumerate(CUSTOMERS[:30]):
    each["company"] = ["Acme", "Hooli", "Initech"][place % 3] if place < 24 else f"Alone {place // 2}"
SAVED = {
    "acme": [{"field": "company", "in": ["Acme"]}],
    "alone": [{"field": "company", "in": ["Alone 12"]}],
    "all-but-a-few": [{"field": "company", "not_in": ["Alone 12"]}],
}
NAMES = [*BUILT_IN, *SAVED]
MANY = {field.name for field in CATEGORIES if field.many}


@pytest.fixture(scope="module")
def settings(node_settings: Settings) -> Iterator[Settings]:
    with own_prefix(node_settings, "small") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, CUSTOMERS))
        yield settings


def _api(settings: Settings, role: Role) -> Api:
    client = make_async_client(settings.elasticsearch)
    backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
    keys: Any = Keys()
    app = create_app(backend, segments=SegmentStore(client, settings.elasticsearch, make_vault(settings)), keys=keys, clock=lambda: TODAY)
    app.on_shutdown.append(client.close)
    api = TestClient(app, base_url="http://127.0.0.1")
    api.headers.update(bearer(keys.make(role)))
    return api


@pytest.fixture(scope="module")
def open_api(settings: Settings) -> Iterator[Api]:
    with _api(settings, "admin") as api:
        for name, filters in SAVED.items():
            api.put(f"/v1/segments/{name}", json={"label": name, "filters": filters}).raise_for_status()
        yield api


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[Api]:
    with _api(settings, "analyst") as api:
        yield api


def _small(count: int) -> bool:
    return 0 < count < K


def _customers_by(field: str, having: str) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for each in CUSTOMERS:
        if each.get(having, 0) > 0:
            value = each.get(field)
            found.update(value if isinstance(value, list) else [] if value is None else [value])
    return found


@pytest.mark.parametrize("by", ["company", "city", "tags", "rfm_segment", "segment"])
@pytest.mark.parametrize(("path", "having"), [("campaigns", "campaigns_sent"), ("service", "ticket_count")])
def test_groups_of_insights(api: Api, open_api: Api, path: str, having: str, by: str) -> None:
    answer, whole = (each.get(f"/v1/insights/{path}?by={by}&size=100").json() for each in (api, open_api))
    small = [each for each in whole["groups"] if _small(each["customers"])]
    assert not any(_small(each["customers"]) for each in answer["groups"])
    shown = {each["value"] for each in answer["groups"]}
    assert answer["suppressed"] is (len(shown) < len(whole["groups"]))
    assert not whole["suppressed"]
    if by == "segment":
        assert not any(_small(answer["population"] - each["customers"]) for each in answer["groups"])
        return
    assert {each["value"]: each["customers"] for each in whole["groups"]} == _customers_by(by, having)
    assert not {each["value"] for each in small} & shown
    if by not in MANY:
        # Totals stay, and what they leave is no small group.
        assert answer["population"] == sum(each["customers"] for each in answer["groups"]) + answer["other_count"] + answer["missing_count"]
        assert not _small(answer["other_count"])
    for each in [*answer.get("best", []), *answer.get("worst", [])]:
        assert each["value"] in shown


def test_some_groups_are_small_at_all(open_api: Api) -> None:
    """Else the tests of this file would show nothing."""
    for path in ("campaigns", "service"):
        assert any(_small(each["customers"]) for each in open_api.get(f"/v1/insights/{path}?by=company").json()["groups"])
    sizes = [each["size"] for each in open_api.get("/v1/segments").json()["segments"]]
    assert any(_small(size) for size in sizes)


@pytest.mark.parametrize("by", ["company", "city", "owner", "tags"])
def test_measures_of_service_that_few_stand_behind(api: Api, open_api: Api, by: str) -> None:
    answer, whole = (each.get(f"/v1/insights/service?by={by}&size=100").json() for each in (api, open_api))
    for measure in ("resolution", "satisfaction"):
        told = [each[measure]["n"] for each in answer["groups"] if each[measure]]
        assert not any(_small(n) for n in told)
        if by not in MANY and told:
            assert not _small(whole["total"][measure]["n"] - sum(told))
    open_ = [each["open"] for each in answer["groups"] if each["open"]]
    assert not any(_small(each["customers"]) or _small(each["n"] - each["customers"]) for each in open_)
    worst = {each["measure"]: each for each in answer["worst"]}
    for measure, each in worst.items():
        assert not _small(each["n"])
        assert not _small(each["rest_n"])
        assert next(group for group in answer["groups"] if group["value"] == each["value"])[measure]


def test_sizes_of_segments(api: Api, open_api: Api) -> None:
    told, sizes = ({each["name"]: each["size"] for each in some.get("/v1/segments").json()["segments"]} for some in (api, open_api))
    for name, size in sizes.items():
        hidden = _small(size) or _small(len(CUSTOMERS) - size)
        assert told[name] == (None if hidden else size)
        one = api.get(f"/v1/segments/{name}").json()
        assert one["size"] == told[name]
        assert ("fewer than" in (one["reason"] or "")) is hidden
    written = api.put("/v1/segments/one", json={"label": "One", "filters": [{"field": "company", "in": ["Alone 13"]}]})
    assert (written.status_code, written.json()["size"]) == (201, None)


def _check_contrast(answer: dict[str, Any], parts: dict[str, tuple[str, str] | str]) -> None:
    """No part of any field, value or rest is small; a part is a group of the answer, or one less another."""

    def of(figures: dict[str, int]) -> list[int]:
        return [figures[part] if isinstance(part, str) else figures[part[0]] - figures[part[1]] for part in parts.values()]

    for number in answer["numbers"]:
        assert not any(map(_small, of({name: each["n"] for name, each in number["groups"].items()}))), number["field"]
    for category in answer["categories"]:
        assert not any(map(_small, of(category["known"]))), category["field"]
        if category["other_count"] is not None:
            assert not any(map(_small, of(category["other_count"]))) or not category["values"], category["field"]
        for value in category["values"]:
            assert not any(map(_small, of(value["counts"]))), value


def test_profiles(api: Api, open_api: Api) -> None:
    refused, withheld = 0, 0
    for name in NAMES:
        size = open_api.get(f"/v1/segments/{name}").json()["size"]
        answer = api.get(f"/v1/segments/{name}/profile")
        if _small(size) or _small(len(CUSTOMERS) - size):
            assert (answer.status_code, answer.json()["code"]) == (403, "small_group")
            refused += 1
            continue
        profile = answer.json()
        _check_contrast(profile, {"members": "segment", "others": ("everyone", "segment")})
        for value in profile["over_represented"]:
            assert not _small(value["counts"]["segment"])
            assert not _small(value["counts"]["everyone"] - value["counts"]["segment"])
        withheld += len(profile["withheld"])
        assert open_api.get(f"/v1/segments/{name}/profile").json()["withheld"] == []
    assert refused
    assert withheld


def test_comparisons(api: Api, open_api: Api) -> None:
    answered = 0
    for a, b in combinations([*SAVED, *list(BUILT_IN)[::4]], 2):
        overlap = open_api.get(f"/v1/segments/compare?a={a}&b={b}").json()["overlap"]
        parts = [overlap["only_a"], overlap["only_b"], overlap["both"], overlap["population"] - overlap["either"]]
        answer = api.get(f"/v1/segments/compare?a={a}&b={b}")
        if any(map(_small, parts)):
            assert (answer.status_code, answer.json()["code"]) == (403, "small_group")
            continue
        answered += 1
        _check_contrast(answer.json(), {part: part for part in ("only_a", "only_b", "both")})
    assert answered


def test_findings_of_the_tour(api: Api, open_api: Api) -> None:
    answer = api.get("/v1/insights").json()
    for each in answer["associations"]:
        assert each["count"] >= K
    for each in answer["unusual"]:
        assert min(each["n"], each["rest_n"]) >= K
    for each in answer["moved"]:
        assert not _small(each["count"])
        assert not _small(each["earlier_count"])
    assert answer["population"] == open_api.get("/v1/insights").json()["population"]
