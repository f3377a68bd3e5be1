"""What the compose stack needs before its parts can trust each other: certificates, passwords, keys.

``files`` makes what needs no Elasticsearch, ``keys`` what Elasticsearch has to make. Both make what is missing and leave what is there, so
they run at every start. Each part has a folder (a volume) of its own below ``/setup`` and is shown no other's::

    trust/          elasticsearch.crt kibana.crt: the authorities; their keys were thrown away, so they sign nothing else
    elastic/        password of the user `elastic`, and with its name: login; analyst.password of the user `analyst` of Kibana
    elasticsearch/  http.crt http.key
    kibana/         http.crt http.key kibana.yml
    api/  job/      key and password files of the API and of the job
    spark/          spark-defaults.conf with the secret that master, workers and drivers share
    admin/          first.key, the API's first key; analyst.key, Elasticsearch's for notebooks
"""

import os
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import elasticsearch
import msgspec

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.access import KeyStore
from crmsearch.indexing.client import make_client, translated_errors
from crmsearch.indexing.logins import ROLES, Logins
from crmsearch.node.certificates import is_fresh, make_certificates
from crmsearch.privacy.access import make_key
from crmsearch.processes import wait_until
from crmsearch.settings import ElasticsearchSettings, Secret, from_env

ROOT = Path("/setup")
READY_TIMEOUT_S = 120.0  # for a server that answers already
ANSWER_TIMEOUT_S = 60.0  # one that has just started, on a machine where everything else does too, takes its time
LOOPBACK = ("localhost", "127.0.0.1")  # for the health checks, which ask from within
KEY_FILES = {"job": "job/elasticsearch.key", "api": "api/elasticsearch.key", "analyst": "admin/analyst.key"}

# The folders are those that Kibana sees; its password is not in here but for this file, which nobody else is shown.
KIBANA = """\
server.host: 0.0.0.0
server.name: kibana
server.ssl.enabled: true
server.ssl.certificate: /setup/kibana/http.crt
server.ssl.key: /setup/kibana/http.key
elasticsearch.hosts: ["https://elasticsearch:9200"]
elasticsearch.ssl.certificateAuthorities: ["/setup/trust/elasticsearch.crt"]
elasticsearch.username: kibana_system
elasticsearch.password: {password}
xpack.security.encryptionKey: {security}
xpack.encryptedSavedObjects.encryptionKey: {objects}
xpack.reporting.encryptionKey: {reporting}
telemetry.optIn: false
telemetry.allowChangingOptInStatus: false
"""
# What Spark's processes say to each other, and what they put on disk for a while, is personal data.
SPARK = """\
spark.authenticate                 true
spark.authenticate.secret          {secret}
spark.network.crypto.enabled       true
spark.io.encryption.enabled        true
spark.worker.cleanup.enabled       true
spark.worker.cleanup.appDataTtl    86400
"""


def make_files(root: Path = ROOT) -> list[str]:
    """Make the certificates, passwords and configurations that are missing, and certificates that end soon; tells what was made."""
    made = [name for name in ("elasticsearch", "kibana") if _certify(root, name)]
    texts: dict[str, Callable[[], str]] = {
        "elastic/password": _secret,
        "elastic/login": lambda: "elastic:" + (root / "elastic" / "password").read_text(encoding="ascii"),
        "elastic/analyst.password": _secret,
        "api/cursor.key": _secret,
        "api/privacy.key": _secret,
        "api/encryption.keys": _secret,
        "kibana/password": _secret,
        "kibana/kibana.yml": lambda: KIBANA.format(
            password=(root / "kibana" / "password").read_text(encoding="ascii").strip(),
            security=_secret(),
            objects=_secret(),
            reporting=_secret(),
        ),
        "spark/spark-defaults.conf": lambda: SPARK.format(secret=_secret()),
    }
    for name, text in texts.items():
        if not (root / name).exists():
            _write(root / name, text())
            made.append(name)
    # One and the same for the API and for loads, also after a key was changed.
    for name in ("privacy.key", "encryption.keys"):
        text = (root / "api" / name).read_text(encoding="ascii").strip()
        if _read(root / "job" / name) != text:
            _write(root / "job" / name, text)
            made.append(f"job/{name}")
    return made


