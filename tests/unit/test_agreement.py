"""One catalogue, and everything else agrees with it: Struct, mapping, documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.cleaning.forms import FORMS
from crmsearch.contract import FIELDS, Customer
from crmsearch.indexing.mappings import CUSTOMER_REF, VERSIONS, build_customers_body, load_customers_body
from crmsearch.search.facet_request import MAX_RANGES
from crmsearch.search.facets import FACET_SIZE, MAX_BINS
from crmsearch.search.lookup import MAX_FOUND
from crmsearch.search.query import TOTAL_LIMIT
from crmsearch.search.request import MAX_LOOKUP
from crmsearch.search.similar import LEAST_ALIKE, TRAITS
from crmsearch.search.small_groups import SMALL_GROUP
from crmsearch.search.stats.plan import COUNTED_VALUES, EXACT_FACTOR, MAX_KEPT, RANGES, SAMPLE
from crmsearch.search.stats.refine import MAX_GAPS, MAX_ROUNDS, MAX_VALUES
from crmsearch.search.stats.request import DEFAULT_PERCENTILES, MAX_FIELDS, MAX_GROUPS, MAX_NESTED_GROUPS, MAX_PERCENTILES
from crmsearch.settings import ElasticsearchSettings, setting_rows

ROOT = Path(__file__).parents[2]


def test_struct_has_the_fields_of_the_catalogue() -> None:
    assert list(Customer.__struct_fields__) == list(FIELDS)
    for field in msgspec.structs.fields(Customer):
        many = "list" in str(field.type)
        assert many == FIELDS[field.name].many, field.name


def test_mapping_has_the_fields_of_the_catalogue_and_the_helpers() -> None:
    body = load_customers_body()
    properties: dict[str, Any] = body["mappings"]["properties"]
    assert set(properties) == {*FIELDS, *FORMS, CUSTOMER_REF}
    for name, field in FIELDS.items():
        assert properties[name]["type"] == field.type, name
        if field.type == "text" and (field.facet or field.sortable or field.filterable):
            assert properties[name]["fields"]["keyword"]["type"] == "keyword", name


def test_mapping_is_strict_versioned_and_keeps_helpers_out_of_the_source() -> None:
    mappings = load_customers_body()["mappings"]
    assert mappings["dynamic"] == "strict"
    assert mappings["_meta"] == VERSIONS
    assert mappings["_source"]["excludes"] == [*FORMS, CUSTOMER_REF]


def test_an_index_being_loaded_has_neither_replicas_nor_refresh() -> None:
    index = build_customers_body(ElasticsearchSettings(shards=3, replicas=2), "abcd0123")["settings"]["index"]
    assert (index["number_of_shards"], index["number_of_replicas"], index["refresh_interval"]) == (3, 0, "-1")


def test_statistics_need_numbers_or_dates_and_facets_need_exact_values() -> None:
    for field in FIELDS.values():
        if field.statistic:
            assert field.type in {"integer", "double", "date"}, field.name
        if field.facet:
            assert field.type in {"keyword", "text", "integer"}, field.name
            assert field.filterable, field.name


def test_readme_lists_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(CRMSEARCH_\w+)` \|.*$", readme, re.MULTILINE)}
    assert set(rows) == {row.variable for row in setting_rows()}
    for row in setting_rows():
        shown = f"`{row.default}`" if str(row.default) else ""
        assert rows[row.variable] == f"| `{row.variable}` | {shown} | {row.description.replace('|', chr(92) + '|')} |"


def test_docs_list_every_field() -> None:
    page = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    for field in FIELDS.values():
        uses = {
            "S": field.searchable,
            "F": field.filterable,
            "C": field.facet,
            "N": field.statistic,
            "↕": field.sortable,
            "⚿": field.sealed,
        }
        marks = "".join(mark for mark, used in uses.items() if used)
        kind = f"{field.type}{' list' if field.many else ''}"
        row = f"| `{field.name}` | {field.label} | {field.label_zh} | {kind} | {marks} | {field.sensitivity} |"
        assert row in page, field.name


def test_docs_tell_the_limits_of_statistics() -> None:
    page = " ".join((ROOT / "docs" / "statistics.md").read_text(encoding="utf-8").split())
    for sentence in (
        f"up to {MAX_FIELDS} numbers",
        f"up to {MAX_GROUPS}, and up to {MAX_NESTED_GROUPS} groups of two fields",
        f"up to {MAX_PERCENTILES} numbers from 0 to 100; {', '.join(f'{each:g}' for each in DEFAULT_PERCENTILES[:-1])} and 95",
        f"up to {COUNTED_VALUES} different values",
        f"below {EXACT_FACTOR} times its compression",
        f"up to {MAX_KEPT:,} values of all fields",
        f"A sample of {SAMPLE:,} customers",
        f"every {RANGES}nd part",
        f"up to {MAX_VALUES:,}, among which",
        f"after {('no', 'one', 'two', 'three', 'four')[MAX_ROUNDS]} further questions, or in more than {MAX_GAPS} places",
        f"`CRMSEARCH_API_SMALL_GROUP` customers ({SMALL_GROUP})",
    ):
        assert sentence in page, sentence


def test_docs_tell_the_limits_of_the_api_and_the_traits_of_look_alikes() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for sentence in (
        f"the {FACET_SIZE} most frequent values",
        f"up to {MAX_RANGES} ranges",
        f"more than {MAX_BINS} bins",
        f"up to {MAX_LOOKUP} values",
        f"more than {MAX_FOUND:,} customers",
        f"exact up to {TOTAL_LIMIT:,}",
        f"below {LEAST_ALIKE} nobody",
    ):
        assert sentence in page
    for trait in TRAITS:
        near = [" or ".join([f"{each.share:.0%}"] * (each.share > 0) + [f"{each.amount:g}"] * (each.amount > 0)) for each in trait.near]
        cells = [FIELDS[trait.field].label, f"{trait.points:g}", *near, *[""] * (2 - len(near)), trait.reason]
        assert f"| {' | '.join(cells)} |" in page, trait.field
