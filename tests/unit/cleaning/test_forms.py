"""The forms that an index holds for searching, and that one table makes them."""

from __future__ import annotations

from crmsearch.cleaning.forms import FORMS, compact, grams, search_forms
from crmsearch.cleaning.spelling import deletions
from crmsearch.contract import FIELDS


def _tokens(form: str, value: str) -> set[str]:
    return set(FORMS[form].tokens(value))


def test_forms_of_a_whole_document() -> None:
    document = {
        "customer_id": "crm:C-12",
        "name": "葉問",
        "city": "佛山",
        "phones": ["+8613800138000"],
        "emails": ["Ip.Man@example.com"],
        "tags": ["vip", "老客户"],
    }
    assert search_forms(document) == {
        "name_words": "叶问",
        "name_joined": "yewen yew ywen yw wenye",
        "name_readings": "ye wen",
        "name_grams": "叶 问 叶问",
        "name_sounds": "yewen wen",
        "name_spellings": "yewen ewen ywen yeen yewn yewe wen",
        "place_words": "佛 山 佛山 fushan foshan",
        "prose_words": "vip 老 客 户 老客 客户",
        "email_parts": "ip.man@example.com ip.man example.com",
        "email_words": "ip man",
        "email_spellings": "ip.man p.man i.man ipman ip.an ip.mn ip.ma",
        "email_domain_spellings": " ".join(deletions("example.com")),
        "email_beginnings": " ".join(
            ["ip.man@example.com"[:size] for size in range(2, 19)] + ["example.com"[:size] for size in range(2, 12)]
        ),
        "phone_endings": "8613800138000 8000 38000 138000 0138000 00138000 800138000 3800138000 13800138000 613800138000",
        "emails_exact": "ip.man@example.com",
        "phones_exact": "+8613800138000",
        "id_forms": "crmc12 c12",
    }


def test_a_latin_name_in_its_ways_to_be_typed() -> None:
    assert _tokens("name_words", "Jürgen Müller-Lüdenscheidt") == {
        *("jurgen", "muller", "ludenscheidt"),
        *("juergen", "mueller", "luedenscheidt"),
    }
    assert _tokens("name_joined", "John Smith") == {"johnsmith", "smithjohn", "jsmith", "smithj", "js"}
    assert _tokens("name_joined", "John") == set()
    assert {"josediaz", "diaznavarro"} <= _tokens("name_joined", "José Díaz Navarro")
    assert "diaznavarro" not in _tokens("name_joined", "José Navarro Díaz")
    assert {"robert", "rob", "bob"} <= _tokens("name_nicknames", "Bob Smith")
    assert {"smith", "smih", "smth", "john"} <= _tokens("name_spellings", "John Smith")
    assert {"smi", "si", "joh", "oh"} <= _tokens("name_starts", "John Smith")
    assert "jonsn" in _tokens("name_far_spellings", "Johnson")


def test_every_reading_of_a_surname_is_a_form() -> None:
    assert {"zengxiaoming", "cengxiaoming", "zxm"} <= _tokens("name_joined", "曾小明")
    assert {"zeng", "ceng", "xiao", "ming", "xiaoming", "xm"} == _tokens("name_readings", "曾小明")
    assert {"lvbu", "lyubu", "lubu"} <= _tokens("name_joined", "吕布")


def test_places_are_found_without_their_gap_and_in_pinyin() -> None:
    assert _tokens("place_words", "New York") == {"new", "york", "newyork"}
    assert "beijing" in _tokens("place_words", "北京")
    assert "nwyork" in _tokens("other_spellings", "New York")


def test_nothing_to_say_is_left_out() -> None:
    assert search_forms({}) == {}
    assert search_forms({"name": None, "emails": [], "city": ""}) == {}
    assert "name_far_spellings" not in search_forms({"name": "Al Li"})


def test_tokens_never_hold_a_space_and_come_from_fields_of_the_catalogue() -> None:
    for form in FORMS.values():
        assert set(form.fields) <= FIELDS.keys(), form.name
        for value in ("Ann van der O'Neil", "王 小明 Ltd.", "a.b+c@d.org", "+12345", "sys:k 1/2"):
            assert form.fields in {("emails",), ("phones",)} or not any(" " in token for token in form.tokens(value))


def test_small_parts() -> None:
    assert grams("王小明") == ("王小", "小明")
    assert grams("王") == ("王",)
    assert compact("C-00 1/a") == "c001a"


def test_searched_are_the_fields_that_the_catalogue_says() -> None:
    exact = {field.path for field in FIELDS.values() if field.sealed}  # by which filters find, and no words
    searched = {field for form in FORMS.values() for field in form.fields if form.name not in exact} - {"source_records"}
    parts_of_the_name = {"given_name", "family_name"}
    assert searched == {field.name for field in FIELDS.values() if field.searchable} - parts_of_the_name
