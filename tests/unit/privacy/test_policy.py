"""The table of fields and that of purposes, and who sees what by them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from crmsearch.contract import FIELDS, Customer
from crmsearch.errors import ForbiddenError, InvalidRequestError
from crmsearch.privacy.access import ANYBODY, ROLES, SCOPES, SETTINGS, Caller, Role, Scope
from crmsearch.privacy.masks import NOTHING
from crmsearch.privacy.policy import POLICY, PURPOSES, WHOLE, PurposeName, masks_by_default, purposes_of, revealed, sight_of
from crmsearch.search.similar import TRAITS

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = {
    "customer_id": "C1",
    "name": "王小明",
    "birth_date": "1990-03-07",
    "emails": ["wang@example.com", "xiaoming@example.org"],
    "phones": ["+8613800138000"],
    "national_id": "110101199003071234",
    "location": {"lat": 31.2304, "lon": 121.4737},
    "notes": "喜欢喝茶",
    "city": "上海",
}


def _caller(role: Role, *scopes: Scope) -> Caller:
    return Caller("prefix", "test", role, frozenset(scopes or ROLES[role]))


def test_every_field_has_a_policy_and_every_personal_one_is_masked_or_a_key() -> None:
    assert list(POLICY) == list(FIELDS), "give the new field a row in POLICY (privacy/policy.py)"
    for name, policy in POLICY.items():
        assert (policy.kind == "open") == FIELDS[name].analytics, name
        assert (policy.mask is None) == (policy.kind in {"open", "key"}), name
        assert (policy.kind == "identity") == (FIELDS[name].sensitivity == "sensitive"), name


def test_every_purpose_is_of_the_table() -> None:
    assert list(PURPOSES) == list(get_args(PurposeName))
    for name, purpose in PURPOSES.items():
        assert purpose.needs in SCOPES
        assert purpose.label, name
        assert purpose.label_zh, name
        assert not set(purpose.shows) & set(purpose.hides)


@pytest.mark.parametrize("caller", [ANYBODY, SETTINGS, _caller("admin"), _caller("app")])
def test_owners_and_apps_see_everything_unless_they_say_what_for(caller: Caller) -> None:
    assert not sight_of(caller, None).withheld
    assert sight_of(caller, None).shown(DOCUMENT) == DOCUMENT
    browsing = sight_of(caller, "browse").shown(DOCUMENT)
    assert browsing["phones"] == ["+86138****8000"]
    assert browsing["national_id"] == "110****34"
    assert browsing["name"] == "王小明"


@pytest.mark.parametrize("caller", [_caller("agent"), _caller("custom", "customers:read", "customers:export")])
def test_agents_see_masked_what_no_purpose_reveals(caller: Caller) -> None:
    shown = sight_of(caller, None).shown(DOCUMENT)
    assert shown == {
        "customer_id": "C1",
        "name": "王小明",
        "birth_date": "1990-**-**",
        "emails": ["w***@example.com", "x***@example.org"],
        "phones": ["+86138****8000"],
        "national_id": "110****34",
        "location": {"lat": 31.2, "lon": 121.5},
        "notes": NOTHING,
        "city": "上海",
    }
    assert msgspec.convert(shown, Customer).location is not None
    support = sight_of(caller, "support")
    assert support.shown(DOCUMENT) == DOCUMENT | {"national_id": "110****34"}
    assert "phones" in revealed(caller, support)
    assert "national_id" not in revealed(caller, support)
    assert "notes" not in sight_of(caller, "marketing").shown(DOCUMENT)
    assert not revealed(_caller("admin"), support)


@pytest.mark.parametrize("name", list(PURPOSES))
def test_a_purpose_is_stated_by_whom_it_is_for(name: PurposeName) -> None:
    with pytest.raises(ForbiddenError, match=name):
        sight_of(_caller("custom", next(scope for scope in SCOPES if scope != PURPOSES[name].needs)), name)
    assert sight_of(_caller("admin"), name).purpose == name
    # A document of nothing shows nothing, and what is shown in full is the very value.
    sight = sight_of(_caller("admin"), name)
    assert sight.shown({}) == {}
    assert all(sight.shown(DOCUMENT)[field] == DOCUMENT[field] for field in DOCUMENT.keys() - sight.withheld)


def test_an_unknown_purpose_is_not_repeated() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        sight_of(_caller("admin"), "王小明")
    assert "王小明" not in caught.value.detail


def test_purposes_are_listed_for_whom_they_are() -> None:
    listed = purposes_of(_caller("agent"))
    assert list(listed) == ["browse", "support", "sales", "marketing", "quality", "analysis"]
    assert {"emails", "phones"} <= set(listed["support"])
    assert "national_id" in listed["quality"]
    assert not listed["analysis"]
    assert list(purposes_of(_caller("admin"))) == list(PURPOSES)


def test_a_whole_answer_wants_a_sight_of_everything() -> None:
    WHOLE.check_whole()
    sight_of(_caller("admin"), "privacy_request").check_whole()
    with pytest.raises(ForbiddenError, match="privacy_request"):
        sight_of(_caller("admin"), "security").check_whole()


def test_nothing_that_is_compared_for_look_alikes_is_masked() -> None:
    assert {trait.field for trait in TRAITS} <= {name for name, policy in POLICY.items() if policy.kind == "open"}


def test_docs_show_the_policy_of_every_field_and_purpose() -> None:
    fields = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    access = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    for name, policy in POLICY.items():
        masked = "in full" if policy.mask is None else "masked" if masks_by_default("agent", name) else "masked for analysis"
        assert re.search(rf"^\| `{name}` \|.*\| {policy.kind} \| {masked} \|$", fields, re.MULTILINE), (name, policy.kind, masked)
    for name, purpose in PURPOSES.items():
        row = f"| `{name}` | {purpose.label} | {', '.join(purpose.shows)} | {', '.join(purpose.hides)} | `{purpose.needs}` |"
        assert row in access, row
