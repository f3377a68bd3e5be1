"""The table of rules, and the page that explains it."""

import re
from pathlib import Path

import pytest

from crmsearch.cleaning.record import quality_score
from crmsearch.cleaning.rules import RULES, Rule
from crmsearch.contract import FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


def row_of(rule: Rule) -> str:
    """The row of a rule in ``docs/rules.md``."""
    action, example = (text.strip().replace("|", "\\|") for text in (rule.action, rule.example))
    return f"| `{rule.code}` | {rule.field} | {rule.severity}{' †' if rule.marks else ''} | {action} | {example} |"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_page_explains_every_rule(rule: Rule) -> None:
    assert row_of(rule) in PAGE.splitlines(), f"docs/rules.md lacks this row:\n{row_of(rule)}"


def test_the_page_explains_nothing_else() -> None:
    assert re.findall(r"^\| `(\w+)` \| \w+ \| (?:fix|blank|reject)", PAGE, re.MULTILINE) == list(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_whole(rule: Rule) -> None:
    assert re.fullmatch("[a-z]+(?:_[a-z]+)*", rule.code)
    assert rule.field in {*FIELDS, "any", "row"}
    assert rule.action
    assert not rule.marks or rule.severity == "fix"


def test_the_page_tells_how_the_score_is_made() -> None:
    person = {"name": "A", "phones": ["+8613912345679"], "city": "北京", "quality_issues": ["email_placeholder", "spaces"]}
    assert quality_score(person) == 0.70
    assert "= 0.70" in PAGE
    for known, of_person, of_company in (
        ({"name": "A"}, 0.30, 0.40),
        ({"phones": ["+8613912345679"]}, 0.30, 0.40),
        ({"emails": ["a@acme.de"]}, 0.30, 0.40),
        ({"city": "北京"}, 0.15, 0.20),
        ({"age": 41}, 0.15, 0.0),
        ({"gender": "female"}, 0.10, 0.0),
    ):
        assert (quality_score(known), quality_score({**known, "kind": "company"})) == (of_person, of_company)
