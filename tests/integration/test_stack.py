"""The compose stack, really started: loaded, asked, set up again, each container started again, and what must be refused is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from crmsearch.processes import wait_until
from tests.containers import DOCKER, Stack, call

pytestmark = pytest.mark.soak

TIMEOUT_S = 300.0  # until what was started answers
RUNNING = {"elasticsearch", "api", "kibana", "spark-master", "spark-worker-1", "spark-worker-2"}
ROWS = "Customer ID,Name,Email,Age,City\n" + "".join(
    f"K{number},{name},{name.split()[0].lower()}@example.com,{30 + number},London\n"
    for number, name in enumerate(("Ada Byron", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov", "Tony Hoare"))
)
# Elasticsearch's own count, by whatever login the variables of the container name.
COUNT = (
    "import sys; from crmsearch.settings import from_env; from crmsearch.indexing.client import make_client, translated_errors\n"
    "with translated_errors(): print(make_client(from_env().elasticsearch).count(index=sys.argv[1])['count'])"
)
# An analyst's two: the key for notebooks, and the user of Kibana, whose password is in a file.
LOGINS = {
    "key": "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE=/setup/admin/analyst.key",
    "user": 'CRMSEARCH_ELASTICSEARCH_USERNAME=analyst "CRMSEARCH_ELASTICSEARCH_PASSWORD=$(cat /setup/elastic/analyst.password)"',
}
WORKERS = "import json, urllib.request; print(json.load(urllib.request.urlopen('http://127.0.0.1:8080/json/'))['aliveworkers'])"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack after the first command of docs/docker.md, with Kibana, and nothing else done to it."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "data").mkdir()
    (folder / "data" / "customers.csv").write_text(ROWS, encoding="utf-8")
    made = Stack(folder)
    try:
        started = made.compose("--profile", "kibana", "up", "--detach", check=False)
        healthy = not started.returncode and wait_until(lambda: _healthy(made) == {"elasticsearch", "api", "kibana"}, TIMEOUT_S)
        assert healthy, f"{started.stderr[-1000:]}{made.compose('--profile', 'kibana', 'logs').stdout[-6000:]}"
        yield made
    finally:
        made.down("--volumes", "--timeout", "10", check=False)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client with the first key, of a stack that has been loaded by its own Spark cluster."""
    _load(stack)
    key = stack.run("admin", "/setup/admin/first.key", entrypoint="cat").stdout.strip()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{stack.port}", headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
    ) as client:
        yield client


def _load(stack: Stack) -> None:
    """Load by the stack's Spark cluster, which is started for it if need be; its profile is named for the sake of Compose 1.29."""
    loaded = stack.compose("--profile", "spark", "run", "--rm", "-T", "job", "ingest", "/data/customers.csv", "--json")
    assert msgspec.json.decode(loaded.stdout)["indexed"] == 6


def _healthy(stack: Stack) -> set[str]:
    return {service for service, state in stack.states().items() if state.endswith("(healthy)")}


def _found(api: httpx.Client, text: str) -> list[Any]:
    answer = api.post("/v1/customers/search", json={"q": text})
    return [hit["customer"]["name"] for hit in answer.raise_for_status().json()["hits"]]


def _finds(api: httpx.Client) -> bool:
    try:
        return _found(api, "Alan Turing") == ["Alan Turing"]
    except httpx.HTTPError:
        return False


def test_what_is_loaded_is_found_and_counted(api: httpx.Client) -> None:
    assert _found(api, "grase hoper") == ["Grace Hopper"]
    age = api.get("/v1/stats/age").raise_for_status().json()["fields"]["age"]
    assert (age["n"], age["min"], age["max"]) == (6, 30, 35)


def test_the_console_is_served_and_the_api_asks_for_a_key(api: httpx.Client) -> None:
    page = api.get("/")
    assert page.is_success
    assert "text/html" in page.headers["Content-Type"]
    assert httpx.get(f"{api.base_url}/v1/fields", timeout=30, trust_env=False).status_code == 401


def test_set_up_a_second_time_nothing_changes(stack: Stack, api: httpx.Client) -> None:
    for service in ("setup-files", "setup-keys"):
        assert stack.run(service).stdout.strip().endswith("nothing was changed")
    states = stack.run("kibana-setup").stdout
    assert "unchanged" in states
    assert not {"created", "updated"} & set(states.split())
    assert _found(api, "Ada Byron")[0] == "Ada Byron"


def test_another_authority_is_not_trusted(stack: Stack, api: httpx.Client) -> None:
    refused = stack.compose(
        *("run", "--rm", "--no-deps", "-T", "-e", "CRMSEARCH_ELASTICSEARCH_CA_FILE=/setup/trust/kibana.crt"),
        *("admin", "index", "list"),
        check=False,
    )
    assert refused.returncode
    assert "certificate" in refused.stderr
    assert stack.run("admin", "index", "list").returncode == 0


