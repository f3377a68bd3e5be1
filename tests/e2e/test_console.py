"""The console in a real browser over a real API: what an agent does, and what the page must never do."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from playwright.sync_api import Page, Route, expect  # noqa: E402

from tests.e2e.conftest import PageMaker, expect_total, total_of  # noqa: E402

CONSOLE = Path(__file__).parents[2] / "src" / "crmsearch" / "api" / "console"
MAX_PAGE_BYTES = 150_000  # of the first page, compressed, so that it stays quick on a slow line


@pytest.fixture(scope="session")
def common_name(everyone: dict[str, Any]) -> str:
    """The most frequent family name written in Latin letters."""
    names: list[str] = [hit["customer"].get("family_name", "") for hit in everyone["hits"]]
    return Counter(name for name in names if re.fullmatch("[A-Za-z]{3,}", name)).most_common(1)[0][0]


def _modules(name: str) -> set[str]:
    """A module and all that it imports at its start, as a browser loads them."""
    text = (CONSOLE / name).read_text(encoding="utf-8")
    return {name}.union(*(_modules(each) for each in re.findall(r'^import .* from "\./([^"]+)";', text, re.MULTILINE)))


def test_the_first_page_is_small_and_refers_only_to_its_own_files(open_page: PageMaker, api_url: str) -> None:
    html = httpx.get(api_url).text
    files = {path.name: path.read_text(encoding="utf-8") for path in CONSOLE.iterdir() if path.is_file()}
    references = set(re.findall(r'(?:src|href)="([^"#]+)"', html)) - {"/schema"}
    for name in references | set(re.findall(r'(?:from|import\() ?"\./([^"]+)"', "".join(files.values()))):
        assert name in files
        assert httpx.get(f"{api_url.rstrip('/')}/{name}").status_code == 200
    assert re.search(r"<style|style=|<script>|\son\w+=", html) is None
    for name, text in files.items():
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), name
        assert "innerHTML" not in text, name

    first = (references | {"index.html"}) | _modules("console.js")
    page = open_page()
    loaded = page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    own = {Path(urlsplit(name).path).name for name in loaded if "/v1/" not in name}
    assert own <= first
    assert "charts.js" not in own
    assert sum(len(gzip.compress(files[name].encode())) for name in first) < MAX_PAGE_BYTES
    assert max(text.count("\n") for name, text in files.items() if name.endswith(".js") and not name.startswith("words")) <= 350


def test_hits_appear_while_typing_and_the_text_stays_out_of_the_address(
    open_page: PageMaker, everyone: dict[str, Any], common_name: str
) -> None:
    page = open_page()
    expect(page.locator("#q")).to_be_focused()
    expect_total(page, everyone["total"])
    page.keyboard.type(common_name, delay=30)
    expect(page.locator(".hit-name mark").first).to_have_text(re.compile(re.escape(common_name), re.IGNORECASE))
    expect(page.locator(".hit").first.locator(".matched")).to_contain_text("name")
    assert 0 < total_of(page) < everyone["total"]
    assert common_name.lower() not in unquote(page.url).lower()


def test_ticked_city_narrows_hits_keeps_other_cities_and_lives_in_the_address(open_page: PageMaker, everyone: dict[str, Any]) -> None:
    first, second = everyone["facets"][0]["buckets"][:2]
    page = open_page()
    cities = page.locator('[data-facet="city"]')
    cities.get_by_label(first["value"]).check()
    expect_total(page, first["count"])
    expect(cities.locator("li")).not_to_have_count(1)
    cities.get_by_label(second["value"]).check()
    expect_total(page, first["count"] + second["count"])
    expect(page.locator("#chips .chip")).to_have_count(2)
    assert f"f=city:{first['value']}|{second['value']}" in unquote(page.url)

    page.reload()
    expect_total(page, first["count"] + second["count"])
    page.get_by_role("button", name=f"Remove filter City: {first['value']}").click()
    expect_total(page, second["count"])
    page.go_back()
    expect_total(page, first["count"] + second["count"])
    page.get_by_role("button", name="Clear all").click()
    expect_total(page, everyone["total"])


def test_age_range_filters_and_refuses_a_crossed_range(open_page: PageMaker, search: Callable[..., dict[str, Any]]) -> None:
    page = open_page()
    page.get_by_label("Age from").fill("30")
    page.get_by_label("Age to").fill("39")
    expect_total(page, search(filters=[{"field": "age", "gte": 30, "lte": 39}], size=0)["total"])
    ages = [int(age) for age in re.findall(r"(\d+) years", page.locator("#hits").inner_text())]
    assert len(ages) >= 20
    assert all(30 <= age <= 39 for age in ages)
    page.get_by_label("Age to").fill("12")
    expect(page.locator("#age-problem")).to_have_text("“From” must not be above “to”.")


def test_ages_typed_step_by_step_are_one_step_back(open_page: PageMaker, everyone: dict[str, Any]) -> None:
    page = open_page()
    chip = page.locator("#chips .chip")
    page.get_by_label("Age from").focus()
    for key, text in [("2", "Age: ≥ 2"), ("0", "Age: ≥ 20"), ("Tab", "Age: ≥ 20"), ("3", "Age: ≥ 20"), ("9", "Age: 20 – 39")]:
        page.keyboard.press(key)
        expect(chip).to_have_text(re.compile(rf"^{text}×$"))
    page.locator("#q").focus()
    page.get_by_label("Age to").fill("49")
    expect(chip).to_contain_text("20 – 49")
    page.go_back()
    expect(chip).to_contain_text("20 – 39")
    page.go_back()
    expect(chip).to_have_count(0)
    expect_total(page, everyone["total"])
    expect(page.get_by_label("Age from")).to_have_value("")


STRING_FORMS = {
    "-tags:vip": ["Tags: not vip"],
    "-gender:female|male": ["Gender: not Female", "Gender: not Male"],
    "age:20..<40": ["Age: ≥ 20, < 40"],
    "age:20<..": ["Age: > 20"],
    "revenue:..1000.5": ["Revenue: ≤ 1,000.5"],
    "emails:*": ["E-mail: any"],
    "-emails:*": ["E-mail: none"],
    "last_order_at:now-90d..": ["Last order: ≥ 90 days ago"],
    "segment:churn-high": ["Segment: churn-high"],
    "-segment:churn-high": ["Segment: not churn-high"],
    r"source_records:a\|b\*": ["Source records: a|b*"],
}


@pytest.mark.parametrize("text", STRING_FORMS)
def test_link_with_any_filter_of_the_grammar_means_what_the_api_takes_it_for(
    open_page: PageMaker, api_url: str, everyone: dict[str, Any], text: str
) -> None:
    answer = httpx.get(f"{api_url.rstrip('/')}/v1/customers/search", params={"filter": text, "size": 0}, timeout=30).raise_for_status()
    page = open_page(f"#f={quote(text)}", ready=False)
    expect_total(page, answer.json()["total"])
    chips = page.locator("#chips .chip")
    expect(chips).to_have_text([f"{each}×" for each in STRING_FORMS[text]])
    page.get_by_label("Sort").select_option(label="Name")
    assert f"#f={text}&sort=name" in unquote(page.url)  # written again as it was
    for each in STRING_FORMS[text]:
        page.get_by_role("button", name=f"Remove filter {each}").click()
    expect_total(page, everyone["total"])


def test_several_filters_of_one_field_hold_together_and_ages_without_an_end_are_shown_with_it(
    open_page: PageMaker, search: Callable[..., dict[str, Any]]
) -> None:
    filters = [{"field": "age", "gte": 20, "lt": 40}, {"field": "age", "not_in": [30]}, {"field": "age", "exists": True}]
    page = open_page("#f=age:20..<40&f=-age:30&f=age:*")
    expect_total(page, search(filters=filters, size=0)["total"])
    expect(page.locator("#chips .chip")).to_have_count(3)
    expect(page.get_by_label("Age to")).to_have_value("39")
    page.get_by_label("Age from").fill("25")
    expect_total(page, search(filters=[{"field": "age", "gte": 25, "lte": 39}, {"field": "age", "not_in": [30]}], size=0)["total"])


@pytest.mark.parametrize(
    "text", ["nonsense:1", "city", "city:", "age:old", "-age:20..30", "age:<..40", "age:..", "segment:nobody-saved-it"]
)
def test_link_that_the_api_refuses_says_why(bare_page: Page, api_url: str, everyone: dict[str, Any], text: str) -> None:
    with bare_page.expect_response("**/v1/customers/search") as answer:
        bare_page.goto(f"{api_url.rstrip('/')}/#f={quote(text)}")
    assert answer.value.status == 400
    alert = bare_page.locator("#message").get_by_role("alert")
    expect(alert.locator("p")).to_have_text([answer.value.json()["detail"]])  # and nothing of an administrator
    expect(alert.get_by_role("button")).to_have_count(0)
    bare_page.locator("#chips .chip").click()
    expect_total(bare_page, everyone["total"])


def test_slip_in_a_filter_that_is_typed_is_explained(bare_page: Page, api_url: str) -> None:
    bare_page.goto(api_url)
    expect(bare_page.locator(".hit").first).to_be_visible()
    with bare_page.expect_response(lambda response: response.status == 400) as answer:
        bare_page.locator("#q").fill("age:abc")
    alert = bare_page.locator("#message").get_by_role("alert")
    expect(alert.locator("p")).to_have_text([answer.value.json()["detail"]])
    bare_page.locator("#q").fill("")
    expect(bare_page.locator(".hit").first).to_be_visible()
    expect(alert).to_have_count(0)


def test_hits_that_lack_words_say_so(open_page: PageMaker, search: Callable[..., dict[str, Any]], common_name: str) -> None:
    text = f"{common_name} qqqqxxxxzzzz"
    found = search(q=text)
    assert (found["stage"], found["hits"][0]["unmatched"]) == ("partial", ["qqqqxxxxzzzz"])
    page = open_page()
    stage = page.locator("main").get_by_role("status").nth(1)
    expect(stage).to_have_text("")
    page.locator("#q").fill(text)
    expect(stage).to_have_text("Nobody has all the words; these have some of them.")
    expect(page.locator(".hit").first.locator(".lacks")).to_have_text("lacks: qqqqxxxxzzzz")
    page.get_by_role("button", name="中文").click()
    expect(stage).to_have_text("没有客户符合全部关键词，以下客户只符合其中一部分。")
    expect(page.locator(".hit").first.locator(".lacks")).to_have_text("缺少: qqqqxxxxzzzz")
    page.locator("#q").fill("")
    expect(stage).to_have_text("")
    expect(page.locator(".lacks")).to_have_count(0)


def test_corrections_of_a_slip_are_searched_at_a_click(
    open_page: PageMaker, search: Callable[..., dict[str, Any]], everyone: dict[str, Any]
) -> None:
    names = [hit["customer"].get("name", "") for hit in everyone["hits"]]
    slips = (f"{name[:2]}{name[3:]}" for name in names if re.fullmatch("[A-Z][a-z]{5,} [A-Z][a-z]{5,}", name))
    text, found = next((slip, answer) for slip in slips if (answer := search(q=slip))["stage"] == "tolerant" and answer["corrections"])
    page = open_page()
    page.locator("#q").fill(text)
    stage = page.locator("#stage")
    expect(stage).to_contain_text("Few or none fit as typed, so similar ones count too.")
    expect(stage.get_by_role("button")).to_have_text(found["corrections"])
    correction = found["corrections"][0]
    stage.get_by_role("button", name=correction, exact=True).click()
    expect(page.locator("#q")).to_have_value(correction)
    expect(page.locator("#q")).to_be_focused()
    expect_total(page, search(q=correction, size=0)["total"])
    expect(stage.get_by_role("button", name=correction, exact=True)).to_have_count(0)
    assert correction not in unquote(page.url)


def test_more_hits_follow_without_repeating(open_page: PageMaker, everyone: dict[str, Any]) -> None:
    page = open_page()
    page.locator(".hit").last.scroll_into_view_if_needed()
    expect(page.locator(".hit").nth(25)).to_be_attached()
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".hit").nth(45)).to_be_attached()
    names = page.locator(".hit-name").all_inner_texts()[:40]
    expected = [hit["customer"].get("name") or hit["customer"].get("company") for hit in everyone["hits"][:40]]
    assert names == expected


def test_sorting_asks_the_api(open_page: PageMaker, search: Callable[..., dict[str, Any]]) -> None:
    page = open_page()
    page.get_by_label("Sort").select_option(label="Name")
    first = search(sort=["name"], size=1)["hits"][0]["customer"]["name"]
    expect(page.locator(".hit-name").first).to_have_text(first)
    assert page.url.endswith("#sort=name")


def _type(page: Page, text: str) -> None:
    """Type, and wait for what the last key finds."""
    with page.expect_response(lambda answer: json.loads(answer.request.post_data or "{}").get("q") == text):
        page.keyboard.type(text)
    expect(page.locator(".hit-name mark").first).to_be_visible()


def test_an_answer_that_comes_late_leaves_the_keyboard_where_it_is(open_page: PageMaker, common_name: str) -> None:
    page = open_page()
    _type(page, common_name[:-1])
    held: list[Route] = []
    released = Event()
    page.route("**/v1/customers/search", lambda route: route.continue_() if released.is_set() else held.append(route))
    page.keyboard.type(common_name[-1])
    expect(page.locator("#results[aria-busy=true]")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".hit-name").first).to_be_focused()
    released.set()
    for each in held:
        each.continue_()
    expect(page.locator("#results[aria-busy=false]")).to_be_visible()
    expect(page.locator(".hit-name:focus")).to_have_count(1)


def test_keyboard_alone_reaches_a_customer(open_page: PageMaker, everyone: dict[str, Any], common_name: str) -> None:
    page = open_page()
    _type(page, common_name)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".hit-name").nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".hit-name").first).to_be_focused()
    name = page.locator(".hit-name").first.inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#customer-name")).to_have_text(name)
    expect(page.locator("#customer-name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#customer-name")).to_have_count(0)
    expect(page.locator(".hit-name").first).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("")
    expect_total(page, everyone["total"])


def test_language_follows_the_browser_can_be_switched_and_is_remembered(open_page: PageMaker) -> None:
    page = open_page(locale="zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#total")).to_contain_text("位客户")
    expect(page.locator('[data-facet="city"] legend')).to_have_text("城市")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#total")).to_contain_text("customers")
    page.reload()
    expect(page.locator('[data-facet="city"] legend')).to_have_text("City")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_search_without_hits_says_what_to_do(open_page: PageMaker) -> None:
    page = open_page()
    page.locator("#q").fill("qqqqxxxxzzzz")
    expect(page.get_by_role("heading", name="No customer found")).to_be_visible()
    expect(page.locator(".hit")).to_have_count(0)


def test_error_is_shown_with_its_request_id_and_can_be_retried(bare_page: Page, api_url: str) -> None:
    problem = {
        "title": "Elasticsearch cannot be reached",
        "status": 503,
        "detail": "start it and try again",
        "code": "x",
        "request_id": "r-123",
    }
    broken = [True]

    def answer(route: Route) -> None:
        if broken[0]:
            route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem))
        else:
            route.continue_()

    bare_page.route("**/v1/customers/search", answer)
    bare_page.goto(api_url)
    alert = bare_page.get_by_role("alert").filter(has_text="Elasticsearch cannot be reached")
    expect(alert).to_contain_text("start it and try again")
    expect(alert).to_contain_text("r-123")
    broken[0] = False
    alert.get_by_role("button", name="Try again").click()
    expect(bare_page.locator(".hit").first).to_be_visible()


def test_markup_in_a_customers_data_stays_text(bare_page: Page, api_url: str) -> None:
    evil = '<img src=x onerror="document.title=1">'
    customer = {"customer_id": "c1", "name": evil, "company": evil, "tags": [evil], "emails": [evil], "city": evil}
    highlights = {"name": ['&lt;img src=x&gt; &amp;lt; <mark>O&#x27;Brien</mark> <img src=x onerror="document.title=1">']}
    hit = {"id": "c1", "score": 1.0, "customer": customer, "highlights": highlights, "matched": ["name"], "unmatched": [evil]}
    facet = {"field": "city", "label": "City", "buckets": [{"value": evil, "label": evil, "count": 1, "selected": False}]}
    answer = {
        "total": 10_000,
        "total_relation": "gte",
        "took_ms": 1,
        "hits": [hit],
        "next_cursor": None,
        "stage": "partial",
        "corrections": [evil],
    }
    answer["facets"] = [{**facet, "other_count": 0, "missing_count": 0, "error_bound": 0}]
    bare_page.route("**/v1/customers/search", lambda route: route.fulfill(json=answer))
    bare_page.route("**/v1/customers/c1", lambda route: route.fulfill(json=customer))
    lineage = {"customer_id": "c1", "merged_count": 1, "match_confidence": None, "records": [{"record": evil, "links": [evil]}]}
    bare_page.route("**/v1/customers/c1/lineage", lambda route: route.fulfill(json=lineage))
    alike = {"id": "c2", "score": 0.5, "customer": customer, "reasons": [evil], "parts": []}
    bare_page.route("**/v1/customers/c1/similar?*", lambda route: route.fulfill(json={"similar": [alike]}))
    bare_page.goto(api_url)
    name = bare_page.locator(".hit-name")
    expect(name).to_have_text("<img src=x> &lt; O'Brien " + evil)
    expect(name.locator("mark")).to_have_text("O'Brien")
    expect(bare_page.locator("#stage button")).to_have_text(evil)
    expect(bare_page.locator(".lacks")).to_have_text(f"lacks: {evil}")
    expect(bare_page.locator("#total")).to_contain_text("at least 10,000 customers")
    name.click()
    expect(bare_page.locator("#customer-name")).to_have_text(evil)
    expect(bare_page.locator("#view")).to_contain_text("50% alike")
    assert bare_page.locator("#page img, #view img").count() == 0
    assert bare_page.title() == "crmsearch"


def test_an_outdated_answer_is_never_shown(bare_page: Page, api_url: str, common_name: str) -> None:
    held: list[Route] = []

    def answer(route: Route) -> None:
        if json.loads(route.request.post_data or "{}")["q"] == "slow":
            held.append(route)
        else:
            route.continue_()

    bare_page.route("**/v1/customers/search", answer)
    bare_page.goto(api_url)
    expect(bare_page.locator(".hit").first).to_be_visible()
    with bare_page.expect_event("requestfailed"):  # the page gives the slow one up
        bare_page.locator("#q").fill("slow")
        expect(bare_page.locator("#results")).to_have_attribute("aria-busy", "true")
        bare_page.locator("#q").fill(common_name)
    expect(bare_page.locator(".hit-name mark").first).to_have_text(re.compile(re.escape(common_name), re.IGNORECASE))
    assert len(held) == 1


def test_filters_unfold_on_a_phone(open_page: PageMaker) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    toggle = page.get_by_role("button", name="Filters")
    expect(page.locator("#filters")).to_be_hidden()
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(page.locator('[data-facet="city"]')).to_be_visible()
