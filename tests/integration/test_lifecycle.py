"""Generations on a real node: made, verified, promoted, rolled back, pruned; and the alias never points at nothing, at two, or at half."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from crmsearch.contract import CONTRACT_VERSION
from crmsearch.errors import ContractMismatchError, CountMismatchError, InvalidRequestError, NotFoundError
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
    with pytest.raises(InvalidRequestError, match="same second"):
        own.create(NOON)


def test_finish_counts_and_makes_it_fit_for_readers(own: Lifecycle) -> None:
    index = own.create(NOON)
    own._client.index(index=index, id="1", document={"customer_id": "1"})
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
        own._client.index(index=index, id=str(number), document={"customer_id": str(number)}, refresh=True)
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
    with pytest.raises(ContractMismatchError, match="crmsearch ingest") as caught:
        own.promote(other)
    assert caught.value.exit_code == 3
    assert own.live() == live


def test_prune_keeps_the_newest_complete_ones_behind_the_live_one(own: Lifecycle) -> None:
    indices = [_fill(own, hour) for hour in range(6)]
    half = own.create(NOON - timedelta(hours=1))
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
    others = [f"{own.alias}-analytics", f"{own.alias}-2x", f"{own.alias}-20260506t1200z", f"{own.alias}-29999999t999999z"]
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
