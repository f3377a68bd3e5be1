"""Definitions, nesting and what names come to, against a reading of the definitions one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsearch.contract import FIELDS
from crmsearch.errors import (
    InvalidRequestError,
    PreconditionFailedError,
    PreconditionRequiredError,
    SegmentNestingError,
    UnknownFieldError,
    UnknownSegmentError,
)
from crmsearch.mining.rfm import SEGMENTS
from crmsearch.search.built_in import BUILT_IN
from crmsearch.search.filters import Filter, ResolvedFilter, format_filter
from crmsearch.search.query import build_text_query
from crmsearch.search.segments import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    Definition,
    Segment,
    build_members,
    build_sizes_body,
    check_definition,
    check_nesting,
    check_precondition,
    defining_fields,
    members_of_all,
    resolve_filters,
    segments_leading_to,
)

TODAY = date(2026, 11, 25)
BERLIN, WOMEN = Filter(field="city", in_=["Berlin"]), Filter(field="gender", in_=["female"])


def _segment(name: str, *filters: Filter, q: str = "") -> Segment:
    return Segment(name=name, label=name, label_zh=name, q=q, filters=list(filters))


def _pool(*segments: Segment) -> dict[str, Segment]:
    return {each.name: each for each in segments}


# Definitions


@pytest.mark.parametrize(
    ("name", "definition", "error"),
    [
        ("compare", Definition(label="x"), InvalidRequestError),
        ("Vip", Definition(label="x"), InvalidRequestError),
        ("a b", Definition(label="x"), InvalidRequestError),
        ("x" * 65, Definition(label="x"), InvalidRequestError),
        ("vip", Definition(label=""), InvalidRequestError),
        ("vip", Definition(label="  "), InvalidRequestError),
        ("vip", Definition(label="x" * 121), InvalidRequestError),
        ("vip", Definition(label="x", description="x" * 2001), InvalidRequestError),
        ("vip", Definition(label="x", q="x" * 5000), InvalidRequestError),
        ("vip", Definition(label="x", filters=[Filter(field="colour", in_=["red"])]), UnknownFieldError),
        ("vip", Definition(label="x", filters=[BERLIN] * 33), InvalidRequestError),
        ("vip", Definition(label="x", filters=[Filter(segment="No Slug")]), InvalidRequestError),
    ],
)
def test_what_cannot_be_a_segment_is_refused_with_the_reason(name: str, definition: Definition, error: type[InvalidRequestError]) -> None:
    with pytest.raises(error) as caught:
        check_definition(name, definition)
    assert len(caught.value.detail) > 20


def test_a_segment_may_be_everyone() -> None:
    check_definition("everyone", Definition(label="Everyone"))
    assert build_members(Definition(label="Everyone"), {}, TODAY) == {"bool": {"filter": []}}


# Preconditions

_OF_CURRENT = [('"3"', None), ('"2", "3"', None), ("*", None), (' "3" ', '"2"')]
_OF_ANOTHER = [('"2"', None), ('W/"3"', None), ("3", None), ('"33"', None), ("*", "*"), ('"3"', '"3"'), (None, "*")]


@pytest.mark.parametrize(("if_match", "if_none_match"), _OF_CURRENT)
def test_a_write_that_names_the_current_version_may_go_on(if_match: str, if_none_match: str | None) -> None:
    check_precondition("vip", 3, if_match, if_none_match)


@pytest.mark.parametrize(("if_match", "if_none_match"), _OF_ANOTHER)
def test_a_write_that_names_another_version_fails(if_match: str | None, if_none_match: str | None) -> None:
    with pytest.raises(PreconditionFailedError):
        check_precondition("vip", 3, if_match, if_none_match)


def test_a_replacement_must_name_a_version_and_a_first_write_need_not() -> None:
    with pytest.raises(PreconditionRequiredError, match='If-Match: "3"'):
        check_precondition("vip", 3, None, None)
    check_precondition("vip", None, None, None)
    check_precondition("vip", None, None, "*")
    with pytest.raises(PreconditionFailedError):
        check_precondition("vip", None, "*", None)


# Nesting


@pytest.mark.parametrize(
    ("pool", "path"),
    [
        (_pool(_segment("a", Filter(segment="a"))), "a → a"),
        (_pool(_segment("a", Filter(segment="b")), _segment("b", Filter(not_segment="a"))), "a → b → a"),
        (_pool(_segment("a", Filter(segment="b")), _segment("b", Filter(segment="c")), _segment("c", Filter(segment="b"))), "b → c → b"),
    ],
)
def test_a_cycle_is_refused_and_named(pool: dict[str, Segment], path: str) -> None:
    with pytest.raises(SegmentNestingError, match=path):
        check_nesting(pool["a"].filters, pool, ["a"])
    with pytest.raises(SegmentNestingError, match=path):
        check_nesting([Filter(segment="a")], pool)


def test_an_unknown_segment_is_named() -> None:
    pool = _pool(_segment("a", Filter(segment="gone")))
    with pytest.raises(UnknownSegmentError, match="no segment gone"):
        check_nesting([Filter(segment="a")], pool)


def _chain(length: int) -> dict[str, Segment]:
    return _pool(*(_segment(f"s{each}", *([Filter(segment=f"s{each + 1}")] if each < length - 1 else [BERLIN])) for each in range(length)))


def test_nesting_has_a_bound() -> None:
    check_nesting([Filter(segment="s0")], _chain(MAX_DEPTH))
    check_nesting(_chain(MAX_DEPTH)["s0"].filters, _chain(MAX_DEPTH), ["s0"])
    with pytest.raises(SegmentNestingError, match="s0 → s1 → s2 → s3 → s4 → s5"):
        check_nesting([Filter(segment="s0")], _chain(MAX_DEPTH + 1))
    with pytest.raises(SegmentNestingError, match="deeper than 5"):
        check_nesting([Filter(segment="s0")], _chain(200))


def test_conditions_have_a_bound_however_few_segments_they_come_from() -> None:
    wide = _pool(
        _segment("s0", *[Filter(segment="s1")] * 10),
        _segment("s1", *[Filter(segment="s2")] * 10),
        _segment("s2", *[BERLIN] * 10),
    )
    check_nesting([Filter(segment="s0")], wide)
    with pytest.raises(SegmentNestingError, match=f"{MAX_CONDITIONS + 10} conditions"):
        check_nesting([Filter(segment="s0"), Filter(segment="s2")], wide)
    explosive = _pool(*(_segment(f"s{each}", *[Filter(segment=f"s{each + 1}")] * 32) for each in range(4)), _segment("s4", *[BERLIN] * 32))
    with pytest.raises(SegmentNestingError, match=f"{32**5} conditions"):
        check_nesting([Filter(segment="s0")], explosive)


def test_a_text_counts_as_many_conditions() -> None:
    pool = _pool(_segment("text", BERLIN, q="anna"))
    check_nesting([Filter(segment="text")] * 19, pool)
    with pytest.raises(SegmentNestingError, match="1020 conditions"):
        check_nesting([Filter(segment="text")] * 20, pool)


def test_those_that_use_a_segment_are_found_through_others() -> None:
    pool = _chain(3) | _pool(_segment("alone", BERLIN))
    assert segments_leading_to("s2", pool) == ["s0", "s1"]
    assert segments_leading_to("alone", pool) == []


# Resolution


def test_names_give_way_to_clauses() -> None:
    pool = _pool(
        _segment("berlin", BERLIN, Filter(field="last_order_at", gte="now-90d")),
        _segment("women", Filter(segment="berlin"), WOMEN, q="anna"),
    )
    text = {"bool": {"filter": [{"terms": {"city": ["Berlin"]}}, {"range": {"last_order_at": {"gte": "2026-08-27"}}}]}}
    women, not_berlin, today = resolve_filters(
        [Filter(segment="women"), Filter(not_segment="berlin"), Filter(field="created_at", lt="now")], pool, TODAY
    )
    assert isinstance(women, ResolvedFilter)
    assert women.clause["bool"]["filter"][:2] == [text, {"terms": {"gender": ["female"]}}]
    assert isinstance(not_berlin, ResolvedFilter)
    assert not_berlin.clause == {"bool": {"must_not": [text]}}
    assert today == Filter(field="created_at", lt="2026-11-25")


def test_a_text_of_a_segment_is_its_query() -> None:
    assert build_members(Definition(label="x", q="anna"), {}, TODAY)["bool"]["filter"] == [build_text_query("anna")]


def test_all_are_counted_in_one_request_and_what_cannot_be_says_why() -> None:
    pool = _pool(_segment("berlin", BERLIN), _segment("loop", Filter(segment="loop")))
    clauses, reasons = members_of_all(pool.values(), pool, TODAY)
    assert build_sizes_body(clauses) == {
        "size": 0,
        "track_total_hits": True,
        "query": {"match_all": {}},
        "aggs": {"sizes": {"filters": {"filters": {"berlin": {"bool": {"filter": [{"terms": {"city": ["Berlin"]}}]}}}}}},
    }
    assert reasons == {"loop": "a segment cannot use itself: loop → loop"}


def test_a_segment_is_defined_by_its_fields_and_those_of_what_it_uses() -> None:
    pool = _pool(_segment("berlin", BERLIN), _segment("women", Filter(not_segment="berlin"), WOMEN))
    assert defining_fields(pool["women"], pool) == {"city", "gender"}
    pool = _pool(
        _segment("shanghai", q="wang city:上海 -gender:male"), _segment("content", Filter(segment="shanghai"), q="satisfaction:4..")
    )
    assert defining_fields(pool["content"], pool) == {"city", "gender", "satisfaction"}


_plain = st.one_of(
    st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=2, unique=True).map(lambda some: Filter(field="city", in_=list(some))),
    st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2, unique=True).map(lambda some: Filter(field="tags", not_in=list(some))),
    st.builds(lambda low, high: Filter(field="age", gte=low, lt=low + high), st.integers(0, 5), st.integers(0, 4)),
    st.builds(lambda there: Filter(field="gender", exists=there), st.booleans()),
)


@st.composite
def _nested(draw: st.DrawFn) -> dict[str, Segment]:
    """Segments of which each may use those before it, to a depth that is allowed."""
    pool: dict[str, Segment] = {}
    for number in range(draw(st.integers(1, MAX_DEPTH))):
        uses = (
            [
                Filter(segment=name) if draw(st.booleans()) else Filter(not_segment=name)
                for name in draw(st.lists(st.sampled_from(sorted(pool)), max_size=2))
            ]
            if pool
            else []
        )
        pool[f"s{number}"] = _segment(f"s{number}", *draw(st.lists(_plain, max_size=3)), *uses)
    return pool


_customers = st.fixed_dictionaries(
    {},
    optional={
        "city": st.sampled_from(["x", "y", "z"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2),
        "age": st.integers(0, 8),
        "gender": st.just("f"),
    },
)


def _values(customer: Mapping[str, Any], field: str) -> Sequence[Any]:
    found = customer.get(field, [])
    return found if isinstance(found, list) else [found]


def _is_member(customer: Mapping[str, Any], name: str, pool: Mapping[str, Segment]) -> bool:
    """By the words of the definitions."""

    def holds(each: Filter) -> bool:
        if each.segment is not None:
            return _is_member(customer, each.segment, pool)
        if each.not_segment is not None:
            return not _is_member(customer, each.not_segment, pool)
        values = _values(customer, each.field)
        if each.in_ is not None:
            return any(value in each.in_ for value in values)
        if each.not_in is not None:
            return not any(value in each.not_in for value in values)
        if each.exists is not None:
            return bool(values) == each.exists
        return any(each.gte <= value < each.lt for value in values)

    return all(holds(each) for each in pool[name].filters)


def _fits(customer: Mapping[str, Any], clause: dict[str, Any]) -> bool:
    """By the meaning of Elasticsearch's clauses."""
    [(kind, body)] = clause.items()
    if kind == "bool":
        wanted, unwanted = body.get("filter", []), body.get("must_not", [])
        return all(_fits(customer, each) for each in wanted) and not any(_fits(customer, each) for each in unwanted)
    if kind == "exists":
        return bool(_values(customer, body["field"]))
    [(field, given)] = body.items()
    if kind == "terms":
        return any(value in given for value in _values(customer, field))
    assert kind == "range"
    return any(given["gte"] <= value < given["lt"] for value in _values(customer, field))


