"""What pages look like when something is open, wrong or empty; and a way through the console without a pointer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from playwright.sync_api import Page, expect  # noqa: E402

from tests.e2e.conftest import Locked, PageMaker, expect_accessible, expect_contrast, settled  # noqa: E402

LANGUAGES = ("en-US", "zh-CN")


def _expect_accessible(page: Page) -> None:
    """In the colours that are on, and in the others."""
    expect_accessible(page)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        expect_contrast(page)


def _in_dialog(page: Page, open_: Callable[[], None]) -> None:
    open_()
    expect(page.get_by_role("dialog")).to_be_visible()
    _expect_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_states_of_the_search_are_accessible(open_page: PageMaker, language: str) -> None:
    page = open_page("#f=gender:female", locale=language, color_scheme="light", reduced_motion="reduce")
    page.locator("#saved summary").click()
    page.locator('[data-range="age"] input').nth(0).fill("50")
    page.locator('[data-range="age"] input').nth(1).fill("40")
    expect(page.locator("#age-problem")).not_to_be_empty()
    _expect_accessible(page)
    _in_dialog(page, page.locator("#help").click)
    _in_dialog(page, page.locator("#saved-body > button.link").click)
    _in_dialog(page, page.locator("#actions button").last.click)  # a purpose for the file
    page.locator("#q").fill("qqqqxxxxzzzz")
    expect(page.locator("#message h2")).to_be_visible()
    _expect_accessible(page)
    page.set_viewport_size({"width": 360, "height": 800})
    page.locator("#filters-toggle").click()
    page.locator("#q").fill("age:")
    expect(page.locator("#message .notice")).to_be_visible()
    _expect_accessible(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_is_accessible(bare_page: Page, api_url: str, language: str) -> None:
    bare_page.add_init_script(f"localStorage.setItem('crmsearch.language', '{language[:2]}')")
    bare_page.route("**/v1/customers/search", lambda route: route.abort())
    bare_page.goto(api_url)
    expect(bare_page.locator("#message").get_by_role("alert")).to_be_visible()
    _expect_accessible(bare_page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_states_of_a_customer_and_of_administration_are_accessible(open_page: PageMaker, locked: Locked, language: str) -> None:
    page = open_page(url=locked.url, ready=False, locale=language, color_scheme="light", reduced_motion="reduce")
    page.locator("#key").fill("wrong")
    _expect_accessible(page)
    page.locator("#key").fill(locked.keys["admin"])
    page.keyboard.press("Enter")
    expect(page.locator(".hit").first).to_be_visible()
    page.locator(".hit-name").first.click()
    settled(page)
    _in_dialog(page, page.locator(".customer-head .primary").click)
    for button in page.locator(".card .danger").all():  # to make anonymous, to erase
        _in_dialog(page, button.click)
    page.goto(f"{locked.url.rstrip('/')}/#page=admin")
    settled(page)
    _in_dialog(page, page.locator("#apiKeys .primary").click)
    _in_dialog(page, page.locator("#apiKeys td .link").first.click)
    page.goto(f"{locked.url.rstrip('/')}/#page=admin&part=audit")
    settled(page)
    for summary in page.locator("#events summary").all()[:2]:
        summary.click()
    _expect_accessible(page)


def test_keys_alone_lead_from_a_search_to_contact_data_and_back(open_page: PageMaker, everyone: dict[str, Any]) -> None:
    hit = next(each for each in everyone["hits"] if each["customer"].get("name") and each["customer"].get("emails"))
    page = open_page()

    def tab_to(selector: str) -> None:
        for _ in range(80):
            if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"the keyboard does not reach {selector}")

    page.keyboard.insert_text(hit["id"])
    expect(page.locator(".hit")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".hit-name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#customer-name")).to_be_focused()
    tab_to(".customer-head .primary")
    page.keyboard.press("Enter")
    tab_to("dialog select")
    page.keyboard.press("ArrowDown")
    tab_to("dialog .primary")
    page.keyboard.press("Enter")
    expect(page.locator("#view")).to_contain_text(hit["customer"]["emails"][0])
    expect(page.locator("#customer-name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".hit-name")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
