"""What the documentation tells people to type exists: commands with their options, targets of make, settings, files that are linked."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from crmsearch.cli import cli
from crmsearch.settings import Secret, setting_rows

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
VARIABLES = {row.variable for row in setting_rows()}
# The images' entry point reads a secret from the file that VARIABLE_FILE names.
VARIABLES |= {f"{row.variable}_FILE" for row in setting_rows() if isinstance(row.default, Secret)}
NO_SETTINGS = {"CRMSEARCH_SERVICE_HOST": "what Kubernetes would set, and settings refuse"}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that commands want to be there."""
    monkeypatch.chdir(tmp_path)
    for name in ("report.json", "kibana-login.txt", "ca.pem", "ada.txt"):
        (tmp_path / name).touch()


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _blocks(page: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", _text(page), re.DOTALL | re.MULTILINE)


def _commands(script: str) -> Iterator[list[str]]:
    """The simple commands of a script, those in ``$(…)`` too, as words without assignments before them."""
    script = script.replace("\\\n", " ")
    while inner := re.search(r"\$\(([^()]*)\)", script):
        yield from _commands(inner[1])
        # Alone, it may stand for any number of words; inside of one, for a part of it.
        alone = script[inner.start() - 1].isspace() and script[inner.end() : inner.end() + 1].strip() == ""
        script = script[: inner.start()] + ("" if alone else "x") + script[inner.end() :]
    # A quoted text may run over lines, so all is one text for the lexer, and ends of lines are ends of commands.
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|<>\n")
    lexer.whitespace = " \t"
    lexer.commenters = ""
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for token in lexer:
        if token and set(token) <= set(";&|\n"):
            yield from _without_assignments(words)
            words = []
        elif token and set(token) <= set("<>"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            words.append(token)
    yield from _without_assignments(words)


def _without_assignments(words: list[str]) -> Iterator[list[str]]:
    place = next((place for place, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), None)
    if place is not None:
        yield words[place:]


def _without_comments(script: str) -> str:
    return re.sub(r"(^|\s)# .*$", r"\1", script, flags=re.MULTILINE)


def _find(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and the rest of them."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        assert found is not None, f"{command.name} has no {words[0]}"
        command, words = found, words[1:]
    return command, words


def _check(words: list[str]) -> None:
    command, rest = _find(words[1:])
    try:
        command.make_context("crmsearch", list(rest))
    except click.exceptions.Exit:
        pass  # --help and --version say what they have to say at once
    except click.ClickException as error:
        raise AssertionError(f"{' '.join(words)}: {error.format_message()}") from error


@each_page
def test_blocks_of_commands_can_be_run(page: Path) -> None:
    for block in _blocks(page):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        for words in _commands(_without_comments(block)):
            if words[0] == "crmsearch":
                _check(words)
            if words[0] == "make":
                assert {word for word in words[1:] if "=" not in word} <= TARGETS


def test_commands_are_really_found_in_the_blocks() -> None:
    found = [words for page in PAGES for block in _blocks(page) for words in _commands(_without_comments(block))]
    assert len([words for words in found if words[0] == "crmsearch"]) >= 40
    assert ["crmsearch", "index", "create"] in found, "in $(…)"
    with pytest.raises(AssertionError, match="No such option"):
        _check(["crmsearch", "serve", "--prot", "80"])
    with pytest.raises(AssertionError, match="has no improt"):
        _check(["crmsearch", "improt"])


@each_page
def test_commands_within_sentences_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", _text(page), flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`crmsearch ([^`]+)`", text):
        # `index list|promote` stands for two commands.
        first, *others = (word.split("|") for word in span.replace("\n", " ").split())
        for name in first:
            if name in cli.commands:
                command = cli.commands[name]
                if isinstance(command, click.Group) and others and re.match(r"[a-z-]+$", others[0][0]):
                    assert all(each in command.commands for each in others[0]), span
                    command = command.commands[others[0][0]]
                known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
                given = {word.split("=")[0] for words in others for word in words if word.startswith("--")}
                assert given <= known, span
            else:
                assert name.isupper() or name.startswith(("-", "…")), f"`crmsearch {span}`"
    for target in re.findall(r"`make ([a-z]+)", text):
        assert target in TARGETS


def test_examples_of_the_help_can_be_run() -> None:
    examples = re.findall(r"^    (crmsearch .*)$", _text(ROOT / "docs" / "cli.md"), re.MULTILINE)
    scripts = [re.sub(r"   .*", "", example) for example in examples]
    commands = [words for script in scripts for words in _commands(script) if words[0] == "crmsearch"]
    assert len(commands) >= 50
    for words in commands:
        _check(words)


@each_page
def test_settings_that_are_named_exist(page: Path) -> None:
    for name in set(re.findall(r"\bCRMSEARCH_[A-Z0-9_]+", _text(page))) - NO_SETTINGS.keys():
        # `CRMSEARCH_ELASTICSEARCH_*` stands for all that begin so.
        assert name in VARIABLES or (name.endswith("_") and any(each.startswith(name) for each in VARIABLES)), name


@each_page
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]*)[^)]*\)", _text(page)):
        assert not target or (page.parent / target).exists(), target