@given(_nested(), _customers)
def test_a_clause_holds_for_the_members_and_nobody_else(pool: dict[str, Segment], customer: dict[str, Any]) -> None:
    for name, segment in pool.items():
        check_nesting(segment.filters, pool, [name])
        assert _fits(customer, build_members(segment, pool, TODAY)) == _is_member(customer, name, pool)


# Built in


def test_built_in_segments_are_sound_and_said_in_both_languages() -> None:
    clauses, reasons = members_of_all(BUILT_IN.values(), BUILT_IN, TODAY)
    assert (len(clauses), reasons) == (len(BUILT_IN), {})
    for name, segment in BUILT_IN.items():
        check_definition(name, Definition(label=segment.label, description=segment.description, filters=segment.filters))
        assert segment.built_in
        assert segment.description.endswith(".")
        assert any("\u4e00" <= character <= "\u9fff" for character in segment.label_zh), name


def test_docs_list_every_built_in_segment() -> None:
    page = (Path(__file__).parents[3] / "docs" / "segments.md").read_text(encoding="utf-8")
    for name, segment in BUILT_IN.items():
        filters = ", ".join(f"`{format_filter(each)}`" for each in segment.filters)
        assert f"| `{name}` | {segment.label} | {segment.label_zh} | {filters} |" in page


def test_every_rfm_segment_and_stage_has_its_own() -> None:
    rfm = [each.filters[0].in_ for name, each in BUILT_IN.items() if name.startswith("rfm-")]
    assert rfm == [[each.name] for each in SEGMENTS]
    risks = [BUILT_IN[f"churn-{level}"].filters[0] for level in ("low", "medium", "high")]
    assert (risks[0].lt, risks[1].lt) == (risks[1].gte, risks[2].gte)
    assert all(each.field in FIELDS for segment in BUILT_IN.values() for each in segment.filters if each.field)
