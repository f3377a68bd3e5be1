"""Whole request bodies of profiles, comparisons and insights against files; ``--update-bodies`` rewrites them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crmsearch.errors import InvalidRequestError
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.campaigns import build_campaigns_body
from crmsearch.search.compare import build_compare_body
from crmsearch.search.filters import Filter
from crmsearch.search.grouping import Grouping, Meaning, check_grouping, group_link
from crmsearch.search.profile import build_profile_body, build_proposed_body
from crmsearch.search.segments import build_members
from crmsearch.search.tickets import build_service_body
from crmsearch.search.tour import build_earlier_body, build_tour_body, build_values_body
from crmsearch.search.tour.fields import FIELDS_TOURED

BODIES = Path(__file__).parents[2] / "data" / "bodies"
TODAY = date(2026, 11, 25)
CHURN, OPEN = (build_members(BUILT_IN[name], BUILT_IN, TODAY) for name in ("churn-high", "service-open"))
BERLIN = Filter(field="city", in_=["Berlin"])
SEGMENTS = Meaning(filters=[BERLIN], segments=BUILT_IN, clauses={"churn-high": CHURN, "service-open": OPEN})
LISTED = {name: [f"{name} 1", f"{name} 2"] if name != "cluster" else [] for name in FIELDS_TOURED}

CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "profile": lambda: build_profile_body(CHURN),
    "proposed": lambda: build_proposed_body(CHURN, {"company": ["Acme"], "tags": ["a", "b"]}),
    "compare": lambda: build_compare_body(CHURN, OPEN),
    "campaigns": lambda: build_campaigns_body(Grouping(by="segment", filters=[BERLIN]), SEGMENTS),
    "service": lambda: build_service_body(Grouping(by="company", filters=[BERLIN]), Meaning(filters=[BERLIN])),
    "tour_values": build_values_body,
    "tour_earlier": lambda: build_earlier_body(LISTED),
    "tour": lambda: build_tour_body(LISTED, {"gender": ["gender 2", "gender 3"]}),
}


@pytest.mark.parametrize("name", CASES)
def test_bodies_are_as_recorded(name: str, update_bodies: bool) -> None:
    body, path = CASES[name](), BODIES / f"{name}.json"
    if update_bodies:
        path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert body == json.loads(path.read_text(encoding="utf-8"))


def test_a_tour_stays_below_the_buckets_that_elasticsearch_allows() -> None:
    body = build_tour_body({name: [str(each) for each in range(15)] for name in FIELDS_TOURED}, {})

    def buckets(aggs: dict[str, Any]) -> int:
        return sum(each.get("terms", {}).get("size", 1) * (1 + buckets(each["aggs"]) if "aggs" in each else 1) for each in aggs.values())

    assert buckets(body["aggs"]) < 65_536 / 2


@pytest.mark.parametrize(
    "grouping",
    [
        Grouping(by="name"),
        Grouping(by="age"),
        Grouping(by=""),
        Grouping(by="nothing"),
        Grouping(by="city", size=0),
        Grouping(by="city", size=101),
        Grouping(by="city", q="x" * 5000),
        Grouping(by="city", filters=[Filter(field="city")]),
    ],
)
def test_what_cannot_be_grouped_is_refused(grouping: Grouping) -> None:
    with pytest.raises(InvalidRequestError):
        check_grouping(grouping)


def test_links_of_groups_hold_no_text_and_no_personal_data() -> None:
    assert group_link(Grouping(by="city"), "北京|A") == "/v1/customers/search?filter=city%3A%E5%8C%97%E4%BA%AC%5C%7CA"
    assert group_link(Grouping(by="segment", filters=[BERLIN, Filter(not_segment="vip")]), "churn-high") == (
        "/v1/customers/search?filter=segment%3Achurn-high&filter=city%3ABerlin&filter=-segment%3Avip"
    )
    assert group_link(Grouping(by="city", q="anna"), "Berlin") is None
    assert group_link(Grouping(by="city", filters=[Filter(field="emails", in_=["a@b.example"])]), "Berlin") is None
