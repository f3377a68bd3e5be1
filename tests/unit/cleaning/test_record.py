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
