"""A real S3 server: reading, writing, what is refused with which words, and where no key is ever seen.

Spark gets a process of its own here: the one that other tests share is started without the jars of S3A, as any run is that needs none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import msgspec
import pytest

from crmsearch.errors import ConfigError
from crmsearch.jobs import connector_jar, job_environment, run_ingest, storage_jars
from crmsearch.processes import free_port, wait_until
from crmsearch.settings import CLOUDS, CREDENTIAL_VARIABLES, Cloud, Secret, Settings, StorageCredentials, StorageSettings, from_env
from spark.storage import s3a_options
from tests.spark.test_sources import archive, workbook

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60
CSV = "客户编号,姓名,城市,手机\nK1,王小明,北京,13800138000\nK2,李娜,上海,13900139000\nK3,,,\n"
KEY = StorageCredentials(Secret("AK"), Secret("SK"))


# The server checks signatures by botocore, which leaves the user agent out of them; Java's SDK signs it.
SERVER = """
import sys
import botocore.auth
from moto.server import main

botocore.auth.SIGNED_HEADERS_BLACKLIST = [each for each in botocore.auth.SIGNED_HEADERS_BLACKLIST if each != "user-agent"]
main(sys.argv[1:])
"""


class Store(msgspec.Struct, frozen=True):
    """The server: its address, a bucket, and a key that may use it."""

    endpoint: str
    access_key: str
    secret_key: str
    client: Any

    def names(self, prefix: str) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket="crm", Prefix=prefix).get("Contents", ())]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    port = free_port(5000)
    endpoint = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("s3") / "server.log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", SERVER, "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        if not wait_until(lambda: _answers(endpoint) or server.poll() is not None, START_TIMEOUT_S) or server.poll() is not None:
            pytest.fail(f"the S3 server did not start:\n{log.read_text(encoding='utf-8')}")
        yield _furnished(endpoint)
    finally:
        server.terminate()
        server.wait(30)


def _answers(endpoint: str) -> bool:
    try:
        with urlopen(f"{endpoint}/moto-api/data.json", timeout=5):
            return True
    except OSError:
        return False


def _furnished(endpoint: str) -> Store:
    """A bucket with files in it, and from then on only one key is let in."""
    root = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "root", "aws_secret_access_key": "root"}
    storage, users = boto3.client("s3", **root), boto3.client("iam", **root)
    storage.create_bucket(Bucket="crm")
    files = {
        "in/客户.csv": CSV.encode(),
        "in/book.xlsx": workbook({"Leads": [["Name", "City"], ["Bob", "Rome"]]}),
        "in/export.zip": archive({"客户.csv": CSV}),
    }
    for name, content in files.items():
        storage.put_object(Bucket="crm", Key=name, Body=content)
    users.create_user(UserName="crmsearch")
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]}
    users.put_user_policy(UserName="crmsearch", PolicyName="s3", PolicyDocument=json.dumps(allowed))
    key = users.create_access_key(UserName="crmsearch")["AccessKey"]
    own = {**root, "aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    enforce = Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST")
    with urlopen(enforce, timeout=10) as answer:
        assert answer.status == 200
    return Store(endpoint, key["AccessKeyId"], key["SecretAccessKey"], boto3.client("s3", **own))


def _settings(store: Store) -> Settings:
    settings = from_env()
    return msgspec.structs.replace(
        settings,
        spark=msgspec.structs.replace(settings.spark, master="local[2]", driver_memory="1g", shuffle_partitions=2),
        storage=StorageSettings(endpoint=store.endpoint, path_style=True),
    )


# Everything that wants a Spark with the jars of S3A, in one of them; what it finds goes to stdout.
PROBE = r"""
import json, os, sys
from pathlib import Path
import msgspec
from crmsearch.errors import CrmSearchError
from crmsearch.settings import StorageSettings, from_env
from spark.read import inspect_sources, read_source
from spark.session import make_session
from spark.storage import list_files, reach, translated
from spark.unpack import make_workspace

