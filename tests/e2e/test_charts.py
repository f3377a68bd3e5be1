"""Charts as a browser shows them: no text is cut off, none lies on another, whatever the labels and the language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.charts.test_charts import PICTURES

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `pip install playwright`")
from playwright.sync_api import Browser, Page  # noqa: E402

# Texts that leave their picture, or the plot that clips them; and pairs of level texts that share more than an edge.
FIND_FAULTS = """() => {
  const svg = document.querySelector("svg"), whole = svg.getBoundingClientRect();
  const room = (node) => {
    const group = node.closest("[clip-path]");
    if (!group) return whole;
    const clip = svg.querySelector(group.getAttribute("clip-path").slice(4, -1) + " rect"), { a, d, e, f } = group.getScreenCTM();
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(clip.getAttribute(name)));
    return { left: e + a * x, right: e + a * (x + width), top: f + d * y, bottom: f + d * (y + height) };
  };
  const texts = [...svg.querySelectorAll("text")].filter((node) => node.textContent.trim());
  const boxes = texts.map((node) => ({ node, text: node.textContent, box: node.getBoundingClientRect() }));
  const cut = boxes.filter(({ node, box }) => {
    const { left, right, top, bottom } = room(node);
    return box.left < left - 1 || box.right > right + 1 || box.top < top - 3 || box.bottom > bottom + 3;
  });
  const level = boxes.filter(({ node }) => !node.closest("[transform*=rotate]"));
  const shared = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]);
  const over = level.flatMap((one, at) => level.slice(at + 1).filter((other) =>
    shared(one.box, other.box, "left", "right") > 1 && shared(one.box, other.box, "top", "bottom") > 3
  ).map((other) => `${one.text} / ${other.text}`));
  return { texts: texts.length, cut: cut.map(({ text }) => text), over };
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 760, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PICTURES)
def test_every_text_of_a_chart_can_be_read(page: Page, name: str) -> None:
    page.set_content(PICTURES[name])
    found: dict[str, Any] = page.evaluate(FIND_FAULTS)
    assert found["texts"] > 0
    assert (found["cut"], found["over"]) == ([], [])


def test_the_accessible_name_and_description_are_those_of_the_chart(page: Page) -> None:
    page.set_content(PICTURES["campaigns, None"])
    image = page.get_by_role("img", name="Conversion rate by city")
    assert image.count() == 1
    assert "everyone, 13.0%" in image.locator("desc").inner_html()
