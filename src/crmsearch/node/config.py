"""The embedded node's own files: where they lie, what its configuration says, and its one user's password.

The layout below the state directory::

    node/               root's or your own; others may pass through it, not list it
      node.json         what runs: url, ports, pid, version, user name
      password          of the user ``crmsearch``, mode 0600
      ca.crt            with TLS: the authority that signed the server's certificate; its key was never kept
      console.log       what the server wrote while starting
      config/ data/ logs/ tmp/ snapshots/    the server's, mode 0700
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from crmsearch.settings import NodeSettings

__all__ = ["SINGLE_NODE", "USERNAME", "NodeFiles", "NodeRecord", "ServerSetting", "password_hash", "render_config", "server_environment"]

ServerSetting = str | int | bool | list[str]

USERNAME = "crmsearch"

SINGLE_NODE: Mapping[str, ServerSetting] = {"node.name": "crmsearch-local", "discovery.type": "single-node"}
_HASH_ROUNDS = 10_000  # Elasticsearch's own default for PBKDF2; the password has 192 random bits, so more would add nothing


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``node.json``: the node that was started last, until it is stopped."""

    url: str
    http_port: int
    transport_port: int
    pid: int
    version: str
    username: str = USERNAME


class NodeFiles(msgspec.Struct, frozen=True):
    """Paths of one node."""

    state_dir: Path

    @property
    def root(self) -> Path:
        return self.state_dir / "node"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def owned_by_server(self) -> tuple[Path, ...]:
        return (self.config, self.data, self.logs, self.tmp, self.snapshots)

    @property
    def lock(self) -> Path:
        return self.root / ".lock"

    @property
    def record(self) -> Path:
        return self.root / "node.json"

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def authority(self) -> Path:
        return self.root / "ca.crt"

    @property
    def certificate(self) -> Path:
        return self.config / "http.crt"

    @property
    def private_key(self) -> Path:
        return self.config / "http.key"

    @property
    def console_log(self) -> Path:
        return self.root / "console.log"

    @property
    def server_log(self) -> Path:
        return self.logs / "crmsearch.log"

    @property
    def pid_file(self) -> Path:
        return self.tmp / "elasticsearch.pid"


def password_hash(password: str, salt: bytes | None = None) -> str:
    """Hash a password as Elasticsearch's file realm stores it: PBKDF2 with HMAC-SHA512, 32-byte salt, 256-bit key."""
    salt = secrets.token_bytes(32) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS, dklen=32)
    return f"{{PBKDF2}}{_HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def render_config(
    files: NodeFiles,
    home: Path,
    http_port: int,
    transport_port: int,
    password: str,
    membership: Mapping[str, ServerSetting] = SINGLE_NODE,
    *,
    tls: bool = False,
) -> dict[str, str]:
    """Render the server's configuration folder: file name to content.

    Args:
        files: Paths of the node.
        home: The server's home; its own ``jvm.options`` and ``log4j2.properties`` are copied as they are.
        http_port: Port of the HTTP interface, on loopback.
        transport_port: Port of the transport interface, on loopback; nothing connects to it, but it cannot be turned off.
        password: Of the one user.
        membership: What says which cluster it is in; wins over the rest.
        tls: Speak TLS on the HTTP interface, with the certificate and key of ``files``.
    """
    settings: dict[str, ServerSetting] = {
        "cluster.name": "crmsearch",
        "network.host": "127.0.0.1",
        "http.port": http_port,
        "transport.port": transport_port,
        "path.data": str(files.data),
        "path.logs": str(files.logs),
        "path.repo": [str(files.snapshots)],
        "action.auto_create_index": False,
        # The defaults are shares of the disk: a laptop's disk at 90% would leave every new index red.
        "cluster.routing.allocation.disk.watermark.low": "2gb",
        "cluster.routing.allocation.disk.watermark.high": "1gb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "512mb",
        "xpack.security.enabled": True,
        "xpack.security.enrollment.enabled": False,
        # Plain HTTP by default, as it never leaves the machine.
        "xpack.security.http.ssl.enabled": tls,
        "xpack.security.transport.ssl.enabled": False,
        "xpack.security.authc.realms.file.crmsearch.order": 0,
    }
    if tls:
        settings["xpack.security.http.ssl.certificate"] = str(files.certificate)
        settings["xpack.security.http.ssl.key"] = str(files.private_key)
    # A setting of a module that was not packed stops the server.
    if (home / "modules" / "ingest-geoip").is_dir():
        settings["ingest.geoip.downloader.enabled"] = False
    if (home / "modules" / "x-pack-ml").is_dir():
        settings["xpack.ml.enabled"] = False
    settings |= membership
    own = {name: (home / "config" / name).read_text(encoding="utf-8") for name in ("jvm.options", "log4j2.properties")}
    return own | {
        # JSON values are YAML values, quoted where needed.
        "elasticsearch.yml": "".join(f"{key}: {msgspec.json.encode(value).decode()}\n" for key, value in settings.items()),
        "users": f"{USERNAME}:{password_hash(password)}\n",
        "users_roles": f"superuser:{USERNAME}\n",
        "roles.yml": "",
        "role_mapping.yml": "",
    }


def server_environment(files: NodeFiles, settings: NodeSettings, java_home: Path | None) -> dict[str, str]:
    """The server's whole environment. It inherits nothing: neither our secrets nor a stray ``JAVA_TOOL_OPTIONS``.

    Args:
        files: Paths of the node.
        settings: its heap, and further options of the JVM.
        java_home: JDK to run on; ``None`` for the one the server brings.
    """
    options = [
        f"-Xms{settings.heap}",
        f"-Xmx{settings.heap}",
        # A heap dump holds customers' data in the clear.
        "-XX:-HeapDumpOnOutOfMemoryError",
        # No garbage collection logs (up to 2 GB by default); warnings go to the console log.
        "-Xlog:disable",
        "-Xlog:all=warning:stderr:utctime,level,tags",
        *settings.java_options.split(),
    ]
    environment = {
        "PATH": os.defpath,
        "HOME": str(files.tmp),
        "LANG": "C.UTF-8",
        "ES_PATH_CONF": str(files.config),
        "ES_TMPDIR": str(files.tmp),
        "ES_JAVA_OPTS": " ".join(options),
    }
    return environment | ({"ES_JAVA_HOME": str(java_home)} if java_home else {})