settings = from_env()
spark = make_session(settings.spark, "s3 probe", settings.storage)
found = {"rows": {}, "errors": {}}
with make_workspace(spark, settings) as workspace:
    for path in ("s3a://crm/in/客户.csv", "s3://crm/in/book.xlsx", "s3a://crm/in/export.zip"):
        for source in inspect_sources(spark, path, "UTF-8", workspace):
            found["rows"][source.path] = sorted(list(row["cells"]) for row in read_source(spark, source).collect())
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"], os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = (
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    (source,) = inspect_sources(spark, "oss://crm/in/客户.csv", "UTF-8", workspace)
    found["oss"] = [source.path, source.location]


def attempt(name, path, storage=settings.storage, **environment):
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        list_files(spark, reach(spark, path, storage), path)
    except CrmSearchError as error:
        found["errors"][name] = [type(error).__name__, error.detail]
    finally:
        os.environ.clear()
        os.environ.update(before)


attempt("missing key", "s3a://crm/in/nothing.csv")
attempt("missing bucket", "s3a://nobody-has-this/in/a.csv")
elsewhere = msgspec.structs.replace(settings.storage, endpoint="http://127.0.0.1:1")
attempt("unreachable", "s3a://elsewhere/in/a.csv", elsewhere)
# A file system is kept with the key that it was opened with, so each wrong key asks of a bucket of its own.
attempt("wrong secret", "s3a://wrong-secret/in/a.csv", AWS_SECRET_ACCESS_KEY="WRONG-" + "x" * 30)
attempt("wrong key", "s3a://wrong-key/in/a.csv", AWS_ACCESS_KEY_ID="AKIAWRONG")
attempt("no key", "cosn://crm/in/a.csv")

out = reach(spark, "s3a://crm/probe", settings.storage)
with translated(out):
    spark.range(3).write.mode("overwrite").parquet(out)
    found["written"] = spark.read.parquet(out).count()
