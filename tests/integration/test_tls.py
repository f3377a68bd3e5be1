"""A node that speaks TLS, and keys that may do no more than they need; the superuser makes them and is not used again."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import elasticsearch
import httpx
import msgspec
import pytest
from elasticsearch import Elasticsearch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from crmsearch import node
from crmsearch.background import start_api, stop_api
from crmsearch.contract import RunReport
from crmsearch.errors import BackendAuthError, BackendTlsError, BackendUnavailableError, ConfigError, JobError
from crmsearch.indexing.client import make_async_client, make_client, translated_errors
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.logins import ROLES, Logins
from crmsearch.keyfile import make_vault
from crmsearch.loading import IngestOptions, Runner, load_changes, rebuild_customers
from crmsearch.node.certificates import make_certificates
from crmsearch.processes import wait_until
from crmsearch.sample import make_sample
from crmsearch.settings import Secret, Settings, child_environment
from spark.schemas import CLEANED, DOCUMENT_COLUMNS
from spark.write import to_elasticsearch
from tests.certificates import fingerprint, write
from tests.documents import BEGAN_AT, runs_of
from tests.node_fixture import START_TIMEOUT_S, local_settings
from tests.proxy import Proxy
from tests.vaults import VAULT

pytestmark = pytest.mark.skipif(not Path("/proc/net").exists(), reason="takes 127.0.0.2 for another host, which not every system has")

ROWS = 150
LOAD_TIMEOUT_S = 900  # for a command that loads, on a machine that is busy
CHANGE = "Customer ID,Name,Email,City\nNEW1,Ada Byron,ada@example.com,London\n"


def _with(settings: Settings, **given: Any) -> Settings:
    return msgspec.structs.replace(settings, elasticsearch=msgspec.structs.replace(settings.elasticsearch, **given))


def _crmsearch(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    return subprocess.run(
        [sys.executable, "-m", "crmsearch", *arguments],
        env={**inherited, **child_environment(settings), "COLUMNS": "200", **more},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LOAD_TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def superuser() -> Iterator[Settings]:
    with local_settings(heap="512m", tls=True) as settings:
        patient = msgspec.structs.replace(settings.node, start_timeout_s=START_TIMEOUT_S)
        yield node.ensure(msgspec.structs.replace(settings, node=patient))


@pytest.fixture(scope="module")
def key_files(superuser: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one use of the superuser: the keys, as the command makes them."""
    folder = tmp_path_factory.mktemp("keys") / "made"
    done = _crmsearch(superuser, "keys", "bootstrap", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    for role in ROLES:
        path = folder / f"{role}.key"
        assert (path.stat().st_mode & 0o777) == 0o600
        assert f"CRMSEARCH_ELASTICSEARCH_API_KEY_FILE={path}" in done.stdout
        assert path.read_text(encoding="ascii").strip() not in done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def keyed(superuser: Settings, key_files: Path) -> Callable[[str], Settings]:
    """The settings of one part: its key and no other login."""

    def of(role: str) -> Settings:
        return _with(
            superuser, username="", password=Secret(), api_key=Secret((key_files / f"{role}.key").read_text(encoding="ascii").strip())
        )

    return of


@pytest.fixture(scope="module")
def loaded(keyed: Callable[[str], Settings], key_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A sample loaded by the command with the key of the job out of its file: the real job, its connector included."""
    files = make_sample(tmp_path_factory.mktemp("sample"), ROWS, 5).files
    without_key = _with(keyed("job"), api_key=Secret())
    given = {
        "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE": str(key_files / "job.key"),
        "CRMSEARCH_SPARK_MASTER": "local[2]",
        "CRMSEARCH_SPARK_SHUFFLE_PARTITIONS": "2",
    }
    done = _crmsearch(without_key, "ingest", str(files["customers"]), "--region", "CN", "--json", **given)
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout, type=RunReport)
    assert report.indexed > ROWS / 2
    return keyed("job")


@pytest.fixture
def job(loaded: Settings) -> Iterator[tuple[Settings, Lifecycle]]:
    with make_client(loaded.elasticsearch) as client:
        yield loaded, Lifecycle(client, loaded.elasticsearch, make_vault(loaded))


def test_the_api_answers_everything_with_its_own_key(loaded: Settings, keyed: Callable[[str], Settings]) -> None:
    settings = keyed("api")
    url = start_api(settings, any_port=True).url
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:

            def ok(answer: httpx.Response) -> Any:
                assert answer.is_success, answer.text
                return answer.json()

            assert ok(http.get("/health/ready")) == {"status": "ready"}
            found = ok(http.post("/v1/customers/search", json={"q": "wang", "facets": ["city"], "size": 3, "exact_total": True}))
            assert found["hits"]
            first = found["hits"][0]["id"]
            if found["next_cursor"]:
                ok(http.post("/v1/customers/search", json={"q": "wang", "facets": ["city"], "size": 3, "cursor": found["next_cursor"]}))
            for path in (
                f"/v1/customers/{first}",
                f"/v1/customers/{first}/similar",
                f"/v1/customers/{first}/lineage",
                "/v1/customers/suggest?q=wa",
                "/v1/stats/age?by=gender",
                "/v1/stats/correlation?fields=age,quality_score",
                "/v1/insights",
                "/v1/segments",
            ):
                ok(http.get(path))
            assert http.get("/v1/customers/export?q=wang&format=ndjson").text.count("\n") == found["total"]
            named = {"name": "Wang Fang", "city": "Berlin"}
            assert ok(http.put(f"/v1/customers/{first}?refresh=wait_for", json=named))["customer"]["city"] == "Berlin"
            assert ok(http.get(f"/v1/customers/{first}"))["name"] == "Wang Fang"
            assert ok(http.post("/v1/customers/batch", json={"customers": [{"customer_id": first, **named}]}))["written"] == 1
            made = http.put("/v1/segments/ladies", json={"label": "Ladies", "filters": [{"field": "gender", "in": ["female"]}]})
            assert made.status_code == 201, made.text
            changed = {"label": "Women", "filters": [{"field": "gender", "in": ["female"]}]}
            ok(http.put("/v1/segments/ladies", json=changed, headers={"If-Match": made.headers["ETag"]}))
            assert ok(http.get("/v1/segments/ladies"))["size"] > 0
            assert len(ok(http.get("/v1/segments/ladies/versions"))["versions"]) == 2
            ok(http.get("/v1/segments/ladies/profile"))
            (run,) = ok(http.get("/v1/runs"))["runs"]
            assert run["state"] == "promoted"
            ok(http.get(f"/v1/runs/{run['run_id']}"))
            assert ok(http.post(f"/v1/customers/{first}/export"))["written_by_apps"]
            removed = ok(http.delete(f"/v1/customers/{first}"))["removed"]
            assert removed["crm-writes"] == 1
            assert [count for index, count in removed.items() if index.startswith("crm-customers-analytics-")] == [1]
            assert http.get(f"/v1/customers/{first}").status_code == 404
            assert wait_until(lambda: {"put", "erase"} <= {each["action"] for each in ok(http.get("/v1/audit"))["events"]}, 30.0)
            assert http.delete("/v1/segments/ladies", headers={"If-Match": http.get("/v1/segments/ladies").headers["ETag"]}).is_success
    finally:
        stop_api(settings)
    done = _crmsearch(settings, "stats", "age", "--by", "gender")
    assert done.returncode == 0, done.stderr


def test_changes_and_rebuilding_need_no_more_than_the_key_of_the_job(
    job: tuple[Settings, Lifecycle], runner: Runner, tmp_path: Path
) -> None:
    settings, lifecycle = job
    changes = tmp_path / "changes.csv"
    changes.write_text(CHANGE, encoding="utf-8")
    report = load_changes(settings, lifecycle, runs_of(lifecycle), IngestOptions(paths=(str(changes),)), runner=runner)
    assert report.indexed == 1
    assert rebuild_customers(lifecycle, runs_of(lifecycle), None) == lifecycle.live()
    lifecycle.rollback()
    assert lifecycle.prune(0) == []
    assert len(lifecycle.generations()) == 2


Refused = Callable[[Elasticsearch], Any]


@pytest.mark.parametrize(
    ("role", "call"),
    [
        ("api", lambda client: client.indices.delete(index="crm-customers-20260101t000000z")),
        ("api", lambda client: client.delete(index="crm-runs", id="x")),
        ("api", lambda client: client.indices.create(index="crm-customers-20990101t000000z")),
        ("api", lambda client: client.indices.delete(index="crm-keys")),
        ("api", lambda client: client.delete(index="crm-segments", id="x")),
        ("api", lambda client: client.indices.delete(index="crm-runs")),
        ("api", lambda client: client.index(index="crm-records-20260101t000000z", document={"component": 1})),
        ("api", lambda client: client.search(index="crm-customers-analytics")),
        ("api", lambda client: client.indices.update_aliases(actions=[{"remove_index": {"index": "crm-segments"}}])),
        ("job", lambda client: client.search(index="crm-segments")),
        ("job", lambda client: client.index(index="crm-writes", document={"customer_id": "x"})),
        ("job", lambda client: client.search(index="crm-keys")),
        ("job", lambda client: client.search(index="crm-audit")),
        ("job", lambda client: client.indices.delete(index="crm-segments")),
        ("job", lambda client: client.cluster.put_settings(persistent={"cluster.max_shards_per_node": 1})),
        ("job", lambda client: client.security.create_api_key(name="more", role_descriptors={"all": {"cluster": ["all"]}})),
        ("analyst", lambda client: client.search(index="crm-customers")),
        ("analyst", lambda client: client.search(index="crm-customers-20260101t000000z")),
        ("analyst", lambda client: client.index(index="crm-customers-analytics", document={"age": 1})),
        ("analyst", lambda client: client.search(index="crm-runs")),
    ],
)
def test_a_key_is_refused_what_it_is_not_for(audit: None, keyed: Callable[[str], Settings], role: str, call: Refused) -> None:
    with make_client(keyed(role).elasticsearch) as client, pytest.raises(elasticsearch.ApiError) as caught:
        call(client)
    assert caught.value.status_code in {400, 403}, caught.value
    assert "unauthorized" in str(caught.value) or "derived api keys" in str(caught.value)
    if caught.value.status_code == 403:
        with pytest.raises(BackendAuthError, match="privileges"), translated_errors():
            raise caught.value


@pytest.fixture(scope="module")
def audit(superuser: Settings, loaded: Settings) -> None:
    """An index that only an API makes which has run, so that it is the privilege that is refused and not the name."""
    with make_client(superuser.elasticsearch) as client:
        client.options(ignore_status=400).indices.create(index="crm-audit", settings={"number_of_replicas": 0})


def test_an_analyst_reads_what_holds_no_personal_data(loaded: Settings, superuser: Settings, keyed: Callable[[str], Settings]) -> None:
    with make_client(keyed("analyst").elasticsearch) as client, make_client(superuser.elasticsearch) as whole:
        assert client.count(index="crm-customers-analytics")["count"] == whole.count(index="crm-customers")["count"] > 0
        found = client.search(index="crm-*", size=0, aggs={"indices": {"terms": {"field": "_index"}}})["aggregations"]["indices"]
        names = {bucket["key"] for bucket in found["buckets"]}
        assert names == {name for name in names if name.startswith("crm-customers-analytics-2")} != set(), "a wildcard reaches no further"


def test_keys_are_made_again_and_old_ones_revoked(superuser: Settings, keyed: Callable[[str], Settings], tmp_path: Path) -> None:
    settings = _with(superuser, index_prefix="other")
    first = json.loads(_crmsearch(settings, "keys", "bootstrap", "--out", str(tmp_path), "--json").stdout)
    assert first["earlier"] == []
    old = (tmp_path / "api.key").read_text(encoding="ascii").strip()
    again = _crmsearch(settings, "keys", "bootstrap", "--out", str(tmp_path))
    assert "may be revoked" in again.stderr
    assert all(key["id"] not in again.stdout for key in first["keys"])
    with make_client(_with(superuser, username="", password=Secret(), api_key=Secret(old)).elasticsearch) as client:
        client.security.authenticate()
        assert len(_crmsearch(settings, "keys", "revoke-old").stdout.split()) == len(ROLES)
        with pytest.raises(BackendAuthError, match="API_KEY_FILE"), translated_errors():
            client.security.authenticate()
    rotated = json.loads(_crmsearch(settings, "keys", "bootstrap", "--out", str(tmp_path), "--rotate", "--show", "--json").stdout)
    assert [key["revoked"] for key in rotated["earlier"]] == [True] * len(ROLES)
    assert {key["encoded"] for key in rotated["keys"]} == {(tmp_path / f"{role}.key").read_text(encoding="ascii").strip() for role in ROLES}
    with make_client(superuser.elasticsearch) as client:
        assert len(Logins(client, "crm").all()) == len(ROLES), "those of another prefix were left alone"
    with make_client(keyed("job").elasticsearch) as client, pytest.raises(ConfigError, match="not by a key"):
        Logins(client, "crm").make(ROLES["api"], BEGAN_AT)


@pytest.mark.parametrize(("role", "enough"), [("job", "job, analyst"), ("api", "enough for api"), ("analyst", "enough for analyst")])
def test_the_doctor_tells_login_certificate_and_privileges(
    loaded: Settings, keyed: Callable[[str], Settings], role: str, enough: str
) -> None:
    checks = {each["name"]: each for each in json.loads(_crmsearch(keyed(role), "doctor", "--json").stdout)["checks"]}
    assert f"crm-{role}-" in checks["Elasticsearch"]["detail"]
    assert checks["certificate"]["detail"].startswith("valid until")
    assert enough in checks["privileges"]["detail"]


def test_the_doctor_says_what_is_wrong(superuser: Settings, tmp_path: Path) -> None:
    other = str(write(tmp_path / "other.crt", make_certificates().authority))
    plain = superuser.elasticsearch.url.replace("https:", "http:")
    for given, said in (
        ({"ca_file": other}, "CA_FILE"),
        ({"url": plain, "ca_file": ""}, "https://"),
        ({"password": Secret("wrong")}, "refuses the login"),
    ):
        checks = {each["name"]: each for each in json.loads(_crmsearch(_with(superuser, **given), "doctor", "--json").stdout)["checks"]}
        assert not checks["Elasticsearch"]["ok"]
        assert said in checks["Elasticsearch"]["detail"]


def _ask(settings: Settings) -> None:
    with translated_errors(), make_client(settings.elasticsearch) as client:
        client.options(max_retries=0).security.authenticate()


def _ask_async(settings: Settings) -> None:
    async def asked() -> None:
        client = make_async_client(settings.elasticsearch)
        try:
            await client.options(max_retries=0).security.authenticate()
        finally:
            await client.close()

    with translated_errors():
        asyncio.run(asked())


@pytest.fixture
def ways(spark: SparkSession, job: tuple[Settings, Lifecycle]) -> Iterator[tuple[Callable[[Settings], None], ...]]:
    """The three clients: each does something with these settings or raises."""
    index = job[1].create(BEGAN_AT)
    row = tuple({"customer_id": "T1", "name": "Geheim"}.get(name) for name in DOCUMENT_COLUMNS)
    documents: DataFrame = spark.createDataFrame([row], StructType([CLEANED[name] for name in DOCUMENT_COLUMNS]))

    def write_by_spark(settings: Settings) -> None:
        quick = msgspec.structs.replace(settings, spark=msgspec.structs.replace(settings.spark, write_retries=0))
        assert to_elasticsearch(documents, index, quick, VAULT) == []

    yield _ask, _ask_async, write_by_spark
    job[1].delete(index)


def test_all_clients_trust_the_same(ways: tuple[Callable[[Settings], None], ...], loaded: Settings) -> None:
    (address,) = loaded.elasticsearch.addresses
    presented = fingerprint(ssl.get_server_certificate((address.host, address.port)))
    for way in ways:
        way(loaded)
        way(_with(loaded, ca_file="", fingerprint=presented))
        way(_with(loaded, url=f"https://localhost:{address.port},{address.url}"))


def test_all_clients_refuse_the_same(ways: tuple[Callable[[Settings], None], ...], loaded: Settings, tmp_path: Path) -> None:
    other = str(write(tmp_path / "other.crt", make_certificates().authority))
    (address,) = loaded.elasticsearch.addresses
    with Proxy((address.host, address.port), late_s=0, host="127.0.0.2").running() as proxy:
        for way in ways:
            for given, said in (
                ({"ca_file": other}, "CA_FILE"),
                ({"ca_file": "", "fingerprint": "ab" * 32}, "FINGERPRINT"),
                ({"url": f"https://127.0.0.2:{proxy.port}"}, "another host"),
            ):
                with pytest.raises(BackendTlsError, match=said):
                    way(_with(loaded, **given))
    for way in ways[:2]:
        with pytest.raises(BackendUnavailableError, match="https://"):
            way(_with(loaded, url=f"http://127.0.0.1:{address.port}", ca_file=""))


def test_the_connector_itself_refuses_any_certificate_but_the_verified_one(
    ways: tuple[Callable[[Settings], None], ...], loaded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ssl.PEM_cert_to_DER_cert(make_certificates().certificate)
    monkeypatch.setattr("spark.truststore.verified_certificates", lambda settings: [other])
    with pytest.raises(JobError, match="another certificate") as caught:
        ways[2](loaded)
    assert "Geheim" not in caught.value.detail
