"""The embedded local Elasticsearch node: started, found, looked at and stopped.

It is a process of its own that outlives the command that started it; ``node.json`` in the state directory says where it answers.
"""

import os
import secrets
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.artifacts import locked
from crmsearch.errors import BackendUnavailableError, ConfigError, NodeError
from crmsearch.java import find_java
from crmsearch.node.certificates import is_fresh, make_certificates
from crmsearch.node.config import SINGLE_NODE, NodeFiles, NodeRecord, ServerSetting, render_config, server_environment
from crmsearch.node.installation import ELASTICSEARCH_VERSION, bundled_java, install, install_dir, installed
from crmsearch.node.process import Server, end, health, is_node, launch, processes
from crmsearch.node.user import ServerUser, check_access, give, server_user
from crmsearch.processes import PORT_RANGE, free_port, port_is_free, tail
from crmsearch.progress import ProgressFactory, show_progress
from crmsearch.settings import Secret, Settings

__all__ = ["SINGLE_NODE", "ServerSetting", "connection", "ensure", "follow", "logs", "node_files", "start", "status", "stop"]

_FOLLOW_POLL_S = 0.3
_START_ATTEMPTS = 3


def ensure(settings: Settings, progress: ProgressFactory = show_progress) -> Settings:
    """Settings that reach an Elasticsearch: unchanged if they name one, else those of the local node, installed and started if need be.

    Raises:
        ConfigError, JavaNotFoundError, PortInUseError, NodeError: see ``start``.
    """
    if settings.elasticsearch.url:
        return settings
    return _connected(settings, start(settings, progress))


def connection(settings: Settings) -> Settings:
    """Like ``ensure``, but never starts anything.

    Raises:
        BackendUnavailableError: the settings name no Elasticsearch, and no local node is running.
        NodeError: the local node belongs to another user.
    """
    if settings.elasticsearch.url:
        return settings
    files = node_files(settings)
    with _using(files):
        record = _running(files)
    if record is None:
        raise BackendUnavailableError("no local node is running; start one with `crmsearch node start`, or set CRMSEARCH_ELASTICSEARCH_URL")
    return _connected(settings, record)


def start(
    settings: Settings, progress: ProgressFactory = show_progress, membership: Mapping[str, ServerSetting] = SINGLE_NODE
) -> NodeRecord:
    """Start the local node, installing it first if need be, and wait until it answers; a running one is left as it is.

    Args:
        settings: Where it lies, and what it may take.
        progress: Shows how far it is.
        membership: Server settings of one that is not alone: its name, and how it finds the others.

    Raises:
        ConfigError: the settings name another Elasticsearch, or a directory that cannot be used.
        JavaNotFoundError: no JDK for Elasticsearch.
        PortInUseError: no free port near the wanted one.
        NodeError: it cannot be fetched, or does not start within ``node.start_timeout_s``; the text ends with its last log lines.
    """
    if settings.elasticsearch.url:
        raise ConfigError("CRMSEARCH_ELASTICSEARCH_URL names the Elasticsearch to use, so no local node is started; unset it to have one")
    files = node_files(settings)
    with _using(files):
        if (record := _running(files)) is not None:
            return record
        # What may be wrong with the machine is found before 900 MiB are fetched.
        home = install_dir(settings)
        user = server_user(settings.node.user)
        java_home = None
        if settings.node.java_home or not bundled_java(home):
            java_home = find_java("elasticsearch", settings.node.java_home).home
        _make_folders(files, user)
        if user is not None:
            nearest = next(folder for folder in (home, *home.parents) if folder.exists())
            check_access(user, [files.tmp, nearest, *([java_home / "bin" / "java"] if java_home else [])])
        install(settings, progress=progress)
        if user is not None:
            check_access(user, [home / "bin" / "elasticsearch"])
        with locked(files.lock, "the local node"):
            if (record := _running(files)) is not None:
                return record
            # A start that was itself killed may have left a server that nobody knows of; it would hold the data's lock.
            for leftover in processes(files):
                end(leftover, files)
            server = Server(files, home, server_environment(files, settings.node, java_home), user)
            return _start_on_free_ports(settings, server, progress, membership)


def stop(settings: Settings) -> bool:
    """Stop the local node, waiting until it is gone; its data stays.

    Returns:
        Whether there was one running.

    Raises:
        NodeError: it cannot be ended, or belongs to another user.
    """
    files = node_files(settings)
    with _using(files):
        if not files.root.exists():
            return False
        with locked(files.lock, "the local node"):
            pids = processes(files)
            for pid in pids:
                end(pid, files)
            files.record.unlink(missing_ok=True)
    return bool(pids)


def status(settings: Settings) -> dict[str, Any]:
    """How the local node is: ``url``, ``version``, ``state_dir``, ``pid`` and ``health``.

    ``health`` is Elasticsearch's ``green``, ``yellow`` or ``red``; ``unreachable`` if the process lives but does not answer (it may
    still be starting); else ``stopped``.

    Raises:
        NodeError: the local node belongs to another user.
    """
    files = node_files(settings)
    with _using(files):
        record = _running(files)
        if record is not None:
            condition = health(record.url, _read_password(files), files.authority) or "unreachable"
            return {"url": record.url, "version": record.version, "state_dir": str(files.state_dir), "pid": record.pid, "health": condition}
        pid = next(iter(processes(files)), None)
    version = ELASTICSEARCH_VERSION if installed(settings) else None
    condition = "unreachable" if pid else "stopped"
    return {"url": None, "version": version, "state_dir": str(files.state_dir), "pid": pid, "health": condition}


