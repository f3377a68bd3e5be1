"""The pages of the console beside the search: one customer, segments, statistics, quality, administration; and signing in, by role."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from playwright.sync_api import Locator, Page, expect  # noqa: E402

from crmsearch.processes import wait_until  # noqa: E402
from tests.conftest import Loaded  # noqa: E402
from tests.e2e.conftest import Locked, PageMaker, expect_accessible, expect_contrast, expect_total, keep_screenshot, settled  # noqa: E402

PAGES = {
    "search": "",
    "statistics": "#page=statistics&field=age&by=gender&chart=box",
    "segments": "#page=segments&segment=churn-high",
    "builder": "#page=segments&new=1&f=gender:female",
    "quality": "#page=quality",
    "admin": "#page=admin",
    "generations": "#page=admin&part=generations",
    "audit": "#page=admin&part=audit",
}


def _open_customer(page: Page, **_: Any) -> None:
    page.locator(".hit-name").first.click()
    expect(page.locator("#customer-name")).to_be_visible()


def _read(path: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(Path(path).read_text(encoding="utf-8-sig"))))


def _exported(page: Page, button: Locator, purpose: str) -> list[list[str]]:
    """The rows of a file for a purpose."""
    button.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Purpose").select_option(purpose)
    with page.expect_download() as file:
        dialog.get_by_role("button", name="Export CSV").click()
    return _read(file.value.path())


# Every page, in both languages and colours, at three sizes


@pytest.mark.parametrize(("language", "scheme"), [("en-US", "light"), ("zh-CN", "dark")])
@pytest.mark.parametrize("name", [*PAGES, "customer"])
def test_every_page_is_accessible_and_fits_every_window(
    open_page: PageMaker, tmp_path: Path, name: str, language: str, scheme: str
) -> None:
    page = open_page(PAGES.get(name, ""), ready=False, locale=language, color_scheme=scheme, reduced_motion="reduce")
    if name == "customer":
        _open_customer(page)
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", language if language == "zh-CN" else "en")
    red, green, blue = (int(part) for part in re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3])
    assert (red + green + blue > 380) == (scheme == "light")
    expect_accessible(page)
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    expect_contrast(page)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for width in (360, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        keep_screenshot(page, tmp_path, f"{name}-{language}-{width}")


# Signing in


def test_who_signs_in_stays_so_until_signing_out_and_the_key_is_sent_once(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(url=locked.url, ready=False)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data}"))
    page.get_by_label("Key", exact=True).fill(locked.keys["agent"])
    expect_accessible(page)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.locator("#me")).to_have_text("e2e agent · agent")
    assert sum(locked.keys["agent"] in each for each in sent) == 1
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/v1")
    assert locked.keys["agent"] not in page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})") + page.url
    tabs = page.locator("#tabs button")
    expect(tabs).to_have_text(["Customers", "Segments", "Statistics"])  # and nothing that an agent may not do
    expect(page.get_by_role("button", name="Export CSV")).to_have_count(0)

    page.reload()
    expect(page.locator(".hit").first).to_be_visible()
    page.locator("#q").fill("ada")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    expect(page.locator(".hit")).to_have_count(0)
    assert page.context.cookies() == []
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.includes('recent'))") == []
    page.reload()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()


def test_a_key_in_the_address_signs_in_and_leaves_it(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(f"#f=tags:*&key={locked.keys['analyst']}", url=locked.url, ready=False)
    # An analyst sees figures and nobody.
    expect(page.locator("#tabs button")).to_have_text(["Segments", "Statistics", "Data quality"])
    expect(page.get_by_role("heading", name="Segments")).to_be_visible()
    expect(page.locator("#q")).to_be_hidden()
    assert "key" not in page.url
    settled(page)


def test_a_wrong_key_is_told_and_a_revoked_one_asks_again(bare_page: Page, locked: Locked) -> None:
    bare_page.goto(locked.url)
    bare_page.get_by_label("Key", exact=True).fill("wrong")
    bare_page.keyboard.press("Enter")
    expect(bare_page.get_by_role("alert")).to_have_text("This key was not accepted. Check it and enter it again.")
    header = {"Authorization": "Bearer the key of the settings"}
    made = httpx.post(f"{locked.url.rstrip('/')}/v1/keys", json={"role": "agent"}, headers=header, timeout=30).json()
    bare_page.get_by_label("Key", exact=True).fill(made["key"])
    bare_page.keyboard.press("Enter")
    expect(bare_page.locator(".hit").first).to_be_visible()
    httpx.delete(f"{locked.url.rstrip('/')}/v1/keys/{made['prefix']}", headers=header, timeout=30).raise_for_status()
    for _ in range(50):  # until the second has passed for which a key that was read is good
        mine = {"Authorization": f"Bearer {made['key']}"}
        if httpx.get(f"{locked.url.rstrip('/')}/v1/fields", headers=mine, timeout=30).status_code == 401:
            break
        bare_page.wait_for_timeout(100)
    bare_page.locator("#q").fill("ada")
    expect(bare_page.get_by_role("status").filter(has_text="You were signed out")).to_be_visible()
    expect(bare_page.locator(".hit")).to_have_count(0)


# One customer


def test_a_customers_page_shows_all_that_is_known_and_contact_data_for_a_purpose(
    open_page: PageMaker, search: Callable[..., dict[str, Any]]
) -> None:
    hit = search(filters=[{"field": "national_id", "exists": True}, {"field": "merged_count", "gte": 2}], size=1)["hits"][0]
    page = open_page()
    page.locator("#q").fill(hit["id"])
    expect(page.locator(".hit")).to_have_count(1)
    page.locator(".hit").click()
    view = page.locator("#view")
    expect(view.locator("#customer-name")).to_have_text(hit["customer"]["name"])
    assert hit["id"] not in page.url
    settled(page)
    hidden = [hit["customer"]["national_id"], hit["customer"]["emails"][0]]
    assert not [each for each in hidden if each in view.inner_text()]
    expect(view).to_contain_text(f"{hidden[1][0]}***@")
    expect(view.locator("a[href^='mailto:'], a[href^='tel:']")).to_have_count(0)  # nobody writes to what is masked
    labels = {row["name"]: row["label"] for row in httpx.get(page.url.split("#")[0] + "v1/fields").json()}
    apart = {"quality_issues", "source_records", "merge_reasons"}  # which have cards of their own
    assert {labels[name] for name in hit["customer"].keys() - apart} <= set(view.locator("dt").all_inner_texts())
    for record in hit["customer"]["source_records"]:
        expect(view).to_contain_text(record)
    expect(view).to_contain_text("% alike")

    page.get_by_role("button", name="Reveal contact data").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Purpose").select_option("quality")
    with page.expect_request(lambda request: request.headers.get("x-purpose") == "quality"):
        dialog.get_by_role("button", name="Reveal contact data").click()
    for each in hidden:
        expect(view).to_contain_text(each)
    expect(view.get_by_role("button", name="Copy National id")).to_be_visible()
    expect(view.get_by_role("status")).to_contain_text(["Shown for: Mending data"])
    page.reload()  # the customer is kept with the page, and what was revealed is not
    expect(view.locator("#customer-name")).to_have_text(hit["customer"]["name"])
    assert hit["customer"]["national_id"] not in view.inner_text()


def test_a_reference_that_nobody_knows_says_so(bare_page: Page, api_url: str) -> None:
    bare_page.goto(f"{api_url.rstrip('/')}/#ref=0123456789abcdef")
    expect(bare_page.get_by_role("alert")).to_contain_text("There is no such customer")
    bare_page.get_by_role("button", name="Back to results").click()
    expect(bare_page.locator(".hit").first).to_be_visible()


def test_a_reference_opens_its_customer(open_page: PageMaker, loaded: Loaded, everyone: dict[str, Any]) -> None:
    customer = everyone["hits"][0]["customer"]
    mirror = loaded.lifecycle.analytics(str(loaded.lifecycle.live())).mirror()
    assert mirror is not None
    page = open_page(f"#ref={mirror.ref(customer['customer_id'])}", ready=False)
    expect(page.locator("#customer-name")).to_have_text(customer.get("name") or customer["company"])


def test_erasure_asks_for_the_id_and_erases_only_then(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(f"#key={locked.keys['admin']}", url=locked.url)
    page.locator("#q").fill("L3")
    expect(page.locator(".hit")).to_have_count(1)
    page.locator(".hit-name").click()
    page.get_by_role("button", name="Erase this person").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Customer id").fill("L4")
    dialog.get_by_role("button", name="Erase this person").click()
    expect(page.locator("#view")).to_contain_text("nothing was done")
    with page.expect_download() as file:
        page.get_by_role("button", name="Export everything held").click()
    assert "Ada Byron 3" in Path(file.value.path()).read_text(encoding="utf-8")


def test_an_administrator_erases_a_customer_and_keeps_the_certificate(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(f"#key={locked.keys['admin']}", url=locked.url)
    page.locator("#q").fill("Ada Byron 5")
    page.keyboard.press("Enter")
    page.locator(".hit", has_text="Ada Byron 5").locator(".hit-name").click()
    page.get_by_role("button", name="Erase this person").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Customer id").fill("L5")
    dialog.get_by_role("button", name="Erase this person").click()
    certificate = page.locator("#certificate")
    expect(certificate.get_by_role("heading", name="The person was erased.")).to_be_focused()
    expect(certificate.locator("tbody tr").first).to_be_visible()
    with page.expect_download() as file:
        certificate.get_by_role("button", name="Save the certificate").click()
    kept = json.loads(Path(file.value.path()).read_text(encoding="utf-8"))
    assert kept["removed"]
    assert not [word for word in ("Ada", "Byron", "L5") if word in json.dumps(kept) + page.locator("#view").inner_text()]
    assert "Byron" not in page.evaluate("JSON.stringify({...localStorage})")  # nor among the recent searches
    page.get_by_role("button", name="Back to results").click()
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.locator(".hit", has_text="Ada Byron 5")).to_have_count(0)
    header = {"Authorization": f"Bearer {locked.keys['admin']}"}
    assert httpx.get(f"{locked.url.rstrip('/')}/v1/customers/L5", headers=header, timeout=30).status_code == 404


def test_an_administrator_restricts_a_customer_and_lifts_it(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(f"#key={locked.keys['admin']}", url=locked.url)
    page.locator("#q").fill("Ada Byron 7")
    page.keyboard.press("Enter")
    page.locator(".hit", has_text="Ada Byron 7").locator(".hit-name").click()
    page.get_by_role("button", name="Restrict processing").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Customer id").fill("L7")
    dialog.get_by_role("button", name="Restrict processing").click()
    expect(page.get_by_role("heading", name="The processing of this person is restricted.")).to_be_focused()
    header = {"Authorization": f"Bearer {locked.keys['admin']}"}
    address = f"{locked.url.rstrip('/')}/v1/customers/L7"
    assert httpx.get(address, headers=header, timeout=30).status_code == 404
    page.get_by_role("button", name="Lift the restriction").click()
    expect(page.locator("#restricted")).to_contain_text("was lifted")
    assert wait_until(lambda: httpx.get(address, headers=header, timeout=30).status_code == 200, 30)


# Search: what is kept, drawn over and taken out


def test_a_range_is_drawn_over_its_bars(open_page: PageMaker, search: Callable[..., dict[str, Any]]) -> None:
    page = open_page()
    bars = page.locator('[data-range="age"] .bars')
    box = bars.bounding_box()
    assert box
    buckets = search(size=0, facets=[{"field": "age", "interval": "auto"}])["facets"][0]["buckets"]
    width = box["width"] / len(buckets)
    page.mouse.move(box["x"] + 1.5 * width, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 3.5 * width, box["y"] + 20, steps=4)
    page.mouse.up()
    wanted = {"field": "age", "gte": buckets[1]["gte"], "lt": buckets[3]["lt"]}
    expect_total(page, search(size=0, filters=[wanted])["total"])
    expect(bars.locator(".selected")).to_have_count(3)


def test_searches_are_saved_in_this_browser_and_recent_ones_can_be_forgotten(open_page: PageMaker, everyone: dict[str, Any]) -> None:
    page = open_page("#f=gender:female")
    page.get_by_text("Saved and recent").click()
    page.get_by_role("button", name="Save this search").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Women")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator("#chips .chip").click()
    expect_total(page, everyone["total"])
    page.reload()
    page.get_by_text("Saved and recent").click()
    page.get_by_role("button", name="Women", exact=True).click()
    expect(page.locator("#chips .chip")).to_have_text("Gender: Female×")
    page.locator("#q").fill("smith")
    page.keyboard.press("Enter")
    expect(page.locator("#saved-body").get_by_role("button", name="smith", exact=True)).to_be_visible()
    page.get_by_role("button", name="Forget smith").click()
    expect(page.locator("#saved-body").get_by_role("button", name="smith", exact=True)).to_have_count(0)
    assert "smith" not in page.url


def test_what_is_found_is_exported(open_page: PageMaker, search: Callable[..., dict[str, Any]]) -> None:
    page = open_page("#f=lifecycle:lead")
    rows = _exported(page, page.get_by_role("button", name="Export CSV"), "browse")
    assert len(rows) - 1 == search(size=0, filters=[{"field": "lifecycle", "in": ["lead"]}])["total"]
    emails = [row[rows[0].index("emails")] for row in rows[1:]]
    assert any(emails)
    assert all("***@" in each for each in emails if each)
    whole = _exported(page, page.get_by_role("button", name="Export CSV"), "marketing")
    assert not any("***" in row[whole[0].index("emails")] for row in whole[1:])


def test_help_tells_the_keys(open_page: PageMaker) -> None:
    page = open_page()
    page.locator(".hit-name").first.focus()
    page.locator("#results").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("go to the search box")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


# Statistics


def _drawn(api_url: str, chart: str, lang: str = "en", **body: Any) -> ET.Element:
    """The chart as the API answers it."""
    url, headers = f"{api_url.rstrip('/')}/v1/stats?chart={chart}&lang={lang}", {"Accept": "image/svg+xml"}
    return ET.fromstring(httpx.post(url, json={"size": 12, **body}, headers=headers, timeout=30).raise_for_status().text)


def _expect_chart(page: Page, expected: ET.Element) -> None:
    title, words = (expected.findtext(f"{{http://www.w3.org/2000/svg}}{name}") for name in ("title", "desc"))
    image = page.locator("#figures-body").get_by_role("img", name=title or "", exact=True)
    expect(image.locator("desc")).to_have_text(words or "", timeout=15_000)
    expect(image.locator("text").first).to_be_visible()


def test_charts_are_those_of_the_api_for_the_customers_found(open_page: PageMaker, api_url: str, everyone: dict[str, Any]) -> None:
    city = everyone["facets"][0]["buckets"][0]["value"]
    page = open_page()
    page.locator('[data-facet="city"]').get_by_label(city).check()
    page.get_by_role("button", name="Statistics of these").click()
    chosen = [{"field": "city", "in": [city]}]
    _expect_chart(page, _drawn(api_url, "histogram", fields=["age"], filters=chosen))
    page.get_by_label("Chart").select_option("box")
    _expect_chart(page, _drawn(api_url, "box", fields=["age"], filters=chosen))
    page.get_by_label("Group by").select_option(label="Gender")
    _expect_chart(page, _drawn(api_url, "box", fields=["age"], by="gender", filters=chosen))
    page.get_by_role("button", name=f"Remove filter City: {city}").click()
    page.get_by_label("and by").select_option(label="Kind")
    page.get_by_label("Chart").select_option("heatmap")
    _expect_chart(page, _drawn(api_url, "heatmap", fields=["age"], by=["gender", "kind"]))
    page.get_by_role("button", name="中文").click()
    _expect_chart(page, _drawn(api_url, "heatmap", "zh", fields=["age"], by=["gender", "kind"]))


def test_figures_are_those_of_the_api_and_every_chart_can_be_taken_along(open_page: PageMaker, api_url: str) -> None:
    answer = httpx.post(f"{api_url.rstrip('/')}/v1/stats", json={"fields": ["age"], "by": "gender", "size": 12}, timeout=30).json()
    page = open_page("#page=statistics&field=age&by=gender", ready=False)
    settled(page)
    names = ("n", "missing", "mean", "median", "variance", "std_deviation", "min", "max")
    expected = [[row["fields"]["age"][name] for name in names] for row in [answer, *answer["groups"]]]
    shown = [[float(cell.replace(",", "")) for cell in row.locator("td").all_inner_texts()] for row in page.locator("#view tbody tr").all()]
    assert shown == [pytest.approx(row, abs=0.006) for row in expected]
    expect(page.locator("#view .tag.exact")).to_have_text("exact")
    files = {}
    for kind in ("SVG", "PNG", "CSV"):
        with page.expect_download() as file:
            page.locator("#figures-body").get_by_role("button", name=kind).click()
        files[kind] = file.value
    assert ET.parse(files["SVG"].path()).getroot().tag.endswith("svg")
    assert Path(files["PNG"].path()).read_bytes().startswith(b"\x89PNG")
    rows = _read(files["CSV"].path())
    assert rows[0] == ["gender", *names]
    assert [float(cell) for cell in rows[1][1:]] == expected[0]
    assert files["CSV"].suggested_filename == "age-by-gender.csv"


def test_every_field_has_every_chart_that_is_offered(open_page: PageMaker) -> None:
    page = open_page("#page=statistics", ready=False)
    settled(page)
    names = page.get_by_label("Field").locator("option").evaluate_all("options => options.map((each) => each.value)")
    assert len(names) > 30
    for field, by in (("revenue", ""), ("last_order_at", ""), ("city", ""), ("age", "gender"), ("tags", "gender")):
        for number in range(3):
            page.goto(page.url.split("#")[0] + f"#page=statistics&field={field}&by={by}")
            settled(page)
            kinds = page.get_by_label("Chart").locator("option").evaluate_all("options => options.map((each) => each.value)")
            if number >= len(kinds):
                break
            with page.expect_response(f"**/v1/stats?chart={kinds[number]}&*") as answer:
                page.get_by_label("Chart").select_option(kinds[-1 if number == 0 else 0])
                page.get_by_label("Chart").select_option(kinds[number])
            assert answer.value.status == 200, (field, by, kinds[number])


def test_figures_that_are_withheld_say_why(bare_page: Page, api_url: str) -> None:
    problem = {"title": "Too few customers", "status": 403, "detail": "fewer than 5 customers", "code": "small_group", "request_id": "r-9"}
    bare_page.route(
        "**/v1/stats?*", lambda route: route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(problem))
    )
    bare_page.goto(f"{api_url.rstrip('/')}/#page=statistics")
    expect(bare_page.locator("#figures-body").get_by_role("alert")).to_contain_text("fewer than 5 customers")


# Segments


def test_a_segment_is_built_saved_compared_and_deleted(open_page: PageMaker, search: Callable[..., dict[str, Any]], api_url: str) -> None:
    page = open_page("#f=gender:female")
    page.get_by_role("button", name="Save as segment").click()
    builder = page.locator("#builder")
    women = search(size=0, filters=[{"field": "gender", "in": ["female"]}])["total"]
    expect(builder.get_by_role("status")).to_have_text(f"{women:,} customers now")
    builder.get_by_label("Add filter").select_option("age")
    builder.get_by_label("Value", exact=True).fill("30..49")
    builder.get_by_role("button", name="Add").click()
    total = search(size=0, filters=[{"field": "gender", "in": ["female"]}, {"field": "age", "gte": 30, "lte": 49}])["total"]
    expect(builder.get_by_role("status")).to_have_text(f"{total:,} customers now")
    builder.get_by_label("Name for people").fill("Women, 30 to 49")
    expect(builder.get_by_label("Short name")).to_have_value("women-30-to-49")
    builder.get_by_role("button", name="Save").click()
    profile = page.locator("#profile")
    expect(profile.get_by_role("heading", name="Women, 30 to 49 against everyone")).to_be_visible()
    expect(profile).to_contain_text(f"{total:,} members")
    expect(profile.locator("svg").first).to_be_visible()
    profile.get_by_label("Compare with").select_option(label="Churn risk: high")
    expect(page.locator("#profile").get_by_role("heading", name="Overlap")).to_be_visible()
    settled(page)
    button = page.locator("tr", has_text="Women, 30 to 49").get_by_role("button", name="Export CSV")
    assert len(_exported(page, button, "marketing")) == total + 1
    page.locator("tr", has_text="Women, 30 to 49").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("tr", has_text="Women, 30 to 49")).to_have_count(0)
    assert httpx.get(f"{api_url.rstrip('/')}/v1/segments/women-30-to-49").status_code == 404


def test_members_of_a_segment_are_a_search(open_page: PageMaker, api_url: str) -> None:
    size = httpx.get(f"{api_url.rstrip('/')}/v1/segments/churn-high", timeout=30).json()["size"]
    page = open_page("#page=segments", ready=False)
    page.locator("tr", has_text="Churn risk: high").first.get_by_role("button", name="Show members").click()
    expect_total(page, size)
    expect(page.locator("#chips .chip")).to_have_text("Segment: churn-high×")


# Quality


def test_quality_is_that_of_the_run(open_page: PageMaker, api_url: str) -> None:
    run = httpx.get(f"{api_url.rstrip('/')}/v1/runs", timeout=30).json()["runs"][0]
    report = httpx.get(f"{api_url.rstrip('/')}/v1/runs/{run['run_id']}", timeout=30).json()
    page = open_page("#page=quality", ready=False)
    settled(page)
    funnel = dict(zip(page.locator(".funnel dt").all_inner_texts(), page.locator(".funnel dd").all_inner_texts(), strict=True))
    words = {"Read": "rows_read", "Indexed": "indexed", "Merged": "merged", "Quarantined": "quarantined"}
    assert {word: funnel.get(word, "0") for word in words} == {word: f"{run[name]:,}" for word, name in words.items()}
    reasons = page.get_by_role("region", name="Rules applied").locator("tbody tr")
    expect(reasons.first).to_contain_text(report["reasons"][0]["code"])
    expect(reasons.first).to_contain_text(report["reasons"][0]["action"])
    measured = [each for each in report["fields"] if each["valid"] is not None]
    expect(page.get_by_role("region", name="Completeness").locator("tbody tr")).to_have_count(len(measured))


# Administration


def test_an_administrator_makes_and_revokes_a_key_and_sees_it_in_the_trail(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(f"#page=admin&key={locked.keys['admin']}", url=locked.url, ready=False)
    keys = page.locator("#apiKeys")
    keys.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Paris desk")
    dialog.get_by_label("Role").select_option(label="analyst")
    dialog.get_by_role("button", name="Make a key").click()
    key = page.locator("#made-key").inner_text()
    assert (
        httpx.get(f"{locked.url.rstrip('/')}/v1/session", headers={"Authorization": f"Bearer {key}"}, timeout=30).json()["role"]
        == "analyst"
    )
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    row = keys.locator("tr", has_text="Paris desk")
    expect(row).to_contain_text("analyst")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    expect(row.get_by_role("button", name="Revoke")).to_have_count(0)
    page.get_by_role("button", name="Audit trail").click()
    audit = page.locator("#audit")
    audit.get_by_label("Action").select_option("key_revoke")
    expect(audit.locator("#events")).to_be_visible()
    rows = audit.locator("tbody tr")
    for _ in range(20):  # the trail is written behind the answers
        audit.get_by_role("button", name="Apply").click()
        settled(page)
        if rows.count():
            break
    expect(rows.first).to_contain_text("revoked a key")


def test_an_administrator_goes_back_to_the_base_before(open_page: PageMaker, locked: Locked) -> None:
    page = open_page(f"#page=admin&part=generations&key={locked.keys['admin']}", url=locked.url, ready=False)
    bases = page.locator("#generations")
    expect(bases.locator("tbody tr")).to_have_count(2)
    bases.get_by_role("button", name="Go back to the one before").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back to the one before").click()
    expect(bases.locator("tbody tr").nth(1)).to_contain_text("live")
    expect(bases.get_by_role("button", name="Go back to the one before")).to_have_count(0)
    expect(page.locator("#view")).to_contain_text("The service answers")