@pytest.mark.parametrize("login", LOGINS)
def test_an_analyst_sees_the_customers_without_personal_data_only(stack: Stack, api: httpx.Client, login: str) -> None:
    def count(index: str) -> subprocess.CompletedProcess[str]:
        # The variables of secrets in files are the entry point's, which is left out here.
        others = " ".join(f"-u CRMSEARCH_{name}" for name in ("ELASTICSEARCH_USERNAME", "ELASTICSEARCH_PASSWORD_FILE", "PRIVACY_KEY_FILE"))
        script = f'exec env {others} {LOGINS[login]} python -c "$0" "$1"'
        return stack.run("admin", "-c", script, COUNT, index, entrypoint="sh", check=False)

    refused = count("crm-customers")
    assert refused.returncode
    assert "BackendAuthError" in refused.stderr
    assert "privilege" in refused.stderr, "the login itself is good"
    assert count("crm-customers-analytics").stdout.strip() == "6"


def test_backups_are_made_where_they_outlive_the_container(stack: Stack, api: httpx.Client) -> None:
    assert stack.run("admin", "snapshot", "create").stdout.strip()


def test_no_secret_stands_in_the_description_of_a_container(stack: Stack, api: httpx.Client) -> None:
    secret = stack.run("admin", "/setup/elastic/password", entrypoint="cat").stdout.strip()
    assert len(secret) >= 32
    assert secret not in stack.compose("config").stdout
    assert secret not in stack.compose("logs").stdout


@pytest.mark.parametrize("service", sorted(RUNNING))
def test_a_container_that_starts_again_finds_everything(stack: Stack, api: httpx.Client, service: str) -> None:
    stack.compose("--profile", "kibana", "--profile", "spark", "restart", service)
    assert wait_until(lambda: _healthy(stack) == RUNNING, TIMEOUT_S), stack.states()
    assert wait_until(lambda: _finds(api), TIMEOUT_S)
    assert wait_until(lambda: _workers(stack) == 2, TIMEOUT_S)


def _workers(stack: Stack) -> int:
    """How many workers the master knows, which find it again by themselves."""
    said = stack.compose("--profile", "spark", "exec", "-T", "spark-master", "python", "-c", WORKERS, check=False).stdout.strip()
    return int(said) if said.isdigit() else 0


def test_a_stack_of_which_everything_has_started_again_takes_a_load(stack: Stack, api: httpx.Client) -> None:
    _load(stack)
    assert _finds(api)


def test_the_guide_leads_to_a_new_version_and_back_with_the_same_data(stack: Stack, api: httpx.Client) -> None:
    """As docs/docker.md tells it: one version under two tags, with new keys and a rebuilt index as if that version asked for them."""
    for step in (("doctor",), ("snapshot", "create"), ("audit", "verify")):
        stack.run("admin", *step)
    live = _live(stack)
    newer = {name: _tagged(image) for name, image in stack.images.items()}
    stack.use(newer)
    stack.compose("--profile", "spark", "rm", "--stop", "--force", "spark-master", "spark-worker-1", "spark-worker-2")
    stack.run("setup-keys", "/setup/api/elasticsearch.key", "/setup/job/elasticsearch.key", "/setup/admin/analyst.key", entrypoint="rm")
    assert "api/elasticsearch.key" in stack.run("setup-keys").stdout
    stack.run("job", "index", "rebuild")
    assert _live(stack) != live
    assert _finds(api), "the old version goes on until the new one takes its place"
    stack.compose("--profile", "kibana", "up", "--detach")
    assert wait_until(lambda: _healthy(stack) == {"elasticsearch", "api", "kibana"}, TIMEOUT_S), stack.states()
    assert stack.running_images()["api"] == newer["API_IMAGE"]
    stack.run("admin", "keys", "revoke-old")
    stack.run("admin", "doctor")
    assert wait_until(lambda: _finds(api), TIMEOUT_S)
    # And back: the old version is started again on the same volumes.
    stack.down()
    stack.use(stack.images)
    stack.compose("--profile", "kibana", "up", "--detach")
    assert wait_until(lambda: _healthy(stack) == {"elasticsearch", "api", "kibana"}, TIMEOUT_S), stack.states()
    assert stack.running_images()["api"] == stack.images["API_IMAGE"]
    stack.run("job", "index", "rollback")
    assert _live(stack) == live
    assert wait_until(lambda: _finds(api), TIMEOUT_S)


def _live(stack: Stack) -> str:
    generations = msgspec.json.decode(stack.run("admin", "index", "list", "--json").stdout)
    [live] = [each["index"] for each in generations if each.get("live")]
    return str(live)


def _tagged(image: str) -> str:
    newer = f"{image.partition(':')[0]}:test-newer"
    call(DOCKER, "tag", image, newer)
    return newer
