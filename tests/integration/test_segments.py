"""Segments on a real node: kept, versioned, nested, counted; profile and comparison against a count of every customer in Python."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from scipy import stats

from crmsearch.api.app import create_app
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.names import segments_index
from crmsearch.indexing.segments import SegmentStore
from crmsearch.keyfile import make_vault
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.cursor import Cursors
from crmsearch.search.filters import Filter
from crmsearch.search.resolver import Resolver
from crmsearch.search.segment_service import SegmentService
from crmsearch.search.segments import Definition, SegmentVersion, SegmentView
from crmsearch.search.service import ElasticsearchBackend, SearchService
from crmsearch.search.significance import EXACT_BELOW
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents
from tests.population import TODAY, Source, make_population

Api = TestClient[Litestar]
CUSTOMERS = list(make_population(2500, seed=3))
BERLIN: dict[str, Any] = {"label": "Berlin", "filters": [{"field": "city", "in": ["Berlin"]}]}
WOMEN: dict[str, Any] = {"label": "Women of Berlin", "filters": [{"segment": "berlin"}, {"field": "gender", "in": ["female"]}]}


@pytest.fixture(scope="module")
def settings(node_settings: Settings) -> Iterator[Settings]:
    with own_prefix(node_settings, "segments") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, CUSTOMERS))
        yield settings


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[Api]:
    client = make_async_client(settings.elasticsearch)
    backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
    app = create_app(backend, segments=SegmentStore(client, settings.elasticsearch, make_vault(settings)), clock=lambda: TODAY)
    app.on_shutdown.append(client.close)
    with TestClient(app, base_url="http://127.0.0.1") as api:
        yield api


@pytest.fixture
def clean(api: Api, settings: Settings) -> Iterator[Api]:
    """An API without saved segments."""
    yield api
    with make_client(settings.elasticsearch) as client:
        client.indices.delete(index=segments_index(settings.elasticsearch.index_prefix), ignore_unavailable=True)


def _put(api: Api, name: str, definition: dict[str, Any], **headers: str) -> Any:
    return api.put(f"/v1/segments/{name}", json=definition, headers={key.replace("_", "-"): value for key, value in headers.items()})


def _total(api: Api, *filters: Any) -> int:
    return int(api.post("/v1/customers/search", json={"filters": list(filters), "size": 0}).json()["total"])


def _members(holds: Callable[[Source], bool]) -> list[Source]:
    return [each for each in CUSTOMERS if holds(each)]


def _is_berlin(customer: Source) -> bool:
    return bool(customer["city"] == "Berlin")


def _ordered_within(customer: Source, days: int) -> bool:
    if "last_order_at" not in customer:
        return False
    day = datetime.fromisoformat(customer["last_order_at"]).date()
    return (TODAY.date() - day).days <= days


# Kept by name and version


def test_a_segment_is_saved_changed_and_deleted_by_version(clean: Api) -> None:
    created = _put(clean, "berlin", BERLIN)
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    body = created.json()
    assert body["size"] == len(_members(_is_berlin))
    assert (body["label"], body["version"], body["built_in"]) == ("Berlin", 1, False)
    assert body["created_at"] == body["updated_at"] == "2026-11-25T09:30:00.000Z"
    read = clean.get("/v1/segments/berlin")
    assert (read.json(), read.headers["etag"]) == (body, '"1"')

    again = {**BERLIN, "label": "Berliners"}
    assert _put(clean, "berlin", again).status_code == 428
    assert _put(clean, "berlin", again, If_Match='"7"').status_code == 412
    assert _put(clean, "berlin", again, If_None_Match="*").status_code == 412
    assert clean.get("/v1/segments/berlin").json() == body
    changed = _put(clean, "berlin", again, If_Match='"1"')
    assert (changed.status_code, changed.headers["etag"], changed.json()["label"]) == (200, '"2"', "Berliners")
    assert _put(clean, "berlin", again, If_Match='"1"').status_code == 412

    assert clean.delete("/v1/segments/berlin", headers={"If-Match": '"1"'}).status_code == 412
    assert clean.delete("/v1/segments/berlin", headers={"If-Match": '"2"'}).status_code == 204
    assert clean.get("/v1/segments/berlin").status_code == 404
    assert clean.delete("/v1/segments/berlin").status_code == 404
    assert _put(clean, "berlin", BERLIN, If_Match='"2"').status_code == 412
    anew = _put(clean, "berlin", BERLIN, If_None_Match="*")
    assert (anew.status_code, anew.headers["etag"]) == (201, '"4"')

    history = clean.get("/v1/segments/berlin/versions").json()
    assert [(each["version"], each["label"], each["deleted"]) for each in history["versions"]] == [
        (4, "Berlin", False),
        (3, "Berliners", True),
        (2, "Berliners", False),
        (1, "Berlin", False),
    ]
    page = clean.get("/v1/segments/berlin/versions?size=3").json()
    assert page["next"] == 2
    assert clean.get("/v1/segments/berlin/versions?size=3&before=2").json() == {"versions": history["versions"][3:], "next": None}


def test_of_many_writers_at_once_one_succeeds(clean: Api) -> None:
    def write(number: int) -> int:
        return int(_put(clean, "raced", {**BERLIN, "label": f"Writer {number}"}, **tag).status_code)

    tag: dict[str, str] = {}
    with ThreadPoolExecutor(8) as threads:
        first = sorted(threads.map(write, range(8)))
        assert first[0] == 201
        assert set(first[1:]) <= {409, 428}
        tag = {"If_Match": '"1"'}
        second = sorted(threads.map(write, range(8)))
        assert second[0] == 200
        assert set(second[1:]) <= {409, 412}
    history = clean.get("/v1/segments/raced/versions").json()["versions"]
    assert [each["version"] for each in history] == [2, 1]


def test_first_writers_of_all_do_not_meet_an_index_that_is_not_there_yet(clean: Api, settings: Settings) -> None:
    """The index is made by the first of them; for an instant it is there and cannot be read."""

    def write(number: int) -> int:
        return int(_put(clean, f"first-{number}", BERLIN).status_code)

    with ThreadPoolExecutor(8) as threads, make_client(settings.elasticsearch) as client:
        for _ in range(8):
            client.indices.delete(index=segments_index(settings.elasticsearch.index_prefix), ignore_unavailable=True)
            assert list(threads.map(write, range(8))) == [201] * 8


def test_a_write_of_another_process_in_between_is_a_conflict(clean: Api, settings: Settings) -> None:
    _put(clean, "berlin", BERLIN)

    class Slow(SegmentStore):
        """Another process writes after this one has looked."""

        async def write(self, version: SegmentVersion, over: Any) -> None:
            await asyncio.to_thread(_put, clean, "berlin", {**BERLIN, "label": "Faster"}, If_Match='"1"')
            await super().write(version, over)

    async def change() -> SegmentView:
        client = make_async_client(settings.elasticsearch)
        try:
            store = Slow(client, settings.elasticsearch, make_vault(settings))
            backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
            resolver = Resolver(store, lambda: TODAY)
            search = SearchService(backend, Cursors("key", 60, time.time), resolver)
            service = SegmentService(backend, store, search, resolver)
            return (await service.put("berlin", Definition(label="Slower", filters=[]), '"1"', None))[0]
        finally:
            await client.close()

    with pytest.raises(Exception, match="changed by somebody else at this moment"):
        asyncio.run(change())
    history = clean.get("/v1/segments/berlin/versions").json()["versions"]
    assert [(each["version"], each["label"]) for each in history] == [(2, "Faster"), (1, "Berlin")]


def test_built_in_segments_are_read_only(clean: Api) -> None:
    for answer in (_put(clean, "churn-high", BERLIN), clean.delete("/v1/segments/churn-high")):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "built in" in answer.json()["detail"]
    assert clean.get("/v1/segments/churn-high").headers["etag"] == '"1"'
    assert [each["version"] for each in clean.get("/v1/segments/churn-high/versions").json()["versions"]] == [1]


# Counted


def test_all_segments_are_listed_with_their_sizes(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    _put(clean, "women", WOMEN)
    answer = clean.get("/v1/segments").json()
    sizes = {each["name"]: each["size"] for each in answer["segments"]}
    assert answer["population"] == len(CUSTOMERS)
    assert list(sizes) == [*BUILT_IN, "berlin", "women"]
    expected: dict[str, Callable[[Source], bool]] = {
        "rfm-champions": lambda each: each.get("rfm_segment") == "champions",
        "rfm-at-risk": lambda each: each.get("rfm_segment") == "at risk",
        "rfm-new": lambda each: False,
        "lifecycle-lead": lambda each: each["lifecycle"] == "lead",
        "service-open": lambda each: each.get("open_ticket_count", 0) >= 1,
        "service-dissatisfied": lambda each: each.get("satisfaction", 5) < 3,
        "service-risk": lambda each: each.get("satisfaction", 5) < 3 and each.get("open_ticket_count", 0) >= 1,
        "churn-high": lambda each: each.get("churn_risk", 0) >= 0.7,
        "churn-medium": lambda each: 0.4 <= each.get("churn_risk", 0) < 0.7,
        "churn-valuable": lambda each: each.get("churn_risk", 0) >= 0.7 and each["rfm_monetary"] >= 4,
        "active-90-days": lambda each: _ordered_within(each, 90),
        "silent-one-year": lambda each: "last_order_at" in each and not _ordered_within(each, 365),
        "berlin": _is_berlin,
        "women": lambda each: _is_berlin(each) and each["gender"] == "female",
    }
    assert {name: sizes[name] for name in expected} == {name: len(_members(holds)) for name, holds in expected.items()}


# Nested and used


def test_a_segment_is_a_filter_of_searches_statistics_and_segments(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    _put(clean, "women", WOMEN)
    women = _members(lambda each: _is_berlin(each) and each["gender"] == "female")
    assert _total(clean, {"segment": "women"}) == len(women)
    assert _total(clean, {"not_segment": "women"}) == len(CUSTOMERS) - len(women)
    assert _total(clean, {"segment": "berlin"}, {"not_segment": "women"}) == len(_members(_is_berlin)) - len(women)
    by_url = clean.get("/v1/customers/search", params={"filter": ["segment:berlin", "-segment:women", "age:20..39"], "facets": "gender"})
    others = _members(lambda each: _is_berlin(each) and each["gender"] != "female" and 20 <= each.get("age", 0) <= 39)
    assert by_url.json()["total"] == len(others)
    counts = {each["value"]: each["count"] for each in by_url.json()["facets"][0]["buckets"]}
    assert counts == {value: sum(each["gender"] == value for each in others) for value in {each["gender"] for each in others}}
    found = clean.get("/v1/stats/age?filter=segment:women").json()
    assert found["population"] == len(women)
    assert found["fields"]["age"]["mean"] == pytest.approx(np.mean([each["age"] for each in women if "age" in each]))


def test_a_segment_changes_with_its_definition_and_a_cursor_does_not_mix_two(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    first = clean.get("/v1/customers/search?filter=segment:berlin&size=5").json()
    second = clean.get("/v1/customers/search", params={"filter": "segment:berlin", "size": 5, "cursor": first["next_cursor"]})
    assert second.status_code == 200
    _put(clean, "berlin", {"label": "Hamburg", "filters": [{"field": "city", "in": ["Hamburg"]}]}, If_Match='"1"')
    assert _total(clean, {"segment": "berlin"}) == len(_members(lambda each: each["city"] == "Hamburg"))
    third = clean.get("/v1/customers/search", params={"filter": "segment:berlin", "size": 5, "cursor": first["next_cursor"]})
    assert (third.status_code, third.json()["code"]) == (400, "invalid_cursor")


def test_the_text_of_a_segment_narrows_and_is_no_reason_of_a_hit(clean: Api) -> None:
    _put(clean, "seventeen", {"label": "Seventeen", "q": "Person 17"})
    answer = clean.post("/v1/customers/search", json={"q": "Berlin", "filters": [{"segment": "seventeen"}], "highlight": False}).json()
    assert answer["total"] <= _total(clean, {"segment": "seventeen"})
    assert clean.get("/v1/segments/seventeen").json()["size"] >= 1
    assert all("name" not in hit["matched"] for hit in answer["hits"])


def test_cycles_unknown_segments_and_too_deep_ones_are_refused(clean: Api) -> None:
    _put(clean, "a", BERLIN)
    for name, below in (("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")):
        assert _put(clean, name, {"label": name, "filters": [{"segment": below}]}).status_code == 201
    cycle = _put(clean, "a", {"label": "a", "filters": [{"segment": "c"}]}, If_Match='"1"')
    assert (cycle.status_code, cycle.json()["code"]) == (400, "segment_nesting")
    assert "a → c → b → a" in cycle.json()["detail"]
    itself = _put(clean, "new", {"label": "x", "filters": [{"not_segment": "new"}]})
    assert (itself.status_code, itself.json()["detail"]) == (400, "a segment cannot use itself: new → new")
    deep = _put(clean, "f", {"label": "f", "filters": [{"segment": "e"}]})
    assert (deep.status_code, deep.json()["code"]) == (400, "segment_nesting")
    # What lies above would be too deep.
    _put(clean, "z", BERLIN)
    above = _put(clean, "a", {"label": "a", "filters": [{"segment": "z"}]}, If_Match='"1"')
    assert (above.status_code, above.json()["detail"]) == (400, "segments are nested deeper than 5: e → d → c → b → a → z")
    unknown = _put(clean, "new", {"label": "x", "filters": [{"segment": "nobody"}]})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_segment")
    assert clean.get("/v1/segments/new").status_code == 404
    for path in ("/v1/customers/search?filter=segment:nobody", "/v1/stats/age?filter=-segment:nobody"):
        assert (clean.get(path).status_code, clean.get(path).json()["code"]) == (400, "unknown_segment")


def test_what_others_use_is_not_deleted(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    _put(clean, "women", WOMEN)
    _put(clean, "rest", {"label": "Rest", "filters": [{"not_segment": "berlin"}]})
    answer = clean.delete("/v1/segments/berlin")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "segment berlin is used by rest, women; change or delete these first",
    )


def test_a_cycle_that_two_writers_made_at_once_is_shown_and_can_be_mended(clean: Api, settings: Settings) -> None:
    _put(clean, "a", BERLIN)
    _put(clean, "b", {"label": "b", "filters": [{"segment": "a"}]})

    async def make_cycle() -> None:
        client = make_async_client(settings.elasticsearch)
        store = SegmentStore(client, settings.elasticsearch, make_vault(settings))
        stored = await store.current("a")
        assert stored is not None
        changed = msgspec.structs.replace(stored.version, version=2, filters=[Filter(segment="b")])
        await store.write(changed, stored)
        await client.close()

    asyncio.run(make_cycle())
    broken = {each["name"]: each for each in clean.get("/v1/segments").json()["segments"] if each["size"] is None}
    assert set(broken) == {"a", "b"}
    assert broken["a"]["reason"] == "a segment cannot use itself: a → b → a"
    assert clean.get("/v1/segments/a").json()["size"] is None
    assert clean.get("/v1/customers/search?filter=segment:b").status_code == 400
    assert clean.get("/v1/insights/campaigns?by=segment").status_code == 200
    assert _put(clean, "a", BERLIN, If_Match='"2"').json()["size"] == len(_members(_is_berlin))


# Relative days


@pytest.mark.parametrize(
    ("filter_", "holds"),
    [
        ("last_order_at:now-90d..", lambda days: days <= 90),
        ("last_order_at:..now-90d", lambda days: days >= 90),
        ("last_order_at:now-2w..now-1d", lambda days: 1 <= days <= 14),
        ("last_order_at:now..now", lambda days: days == 0),
        ("last_order_at:now-1y..now-6M", lambda days: 184 <= days <= 365),
    ],
)
def test_days_are_counted_back_from_today_both_ends_whole(api: Api, filter_: str, holds: Callable[[int], bool]) -> None:
    days = [(TODAY.date() - datetime.fromisoformat(each["last_order_at"]).date()).days for each in CUSTOMERS if "last_order_at" in each]
    assert api.get(f"/v1/customers/search?filter={filter_}&size=0").json()["total"] == sum(map(holds, days))


def test_open_bounds_leave_the_day_out(api: Api) -> None:
    days = [(TODAY.date() - datetime.fromisoformat(each["created_at"]).date()).days for each in CUSTOMERS]
    assert _total(api, {"field": "created_at", "gt": "now-30d"}) == sum(each < 30 for each in days)
    assert _total(api, {"field": "created_at", "lt": "now-30d"}) == sum(each > 30 for each in days)


# Profile


def _split(holds: Callable[[Source], bool]) -> tuple[list[Source], list[Source]]:
    return _members(holds), _members(lambda each: not holds(each))


def _numbers_of(some: Sequence[Source], field: str) -> Any:
    values = [each[field] for each in some if field in each]
    if values and isinstance(values[0], str):
        values = [datetime.fromisoformat(each).timestamp() * 1000 for each in values]
    return np.array(values, dtype=float)


def _has(customer: Source, field: str, value: str) -> bool:
    found = customer.get(field)
    return value in found if isinstance(found, list) else found == value


def _check_numbers(answer: dict[str, Any], groups: dict[str, list[Source]], first: list[Source], second: list[Source]) -> None:
    for each in answer["numbers"]:
        for group, some in groups.items():
            values, found = _numbers_of(some, each["field"]), each["groups"][group]
            assert (found["n"], found["missing"]) == (len(values), len(some) - len(values)), each["field"]
            if len(values) > 1:
                assert (found["mean"], found["min"], found["max"]) == pytest.approx((values.mean(), values.min(), values.max()))
                assert found["std_deviation"] == pytest.approx(values.std(ddof=1), rel=1e-6, abs=1e-9)
        a, b = _numbers_of(first, each["field"]), _numbers_of(second, each["field"])
        if min(len(a), len(b)) < 2:
            assert each["p_value"] is None
            continue
        test: Any = stats.ttest_ind(a, b, equal_var=False)
        assert each["p_value"] == pytest.approx(test.pvalue, rel=1e-5)
        assert each["difference"] == pytest.approx(a.mean() - b.mean())
        interval = test.confidence_interval()
        assert (each["interval"]["low"], each["interval"]["high"]) == pytest.approx((interval.low, interval.high), rel=1e-5)
        pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2)
        bias = 1 - 3 / (4 * (len(a) + len(b) - 2) - 1)
        assert each["effect_size"] == pytest.approx((a.mean() - b.mean()) / pooled**0.5 * bias, rel=1e-6)


def _check_value(each: dict[str, Any], groups: dict[str, list[Source]], first: list[Source], second: list[Source]) -> None:
    field, value = each["field"], each["value"]
    for group, some in groups.items():
        assert each["known"][group] == sum(field in customer for customer in some), (field, group)
        assert each["counts"][group] == sum(_has(customer, field, value) for customer in some), (field, value, group)
    table = [[sum(_has(one, field, value) == has for one in some if field in one) for has in (True, False)] for some in (first, second)]
    n = sum(map(sum, table))
    expected = np.outer(np.sum(table, axis=1), np.sum(table, axis=0)) / n
    if expected.min() == 0:
        assert each["p_value"] is None
        return
    if expected.min() < EXACT_BELOW:
        assert each["p_value"] == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-5)
        return
    chi_square = stats.chi2_contingency(table, correction=False).statistic
    assert each["p_value"] == pytest.approx(stats.chi2.sf(chi_square * (n - 1) / n, 1), rel=1e-6, abs=1e-300)
    assert each["difference"] == pytest.approx(table[0][0] / sum(table[0]) - table[1][0] / sum(table[1]))


def _check_categories(answer: dict[str, Any], groups: dict[str, list[Source]], first: list[Source], second: list[Source]) -> None:
    whole = [*first, *second]
    for each in answer["categories"]:
        field = each["field"]
        for group, some in groups.items():
            known = sum(field in customer for customer in some)
            assert (each["known"][group], each["missing"][group]) == (known, len(some) - known)
        values = {value for one in whole if field in one for value in (one[field] if isinstance(one[field], list) else [one[field]])}
        assert each["distinct"] >= len(values)
        assert len(each["values"]) == min(10, each["distinct"])
        for value in each["values"]:
            _check_value(value, groups, first, second)
        if each["cramers_v"] is not None:
            table = [[sum(_has(one, field, value) for one in some) for value in sorted(values)] for some in (first, second)]
            found = stats.chi2_contingency(table, correction=False)
            assert each["p_value"] == pytest.approx(found.pvalue, rel=1e-6), field


def test_a_profile_is_what_counting_every_customer_says(clean: Api) -> None:
    _put(clean, "bankers", {"label": "Bankers", "filters": [{"field": "industry", "in": ["banking"]}]})
    answer = clean.get("/v1/segments/bankers/profile").json()
    members, others = _split(lambda each: each["industry"] == "banking")
    groups = {"segment": members, "everyone": CUSTOMERS}
    assert (answer["size"], answer["population"]) == (len(members), len(CUSTOMERS))
    _check_numbers(answer, groups, members, others)
    _check_categories(answer, groups, members, others)
    tests = [each["p_value"] for each in [*answer["numbers"], *answer["categories"]] if each["p_value"] is not None]
    adjusted = [each["q_value"] for each in [*answer["numbers"], *answer["categories"]] if each["p_value"] is not None]
    assert adjusted == pytest.approx(list(stats.false_discovery_control(tests)))
    # Bankers like books, and nothing else was made for them; clinics belong to the health industry.
    assert [each["value"] for each in answer["over_represented"]] == ["books"]
    books = answer["over_represented"][0]
    of_members, of_all = (
        sum(each.get("top_category") == "books" for each in some) / sum("top_category" in each for each in some)
        for some in (members, CUSTOMERS)
    )
    assert books["lift"] == pytest.approx(of_members / of_all)
    assert books["score"] == pytest.approx((of_members - of_all) * of_members / of_all)
    assert {(each["field"], each["value"]) for each in answer["findings"]} <= {("top_category", "books"), ("tags", "clinic")} | {
        ("top_category", each) for each in ("garden", "music", "sport")
    }
    assert answer["findings"][0]["value"] in {"books", "clinic"}
    assert answer["by_definition"] == ["industry"]


def test_conditions_in_the_text_of_a_segment_are_by_definition(clean: Api) -> None:
    assert _put(clean, "berlin", {"label": "Berlin", "q": "city:Berlin"}).status_code == 201
    answer = clean.get("/v1/segments/berlin/profile").json()
    assert "city" in answer["by_definition"]
    assert not {"city", "district", "province", "country"} & {each["field"] for each in [*answer["findings"], *answer["over_represented"]]}


def test_a_rare_value_that_stands_out_is_found_and_counted_exactly(settings: Settings, node_settings: Settings) -> None:
    """Forty tags are more frequent among everyone; the one that a tenth of the segment has is proposed by significant terms."""
    crowd = [{"city": "x", "tags": [f"common{number % 40}"]} for number in range(4000)]
    few: list[Source] = [{"city": "y", "tags": ["rare"] if number < 12 else [f"common{number % 40}"]} for number in range(120)]
    with own_prefix(node_settings, "rare") as (own, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [*crowd, *few]))
        client = make_async_client(own.elasticsearch)
        backend = ElasticsearchBackend(client, own.elasticsearch.index_prefix, 30.0, make_vault(own))
        app = create_app(backend, segments=SegmentStore(client, own.elasticsearch, make_vault(own)), clock=lambda: TODAY)
        app.on_shutdown.append(client.close)
        with TestClient(app, base_url="http://127.0.0.1") as api:
            _put(api, "y", {"label": "Y", "filters": [{"field": "city", "in": ["y"]}]})
            answer = api.get("/v1/segments/y/profile").json()
    tags = next(each for each in answer["categories"] if each["field"] == "tags")
    assert (tags["distinct"], len(tags["values"]), tags["other_count"]) == (41, 10, None)
    assert "rare" not in [each["value"] for each in tags["values"]]
    [rare] = answer["over_represented"]
    assert (rare["field"], rare["value"], rare["counts"]) == ("tags", "rare", {"segment": 12, "everyone": 12})
    _check_value(rare, {"segment": few, "everyone": [*crowd, *few]}, few, crowd)


def test_a_profile_of_chance_finds_nothing(clean: Api) -> None:
    _put(clean, "chance", {"label": "Chance", "filters": [{"field": "source_system", "in": ["zoho"]}]})
    answer = clean.get("/v1/segments/chance/profile").json()
    assert (answer["findings"], answer["over_represented"]) == ([], [])
    assert sum(each["p_value"] is not None for each in answer["numbers"]) > 10


@pytest.mark.parametrize("definition", [{"label": "Nobody", "filters": [{"field": "city", "in": ["Atlantis"]}]}, {"label": "Everyone"}])
def test_nobody_and_everyone_have_a_profile_without_tests(clean: Api, definition: dict[str, Any]) -> None:
    _put(clean, "edge", definition)
    answer = clean.get("/v1/segments/edge/profile").json()
    assert answer["size"] == (0 if definition["label"] == "Nobody" else len(CUSTOMERS))
    assert answer["findings"] == []
    assert all(each["p_value"] is None for each in [*answer["numbers"], *answer["categories"]])


def test_profiles_speak_chinese_and_no_third_language(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    english = clean.get("/v1/segments/berlin/profile").json()["findings"]
    chinese = clean.get("/v1/segments/berlin/profile?lang=zh").json()["findings"]
    assert [each["field"] for each in english] == [each["field"] for each in chinese] == ["revenue"]
    assert english[0]["sentence"].startswith("Revenue is ")
    assert chinese[0]["sentence"].startswith("消费金额在该分群中平均为 ")
    assert clean.get("/v1/segments/berlin/profile?lang=fr").status_code == 400
    link = english[0]["link"]
    assert clean.get(link).json()["total"] == sum("revenue" in each for each in _members(_is_berlin))


# Comparison


@pytest.mark.parametrize(
    ("a", "b", "tested"),
    [
        ("berlin", "female", ["only_a", "only_b"]),
        ("berlin", "women", ["only_a", "both"]),
        ("women", "berlin", ["both", "only_b"]),
        ("berlin", "hamburg", ["only_a", "only_b"]),
    ],
)
def test_a_comparison_is_what_counting_every_customer_says(clean: Api, a: str, b: str, tested: list[str]) -> None:
    _put(clean, "berlin", BERLIN)
    _put(clean, "women", WOMEN)
    _put(clean, "female", {"label": "Female", "filters": [{"field": "gender", "in": ["female"]}]})
    _put(clean, "hamburg", {"label": "Hamburg", "filters": [{"field": "city", "in": ["Hamburg"]}]})
    holds: dict[str, Callable[[Source], bool]] = {
        "berlin": _is_berlin,
        "female": lambda each: each["gender"] == "female",
        "women": lambda each: _is_berlin(each) and each["gender"] == "female",
        "hamburg": lambda each: each["city"] == "Hamburg",
    }
    answer = clean.get(f"/v1/segments/compare?a={a}&b={b}").json()
    in_a, in_b = holds[a], holds[b]
    groups = {
        "a": _members(in_a),
        "b": _members(in_b),
        "only_a": _members(lambda each: in_a(each) and not in_b(each)),
        "only_b": _members(lambda each: in_b(each) and not in_a(each)),
        "both": _members(lambda each: in_a(each) and in_b(each)),
    }
    either = len(_members(lambda each: in_a(each) or in_b(each)))
    assert answer["overlap"] == {
        **{name: len(some) for name, some in groups.items()},
        "either": either,
        "population": len(CUSTOMERS),
        "jaccard": pytest.approx(len(groups["both"]) / either),
    }
    assert answer["tested"] == tested
    first, second = (groups[part] for part in tested)
    _check_numbers(answer, groups, first, second)
    for each in answer["categories"]:
        for value in each["values"]:
            _check_value(value, groups, first, second)
    if (a, b) == ("berlin", "hamburg"):
        assert [each["field"] for each in answer["findings"]] == ["revenue"]
        assert "for “Berlin” (n = " in answer["findings"][0]["sentence"]


def test_the_same_members_have_no_differences(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    _put(clean, "same", {"label": "Same", "filters": [{"segment": "berlin"}]})
    answer = clean.get("/v1/segments/compare?a=berlin&b=same").json()
    assert (answer["tested"], answer["overlap"]["jaccard"], answer["findings"]) == (None, 1.0, [])


# Files


def _rows(api: Api, path: str) -> tuple[Any, list[dict[str, Any]]]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.headers, [json.loads(line) for line in answer.text.splitlines()]


def test_a_file_has_all_members(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    members = _members(_is_berlin)
    headers, rows = _rows(clean, "/v1/segments/berlin/export?format=ndjson")
    assert sorted(rows, key=lambda each: each["customer_id"]) == members
    assert (headers["x-total-count"], headers["x-left-out-count"]) == (str(len(members)), "0")
    assert headers["content-disposition"] == 'attachment; filename="berlin.ndjson"'
    text = clean.get("/v1/segments/berlin/export?format=csv&fields=customer_id,city,consents").text
    table = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert table[0] == ["customer_id", "city", "consents"]
    assert sorted(table[1:]) == [[each["customer_id"], "Berlin", "; ".join(each.get("consents", []))] for each in members]


@pytest.mark.parametrize(
    ("query", "allowing"),
    [
        ("purpose=marketing", {"email", "sms", "phone", "marketing"}),
        ("purpose=marketing&channel=email", {"email", "marketing"}),
        ("purpose=marketing&channel=phone", {"phone", "marketing"}),
        ("purpose=marketing&channel=sms", {"sms", "marketing"}),
        ("purpose=marketing&channel=wechat", {"marketing"}),
        ("purpose=service", None),
    ],
)
def test_marketing_reaches_only_those_who_consented(clean: Api, query: str, allowing: set[str] | None) -> None:
    _put(clean, "berlin", BERLIN)
    members = _members(_is_berlin)
    reached = [each for each in members if allowing is None or allowing & set(each.get("consents", []))]
    for format_ in ("ndjson", "csv"):
        headers = clean.get(f"/v1/segments/berlin/export?format={format_}&{query}").headers
        assert (int(headers["x-total-count"]), int(headers["x-left-out-count"])) == (len(reached), len(members) - len(reached))
    _, rows = _rows(clean, f"/v1/segments/berlin/export?format=ndjson&fields=customer_id&{query}")
    assert sorted(each["customer_id"] for each in rows) == [each["customer_id"] for each in reached]


def test_cells_of_a_file_are_no_formulas(node_settings: Settings) -> None:
    with own_prefix(node_settings, "formulas") as (own, lifecycle):
        consents = [["profiling"], ["email"], []]
        documents = [{"customer_id": f"F{number}", "name": "=1+1", "consents": each} for number, each in enumerate(consents)]
        lifecycle.promote(put_documents(lifecycle, documents))
        client = make_async_client(own.elasticsearch)
        backend = ElasticsearchBackend(client, own.elasticsearch.index_prefix, 30.0, make_vault(own))
        app = create_app(backend, segments=SegmentStore(client, own.elasticsearch, make_vault(own)), clock=lambda: TODAY)
        app.on_shutdown.append(client.close)
        with TestClient(app, base_url="http://127.0.0.1") as api:
            _put(api, "all", {"label": "All"})
            answer = api.get("/v1/segments/all/export?format=csv&fields=customer_id,name&purpose=marketing")
    # Profiling allows no message.
    assert answer.text == "\ufeffcustomer_id,name\r\nF1,'=1+1\r\n"
    assert answer.headers["x-left-out-count"] == "2"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/segments/nobody/export?format=csv", 404, "not_found"),
        ("/v1/segments/churn-high/export", 400, "invalid_request"),
        ("/v1/segments/churn-high/export?format=xlsx", 400, "invalid_request"),
        ("/v1/segments/churn-high/export?format=csv&purpose=spam", 400, "invalid_request"),
        ("/v1/segments/churn-high/export?format=csv&channel=email", 400, "invalid_request"),
        ("/v1/segments/churn-high/export?format=csv&purpose=service&channel=email", 400, "invalid_request"),
        ("/v1/segments/churn-high/export?format=csv&purpose=marketing&channel=fax", 400, "invalid_request"),
        ("/v1/segments/churn-high/export?format=csv&fields=colour", 400, "unknown_field"),
        ("/v1/segments/nobody", 404, "not_found"),
        ("/v1/segments/nobody/profile", 404, "not_found"),
        ("/v1/segments/nobody/versions", 404, "not_found"),
        ("/v1/segments/%2e%2e", 404, "not_found"),
        ("/v1/segments/" + "x" * 3000, 404, "not_found"),
        ("/v1/segments/compare?a=nobody&b=churn-high", 404, "not_found"),
        ("/v1/segments/compare?a=churn-high&b=churn-high", 400, "invalid_request"),
        ("/v1/segments/compare?a=churn-high", 400, "invalid_request"),
        ("/v1/segments/churn-high/versions?size=0", 400, "invalid_request"),
    ],
)
def test_what_is_not_there_is_told(api: Api, path: str, status: int, code: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


# As pictures


def test_profile_and_comparison_are_pictures_too(clean: Api) -> None:
    _put(clean, "berlin", BERLIN)
    _put(clean, "women", WOMEN)
    for path, title in (
        ("/v1/segments/berlin/profile?", {"en": "Berlin against everyone: numbers", "zh": "Berlin 与 全部客户: 数值"}),
        ("/v1/segments/compare?a=women&b=rfm-champions&", {"en": "only Women of Berlin", "zh": "仅 RFM：冠军客户"}),
    ):
        picture = clean.get(path, headers={"Accept": "image/svg+xml"})
        assert (picture.status_code, picture.headers["content-type"].split(";")[0]) == (200, "image/svg+xml")
        for kind in ("bars", "points"):
            for language, text in title.items():
                assert text in clean.get(f"{path}format=svg&chart={kind}&lang={language}").text
        refused = clean.get(f"{path}chart=histogram")
        assert (refused.status_code, refused.json()["detail"]) == (400, "there is no such chart here; these fit: bars, points")
        assert clean.get(path).headers["content-type"] == "application/json"
    assert clean.get("/v1/segments/nothing/profile?format=svg").status_code == 404
    assert clean.get("/v1/segments/compare?format=svg&a=women&b=women").status_code == 400


def test_only_routes_that_draw_take_a_chart(clean: Api) -> None:
    for path in ("/v1/segments", "/v1/segments/churn-high", "/v1/segments/churn-high/versions"):
        assert clean.get(f"{path}?chart=bars").status_code == 400
    assert clean.get("/v1/segments/churn-high/export?format=svg").status_code == 400


def test_a_segment_of_nobody_has_a_picture_that_says_so(clean: Api) -> None:
    _put(clean, "nobody", {"label": "Nobody", "filters": [{"field": "city", "in": ["Atlantis"]}]})
    assert "too few customers to tell a difference" in clean.get("/v1/segments/nobody/profile?format=svg").text
    _put(clean, "no-one", {"label": "No one", "filters": [{"field": "city", "in": ["Lemuria"]}]})
    assert "nobody is in either" in clean.get("/v1/segments/compare?format=svg&a=nobody&b=no-one").text
