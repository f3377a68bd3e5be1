"""Look-ups, look-alikes, exports and any id, through the API as a process of its own over a real node."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from crmsearch.background import start_api, stop_api
from crmsearch.cli.look import ask
from crmsearch.contract import FIELDS, Customer
from crmsearch.search.export import PAGE
from crmsearch.search.request import SearchRequest
from crmsearch.search.similar import LEAST_ALIKE, TRAITS
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

Source = dict[str, Any]

ODD_IDS = ["2024/0017", "/", "a//b", "..", ".", "a%2Fb", "100%", "a b+c", "?x=1", "#", "王/小明", "search", "export", "CASE", "case"]
NAMED: list[Source] = [
    {"customer_id": "wang", "name": "王小明", "emails": ["wang.x@example.com"], "phones": ["+8613912345670"], "kind": "person"},
    {"customer_id": "wife", "name": "李娜", "emails": ["wang.x@example.com"], "phones": ["+8613912345670", "+861087654321"]},
    {
        "customer_id": "muller",
        "name": "Müller",
        "emails": ["muller@example.com"],
        "phones": ["+491712345678"],
        "notes": "=1\nand more",
    },
    {"customer_id": "firm", "name": "Acme", "kind": "company", "cluster": "loyal", "city": "北京", "revenue": 100.0},
]


def _many() -> Iterator[Source]:
    draw = random.Random(5)
    for number in range(PAGE * 2 + 300):
        customer: Source = {
            "customer_id": f"M{number:05}",
            "name": draw.choice(["Anna Wang", "Bert Smith", "张伟"]),
            "kind": draw.choice(["person", "company"]),
            "cluster": draw.choice(["loyal", "lapsed", "new"]),
            "rfm_segment": draw.choice(["champions", "lost"]),
            "city": draw.choice(["北京", "上海", "London", "Berlin"]),
            "tags": draw.sample(["vip", "press", "test"], draw.randrange(3)),
            "age": draw.randrange(18, 90),
            "revenue": round(draw.lognormvariate(5, 1), 2),
            "order_count": draw.randrange(0, 30),
            "churn_risk": round(draw.random(), 2),
            "job_title": draw.choice(["Buyer", "CEO"]),
        }
        yield {field: value for field, value in customer.items() if field == "customer_id" or draw.random() > 0.1}


SOURCES: dict[str, Source] = {each["customer_id"]: each for each in [*NAMED, *({"customer_id": each} for each in ODD_IDS), *_many()]}


@pytest.fixture(scope="module")
def base(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A state directory of its own, so that the API of other tests is not taken for this one's."""
    state = tmp_path_factory.mktemp("state")
    node_settings = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=str(state)))
    with own_prefix(node_settings, "exact") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, SOURCES.values()))
        yield settings


@pytest.fixture(scope="module")
def http(base: Settings) -> Iterator[httpx.Client]:
    url = start_api(base, any_port=True).url
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client
    stop_api(base)


# Ids


@pytest.mark.parametrize("customer_id", [each for each in ODD_IDS if each not in {"search", "export"}])
@pytest.mark.parametrize("part", ["", "/lineage", "/similar"])
def test_every_id_has_a_path(http: httpx.Client, customer_id: str, part: str) -> None:
    path = quote(customer_id, safe="").replace(".", "%2E")
    answer = http.get(f"/v1/customers/{path}{part}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["customer_id"] == customer_id


def test_an_id_that_names_a_route_is_looked_up(http: httpx.Client) -> None:
    assert http.get("/v1/customers/export/lineage").json()["customer_id"] == "export"
    found = http.post("/v1/customers/lookup", json={"ids": ODD_IDS}).json()
    assert [each["customer_id"] for each in found["customers"]] == ODD_IDS


def test_ids_that_are_not_there(http: httpx.Client) -> None:
    for path in ("nobody", "2024%2F0018", "Case", "x" * 2000, "%FF", "%00"):
        assert http.get(f"/v1/customers/{path}").status_code == 404, path


def test_head_tells_of_a_customer(http: httpx.Client) -> None:
    got, head = http.get("/v1/customers/wang"), http.head("/v1/customers/wang")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(got.content)))
    assert http.head("/v1/customers/nobody").status_code == 404
    # The connection still is in order.
    assert http.get("/v1/customers/wang").json() == got.json()


# Look-ups


