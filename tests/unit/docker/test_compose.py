"""What can be said of the compose stack and its images without an engine: who runs as whom, within which limits, and sees which secrets."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from crmsearch.node.installation import ELASTICSEARCH_VERSION
from crmsearch.settings import setting_rows

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
STACK: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMAGES = ("api.Dockerfile", "spark.Dockerfile")
ONCE = {"setup-files", "setup-keys", "kibana-setup", "admin", "job"}
# Their own images write into their home at every start; what is theirs to keep is in volumes all the same.
WRITABLE = {"elasticsearch", "kibana"}
# Who is shown which secrets; whoever needs more has to be written down here.
SECRETS = {
    "elastic-secrets": {"setup-files", "setup-keys", "elasticsearch", "kibana-setup", "admin"},
    "elasticsearch-secrets": {"setup-files", "elasticsearch"},
    "kibana-secrets": {"setup-files", "setup-keys", "kibana"},
    "api-secrets": {"setup-files", "setup-keys", "api", "admin"},
    "job-secrets": {"setup-files", "setup-keys", "job"},
    "spark-secrets": {"setup-files", "spark-master", "spark-worker-1", "spark-worker-2", "job"},
    "admin-secrets": {"setup-keys", "admin"},
}


def _text(name: str) -> str:
    return (DOCKER / name).read_text(encoding="utf-8")


def _file_variables() -> set[str]:
    names = re.search(r"^for name in (.*); do$", _text("entrypoint.sh"), re.MULTILINE)
    assert names
    return set(names[1].split())


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_runs_as_nobody_special(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "1000:0"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert bool(service.get("read_only")) == (name not in WRITABLE)


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_runs_on_is_checked_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert (service["restart"] == "no") == (name in ONCE)
    assert service.get("healthcheck", {}).get("disable", False) == (name in ONCE)
    if name not in ONCE:
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


def test_every_service_waits_for_those_it_needs() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == wanted, f"{name} waits for {other}"


def test_only_the_api_and_kibana_are_published_and_on_loopback_by_default() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api", "kibana"}
    assert all(port.startswith("${API_ADDRESS:-127.0.0.1}:") for ports in published.values() for port in ports)


def test_secrets_are_files_shown_only_to_whom_they_concern() -> None:
    shown: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            volume, _, _ = mount.partition(":")
            if volume.endswith("-secrets"):
                shown.setdefault(volume, set()).add(name)
                # Another key for encryption is made by an administrator.
                writes = name.startswith("setup-") or (name, volume) == ("admin", "api-secrets")
                assert mount.endswith(":ro") or writes, f"{name} may write {volume}"
        for variable, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|KEY", variable) or (variable.endswith("_FILE") and str(value).startswith("/setup/"))
    assert shown == SECRETS


def test_every_variable_of_crmsearch_is_a_setting() -> None:
    settings = {row.variable for row in setting_rows()}
    files = {f"{name}_FILE" for name in _file_variables()}
    for service in SERVICES.values():
        given = {name for name in service.get("environment", {}) if name.startswith("CRMSEARCH_")}
        assert given <= settings | files
    assert _file_variables() <= settings


def test_every_variable_of_the_stack_is_documented_with_its_default() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", _text("compose.yaml")))
    assert used
    assert len(re.findall(r"\$\{", _text("compose.yaml").partition("services:")[2])) == len(
        re.findall(r"\$\{[A-Z_]+:-", _text("compose.yaml").partition("services:")[2])
    ), "every variable has a default"
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? *\|", (ROOT / "docs" / "docker.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) == used


def test_the_versions_are_those_that_are_tested() -> None:
    for name, product in (("elasticsearch", "elasticsearch/elasticsearch"), ("kibana", "kibana/kibana")):
        assert f"docker.elastic.co/{product}:{ELASTICSEARCH_VERSION}}}" in SERVICES[name]["image"]


def test_the_images_install_what_is_pinned_and_nothing_else() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    names = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    for dependency in PROJECT["dependencies"]:
        name, version = re.match(r"([^=\[]+)(?:\[\w+\])?==([^;]+)", dependency).groups()  # type: ignore[union-attr]
        # What a fresh environment has anyhow is not in the list; pyproject.toml pins it.
        assert names.get(name.lower().replace("_", "-"), version.strip()) == version.strip()
    for image in IMAGES:
        installs = re.findall(r"pip install (.*)", _text(image))
        assert installs == ["--constraint constraints.txt --requirement dependencies.txt", installs[1]]
        assert installs[1].startswith("--no-deps .")
        assert "ARG BASE_IMAGE=python:3.11-slim-bookworm\n" in _text(image)
        assert re.findall(r"^USER (.*)$", _text(image), re.MULTILINE) == ["1000:0"]
        assert "\nHEALTHCHECK " in _text(image)


def test_no_image_holds_how_to_reach_an_index() -> None:
    for image in IMAGES:
        assert not re.search(r"https?://(?!127\.0\.0\.1:)", _text(image))
        assert "ARG" not in re.sub("ARG BASE_IMAGE=.*", "", _text(image))


def test_what_the_api_s_image_leaves_out_the_api_does_not_need() -> None:
    left_out = re.findall(r'"([a-z-]+)="', _text("api.Dockerfile"))
    assert left_out == ["pyspark", "pandas", "scikit-learn"]
    assert {name for name in left_out if any(each.startswith(f"{name}==") for each in PROJECT["dependencies"])} == set(left_out)
    code = (
        "import sys; sys.modules.update(pyspark=None, pandas=None, sklearn=None)\n"
        "import crmsearch.api.app, crmsearch.cli; print('imported')"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert answer.stdout == "imported\n", answer.stderr


def test_the_context_of_a_build_is_named_file_by_file() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert lines[1] == "*"
    copied = {
        word for image in IMAGES for line in re.findall(r"^COPY (?!--from)(.*)$", _text(image), re.MULTILINE) for word in line.split()[:-1]
    }
    assert {word for word in copied if not word.startswith("--")} == {line[1:] for line in lines if line.startswith("!")}


def test_a_secret_of_a_file_is_set_and_its_file_forgotten(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("abc\n", encoding="ascii")
    program = tmp_path / "crmsearch"
    program.write_text('#!/bin/sh\necho "$*"; env\n', encoding="ascii")
    program.chmod(0o755)
    for variable in _file_variables():
        answer = subprocess.run(
            [DOCKER / "entrypoint.sh", "stats", "age"],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", f"{variable}_FILE": str(tmp_path / "secret")},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        lines = answer.stdout.splitlines()
        assert lines[0] == "stats age"
        assert f"{variable}=abc" in lines
        assert not any(line.startswith(f"{variable}_FILE") for line in lines)


def test_a_secret_whose_file_is_missing_stops_the_container(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "CRMSEARCH_PRIVACY_KEY_FILE": str(tmp_path / "none")}
    answer = subprocess.run([DOCKER / "entrypoint.sh"], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode != 0
