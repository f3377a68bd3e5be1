from collections import Counter

import pytest

from crmsearch.cleaning.headers import map_headers
from crmsearch.cleaning.record import RecordContext, clean_record, quality_score

CONTEXT = RecordContext(as_of="2026-11-23")


def test_a_whole_record() -> None:
    cells = {
        "Id": "C-17", "Name": " Dr. WEBER, ANNA ", "Gender": "weiblich", "Date of Birth": "5. März 1990", "Email": "Anna@Example.com",
        "Email 2": "a.weber@example.org", "Mobile": "0171 2345678", "Street": "Hauptstraße 1", "City": "münchen", "Zip": "80331",
        "Company": "Nordlicht GmbH", "Title": "Head of Sales", "Status": "Customer", "Tags": "vip;2024", "Consents": "E-Mail",
        "Created": "2024-03-05T14:30:00+01:00", "Notes": "你好，请回电！", "Colour": "blue",
    }  # fmt: skip
    record = clean_record(list(cells.values()), map_headers(list(cells)).columns, CONTEXT)
    assert record.document == {
        "name": "Anna Weber",
        "given_name": "Anna",
        "family_name": "Weber",
        "kind": "person",
        "gender": "female",
        "birth_date": "1990-03-05",
        "age": 36,
        "emails": ["anna@example.com", "a.weber@example.org"],
        "phones": ["+491712345678"],
        "address": "Hauptstraße 1",
        "city": "Munich",
        "country": "DE",
        "postcode": "80331",
        "company": "Nordlicht GmbH",
        "job_title": "Head of Sales",
        "lifecycle": "customer",
        "source_system": "generic",
        "tags": ["vip", "2024"],
        "consents": ["email"],
        "created_at": "2024-03-05T13:30:00Z",
        "notes": "你好，请回电！",
        "quality_score": 1.0,
        "quality_issues": ["name_title", "name_order", "name_case", "gender_variant", "city_variant"],
    }
    assert record.source_key == "C-17"
    assert record.issues == ("name_title", "name_order", "name_case", "gender_variant", "city_variant")
    assert record.rejections == ()


def test_a_row_that_removes_a_record_need_not_say_whose() -> None:
    columns = map_headers(["Customer ID"]).columns
    removal = clean_record(["C-17"], columns, RecordContext(as_of="2026-11-23", removes=True))
    assert (removal.removed, removal.issues, removal.rejections) == (True, (), ())
    assert clean_record(["C-17"], columns, CONTEXT).issues == ("name_missing",)


@pytest.mark.parametrize(
    ("cells", "withdrawn"),
    [
        ({"Email Opt Out": "true", "Do Not Call": "true"}, ("email", "phone")),
        ({"Email Opt Out": "true", "Do Not Contact": "yes"}, ("marketing",)),
        ({"Email Opt Out": "false", "Do Not Call": ""}, ()),
        ({"Email Opt Out": "false", "Do Not Email": "true"}, ("email",)),
        ({"Email Opt Out": "=A1"}, ("email",)),
        ({"Consents": "no"}, ("marketing",)),
        ({"Consents": "perhaps"}, ("marketing",)),
        ({"Consents": "email"}, ()),
        ({"Consents": " "}, ()),
    ],
)
def test_what_a_row_refuses(cells: dict[str, str], withdrawn: tuple[str, ...]) -> None:
    headers = ["Name", *cells]
    record = clean_record(["Anna Weber", *cells.values()], map_headers(headers).columns, CONTEXT)
    assert record.withdrawn == withdrawn


