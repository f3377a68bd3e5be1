"""Paths, methods and parameters at the edge of the API, over a canned backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.api.routing import routable_path
from crmsearch.search.cursor import Position
from crmsearch.settings import ApiSettings

HOST = "crm.test"
WORDS = ["search", "suggest", "lookup", "export"]
IDS = [
    "C1",
    "2024/0017",
    "a/b/c",
    "/",
    "//",
    "/x/",
    "..",
    ".",
    "a%2Fb",
    "100%",
    "%",
    "王小明",
    "a b+c",
    "?q=1",
    "#x",
    "{customer_id}",
    "'\"<>\\",
]


def _ids(query: dict[str, Any]) -> list[str]:
    """The ids that a query asks for, wherever they stand in it."""
    if "ids" in query:
        return list(query["ids"]["values"])
    within = query.get("bool", {})
    return [each for clause in [*within.get("filter", []), *within.get("should", [])] for each in _ids(clause)]


class Echo:
    """A base that has a customer of every id."""

    async def search(self, body: dict[str, Any], position: Position | None = None) -> dict[str, Any]:
        ids = _ids(body["query"])
        hits = [{"_id": each, "_index": "i", "sort": ["x"], "_source": {"customer_id": each}} for each in ids]
        return {"took": 1, "hits": {"total": {"value": len(hits), "relation": "eq"}, "hits": hits}}

    async def search_earlier(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        return None

    async def read(self, customer_id: str, *, restricted: bool = False) -> dict[str, Any] | None:
        return {"customer_id": customer_id}

    async def check(self) -> None:
        return None


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(Echo(), ApiSettings(allowed_hosts=HOST)), base_url=f"http://{HOST}") as client:
        yield client


@pytest.mark.parametrize("customer_id", IDS)
@pytest.mark.parametrize("part", ["", "/lineage", "/similar"])
def test_every_id_has_a_path(client: TestClient[Litestar], customer_id: str, part: str) -> None:
    path = quote(customer_id, safe="").replace(".", "%2E")
    answer = client.get(f"/v1/customers/{path}{part}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["customer_id"] == customer_id
    # The router remembers what it found for a path.
    assert client.get(f"/v1/customers/{path}{part}").json() == answer.json()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("part", ["lineage", "similar"])
def test_an_id_may_be_the_name_of_a_route(client: TestClient[Litestar], word: str, part: str) -> None:
    assert client.get(f"/v1/customers/{word}/{part}").json()["customer_id"] == word
    assert client.post("/v1/customers/lookup", json={"ids": [word]}).json()["customers"] == [{"customer_id": word}]


def test_an_id_that_is_a_route_gives_no_file_by_accident(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/customers/export")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_segment_stays_one(customer_id: str) -> None:
    path = routable_path(f"/v1/customers/{quote(customer_id, safe='')}/lineage?q=a/b".encode())
    assert path.startswith("/v1/customers/")
    assert path.endswith("/lineage")
    assert path.count("/") == 4


def test_an_encoded_slash_is_none_of_the_path(client: TestClient[Litestar]) -> None:
    assert client.get("/v1%2Ffields").status_code == 404
    assert client.get("/v1/%66ields").status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/customers/C1", "/v1/customers/search?q=x", "/v1/fields", "/health/live", "/", "/favicon.svg", "/schema"]
)
def test_head_is_get_without_the_body(client: TestClient[Litestar], path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "content-security-policy", "x-content-type-options"):
        assert head.headers.get(name) == got.headers.get(name), name


def test_head_is_refused_as_get_is(client: TestClient[Litestar]) -> None:
    assert client.head("/v1/customers/search?size=999").status_code == 400
    assert client.head("/v1/customers/lookup").status_code == 405
    assert client.head("/v1/nothing").status_code == 404


def test_head_of_a_file_tells_its_size_without_making_it(client: TestClient[Litestar]) -> None:
    answer = client.head("/v1/customers/export?format=csv")
    assert (answer.status_code, answer.headers["x-total-count"], answer.content) == (200, "0", b"")
    assert answer.headers["content-disposition"] == 'attachment; filename="customers.csv"'


def test_methods_that_there_are_not_tell_those_there_are(client: TestClient[Litestar]) -> None:
    answer = client.delete("/v1/customers/search")
    assert answer.status_code == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} >= {"GET", "HEAD", "POST"}
    assert "HEAD" not in client.delete("/v1/customers/lookup").headers["allow"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/customers/search?q=a&q=b", "q is given more than once"),
        ("/v1/customers/search?size=5&q=a&size=5", "size is given more than once"),
        ("/v1/customers/search?facets=city&facets=gender&sort=age&sort=name", "facets, sort is given more than once"),
        ("/v1/stats/age?by=city&by=gender", "by is given more than once"),
        ("/v1/customers/search?service=x", "unknown query parameter service"),
        ("/v1/customers/C1?customer_id=C2", "unknown query parameter customer_id"),
        ("/v1/customers/search?filter_=city:x", "unknown query parameter filter_"),
    ],
)
def test_parameters_that_would_not_count_are_refused(client: TestClient[Litestar], path: str, names: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(names)


def test_parameters_that_are_lists_may_be_repeated(client: TestClient[Litestar]) -> None:
    assert client.get("/v1/customers/search?filter=city:x&filter=age:20..").status_code == 200
