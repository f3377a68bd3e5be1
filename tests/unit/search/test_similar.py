from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS, Customer
from crmsearch.errors import InvalidRequestError
from crmsearch.search.similar import LEAST_ALIKE, TRAITS, build_similar_body, check_similar, parse_similar

ANNA = Customer(
    customer_id="A1",
    name="Anna",
    kind="person",
    cluster="loyal",
    tags=["vip", "press"],
    age=41,
    revenue=1000.0,
    order_count=3,
    city="北京",
    phones=["+8613800138000"],
)


def _answer(*hits: tuple[dict[str, Any], list[str]]) -> dict[str, Any]:
    found = [{"_id": source["customer_id"], "_source": source, "matched_queries": names} for source, names in hits]
    return {"took": 3, "hits": {"hits": found}}


def test_likeness_is_sought_in_behaviour_and_profile_alone() -> None:
    body = build_similar_body(ANNA, 7)
    names = {clause["constant_score"]["_name"].partition("|")[0] for clause in body["query"]["bool"]["should"]}
    assert names == {"cluster", "tags", "age", "revenue", "order_count", "city"}
    assert "Anna" not in json.dumps(body)
    assert "13800138000" not in json.dumps(body)
    assert body["query"]["bool"]["must_not"] == [{"ids": {"values": ["A1"]}}]
    assert body["query"]["bool"]["filter"] == [{"term": {"kind": "person"}}]
    assert body["size"] == 7
    assert body["min_score"] == pytest.approx(LEAST_ALIKE * (5 + 2 + 2 + 3 + 2 + 1.5))


def test_the_points_of_a_trait_are_those_of_its_clauses() -> None:
    points: dict[str, float] = {}
    for clause in build_similar_body(ANNA, 1)["query"]["bool"]["should"]:
        field = clause["constant_score"]["_name"].partition("|")[0]
        points[field] = points.get(field, 0) + clause["constant_score"]["boost"]
    assert points == {trait.field: trait.points for trait in TRAITS if trait.field in points}


def test_reasons_say_what_is_alike_and_the_parts_add_up() -> None:
    other = {"customer_id": "B2", "cluster": "loyal", "tags": ["press"], "age": 49, "revenue": 1150.5, "order_count": 3, "city": "上海"}
    names = ["cluster|0", "tags|1", "age|1", "revenue|0", "revenue|1", "order_count|0", "order_count|1"]
    response = parse_similar(ANNA, _answer((other, names)))
    (found,) = response.similar
    assert response.compared == ["cluster", "revenue", "order_count", "tags", "age", "city"]
    assert found.reasons == [
        "same cluster: loyal",
        "revenue within 20%: 1,000.0 and 1,150.5",
        "same orders: 3",
        "shared tags: press",
        "age within 10: 41 and 49",
    ]
    assert [(part.field, part.points, part.of) for part in found.parts] == [
        ("cluster", 5, 5),
        ("revenue", 3, 3),
        ("order_count", 2, 2),
        ("tags", 1, 2),
        ("age", 1, 2),
    ]
    assert found.score == round(12 / 15.5, 4)


def test_of_whom_nothing_is_known_nothing_is_like() -> None:
    body = build_similar_body(Customer(customer_id="X", name="Nobody"), 10)
    assert body["size"] == 0
    assert parse_similar(Customer(customer_id="X"), _answer()).compared == []


@pytest.mark.parametrize("size", [0, -1, 51])
def test_sizes_out_of_reach_are_refused(size: int) -> None:
    with pytest.raises(InvalidRequestError, match="from 1 to 50"):
        check_similar(size)


def test_every_trait_is_a_field_with_a_reason() -> None:
    assert len({trait.field for trait in TRAITS}) == len(TRAITS)
    for trait in TRAITS:
        field = FIELDS[trait.field]
        assert field.sensitivity == "internal", "what names a person is not compared"
        assert bool(trait.near) == field.ranged, trait.field
        assert trait.points > 0
        assert len(trait.reason) > 15
        assert [near.worth for near in trait.near] == sorted((near.worth for near in trait.near), reverse=True)
        assert all(near.worth == 1 for near in trait.near[:1])


@given(st.data())
def test_any_customer_gives_a_body_and_a_score_from_0_to_1(data: st.DataObject) -> None:
    values: dict[str, st.SearchStrategy[Any]] = {
        "keyword": st.text(min_size=1, max_size=10),
        "text": st.text(min_size=1, max_size=10),
        "integer": st.integers(0, 2**31 - 1),
        "double": st.floats(-1e9, 1e9),
    }
    drawn = {}
    for trait in TRAITS:
        field = FIELDS[trait.field]
        value = values[field.type]
        drawn[field.name] = data.draw(st.lists(value, max_size=3) if field.many else st.none() | value)
    customer = msgspec.convert({"customer_id": "A", **drawn}, Customer)
    body = json.loads(json.dumps(build_similar_body(customer, 5)))
    names = [clause["constant_score"]["_name"] for clause in body["query"]["bool"]["should"]]
    if not names:
        return
    (found,) = parse_similar(customer, _answer((msgspec.to_builtins(customer) | {"customer_id": "B"}, names))).similar
    assert found.score == 1
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    (found,) = parse_similar(customer, _answer((msgspec.to_builtins(customer) | {"customer_id": "B"}, chosen))).similar
    assert 0 < found.score <= 1
    assert [part.points for part in found.parts] == sorted((part.points for part in found.parts), reverse=True)