def logs(settings: Settings, lines: int = 50) -> list[str]:
    """Last lines of the node's log.

    Raises:
        NodeError: there is none yet, or it belongs to another user.
    """
    files = node_files(settings)
    with _using(files):
        return tail(_log(files), lines)


def follow(settings: Settings) -> Generator[str, None, None]:
    """Lines as they are added to the node's log, over its rotations, without end.

    Raises:
        NodeError: there is none yet, or it belongs to another user.
    """
    files = node_files(settings)
    with _using(files):
        path = _log(files)
        file = path.open(encoding="utf-8", errors="replace")
    try:
        file.seek(0, os.SEEK_END)
        while True:
            if line := file.readline():
                yield line.rstrip("\n")
                continue
            time.sleep(_FOLLOW_POLL_S)
            with suppress(FileNotFoundError):  # it is between two names while it rotates
                if path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                    file.close()
                    file = path.open(encoding="utf-8", errors="replace")
    finally:
        file.close()


def node_files(settings: Settings) -> NodeFiles:
    """Where the local node of these settings keeps its files."""
    return NodeFiles(settings.paths.state.absolute())


def _start_on_free_ports(
    settings: Settings, server: Server, progress: ProgressFactory, membership: Mapping[str, ServerSetting]
) -> NodeRecord:
    files = server.files
    password = _make_password(files)
    attempt = 1
    while True:
        http_port = free_port(settings.node.port)
        transport_port = free_port(http_port + PORT_RANGE if http_port + PORT_RANGE < 65536 else http_port - PORT_RANGE)
        tls = settings.node.tls
        for name, content in render_config(files, server.home, http_port, transport_port, password, membership, tls=tls).items():
            _write(files.config / name, content, files, server.user)
        if tls:
            _certify(files, server.user)
        url = f"{'https' if tls else 'http'}://127.0.0.1:{http_port}"
        try:
            pid = launch(server, url, password, settings.node.start_timeout_s, progress)
        except NodeError:
            # Another program may have taken a port between our look at it and the server's binding; then others are tried.
            if attempt == _START_ATTEMPTS or (port_is_free(http_port) and port_is_free(transport_port)):
                raise
            attempt += 1
            continue
        record = NodeRecord(url=url, http_port=http_port, transport_port=transport_port, pid=pid, version=ELASTICSEARCH_VERSION)
        _write(files.record, msgspec.json.encode(record).decode() + "\n", files, None)
        return record


def _connected(settings: Settings, record: NodeRecord) -> Settings:
    files = node_files(settings)
    with _using(files):
        password = Secret(_read_password(files))
    given = settings.elasticsearch
    # A key is one with fewer privileges, and so is to be used.
    login = {} if given.api_key else {"username": record.username, "password": password}
    elasticsearch = msgspec.structs.replace(
        given,
        url=record.url,
        ca_file=str(files.authority) if record.url.startswith("https:") else "",
        fingerprint="",
        snapshots=given.snapshots or str(files.snapshots),
        **login,
    )
    return msgspec.structs.replace(settings, elasticsearch=elasticsearch)


def _running(files: NodeFiles) -> NodeRecord | None:
    """The node that runs, or ``None``; a record whose process is gone counts for nothing."""
    try:
        record = msgspec.json.decode(files.record.read_bytes(), type=NodeRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return record if is_node(record.pid, files) else None


@contextmanager
def _using(files: NodeFiles) -> Iterator[None]:
    """Say plainly what is wrong when the node's files cannot be used."""
    try:
        yield
    except PermissionError as error:
        raise NodeError(
            f"the local node in {files.root} is not yours to use ({error}); run as the user who started it, "
            "or set CRMSEARCH_STATE_DIR to a folder of your own"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot use {files.state_dir}: {error}; set CRMSEARCH_STATE_DIR to another folder") from error


def _make_folders(files: NodeFiles, user: ServerUser | None) -> None:
    # Root's folders must let the server's user through; passing is enough, so nobody can list them.
    mode = 0o700 if user is None else 0o711
    for folder in (files.state_dir, files.root):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
    for folder in files.owned_by_server:
        folder.mkdir(mode=0o700, exist_ok=True)
        give(folder, user)


def _write(path: Path, content: str, files: NodeFiles, owner: ServerUser | None) -> None:
    """Write a file as a whole, readable by its owner only."""
    # Made where only we may write and then moved: a link planted in the server's folder is replaced, not followed.
    new = files.root / f".{path.name}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    give(new, owner)
    new.replace(path)


def _certify(files: NodeFiles, owner: ServerUser | None) -> None:
    """Give the server a certificate, unless it has one; whoever trusts it goes on doing so when the node is started again."""
    if files.private_key.exists() and files.authority.exists() and is_fresh(files.authority.read_text(encoding="ascii")):
        return
    made = make_certificates()
    _write(files.certificate, made.certificate, files, owner)
    _write(files.private_key, made.private_key, files, owner)
    _write(files.authority, made.authority, files, None)


def _make_password(files: NodeFiles) -> str:
    if not files.password.exists():
        _write(files.password, secrets.token_urlsafe(24) + "\n", files, None)
    return _read_password(files)


def _read_password(files: NodeFiles) -> str:
    return files.password.read_text(encoding="ascii").strip()


def _log(files: NodeFiles) -> Path:
    """The log written to last: the server's own, or the console's when the server fell before it had one."""
    present = [path for path in (files.console_log, files.server_log) if path.exists()]
    if not present:
        raise NodeError(f"the local node in {files.root} has no log yet; start it with `crmsearch node start`")
    return max(present, key=lambda path: path.stat().st_mtime)
