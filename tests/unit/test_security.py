"""The checklist of docs/security.md holds what it says; keys are compared alike; nothing that is kept here is a secret."""

from __future__ import annotations

import hmac
import math
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from crmsearch.api.app import create_app
from crmsearch.errors import UnauthorizedError
from crmsearch.privacy.access import make_key, read_caller, split_key
from crmsearch.settings import ApiSettings

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 27, tzinfo=UTC)
RISKS = 10


def test_every_risk_has_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| API(\d+) .*?\|.*\| (`tests/.*`) \|$", page, re.MULTILINE))
    assert {int(number) for number in rows} == set(range(1, RISKS + 1))
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > RISKS
    for path, test in named:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {test}(" in source if test else "def test_" in source, (path, test)


def test_known_and_unknown_keys_are_compared_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    key, record = make_key("x", "agent", (), NOW, None)
    other, _ = make_key("x", "agent", (), NOW, None)
    compared: list[tuple[int, int]] = []

    def watched(a: str, b: str) -> bool:
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", watched)
    good, wrong = (split_key(each) for each in (key, other))
    assert good is not None
    assert wrong is not None
    assert read_caller(good[1], record, NOW).role == "agent"
    for secret, found in ((wrong[1], record), (wrong[1], None), (good[1], None), ("", None)):
        with pytest.raises(UnauthorizedError):
            read_caller(secret, found, NOW)
    # Each time once, of two digests of one length.
    assert compared == [(64, 64)] * 5


def test_no_request_names_an_address() -> None:
    unused: Any = object()
    app = create_app(unused, ApiSettings(), unused, unused, unused, rights=unused, events=unused)
    names = set(_names(app.openapi_schema.to_schema()["paths"])) | set(_names(app.openapi_schema.to_schema()["components"]))
    assert {"q", "customer_id"} <= names
    assert not {name for name in names if re.search(r"(?:^|_)(?:ur[il]|href|host|callback|webhook|endpoint)(?:$|_)", name)}


def _names(schema: Any) -> Iterator[str]:
    """Names of parameters, and of the fields of bodies and answers."""
    if isinstance(schema, dict):
        if isinstance(schema.get("name"), str) and "in" in schema:
            yield schema["name"]
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for each in schema.values():
            yield from _names(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names(each)


# -- secrets

SHAPES = (
    re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"),
    re.compile(r"\bcrm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\b"),
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\bLTAI[0-9A-Za-z]{16,26}\b"),
    re.compile(r"\bgh[pousr]_[0-9A-Za-z]{36}\b"),
    re.compile(r"\bglpat-[0-9A-Za-z_-]{20}\b"),
    re.compile(r"\bxox[abpr]-[0-9A-Za-z-]{20,}"),
    re.compile(r"\beyJ[0-9A-Za-z_-]{20,}\.eyJ[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}"),
)
ASSIGNED = re.compile(r"(?i)\b\w*(?:secret|passw(?:or)?d|token|api_?key|private_?key)\w*[\"']?\s*[:=]\s*[\"']([^\s\"'{}$<>]{20,})[\"']")
RANDOM_BITS = 4.0  # of a character; words have some 3, base64 of random bytes 5 and hexadecimal digits up to 4
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".json",
    ".txt",
    ".yml",
    ".yaml",
    ".sh",
    ".js",
    ".html",
    ".css",
    ".cfg",
    ".ini",
    ".env",
    ".conf",
    ".properties",
    "",
}
FOLDERS = ("src", "spark", "mappings", "docker", "tests", "docs")


def secrets_in(text: str) -> list[str]:
    """What looks like a secret: shapes that are nothing else, and assignments of random text to names of secrets."""
    found = [match[0] for shape in SHAPES for match in shape.finditer(text)]
    return found + [match[1] for match in ASSIGNED.finditer(text) if _bits(match[1]) > RANDOM_BITS]


def _bits(text: str) -> float:
    """Entropy of a character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def test_a_secret_is_recognised() -> None:
    key, _ = make_key("x", "agent", (), NOW, None)
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
    for text in (
        key,
        f"-----BEGIN PRIVATE KEY-----\n{body}",
        f'password = "{key.split("_", 2)[2]}"',
        "AKIA" + "ABCDEFGH12345678",
    ):
        assert secrets_in(text), text
    for text in ('password = "a key of these tests"', 'token = "correct-horse-correct-horse"', "crm_<prefix>_<secret>"):
        assert not secrets_in(text), text


def test_no_file_holds_a_secret() -> None:
    files = [path for path in _kept() if path.suffix in TEXTS]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files}
    assert len(texts) > 300
    assert {str(path.relative_to(ROOT)): found for path, text in texts.items() if (found := secrets_in(text))} == {}


def _kept() -> list[Path]:
    """The files that version control keeps, or all of the folders where there is none, as in an unpacked archive."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return [path for path in [*found, *ROOT.iterdir()] if path.is_file() and path.name != ".coverage"]


# -- dependencies


def test_every_dependency_is_pinned_and_is_what_is_installed() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    assert len(pins) == len(lines), "one is there twice"
    wanted, seen = [(canonicalize_name("crmsearch"), frozenset({"dev", "fuzz"}))], set()
    while wanted:
        name, extras = wanted.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            assert name == "atheris", f"{name} is missing"  # which `make fuzz` installs
            continue
        assert name == "crmsearch" or pins.get(name) == found.version, f"{name} {found.version} is not what constraints.txt says"
        for text in found.requires or []:
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                # As `pip check` asks, and none of ours but by its exact version.
                assert pins[canonicalize_name(needed.name)] in needed.specifier, f"{name} needs {text}"
                assert name != "crmsearch" or str(needed.specifier).startswith("=="), text
                wanted.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    assert len({name for name, _ in seen}) > 100
