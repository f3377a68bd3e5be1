"""The command line as a process: data on stdout, words on stderr, exit codes, and nothing left behind when it is interrupted."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from crmsearch import cli
from crmsearch.background import running_api
from crmsearch.cleaning.forms import search_forms
from crmsearch.errors import LoadRunningError
from crmsearch.indexing.names import analytics_index, run_of
from crmsearch.keyfile import with_keys
from crmsearch.processes import command_lines, wait_until
from crmsearch.settings import Secret, Settings, child_environment
from tests.conftest import SAMPLE_ROWS, Loaded
from tests.documents import own_prefix, put_documents
from tests.reports import REPORT

Crmsearch = Callable[..., subprocess.CompletedProcess[str]]


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    return {**inherited, **child_environment(settings), "COLUMNS": "200"}


def _run(settings: Settings, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crmsearch", *arguments],
        env=_environment(settings),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture
def crmsearch(loaded: Loaded) -> Crmsearch:
    return lambda *arguments: _run(loaded.settings, *arguments)


def _with(settings: Settings, **given: Any) -> Settings:
    return msgspec.structs.replace(settings, elasticsearch=msgspec.structs.replace(settings.elasticsearch, **given))


def test_search_for_machines_and_for_people(crmsearch: Crmsearch, loaded: Loaded) -> None:
    found = crmsearch("search", "wang", "--filter", "gender:female", "--size", "3", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    answer = json.loads(found.stdout)
    assert len(answer["hits"]) == 3
    assert {hit["customer"]["gender"] for hit in answer["hits"]} == {"female"}
    table = crmsearch("search", "wang", "-f", "gender:female", "--size", "3")
    assert table.returncode == 0
    assert all(hit["id"] in table.stdout for hit in answer["hits"])
    assert f"{answer['total']:,} found" in table.stderr
    assert "found" not in table.stdout


def test_statistics_for_machines_and_for_people(crmsearch: Crmsearch, loaded: Loaded) -> None:
    found = crmsearch("stats", "age", "--by", "gender", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    answer = json.loads(found.stdout)
    assert answer["population"] == loaded.report.indexed
    table = crmsearch("stats", "age", "--by", "gender")
    assert table.returncode == 0
    assert f"{answer['fields']['age']['mean']:,.2f}" in table.stdout
    assert "sample variance" in table.stdout
    narrow = crmsearch("stats", "age", "--by", "city", "--size", "2")
    assert "groups not shown" in narrow.stderr


def test_generations_for_machines_and_for_people(crmsearch: Crmsearch, loaded: Loaded) -> None:
    found = json.loads(crmsearch("index", "list", "--json").stdout)
    assert [each["index"] for each in found if each["live"]] == [loaded.report.index]
    table = crmsearch("index", "list")
    assert loaded.report.index is not None
    assert loaded.report.index in table.stdout
    assert "live" in table.stdout


def test_doctor_tells_what_is_there(crmsearch: Crmsearch, loaded: Loaded) -> None:
    answer = crmsearch("doctor", "--json")
    checks = {each["name"]: each for each in json.loads(answer.stdout)["checks"]}
    assert answer.returncode == (0 if all(each["ok"] for each in checks.values()) else 1)
    assert checks["Elasticsearch"]["ok"]
    assert checks["customer index"]["detail"] == f"{loaded.report.indexed:,} customers"
    assert checks["analysts' index"]["detail"] == analytics_index(loaded.settings.elasticsearch.index_prefix, str(loaded.report.index))
    password = str(loaded.settings.elasticsearch.password)
    assert not password or password not in answer.stdout
    assert "customer index" in crmsearch("doctor").stdout
    broken = _run(_with(loaded.settings, url="http://127.0.0.1:1"), "doctor")
    assert broken.returncode == 1
    assert "WRONG" in broken.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search"], 2, "TEXT"),
        (["serch", "x"], 2, "serch"),
        (["search", "x", "--filter", "colour:red"], 2, "colour"),
        (["search", "x", "--filter", "age"], 2, "field:value"),
        (["search", "x" * 5000], 2, "4096"),
        (["stats", "name"], 2, "name is not numeric"),
        (["stats", "age", "--by", "notes"], 2, "notes"),
        (["ingest"], 2, "PATH"),
        (["ingest", "/no/such/file.csv"], 5, "/no/such/file.csv does not exist"),
        (["clean", "/no/such/file.csv", "--out", "/tmp/never"], 5, "does not exist"),
        (["ingest", __file__, "--map", "name"], 2, "FIELD=HEADER"),
        (["ingest", __file__, "--source", "Sales Force"], 2, "--source"),
        (["ingest", __file__, "--mode", "incremental", "--orders", __file__], 2, "by a full one"),
        (["ingest", "--removed", "/no/such/file.csv", "--mode", "incremental"], 5, "/no/such/file.csv does not exist"),
        (["index", "promote", "crm-customers-20200101t000000z"], 1, "index list"),
        (["index", "promote", "*"], 1, "index list"),
        (["index", "promote", "*", "--report", __file__], 5, "not the report of a run"),
        (["serve", "--host", "0.0.0.0"], 2, "crmsearch keys create"),
    ],
)
def test_mistakes_are_named_with_their_exit_code(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    # In this process, since the start of one takes longer than finding a mistake; how a process ends is tested elsewhere.
    monkeypatch.setattr(os, "environ", _environment(loaded.settings))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    answer = capsys.readouterr()
    assert ended.value.code == code, answer.err
    assert words in answer.err
    assert answer.out == ""
    # Long before a Spark could have started.
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CRMSEARCH_ELASTICSEARCH_TIMEOUT_S", "soon", "CRMSEARCH_ELASTICSEARCH_TIMEOUT_S"),
        ("CRMSEARCH_ELASTICSAERCH_URL", "http://127.0.0.1:1", "unknown setting CRMSEARCH_ELASTICSAERCH_URL"),
        ("CRMSEARCH_API_PORT", "99999", "CRMSEARCH_API_PORT"),
    ],
)
def test_wrong_settings_are_named(loaded: Loaded, variable: str, value: str, words: str) -> None:
    command = [sys.executable, "-m", "crmsearch", "search", "x"]
    answer = subprocess.run(
        command, env={**_environment(loaded.settings), variable: value}, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 2
    assert words in answer.stderr


@pytest.mark.parametrize("arguments", [["search", "x"], ["stats", "age"], ["index", "list"], ["ingest", __file__]])
@pytest.mark.parametrize("given", [{"url": "http://127.0.0.1:1"}, {"password": Secret("wrong"), "username": "nobody"}])
def test_a_node_that_is_down_or_refuses_is_exit_four(loaded: Loaded, given: dict[str, Any], arguments: list[str]) -> None:
    if "password" in given and not loaded.settings.elasticsearch.username:
        pytest.skip("the Elasticsearch that is set knows no users; a local node does")
    answer = _run(_with(loaded.settings, **given), *arguments)
    assert answer.returncode == 4, answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")


def test_serve_on_a_taken_port_says_what_to_do(loaded: Loaded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = _run(loaded.settings, "serve", "--port", port)
    assert answer.returncode == 2
    assert f"port {port}" in answer.stderr
    assert "--port" in answer.stderr


def test_sample_is_the_same_for_the_same_seed(crmsearch: Crmsearch, tmp_path: Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        answer = crmsearch("sample", "--rows", "200", "--seed", seed, "--out", str(tmp_path / name), "--json")
        assert answer.returncode == 0
        assert json.loads(answer.stdout)["rows"]["customers"] == 200
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert (tmp_path / "a" / "customers.csv").read_bytes() != (tmp_path / "c" / "customers.csv").read_bytes()


def test_generations_are_moved_from_the_command_line(node_settings: Settings, tmp_path: Path) -> None:
    def report(indexed: int) -> str:
        written = msgspec.structs.replace(REPORT, run_id=run_of(index), index=index, indexed=indexed, contents=[])
        (tmp_path / "report.json").write_bytes(msgspec.json.encode(written))
        return str(tmp_path / "report.json")

    def states() -> dict[str, str | None]:
        return {each["index"]: each["state"] for each in json.loads(_run(settings, "index", "list", "--json").stdout)}

    with own_prefix(node_settings, "cli") as (settings, lifecycle):
        old = put_documents(lifecycle, [{"name": "Old"}])
        made = _run(settings, "index", "create")
        assert made.returncode == 0
        index = made.stdout.strip()
        lifecycle._client.index(index=index, id="1", document={"customer_id": "1", **search_forms({"customer_id": "1"})})
        assert _run(settings, "index", "promote", index, "--report", report(2)).returncode == 6
        assert lifecycle.live() is None
        assert _run(settings, "index", "promote", index, "--report", report(1)).returncode == 0
        assert lifecycle.live() == index
        assert states() == {index: "promoted", old: None}
        listed = json.loads(_run(settings, "index", "list", "--json").stdout)
        assert {each["index"]: each["analytics"] for each in listed} == {index: False, old: True}, "the job wrote nothing for analysts"
        assert "crmsearch index rebuild" in " ".join(_run(settings, "index", "list").stdout.split())
        told = {each["name"]: each for each in json.loads(_run(settings, "doctor", "--json").stdout)["checks"]}
        assert not told["analysts' index"]["ok"]
        assert "crmsearch index rebuild" in told["analysts' index"]["detail"]
        with lifecycle.lock.held("ingest"):
            for words in (("promote", old), ("prune",)):
                refused = _run(settings, "index", *words)
                assert (refused.returncode, refused.stdout) == (LoadRunningError.exit_code, "")
                assert "another load is running: ingest by process" in refused.stderr
        assert lifecycle.live() == index
        rolled = _run(settings, "index", "rollback")
        assert (rolled.returncode, lifecycle.live()) == (0, old)
        assert old in rolled.stderr
        assert states() == {index: "rolled back", old: None}
        lifecycle.promote(index)
        pruned = _run(settings, "index", "prune", "--keep", "0")
        assert (pruned.returncode, pruned.stdout) == (0, f"{old}\n")


@pytest.fixture
def apart(loaded: Loaded, tmp_path: Path) -> Iterator[Settings]:
    """The same Elasticsearch, with a state directory of its own, so that no running service is in the way."""
    paths = msgspec.structs.replace(loaded.settings.paths, state_dir=str(tmp_path / "state"))
    settings = msgspec.structs.replace(with_keys(loaded.settings, loaded.lifecycle.vault), paths=paths)
    yield settings
    _run(settings, "down")


def test_up_beyond_this_machine_without_a_key_is_refused(apart: Settings) -> None:
    answer = _run(apart, "up", "--host", "0.0.0.0")
    assert answer.returncode == 2
    assert "crmsearch keys create" in answer.stderr
    assert running_api(apart) is None


def test_up_and_down_may_be_said_twice(apart: Settings) -> None:
    first = _run(apart, "up")
    assert first.returncode == 0, first.stderr
    url = first.stdout.strip()
    assert _run(apart, "up").stdout.strip() == url
    assert httpx.get(f"{url}health/ready", trust_env=False, timeout=10).status_code == 200
    record = running_api(apart)
    assert record is not None
    down = _run(apart, "down")
    assert down.returncode == 0
    assert "API stopped" in down.stderr
    assert running_api(apart) is None
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False, timeout=5)
    again = _run(apart, "down")
    assert again.returncode == 0
    assert "was not running" in again.stderr


def test_ctrl_c_during_a_load_leaves_nothing_behind(node_settings: Settings, loaded: Loaded, tmp_path: Path) -> None:
    source = tmp_path / "large.csv"
    with (loaded.sample / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    text = StringIO()
    csv.writer(text).writerows([header, *(row for _ in range(10) for row in rows)])
    source.write_text(text.getvalue(), encoding="utf-8")
    with own_prefix(node_settings, "interrupted") as (settings, lifecycle):
        process = subprocess.Popen(
            [sys.executable, "-m", "crmsearch", "ingest", str(source), "--region", "CN"],
            env=_environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("clean"):
                    break
            assert len(lifecycle.generations()) == 1, "the load is under way"
            assert any(str(source) in line for line in _others(process.pid).values())
            # As a terminal does it: the command, the job and its JVM all hear of it.
            os.killpg(process.pid, signal.SIGINT)
            _, words = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert process.returncode == 130, words
        assert "interrupted" in words
        assert "Traceback" not in words
        assert lifecycle.generations() == []
        assert lifecycle.live() is None
        assert wait_until(lambda: not any(str(source) in line for line in _others(process.pid).values()), 20)


def _others(pid: int) -> dict[int, str]:
    return {other: line for other, line in command_lines().items() if other not in {pid, os.getpid()}}


def test_output_into_a_closed_pipe_is_no_error(loaded: Loaded) -> None:
    command = f"{sys.executable} -m crmsearch search '' --size 100 --json | head -n 1"
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=_environment(loaded.settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (0, "{\n")
    assert "Traceback" not in answer.stderr
    assert loaded.report.rows_read == SAMPLE_ROWS
