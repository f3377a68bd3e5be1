"""Generations on a real node: made, verified, promoted, rolled back, pruned; and the alias never points at nothing, at two, or at half."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import elasticsearch
import pytest

from crmsearch.cleaning.forms import search_forms
from crmsearch.contract import CONTRACT_VERSION, FieldContent
from crmsearch.errors import ContentMismatchError, ContractMismatchError, CountMismatchError, InvalidRequestError, NotFoundError
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def own(node_settings: Settings) -> Iterator[Lifecycle]:
    """A life cycle with no generation yet."""
    with own_prefix(node_settings, "lifecycle") as (_, lifecycle):
        yield lifecycle


def _fill(lifecycle: Lifecycle, hour: int) -> str:
    return put_documents(lifecycle, [{"name": f"Hour {hour}"}], NOON + timedelta(hours=hour))


def _bearers(lifecycle: Lifecycle) -> list[str]:
    return sorted(lifecycle._client.indices.get_alias(name=lifecycle.alias).body)


def _indices(lifecycle: Lifecycle) -> list[str]:
    return [generation.index for generation in lifecycle.generations()]


def test_a_new_generation_is_empty_strict_and_seen_by_nobody(own: Lifecycle) -> None:
    index = own.create(NOON)
    assert index == f"{own.alias}-20260506t120000z"
    (generation,) = own.generations()
    assert (generation.index, generation.live, generation.complete, generation.documents) == (index, False, False, 0)
    assert generation.contract_version == CONTRACT_VERSION
    assert generation.created_at == "2026-05-06T12:00:00+00:00"
    assert own.live() is None
    assert own._client.indices.get_settings(index=index)[index]["settings"]["index"]["refresh_interval"] == "-1"


def test_names_are_in_the_order_of_making_whatever_the_clock_says(own: Lifecycle) -> None:
    made = [
        own.create(moment) for moment in (NOON, NOON, NOON - timedelta(days=400), NOON + timedelta(seconds=1), NOON + timedelta(hours=1))
    ]
    assert [name[-8:] for name in made] == ["t120000z", "t120001z", "t120002z", "t120003z", "t130000z"]
    assert [each.index for each in own.generations()] == made[::-1]


def test_finish_counts_and_makes_it_fit_for_readers(own: Lifecycle) -> None:
    index = own.create(NOON)
    own._client.index(index=index, id="1", document={"customer_id": "1", **search_forms({"customer_id": "1"})})
    assert own.written(index) == 1
    with pytest.raises(CountMismatchError, match="holds 1 documents, the job wrote 2"):
        own.finish(index, 2)
    assert not own.generations()[0].complete
    own.finish(index, 1)
    (generation,) = own.generations()
    assert (generation.complete, generation.documents, generation.contract_version) == (True, 1, CONTRACT_VERSION)
    assert generation.size_bytes > 0
    assert own._client.indices.get_settings(index=index)[index]["settings"]["index"]["refresh_interval"] == "1s"


def test_the_many_segments_of_a_load_become_one(own: Lifecycle) -> None:
    index = own.create(NOON)
    for number in range(5):
        document = {"customer_id": str(number)}
        own._client.index(index=index, id=str(number), document=document | search_forms(document), refresh=True)
    assert _segments(own, index) > 1
    own.finish(index, 5)
    assert _segments(own, index) == 1


def _segments(lifecycle: Lifecycle, index: str) -> int:
    (shard,) = lifecycle._client.indices.segments(index=index)["indices"][index]["shards"]["0"]
    return sum(segment["search"] for segment in shard["segments"].values())


def test_promote_and_roll_back(own: Lifecycle) -> None:
    first, second, third = (_fill(own, hour) for hour in range(3))
    assert own.promote(first) is None
    assert own.promote(second) == first
    assert own.promote(second) == second
    assert own.promote(third) == second
    assert _bearers(own) == [third]
    assert own.rollback() == (third, second)
    assert own.rollback() == (second, first)
    assert _bearers(own) == [first] == [own.live()]
    with pytest.raises(NotFoundError, match="no earlier"):
        own.rollback()
    assert own.live() == first


def test_an_incomplete_generation_never_goes_live(own: Lifecycle) -> None:
    first = _fill(own, 0)
    half = own.create(NOON + timedelta(hours=1))
    last = _fill(own, 2)
    with pytest.raises(InvalidRequestError, match="never completed"):
        own.promote(half)
    assert own.live() is None
    own.promote(last)
    assert own.rollback() == (last, first)


def test_rollback_without_a_live_generation_is_refused(own: Lifecycle) -> None:
    with pytest.raises(NotFoundError, match="no generation is live"):
        own.rollback()
    _fill(own, 0)
    with pytest.raises(NotFoundError, match="no generation is live"):
        own.rollback()


def test_another_contract_is_not_promoted(own: Lifecycle) -> None:
    live, other = _fill(own, 0), _fill(own, 1)
    own.promote(live)
    own._client.indices.put_mapping(index=other, meta={"contract_version": CONTRACT_VERSION + 1, "complete": True})
    with pytest.raises(ContractMismatchError, match="newer crmsearch that made it") as caught:
        own.promote(other)
    assert caught.value.exit_code == 3
    assert own.live() == live


def test_prune_keeps_the_newest_complete_ones_behind_the_live_one(own: Lifecycle) -> None:
    half = own.create(NOON - timedelta(hours=1))
    indices = [_fill(own, hour) for hour in range(6)]
    under_way = own.create(NOON + timedelta(hours=9))
    assert own.prune(0) == [], "nothing is live"
    own.promote(indices[4])
    assert own.prune(2) == [indices[1], indices[0], half]
    assert _indices(own) == [under_way, indices[5], indices[4], indices[3], indices[2]]
    assert own.prune(2) == []
    assert own.prune(0) == [indices[3], indices[2]]
    assert own.live() == indices[4]
    assert _indices(own) == [under_way, indices[5], indices[4]]


def test_the_live_generation_is_not_deleted(own: Lifecycle) -> None:
    index = _fill(own, 0)
    own.promote(index)
    with pytest.raises(InvalidRequestError, match="is live"):
        own.delete(index)
    assert _indices(own) == [index]


@pytest.mark.parametrize("name", ["nothing", "*", "_all", "", "crm-customers", "-20200101t000000z"])
def test_unknown_names_are_not_found(own: Lifecycle, name: str) -> None:
    index = _fill(own, 0)
    own.promote(index)
    with pytest.raises(NotFoundError):
        own.promote(name)
    with pytest.raises(NotFoundError):
        own.finish(name, 1)
    with pytest.raises(NotFoundError):
        own.delete(name)
    assert _indices(own) == [index] == _bearers(own)


def test_a_generation_that_is_gone_cannot_be_promoted(own: Lifecycle) -> None:
    index = _fill(own, 0)
    own.delete(index)
    own.delete(index)
    with pytest.raises(NotFoundError, match="index list"):
        own.promote(index)
    with pytest.raises(NotFoundError):
        own.finish(index, 1)


def test_other_indices_are_left_alone(own: Lifecycle) -> None:
    others = [f"{own.alias}-analytics-x", f"{own.alias}-2x", f"{own.alias}-20260506t1200z", f"{own.alias}-29999999t999999z"]
    try:
        for name in others:
            own._client.indices.create(index=name)
        first, second = _fill(own, 0), _fill(own, 1)
        own.promote(second)
        assert _indices(own) == [second, first]
        assert own.prune(0) == [first]
        for name in others:
            with pytest.raises(NotFoundError):
                own.delete(name)
            with pytest.raises(NotFoundError):
                own.promote(name)
            assert own._client.indices.exists(index=name)
    finally:
        for name in others:
            own._client.indices.delete(index=name, ignore_unavailable=True)


def _promote_at_once(lifecycle: Lifecycle, indices: list[str]) -> dict[str, str | None]:
    """What each promotion that succeeded replaced; all others were refused for the one reason there is."""
    start = Barrier(len(indices))
    replaced: dict[str, str | None] = {}

    def promote(index: str) -> None:
        start.wait()
        try:
            replaced[index] = lifecycle.promote(index)
        except InvalidRequestError as error:
            refusals.append(error.detail)

    refusals: list[str] = []
    with ThreadPoolExecutor(len(indices)) as pool:
        list(pool.map(promote, indices))
    assert len(replaced) + len(refusals) == len(indices)
    assert all("at the same moment" in refusal for refusal in refusals)
    return replaced


def test_of_promotions_at_once_no_two_replace_the_same(own: Lifecycle) -> None:
    indices = [_fill(own, hour) for hour in range(9)]
    own.promote(indices[0])
    for _ in range(5):
        replaced = _promote_at_once(own, indices[1:])
        assert replaced, "one at least succeeds"
        assert len(set(replaced.values())) == len(replaced)
        assert _bearers(own) == [own.live()]
        own.promote(indices[0])


def test_of_first_promotions_at_once_no_two_succeed(own: Lifecycle) -> None:
    indices = [_fill(own, hour) for hour in range(6)]
    replaced = _promote_at_once(own, indices)
    assert list(replaced.values()).count(None) == 1
    assert _bearers(own) == [own.live()]


def _loading(lifecycle: Lifecycle, hour: int) -> str:
    index = lifecycle.create(NOON + timedelta(hours=hour), loading=True)
    lifecycle.finish(index, 0)
    return index


def test_a_load_is_promoted_once_and_then_no_longer_loading(own: Lifecycle) -> None:
    index = _loading(own, 0)
    assert own.generations()[0].loading
    assert own.promote(index, loading=True) is None
    assert not own.generations()[0].loading
    assert _bearers(own) == [index]
    assert own.discard(index) is False, "it is live"
    assert own.live() == index


def test_a_load_that_was_discarded_never_goes_live(own: Lifecycle) -> None:
    live, given_up = _fill(own, 0), _loading(own, 1)
    own.promote(live)
    assert own.discard_abandoned() == [given_up]
    assert own.discard(given_up) is True, "it is gone already"
    with pytest.raises(NotFoundError):
        own.promote(given_up, loading=True)
    assert _bearers(own) == [live] == _indices(own)


def test_a_load_without_its_alias_cannot_be_promoted_as_one(own: Lifecycle) -> None:
    index = _loading(own, 0)
    own._client.indices.delete_alias(index=index, name=f"{own.alias}-loading")
    with pytest.raises(InvalidRequestError, match="given up"):
        own.promote(index, loading=True)
    assert own.live() is None
    assert own.discard(index) is False, "what bears no such alias is nobody's to discard"
    assert _indices(own) == [index]


def test_of_a_promotion_and_a_discarding_at_once_one_succeeds(own: Lifecycle) -> None:
    live = _fill(own, 0)
    own.promote(live)
    outcomes = set()
    for hour in range(1, 9):
        index, start = _loading(own, hour), Barrier(2)

        def promote(index: str = index, start: Barrier = start) -> bool:
            start.wait()
            try:
                own.promote(index, loading=True)
            except (InvalidRequestError, NotFoundError):
                return False
            return True

        with ThreadPoolExecutor(1) as pool:
            promoting = pool.submit(promote)
            start.wait()
            discarded = own.discard(index)
            assert promoting.result() is not discarded
        assert own.live() == (live if discarded else index), "never none, and never a deleted one"
        live = str(own.live())
        outcomes.add(discarded)
    assert outcomes, "either may win"


@pytest.mark.parametrize("loading", [True, False])
def test_a_promotion_whose_answer_was_lost_counts(own: Lifecycle, monkeypatch: pytest.MonkeyPatch, loading: bool) -> None:
    old = _fill(own, 0)
    own.promote(old)
    new = _loading(own, 1) if loading else _fill(own, 1)
    update = type(own._client.indices).update_aliases

    def lose_the_answer(self: Any, **given: Any) -> None:
        update(self, **given)
        raise elasticsearch.ConnectionError("the connection broke")

    monkeypatch.setattr(type(own._client.indices), "update_aliases", lose_the_answer)
    assert own.promote(new, loading=loading) == old
    monkeypatch.undo()
    assert _bearers(own) == [new]


def _written(count: int) -> list[FieldContent]:
    return [
        FieldContent(field="name", filled=count),
        FieldContent(field="age", filled=count, total=30.0 * count),
        FieldContent(field="revenue", filled=1, total=0.1),
        FieldContent(field="created_at", filled=1, total=1_772_323_200_000.0),
        FieldContent(field="tags", filled=1),
        FieldContent(field="notes", filled=0),
        FieldContent(field="merge_reasons", filled=7),
    ]


def _put_two(lifecycle: Lifecycle) -> str:
    documents = [{"name": "Ada", "age": 30, "revenue": 0.1}, {"name": "王小明", "age": 30, "created_at": "2026-03-01", "tags": ["a", "b"]}]
    return put_documents(lifecycle, documents)


def test_fields_that_hold_what_was_written_are_passed(own: Lifecycle) -> None:
    own.finish(_put_two(own), 2, _written(2))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (FieldContent(field="name", filled=1), "name is filled in 2 documents, not in 1"),
        (FieldContent(field="age", filled=2, total=61.0), "age adds up to 60.0, not to 61.0"),
        (FieldContent(field="created_at", filled=1, total=1_772_323_200_000.0 - 8 * 3_600_000), "created_at adds up"),
        (FieldContent(field="notes", filled=1), "notes is filled in 0"),
        (FieldContent(field="location", filled=1), "location is filled in 0"),
    ],
)
def test_fields_that_hold_something_else_are_named(own: Lifecycle, changed: FieldContent, words: str) -> None:
    index = own.create(NOON)
    own._client.reindex(source={"index": _put_two(own)}, dest={"index": index}, refresh=True)
    others = [each for each in _written(2) if each.field != changed.field]
    with pytest.raises(ContentMismatchError, match=words) as caught:
        own.finish(index, 2, [*others, changed])
    assert "Ada" not in caught.value.detail
    assert not next(each for each in own.generations() if each.index == index).complete


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"customer_id": "1", "name": "Geheim", "id_forms": "1"}, "do not find a customer of .* name_words"),
        ({"customer_id": "2", "id_forms": "2"}, "under an id that is not its own"),
        ({"name": "Geheim"}, "no customer of this contract"),
    ],
)
def test_customers_that_searches_would_not_find_are_not_promoted(own: Lifecycle, document: dict[str, Any], words: str) -> None:
    index = own.create(NOON)
    own._client.index(index=index, id="1", document=document)
    with pytest.raises(ContentMismatchError, match=words) as caught:
        own.finish(index, 1)
    assert "Geheim" not in caught.value.detail
