"""The pure parts of an incremental load: rows to records, what is kept of them, links among a few of many, and figures that move."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from crmsearch.resolution.figures import FIGURES, heirs, with_figures
from crmsearch.resolution.keys import MAX_BLOCK, block_limit
from crmsearch.resolution.linking import Census, find_components, find_links
from crmsearch.resolution.rows import MAX_ID_BYTES, group_rows
from crmsearch.resolution.stored import Described, build_stored, counter_of_key, describe, parse_stored
from crmsearch.resolution.weights import Model

NOW = "2026-11-01T00:00:00Z"
ADA: dict[str, Any] = {
    "customer_id": "A1", "name": "Ada Byron", "given_name": "Ada", "family_name": "Byron", "kind": "person", "birth_date": "1980-12-10",
    "emails": ["ada.byron80@example.org"], "phones": ["+447911123456"], "source_records": ["A1"], "merged_count": 1,
}  # fmt: skip


def _rows(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"source": f"{place}.csv", "fingerprint": f"f{place}", **row} for place, row in enumerate(rows)]


def test_the_newest_row_of_a_key_tells_of_its_record() -> None:
    groups = group_rows(
        _rows(
            {"source_key": "1", "source_system": "zoho", "name": "Old", "updated_at": "2026-01-01"},
            {"source_key": "1", "source_system": "zoho", "name": "New", "updated_at": "2026-02-01", "quality_issues": ["spaces"]},
            {"source_key": "1", "name": "Of another system"},
        ),
        NOW,
    )
    assert groups.keys() == {"zoho:1", "1"}
    record = groups["zoho:1"].record
    assert (record["name"], record["merged_count"], record["customer_id"], record["source_records"]) == ("New", 2, "zoho:1", ["zoho:1"])
    assert record["quality_issues"] == ["spaces", "key_conflict"]
    assert record["merge_reasons"] == ["zoho:1: 2 rows of the same source key"]
    assert groups["zoho:1"].sources == ("1.csv", "0.csv")
    assert (groups["1"].record["source_system"], "merge_reasons" in groups["1"].record) == ("generic", False)
    assert not {"source", "source_key", "removed"} & record.keys()


def test_rows_without_a_key_are_one_record_if_they_say_the_same() -> None:
    rows = [{"source": "a.csv", "fingerprint": fingerprint, "name": "Ada"} for fingerprint in ("x", "x", "y")]
    groups = group_rows(rows, NOW)
    assert {name: each.record["merged_count"] for name, each in groups.items()} == {"x": 2, "y": 1}
    assert groups["x"].record["merge_reasons"] == ["x: 2 rows of the same content"]
    (long,) = group_rows(_rows({"source_key": "k" * (MAX_ID_BYTES + 1)}), NOW)
    assert len(long) == 64


@pytest.mark.parametrize(
    ("removed_at", "told_at", "removes"),
    [(None, "2026-10-01", True), (None, None, True), ("2026-09-01", "2026-10-01", False), ("2026-10-01", "2026-10-01", True)],
)
def test_a_removal_counts_from_its_date_or_else_from_now(removed_at: str | None, told_at: str | None, *, removes: bool) -> None:
    rows = _rows({"source_key": "1", "removed": True, "updated_at": removed_at}, {"source_key": "1", "name": "A", "updated_at": told_at})
    group = group_rows(rows, NOW)["1"]
    assert group.removes == removes
    if removes:
        assert group.record == {"customer_id": "1", "updated_at": removed_at or NOW, "removed": True}


def test_a_record_is_kept_with_its_blocks_and_comes_back_as_it_was() -> None:
    described = describe(ADA | {"withdrawn": ["sms"], "city": None, "tags": []})
    hot = described.keys[0].value
    assert described.keys[0].narrower
    document = build_stored(described, "HOME", 7, {hot}.__contains__, 99)
    assert document["blocks"] == [*described.keys[0].narrower, *(key.value for key in described.keys[1:])]
    assert {counter_of_key(key.value) for key in described.keys} <= set(document["counted"])
    assert max(document["counted"]) < 1 << 48
    stored = parse_stored(msgspec.json.decode(msgspec.json.encode(document)))
    assert (stored.home, stored.component) == ("HOME", 7)
    assert stored.record == ADA | {"withdrawn": ["sms"]}
    assert "component" not in build_stored(described, "HOME", None, {hot}.__contains__, 99)


def _people(count: int, **fields: Any) -> dict[str, Described]:
    return {f"P{place}": describe({**ADA, "emails": [], **fields, "customer_id": f"P{place}"}) for place in range(count)}


def _census(come: dict[str, Described], kept: dict[str, Described] | None = None) -> Census:
    counts = Counter(counter for one in (kept or {}).values() for counter in one.counters())
    census = Census(len(kept or {}), [], come.values())
    census.learn(come.values(), lambda asked: {counter: counts[counter] for counter in asked if counts[counter]})
    return census


def test_counts_are_those_after_the_changes() -> None:
    kept = _people(3)
    census = Census(10, [kept["P0"]], [describe(ADA)])
    counts = Counter(counter for one in kept.values() for counter in one.counters())
    questions: list[list[int]] = []

    def ask(asked: list[int]) -> Counter[int]:
        questions.append(asked)
        return counts

    census.learn([describe(ADA)], ask)
    census.learn([describe(ADA)], ask)
    assert [len(asked) for asked in questions] == [len(describe(ADA).counters())], "nothing is asked twice"
    assert census.records == 10
    phone = counter_of_key(describe(ADA).keys[0].value)
    assert (counts[phone], census.count(phone)) == (3, 3)


def test_links_are_found_in_blocks_and_not_in_crowded_ones() -> None:
    one, two = describe(ADA), describe(ADA | {"customer_id": "A2", "phones": []})
    other = describe({"customer_id": "B1", "name": "Bob Hale", "emails": ["bob.hale@example.org"], "kind": "person"})
    records = {"A1": one, "A2": two, "B1": other}
    census = _census(records)
    model = census.model(records.values())
    assert find_links(records, census.is_hot, model)[0] == {("A1", "A2")}
    assert find_links(records, census.is_hot, model, {"B1"})[0] == set()
    assert find_links(records, census.is_hot, model, {"A2"}) == ({("A1", "A2")}, 1)
    # As many people with this phone and this name as are never compared with each other.
    crowd = _census(records, _people(MAX_BLOCK) | {f"C{place}": describe(ADA | {"customer_id": "C"}) for place in range(MAX_BLOCK)})
    assert all(crowd.is_hot(key.value) for key in one.keys)
    assert find_links(records, crowd.is_hot, Model(10_000, {}))[1] <= 1, "a narrower key that nobody else has is compared for"
    assert block_limit(one.keys[0].value) == MAX_BLOCK


def test_components_have_one_number_whatever_the_order() -> None:
    links = {("c", "d"), ("a", "c")}
    components = find_components("dcba", links)
    assert sorted(sorted(names) for _, names in components) == [["a", "c", "d"], ["b"]]
    assert {tuple(names): number for number, names in components} == {
        tuple(names): number for number, names in find_components("abcd", sorted(links))
    }
    assert [number is None for number, names in components if names == ["b"]] == [True]


def test_figures_go_where_the_record_goes_that_the_customer_is_named_after() -> None:
    old = [
        {"customer_id": "A", "source_records": ["A", "B", "C"]},
        {"customer_id": "D", "source_records": ["D", "E", "F"]},
        {"customer_id": "G", "source_records": ["G"]},
    ]
    members = {"B": ["A", "B"], "C": ["C"], "E": ["E", "F"]}
    assert heirs(old, members) == {"B": [old[0]], "E": [old[1]]}


def test_figures_of_several_are_put_together_once() -> None:
    busy = {
        "customer_id": "A",
        "source_records": ["A"],
        "order_count": 3,
        "revenue": 30.1,
        "first_order_at": "2024",
        "rfm_segment": "loyal",
    }
    busy |= {"last_ticket_at": "2025-01-01", "last_ticket_subject": "old", "average_order_value": 10.03}
    calm = {
        "customer_id": "B",
        "source_records": ["B"],
        "order_count": 1,
        "revenue": 0.2,
        "first_order_at": "2023",
        "top_category": "Books",
    }
    calm |= {"last_ticket_at": "2025-02-01", "last_ticket_subject": "new", "average_order_value": 0.2}
    both = with_figures({"customer_id": "A", "last_activity_at": "2024-12-31"}, [calm, busy])
    assert both == {
        "customer_id": "A", "last_activity_at": "2025-02-01", "order_count": 4, "revenue": 30.3, "average_order_value": 7.58,
        "first_order_at": "2023", "rfm_segment": "loyal", "last_ticket_at": "2025-02-01", "last_ticket_subject": "new",
    }  # fmt: skip
    # A run that died has written the two as one, and has not yet deleted the other.
    written = both | {"source_records": ["A", "B"]}
    assert with_figures({"customer_id": "A"}, [calm, written])["order_count"] == 4
    # The same where the customer bears another id than before, and has lost a record since.
    renamed = both | {"customer_id": "C", "source_records": ["B", "C"]}
    assert with_figures({"customer_id": "C"}, [written, renamed])["order_count"] == 4
    assert with_figures({"customer_id": "A", "name": "Ada"}, []) == {"customer_id": "A", "name": "Ada"}
    assert with_figures({"customer_id": "A"}, [busy]).items() >= {name: busy[name] for name in FIGURES if name in busy}.items()
