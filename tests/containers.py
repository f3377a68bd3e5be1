"""The Docker engine and Compose, for the tests that have them; the images, and the compose stack."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from crmsearch.processes import free_port

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker" / "compose.yaml"
DOCKER = os.environ.get("DOCKER", "docker")  # the client, as in local-images.sh
TIMEOUT_S = 1800.0  # for one call: images are built in it, and jobs run


def call(*command: str, environment: dict[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command; what it said is in the error when it fails."""
    answer = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check:
        assert answer.returncode == 0, f"{' '.join(command)}: {answer.stdout[-1000:]}{answer.stderr[-2000:]}"
    return answer


@cache
def compose_command() -> tuple[str, ...]:
    """Compose 2, a part of the client, or Compose 1.29, a program of its own; without an engine or either skip, saying what is missing."""
    if shutil.which(DOCKER) is None or call(DOCKER, "info", check=False).returncode:
        pytest.skip("no Docker engine answers; start one (dockerd) to enable these tests")
    for command in ((DOCKER, "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and not call(*command, "version", check=False).returncode:
            return command
    pytest.skip("there is a Docker engine, but no Compose; install `docker compose` or docker-compose to enable these tests")


def images(*names: str) -> dict[str, str]:
    """Variables that name these images: those of the environment, and of the others stand-ins, which are made if they are not there."""
    variables = {name: f"{name.upper()}_IMAGE" for name in names}
    found = {variable: os.environ[variable] for variable in variables.values() if variable in os.environ}
    if missing := [name for name, variable in variables.items() if variable not in found]:
        made = call(str(ROOT / "docker" / "local-images.sh"), *missing, environment={"DOCKER": DOCKER})
        found |= dict(line.split("=", 1) for line in made.stdout.splitlines())
    return found


class Stack:
    """The compose stack under a project name of its own, with a stand-in for Kibana."""

    def __init__(self, folder: Path) -> None:
        """Make the images, and start nothing yet.

        Args:
            folder: for files of the stack; its folder ``data`` holds what is loaded.
        """
        self._compose = compose_command()
        self.port = free_port(21000 + secrets.randbelow(4000))
        self.project = f"crmsearch-test-{secrets.token_hex(4)}"
        self.images = images("elasticsearch", "api", "spark")
        self.environment = self.images | {
            "KIBANA_IMAGE": os.environ.get("KIBANA_IMAGE") or _kibana_image(self.images["API_IMAGE"]),
            "API_PORT": str(self.port),
            "KIBANA_PORT": str(free_port(25000 + secrets.randbelow(4000))),
            "DATA_DIR": str(folder / "data"),
            "ELASTICSEARCH_HEAP": "768m",
        }
        self._file = COMPOSE
        if self._compose == ("docker-compose",):
            # Compose 1.29 knows no name in the file, and here it is another one anyhow.
            self._file = folder / "compose.yaml"
            self._file.write_text(COMPOSE.read_text(encoding="utf-8").replace("\nname: crmsearch\n", "\n"), encoding="utf-8")

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = ("--project-directory", str(COMPOSE.parent), "--file", str(self._file), "--project-name", self.project)
        return call(*self._compose, *files, *arguments, environment=self.environment, check=check)

    def run(self, service: str, *arguments: str, entrypoint: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a service once without what it depends on, which is up."""
        given = ("--entrypoint", entrypoint) if entrypoint else ()
        return self.compose("run", "--rm", "--no-deps", "-T", *given, service, *arguments, check=check)

    def use(self, other: dict[str, str]) -> None:
        """Take these images from now on; what runs goes on with its own until it is started anew."""
        self.environment |= other

    def states(self) -> dict[str, str]:
        """What the engine says of each service that runs, such as ``Up 3 minutes (healthy)``."""
        return self._told("{{.Status}}")

    def running_images(self) -> dict[str, str]:
        """The image of each service that runs."""
        return self._told("{{.Image}}")

    def _told(self, what: str) -> dict[str, str]:
        form = '{{.Label "com.docker.compose.service"}}=' + what
        said = call(DOCKER, "ps", "--filter", f"label=com.docker.compose.project={self.project}", "--format", form)
        return dict(line.split("=", 1) for line in said.stdout.splitlines())

    def down(self, *options: str, check: bool = True) -> None:
        """Remove all containers; the data stay unless ``--volumes`` is among the options."""
        everything = (word for name in ("kibana", "spark", "tools") for word in ("--profile", name))
        self.compose(*everything, "down", *options, check=check)


def _kibana_image(api_image: str) -> str:
    name = "crmsearch-test-kibana"
    call(
        *(DOCKER, "build", "--network", "host", "--build-arg", f"API_IMAGE={api_image}"),
        *("--file", str(ROOT / "tests" / "kibana.Dockerfile"), "--tag", name, str(ROOT / "tests")),
    )
    return name
