"""The compose stack, and an Elasticsearch in a container, for the tests that have a Docker engine."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.client import make_client, translated_errors
from crmsearch.node.certificates import make_certificates
from crmsearch.node.installation import ELASTICSEARCH_VERSION
from crmsearch.processes import free_port, wait_until
from crmsearch.settings import Secret, Settings

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker" / "compose.yaml"
ELASTIC_IMAGE = f"docker.elastic.co/elasticsearch/elasticsearch:{ELASTICSEARCH_VERSION}"
TIMEOUT_S = 1800.0  # for one call: images are built in it, and jobs run
ELASTIC_UID = 1000  # the user in Elasticsearch's image


def docker(*arguments: str, environment: dict[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the client; what it said is in the error when it fails."""
    answer = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check:
        assert answer.returncode == 0, f"docker {' '.join(arguments)}: {answer.stderr[-2000:]}"
    return answer


def require_engine(*, compose: bool) -> None:
    """Skip, saying what is missing, where containers cannot be run."""
    if shutil.which("docker") is None or docker("info", check=False).returncode:
        pytest.skip("no Docker engine answers; start one (dockerd) to enable these tests")
    if compose and docker("compose", "version", check=False).returncode:
        pytest.skip("there is a Docker engine, but no `docker compose`; install Compose 2.20 or newer to enable these tests")


def images() -> dict[str, str]:
    """Variables that name the images: those of the environment, or the stand-ins, which are made if they are not there."""
    if os.environ.get("ELASTICSEARCH_IMAGE"):
        return {}
    made = subprocess.run(
        [ROOT / "docker" / "local-images.sh"], capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return dict(line.split("=", 1) for line in made.stdout.splitlines())


class Stack:
    """The compose stack under a project name of its own."""

    def __init__(self, data: Path) -> None:
        self.port = free_port(21000 + secrets.randbelow(8000))
        self._project = f"crmsearch-test-{secrets.token_hex(4)}"
        self._environment = {**images(), "API_PORT": str(self.port), "DATA_DIR": str(data), "ELASTICSEARCH_HEAP": "768m"}

    def compose(self, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        return docker(
            "compose",
            "--file",
            str(COMPOSE),
            "--project-name",
            self._project,
            *arguments,
            environment=self._environment | more,
            check=check,
        )

    def run(self, service: str, *arguments: str, entrypoint: str = "", check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a service once without what it depends on, which is up."""
        given = ("--entrypoint", entrypoint) if entrypoint else ()
        return self.compose("run", "--rm", "--no-deps", "--no-TTY", *given, service, *arguments, check=check, **more)

    def remove(self) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "10", check=False)


@contextmanager
def elasticsearch_container(settings: Settings) -> Iterator[Settings]:
    """Settings of an Elasticsearch in a container of its own, over TLS and with a password; removed at the end."""
    require_engine(compose=False)
    name, port, password = f"crmsearch-test-{secrets.token_hex(4)}", free_port(21000 + secrets.randbelow(8000)), secrets.token_urlsafe(24)
    made = make_certificates()
    with tempfile.TemporaryDirectory(prefix="crmsearch-container-") as folder:
        files = {"password": password, "http.crt": made.certificate, "http.key": made.private_key, "ca.crt": made.authority}
        Path(folder).chmod(0o755)
        for file, text in files.items():
            (Path(folder) / file).write_text(text, encoding="ascii")
            (Path(folder) / file).chmod(0o600)
            if os.geteuid() == 0:
                os.chown(Path(folder) / file, ELASTIC_UID, 0)
        variables = {
            "discovery.type": "single-node",
            "http.host": "0.0.0.0",
            "transport.host": "127.0.0.1",
            "path.repo": "/tmp/backups",
            "action.auto_create_index": "false",
            "xpack.security.http.ssl.enabled": "true",
            "xpack.security.http.ssl.certificate": "certs/http.crt",
            "xpack.security.http.ssl.key": "certs/http.key",
            "ES_JAVA_OPTS": "-Xms1g -Xmx1g",
            "ELASTIC_PASSWORD_FILE": "/usr/share/elasticsearch/config/certs/password",
        }
        docker(
            *("run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:9200"),
            *("--volume", f"{folder}:/usr/share/elasticsearch/config/certs:ro"),
            *(word for variable, value in variables.items() for word in ("--env", f"{variable}={value}")),
            os.environ.get("ELASTICSEARCH_IMAGE", ELASTIC_IMAGE),
        )
        found = msgspec.structs.replace(
            settings.elasticsearch,
            url=f"https://127.0.0.1:{port}",
            username="elastic",
            password=Secret(password),
            ca_file=f"{folder}/ca.crt",
        )
        try:
            assert wait_until(lambda: _answers(msgspec.structs.replace(settings, elasticsearch=found)), 300), docker("logs", name).stdout[
                -2000:
            ]
            yield msgspec.structs.replace(settings, elasticsearch=found)
        finally:
            docker("rm", "--force", "--volumes", name, check=False)


def _answers(settings: Settings) -> bool:
    with make_client(settings.elasticsearch) as client:
        try:
            with translated_errors():
                return bool(client.cluster.health(wait_for_status="yellow", timeout="1s"))
        except CrmSearchError:
            return False
