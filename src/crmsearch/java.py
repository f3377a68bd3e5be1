"""Finding a Java that fits: Spark 3.5 takes 17 or 21 only, Elasticsearch 9.4 a JDK of 21 or newer, fetching any.

A machine often has several, and the one on ``PATH`` seldom suits both, so each purpose looks through all of them.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from crmsearch.errors import JavaNotFoundError

__all__ = ["Java", "Purpose", "find_java", "java_homes", "read_java"]

Purpose = Literal["spark", "elasticsearch", "fetch"]

_VERSION_TIMEOUT_S = 10.0


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """What one purpose asks of a Java, and how a user points at one."""

    label: str
    majors: frozenset[int]
    modules: frozenset[str] = frozenset()
    words: str
    setting: str


REQUIREMENTS: dict[Purpose, Requirement] = {
    # Spark 3.5 stops on Java 24 and newer ("getSubject is not supported"); 17 and 21 are the long-term releases it is tested on.
    "spark": Requirement(label="Spark", majors=frozenset({17, 21}), words="Java 17 or 21", setting="CRMSEARCH_SPARK_JAVA_HOME"),
    # A JRE boots far enough to fail late: the entitlement agent of Elasticsearch attaches to its own process.
    "elasticsearch": Requirement(
        label="Elasticsearch",
        majors=frozenset(range(21, 100)),
        modules=frozenset({"jdk.attach", "jdk.jdi"}),
        words="a JDK (not a JRE) 21 or newer",
        setting="CRMSEARCH_NODE_JAVA_HOME",
    ),
    "fetch": Requirement(label="Fetching artifacts", majors=frozenset(range(8, 100)), words="Java 8 or newer", setting="JAVA_HOME"),
}


class Java(msgspec.Struct, frozen=True):
    """One installed Java: its home, full version, major version and modules."""

    home: Path
    version: str
    major: int
    modules: frozenset[str]

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"

    def __str__(self) -> str:
        return f"{self.version} in {self.home}"


def find_java(purpose: Purpose, wanted: str = "", environ: Mapping[str, str] | None = None) -> Java:
    """Find a Java for ``purpose``; the oldest major that fits wins, as it is the most tried one.

    Args:
        purpose: Who will run on it.
        wanted: Home that a setting names; when given, that one or none.
        environ: Where ``JAVA_HOME`` and ``PATH`` are read; the process's own by default.

    Raises:
        JavaNotFoundError: nothing fits; the text says what is needed and what was found where.
    """
    need = REQUIREMENTS[purpose]
    if wanted:
        java = read_java(Path(wanted).expanduser())
        if java is None:
            raise JavaNotFoundError(f"{need.setting} is {wanted}, where no Java lies (no bin/java); {need.label} needs {need.words}")
        if fault := _fault(java, need):
            raise JavaNotFoundError(f"{need.setting} is {wanted}, but {need.label} needs {need.words}: {java} {fault}")
        return java
    found = [java for home in java_homes(environ) if (java := read_java(home)) is not None]
    fitting = [java for java in found if not _fault(java, need)]
    if fitting:
        return min(fitting, key=lambda java: java.major)
    seen = "; ".join(f"{java} {_fault(java, need)}" for java in found) or "none at all (looked at JAVA_HOME, PATH and /usr/lib/jvm)"
    raise JavaNotFoundError(f"{need.label} needs {need.words}; found {seen}. Install one (e.g. Eclipse Temurin 21) or set {need.setting}")


def java_homes(environ: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Homes of all Javas in sight, each once: ``JAVA_HOME``, the ``java`` on ``PATH``, then the usual folders of the system."""
    environ = os.environ if environ is None else environ
    candidates = [Path(environ["JAVA_HOME"])] if environ.get("JAVA_HOME") else []
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        candidates.append(Path(on_path).resolve().parent.parent)
    candidates += sorted(Path("/usr/lib/jvm").glob("*"))
    candidates += sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"))
    seen: set[Path] = set()
    for candidate in candidates:
        home = candidate.resolve()
        if home not in seen and (home / "bin" / "java").is_file():
            seen.add(home)
            yield home


def read_java(home: Path) -> Java | None:
    """Read version and modules of the Java in ``home``; ``None`` when there is none, or it cannot say its version."""
    home = home.resolve()
    if not (home / "bin" / "java").is_file():
        return None
    release = _release(home)
    version = release.get("JAVA_VERSION") or _ask_version(home)
    if version is None:
        return None
    modules = frozenset(release.get("MODULES", "").split()) or frozenset(path.stem for path in (home / "jmods").glob("*.jmod"))
    return Java(home=home, version=version, major=major_version(version), modules=modules)


def major_version(version: str) -> int:
    """Major number of a version text: 17 of ``17.0.15``, 8 of ``1.8.0_402``, 25 of ``25-ea``; 0 when there is none."""
    match = re.match(r"(?:1\.)?(\d+)", version)
    return int(match.group(1)) if match else 0


def _fault(java: Java, need: Requirement) -> str:
    """Why ``java`` does not fit, or the empty string."""
    if java.major not in need.majors:
        return "is another version"
    # Without a list of modules a compiler tells a JDK from a JRE.
    if need.modules and not java.modules and not (java.home / "bin" / "javac").is_file():
        return "has no bin/javac, so it is a JRE"
    missing = sorted(need.modules - java.modules) if java.modules else []
    return f"lacks {' and '.join(missing)}, so it is a JRE" if missing else ""


def _release(home: Path) -> dict[str, str]:
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {key.strip(): value.strip().strip('"') for key, _, value in (line.partition("=") for line in text.splitlines())}


def _ask_version(home: Path) -> str | None:
    try:
        answer = subprocess.run(
            [str(home / "bin" / "java"), "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "([^"]+)"', answer.stderr)
    return match.group(1) if match else None
