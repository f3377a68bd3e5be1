"""Who may import whom, as the house is built: leaves first, the command line last, Spark apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "crmsearch"

# A module may import those of lower floors, and of its own.
FLOORS: dict[str, int] = {
    "crmsearch": 0,
    "errors": 0,
    "contract": 0,
    "inputs": 0,
    "refusals": 0,
    "resources": 0,
    "addresses": 1,
    "settings": 1,
    "cleaning": 2,
    "mining": 2,
    "resolution": 2,
    "privacy": 2,
    "sample": 2,
    "progress": 2,
    "quality": 2,
    "java": 2,
    "keyfile": 2,
    "logs": 2,
    "processes": 2,
    "trust": 2,
    "search": 3,
    "indexing": 3,
    "artifacts": 3,
    "charts": 4,
    "kibana": 4,
    "report": 4,
    "jobs": 4,
    "node": 4,
    "holdings": 5,
    "loading": 5,
    "quarantine": 3,
    "retention": 5,
    "rights": 5,
    "rotation": 6,
    "api": 5,
    "background": 6,
    "cli": 7,
    "__main__": 8,
}
# search is pure but for its service, the one module that knows Elasticsearch.
PURE = [path for path in (SOURCE / "search").rglob("*.py") if path.stem != "service"]
PURE += [path for package in ("cleaning", "privacy", "charts") for path in (SOURCE / package).glob("*.py")]
SPARK_MAY_USE = {"contract", "cleaning", "resolution", "mining", "privacy", "settings", "keyfile", "trust", "errors", "inputs", "refusals"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            if node.module == "crmsearch":
                yield from (f"crmsearch.{name.name}" for name in node.names)


def _floor(module: str) -> int:
    words = module.split(".")
    return FLOORS[words[1]] if len(words) > 1 and words[1] in FLOORS else 0


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_reaches_up(path: Path) -> None:
    own = FLOORS["crmsearch" if _name(path) == "__init__" else _name(path)]
    for module in _imports(path):
        if module.startswith("crmsearch"):
            assert _floor(module) <= own, f"{path.relative_to(ROOT)} may not import {module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_packages_stay_where_they_belong(path: Path) -> None:
    for module in _imports(path):
        top = module.split(".")[0]
        assert top not in {"pyspark", "py4j"}, f"{path}: only spark/ imports {module}"
        assert top != "spark", f"{path}: nothing imports spark/, the command line starts it as a process"
        if top == "litestar":
            assert _name(path) == "api", f"{path}: only the API imports litestar"
        if top in {"elasticsearch", "elastic_transport"}:
            assert _name(path) in {"indexing", "search"}, f"{path}: only indexing and search.service import elasticsearch"


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_pure_modules_know_no_server(path: Path) -> None:
    for module in _imports(path):
        assert module.split(".")[0] not in {"elasticsearch", "httpx", "subprocess", "os"}, f"{path}: {module}"


@pytest.mark.parametrize("path", sorted((ROOT / "spark").glob("*.py")), ids=lambda path: path.name)
def test_spark_uses_only_the_shared_floors(path: Path) -> None:
    for module in _imports(path):
        words = module.split(".")
        if words[0] == "crmsearch" and len(words) > 1 and words[1] != "__version__":
            assert words[1] in SPARK_MAY_USE, f"{path.name} may not import {module}"


def test_only_settings_reads_the_environment() -> None:
    # Starting other processes and finding Java hand the environment on; they read no setting from it.
    handing_on = {"settings.py", "jobs.py", "background.py", "java.py", "service.py", "node_config.py"}
    for path in MODULES:
        if path.name not in handing_on:
            assert "os.environ" not in path.read_text(encoding="utf-8"), path
