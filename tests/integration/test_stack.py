"""The compose stack, really started: set up twice, loaded, asked, each container started again, and what must be refused is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crmsearch.processes import wait_until
from tests.containers import Stack, require_engine

pytestmark = pytest.mark.soak

RESTART_TIMEOUT_S = 300.0
ROWS = "Customer ID,Name,Email,Age,City\n" + "".join(
    f"K{number},{name},{name.split()[0].lower()}@example.com,{30 + number},London\n"
    for number, name in enumerate(("Ada Byron", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov", "Tony Hoare"))
)
ASK = (
    "import sys; from crmsearch.settings import from_env; from crmsearch.indexing.client import make_client, translated_errors\n"
    "with translated_errors(): print(make_client(from_env().elasticsearch).count(index=sys.argv[1])['count'])"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require_engine(compose=True)
    data = tmp_path_factory.mktemp("data")
    (data / "customers.csv").write_text(ROWS, encoding="utf-8")
    data.chmod(0o755)  # pytest's own are shut to the user of the containers
    (data / "customers.csv").chmod(0o644)
    made = Stack(data)
    try:
        made.compose("up", "--detach")
        assert _is_live(made)
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client with the first key, of a stack that has been loaded."""
    loaded = stack.run("job", "ingest", "/data/customers.csv", SPARK_MASTER="local[2]")
    assert loaded.returncode == 0
    key = stack.run("admin", "/setup/admin/first.key", entrypoint="cat").stdout.strip()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{stack.port}", headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
    ) as client:
        yield client


def _is_live(stack: Stack) -> bool:
    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{stack.port}/health/live", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    return wait_until(answers, RESTART_TIMEOUT_S)


def _found(api: httpx.Client, text: str) -> list[Any]:
    answer = api.post("/v1/customers/search", json={"q": text})
    return [hit["customer"]["name"] for hit in answer.raise_for_status().json()["hits"]]


def test_a_load_is_searched_and_counted(api: httpx.Client) -> None:
    assert _found(api, "grase hoper") == ["Grace Hopper"]
    age = api.get("/v1/stats/age").raise_for_status().json()["fields"]["age"]
    assert (age["n"], age["min"], age["max"]) == (6, 30, 35)


def test_the_console_is_served_and_the_api_asks_for_a_key(stack: Stack, api: httpx.Client) -> None:
    page = api.get("/")
    assert page.is_success
    assert "text/html" in page.headers["Content-Type"]
    assert httpx.get(f"{api.base_url}/v1/fields", timeout=30, trust_env=False).status_code == 401


def test_set_up_a_second_time_nothing_changes(stack: Stack, api: httpx.Client) -> None:
    for service in ("setup-files", "setup-keys"):
        assert stack.run(service).stdout.strip().endswith("nothing was changed")
    assert _found(api, "Ada Byron")[0] == "Ada Byron"


@pytest.mark.parametrize("service", ["api", "elasticsearch"])
def test_a_container_that_starts_again_finds_everything(stack: Stack, api: httpx.Client, service: str) -> None:
    stack.compose("restart", service)

    def finds() -> bool:
        try:
            return _found(api, "Alan Turing") == ["Alan Turing"]
        except httpx.HTTPError:
            return False

    assert wait_until(finds, RESTART_TIMEOUT_S)


def test_another_authority_is_not_trusted(stack: Stack, api: httpx.Client) -> None:
    refused = stack.compose(
        *("run", "--rm", "--no-deps", "--no-TTY", "--env", "CRMSEARCH_ELASTICSEARCH_CA_FILE=/setup/trust/kibana.crt"),
        *("admin", "index", "list"),
        check=False,
    )
    assert refused.returncode
    assert "certificate" in refused.stderr
    assert stack.run("admin", "index", "list").returncode == 0


def test_an_analyst_s_key_sees_no_customer(stack: Stack, api: httpx.Client) -> None:
    def ask(index: str) -> subprocess.CompletedProcess[str]:
        # The variables of secrets in files are the entry point's, which is left out here.
        unset = (
            word
            for name in ("ELASTICSEARCH_USERNAME", "ELASTICSEARCH_PASSWORD_FILE", "PRIVACY_KEY_FILE")
            for word in ("-u", f"CRMSEARCH_{name}")
        )
        login = "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE=/setup/admin/analyst.key"
        return stack.run("admin", *unset, login, "python", "-c", ASK, index, entrypoint="env", check=False)

    refused = ask("crm-customers")
    assert refused.returncode
    assert "BackendAuthError" in refused.stderr
    # The key itself is good: what it may read, it is let at.
    assert ask("crm-customers-analytics*").stdout.strip().isdigit()


def test_backups_are_made_where_they_outlive_the_container(stack: Stack, api: httpx.Client) -> None:
    assert stack.run("admin", "snapshot", "create").stdout.strip()


def test_no_secret_stands_in_the_description_of_a_container(stack: Stack, api: httpx.Client) -> None:
    secret = stack.run("admin", "/setup/elastic/password", entrypoint="cat").stdout.strip()
    assert len(secret) >= 32
    assert secret not in stack.compose("config").stdout
    assert secret not in stack.compose("logs").stdout
