"""Reports in a real Elasticsearch: kept, listed, read, and left alone by everything else."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from crmsearch.contract import RunReport
from crmsearch.errors import BackendUnavailableError, InvalidRequestError, NotFoundError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.mappings import build_runs_body
from crmsearch.indexing.names import run_of
from crmsearch.indexing.runs import RunStore
from crmsearch.processes import free_port
from crmsearch.settings import Settings
from tests.documents import BEGAN_AT, own_prefix, put_documents
from tests.reports import REPORT

replace = msgspec.structs.replace


@pytest.fixture
def store(node_settings: Settings) -> Iterator[RunStore]:
    with own_prefix(node_settings, "reports") as (settings, _), make_client(settings.elasticsearch) as client:
        yield RunStore(client, settings.elasticsearch)
        client.indices.delete(index=f"{settings.elasticsearch.index_prefix}-runs", ignore_unavailable=True)


def _run(day: int, **changes: object) -> RunReport:
    return replace(REPORT, run_id=f"run-{100 - day}", began_at=f"2026-11-{day:02}T10:15:00Z", **changes)


def test_before_the_first_run_there_are_none(store: RunStore) -> None:
    assert store.page().runs == []
    assert store.page().next is None
    assert store.recent(5) == []
    with pytest.raises(NotFoundError):
        store.get("any")


def test_a_report_is_kept_whole_and_replaced_by_its_like(store: RunStore) -> None:
    store.save(REPORT, "promoted")
    assert store.get(REPORT.run_id) == REPORT
    store.save(replace(REPORT, merged=251), "promoted")
    assert [each.merged for each in store.page().runs] == [251]


def test_pages_are_newest_first_whatever_the_ids(store: RunStore) -> None:
    for day in (3, 1, 5, 2, 4):
        store.save(_run(day), "promoted")
    first = store.page(2)
    second = store.page(2, first.next)
    third = store.page(2, second.next)
    assert [[each.began_at[8:10] for each in page.runs] for page in (first, second, third)] == [["05", "04"], ["03", "02"], ["01"]]
    assert third.next is None
    assert [each.began_at[8:10] for each in store.recent(3)] == ["03", "04", "05"]


@pytest.mark.parametrize(("size", "before"), [(0, None), (101, None), (5, "unknown"), (5, "../x"), (5, "")])
def test_impossible_pages_are_refused(store: RunStore, size: int, before: str | None) -> None:
    store.save(REPORT, "promoted")
    with pytest.raises(InvalidRequestError):
        store.page(size, before)


def test_a_run_that_failed_is_listed_but_no_part_of_the_trend(store: RunStore) -> None:
    store.save(_run(1), "promoted")
    store.save(_run(2, failure="too many rows were rejected"), "failed")
    assert [(each.state, each.failure) for each in store.page().runs] == [("failed", "too many rows were rejected"), ("promoted", None)]
    assert [each.run_id for each in store.recent(5)] == ["run-99"]


def test_keys_of_a_report_are_no_fields_of_the_index(store: RunStore) -> None:
    # Headers and stages are keys; these would be refused as names of fields.
    odd = dict.fromkeys((" ", ".", "a..b", ".a", "a.", "a.b", "a", "_id", "_source", "名" * 300), "name")
    inputs = [replace(REPORT.inputs[0], columns=odd)]
    report = replace(REPORT, inputs=inputs, issues=dict.fromkeys(odd, 1) | {f"code_{number}": 1 for number in range(2_000)})
    store.save(report, "promoted")
    assert store.get(report.run_id) == report
    properties = store._client.indices.get_mapping(index=store.index)[store.index]["mappings"]["properties"]
    assert properties == build_runs_body(store._settings)["mappings"]["properties"]


def test_an_index_of_an_older_version_learns_new_figures(store: RunStore) -> None:
    body = build_runs_body(store._settings)
    for name in ("completeness", "failure"):
        del body["mappings"]["properties"][name]
    store._client.indices.create(index=store.index, **body)
    store.save(REPORT, "promoted")
    assert store.get(REPORT.run_id) == REPORT


def test_generations_and_reports_leave_each_other_alone(node_settings: Settings) -> None:
    with own_prefix(node_settings, "both") as (settings, lifecycle), make_client(settings.elasticsearch) as client:
        store = RunStore(client, settings.elasticsearch)
        store.save(REPORT, "promoted")
        lifecycle.promote(put_documents(lifecycle, [{"name": "Ada"}], BEGAN_AT))
        assert [each.index for each in lifecycle.generations()] == [lifecycle.live()]
        lifecycle.prune(0)
        assert store.get(REPORT.run_id) == REPORT
        client.indices.delete(index=store.index)


def test_a_node_that_is_down_is_named(node_settings: Settings) -> None:
    target = replace(node_settings.elasticsearch, url=f"http://127.0.0.1:{free_port(29_000)}", timeout_s=2.0)
    with make_client(target) as client:
        store = RunStore(client, target)
        with pytest.raises(BackendUnavailableError):
            store.page()
        with pytest.raises(BackendUnavailableError):
            store.save(REPORT, "promoted")


def test_changes_come_and_go_with_the_generation_that_they_changed(store: RunStore) -> None:
    old, new = "crm-customers-20261101t101500z", "crm-customers-20261102t101500z"
    for index, day in ((old, 1), (new, 2)):
        store.save(replace(_run(day), run_id=run_of(index), index=index), "promoted")
        store.save(replace(_run(day + 10), index=index, mode="incremental"), "promoted")
    store.save(replace(_run(20), index=new, mode="incremental"), "failed")

    def states() -> dict[str, str]:
        return {each.began_at[8:10]: each.state for each in store.page().runs}

    store.note_promoted(old, new)
    assert states() == {"01": "promoted", "11": "promoted", "02": "rolled back", "12": "rolled back", "20": "failed"}
    store.note_promoted(new, old)
    assert states() == {"01": "promoted", "11": "promoted", "02": "promoted", "12": "promoted", "20": "failed"}
