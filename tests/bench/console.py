"""How soon what is typed is seen: from the key to the frame that shows the hits of it, in a real browser over the real API.

Every text is typed letter by letter, as fast as an agent does. A key counts for the frame in which hits of the text as it then stood are
painted; one whose hits never came, since the next key was faster, counts with the key that overtook it and is told apart.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from crmsearch.cli.output import words
from crmsearch.errors import ConfigError
from crmsearch.settings import Settings
from tests.bench.relevance.base import make_base
from tests.bench.relevance.kinds import KINDS, make_judged
from tests.bench.relevance.loading import loaded
from tests.bench.results import Aim
from tests.bench.search import served, spread

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["judge_console", "measure_console"]

ROWS = 100_000  # the base that the milliseconds are promised for
MAX_P95_MS = 100.0
TEXTS, WARM_UP = 24, 12  # a server that has just started compiles what it does often first
LONGEST = 12  # letters typed of a text
GAPS_S = {"steady": 0.2, "fast": 0.08}  # between two keys: 60 and 150 words a minute
# Waited for by frames, since the policy of the page allows no evaluation of strings.
_MEASURED = """(text) => new Promise((resolve, reject) => {
  const until = performance.now() + 20_000;
  const look = () => {
    if (window.measured.some((each) => each.text === text)) resolve();
    else if (performance.now() > until) reject(new Error("no hits were shown"));
    else requestAnimationFrame(look);
  };
  look();
})"""
# A key begins at its keydown, or where there is none (Chinese comes from an input method) at its input. The text of the last answer with
# hits is the text of the hits that the page puts in place next. They are in the frame whose animation callbacks run next; a message sent
# from there comes when that frame is painted; waiting for the callbacks of the frame behind it would add most of one more, 16.7 ms.
_WATCH = """() => {
  const keys = [];
  let down = 0, answered = null;
  window.measured = [];
  const box = document.querySelector("#q"), ask = window.fetch;
  addEventListener("keydown", (event) => (down = event.timeStamp), true);
  box.addEventListener("input", () => {
    keys.push({ text: box.value, at: down || performance.now() });
    down = 0;
  }, true);
  window.fetch = async (path, options) => {
    const answer = await ask(path, options);
    const question = path.endsWith("customers/search") ? JSON.parse(options.body) : {};
    if (question.size && answer.ok) answered = question.q;
    return answer;
  };
  new MutationObserver(() => {
    const place = keys.findLastIndex((key) => key.text === answered);
    answered = null;
    const done = keys.splice(0, place + 1);
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        const now = performance.now();
        done.forEach((key, at) => window.measured.push({ text: key.text, ms: now - key.at, overtaken: at < done.length - 1 }));
      };
      port2.postMessage(null);
    });
  }).observe(document.querySelector("#total"), { childList: true });
}"""


def measure_console(settings: Settings, work: Path, rows: int, seed: int, *, keep: bool = False) -> dict[str, Any]:
    """Milliseconds from key to pixels over a base of ``rows`` customers, by how fast the keys follow each other.

    Raises:
        ConfigError: there is no browser.
    """
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        raise ConfigError("no browser is installed; `apt-get install chromium`")
    base = make_base(work, rows, seed)
    texts = list(_texts([each.text for each in make_judged(base.people, list(KINDS.values()), seed, 4)], seed))
    with (
        loaded(settings, base.documents, f"base{rows}", baselines=False, keep=keep) as target,
        served(target) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
        page.goto(url)
        page.wait_for_selector(".hit")
        page.evaluate(_WATCH)
        words.print(f"console: {len(texts)} texts, letter by letter …", highlight=False)
        figures = {name: _typed(page, texts, gap_s) for name, gap_s in GAPS_S.items()}
        browser.close()
    return {"rows": rows, **figures}


def judge_console(figures: dict[str, Any]) -> list[Aim]:
    """What is promised of the base that it is promised for."""
    if figures["rows"] != ROWS:
        return []
    value = figures["steady"]["key_to_pixels_ms"]["p95"]
    return [Aim(figure="console: key to pixels, p95 ms", value=value, at_most=MAX_P95_MS)]


def _texts(judged: Sequence[str], seed: int) -> Iterator[str]:
    rng = Random(seed)
    for text in rng.sample(judged, min(len(judged), WARM_UP + TEXTS)):
        yield text.strip()[:LONGEST]


def _typed(page: Page, texts: Sequence[str], gap_s: float) -> dict[str, Any]:
    measured: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        page.evaluate("window.measured.length = 0")
        if page.locator("#q").input_value():
            page.locator("#q").fill("")
            page.evaluate(_MEASURED, "")
        for letter in text:
            began = time.monotonic()
            page.keyboard.type(letter)
            page.wait_for_timeout(max(0.0, gap_s - (time.monotonic() - began)) * 1000)
        page.evaluate(_MEASURED, text)
        if number >= WARM_UP:
            measured += [each for each in page.evaluate("window.measured") if each["text"]]
    own = [each["ms"] for each in measured if not each["overtaken"]]
    return {"keys": len(measured), "overtaken": len(measured) - len(own), "key_to_pixels_ms": spread(own)}
