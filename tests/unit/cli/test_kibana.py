"""``crmsearch kibana``: the file, and a Kibana that is set up, as whoever types the command sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crmsearch.cli import cli
from crmsearch.errors import ConfigError, KibanaError
from crmsearch.kibana.objects import build_objects, to_ndjson
from crmsearch.kibana.views import Place
from tests.kibana_server import API_KEY, PASSWORD, USER, StandIn, standing_in


@pytest.fixture
def server() -> Iterator[StandIn]:
    with standing_in() as found:
        yield found


@pytest.fixture
def login_file(tmp_path: Path) -> Path:
    path = tmp_path / "login"
    path.write_text(f"{USER}:{PASSWORD}\n", encoding="utf-8")
    return path


def _run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["kibana", *arguments], env=env)


def test_the_file_goes_to_stdout_or_where_it_is_wanted(tmp_path: Path) -> None:
    wanted = to_ndjson(build_objects(Place(prefix="shop", console="https://crm.example.com")))
    options = ("build", "--console", "https://crm.example.com")
    env = {"CRMSEARCH_ELASTICSEARCH_INDEX_PREFIX": "shop"}
    assert _run(*options, env=env).stdout_bytes == wanted
    out = tmp_path / "out.ndjson"
    assert _run(*options, "--out", str(out), env=env).stdout == ""
    assert out.read_bytes() == wanted
    assert isinstance(_run("build", "--out", str(tmp_path / "no" / "out")).exception, ConfigError)


def test_setting_up_tells_what_changed_and_then_that_nothing_did(server: StandIn, login_file: Path) -> None:
    first = _run("setup", "--url", server.url, "--login-file", str(login_file))
    assert first.exit_code == 0, first.output
    assert "8 of 9 were changed" in first.stderr
    assert "crm-dashboard-quality" in first.stdout
    again = _run("setup", "--url", server.url, "--login-file", str(login_file))
    assert "Nothing had to be changed" in again.stderr
    told = json.loads(_run("setup", "--url", server.url, "--login-file", str(login_file), "--json").stdout)
    assert {each["state"] for each in told} == {"unchanged"}


@pytest.mark.parametrize("env", [{"USERNAME": USER, "PASSWORD": PASSWORD}, {"API_KEY": API_KEY}])
def test_the_login_may_come_from_the_environment(server: StandIn, env: dict[str, str]) -> None:
    variables = {f"CRMSEARCH_KIBANA_{name}": value for name, value in env.items()}
    assert _run("setup", "--url", server.url, env=variables).exit_code == 0


@pytest.mark.parametrize("env", [{}, {"CRMSEARCH_KIBANA_USERNAME": "a", "CRMSEARCH_KIBANA_API_KEY": "b"}])
def test_one_login_is_needed(server: StandIn, env: dict[str, str]) -> None:
    assert isinstance(_run("setup", "--url", server.url, env=env).exception, ConfigError)
    assert server.writes == []


@pytest.mark.parametrize(
    "options",
    [("--user", "ada"), ("--space", "Sales/../x"), ("--console", "javascript:x"), ("--login-file", "/no/such/file"), ("--wait", "-1")],
)
def test_what_makes_no_sense_is_refused_before_kibana_is_asked(server: StandIn, options: tuple[str, ...]) -> None:
    assert _run("setup", "--url", server.url, *options).exit_code == 2
    assert server.writes == []


def test_a_failure_is_one_of_kibana_and_does_not_show_the_login(server: StandIn, login_file: Path) -> None:
    server.forbidden = "/api/data_views"
    failed = _run("setup", "--url", server.url, "--login-file", str(login_file))
    assert isinstance(failed.exception, KibanaError)
    assert PASSWORD not in failed.output + failed.exception.detail
