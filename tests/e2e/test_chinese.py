"""The Chinese console is Chinese: every page over customers whose data is Chinese, and no English word but those of a short list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec
import pytest

from crmsearch.background import start_api, stop_api
from crmsearch.settings import Settings
from tests.conftest import Loaded
from tests.documents import own_prefix, put_documents, runs_of

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from playwright.sync_api import Page, expect  # noqa: E402

from crmsearch.search.vocabulary import VOCABULARY  # noqa: E402
from tests.e2e.conftest import PageMaker, settled  # noqa: E402

# Names of the product and its parts, of file formats and keys of the keyboard, of what has no other name, and how filters are written.
ALLOWED = {
    *("crmsearch", "CSV", "SVG", "PNG", "RFM", "MB", "English", "Cookie", "Enter", "Esc", "ms", "Jaccard"),
    *("Salesforce", "Zoho", "Dynamics", "HubSpot", "WhatsApp", "CN", "HK", "country", "tags", "vip"),
}
# The text of a page as it is read, folded parts and hints included; codes, data as it was given, and what is marked as English left out.
READ = """() => {
  const skipped = "code, pre, script, noscript, kbd, [lang=en], [data-facet=source_system], .hit .reach";
  const texts = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(skipped)) texts.push(walker.currentNode.textContent);
  }
  for (const node of document.querySelectorAll("[aria-label], [placeholder], [title]")) {
    if (!node.closest(skipped)) texts.push(node.ariaLabel ?? "", node.placeholder ?? "", node.title ?? "");
  }
  return texts.map((text) => text.trim()).filter(Boolean);
}"""
FAILED_RUN = "20260101t000001z"
_DATA = re.compile(r"\S+@\S+|[CN]\d+\b|\bgeneric:\w+|\bsalesforce:\w+|\b\d{8}t\d{6}z\b")
PAGES = {
    "search": "",
    "statistics": "#page=statistics&field=age&by=gender&chart=box",
    "categories": "#page=statistics&field=consents",
    "segments": "#page=segments",
    "profile": "#page=segments&segment=rfm-loyal",
    "compare": "#page=segments&segment=rfm-loyal&with=churn-low",
    "builder": "#page=segments&new=1&f=industry:Technology&f=age:20..39&f=-rfm_segment:loyal&f=last_order_at:now-90d..",
    "quality": "#page=quality",
    "keys": "#page=admin",
    "generations": "#page=admin&part=generations",
    "audit": "#page=admin&part=audit",
}


def _people() -> Iterator[dict[str, object]]:
    """Customers who differ in all vocabularies, and whose own words are Chinese."""
    values = {name: list(words) for name, words in VOCABULARY.items() if words}
    for number in range(60):
        same = {name: words[number % len(words)] for name, words in values.items() if name != "consents"}
        yield {
            **same,
            "customer_id": f"C{number}",
            "name": "王小明" if number < 3 else f"王{'一二三四五六七八九十'[number % 10]}",
            "cluster": "many orders, recent orders" if number % 2 else "few tickets 2",
            "consents": values["consents"],
            "birth_date": "1990-02-03",
            "age": 20 + number,
            "emails": [f"wang{number}@qq.com"],
            "phones": ["+8613812345678"],
            "city": "上海",
            "country": "CN",
            "company": "盛世有限公司",
            "job_title": "经理",
            "owner": "李娜",
            "tags": ["贵宾"],
            "notes": "老客户介绍。",
            "created_at": "2024-01-02T03:04:05Z",
            "order_count": number % 7,
            "revenue": 100.0 * number,
            "first_order_at": "2024-02-02T03:04:05Z",
            "last_order_at": "2025-02-02T03:04:05Z",
            "ticket_count": 2,
            "open_ticket_count": 1,
            "last_ticket_at": "2025-03-02T03:04:05Z",
            "last_ticket_subject": "申请退款",
            "campaigns_sent": 3,
            "campaigns_opened": 1,
            "last_campaign": "春节",
            "recency_days": 10 * number,
            "rfm_recency": 1 + number % 5,
            "churn_risk": number / 60,
            "quality_score": 0.9,
            "quality_issues": ["full_width", "gender_conflict"],
            "source_records": ["generic:C1", "salesforce:A9"],
            "merge_reasons": [
                "generic:C1 = salesforce:A9: same phone, birth date with day and month swapped (0.998)",
                "generic:C1: 2 rows of the same content",
            ],
            "merged_count": 2,
            "match_confidence": 0.998,
        }


@pytest.fixture(scope="module")
def chinese_url(node_settings: Settings, loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API over Chinese customers, with the report of a real run, and of one that failed."""
    state = str(tmp_path_factory.mktemp("state"))
    at_home = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=state))
    with own_prefix(at_home, "chinese") as (own, lifecycle):
        lifecycle.promote(put_documents(lifecycle, _people()))
        runs = runs_of(lifecycle)
        runs.save(loaded.report, "promoted")
        runs.save(msgspec.structs.replace(loaded.report, run_id=FAILED_RUN, failure="the Spark job failed"), "failed")
        yield start_api(own, any_port=True).url
        stop_api(own)


