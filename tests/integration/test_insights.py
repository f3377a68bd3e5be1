"""Insights on a real node against a count of every customer in Python, by customer where responses and tickets hang together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from scipy import stats

from crmsearch.api.app import create_app
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.segments import SegmentStore
from crmsearch.keyfile import make_vault
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.families import are_related
from crmsearch.search.service import ElasticsearchBackend
from crmsearch.search.tour.fields import FIELDS_TOURED, NUMBERS_TOURED
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents
from tests.population import TODAY, Source, make_population

Api = TestClient[Litestar]
CUSTOMERS = list(make_population(3000, seed=2))
# Of the generation before two thirds of the Bostonians are missing, and one more city has gone since.
BEFORE = [each for each in CUSTOMERS if each["city"] != "Boston" or each["customer_id"][-1] in "012"]
BEFORE += [{**CUSTOMERS[0], "customer_id": f"Q{number}", "city": "Kyoto"} for number in range(60)]


@pytest.fixture(scope="module")
def settings(node_settings: Settings) -> Iterator[Settings]:
    with own_prefix(node_settings, "insights") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, BEFORE, datetime(2026, 1, 1, tzinfo=UTC)))
        lifecycle.promote(put_documents(lifecycle, CUSTOMERS, datetime(2026, 2, 1, tzinfo=UTC)))
        # A load under way is no generation to compare with.
        lifecycle.create(datetime(2026, 1, 15, tzinfo=UTC))
        yield settings


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[Api]:
    with _api(settings) as api:
        yield api


def _api(settings: Settings) -> TestClient[Litestar]:
    client = make_async_client(settings.elasticsearch)
    backend = ElasticsearchBackend(client, settings.elasticsearch.index_prefix, 30.0, make_vault(settings))
    app = create_app(backend, segments=SegmentStore(client, settings.elasticsearch, make_vault(settings)), clock=lambda: TODAY)
    app.on_shutdown.append(client.close)
    return TestClient(app, base_url="http://127.0.0.1")


def _groups(field: str, some: list[Source]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for each in some:
        for value in each.get(field, []) if isinstance(each.get(field), list) else [each[field]] if field in each else []:
            found.setdefault(value, []).append(each)
    return found


# Campaigns


def _rate(some: list[Source], response: str) -> dict[str, Any]:
    sent = np.array([each["campaigns_sent"] for each in some], dtype=float)
    hits = np.array([each[f"campaigns_{response}"] for each in some], dtype=float)
    rate = hits.sum() / sent.sum()
    variance = ((hits - rate * sent) ** 2).sum() / sent.sum() ** 2 * len(some) / (len(some) - 1)
    effect = max(1.0, variance / (rate * (1 - rate) / sent.sum()))
    n, z = sent.sum() / effect, stats.norm.ppf(0.975)
    centre, reach = (rate + z * z / 2 / n) / (1 + z * z / n), z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / 4 / n / n)
    return {
        "responses": hits.sum(),
        "rate": pytest.approx(rate),
        "interval": {"low": pytest.approx(centre - reach), "high": pytest.approx(centre + reach)},
        "design_effect": pytest.approx(effect),
    }


@pytest.mark.parametrize("by", ["city", "owner", "tags", "last_campaign"])
def test_response_rates_by_field(api: Api, by: str) -> None:
    answer = api.get(f"/v1/insights/campaigns?by={by}&order=opened").json()
    written_to = [each for each in CUSTOMERS if each.get("campaigns_sent", 0) > 0]
    groups = _groups(by, written_to)
    assert {each["value"]: each["customers"] for each in answer["groups"]} == {value: len(some) for value, some in groups.items()}
    for each in [answer["total"], *answer["groups"]]:
        some = groups[each["value"]] if each["value"] else written_to
        assert each["sent"] == sum(one["campaigns_sent"] for one in some)
        assert {name: each[name] for name in ("opened", "clicked", "converted")} == {
            name: _rate(some, name) for name in ("opened", "clicked", "converted")
        }
    lows = [each["opened"]["interval"]["low"] for each in answer["groups"]]
    assert lows == sorted(lows, reverse=True)
    assert (answer["population"], answer["missing_count"]) == (len(written_to), sum(by not in each for each in written_to))


def test_the_best_city_is_told_with_its_distance(api: Api) -> None:
    answer = api.get("/v1/insights/campaigns?by=city").json()
    opened = next(each for each in answer["best"] if each["response"] == "opened")
    written_to = [each for each in CUSTOMERS if each.get("campaigns_sent", 0) > 0]
    rest = [each for each in written_to if each["city"] != "上海"]
    assert (opened["value"], opened["distinguishable"]) == ("上海", True)
    assert opened["rest_rate"] == _rate(rest, "opened")["rate"]
    assert opened["rest_interval"] == _rate(rest, "opened")["interval"]
    assert opened["difference_interval"]["low"] > 0
    assert opened["p_value"] < opened["q_value"] < 0.05
    assert api.get(opened["link"]).json()["total"] == sum(each["city"] == "上海" for each in CUSTOMERS)


def test_response_rates_by_segment_under_a_filter(api: Api) -> None:
    answer = api.get("/v1/insights/campaigns?filter=gender:female&filter=-segment:churn-low&size=100").json()
    women = [
        each
        for each in CUSTOMERS
        if each["gender"] == "female" and each.get("campaigns_sent", 0) > 0 and not each.get("churn_risk", 1) < 0.4
    ]
    assert answer["population"] == len(women)
    found = {each["value"]: each for each in answer["groups"]}
    high = [each for each in women if each.get("churn_risk", 0) >= 0.7]
    assert (found["churn-high"]["label"], found["churn-high"]["customers"]) == ("Churn risk: high", len(high))
    assert found["churn-high"]["clicked"] == _rate(high, "clicked")
    assert "churn-low" not in found
    assert set(found) <= set(BUILT_IN)
    assert (answer["other_count"], answer["missing_count"]) == (None, None)


# Service


@pytest.mark.parametrize("by", ["owner", "city", "tags"])
def test_service_by_field(api: Api, by: str) -> None:
    answer = api.get(f"/v1/insights/service?by={by}&order=satisfaction").json()
    served = [each for each in CUSTOMERS if each.get("ticket_count", 0) > 0]
    groups = _groups(by, served)
    assert {each["value"] for each in answer["groups"]} == set(groups)
    for each in [answer["total"], *answer["groups"]]:
        some = groups[each["value"]] if each["value"] else served
        assert (each["customers"], each["tickets"]) == (len(some), sum(one["ticket_count"] for one in some))
        for measure, field in (("resolution", "average_resolution_hours"), ("satisfaction", "satisfaction")):
            values = np.array([one[field] for one in some if field in one])
            low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
            assert each[measure] == {
                "n": len(values),
                "mean": pytest.approx(values.mean()),
                "std_deviation": pytest.approx(values.std(ddof=1)),
                "interval": {"low": pytest.approx(low), "high": pytest.approx(high)},
            }
        hits = sum(one["open_ticket_count"] > 0 for one in some)
        wilson = stats.binomtest(hits, len(some)).proportion_ci(method="wilson")
        assert each["open"] == {
            "n": len(some),
            "open_tickets": sum(one["open_ticket_count"] for one in some),
            "customers": hits,
            "share": pytest.approx(hits / len(some)),
            "interval": {"low": pytest.approx(wilson.low), "high": pytest.approx(wilson.high)},
        }
    highs = [each["satisfaction"]["interval"]["high"] for each in answer["groups"]]
    assert highs == sorted(highs)


def test_the_worst_owner_is_told_by_every_measure(api: Api) -> None:
    answer = api.get("/v1/insights/service").json()
    assert [(each["measure"], each["value"], each["distinguishable"]) for each in answer["worst"]] == [
        ("resolution", "C", True),
        ("satisfaction", "C", True),
        ("open", "C", True),
    ]
    of_c, rest = (
        np.array([each["satisfaction"] for each in CUSTOMERS if "satisfaction" in each and (each["owner"] == "C") == is_c])
        for is_c in (True, False)
    )
    worst = answer["worst"][1]
    test: Any = stats.ttest_ind(of_c, rest, equal_var=False)
    assert (worst["n"], worst["rest_n"]) == (len(of_c), len(rest))
    assert (worst["figure"], worst["rest_figure"], worst["p_value"]) == pytest.approx((of_c.mean(), rest.mean(), test.pvalue), rel=1e-6)
    assert worst["sentence"].startswith(f"“C” is surest to be worst: satisfaction {of_c.mean():.2f} (95% interval ")
    assert answer["groups"][0]["value"] == "C"


def test_a_segment_is_not_called_worst_for_what_it_is_defined_by(api: Api) -> None:
    worst = {each["measure"]: each["value"] for each in api.get("/v1/insights/service?by=segment").json()["worst"]}
    assert worst["resolution"] != "service-slow"
    assert worst["satisfaction"] not in {"service-dissatisfied", "service-risk"}
    assert worst["open"] not in {"service-open", "service-risk"}


def test_groups_beyond_the_size_are_counted(api: Api) -> None:
    whole = api.get("/v1/insights/service?by=city").json()
    part = api.get("/v1/insights/service?by=city&size=2").json()
    assert part["groups"] == whole["groups"][:2]
    assert part["worst"] == whole["worst"]
    assert (part["other_groups"], part["other_count"]) == (4, sum(each["customers"] for each in whole["groups"][2:]))


def test_insights_speak_chinese(api: Api) -> None:
    answer = api.get("/v1/insights/service?by=owner&lang=zh").json()
    assert answer["label"] == "负责人"
    assert answer["worst"][1]["sentence"].startswith("“C”最差，满意度：3.17（95% 区间 3.09 至 3.25，n=252）")
    assert [each["label"] for each in api.get("/v1/insights/campaigns?by=gender&lang=zh&order=opened").json()["groups"]].count("女") == 1


# The tour


def test_the_tour_finds_what_was_made_and_nothing_else(api: Api) -> None:
    answer = api.get("/v1/insights").json()
    assert (answer["population"], answer["earlier_population"]) == (len(CUSTOMERS), len(BEFORE))
    assert answer["earlier"].endswith("-20260101t000000z")
    assert [each["fields"] for each in answer["associations"]] == [["industry", "top_category"]]
    assert answer["associations"][0]["values"] == ["banking", "books"]
    unusual = {(each["field"], each["value"], each["number"]): each for each in answer["unusual"]}
    assert ("owner", "C", "satisfaction") in unusual
    assert ("city", "Berlin", "revenue") in unusual
    assert ("gender", "female", "revenue") in unusual
    assert {(field, number) for field, _, number in unusual} <= {
        ("owner", "satisfaction"),
        ("owner", "average_resolution_hours"),
        ("city", "revenue"),
        ("country", "revenue"),
        ("gender", "revenue"),
    }
    # With Boston its country rises, and so the other two fall.
    assert {(each["value"], each["direction"]) for each in answer["moved"]} == {
        ("Boston", "rising"),
        ("US", "rising"),
        ("CN", "falling"),
        ("DE", "falling"),
        ("Kyoto", "falling"),
    }
    links = [each["link"] for kind in ("associations", "unusual", "moved") for each in answer[kind]]
    assert all(api.get(link).status_code == 200 for link in links)


def test_associations_are_those_of_a_table_of_all_customers(api: Api) -> None:
    answer = api.get("/v1/insights").json()
    books = answer["associations"][0]
    both = [each for each in CUSTOMERS if "top_category" in each]
    industries, categories = (sorted({each[name] for each in both}) for name in ("industry", "top_category"))
    table = [
        [sum(each["industry"] == one and each["top_category"] == other for each in both) for other in categories] for one in industries
    ]
    found = stats.chi2_contingency(table, correction=False)
    n = len(both)
    phi, k = found.statistic / n - 9 / (n - 1), 4 - 9 / (n - 1)
    assert books["n"] == n
    assert books["cramers_v"] == pytest.approx(np.sqrt(phi / (k - 1)))
    assert books["p_value"] == pytest.approx(found.pvalue)
    row, column = industries.index("banking"), categories.index("books")
    assert (books["count"], books["expected"]) == (table[row][column], pytest.approx(found.expected_freq[row][column]))
    assert api.get(books["link"]).json()["total"] == books["count"]
    present = [
        name for name in FIELDS_TOURED if sum(name in each for each in CUSTOMERS) and len({each.get(name) for each in CUSTOMERS}) > 1
    ]
    varied = [name for name in present if len({each[name] for each in CUSTOMERS if name in each}) > 1]
    assert answer["tested"]["associations"] == sum(not are_related(*pair) for pair in combinations(varied, 2))


def test_unusual_groups_are_those_of_all_customers(api: Api) -> None:
    answer = api.get("/v1/insights").json()
    for each in answer["unusual"]:
        inside, outside = (
            np.array(
                [one[each["number"]] for one in CUSTOMERS if each["number"] in one and (one.get(each["field"]) == each["value"]) == is_in]
            )
            for is_in in (True, False)
        )
        test: Any = stats.ttest_ind(inside, outside, equal_var=False)
        assert (each["n"], each["rest_n"]) == (len(inside), len(outside))
        assert (each["mean"], each["rest_mean"]) == pytest.approx((inside.mean(), outside.mean()))
        assert each["p_value"] == pytest.approx(test.pvalue, rel=1e-5)
        assert each["q_value"] >= each["p_value"]
    effects = [abs(each["effect_size"]) for each in answer["unusual"]]
    assert effects == sorted(effects, reverse=True)
    assert all(each["number"] in NUMBERS_TOURED for each in answer["unusual"])


def test_values_that_moved_are_those_of_both_generations(api: Api) -> None:
    for each in api.get("/v1/insights").json()["moved"]:
        now, then = (sum(one[each["field"]] == each["value"] for one in some) for some in (CUSTOMERS, BEFORE))
        assert (each["count"], each["earlier_count"]) == (now, then)
        assert (each["known"], each["earlier_known"]) == (len(CUSTOMERS), len(BEFORE))
        assert each["difference"] == pytest.approx(now / len(CUSTOMERS) - then / len(BEFORE))
        assert each["interval"]["low"] <= each["difference"] <= each["interval"]["high"]


def test_without_an_earlier_generation_or_any_customer_the_tour_says_so(node_settings: Settings) -> None:
    with own_prefix(node_settings, "alone") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, []))
        with _api(settings) as api:
            answer = api.get("/v1/insights").json()
            assert (answer["population"], answer["earlier"], answer["moved"]) == (0, None, [])
            assert (answer["associations"], answer["unusual"]) == ([], [])
            for path in ("campaigns", "campaigns?by=city", "service", "service?by=segment"):
                empty = api.get(f"/v1/insights/{path}").json()
                assert (empty["population"], empty["groups"]) == (0, [])
                assert empty.get("best", empty.get("worst")) == []
            profile = api.get("/v1/segments/churn-high/profile").json()
            assert (profile["size"], profile["share"], profile["findings"]) == (0, None, [])
            assert api.get("/v1/segments/compare?a=churn-high&b=churn-low").json()["overlap"]["jaccard"] is None


def test_before_the_first_load_there_is_no_index_to_ask(node_settings: Settings) -> None:
    with own_prefix(node_settings, "unborn") as (settings, _), _api(settings) as api:
        for path in ("segments", "segments/churn-high", "segments/churn-high/profile", "insights", "insights/campaigns"):
            answer = api.get(f"/v1/{path}")
            assert (answer.status_code, answer.json()["code"]) == (503, "index_not_ready")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("campaigns?by=name", "unknown_field"),
        ("campaigns?by=age", "unknown_field"),
        ("campaigns?order=sold", "invalid_request"),
        ("campaigns?size=0", "invalid_request"),
        ("service?size=101", "invalid_request"),
        ("service?filter=colour:red", "unknown_field"),
        ("service?filter=segment:nobody", "unknown_segment"),
        ("service?lang=fr", "invalid_request"),
        ("?by=city", "invalid_request"),
    ],
)
def test_what_cannot_be_answered_is_refused(api: Api, path: str, code: str) -> None:
    answer = api.get(f"/v1/insights/{path}" if not path.startswith("?") else f"/v1/insights{path}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


# As pictures


@pytest.mark.parametrize(
    ("path", "kinds", "said"),
    [
        ("/v1/insights", "bars", ("Fields that hang together", "相互关联的字段")),
        ("/v1/insights/campaigns?by=city", "bars, points", ("Conversion rate by City", "转化率 · 按城市")),
        ("/v1/insights/campaigns?by=segment&order=opened", "bars, points", ("Open rate by Segment", "打开率 · 按分群")),
        ("/v1/insights/service", "bars, points", ("Average resolution (h) by Owner", "平均解决时长(小时) · 按负责人")),
        ("/v1/insights/service?by=city&order=open", "bars, points", ("Customers with an open ticket by City", "有未结工单的客户 · 按城市")),
    ],
)
def test_every_insight_is_a_picture_too(api: Api, path: str, kinds: str, said: tuple[str, str]) -> None:
    joint = "&" if "?" in path else "?"
    picture = api.get(path, headers={"Accept": "image/svg+xml"})
    assert (picture.status_code, picture.headers["content-type"].split(";")[0]) == (200, "image/svg+xml")
    assert picture.headers["vary"] == "Accept"
    for kind in kinds.split(", "):
        for language, title in zip(("en", "zh"), said, strict=True):
            drawn = api.get(f"{path}{joint}format=svg&chart={kind}&lang={language}").text
            assert drawn.startswith("<svg")
            assert title in drawn
    refused = api.get(f"{path}{joint}chart=pie")
    assert (refused.status_code, refused.json()["detail"]) == (400, f"there is no such chart here; these fit: {kinds}")
    assert api.get(path).headers["content-type"] == "application/json"


def test_the_picture_of_the_tour_tells_its_sentences(api: Api) -> None:
    answer, picture = api.get("/v1/insights").json(), api.get("/v1/insights?format=svg").text
    found = ET.fromstring(picture).find("{http://www.w3.org/2000/svg}desc")
    assert found is not None
    for kind in ("associations", "unusual", "moved"):
        assert answer[kind]
        assert all(each["sentence"] in (found.text or "") for each in answer[kind])


@pytest.mark.parametrize("path", ["/v1/insights/campaigns", "/v1/insights/service?by=city"])
def test_a_picture_of_nobody_says_so(api: Api, path: str) -> None:
    joint = "&" if "?" in path else "?"
    assert "no customer here belongs to a group" in api.get(f"{path}{joint}format=svg&filter=city:Atlantis").text
