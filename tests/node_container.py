"""Pytest plugin: an Elasticsearch in a container of its own, over TLS and with a password, by the fixtures of pytest-docker.

``docker_services`` starts and removes it; what it is started from is said here. It is what ``node_settings`` is with ``--node docker``.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.client import make_client, translated_errors
from crmsearch.node.certificates import make_certificates
from crmsearch.settings import ElasticsearchSettings, Secret, Settings, from_env
from tests.containers import compose_command, images

if TYPE_CHECKING:
    from pytest_docker.plugin import Services

START_TIMEOUT_S = 300.0
ELASTIC_UID = 1000  # the user in Elasticsearch's image
PLACE = "/usr/share/elasticsearch/config/certs"
# As the local node is set up; what is written to the file system stays in the container.
ENVIRONMENT = {
    "discovery.type": "single-node",
    "http.host": "0.0.0.0",
    "transport.host": "127.0.0.1",
    "path.repo": "/tmp/backups",
    "action.auto_create_index": "false",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.certificate": "certs/http.crt",
    "xpack.security.http.ssl.key": "certs/http.key",
    "ES_JAVA_OPTS": "-Xms1g -Xmx1g -XX:TieredStopAtLevel=1",  # why this one, tests/conftest.py says
    "ELASTIC_PASSWORD_FILE": f"{PLACE}/password",
}


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    return " ".join(compose_command())


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"crmsearch-test-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    return ["up --detach"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return ["down --volumes --timeout 10"]


@pytest.fixture(scope="session")
def node_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the container is shown: its certificate and password; and the authority of the one."""
    folder = tmp_path_factory.mktemp("container")
    folder.chmod(0o755)
    made = make_certificates()
    files = {"http.crt": made.certificate, "http.key": made.private_key, "ca.crt": made.authority, "password": secrets.token_urlsafe(24)}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")
        (folder / name).chmod(0o600)
        if os.geteuid() == 0:
            os.chown(folder / name, ELASTIC_UID, 0)
    return folder


@pytest.fixture(scope="session")
def docker_compose_file(node_secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    node = {
        "image": images("elasticsearch")["ELASTICSEARCH_IMAGE"],
        "environment": ENVIRONMENT,
        "ports": ["127.0.0.1::9200"],
        "volumes": [f"{node_secrets}:{PLACE}:ro"],
    }
    file = tmp_path_factory.mktemp("compose") / "compose.yaml"
    file.write_text(json.dumps({"services": {"elasticsearch": node}}), encoding="utf-8")  # all JSON is YAML
    return str(file)


@pytest.fixture(scope="session")
def contained_settings(docker_services: Services, node_secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that reach the Elasticsearch in the container, with a state directory of their own."""
    settings = from_env()
    found = msgspec.structs.replace(
        settings.elasticsearch,
        url=f"https://127.0.0.1:{docker_services.port_for('elasticsearch', 9200)}",
        username="elastic",
        password=Secret((node_secrets / "password").read_text(encoding="ascii")),
        ca_file=str(node_secrets / "ca.crt"),
    )
    docker_services.wait_until_responsive(lambda: _answers(found), timeout=START_TIMEOUT_S, pause=1)
    paths = msgspec.structs.replace(settings.paths, state_dir=str(tmp_path_factory.mktemp("state")))
    return msgspec.structs.replace(settings, elasticsearch=found, paths=paths)


def _answers(settings: ElasticsearchSettings) -> bool:
    with make_client(settings) as client:
        try:
            with translated_errors():
                return bool(client.cluster.health(wait_for_status="yellow", timeout="1s"))
        except CrmSearchError:
            return False