EXCERPTS = {
    "English": (
        "Name,Age,Gender,City",
        [
            "Stephanie Pena,41,F,Paris",
            '=HYPERLINK("http://x"),18,F,Toronto',
            "  Mr.  Paul  Evans\u3000,thirty,男,New  York",
            "N/A,212,Male,NYC",
            ",0,f,LONDON ",
            "Jodi Gibson DDS,N/A?,Female,london",
        ],
        {
            "formula_cell": 1, "spaces": 1, "name_title": 2, "age_words": 1, "name_placeholder": 1, "age_impossible": 2,
            "gender_variant": 1, "city_variant": 3, "name_missing": 1, "placeholder": 1, "no_identity": 3,
        },
    ),
    "Chinese": (
        "姓名,年龄,性别,城市",
        ["鲍健,52,F,成都", "  林军\u3000,三十,女性,北京市", "test,-3,男,Shanghai", "无,999,male,BJ", "曾杨,18,男,西安"],
        {"spaces": 1, "age_words": 1, "gender_variant": 1, "city_variant": 3, "name_placeholder": 2, "age_impossible": 2, "no_identity": 2},
    ),
    "Febrl": (
        "rec_id, given_name, surname, street_number, address_1, suburb, postcode, state, date_of_birth, soc_sec_id",
        [
            "rec-223-org, , waller, 6, tullaroop street, st james, 4011, wa, 19081209, 6988048",
            "rec-444-dup-0, sophie, lovelock, 26, chant street, williamstown, 2650, vic, 19371233, 3072763",
        ],
        {"name_case": 2, "place_case": 2, "birth_date_invalid": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("header", "lines", "counts"), EXCERPTS.values(), ids=EXCERPTS)
def test_an_excerpt(header: str, lines: list[str], counts: dict[str, int]) -> None:
    columns = map_headers(header.split(",")).columns
    records = [clean_record(line.split(","), columns, CONTEXT) for line in lines]
    assert Counter(code for record in records for code in (*record.issues, *record.rejections)) == counts


def test_a_house_number_stands_before_its_street() -> None:
    record = clean_record(["6", "tullaroop street", "", "willaroo"], ["address"] * 4, CONTEXT)
    assert record.document["address"] == "6 tullaroop street, willaroo"


@pytest.mark.parametrize("cells", [[], [None, None], ["x"], ["Anna", "41", "F", "Paris", "extra"]])
def test_rows_of_any_length_are_read_as_far_as_they_go(cells: list[str | None]) -> None:
    clean_record(cells, ["name", "age", "gender", "city"], CONTEXT)


@pytest.mark.parametrize(
    ("document", "score"),
    [
        ({}, 0.0),
        ({"name": "A", "kind": "person"}, 0.3),
        ({"name": "A", "emails": ["a@example.com"], "city": "北京", "age": 1, "gender": "male"}, 1.0),
        ({"name": "A", "gender": "unknown"}, 0.3),
        ({"name": "A", "quality_issues": ["age_impossible", "spaces"]}, 0.25),
        ({"name": "A", "kind": "company", "phones": ["+8613800138000"], "city": "北京"}, 1.0),
        ({"quality_issues": ["age_impossible"]}, 0.0),
    ],
)
def test_quality_score(document: dict[str, object], score: float) -> None:
    assert quality_score(document) == score


def test_constants_fill_what_a_row_leaves_out() -> None:
    context = RecordContext(as_of="2026-11-23", constants={"lifecycle": "lead", "tags": "fair", "country": "CN", "source_system": "zoho"})
    columns = ["name", "phones", "lifecycle", "tags"]
    bare = clean_record(["王小明", "13912345679", None, None], columns, context)
    assert bare.document == {
        "name": "王小明", "given_name": "小明", "family_name": "王", "kind": "person", "phones": ["+8613912345679"], "country": "CN",
        "lifecycle": "lead", "tags": ["fair"], "source_system": "zoho", "quality_score": 0.6,
    }  # fmt: skip
    own = clean_record(["Ada Lovelace", "020 7946 0958", "Customer", "vip"], columns, context)
    assert (own.document["lifecycle"], own.document["tags"]) == ("customer", ["vip"])
    unreadable = clean_record(["Ada Lovelace", "", "purple", ""], columns, context)
    assert unreadable.document["lifecycle"] == "lead"
    assert unreadable.issues == ("lifecycle_unknown",)


def test_a_context_without_constants_shares_none() -> None:
    assert RecordContext(as_of="2026-11-23").constants == {}
    assert RecordContext(as_of="2026-11-23").constants is not RecordContext(as_of="2026-11-23").constants


@pytest.mark.parametrize(
    ("cells", "document", "issues"),
    [
        ({"name": "Smith, John"}, {"name": "Smith, John", "company": "Smith, John"}, ()),
        ({"name": "Acme"}, {"name": "Acme", "company": "Acme"}, ()),
        ({"company": "星河"}, {"name": "星河", "company": "星河"}, ()),
        ({"name": "Acme", "company": "Acme Holding Ltd"}, {"name": "Acme", "company": "Acme Holding Ltd"}, ()),
        ({"name": "Acme (Berlin)"}, {"name": "Acme (Berlin)", "company": "Acme (Berlin)"}, ()),
        ({"name": "test", "emails": "info@acme.de"}, {"emails": ["info@acme.de"]}, ("name_placeholder", "email_role")),
        ({"emails": "info@acme.de"}, {"emails": ["info@acme.de"]}, ("name_missing", "email_role")),
    ],
)
def test_every_name_in_a_file_of_companies_is_a_company(
    cells: dict[str, str], document: dict[str, object], issues: tuple[str, ...]
) -> None:
    context = RecordContext(as_of="2026-11-23", constants={"kind": "company"})
    record = clean_record(list(cells.values()), list(cells), context)
    shown = {field: value for field, value in record.document.items() if not field.startswith(("quality", "source"))}
    assert shown == document | {"kind": "company"}
    assert record.issues == issues


def test_a_file_of_persons_holds_no_companies() -> None:
    context = RecordContext(as_of="2026-11-23", constants={"kind": "person"})
    record = clean_record(["Anna Holding"], ["name"], context)
    assert (record.document["kind"], record.document["family_name"]) == ("person", "Holding")
    assert "company" not in record.document
    assert clean_record(["Acme Ltd"], ["company"], context).issues == ("name_missing",)


def test_an_identity_number_fills_no_field() -> None:
    record = clean_record(["王小明", "11010519491231002X"], ["name", "national_id"], CONTEXT)
    assert record.document.keys().isdisjoint({"birth_date", "age", "gender"})


def test_a_rounded_key_is_nobody_s() -> None:
    """Many keys become "1.38E+12" in a spreadsheet; whole numbers with a fraction of zero are still themselves."""
    assert clean_record(["1.38E+12", "Ada"], ["customer_id", "name"], CONTEXT).source_key is None
    assert clean_record(["1234.0", "Ada"], ["customer_id", "name"], CONTEXT).source_key == "1234"
    assert clean_record(["00000000-0000-0000-0000-000000000000", "Ada"], ["customer_id", "name"], CONTEXT).source_key is None


@pytest.mark.parametrize(
    ("full", "given", "family", "expected"),
    [
        ("小明 王", "小明", "王", "王小明"),
        ("王小明", "小明", "王", "王小明"),
        ("伟 王", "伟", "王", "王伟"),
        ("Anna Lee", "Anna", "Lee", "Anna Lee"),
    ],
)
def test_a_chinese_name_begins_with_the_surname_whatever_the_system_wrote(full: str, given: str, family: str, expected: str) -> None:
    document = clean_record([full, given, family], ["name", "given_name", "family_name"], CONTEXT).document
    assert (document["name"], document["given_name"], document["family_name"]) == (expected, given, family)
