"""How a command ends: the exit code of the error's class, one line on stderr, never a traceback."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from crmsearch import cli
from crmsearch.cli.data import _options
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
    Path("a.csv").write_text("Name\nAda\n", encoding="utf-8")
    found = _options(("a.csv", "hdfs://host/b.csv", "part-*.csv"), "zoho", "UTF-8", "cn", True, ("name=Kunde=x",))
    assert found.paths == (str(tmp_path / "a.csv"), "hdfs://host/b.csv", str(tmp_path / "part-*.csv"))
    assert (found.region, found.columns) == ("CN", ("name=Kunde=x",))


@pytest.mark.parametrize(
    ("paths", "source", "columns", "error"),
    [
        (("missing.csv",), "generic", (), InputError),
        (("hdfs://host/a.csv",), "Sales Force", (), ConfigError),
        (("hdfs://host/a.csv",), "", (), ConfigError),
        (("hdfs://host/a.csv",), "generic", ("name",), ConfigError),
    ],
)
def test_options_that_cannot_work_are_refused_before_spark_starts(
    paths: tuple[str, ...], source: str, columns: tuple[str, ...], error: type[CrmSearchError]
) -> None:
    with pytest.raises(error):
        _options(paths, source, "UTF-8", None, True, columns)
