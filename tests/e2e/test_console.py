"""The console in a real browser over a real API: what an agent does, and what the page must never do."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from playwright.sync_api import Browser, Page, Route, expect  # noqa: E402

CONSOLE = Path(__file__).parents[2] / "src" / "crmsearch" / "api" / "console"
MAX_PAGE_BYTES = 72_000  # the whole page, so that it stays quick on a slow line
PageMaker = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, api_url: str) -> Iterator[PageMaker]:
    """Opens the console; at the end no page may have complained or asked anyone but the API."""
    complaints: list[str] = []
    hosts: set[str] = set()
    contexts = []

    def open_(fragment: str = "", *, ready: bool = True, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{api_url.rstrip('/')}/{fragment}")
        if ready:
            expect(page.locator(".hit").first).to_be_visible()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
    assert hosts == {urlsplit(api_url).netloc}


@pytest.fixture
def bare_page(browser: Browser) -> Iterator[Page]:
    """A page whose API answers are made up, errors among them."""
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def search(api_url: str) -> Callable[..., dict[str, Any]]:
    def search_(**body: Any) -> dict[str, Any]:
        response = httpx.post(f"{api_url.rstrip('/')}/v1/customers/search", json=body, timeout=30)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    return search_


@pytest.fixture(scope="session")
def everyone(search: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return search(size=100, facets=["city"])


@pytest.fixture(scope="session")
def common_name(everyone: dict[str, Any]) -> str:
    """The most frequent family name written in Latin letters."""
    names: list[str] = [hit["customer"].get("family_name", "") for hit in everyone["hits"]]
    return Counter(name for name in names if re.fullmatch("[A-Za-z]{3,}", name)).most_common(1)[0][0]


def total_of(page: Page) -> int:
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    return int(re.sub(r"\D", "", page.locator("#total").inner_text().split("customer")[0]))


def expect_total(page: Page, total: int) -> None:
    expect(page.locator("#total")).to_contain_text(re.compile(rf"(^|\s){total:,} customers?\b"))


def test_page_is_small_and_refers_only_to_its_own_files(api_url: str) -> None:
    html = httpx.get(api_url).text
    files = {path.name: path.read_text(encoding="utf-8") for path in CONSOLE.iterdir() if path.is_file()}
    references = set(re.findall(r'(?:src|href)="([^"#]+)"', html)) | {
        reference for name, text in files.items() if name.endswith(".js") for reference in re.findall(r'from "\./([^"]+)"', text)
    }
    assert references - {"/schema"} <= files.keys()
    for name in references:
        assert httpx.get(f"{api_url.rstrip('/')}/{name.lstrip('/')}", follow_redirects=True).status_code == 200
    assert re.search(r"<style|style=|<script>|\son\w+=", html) is None
    for name, text in files.items():
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), name
        assert "innerHTML" not in text, name
    assert sum(len(text.encode()) for text in files.values()) < MAX_PAGE_BYTES


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


def test_keyboard_alone_reaches_a_customer(open_page: PageMaker, everyone: dict[str, Any], common_name: str) -> None:
    page = open_page()
    page.keyboard.type(common_name)
    expect(page.locator(".hit-name mark").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".hit-name").nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".hit-name").first).to_be_focused()
    name = page.locator(".hit-name").first.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#detail-name")).to_have_text(name)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".hit-name").first).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("")
    expect_total(page, everyone["total"])


def test_detail_shows_every_known_field_by_group_and_conceals_the_identity_number(
    open_page: PageMaker, search: Callable[..., dict[str, Any]]
) -> None:
    hit = search(filters=[{"field": "national_id", "exists": True}], size=1)["hits"][0]
    page = open_page()
    page.locator("#q").fill(hit["id"])
    expect(page.locator(".hit")).to_have_count(1)
    page.locator(".hit").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Contact")).to_be_visible()
    labels = {row["name"]: row["label"] for row in httpx.get(page.url.split("#")[0] + "v1/fields").json()}
    assert set(dialog.locator("dt").all_inner_texts()) == {labels[name] for name in hit["customer"]}
    assert hit["customer"]["national_id"] not in dialog.inner_text()
    dialog.get_by_role("button", name="Show").click()
    expect(dialog).to_contain_text(hit["customer"]["national_id"])
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


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


def test_statistics_are_those_of_the_api(open_page: PageMaker, api_url: str) -> None:
    answer = httpx.post(f"{api_url.rstrip('/')}/v1/stats", json={"fields": ["age"], "by": "city", "size": 8}, timeout=30).json()
    page = open_page()
    page.get_by_text("Age by city").click()
    figures = [row["fields"]["age"] for row in [answer, *answer["groups"]]]
    expected = [
        [f"{row['n']:,}", *(f"{row[name]:,.1f}" for name in ("mean", "median", "variance", "std_deviation"))]
        for row in figures
        if row["n"] > 1
    ]
    rows = page.locator("#stats-body tbody tr:first-child")
    expect(rows).to_have_count(len(figures))
    shown = [row.locator("td").all_inner_texts() for row in rows.all()]
    # Halves may be rounded up by the one and to even by the other.
    numbers = [[float(cell.replace(",", "")) for cell in row] for row in shown if "–" not in row]
    assert numbers == [pytest.approx([float(cell.replace(",", "")) for cell in row], abs=0.11) for row in expected]
    expect(page.locator("#stats-body .tag")).to_have_text("exact")


def drawn(api_url: str, chart: str, lang: str = "en", **body: Any) -> ET.Element:
    """The chart as the API answers it."""
    url, headers = f"{api_url.rstrip('/')}/v1/stats?chart={chart}&lang={lang}", {"Accept": "image/svg+xml"}
    return ET.fromstring(httpx.post(url, json={"size": 12, **body}, headers=headers, timeout=30).raise_for_status().text)


def expect_chart(page: Page, expected: ET.Element) -> None:
    title, words = (expected.findtext(f"{{http://www.w3.org/2000/svg}}{name}") for name in ("title", "desc"))
    image = page.locator("#figures").get_by_role("img", name=title or "", exact=True)
    expect(image.locator("desc")).to_have_text(words or "")
    expect(image.locator("text").first).to_be_visible()


def test_figures_are_the_charts_of_the_api_for_the_customers_found(open_page: PageMaker, api_url: str, everyone: dict[str, Any]) -> None:
    page = open_page()
    page.locator("#figures summary").first.focus()
    page.keyboard.press("Enter")
    expect_chart(page, drawn(api_url, "histogram", fields=["age"]))
    page.locator("#figures-chart").select_option("box")
    expect_chart(page, drawn(api_url, "box", fields=["age"]))
    page.locator("#figures-by").select_option(label="Gender")
    expect_chart(page, drawn(api_url, "box", fields=["age"], by="gender"))
    page.locator("#figures-field").select_option(label="City")
    expect_chart(page, drawn(api_url, "heatmap", fields=["city"], by="gender"))
    page.get_by_text("In words").click()
    expect(page.locator("#figures details p")).to_be_visible()

    city = everyone["facets"][0]["buckets"][0]["value"]
    page.locator('[data-facet="city"]').get_by_label(city).check()
    chosen = [{"field": "city", "in": [city]}]
    expect_chart(page, drawn(api_url, "heatmap", fields=["city"], by="gender", filters=chosen))
    page.get_by_role("button", name="中文").click()
    expect_chart(page, drawn(api_url, "heatmap", "zh", fields=["city"], by="gender", filters=chosen))


def test_every_field_that_is_offered_has_every_chart_that_is_offered(open_page: PageMaker) -> None:
    page = open_page()
    page.locator("#figures summary").first.click()
    names = page.locator("#figures-field option").evaluate_all("options => options.map((each) => each.value)")
    assert len(names) > 30
    for name in names:
        with page.expect_response("**/v1/stats?*") as answer:
            page.locator("#figures-field").select_option("age" if name == "revenue" else "revenue")
            page.locator("#figures-field").select_option(name)
        assert answer.value.status == 200, name
    for by in ("", "gender"):
        for field in ("age", "city"):
            page.locator("#figures-field").select_option(field)
            page.locator("#figures-by").select_option(by)
            for kind in page.locator("#figures-chart option").evaluate_all("options => options.map((each) => each.value)"):
                with page.expect_response(f"**/v1/stats?chart={kind}&*") as answer:
                    page.locator("#figures-chart").select_option(kind)
                assert answer.value.status == 200, (field, by, kind)


def test_figures_that_are_withheld_say_why(bare_page: Page, api_url: str) -> None:
    problem = {"title": "Too few customers", "status": 403, "detail": "fewer than 5 customers", "code": "small_group", "request_id": "r-9"}
    bare_page.route(
        "**/v1/stats?*", lambda route: route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(problem))
    )
    bare_page.goto(api_url)
    expect(bare_page.locator(".hit").first).to_be_visible()
    bare_page.locator("#figures summary").first.click()
    expect(bare_page.locator("#figures").get_by_role("alert")).to_contain_text("fewer than 5 customers")


def test_figures_fit_a_phone(open_page: PageMaker) -> None:
    page = open_page(viewport={"width": 360, "height": 740})
    page.locator("#figures summary").first.click()
    expect(page.locator(".chart svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


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


@pytest.mark.parametrize("way", ["form", "fragment"])
def test_key_is_asked_for_or_taken_from_the_fragment_and_sent_as_a_header(bare_page: Page, api_url: str, way: str) -> None:
    def answer(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer k+e/y=":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body='{"title": "Unauthorized"}')

    bare_page.route("**/v1/**", answer)
    bare_page.goto(f"{api_url.rstrip('/')}/" + ("#key=k+e/y=" if way == "fragment" else ""))
    if way == "form":
        bare_page.get_by_label("Key").fill("wrong")
        bare_page.get_by_role("button", name="Continue").click()
        expect(bare_page.get_by_text("This key was not accepted")).to_be_visible()
        bare_page.get_by_label("Key").fill("k+e/y=")
        bare_page.keyboard.press("Enter")
    expect(bare_page.locator(".hit").first).to_be_visible()
    assert "key" not in bare_page.url
    bare_page.locator("#figures summary").first.click()
    expect(bare_page.locator("#figures").get_by_role("img", name="Age")).to_be_visible()


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
    bare_page.goto(api_url)
    name = bare_page.locator(".hit-name")
    expect(name).to_have_text("<img src=x> &lt; O'Brien " + evil)
    expect(name.locator("mark")).to_have_text("O'Brien")
    expect(bare_page.locator("#stage button")).to_have_text(evil)
    expect(bare_page.locator(".lacks")).to_have_text(f"lacks: {evil}")
    expect(bare_page.locator("#total")).to_contain_text("at least 10,000 customers")
    name.click()
    expect(bare_page.locator("#detail-name")).to_have_text(evil)
    assert bare_page.locator("#page img, #detail img").count() == 0
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


@pytest.mark.parametrize("width", [360, 768, 1280, 1920, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_layout_fits_and_follows_the_colour_scheme(open_page: PageMaker, tmp_path: Path, width: int, scheme: str) -> None:
    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    red, green, blue = (int(part) for part in re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3])
    assert (red + green + blue > 380) == (scheme == "light")
    shot = tmp_path / f"console-{width}-{scheme}.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 10_000


def test_filters_unfold_on_a_phone(open_page: PageMaker) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    toggle = page.get_by_role("button", name="Filters")
    expect(page.locator("#filters")).to_be_hidden()
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(page.locator('[data-facet="city"]')).to_be_visible()
