"""The words of the console against what the service says: a table of the page for each table of the service, and both languages alike."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from crmsearch import errors
from crmsearch.cleaning.rules import RULES
from crmsearch.contract import FIELDS, GENDERS, KINDS, LIFECYCLES
from crmsearch.indexing.runs import RunState
from crmsearch.mining.rfm import SEGMENTS
from crmsearch.privacy.access import ANYBODY, SETTINGS
from crmsearch.privacy.alerts import ALERTS
from crmsearch.privacy.audit import ACTIONS
from crmsearch.resolution.levels import LEVELS
from crmsearch.sample.wording import CATEGORIES, TRADES
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.relevance import PRECISE, TOLERANT
from crmsearch.search.vocabulary import VOCABULARY

CONSOLE = Path(__file__).parents[3] / "src" / "crmsearch" / "api" / "console"
HAN = re.compile("[一-鿿]")


def _keys(name: str) -> list[str]:
    """The keys of a file of words."""
    return re.findall(r'^  "?([\w:-]+)"?:', (CONSOLE / name).read_text(encoding="utf-8"), re.MULTILINE)


def _table(name: str) -> dict[str, str]:
    """A table of ``told.zh.js``: its keys, with the words behind each."""
    text = (CONSOLE / "told.zh.js").read_text(encoding="utf-8").split(f"export const {name} = {{\n")[1].split("\n};")[0]
    return dict(re.findall(r'"?(\w[\w -]*)"?: (\[.*?\]|".*?")', text))


def test_both_languages_have_the_same_words() -> None:
    english, chinese = _keys("words.en.js"), _keys("words.zh.js")
    assert sorted(english) == sorted(chinese)
    assert len(set(english)) == len(english) > 200


def test_every_word_of_the_pages_is_used_and_every_used_one_is_there() -> None:
    known = set(_keys("words.en.js"))
    texts = "".join(path.read_text(encoding="utf-8") for path in CONSOLE.iterdir() if path.suffix in {".js", ".html"})
    used = set(re.findall(r'\bt\("([\w:-]+)"|data-t(?:-\w+)?="([\w:-]+)"', texts))
    assert {one or other for one, other in used} <= known


def test_every_cleaning_rule_is_told_in_chinese_too() -> None:
    assert _keys("rules.zh.js") == list(RULES)


def test_every_error_has_chinese_words() -> None:
    own = {each.code for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.CrmSearchError)}
    framework = {"method_not_allowed", "request_entity_too_large", "content_too_large"}  # the last two by Python's version
    assert own | framework == set(_table("PROBLEMS"))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("WAYS", {way.says for way in (*PRECISE, *TOLERANT)}),
        (
            "LINKS",
            {level.reason for level in LEVELS.values() if level.reason}
            | {f"rows of the same {each}" for each in ("source key", "content")},
        ),
    ],
)
def test_every_reason_has_chinese_words(table: str, said: set[str]) -> None:
    words = _table(table)
    assert words.keys() == said
    assert all(HAN.search(each) for each in words.values())


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("act", list(ACTIONS)),
        ("alert", [each.name for each in ALERTS]),
        ("run", [each.replace(" ", "-") for each in get_args(RunState)]),
        ("caller", [ANYBODY.name, SETTINGS.name, "crmsearch"]),
    ],
)
def test_every_code_of_the_service_has_words(kind: str, values: list[str]) -> None:
    assert [each.removeprefix(f"{kind}:") for each in _keys("words.zh.js") if each.startswith(f"{kind}:")] == values


def test_every_value_of_a_closed_vocabulary_has_words() -> None:
    closed = {"gender": GENDERS, "kind": KINDS, "lifecycle": LIFECYCLES, "rfm_segment": [each.name for each in SEGMENTS]}
    for field, values in closed.items():
        assert list(VOCABULARY[field]) == list(values)
    assert VOCABULARY["industry"].keys() >= TRADES["zh"].keys()
    assert VOCABULARY["top_category"].keys() == CATEGORIES.keys()
    assert VOCABULARY.keys() == FIELDS.keys()
    assert [each.value for field in VOCABULARY.values() for each in field.values() if not HAN.search(each.label_zh)] == [
        "salesforce",
        "zoho",
        "dynamics365",
        "hubspot",
        "whatsapp",
    ]


def test_every_built_in_segment_is_described_in_both_languages() -> None:
    assert all(each.description and HAN.search(each.description_zh) and HAN.search(each.label_zh) for each in BUILT_IN.values())
