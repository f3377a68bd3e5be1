"""An index of another contract: nobody is served from it, and it is rebuilt beside, without its sources."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crmsearch.contract import CONTRACT_VERSION, FORMS_VERSION
from crmsearch.errors import ContractMismatchError, NotFoundError
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import customers_index
from crmsearch.indexing.rebuild import PAGE
from crmsearch.loading import rebuild_customers
from crmsearch.resolution.rows import group_rows
from crmsearch.resolution.stored import build_stored, describe
from crmsearch.settings import Settings, child_environment
from tests.documents import documents_in, own_prefix, put_documents, runs_of

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
OLDER = {"contract_version": CONTRACT_VERSION, "forms_version": FORMS_VERSION - 1}
NEWER = {"contract_version": CONTRACT_VERSION + 1, "forms_version": FORMS_VERSION}
CUSTOMERS = [
    {"customer_id": f"B{number}", "name": f"Person {number}", "age": 20 + number % 50, "created_at": "2026-03-01", "tags": ["a", "b"]}
    for number in range(PAGE + 30)
]


@pytest.fixture
def own(node_settings: Settings) -> Iterator[tuple[Settings, Lifecycle]]:
    with own_prefix(node_settings, "rebuild") as own:
        yield own


def _put_foreign(settings: Settings, lifecycle: Lifecycle, versions: dict[str, int], documents: list[dict[str, Any]]) -> str:
    """A live generation as another version of crmsearch has made it: without today's forms, with a field that is no more."""
    index = customers_index(settings.elasticsearch.index_prefix, NOON)
    client = lifecycle._client
    client.indices.create(index=index, mappings={"_meta": {**versions, "complete": True}}, aliases={lifecycle.alias: {}})
    operations: list[dict[str, Any]] = []
    for document in documents:
        operations += [{"index": {"_id": document["customer_id"]}}, {**document, "nickname": "Bob"}]
    assert not client.bulk(index=index, operations=operations, refresh=True)["errors"]
    return index


def _crmsearch(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    command = [sys.executable, "-m", "crmsearch", *arguments]
    return subprocess.run(command, env=inherited | child_environment(settings), capture_output=True, text=True, timeout=120, check=False)


def test_an_older_contract_is_not_served_but_rebuilt(own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own
    old = _put_foreign(settings, lifecycle, OLDER, CUSTOMERS)
    refused = _crmsearch(settings, "serve", "--port", "18999")
    assert refused.returncode == ContractMismatchError.exit_code
    assert "crmsearch index rebuild" in refused.stderr
    assert lifecycle.live() == old
    rebuilt = _crmsearch(settings, "index", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    new = lifecycle.live()
    assert new is not None
    assert new != old
    assert new in rebuilt.stderr
    lifecycle.check_live()
    assert documents_in(lifecycle, lifecycle.alias) == {each["customer_id"]: each for each in CUSTOMERS}
    by_form = lifecycle._client.count(index=lifecycle.alias, query={"term": {"name_words": "person"}})
    assert by_form["count"] == len(CUSTOMERS)
    assert [run.state for run in runs_of(lifecycle).page().runs] == ["promoted"]
    assert lifecycle.lock.holder() is None
    with pytest.raises(ContractMismatchError):
        lifecycle.rollback()
    assert lifecycle.live() == new, "going back to what cannot be served is refused"


def test_records_go_with_their_customers_and_changes_are_resolved_against_them(own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    old = put_documents(lifecycle, [{"customer_id": "R1", "name": "Ada Byron", "emails": ["ada@example.org"], "source_records": ["R1"]}])
    told = {"customer_id": "R1", "name": "Ada Byron", "emails": ["ada@example.org"], "source_records": ["R1"], "merged_count": 1}
    told |= {"source_system": "generic", "match_confidence": 1.0, "fingerprint": "x"}
    kept, source = build_stored(describe(told), "R1", None, lambda _: False, 1_000), lifecycle.records(old)
    source.create()
    gone = {"removed": True, "written_at": 2_000, "record": {"customer_id": "R2"}}
    source.write(2_000, [("R1", kept), ("R2", gone)])
    lifecycle.promote(old)
    target = lifecycle.records(rebuild_customers(lifecycle, runs_of(lifecycle), None))
    assert target.by_id(["R1", "R2"]) == source.by_id(["R1", "R2"])
    assert target.in_blocks(kept["blocks"]).keys() == {"R1"}
    assert target.counts(kept["counted"]) == dict.fromkeys(kept["counted"], 1)
    again = {"customer_id": "R9", "source": "f", "source_key": "R9", "name": "Ada Byron", "emails": ["ada@example.org"], "fingerprint": "y"}
    applied = lifecycle.apply(str(lifecycle.live()), group_rows([again], "2026-05-07T00:00:00Z"), "r", "2026-05-07T00:00:00Z")
    assert applied.homes == {"R9": "R1", "R1": "R1"} or applied.customers == 1


def test_a_newer_contract_is_neither_served_nor_rebuilt(own: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = own
    newer = _put_foreign(settings, lifecycle, NEWER, CUSTOMERS[:3])
    with pytest.raises(ContractMismatchError, match="use the newer crmsearch"):
        lifecycle.check_live()
    with pytest.raises(ContractMismatchError, match="use the newer crmsearch"):
        rebuild_customers(lifecycle, runs_of(lifecycle), None)
    assert [each.index for each in lifecycle.generations()] == [newer] == [lifecycle.live()]


@pytest.mark.parametrize("bad", [{"age": "forty"}, {"name": ["two", "names"]}])
def test_what_cannot_be_read_changes_nothing(own: tuple[Settings, Lifecycle], bad: dict[str, Any]) -> None:
    settings, lifecycle = own
    old = _put_foreign(settings, lifecycle, OLDER, [{"customer_id": "B1", **bad}])
    with pytest.raises(ContractMismatchError, match="crmsearch ingest") as caught:
        rebuild_customers(lifecycle, runs_of(lifecycle), None)
    assert "forty" not in str(caught.value)
    assert [each.index for each in lifecycle.generations()] == [old] == [lifecycle.live()]
    assert [run.state for run in runs_of(lifecycle).page().runs] == ["failed"]


def test_any_complete_generation_can_be_rebuilt(own: tuple[Settings, Lifecycle]) -> None:
    _, lifecycle = own
    with pytest.raises(NotFoundError, match="no generation is live"):
        rebuild_customers(lifecycle, runs_of(lifecycle), None)
    with pytest.raises(NotFoundError, match="index list"):
        rebuild_customers(lifecycle, runs_of(lifecycle), "crm-customers-20200101t000000z")
    kept = put_documents(lifecycle, [{"name": "Kept"}])
    made = rebuild_customers(lifecycle, runs_of(lifecycle), kept)
    assert lifecycle.live() == made
    assert documents_in(lifecycle, made) == documents_in(lifecycle, kept)
