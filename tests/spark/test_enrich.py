"""Orders, tickets and campaign responses find their customers and become their figures, however the rows are ordered and split."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from crmsearch.cleaning.record import RecordContext
from crmsearch.contract import InputKind
from crmsearch.mining.churn import ChurnInput, churn_risk
from crmsearch.mining.rfm import leading_digits, quintile_limits, quintile_score, segment_of
from crmsearch.privacy.quarantine import QUARANTINE_COLUMNS
from spark.enrich import Enriched, enrich
from spark.related import with_cleaned_related
from spark.schemas import CLEANED, DOCUMENT_COLUMNS
from spark.tally import Tally

AS_OF = "2026-11-23"
CONTEXT = RecordContext(as_of=AS_OF)
COLUMNS: dict[InputKind, tuple[str, ...]] = {
    "orders": ("order_id", "customer_id", "ordered_at", "amount", "currency", "category", "status"),
    "tickets": ("ticket_id", "customer_id", "subject", "status", "opened_at", "closed_at", "satisfaction"),
    "campaigns": ("response_id", "customer_id", "campaign", "sent_at", "opened", "clicked", "converted"),
}
Cells = tuple[str | None, ...]
Record = tuple[str, str, str | None]  # customer, system, key


def _order(key: str | None, customer: str | None, day: str = "2026-01-05", amount: str = "10", **cells: str) -> Cells:
    return (key, customer, day, amount, cells.get("currency"), cells.get("category"), cells.get("status"))


def _related(
    spark: SparkSession, kind: InputKind, rows: Sequence[Cells], *, system: str = "generic", source: str = "", parts: int = 2
) -> DataFrame:
    filled = [([*row, *[None] * (len(COLUMNS[kind]) - len(row))], None) for row in rows]
    frame = spark.createDataFrame(filled, "cells array<string>, damaged string").repartition(parts)
    cleaned = with_cleaned_related(frame, COLUMNS[kind], COLUMNS[kind], kind, CONTEXT)
    source = source or f"{kind}.csv"
    return cleaned.withColumns({"source": F.lit(source), "source_system": F.lit(system), "run_id": F.lit("run")})


def _enrich(
    spark: SparkSession,
    records: Sequence[Record],
    related: Mapping[InputKind, DataFrame],
    documents: Mapping[str, dict[str, Any]] | None = None,
) -> tuple[Enriched, dict[str, Row]]:
    known = spark.createDataFrame(records, "customer_id string, source_system string, source_key string")
    ids = sorted({record[0] for record in records})
    rows = [tuple({"customer_id": each, **(documents or {}).get(each, {})}.get(name) for name in DOCUMENT_COLUMNS) for each in ids]
    schema = [CLEANED[name] for name in DOCUMENT_COLUMNS]
    golden = spark.createDataFrame(rows, type(CLEANED)(schema))
    enriched = enrich(golden, known, related, AS_OF)
    assert tuple(enriched.golden.columns) == DOCUMENT_COLUMNS
    assert [field.dataType for field in enriched.golden.schema] == [field.dataType for field in golden.schema]
    assert tuple(enriched.rejected.columns) == QUARANTINE_COLUMNS
    for tally in enriched.tallies.values():
        assert tally.read == tally.indexed + tally.merged + tally.quarantined
    assert enriched.rejected.count() == sum(tally.quarantined for tally in enriched.tallies.values())
    found = enriched.golden.collect()
    assert sorted(row["customer_id"] for row in found) == ids
    return enriched, {row["customer_id"]: row for row in found}


ORDERS: list[Cells] = [
    # Ada: two refunded, one in part, one cancelled
    _order("A1", "ada", "2026-01-05 10:00", "0.10", category="Books"),
    _order("A2", "ada", "2026-03-05", "0.20", category="Toys"),
    _order("A3", "ada", "2026-02-05", "100", category="Toys"),
    _order("A4", "ada", "2026-10-05", "70", status="cancelled"),
    _order("A5", "ada", "2026-10-05", "70", status="refunded"),
    _order("A2", "ada", "2026-03-09", "-0.20"),
    # Cho and Dan: categories with equally many orders, decided by money, then by name
    _order("C1", "cho", amount="5", category="Toys"),
    _order("C2", "cho", amount="9", category="Books"),
    _order("D1", "dan", amount="5", category="Toys"),
    _order("D2", "dan", amount="5", category="Books"),
    # Fay: repeated rows, and rows with the same key that say something else
    _order("F1", "fay", amount="5"),
    _order("F1", "fay ", amount="5.00"),
    _order("F2", "fay", amount="1", status="cancelled"),
    _order("F2", "fay", "2026-06-01", amount="1"),
    _order("F3", "fay", "2026-02-01", amount="30"),
    _order("F3", "fay", "2026-02-02", amount="40"),
    _order("F3", "fay", "2026-02-02", amount="40"),
    _order(None, "fay", amount="100"),
    _order(None, "fay", amount="100"),
    _order(None, "gus", amount="100"),
    # Hui: three currencies, of which most orders that tell one are in yuan
    _order("H1", "hui", currency="CNY"),
    _order("H2", "hui", amount="¥5"),
    _order("H3", "hui", amount="7"),
    _order("H4", "hui", currency="USD"),
    # Ida: cents that doubles would lose
    *(_order(f"I{number}", "ida", amount="0.10") for number in range(1000)),
    _order("I", "ida", amount="90000000000000.01"),
    # Jan: what the risk is made of
    _order("J1", "jan", "2026-01-01"),
    _order("J2", "jan", "2026-01-31"),
    _order("J3", "jan", "2026-04-01 10:00"),
    # Nobody
    _order("X1", "C9"),
    _order("X1", "C9"),
    _order("X2", None),
    _order("X3", "ada", "never"),
    _order("X4", "Ada Lovelace"),
    _order("X4", "王小明"),
]
TICKETS: list[Cells] = [
    ("T1", "ada", "Refund", "closed", "2026-01-01 10:00", "2026-01-01 12:00", "4"),
    ("T2", "ada", "Parcel", "closed", "2026-02-01 10:00", "2026-02-01 11:00", "3.5"),
    ("T3", "ada", "退款", "open", "2026-03-20", None, None),
    ("T3", "ada", "退款", "open", "2026-03-20", None, None),
    ("T1", "ada", "Refund", "open", "2026-01-01 10:00", None, None),
    ("T4", "jan", "A", "open", "2026-05-01"),
    ("T5", "jan", "B", "closed", "2026-05-01", None, "2"),
]
RESPONSES: list[Cells] = [
    ("R1", "ada", "Spring", "2026-03-01", "yes", "no", "no"),
    ("R2", "ada", "Summer", "2026-06-01", "2026-06-02", "2026-06-02", None),
    ("R3", "ada", "Winter", "2026-01-01", "no", "no", "no"),
    *((f"R{number}", "jan", "Spring", "2026-01-01", "no", "no", "no") for number in (4, 5, 6)),
]
NAMES = ("ada", "bob", "cho", "dan", "fay", "gus", "hui", "ida", "jan")


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> Iterator[tuple[Enriched, dict[str, Row]]]:
    """One run with all that may happen to a row; the id of every customer is their key, and Eve has none."""
    frames: dict[InputKind, DataFrame] = {
        "orders": _related(spark, "orders", ORDERS),
        "tickets": _related(spark, "tickets", TICKETS),
        "campaigns": _related(spark, "campaigns", RESPONSES),
    }
    documents = {"ada": {"last_activity_at": "2026-02-10"}, "bob": {"last_activity_at": "2026-05-01"}}
    records: list[Record] = [*((name, "generic", name) for name in NAMES), ("eve", "generic", None)]
    yield _enrich(spark, records, frames, documents)
    spark.catalog.clearCache()


Shop = tuple[Enriched, dict[str, Row]]


def _reasons(enriched: Enriched) -> dict[str, list[str]]:
    return {row["source_key"]: row["reasons"] for row in enriched.rejected.where("kind = 'orders'").collect()}


def test_orders_become_commerce(shop: Shop) -> None:
    ada, bob, eve = (shop[1][name] for name in ("ada", "bob", "eve"))
    assert (ada["order_count"], ada["revenue"], ada["average_order_value"]) == (3, 100.1, 33.37)
    assert (ada["first_order_at"], ada["last_order_at"], ada["top_category"]) == ("2026-01-05T10:00:00Z", "2026-03-05", "Toys")
    assert (ada["recency_days"], ada["last_activity_at"]) == (263, "2026-03-20")
    assert (bob["order_count"], bob["revenue"], bob["average_order_value"], bob["recency_days"]) == (0, 0.0, None, None)
    assert (bob["rfm_segment"], bob["churn_risk"], bob["cluster"], bob["last_activity_at"]) == (None, None, None, "2026-05-01")
    # No row could name somebody without a key, so nothing is known of theirs.
    assert (eve["order_count"], eve["revenue"], eve["ticket_count"], eve["campaigns_sent"]) == (None, None, None, None)


def test_cents_are_exact(shop: Shop) -> None:
    assert shop[1]["ida"]["revenue"] == 90000000000100.01


def test_equal_categories_are_decided_by_money_and_then_by_name(shop: Shop) -> None:
    assert (shop[1]["cho"]["top_category"], shop[1]["dan"]["top_category"]) == ("Books", "Books")


def test_repeated_rows_count_once_and_reused_keys_are_set_aside(shop: Shop) -> None:
    enriched, found = shop
    assert (found["fay"]["order_count"], found["fay"]["revenue"], found["gus"]["revenue"]) == (3, 145.0, 100.0)
    assert {key: reasons for key, reasons in _reasons(enriched).items() if key[0] == "F"} == {"F2": ["key_reused"], "F3": ["key_reused"]}
    quarantined = 2 + 1 + 6  # reused keys, the other currency, and those of nobody
    assert enriched.tallies["orders", "orders.csv"] == Tally(
        read=len(ORDERS), indexed=len(ORDERS) - 3 - quarantined, merged=3, quarantined=quarantined
    )


LINE_COLUMNS = ("order_id", "customer_id", "ordered_at", "amount", "line", "category", "status", "quantity", "unit_price")
LINES: list[Cells] = [
    # Ada: an order of three lines, one repeated and one given back; an order of one; a refund of a line
    ("L1", "ada", "2026-02-01", "10", "1", "Toys"),
    ("L1", "ada", "2026-02-01", "20.50", "2", "Books"),
    ("L1", "ada", "2026-02-01", "20.50", "2", "Books"),
    ("L1", "ada", "2026-02-01", "99", "3", "Toys", "returned"),
    ("L2", "ada", "2026-03-01", "5", "1", "Toys"),
    ("L1", "ada", "2026-02-09", "-10", "1", "Toys"),
    # Bob: two lines of one amount; a line that came again, cancelled; a row of the whole order beside its lines
    ("L3", "bob", "2026-02-01", "7", "1", "Toys"),
    ("L3", "bob", "2026-02-01", "7", "2", "Toys"),
    ("L3", "bob", "2026-02-01", "8", "3", "Toys"),
    ("L3", "bob", "2026-02-01", "8", "3", "Toys", "cancelled"),
    ("L3", "bob", "2026-02-01", "22"),
    # Cho's order bears a number of Dan's, which is newer
    ("L4", "cho", "2026-02-01", "30", "1"),
    ("L4", "cho", "2026-02-01", "31", "2"),
    ("L4", "dan", "2026-05-01", "40", "1"),
    ("L4", "dan", "2026-05-01", "41", "3"),
]


def _lines(spark: SparkSession, rows: Sequence[Cells], source: str = "lines.csv", parts: int = 2) -> DataFrame:
    filled = [([*row, *[None] * (len(LINE_COLUMNS) - len(row))], None) for row in rows]
    frame = spark.createDataFrame(filled, "cells array<string>, damaged string").repartition(parts)
    cleaned = with_cleaned_related(frame, LINE_COLUMNS, LINE_COLUMNS, "orders", CONTEXT)
    return cleaned.withColumns({"source": F.lit(source), "source_system": F.lit("generic"), "run_id": F.lit("run")})


def test_lines_of_an_order_are_summed_and_every_row_is_accounted_for(spark: SparkSession) -> None:
    records: list[Record] = [(name, "generic", name) for name in ("ada", "bob", "cho", "dan")]
    orders = _lines(spark, LINES).unionByName(_related(spark, "orders", [_order("W1", "cho", amount="3"), _order("W1", "cho", amount="4")]))
    enriched, found = _enrich(spark, records, {"orders": orders})
    figures = {name: (row["order_count"], row["revenue"], row["average_order_value"]) for name, row in found.items()}
    assert figures == {"ada": (2, 25.5, 12.75), "bob": (1, 14.0, 14.0), "cho": (1, 4.0, 4.0), "dan": (1, 81.0, 81.0)}
    assert enriched.tallies["orders", "lines.csv"] == Tally(read=len(LINES), indexed=10, merged=1, quarantined=4)
    assert enriched.tallies["orders", "orders.csv"] == Tally(read=2, indexed=1, merged=0, quarantined=1)
    lost = Counter((row["source_key"], tuple(row["reasons"])) for row in enriched.rejected.collect())
    assert lost == {("L3", ("key_reused",)): 2, ("L4", ("key_reused",)): 2, ("W1", ("key_reused",)): 1}


def test_lines_that_bear_the_amount_of_the_order_repeat_it(spark: SparkSession) -> None:
    rows: list[Cells] = [("T1", "ada", "2026-02-01", "30", str(line), f"Kind {line}") for line in (1, 2, 3)]
    rows += [("T2", "ada", "2026-02-02", "12", str(line)) for line in (1, 2)]
    rows += [("T3", "ada", "2026-02-03", "8", "1"), ("T3", "ada", "2026-02-04", "9", "2")]
    enriched, found = _enrich(spark, [("ada", "generic", "ada")], {"orders": _lines(spark, rows)})
    assert (found["ada"]["order_count"], found["ada"]["revenue"]) == (3, 51.0)
    assert enriched.tallies["orders", "lines.csv"] == Tally(read=7, indexed=3, merged=3, quarantined=1)


def test_a_price_and_a_quantity_are_of_a_line(spark: SparkSession) -> None:
    priced = {"quantity": "2", "unit_price": "4.50"}
    row = ("P1", "ada", "2026-02-01", None)
    rows = [tuple((dict(zip(LINE_COLUMNS, (*row, line), strict=False)) | priced).get(name) for name in LINE_COLUMNS) for line in "12"]
    enriched, found = _enrich(spark, [("ada", "generic", "ada")], {"orders": _lines(spark, rows)})
    assert (found["ada"]["order_count"], found["ada"]["revenue"]) == (1, 18.0)
    assert enriched.tallies["orders", "lines.csv"].indexed == 2


def test_one_currency_counts(shop: Shop) -> None:
    enriched, found = shop
    assert (enriched.currency, found["hui"]["revenue"]) == ("CNY", 22.0)
    assert _reasons(enriched)["H4"] == ["currency_mixed"]


def test_orphans_and_bad_rows_go_to_quarantine_with_the_row_as_read(shop: Shop) -> None:
    enriched, _ = shop
    reasons = {key: value for key, value in _reasons(enriched).items() if key[0] == "X"}
    assert reasons == {
        "X1": ["customer_unknown"],
        "X2": ["customer_missing"],
        "X3": ["order_undated", "date_invalid"],
        "X4": ["customer_named"],
    }
    assert {each.code: (each.severity, each.rows) for each in enriched.reasons if each.kind == "orders"} == {
        "customer_unknown": ("reject", 2),
        "customer_named": ("reject", 2),
        "key_reused": ("reject", 2),
        "currency_mixed": ("reject", 1),
        "customer_missing": ("reject", 1),
        "date_invalid": ("blank", 1),
        "order_undated": ("reject", 1),
    }
    samples = {each.code: each.samples for each in enriched.reasons if each.kind == "orders"}
    assert samples == {
        "customer_unknown": ["C***"],
        "customer_named": ["A*** L***", "王**"],
        "key_reused": ["F***"],
        "currency_mixed": ["USD"],
        "customer_missing": [],
        "date_invalid": ["*****"],
        "order_undated": ["*****"],
    }
    assert "C9" not in str(enriched.reasons)
    row = enriched.rejected.where("source_key = 'X3'").first()
    assert row is not None
    assert (row["run_id"], row["source"], row["kind"]) == ("run", "orders.csv", "orders")
    assert json.loads(row["raw"])["ordered_at"] == "never"


def test_tickets_become_service(shop: Shop) -> None:
    enriched, found = shop
    ada, bob = found["ada"], found["bob"]
    assert (ada["ticket_count"], ada["open_ticket_count"], ada["average_resolution_hours"], ada["satisfaction"]) == (3, 1, 1.5, 3.75)
    assert (ada["last_ticket_at"], ada["last_ticket_subject"]) == ("2026-03-20", "退款")
    assert (bob["ticket_count"], bob["open_ticket_count"], bob["satisfaction"]) == (0, 0, None)
    assert enriched.tallies["tickets", "tickets.csv"] == Tally(read=7, indexed=5, merged=1, quarantined=1)


def test_responses_become_marketing(shop: Shop) -> None:
    names = ("campaigns_sent", "campaigns_opened", "campaigns_clicked", "campaigns_converted", "last_campaign")
    assert [shop[1]["ada"][name] for name in names] == [3, 2, 1, 0, "Summer"]
    assert [shop[1]["bob"][name] for name in names] == [0, 0, 0, 0, None]


def test_churn_risk_is_that_of_the_formula(shop: Shop) -> None:
    found = shop[1]
    # Days between the order days of Ada, Fay and Jan, who alone came back.
    gap = (59 + 28 + 90) / (2 + 1 + 2)
    jan = ChurnInput(order_days=3, span_days=90, recency_days=236, open_tickets=1, satisfaction=2.0, campaigns_sent=3, campaigns_opened=0)
    assert found["jan"]["churn_risk"] == pytest.approx(churn_risk(jan, gap), abs=1e-4)
    dan = ChurnInput(order_days=1, span_days=0, recency_days=322)
    assert found["dan"]["churn_risk"] == pytest.approx(churn_risk(dan, gap), abs=1e-4)


def test_a_file_of_unknown_customers_and_one_without_a_row(spark: SparkSession) -> None:
    frames: dict[InputKind, DataFrame] = {
        "orders": _related(spark, "orders", [_order(f"O{number}", f"X{number}") for number in range(20)]),
        "tickets": _related(spark, "tickets", []),
    }
    enriched, found = _enrich(spark, [("ada", "zoho", "1")], frames, {"ada": {"campaigns_sent": 7}})
    assert enriched.tallies == {("orders", "orders.csv"): Tally(read=20, quarantined=20)}
    assert (found["ada"]["order_count"], found["ada"]["ticket_count"], found["ada"]["churn_risk"]) == (0, 0, None)
    assert (enriched.rfm_segments, enriched.clusters) == ({}, [])
    # Fields of kinds that were not given stay.
    assert found["ada"]["campaigns_sent"] == 7


def test_without_files_nothing_changes(spark: SparkSession) -> None:
    enriched, found = _enrich(spark, [("ada", "generic", "1")], {}, {"ada": {"name": "Ada", "last_activity_at": "2026-01-01"}})
    assert (found["ada"]["name"], found["ada"]["last_activity_at"], found["ada"]["order_count"]) == ("Ada", "2026-01-01", None)
    assert enriched.tallies == {}


def test_keys_are_looked_for_in_their_own_system(spark: SparkSession) -> None:
    records: list[Record] = [
        ("ada", "salesforce", "1"),
        ("bob", "zoho", "1"),
        ("bob", "generic", "7"),
        ("eve", "zoho", "2"),
        ("eve", "zoho", "2"),
        ("fay", "generic", "2"),
        ("gil", "salesforce", "8"),
        ("hal", "salesforce", "8"),
    ]
    orders = _related(
        spark, "orders", [_order("a", "1"), _order("b", "7"), _order("c", "2"), _order("d", "8")], system="salesforce", source="sf"
    )
    orders = orders.unionByName(_related(spark, "orders", [_order("e", "1"), _order("f", "7"), _order("g", "2")], source="any"))
    orders = orders.unionByName(_related(spark, "orders", [_order("h", "2"), _order("i", "8")], system="zoho", source="zoho"))
    enriched, found = _enrich(spark, records, {"orders": orders})
    assert {name: row["order_count"] for name, row in found.items()} == {"ada": 1, "bob": 2, "eve": 1, "fay": 1, "gil": 0, "hal": 0}
    assert _reasons(enriched) == {
        "d": ["customer_ambiguous"],
        "e": ["customer_ambiguous"],
        "g": ["customer_ambiguous"],
        "i": ["customer_unknown"],
    }
    assert enriched.tallies[("orders", "any")] == Tally(read=3, indexed=1, quarantined=2)


def _crowd() -> tuple[list[Record], dict[InputKind, list[Cells]]]:
    """Customers of three kinds, with all sorts of rows."""
    rng = random.Random(11)
    records: list[Record] = []
    rows: dict[InputKind, list[Cells]] = {"orders": [], "tickets": [], "campaigns": []}
    for number in range(150):
        records += [(f"p{number:03}", "generic", f"K{number}{copy}") for copy in range(1 + number % 2)]
        key = f"K{number}0"
        for serial in range((0, 1, 7)[number % 3]):
            day = f"2026-{1 + (serial * 5 + number) % 10:02}-{1 + rng.randrange(27):02}"
            cells = {"category": rng.choice(["Books", "Toys"]), "status": rng.choice(["paid", "paid", "cancelled"])}
            rows["orders"].append(_order(f"O{number}-{serial}", key, day, f"{rng.randrange(1, 50_000) / 100}", **cells))
        for serial in range((2, 0, 1)[number % 3]):
            opened = f"2026-0{1 + rng.randrange(9)}-03 10:00"
            rows["tickets"].append(
                (f"T{number}-{serial}", key, rng.choice("ABC"), None, opened, f"{opened[:-5]}17:{number % 60:02}", str(rng.randrange(1, 6)))
            )
        for serial in range(number % 5):
            flags = ("yes" if rng.random() < number % 3 / 3 else "no", "no", "no")
            rows["campaigns"].append((f"R{number}-{serial}", key, f"Campaign {serial}", f"2026-0{1 + serial}-01", *flags))
    rows["orders"] += [*rows["orders"][::9], *(_order(row[0], row[1], "2026-01-02", "1") for row in rows["orders"][::7])]
    rows["campaigns"] += rows["campaigns"][::4]
    return records, rows


def test_nothing_depends_on_order_or_partitions(spark: SparkSession) -> None:
    records, rows = _crowd()
    outcomes = []
    for seed, parts in ((1, 1), (2, 3), (3, 6)):
        for each in rows.values():
            random.Random(seed).shuffle(each)
        random.Random(seed).shuffle(records)
        frames = {kind: _related(spark, kind, each, parts=parts) for kind, each in rows.items()}
        enriched, found = _enrich(spark, records, frames)
        rejected = Counter(str(row) for row in enriched.rejected.collect())
        outcomes.append(
            (sorted(map(str, found.values())), rejected, enriched.tallies, enriched.reasons, enriched.rfm_segments, enriched.clusters)
        )
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert sum(outcomes[0][4].values()) == sum(row["order_count"] > 0 for row in found.values())
    clusters = enriched.clusters
    assert 3 <= len(clusters) <= 8
    assert Counter(row["cluster"] for row in found.values() if row["cluster"]) == {each.name: each.customers for each in clusters}
    _check_against_the_pure_formulas(list(found.values()))


def _check_against_the_pure_formulas(rows: Sequence[Row]) -> None:
    buyers = [row for row in rows if row["order_count"]]
    assert len(buyers) > 50
    values = {
        "rfm_recency": [-row["recency_days"] for row in buyers],
        "rfm_frequency": [row["order_count"] for row in buyers],
        "rfm_monetary": [leading_digits(round(row["revenue"] * 100)) for row in buyers],
    }
    for name, each in values.items():
        limits = quintile_limits(Counter(each))
        assert [row[name] for row in buyers] == [quintile_score(value, limits) for value in each], name
    for row in buyers:
        assert row["rfm_segment"] == segment_of(row["rfm_recency"], row["rfm_frequency"], row["rfm_monetary"])
        assert 0 <= row["churn_risk"] <= 1