def make_keys(settings: ElasticsearchSettings, root: Path = ROOT) -> list[str]:
    """Have Elasticsearch make the keys that are missing, or void since its data are others; tells what was made.

    Args:
        settings: with the login of a user who may make keys.
        root: of the folders.

    Raises:
        CrmSearchError: Elasticsearch does not answer, or refuses.
    """
    now, made = datetime.now(UTC), []
    with make_client(settings) as client:
        wait_until(lambda: _is_ready(client), READY_TIMEOUT_S)  # what is wrong if it never is, the next call tells
        logins, keys = Logins(client, settings.index_prefix), KeyStore(client, settings)
        for role, name in KEY_FILES.items():
            if not _accepted(settings, api_key=_read(root / name)):
                _write(root / name, logins.make(ROLES[role], now).encoded)
                made.append(name)
        password = _read(root / "kibana" / "password")
        if not _accepted(settings, username="kibana_system", password=password):
            with translated_errors():
                client.security.change_password(username="kibana_system", password=str(password))
            made.append("the password of kibana_system")
        if not keys.all():  # beyond loopback the API does not start without a key
            key, record = make_key("first", "admin", (), now, None)
            _write(root / "admin" / "first.key", key)
            keys.add(record)
            made.append("admin/first.key")
    return made


def _certify(root: Path, host: str) -> bool:
    certificate = root / host / "http.crt"
    if certificate.exists() and is_fresh(certificate.read_text(encoding="ascii")):
        return False
    pair = make_certificates((host, *LOOPBACK))
    _write(root / host / "http.key", pair.private_key)
    _write(certificate, pair.certificate)
    _write(root / "trust" / f"{host}.crt", pair.authority)
    return True


def _is_ready(client: elasticsearch.Elasticsearch) -> bool:
    """Whether it has what it keeps at hand; before, it refuses good logins, as if they were void, and makes no keys."""
    try:
        with translated_errors():
            return not client.cluster.health(wait_for_status="yellow", timeout="5s")["timed_out"]
    except CrmSearchError:
        return False


def _accepted(settings: ElasticsearchSettings, *, username: str = "", password: Secret = Secret(), api_key: Secret = Secret()) -> bool:  # noqa: B008 - immutable
    """Whether Elasticsearch knows this login; an empty one is none."""
    if not (password or api_key):
        return False
    with make_client(msgspec.structs.replace(settings, username=username, password=password, api_key=api_key)) as client:
        try:
            with translated_errors():
                client.security.authenticate()
        except CrmSearchError as error:
            if isinstance(error.__cause__, elasticsearch.AuthenticationException):
                return False
            raise
    return True


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _read(path: Path) -> Secret:
    return Secret(path.read_text(encoding="ascii").strip()) if path.exists() else Secret()


def _write(path: Path, text: str) -> None:
    """Put a file into place whole, readable by its owner alone."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text.strip() + "\n")
    new.replace(path)


def main(step: str) -> None:
    """Carry out one step, and say what was made; never a secret."""
    if step == "files":
        made = make_files()
    else:
        password = _read(ROOT / "elastic" / "password")
        settings = msgspec.structs.replace(from_env().elasticsearch, username="elastic", password=password, timeout_s=ANSWER_TIMEOUT_S)
        try:
            made = make_keys(settings)
        except CrmSearchError as error:
            sys.exit(f"{error.code}: {error}")
    sys.stdout.write(f"made: {', '.join(made)}\n" if made else "everything is there; nothing was changed\n")


if __name__ == "__main__":
    main(sys.argv[1])
