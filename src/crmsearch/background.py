"""The API as a background process: started by ``up``, found again by its record, stopped by ``down``."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec

from crmsearch.errors import ConfigError, PortInUseError
from crmsearch.indexing.access import KeyStore
from crmsearch.indexing.client import make_client
from crmsearch.processes import command_lines, free_port, port_is_free, tail, wait_until
from crmsearch.settings import LOOPBACK, Settings, child_environment

__all__ = ["ApiRecord", "check_binding", "running_api", "start_api", "stop_api"]

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 15.0
_POLL_S = 0.1
# Processes meant to outlive us; without a reference the interpreter would complain that they still run.
_STARTED: list[subprocess.Popen[bytes]] = []


class ApiRecord(msgspec.Struct, frozen=True):
    """Where the background API answers."""

    pid: int
    url: str


def check_binding(settings: Settings) -> None:
    """Refuse what would expose personal data or could not work.

    Args:
        settings: with an Elasticsearch filled in.

    Raises:
        ConfigError: an address beyond loopback while there is no key.
        PortInUseError: something else listens there.
    """
    api = settings.api
    if api.host not in LOOPBACK and not api.key and not settings.oidc.issuer and not _has_keys(settings):
        raise ConfigError(
            f"binding to {api.host} would show personal data to the network; make a key with `crmsearch keys create --role admin`, "
            "or bind to 127.0.0.1"
        )
    if not port_is_free(api.port, api.host):
        raise PortInUseError(f"port {api.port} of {api.host} is in use; choose another with --port or CRMSEARCH_API_PORT")


def _has_keys(settings: Settings) -> bool:
    with make_client(settings.elasticsearch) as client:
        return bool(KeyStore(client, settings.elasticsearch).all())


def start_api(settings: Settings, *, any_port: bool) -> ApiRecord:
    """Start the API in the background and wait until it answers; a running one is left as it is.

    Args:
        settings: with an Elasticsearch filled in.
        any_port: take the next free port when the wanted one is in use.

    Raises:
        PortInUseError, ConfigError: see ``check_binding``.
        ConfigError: it did not start; the text ends with its last log lines.
    """
    if (record := running_api(settings)) is not None:
        return record
    api = settings.api
    if any_port:
        api = msgspec.structs.replace(api, port=free_port(api.port))
        settings = msgspec.structs.replace(settings, api=api)
    check_binding(settings)
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / "api.log"
    log.touch(mode=0o600)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRMSEARCH_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "crmsearch", "serve", f"--state={folder}"],
            env={**inherited, **child_environment(settings)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    _STARTED.append(process)
    record = ApiRecord(process.pid, f"http://{api.host}:{api.port}")
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _answers(record.url):
        if process.poll() is not None or time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise ConfigError(f"the API did not start. Last lines of {log}:\n" + "\n".join(f"  {line}" for line in tail(log, 15)))
        time.sleep(_POLL_S)
    _record_path(settings).write_bytes(msgspec.json.encode(record))
    return record


def stop_api(settings: Settings) -> bool:
    """Stop the background API; returns whether one was running."""
    record = running_api(settings)
    if record is not None:
        for number, patience_s in ((signal.SIGTERM, _STOP_TIMEOUT_S), (signal.SIGKILL, _STOP_TIMEOUT_S)):
            with suppress(ProcessLookupError):
                os.killpg(record.pid, number)
            if wait_until(lambda: running_api(settings) is None, patience_s):
                break
        for started in _STARTED:
            started.poll()  # our own child is gone for good only once it has been asked for
    _record_path(settings).unlink(missing_ok=True)
    return record is not None


def running_api(settings: Settings) -> ApiRecord | None:
    """The background API of this state directory, if its process lives."""
    try:
        record = msgspec.json.decode(_record_path(settings).read_bytes(), type=ApiRecord)
    except (OSError, msgspec.DecodeError):
        return None
    return record if f"--state={_folder(settings)}" in command_lines(record.pid).get(record.pid, "") else None


def _answers(url: str) -> bool:
    try:
        # trust_env off: a proxy of the environment has no business with loopback.
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            return client.get(f"{url}/health/live").status_code == 200
    except httpx.HTTPError:
        return False


def _folder(settings: Settings) -> Path:
    return settings.paths.state.absolute() / "api"


def _record_path(settings: Settings) -> Path:
    return _folder(settings) / "api.json"
