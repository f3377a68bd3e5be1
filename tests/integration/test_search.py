"""Searches on a real node: the right customer first, counts and filters equal to brute force, cursors that lose nobody."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from crmsearch.cli.look import ask
from crmsearch.contract import FIELDS
from crmsearch.errors import CursorError, InvalidRequestError
from crmsearch.keyfile import cursor_key
from crmsearch.search.cursor import Cursors, Position
from crmsearch.search.facets import FACET_SIZE
from crmsearch.search.filters import Filter, parse_filter
from crmsearch.search.query import TOTAL_LIMIT
from crmsearch.search.request import SearchRequest, SuggestRequest
from crmsearch.search.response import Hit, SearchResponse
from crmsearch.settings import Settings
from tests.conftest import Loaded
from tests.documents import BEGAN_AT, documents_in, own_prefix, put_documents

Source = dict[str, Any]

KEY = "9-"  # before the ids, so that they are found by themselves and not as words
PEOPLE: dict[str, Source] = {
    "xiaoming": {"name": "王小明", "city": "北京", "phones": ["+8613800138000"], "emails": ["wang.xiaoming@example.com"]},
    "order": {"name": "明小王"},
    "longer": {"name": "王小明明"},
    "homophone": {"name": "王晓明"},
    "traditional": {"name": "葉問", "city": "佛山"},
    "simplified": {"name": "叶文", "city": "台北"},
    "li-beijing": {"name": "李娜", "city": "北京"},
    "li-shanghai": {"name": "李娜", "city": "上海"},
    "wang-shanghai": {"name": "王伟", "city": "上海", "phones": ["+8613900130012"]},
    "ouyang": {"name": "欧阳娜娜"},
    "lu": {"name": "吕布", "city": "洛阳"},
    "john": {"name": "John Smith", "company": "Acme", "phones": ["+14155550123"], "emails": ["john.smith@acme.test"]},
    "jane": {"name": "Jane Smith", "company": "Globex", "city": "New York", "emails": ["jane@globex.test"]},
    "muller": {"name": "Thomas Müller", "phones": ["+491712345678"]},
    "lukasz": {"name": "Łukasz Nowak", "phones": ["+442079460018"]},
    "sibling": {"name": "Ann O'Neil", "notes": "calls about <b>the invoice</b> & its date"},
    "script": {"name": "<script>alert(1)</script> Evil", "tags": ["vip"]},
    "firm": {"name": "深圳星河科技", "company": "深圳星河科技", "kind": "company"},
    "robert": {"name": "Robert McDonald", "city": "Munich", "emails": ["rob@globex.test"]},
    "zeng": {"name": "曾强", "city": "乌鲁木齐"},
    "shan": {"name": "单雄信"},
    "yuchi": {"name": "尉迟恭"},
    "rare": {"name": "𠮷野家"},
    "ortega": {"name": "José Ortega Gasset", "tags": ["vip"]},
    "CASE": {"name": "Same Id", "city": "Lower"},
    "case": {"name": "Same Id", "city": "Upper"},
}


@pytest.fixture(scope="module")
def people(node_settings: Settings) -> Iterator[Settings]:
    with own_prefix(node_settings, "people") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [{"customer_id": f"{KEY}{name}", **given} for name, given in PEOPLE.items()]))
        yield settings


@pytest.fixture(scope="module")
def customers(loaded: Loaded) -> list[Source]:
    """Every document of the sample, as it is stored."""
    found = documents_in(loaded.lifecycle, str(loaded.report.index))
    assert len(found) == loaded.report.indexed
    return list(found.values())


def _search(settings: Settings, q: str = "", **given: Any) -> SearchResponse:
    return ask(settings, lambda service: service.search(SearchRequest(q=q, **given)))


def _ids(answer: SearchResponse) -> list[str]:
    return [hit.id.removeprefix(KEY) for hit in answer.hits]


# Relevance


@pytest.mark.parametrize(
    ("q", "first"),
    [
        # the name itself, above longer names, other orders and other characters
        ("王小明", ["xiaoming", "longer", "homophone", "order"]),
        ("王 小明", ["xiaoming", "longer"]),
        ("  王小明\u3000", ["xiaoming", "longer", "homophone", "order"]),
        ("王晓明", ["homophone"]),
        ("欧阳", ["ouyang"]),
        ("娜娜", ["ouyang"]),
        ("星河科技", ["firm"]),
        # either script finds the other, the same script first
        ("叶问", ["traditional"]),
        ("葉問", ["traditional"]),
        ("葉文", ["simplified"]),
        ("叶文", ["simplified"]),
        ("葉問 佛山", ["traditional"]),
        ("葉文 台北", ["simplified"]),
        # pinyin, whole before beginning
        ("ouyangnana", ["ouyang"]),
        ("oynn", ["ouyang"]),
        ("nana ouyang", ["ouyang"]),
        ("lvbu", ["lu"]),
        ("lyu bu", ["lu"]),
        ("shenzhenxinghe", ["firm"]),
        # Latin names
        ("jon smiht", ["john"]),
        ("John Smyth", ["john"]),
        ("smith john", ["john"]),
        ("JANE SMITH", ["jane"]),
        ("muller", ["muller"]),
        ("MÜLLER", ["muller"]),
        ("Müller", ["muller"]),
        ("lukasz", ["lukasz"]),
        ("Łukasz", ["lukasz"]),
        ("łuk now", ["lukasz"]),
        ("tho", ["muller"]),
        ("oneil", ["sibling"]),
        ("o'neil", ["sibling"]),
        # phone numbers
        ("+86 138 0013 8000", ["xiaoming"]),
        ("0086-138-0013-8000", ["xiaoming"]),
        ("１３８００１３８０００", ["xiaoming"]),
        ("(415) 555-0123", ["john"]),
        ("415.555.0123", ["john"]),
        ("0171 2345678", ["muller"]),
        ("+44 (0)20 7946 0018", ["lukasz"]),
        ("020 7946 0018", ["lukasz"]),
        # e-mails
        ("wang.xiaoming@example.com", ["xiaoming"]),
        ("WANG.XIAOMING@EXAMPLE.COM", ["xiaoming"]),
        ("wang.xiao", ["xiaoming"]),
        ("wang.xiaoming@exam", ["xiaoming"]),
        ("wang.xaioming@example.com", ["xiaoming"]),
        ("john.smith", ["john"]),
        ("example.com", ["xiaoming"]),
        ("@example.com", ["xiaoming"]),
        # ids, companies, and words over several fields
        ("9-xiaoming", ["xiaoming"]),
        ("9OUYANG", ["ouyang"]),
        ("acme", ["john"]),
        ("smith acme", ["john"]),
        ("acme john smith", ["john"]),
        ("jonh smith acme", ["john"]),
        ("smith new york", ["jane"]),
        ("李娜 北京", ["li-beijing"]),
        ("李娜 上海", ["li-shanghai"]),
        ("上海李娜", ["li-shanghai"]),
        ("wang 上海", ["wang-shanghai"]),
        ("wang wei 上海", ["wang-shanghai"]),
        ("wangwei", ["wang-shanghai"]),
        ("invoice", ["sibling"]),
        # nicknames, gaps, initials, middle names, accents written out
        ("bob mcdonald", ["robert"]),
        ("rob mc donald", ["robert"]),
        ("r mcd", ["robert"]),
        ("RobertMcDonald", ["robert"]),
        ("mcdonald robert", ["robert"]),
        ("jose gasset", ["ortega"]),
        ("ortega y gasset", ["ortega"]),
        ("mueller", ["muller"]),
        ("Mr. Smith Jane", ["jane"]),
        # slips of every kind, also in the first letter and in what is typed so far
        ("mcdnoald", ["robert"]),
        ("ncdonald", ["robert"]),
        ("mccdonald", ["robert"]),
        ("jhon smiht", ["john"]),
        ("nowkk", ["lukasz"]),
        ("j snith", ["jane", "john"]),
        # homophones, surnames of several readings, signs outside the basic plane, a sign left out or wrong
        ("王小名", ["xiaoming"]),
        ("葉文佛山", ["traditional"]),
        ("zengqiang", ["zeng"]),
        ("ceng qiang", ["zeng"]),
        ("shanxiongxin", ["shan"]),
        ("danxx", ["shan"]),
        ("yuchigong", ["yuchi"]),
        ("weichi gong", ["yuchi"]),
        ("𠮷野", ["rare"]),
        ("𠮷", ["rare"]),
        ("单信", ["shan"]),
        ("单雌信", ["shan"]),
        ("曾qiang", ["zeng"]),
        ("曾先生", ["zeng"]),
        # places by any name
        ("smith nyc", ["jane"]),
        ("李娜 beijing", ["li-beijing"]),
        ("李娜 北京市", ["li-beijing"]),
        ("曾 wulumuqi", ["zeng"]),
        ("bob münchen", ["robert"]),
        # a misspelt address, by either part, and a phone among words
        ("wang.xiaoming@exmaple.com", ["xiaoming"]),
        ("jon.smith@acme.test", ["john"]),
        ("john.smith@acme.tets", ["john"]),
        ("rob globex", ["robert"]),
        ("smith 0123", ["john"]),
        ("wang 上海 0012", ["wang-shanghai"]),
        # not everything is there
        ("robert mcdonald hamburg", ["robert"]),
        ("jane smith new jersey", ["jane"]),
    ],
)
def test_the_right_customer_is_first(people: Settings, q: str, first: list[str]) -> None:
    assert _ids(_search(people, q))[: len(first)] == first


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("wangxiaoming", ["homophone", "xiaoming", "longer"]),
        ("wang xiaoming", ["homophone", "xiaoming", "longer"]),
        ("wxm", ["homophone", "xiaoming", "longer"]),
        ("wangxm", ["homophone", "xiaoming", "longer"]),
        ("wxiaoming", ["homophone", "xiaoming", "longer"]),
        ("xiaoming wang", ["homophone", "xiaoming"]),
        ("xiao ming wang", ["homophone", "xiaoming"]),
    ],
)
def test_every_way_to_type_pinyin(people: Settings, q: str, found: list[str]) -> None:
    ids = _ids(_search(people, q))
    assert set(ids[:2]) == set(found[:2]), "the whole name stands above one that only begins so"
    assert ids[2 : len(found)] == found[2:]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("smith -jane", {"john"}),
        ('"jane smith"', {"jane"}),
        ('"smith jane"', set()),
        ('smith -"new york"', {"john"}),
        ("smith city:*", {"jane"}),
        ('smith city:"New York"', {"jane"}),
        ("smith -city:*", {"john"}),
        ("city:北京", {"xiaoming", "li-beijing"}),
        ("李娜 city:上海|广州", {"li-shanghai"}),
        ("-same kind:company", {"firm"}),
    ],
)
def test_operators_narrow(people: Settings, q: str, found: set[str]) -> None:
    answer = _search(people, q)
    assert set(_ids(answer)) == found
    assert answer.total == len(found)


@pytest.mark.parametrize(
    ("q", "stage", "corrections", "unmatched"),
    [
        ("jane smith", "tolerant", [], []),  # few have these words as typed, so similar ones are looked for too
        ("jnae smiht", "tolerant", ["Jane Smith"], []),
        ("1-415-555-0123", "precise", [], []),
        ("john.smith@acme.test", "precise", [], []),
        ("jane smith berlin", "partial", [], ["berlin"]),
    ],
)
def test_an_answer_says_how_it_was_found(people: Settings, q: str, stage: str, corrections: list[str], unmatched: list[str]) -> None:
    answer = _search(people, q)
    assert answer.stage == stage
    assert answer.corrections[: len(corrections)] == corrections
    assert answer.hits[0].unmatched == unmatched


def test_who_fits_as_typed_stands_above_who_is_similar(people: Settings) -> None:
    answer = _search(people, "王晓明")
    assert _ids(answer)[0] == "homophone"
    assert "xiaoming" in _ids(answer)[1:]
    assert answer.stage == "tolerant"


def test_a_pasted_text_finds_whom_it_is_about(people: Settings) -> None:
    text = (
        "Dear colleagues, as agreed yesterday please find below what Jane Smith of Globex in New York wrote to us about her contract " * 4
    )
    assert _ids(_search(people, text))[0] == "jane"
    assert _search(people, " ".join(f"n{number}" for number in range(500)) + " jane").total == 0


def test_one_character_finds_names_that_begin_with_it_above_those_that_hold_it(people: Settings) -> None:
    ids = _ids(_search(people, "王"))
    assert set(ids[:4]) == {"xiaoming", "longer", "homophone", "wang-shanghai"}
    assert ids[4:] == ["order"]


@pytest.mark.parametrize("name", ["xiaoming", "wang-shanghai", "john", "muller", "lukasz"])
def test_the_last_digits_of_a_phone_are_enough(people: Settings, name: str) -> None:
    digits = PEOPLE[name]["phones"][0].removeprefix("+")
    for length in range(4, len(digits) + 1):
        assert _ids(_search(people, digits[-length:]))[0] == name, length
    assert name not in _ids(_search(people, digits[:-1]))


@pytest.mark.parametrize(
    ("q", "found", "fields"),
    [
        ("王小明", "xiaoming", ["name"]),
        ("wangxm", "xiaoming", ["name"]),
        ("138 0013 8000", "xiaoming", ["phones"]),
        ("wang.xiaoming@example.com", "xiaoming", ["emails"]),
        ("Nowak", "lukasz", ["name"]),
        ("acme", "john", ["company", "emails"]),
        ("jane smith globex", "jane", ["name", "company", "emails"]),
        ("李娜 北京", "li-beijing", ["name", "city"]),
        ("wang 上海", "wang-shanghai", ["name", "city"]),
        ("smith new york", "jane", ["name", "city"]),
        ("smith nwe york", "jane", ["name", "city"]),
        ("weng wei", "wang-shanghai", ["name"]),
        ("evil vip", "script", ["name", "tags"]),
        ("invoice", "sibling", ["notes"]),
        ("9-CASE", "CASE", ["customer_id"]),
    ],
)
def test_matched_names_the_fields(people: Settings, q: str, found: str, fields: list[str]) -> None:
    hit = next(hit for hit in _search(people, q).hits if hit.id == KEY + found)
    assert set(hit.matched) == set(fields)
    assert hit.score


def test_highlights_are_safe_to_show(people: Settings) -> None:
    (evil,) = _search(people, "evil script").hits
    assert "<script" not in evil.highlights["name"][0]
    assert evil.highlights["name"] == ["&lt;<mark>script</mark>&gt;alert(1)&lt;/<mark>script</mark>&gt; <mark>Evil</mark>"]
    (sibling,) = _search(people, "invoice").hits
    assert re.sub("</?mark>", "", sibling.highlights["notes"][0]) == "calls about &lt;b&gt;the invoice&lt;/b&gt; &amp; its date"
    assert _search(people, "evil", highlight=False).hits[0].highlights == {}


def test_suggestions_name_the_customer_and_why(people: Settings) -> None:
    def suggest(q: str) -> list[tuple[str, str, str]]:
        answer = ask(people, lambda service: service.suggest(SuggestRequest(q=q)))
        return [(each.text, each.id.removeprefix(KEY), each.field) for each in answer.suggestions]

    assert suggest("ouy") == [("欧阳娜娜", "ouyang", "name")]
    assert suggest("3800 1380 00")[0] == ("王小明", "xiaoming", "phones")
    assert suggest(" ") == []
    assert ("John Smith", "john", "name") in suggest("john sm company:Acme")
    assert "john" not in {customer_id for _, customer_id, _ in suggest("john sm -company:Acme")}
    assert suggest("company:Acme") == [], "nothing is typed yet that somebody could be called"


def test_explain_tells_how_the_score_came_about(people: Settings) -> None:
    hit = _search(people, "muller", explain=True).hits[0]
    assert hit.explanation is not None
    assert [(each.word, each.field) for each in hit.explanation] == [("muller", "name")]
    assert sum(each.weight for each in hit.explanation) <= (hit.score or 0)


# Any text is answered


@pytest.mark.parametrize(
    "q",
    [
        "",
        " \t\n",
        "\x00\x01\x7f",
        "\u200b\ufeff",
        "王\x00小\x1f明",
        "😀🎉👩‍👩‍👧",
        "שלום عليكم",
        "\u202egnirts\u202c",
        "!?.,;:-()[]{}\"'\\/*~^&|+=<>",
        "* OR name:*",
        "a" * 256,
        "王" * 256,
        "王小明" * 85,
        " ".join(f"word{number}"[:4] for number in range(51)),
        "a " * 128,
        "0" * 256,
        "@" * 256,
        "1" * 128 + "@" + "b" * 127,
        "\U00020000\U0002a6df",
    ],
)
def test_no_text_is_an_error(people: Settings, q: str) -> None:
    answer = _search(people, q)
    assert answer.total == len(PEOPLE) or q.strip()
    ask(people, lambda service: service.suggest(SuggestRequest(q=q)))


@hypothesis(max_examples=50)
@given(q=st.text(max_size=256))
def test_no_text_at_all_is_an_error(people: Settings, q: str) -> None:
    _search(people, q, facets=["city"])


def test_nothing_typed_lists_everybody_without_scores(people: Settings) -> None:
    for q in ("", " ", "\u200b"):
        answer = _search(people, q, size=100)
        assert len(answer.hits) == answer.total == len(PEOPLE)
        assert {hit.score for hit in answer.hits} == {None}


# Facets and filters, against brute force


def _values(customer: Source, field: str) -> list[Any]:
    value = customer.get(field)
    return value if isinstance(value, list) else [] if value is None else [value]


def _holds(filter_: Filter, customer: Source) -> bool:
    values = _values(customer, filter_.field)
    if FIELDS[filter_.field].type == "date":
        # A bound or value without a time is its whole day.
        values = [value[:10] for value in values]
    if filter_.exists is not None:
        return bool(values) == filter_.exists
    if filter_.in_ is not None:
        return any(value in filter_.in_ for value in values)
    if filter_.not_in is not None:
        return not any(value in filter_.not_in for value in values)
    checks: dict[str, Callable[[Any, Any], bool]] = {
        "gte": lambda value, bound: value >= bound,
        "gt": lambda value, bound: value > bound,
        "lte": lambda value, bound: value <= bound,
        "lt": lambda value, bound: value < bound,
    }
    return any(all(checks[name](value, bound) for name, bound in filter_.bounds.items()) for value in values)


def _matching(customers: Iterable[Source], filters: Iterable[Filter]) -> list[Source]:
    return [customer for customer in customers if all(_holds(each, customer) for each in filters)]


def _some_value(customers: list[Source], field: str, rank: int) -> Any:
    return Counter(value for customer in customers for value in _values(customer, field)).most_common()[rank][0]


SELECTIONS: list[dict[str, list[int]]] = [
    {},
    {"city": [0]},
    {"city": [0, 3]},
    {"city": [-1], "gender": [0]},
    {"city": [0, 1, 2], "gender": [1], "lifecycle": [0, 1]},
]


@pytest.mark.parametrize("ranks", SELECTIONS)
def test_facets_equal_brute_force(loaded: Loaded, customers: list[Source], ranks: dict[str, list[int]]) -> None:
    selections = {
        field: Filter(field=field, in_=[_some_value(customers, field, rank) for rank in chosen]) for field, chosen in ranks.items()
    }
    narrowing = parse_filter("age:20..70")
    names = ["city", "gender", "lifecycle", "quality_issues"]
    answer = _search(loaded.settings, filters=[narrowing, *selections.values()], facets=names, size=0)
    assert answer.total == len(_matching(customers, [narrowing, *selections.values()]))
    assert [facet.field for facet in answer.facets] == names
    for facet in answer.facets:
        others = [selection for field, selection in selections.items() if field != facet.field]
        counted = _matching(customers, [narrowing, *others])
        expected = Counter(value for customer in counted for value in _values(customer, facet.field))
        chosen = selections[facet.field].in_ or [] if facet.field in selections else []
        shown = {bucket.value: bucket.count for bucket in facet.buckets}
        assert shown == {value: expected[value] for value in shown}
        assert facet.missing_count == sum(not _values(customer, facet.field) for customer in counted)
        assert facet.other_count == sum(expected.values()) - sum(shown.values())
        assert facet.error_bound == 0
        assert [bucket.value for bucket in facet.buckets if bucket.selected] == [value for value in shown if value in chosen]
        assert set(chosen) <= set(shown)
        assert len(shown) <= FACET_SIZE + len(chosen)
        # What a reader gets by ticking a value is what stood beside it.
        for ticked in list(shown)[:1]:
            wanted = Filter(field=facet.field, in_=[ticked])
            assert _search(loaded.settings, filters=[narrowing, *others, wanted], size=0).total == shown[ticked]


@pytest.mark.parametrize(
    "text",
    [
        "gender:female",
        "gender:female|male",
        "-gender:female",
        "gender:nobody",
        "emails:*",
        "-emails:*",
        "phones:*",
        "-age:*",
        "age:30..40",
        "age:40..40",
        "age:..25",
        "age:60..",
        "age:33|44",
        "quality_issues:*",
        "-quality_issues:spaces|city_variant",
        "created_at:2024-01-01..2024-12-31",
        "created_at:..2023-06-30",
        "created_at:2025-02-01..",
        "-created_at:*",
        "birth_date:1980-01-01..1989-12-31",
        "quality_score:0.5..0.85",
        "kind:company",
        "merged_count:2..",
    ],
)
def test_filters_equal_brute_force(loaded: Loaded, customers: list[Source], text: str) -> None:
    filter_ = parse_filter(text)
    expected = _matching(customers, [filter_])
    assert _search(loaded.settings, filters=[filter_], size=0).total == len(expected)


def test_filters_of_the_json_form_equal_brute_force(loaded: Loaded, customers: list[Source]) -> None:
    day = next(customer["created_at"][:10] for customer in customers if customer.get("created_at"))
    cases = [
        Filter(field="age", gte=20, lt=40),
        Filter(field="age", gt=20, lte=40),
        Filter(field="age", in_=[33.0, 44.0]),
        Filter(field="created_at", in_=[day]),
        Filter(field="created_at", gte=day, lte=day),
        Filter(field="created_at", gt=day),
        Filter(field="created_at", lt=day),
        Filter(field="name", in_=[customers[0]["name"]]),
        Filter(field="emails", in_=[next(customer["emails"][0] for customer in customers if customer.get("emails"))]),
        Filter(field="customer_id", not_in=[customer["customer_id"] for customer in customers[:1000]]),
    ]
    for filter_ in cases:
        expected = _matching(customers, [filter_])
        found = _search(loaded.settings, filters=[filter_], size=0).total
        assert found == len(expected), filter_
    both = [cases[0], parse_filter("emails:*"), parse_filter("-gender:unknown")]
    assert _search(loaded.settings, filters=both, size=0).total == len(_matching(customers, both))


@pytest.mark.parametrize("chosen", [[4.0], [4, 5.0], [0, -7]])
def test_a_number_may_be_selected_in_any_notation(people: Settings, chosen: list[float]) -> None:
    (facet,) = _search(people, filters=[Filter(field="rfm_recency", in_=[*chosen])], facets=["rfm_recency"]).facets
    assert [(bucket.value, bucket.count, bucket.selected) for bucket in facet.buckets] == [(int(value), 0, True) for value in chosen]


# Order and cursors


@pytest.mark.parametrize("field", ["age", "name", "city", "created_at", "quality_score", "customer_id"])
@pytest.mark.parametrize("descending", [False, True])
def test_sorting_puts_the_missing_last(loaded: Loaded, customers: list[Source], field: str, descending: bool) -> None:
    values = [getattr(hit.customer, field) for hit in _all_hits(loaded.settings, sort=[f"-{field}" if descending else field])]
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(customers) - len(known))
    if field not in {"name", "customer_id"}:  # which are compared without case and accents
        assert known == sorted(known, key=_code_points if field == "city" else None, reverse=descending)


def _code_points(text: str) -> bytes:
    return text.encode()


def _all_hits(settings: Settings, q: str = "", size: int = 100, **given: Any) -> Iterator[Hit]:
    cursor = None
    while True:
        answer = _search(settings, q, size=size, cursor=cursor, highlight=False, **given)
        yield from answer.hits
        cursor = answer.next_cursor
        if cursor is None:
            return


@pytest.mark.parametrize(("q", "sort"), [("", []), ("", ["city", "-age"]), ("wang", []), ("li", ["city"])])
def test_a_cursor_visits_every_hit_once(loaded: Loaded, customers: list[Source], q: str, sort: list[str]) -> None:
    ids = [hit.id for hit in _all_hits(loaded.settings, q, sort=sort)]
    assert len(set(ids)) == len(ids) == _search(loaded.settings, q, size=0).total
    if not q:
        assert set(ids) == {customer["customer_id"] for customer in customers}


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("smith -john.smith@acme.test", {"jane"}),
        ("smith -@acme.test", {"jane"}),
        ("smith -acme.test", {"jane"}),
        ("smith -globex", {"john"}),
        ("smith -0123", {"jane"}),
        (f"smith -{KEY}john", {"jane"}),
        ("李娜 -北京", {"li-shanghai"}),
        ("😀", set()),
        ("?!", set()),
    ],
)
def test_what_is_left_out_is_not_found(people: Settings, q: str, found: set[str]) -> None:
    precise = [hit for hit in _search(people, q, size=20).hits if not hit.unmatched]
    names = {hit.id.removeprefix(KEY) for hit in precise}
    assert names & {"john", "jane", "li-beijing", "li-shanghai"} == found


def test_an_asterisk_finds_everybody(people: Settings) -> None:
    assert _search(people, "*").total == len(PEOPLE)


def test_ids_that_differ_by_case_alone_are_two_hits(people: Settings) -> None:
    assert [hit.id.removeprefix(KEY) for hit in _all_hits(people, size=1)] == sorted(PEOPLE)
    assert {hit.id.removeprefix(KEY) for hit in _all_hits(people, "same id", size=1)} == {"CASE", "case"}


@pytest.mark.parametrize(("q", "first"), [("jose diaz navarro madrid", "A"), ("José Navarro Díaz Madrid", "B"), ("josé díaz navarro", "A")])
def test_names_of_the_same_words_are_told_by_their_order(node_settings: Settings, q: str, first: str) -> None:
    both = [{"customer_id": "A", "name": "José Díaz Navarro"}, {"customer_id": "B", "name": "José Navarro Díaz"}]
    with own_prefix(node_settings, "words") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [{**each, "city": "Madrid"} for each in both]))
        assert [hit.id for hit in _search(settings, q).hits] == [first, "AB".replace(first, "")]


def test_a_cursor_reads_on_in_the_generation_it_began_in(node_settings: Settings) -> None:
    with own_prefix(node_settings, "cursors") as (settings, lifecycle):
        old = put_documents(lifecycle, [{"name": f"Old {number}"} for number in range(25)])
        lifecycle.promote(old)
        first = _search(settings, size=10)
        new = put_documents(lifecycle, [{"name": f"New {number}"} for number in range(7)], BEGAN_AT + timedelta(hours=1))
        lifecycle.promote(new)
        second = _search(settings, size=10, cursor=first.next_cursor)
        third = _search(settings, size=10, cursor=second.next_cursor)
        names = [hit.customer.name for page in (first, second, third) for hit in page.hits]
        assert sorted(names, key=str) == sorted(f"Old {number}" for number in range(25))
        assert third.next_cursor is None
        assert _search(settings).total == 7
        lifecycle.prune(0)
        with pytest.raises(CursorError, match="expired"):
            _search(settings, size=10, cursor=first.next_cursor)


def _forged(cursor: str, position: int, value: Any) -> str:
    payload, _, signature = cursor.partition(".")
    parts = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    parts[2][position] = value
    return f"{base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip('=')}.{signature}"


@pytest.mark.parametrize(
    ("position", "value"),
    [(0, ".security-7"), (0, "*"), (0, "crm-customers-20200101t000000z,*"), (1, [10**400, "x"]), (1, [None, "x"]), (2, "x")],
)
def test_a_forged_cursor_is_refused(people: Settings, position: int, value: Any) -> None:
    cursor = _search(people, sort=["age"], size=5).next_cursor
    assert cursor is not None
    assert _search(people, sort=["age"], size=5, cursor=cursor).hits
    with pytest.raises(CursorError, match="not one of ours"):
        _search(people, sort=["age"], size=5, cursor=_forged(cursor, position, value))


def test_a_cursor_of_another_installation_is_refused(people: Settings) -> None:
    """It may share the key, and have an index of that name which is not ours to read."""
    cursors = Cursors(cursor_key(people), 60, time.time)
    for index in (".security-7", "_all", "other-customers-20260101t000000z"):
        cursor = cursors.write(SearchRequest(size=5), Position(index, ["x"]))
        with pytest.raises(CursorError, match="another installation"):
            _search(people, size=5, cursor=cursor)


def test_a_cursor_of_a_generation_that_is_gone_has_expired(people: Settings) -> None:
    index = f"{people.elasticsearch.index_prefix}-customers-20200101t000000z"
    cursor = Cursors(cursor_key(people), 60, time.time).write(SearchRequest(size=5), Position(index, ["x"]))
    with pytest.raises(CursorError, match="expired"):
        _search(people, size=5, cursor=cursor)


def test_more_hits_than_are_counted_are_said_to_be_more(node_settings: Settings) -> None:
    with own_prefix(node_settings, "many") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, ({"name": "Somebody"} for _ in range(TOTAL_LIMIT + 500))))
        answer = _search(settings, size=0)
        assert (answer.total, answer.total_relation) == (TOTAL_LIMIT, "gte")
        exact = _search(settings, size=0, exact_total=True)
        assert (exact.total, exact.total_relation) == (TOTAL_LIMIT + 500, "eq")
        # Ten thousand hits are as far as Elasticsearch pages without a cursor.
        assert len({hit.id for hit in _all_hits(settings)}) == TOTAL_LIMIT + 500


def test_limits_are_said(people: Settings) -> None:
    with pytest.raises(InvalidRequestError, match="4097 characters"):
        _search(people, "x" * 4097)