def test_look_up_by_all_that_names_somebody(http: httpx.Client) -> None:
    asked = {
        "ids": ["muller", "nobody", "WANG"],
        "emails": ["Wang.X@EXAMPLE.com", "müller@example.com", "not an address"],
        "phones": ["139-1234-5670", "010 8765 4321", "0086 10 8765 4321", "+49 171 2345678", "+44 20 7946 0018", "5"],
        "region": "cn",
    }
    answer = http.post("/v1/customers/lookup", json=asked).json()
    assert [each["customer_id"] for each in answer["customers"]] == ["muller", "wang", "wife"]
    assert answer["customers"][1] == NAMED[0]
    assert answer["not_found"] == {
        "ids": ["nobody", "WANG"],
        "emails": ["müller@example.com", "not an address"],
        "phones": ["+44 20 7946 0018", "5"],
        "refs": [],
    }


def test_five_hundred_at_once(http: httpx.Client) -> None:
    known = [f"M{number:05}" for number in range(480)]
    answer = http.post("/v1/customers/lookup", json={"ids": [*known, *(f"unknown-{number}" for number in range(20))]}).json()
    assert [each["customer_id"] for each in answer["customers"]] == known
    assert len(answer["not_found"]["ids"]) == 20
    refused = http.post("/v1/customers/lookup", json={"ids": known, "emails": [f"{number}@x.de" for number in range(21)]})
    assert refused.status_code == 400
    assert "501 values" in refused.json()["detail"]


