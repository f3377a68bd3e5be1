"""What a run found out, as a JSON file and as tables."""

import os
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.artifacts import CONNECTOR
from crmsearch.cli.output import print_table
from crmsearch.indexing.client import make_client
from crmsearch.java import find_java
from crmsearch.settings import Settings

__all__ = ["FOLDER", "Aim", "Result", "describe_machine", "describe_versions", "print_result", "save_result"]

FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("pyspark", "elasticsearch", "litestar", "msgspec", "aiohttp", "uvicorn")


class Aim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure that the product promises to keep; one of the two bounds is set."""

    figure: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def shortfall(self) -> float:
        """How far the value is on the wrong side, 0 when the aim is met."""
        below = max(0.0, self.at_least - self.value) if self.at_least is not None else 0.0
        above = max(0.0, self.value - self.at_most) if self.at_most is not None else 0.0
        return below + above

    @property
    def bound(self) -> str:
        return f"at least {self.at_least:.4g}" if self.at_least is not None else f"at most {self.at_most:.4g}"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run; ``figures`` are by part, each part in its own shape."""

    began_at: str
    rows: int
    seed: int
    load_average_before: tuple[float, float, float]
    machine: dict[str, Any]
    versions: dict[str, str]
    figures: dict[str, dict[str, Any]] = {}
    aims: list[Aim] = []


def describe_machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def describe_versions(settings: Settings) -> dict[str, str]:
    """Versions of what is measured; Elasticsearch is asked for its own."""
    with make_client(settings.elasticsearch) as client:
        server = str(client.info()["version"]["number"])
    return {
        "python": platform.python_version(),
        "elasticsearch_server": server,
        "connector": f"{CONNECTOR.name} {CONNECTOR.version}",
        "java_of_spark": find_java("spark", settings.spark.java_home).version,
        **{name: version(name) for name in _PACKAGES},
    }


def save_result(result: Result, *qualifiers: str) -> Path:
    """Write the result under the day's name; ``qualifiers`` keep a partial run from replacing the day's whole one."""
    FOLDER.mkdir(exist_ok=True)
    day = datetime.now(UTC).date().isoformat()
    path = FOLDER / ("-".join([day, *qualifiers]) + ".json")
    # The verdict is spelled out for readers of the file; in the Struct it follows from value and bound.
    body = msgspec.to_builtins(result)
    body["aims"] = [{**msgspec.to_builtins(aim), "met": not aim.shortfall} for aim in result.aims]
    path.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
    return path


def print_result(result: Result, printers: Mapping[str, Callable[[dict[str, Any]], None]]) -> None:
    """Tables of all parts, each by its own printer where it has one, and of the aims."""
    for part, figures in result.figures.items():
        if part in printers:
            printers[part](figures)
        else:
            print_table(part, ["figure", "value"], list(_flat(figures)))
    rows = [(aim.figure, f"{aim.value:.4g}", aim.bound, "met" if not aim.shortfall else "NOT MET") for aim in result.aims]
    print_table("aims", ["figure", "value", "aim", ""], rows)


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in figures.items():
        label = f"{prefix}{name}"
        if isinstance(value, dict):
            rows += _flat(value, f"{label}: ")
        elif isinstance(value, list):
            rows.append((label, ", ".join(_shown(each) for each in value)))
        else:
            rows.append((label, _shown(value)))
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
