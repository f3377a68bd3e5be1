"""``crmsearch completion`` and ``crmsearch manual``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from crmsearch.cli import cli

ROOT = Path(__file__).parents[3]


def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    """Whatever the terminal; in a process of its own, since commands remember how other tests have called them."""
    command = [sys.executable, "-m", "crmsearch", "manual"]
    said = subprocess.run(command, env={**os.environ, "COLUMNS": "40"}, capture_output=True, text=True, check=True, timeout=60).stdout
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == said, "run: crmsearch manual > docs/cli.md"
    assert "## crmsearch keys create" in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str) -> None:
    script = CliRunner().invoke(cli, ["completion", shell]).output
    assert f"_CRMSEARCH_COMPLETE={shell}_complete" in script
    if (program := shutil.which(shell)) is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=30)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("crmsearch ing", "ingest"), ("crmsearch index pro", "promote"), ("crmsearch serve --wor", "--workers")],
)
def test_bash_completes_commands_and_options(typed: str, completed: str, tmp_path: Path) -> None:
    """A real bash loads the script and is asked as it is when somebody presses Tab."""
    bash = shutil.which("bash")
    assert bash is not None
    (tmp_path / "crmsearch").write_text(f'#!/bin/sh\nexec {sys.executable} -m crmsearch "$@"\n', encoding="utf-8")
    (tmp_path / "crmsearch").chmod(0o755)
    script = CliRunner().invoke(cli, ["completion", "bash"]).output
    words = typed.split()
    ask = f"""{script}
COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
_crmsearch_completion crmsearch {words[-1]} {words[-2]}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([bash, "-c", ask], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [completed]
