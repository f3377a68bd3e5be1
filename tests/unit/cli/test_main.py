"""How a command ends: the exit code of the error's class, one line on stderr, never a traceback."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from crmsearch import cli
from crmsearch.cli import service
from crmsearch.cli.data import _options, _share
from crmsearch.errors import (
    BackendUnavailableError,
    ConfigError,
    ContractMismatchError,
    CrmSearchError,
    InputError,
    JobError,
    NodeError,
    NotFoundError,
    UnknownFieldError,
)
from crmsearch.settings import from_env


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """``main`` takes SIGTERM for its own; the tests' process gets its own back."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def end_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """A command ``fail`` that raises what is put into the list."""
    raised: list[BaseException] = []

    @click.command("fail")
    def fail() -> None:
        raise raised[0]

    cli.cli.add_command(fail)
    yield raised
    cli.cli.commands.pop("fail")


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownFieldError("no field [red]x[/]"), 2),
        (ConfigError("set [x]"), 2),
        (ContractMismatchError("load again"), 3),
        (BackendUnavailableError("down"), 4),
        (InputError("a.csv is empty"), 5),
        (JobError("failed\n  last line"), 6),
        (NodeError("node"), 7),
        (NotFoundError("nothing"), 1),
    ],
)
def test_errors_end_with_their_own_code_and_sentence(
    end_with: list[BaseException], capsys: pytest.CaptureFixture[str], error: CrmSearchError, code: int
) -> None:
    end_with.append(error)
    assert _run("fail") == code
    shown = capsys.readouterr()
    assert shown.err == f"error: {error.detail}\n"
    assert shown.out == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_ends_as_a_shell_expects(
    end_with: list[BaseException], capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    end_with.append(error)
    assert _run("fail") == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_stop_by_a_process_manager_cleans_up_too(end_with: list[BaseException]) -> None:
    cli.main(["--version"])
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("arguments", [["--colour"], ["nothing"], ["sample", "--rows", "0"], ["search"]])
def test_usage_errors_are_exit_two(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert _run(*arguments) == 2
    assert "Usage:" in capsys.readouterr().err


def test_paths_are_made_absolute_and_remote_ones_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.xlsx", "x=y.csv"):
        Path(name).write_text("Name\nAda\n", encoding="utf-8")
    found = _options(
        paths=("a.csv", "hdfs://host/b.csv", "part-*.csv", "erp=a.csv", "x=y.csv", "b.xlsx#Leads", "zoho=s3a://bucket/a.csv"),
        orders=("shop=a.csv",),
        source="zoho",
        region="cn",
        columns=("name=Kunde=x",),
    )
    here = str(tmp_path)
    assert found.paths == (
        f"{here}/a.csv",
        "hdfs://host/b.csv",
        f"{here}/part-*.csv",
        f"erp={here}/a.csv",
        f"{here}/x=y.csv",
        f"{here}/b.xlsx#Leads",
        "zoho=s3a://bucket/a.csv",
    )
    assert found.orders == (f"shop={here}/a.csv",)
    assert (found.region, found.columns) == ("CN", ("name=Kunde=x",))


def test_results_never_replace_an_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out" / "customers"
    folder.mkdir(parents=True)
    (folder / "part.csv").write_text("Name\nAda\n", encoding="utf-8")
    assert _run("clean", str(folder), "--out", str(tmp_path / "out")) == ConfigError.exit_code
    assert "would be replaced" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("100%", 1.0), ("0", 0.0)])
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert _share(click.Context(click.Command("x")), click.Option(["--max-rejected"]), text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "-1%", "101%", "many", "", "nan", "%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="5%"):
        _share(click.Context(click.Command("x")), click.Option(["--max-rejected"]), text)


@pytest.mark.parametrize(
    ("paths", "source", "columns", "error"),
    [
        (("missing.csv",), "generic", (), InputError),
        (("missing.xlsx#Leads",), "auto", (), InputError),
        (("hdfs://host/a.csv",), "Sales Force", (), ConfigError),
        (("hdfs://host/a.csv",), "", (), ConfigError),
        (("hdfs://host/a.csv",), "salesfoce", (), ConfigError),
        (("hdfs://host/a.csv",), "generic", ("name",), ConfigError),
    ],
)
def test_options_that_cannot_work_are_refused_before_spark_starts(
    paths: tuple[str, ...], source: str, columns: tuple[str, ...], error: type[CrmSearchError]
) -> None:
    with pytest.raises(error):
        _options(paths=paths, source=source, columns=columns)


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        yield from _commands(each, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), list(_commands(cli.cli)), ids=lambda each: " ".join(each) if isinstance(each, tuple) else each.name
)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    answer = CliRunner().invoke(cli.cli, [*path, "--help"], prog_name="crmsearch")
    assert answer.exit_code == 0
    assert answer.stdout.startswith(f"Usage: {' '.join(('crmsearch', *path))}")
    assert answer.stderr == ""
    # A group lists its commands, and each of them has its own.
    assert "Example" in answer.stdout or isinstance(command, click.Group)


def test_what_is_served_reads_its_settings_with_the_key_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "api.key").write_text("abc\n", encoding="ascii")
    environment = {
        "CRMSEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:1",
        "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE": str(tmp_path / "api.key"),
    }
    monkeypatch.setattr(os, "environ", dict(os.environ) | environment)
    monkeypatch.setattr(service, "check_binding", lambda settings: None)
    monkeypatch.setattr(service, "_check_contract", lambda settings: None)
    read: list[str] = []
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: read.append(from_env().elasticsearch.api_key))
    answer = CliRunner().invoke(service.serve, [], catch_exceptions=False)
    assert answer.exit_code == 0
    assert read == ["abc"]


def test_the_doctor_asks_for_no_java_where_there_is_no_spark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("crmsearch.cli.look.find_spec", lambda _: None)
    environment = {"CRMSEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:1", "CRMSEARCH_STATE_DIR": str(tmp_path)}
    answer = CliRunner().invoke(cli.cli, ["doctor", "--json"], env=environment)
    told = {each["name"]: each["ok"] for each in json.loads(answer.stdout)["checks"]}
    assert told["Spark"]
    assert not {"Java for Spark", "connector"} & set(told)