def _english(page: Page, *typed: str) -> list[str]:
    """Words of Latin letters that stand on the page without leave and were not typed, each with the text that it stands in."""
    texts: list[str] = page.evaluate(READ)
    found = []
    for text in texts:
        words = set(re.findall(r"[A-Za-z][A-Za-z'-]+", _DATA.sub("", text))) - ALLOWED - {*typed}
        if words:
            found.append(f"{sorted(words)} in {text[:120]}")
    return found


def _expect_chinese(page: Page, where: str) -> None:
    settled(page)
    assert _english(page) == [], where


@pytest.fixture
def chinese_page(open_page: PageMaker, chinese_url: str) -> Page:
    """The console as it opens in English, and is switched to Chinese."""
    page = open_page(url=chinese_url)
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    return page


def test_every_page_in_chinese_has_no_english_word(chinese_page: Page) -> None:
    page = chinese_page
    root = page.url.split("#")[0]
    for name, fragment in PAGES.items():
        page.goto(root + fragment)
        _expect_chinese(page, name)
    page.goto(root + f"#page=quality&run={FAILED_RUN}")
    _expect_chinese(page, "a run that failed")


def test_a_customer_and_what_is_asked_about_one_have_no_english_word(chinese_page: Page) -> None:
    page = chinese_page
    page.locator("#q").fill("wang xiaomin")
    expect(page.locator(".matched").first).to_contain_text("姓名")
    assert _english(page, "wang", "xiaomin") == []
    page.locator("#q").fill("王小明")
    expect(page.locator(".hit")).to_have_count(3)
    page.locator(".hit-name").first.click()
    expect(page.locator("#view")).to_contain_text("出生日期的日与月颠倒")
    expect(page.locator("#view")).to_contain_text("2 行内容相同")
    _expect_chinese(page, "customer")
    for button in ("显示联系方式", "删除此人", "快捷键"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        _expect_chinese(page, button)
        page.keyboard.press("Escape")
    page.goto(page.url.split("#")[0] + "#page=admin")
    page.get_by_role("button", name="新建密钥").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    _expect_chinese(page, "a new key")


@pytest.mark.parametrize(
    ("code", "title"), [("backend_unavailable", "无法连接搜索引擎"), ("small_group", "客户过少"), ("of a later version", "操作没有成功")]
)
def test_errors_are_told_in_chinese_with_the_words_of_the_service_behind_them(
    bare_page: Page, chinese_url: str, code: str, title: str
) -> None:
    problem = {"title": "It failed", "detail": "in some way", "status": 503, "code": code, "request_id": "r-1"}
    bare_page.route(
        "**/v1/runs?*", lambda route: route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem))
    )
    bare_page.goto(f"{chinese_url.rstrip('/')}/#page=quality")
    bare_page.get_by_role("button", name="中文").click()
    alert = bare_page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text(title)
    assert _english(bare_page) == []
    alert.get_by_text("服务原文").click()
    expect(alert.locator("[lang=en]")).to_have_text("It failed: in some way")
