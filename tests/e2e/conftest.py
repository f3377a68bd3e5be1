"""Pages in a real browser over a real API, and what no page may ever do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from crmsearch.background import start_api, stop_api
from crmsearch.settings import Secret, Settings
from tests.documents import own_prefix, put_documents

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import Browser, Page, expect  # noqa: E402

PageMaker = Callable[..., Page]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
AXE = Axe()


class Locked(NamedTuple):
    """An API that asks for keys, with one of each role."""

    url: str
    keys: dict[str, str]
    prefixes: dict[str, str]


@pytest.fixture
def open_page(browser: Browser, api_url: str) -> Iterator[PageMaker]:
    """Opens the console; at the end no page may have complained or asked anyone but the API."""
    complaints: list[str] = []
    hosts: set[str] = set()
    contexts = []

    def open_(fragment: str = "", *, ready: bool = True, url: str = api_url, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda request: hosts.add(urlsplit(request.url).netloc) if not request.url.startswith(("data:", "blob:")) else None
        )
        page.goto(f"{url.rstrip('/')}/{fragment}")
        if ready:
            expect(page.locator(".hit").first).to_be_visible()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
    assert len(hosts) == 1


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
def locked(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """An API of its own, over few customers and two generations of them."""
    state = str(tmp_path_factory.mktemp("state"))
    at_home = msgspec.structs.replace(
        node_settings,
        paths=msgspec.structs.replace(node_settings.paths, state_dir=state),
        api=msgspec.structs.replace(node_settings.api, key=Secret("the key of the settings")),
    )
    with own_prefix(at_home, "locked") as (own, lifecycle):
        for count in (9, 12):
            people = [{"customer_id": f"L{number}", "name": f"Ada Byron {number}", "phones": ["+442071234567"]} for number in range(count)]
            lifecycle.promote(put_documents(lifecycle, people))
        url = start_api(own, any_port=True).url
        with httpx.Client(base_url=url, headers={"Authorization": "Bearer the key of the settings"}, timeout=30) as api:
            made = {role: api.post("/v1/keys", json={"role": role, "name": f"e2e {role}"}).json() for role in ("agent", "analyst", "admin")}
        yield Locked(url, {role: key["key"] for role, key in made.items()}, {role: key["prefix"] for role, key in made.items()})
        stop_api(own)


def total_of(page: Page) -> int:
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    return int(re.sub(r"\D", "", page.locator("#total").inner_text().split("customer")[0]))


def expect_total(page: Page, total: int) -> None:
    expect(page.locator("#total")).to_contain_text(re.compile(rf"(^|\s){total:,} customers?\b"))


def settled(page: Page) -> None:
    """Wait until there is a page, and nothing on it is under way."""
    expect(page.locator("#view:visible h2, .hit:visible").first).to_be_visible(timeout=20_000)
    expect(page.locator('[aria-busy="true"]:visible')).to_have_count(0, timeout=20_000)


def expect_accessible(page: Page) -> None:
    found = AXE.run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found] == []


def expect_contrast(page: Page) -> None:
    """What of it depends on the colours, after they were changed."""
    found = AXE.run(page, options={"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]})
    assert [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found.response["violations"]] == []


def keep_screenshot(page: Page, folder: Path, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the window"
    shot = folder / f"{name}.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 8_000
