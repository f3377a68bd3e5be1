"""Customers from pairs: guards, chains, and no dependence on the order of the records."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsearch.resolution.clusters import resolve_component
from crmsearch.resolution.components import connect
from crmsearch.resolution.features import Features, is_valid_id
from tests.unit.resolution.people import BARE, JOHN, MODEL, PROVEN, WEI, person


def _members(records: list[Features]) -> list[tuple[str, ...]]:
    return [cluster.members for cluster in resolve_component(records, MODEL)[0]]


def test_copies_of_one_person_are_one_customer_held_by_the_weakest_link() -> None:
    records = [person(), person(JOHN, "b", emails=[]), person(JOHN, "c", phones=[], birth_date=None, age=None)]
    (cluster,), refused = resolve_component(records, MODEL)
    assert (cluster.members, refused) == (("a", "b", "c"), 0)
    assert len(cluster.links) == 2
    assert cluster.confidence == min(link.probability for link in cluster.links)
    assert cluster.links == tuple(sorted(cluster.links, key=lambda link: -link.probability))


def test_a_record_that_resembles_two_people_joins_one_of_them() -> None:
    """A nameless record of a household resembles both twins, who are never one."""
    twin = {"name": "Paul Smith", "given_name": "Paul"}
    nameless = {"name": None, "given_name": None, "family_name": None}
    clusters, refused = resolve_component([person(), person(JOHN, "b", **twin), person(JOHN, "c", **nameless)], MODEL)
    assert sorted(len(cluster.members) for cluster in clusters) == [1, 2]
    assert refused >= 1
    assert not any({"a", "b"} <= set(cluster.members) for cluster in clusters)


def test_two_proven_numbers_never_meet_through_a_third_record() -> None:
    records = [person(WEI, "a", national_id=PROVEN[0]), person(WEI, "b", national_id=PROVEN[1]), person(WEI, "c")]
    clusters, refused = resolve_component(records, MODEL)
    assert sorted(len(cluster.members) for cluster in clusters) == [1, 2]
    assert refused == 1


def test_two_branches_never_meet_through_a_row_without_a_place() -> None:
    records = [person(BARE, "a", city="London"), person(BARE, "b", city="Manchester"), person(BARE, "c")]
    clusters, refused = resolve_component(records, MODEL)
    assert sorted(len(cluster.members) for cluster in clusters) == [1, 2]
    assert refused == 1


def test_one_wrong_record_does_not_break_three_that_agree() -> None:
    number = "7535316"
    records = [
        person(JOHN, "a", national_id=number),
        person(JOHN, "b", national_id=number),
        person(JOHN, "c", national_id=number),
        person(JOHN, "d", given_name="Jnoh", national_id="1111111"),
    ]
    assert _members(records) == [("a", "b", "c", "d")]


def test_a_crowd_of_one_key_is_not_compared_pair_by_pair() -> None:
    records = [person(JOHN, f"{place:05}", emails=[], birth_date=None, age=None, address=None, postcode=None) for place in range(3000)]
    clusters, _ = resolve_component(records, MODEL)
    assert len(clusters) == 3000


CHANGES: list[dict[str, Any]] = [
    {},
    {"emails": []},
    {"phones": [], "birth_date": None, "age": None},
    {"name": "Paul Smith", "given_name": "Paul"},
    {"name": None, "given_name": None, "family_name": None},
    {"birth_date": "1952-09-20", "age": 74},
    {"national_id": PROVEN[0]},
    {"national_id": PROVEN[1]},
    {"name": "J. Smith", "given_name": "J.", "birth_date": None},
    {"address": "80 Mill Lane", "postcode": "N10AA", "emails": [], "phones": []},
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_clusters_keep_the_guards_in_any_order(changes: list[dict[str, Any]], rng: random.Random) -> None:
    records = [person(JOHN, f"{place}", **change) for place, change in enumerate(changes)]
    clusters, refused = resolve_component(records, MODEL)
    assert sorted(member for cluster in clusters for member in cluster.members) == sorted(record.id for record in records)
    by_id = {record.id: record for record in records}
    for cluster in clusters:
        assert len(cluster.links) == len(cluster.members) - 1
        numbers = {by_id[member].national_id for member in cluster.members}
        assert sum(is_valid_id(number) for number in numbers) <= 1
        assert 0.9 < cluster.confidence <= 1
    rng.shuffle(records)
    assert resolve_component(records, MODEL) == (clusters, refused)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], {}),
        ([(1, 2)], {1: 1, 2: 1}),
        ([(5, 4), (3, 4), (9, 8)], {3: 3, 4: 3, 5: 3, 8: 8, 9: 8}),
        ([(-7, 7), (7, -7)], {-7: -7, 7: -7}),
    ],
)
def test_components(edges: list[tuple[int, int]], expected: dict[int, int]) -> None:
    assert connect(np.array(edges, dtype=np.int64).reshape(-1, 2)) == expected


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40), st.randoms(use_true_random=False))
def test_components_do_not_depend_on_the_order_of_edges(edges: list[tuple[int, int]], rng: random.Random) -> None:
    found = connect(np.array(edges, dtype=np.int64).reshape(-1, 2))
    assert all(found[one] == found[two] for one, two in edges)
    rng.shuffle(edges)
    assert connect(np.array([(two, one) for one, two in edges], dtype=np.int64).reshape(-1, 2)) == found


def test_a_long_chain_of_edges_is_one_component() -> None:
    chain = np.array([(place, place + 1) for place in range(20_000)], dtype=np.int64)
    assert set(connect(chain).values()) == {0}