secret = os.environ["AWS_SECRET_ACCESS_KEY"]
seen = {
    "Spark's configuration": str(spark.sparkContext.getConf().getAll()),
    "SQL settings": str(spark.sql("SET -v").collect()) + str(spark.sql("SET").collect()),
    "Java's properties": str(spark._jvm.System.getProperties().toString()),
    "command lines": " ".join(path.read_bytes().decode(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()),
}
found["leaks"] = [place for place, text in seen.items() if secret in text]
found["commands seen"] = "spark" in seen["command lines"]
spark.stop()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def probed(store: Store) -> dict[str, Any]:
    settings = _settings(store)
    spark = msgspec.structs.replace(settings.spark, connector_jar=str(connector_jar(settings)))
    storage = msgspec.structs.replace(settings.storage, jars=storage_jars(settings, ["s3a://crm/in"]))
    environment = job_environment(msgspec.structs.replace(settings, spark=spark, storage=storage))
    keys = {"AWS_ACCESS_KEY_ID": store.access_key, "AWS_SECRET_ACCESS_KEY": store.secret_key}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=ROOT, env=environment | keys, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert store.secret_key not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_tables_are_read_from_a_bucket(probed: dict[str, Any]) -> None:
    rows = [[cell or None for cell in line.split(",")] for line in CSV.splitlines()[1:]]
    assert probed["rows"] == {
        "s3a://crm/in/客户.csv": rows,
        "s3://crm/in/book.xlsx#Leads": [["Bob", "Rome"]],
        "s3a://crm/in/export.zip#客户.csv": rows,
    }


def test_the_scheme_of_a_cloud_means_its_object_store(probed: dict[str, Any]) -> None:
    assert probed["oss"] == ["oss://crm/in/客户.csv", "s3a://crm/in/客户.csv"]


def test_results_are_written_to_a_bucket(probed: dict[str, Any]) -> None:
    assert probed["written"] == 3


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("missing key", "InputError", "does not exist"),
        ("missing bucket", "InputError", "no such bucket"),
        ("unreachable", "InputError", "cannot be reached"),
        ("wrong secret", "InputError", "is the key right"),
        ("wrong key", "InputError", "is the key right"),
        ("no key", "ConfigError", "TENCENTCLOUD_SECRET_ID"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(probed: dict[str, Any], store: Store, case: str, kind: str, words: str) -> None:
    found, text = probed["errors"][case]
    assert (found, words in text) == (kind, True), text
    assert "\n" not in text
    assert not any(secret in text for secret in (store.access_key, store.secret_key, "WRONG"))


def test_no_key_is_seen_in_configuration_or_on_a_command_line(probed: dict[str, Any]) -> None:
    assert probed["leaks"] == []
    assert probed["commands seen"]


def test_the_real_job_reads_and_writes_a_bucket(store: Store, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.secret_key)
    lines: list[str] = []
    report = run_ingest(
        _settings(store), ["s3a://crm/in/客户.csv", "--out", "s3a://crm/out", "--region", "CN"], lambda event: lines.append(str(event))
    )
    assert (report.rows_read, report.indexed, report.quarantined) == (3, 2, 1)
    assert report.inputs[0].path == "s3a://crm/in/客户.csv"
    for folder in ("customers", "quarantine", "clusters"):
        assert f"out/{folder}/_SUCCESS" in store.names(f"out/{folder}/")
    assert store.secret_key not in "".join(lines) + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("cloud", "region", "endpoint"),
    [
        ("aws", "eu-central-1", None),
        ("aliyun", "cn-hangzhou", "https://oss-cn-hangzhou.aliyuncs.com"),
        ("aliyun", "oss-cn-hangzhou", "https://oss-cn-hangzhou.aliyuncs.com"),
        ("tencent", "ap-guangzhou", "https://cos.ap-guangzhou.myqcloud.com"),
        ("huawei", "cn-north-4", "https://obs.cn-north-4.myhuaweicloud.com"),
    ],
)
def test_every_cloud_has_its_address(cloud: Cloud, region: str, endpoint: str | None) -> None:
    options = s3a_options("b", StorageSettings(cloud=cloud, region=region), cloud, KEY)
    assert options.get("fs.s3a.bucket.b.endpoint") == endpoint
    assert options["fs.s3a.bucket.b.endpoint.region"] == region
    assert options["fs.s3a.bucket.b.access.key"] == "AK"
    assert options["fs.s3a.bucket.b.path.style.access"] == "false"


def test_an_address_of_ones_own_wins_and_temporary_keys_have_a_token() -> None:
    storage = StorageSettings(cloud="aliyun", endpoint="http://minio:9000", path_style=True)
    options = s3a_options("b", storage, "aliyun", StorageCredentials(Secret("AK"), Secret("SK"), Secret("T")))
    assert options["fs.s3a.bucket.b.endpoint"] == "http://minio:9000"
    assert options["fs.s3a.bucket.b.connection.ssl.enabled"] == "false"
    assert options["fs.s3a.bucket.b.path.style.access"] == "true"
    assert options["fs.s3a.bucket.b.session.token"] == "T"
    assert "Temporary" in options["fs.s3a.bucket.b.aws.credentials.provider"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_amazons_machines_do_without_a_key(cloud: Cloud) -> None:
    storage = StorageSettings(cloud=cloud, region="cn-north-4")
    if cloud == "aws":
        assert not any("key" in name for name in s3a_options("b", storage, cloud, None))
        return
    with pytest.raises(ConfigError, match=CREDENTIAL_VARIABLES[cloud][0]):
        s3a_options("b", storage, cloud, None)


def test_a_cloud_without_a_region_says_so() -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_STORAGE_REGION"):
        s3a_options("b", StorageSettings(cloud="huawei"), "huawei", KEY)