def test_nothing_asked_is_nothing_found(http: httpx.Client) -> None:
    nothing: dict[str, list[str]] = {"ids": [], "emails": [], "phones": [], "refs": []}
    assert http.post("/v1/customers/lookup", json={}).json() == {"customers": [], "not_found": nothing}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"phones": ["139 1234 5670"]}, "phones[0] is a national number"),
        ({"phones": ["1"], "region": "ZZ"}, "region"),
        ({"region": "China"}, "region"),
        ({"ids": [""]}, "ids"),
        ({"ids": ["x" * 513]}, "ids"),
        ({"names": ["x"]}, "names"),
    ],
)
def test_what_cannot_be_looked_up_is_refused(http: httpx.Client, body: dict[str, Any], reason: str) -> None:
    answer = http.post("/v1/customers/lookup", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert reason in answer.json()["detail"]


# Look-alikes


def _share(own: Source, other: Source) -> float:
    """How alike two customers are, as the table of traits says, computed without Elasticsearch."""
    points = possible = 0.0
    for trait in TRAITS:
        mine, theirs = own.get(trait.field), other.get(trait.field)
        if mine in (None, []):
            continue
        possible += trait.points
        if isinstance(mine, list):
            points += trait.points * len(set(mine) & set(theirs or [])) / len(mine)
        elif theirs is not None and trait.near:
            worth = [near.worth for near in trait.near if abs(theirs - mine) <= max(near.amount, near.share * abs(mine))]
            points += trait.points * max(worth, default=0)
        elif mine == theirs:
            points += trait.points
    return points / possible if possible else 0


@pytest.mark.parametrize("customer_id", ["M00000", "M00001", "M00002", "M00017", "firm"])
def test_look_alikes_equal_brute_force(http: httpx.Client, customer_id: str) -> None:
    own = SOURCES[customer_id]
    alike = [other for other in SOURCES.values() if other is not own and own.get("kind") in (None, other.get("kind"))]
    shares = sorted((share for other in alike if (share := _share(own, other)) >= LEAST_ALIKE), reverse=True)
    answer = http.get(f"/v1/customers/{customer_id}/similar?size=20").json()
    # A difference of exactly one reach may fall either way in doubles; nothing here is that unlucky.
    assert [each["score"] for each in answer["similar"]] == pytest.approx(shares[:20], abs=1e-4)
    for each in answer["similar"]:
        assert each["id"] != customer_id
        assert each["score"] == pytest.approx(_share(own, SOURCES[each["id"]]), abs=1e-4)
        possible = sum(trait.points for trait in TRAITS if trait.field in answer["compared"])
        assert sum(part["points"] for part in each["parts"]) / possible == pytest.approx(each["score"], abs=1e-3)
        assert each["reasons"] == [part["reason"] for part in each["parts"]]


def test_of_somebody_of_whom_nothing_is_known_nobody_is_a_look_alike(http: httpx.Client) -> None:
    assert http.get("/v1/customers/case/similar").json()["similar"] == []
    assert http.get("/v1/customers/nobody/similar").status_code == 404
    assert http.get("/v1/customers/wang/similar?size=51").status_code == 400


# Exports


def _rows(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_everybody_as_csv(http: httpx.Client) -> None:
    answer = http.post("/v1/customers/export", json={"format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="customers.csv"'
    rows = _rows(answer.content)
    assert list(rows[0]) == list(FIELDS)
    assert int(answer.headers["x-total-count"]) == len(rows) == len(SOURCES)
    by_id = {row["customer_id"].removeprefix("'"): row for row in rows}
    assert set(by_id) == set(SOURCES)
    assert by_id["wife"]["phones"] == "'+8613912345670; +861087654321"
    assert by_id["muller"]["notes"] == "'=1\nand more"
    assert by_id["wang"]["name"] == "王小明"


def test_everybody_as_ndjson(http: httpx.Client) -> None:
    answer = http.post("/v1/customers/export", json={"format": "ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    documents = [json.loads(line) for line in answer.content.splitlines()]
    assert {each["customer_id"]: each for each in documents} == SOURCES
    msgspec.convert(documents, list[Customer])


def test_a_search_is_exported_in_its_order_in_both_forms(http: httpx.Client) -> None:
    filters = [{"field": "city", "in": ["北京", "London"]}]
    body = {"q": "wang", "filters": filters, "sort": ["-revenue"], "format": "csv", "fields": ["customer_id", "revenue"]}
    posted = http.post("/v1/customers/export", json=body)
    got = http.get("/v1/customers/export?q=wang&filter=city:北京|London&sort=-revenue&format=csv&fields=customer_id,revenue")
    assert posted.content == got.content
    rows = _rows(posted.content)
    assert list(rows[0]) == ["customer_id", "revenue"]
    revenues = [float(row["revenue"]) for row in rows if row["revenue"]]
    assert revenues == sorted(revenues, reverse=True)
    found = http.post("/v1/customers/search", json={"q": "wang", "filters": filters, "sort": ["-revenue"], "size": 100}).json()
    assert [row["customer_id"] for row in rows[:100]] == [hit["id"] for hit in found["hits"]]
    assert len(rows) == found["total"]


def test_by_relevance_nobody_is_lost_between_pages(http: httpx.Client) -> None:
    answer = http.post("/v1/customers/export", json={"q": "张伟 smith wang", "format": "ndjson", "fields": ["customer_id"]})
    nobody = [json.loads(line)["customer_id"] for line in answer.content.splitlines()]
    assert len(nobody) == int(answer.headers["x-total-count"])
    answer = http.post("/v1/customers/export", json={"q": "wang", "format": "ndjson", "fields": ["customer_id"]})
    ids = [json.loads(line)["customer_id"] for line in answer.content.splitlines()]
    assert len(set(ids)) == len(ids) == int(answer.headers["x-total-count"]) > 500


def test_nothing_found_is_a_file_of_nothing(http: httpx.Client) -> None:
    answer = http.get("/v1/customers/export?q=xyzzy&format=csv&fields=name,city")
    assert (answer.content, answer.headers["x-total-count"]) == (b"\xef\xbb\xbfname,city\r\n", "0")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "invalid_request"),
        ("format=xlsx", "invalid_request"),
        ("format=csv&fields=nothing", "unknown_field"),
        ("format=csv&filter=age:old", "filter_syntax"),
        ("format=csv&sort=tags", "unknown_field"),
        ("format=csv&size=5", "invalid_request"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_the_file_begins(http: httpx.Client, query: str, code: str) -> None:
    answer = http.get(f"/v1/customers/export?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert "content-disposition" not in answer.headers


def test_the_size_of_a_file_is_known_without_it(http: httpx.Client) -> None:
    answer = http.head("/v1/customers/export?format=csv")
    assert (answer.status_code, answer.headers["x-total-count"], answer.content) == (200, str(len(SOURCES)), b"")
    assert http.get("/health/live").status_code == 200


# Cursors of several processes


def test_a_cursor_is_good_in_every_process_of_the_machine(base: Settings, http: httpx.Client) -> None:
    key = Path(base.paths.state_dir) / "api" / "cursor.key"
    assert key.stat().st_mode & 0o777 == 0o600
    first = http.post("/v1/customers/search", json={"size": 5}).json()
    following = ask(base, lambda service: service.search(SearchRequest(size=5, cursor=first["next_cursor"])))
    last = http.post("/v1/customers/search", json={"size": 5, "cursor": following.next_cursor}).json()
    ids = [*(hit["id"] for hit in first["hits"]), *(hit.id for hit in following.hits), *(hit["id"] for hit in last["hits"])]
    assert len(set(ids)) == 15
