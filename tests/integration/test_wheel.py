"""The distribution: a wheel in an environment of its own, used from outside the checkout."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import crmsearch
from crmsearch.processes import free_port, wait_until

ROOT = Path(__file__).parents[2]
BUILD_TIMEOUT_S, JOB_TIMEOUT_S, START_TIMEOUT_S = 300, 900, 120
CSV = "Name,Age,Gender,City\nAda Byron,36,female,London\nGrace Hopper,thirty,f,NYC\n"


class Installed:
    """An environment that holds the wheel, and a folder outside the checkout from which it is called."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRMSEARCH_", "PYTHON"))}
        self.environment = {**kept, "CRMSEARCH_STATE_DIR": str(folder / "state"), "CRMSEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:1"}

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.home / "bin" / words[0], *words[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=JOB_TIMEOUT_S,
            check=False,
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, timeout=BUILD_TIMEOUT_S, check=True, capture_output=True)
    return folder


def _make_environment(home: Path, wheel: Path) -> None:
    venv.create(home, symlinks=True)
    command = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(command, timeout=BUILD_TIMEOUT_S, check=True, capture_output=True)


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The dependencies are those of this environment, for installing them anew takes minutes; crmsearch itself is the wheel's."""
    home = tmp_path_factory.mktemp("environment")
    _make_environment(home, next(built.glob("*.whl")))
    site = next(home.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Installed(home, tmp_path_factory.mktemp("elsewhere"))


def test_the_version_is_semantic_and_the_same_everywhere(built: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", crmsearch.__version__)
    assert {path.name for path in built.iterdir()} == {
        f"crmsearch-{crmsearch.__version__}-py3-none-any.whl",
        f"crmsearch-{crmsearch.__version__}.tar.gz",
    }


def test_the_wheel_takes_along_what_is_needed_beside_the_code(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    for folder in ("mappings", "spark"):
        files = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {f"crmsearch/_bundled/{path}" for path in files} <= names


def test_the_source_holds_what_is_ours_and_nothing_of_this_machine(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        tops = {name.split("/")[1] for name in source.getnames()}
    assert {"src", "spark", "mappings", "docker", "tests", "docs", "pyproject.toml", "README.md"} <= tops
    assert not {name for name in tops if name.startswith(".")} - {".gitignore"}  # which hatchling itself needs


def test_it_is_the_wheel_that_is_called(installed: Installed) -> None:
    answer = installed.call("python", "-c", "import crmsearch; print(crmsearch.__file__)")
    assert Path(answer.stdout.strip()).is_relative_to(installed.home)
    assert installed.call("crmsearch", "--help").stdout.startswith("Usage: crmsearch")


def test_the_doctor_answers(installed: Installed) -> None:
    assert json.loads(installed.call("crmsearch", "doctor", "--json").stdout)


def test_a_file_is_cleaned(installed: Installed) -> None:
    (installed.folder / "people.csv").write_text(CSV, encoding="utf-8")
    answer = installed.call("crmsearch", "clean", "people.csv", "--out", "cleaned")
    assert answer.returncode == 0, answer.stderr[-2000:]
    report = json.loads((installed.folder / "cleaned" / "report.json").read_text(encoding="utf-8"))
    assert report["rows_read"] == 2


@pytest.fixture
def served(installed: Installed) -> Iterator[str]:
    port = free_port(21000 + secrets.randbelow(8000))
    command = [str(installed.home / "bin" / "crmsearch"), "serve", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=installed.folder, env=installed.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def test_the_console_is_served_with_its_files(served: str) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"{served}/", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    assert wait_until(answers, START_TIMEOUT_S)
    page = httpx.get(f"{served}/", timeout=30, trust_env=False).text
    files = re.findall(r'(?:src|href)="(/?[\w./-]+\.(?:js|css|svg))"', page)
    assert files
    for file in files:
        assert httpx.get(f"{served}/{file.lstrip('/')}", timeout=30, trust_env=False).is_success, file


@pytest.mark.soak
def test_a_full_installation_has_all_that_it_needs(built: Path, tmp_path: Path) -> None:
    """As a user does it: the wheel with its dependencies, in an empty environment."""
    venv.create(tmp_path / "environment", symlinks=True)
    python = tmp_path / "environment" / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*command, str(next(built.glob("*.whl")))], timeout=JOB_TIMEOUT_S, check=True, capture_output=True)
    answer = Installed(tmp_path / "environment", tmp_path).call("crmsearch", "--help")
    assert answer.stdout.startswith("Usage: crmsearch")
