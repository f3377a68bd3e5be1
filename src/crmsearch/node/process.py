"""The embedded node's process: launched, recognised, asked how it is, ended.

A pid is believed only while the process that bears it really is this node's (its command line names the node's own folder), so that a
crash, a reboot or a reused pid mislead nobody; and a process that was left behind unrecorded is found all the same.
"""

import os
import signal
import ssl
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import httpx
import msgspec

from crmsearch.errors import NodeError
from crmsearch.node.config import USERNAME, NodeFiles
from crmsearch.node.user import ServerUser
from crmsearch.processes import HAS_PROC, command_lines, tail, wait_until
from crmsearch.progress import ProgressFactory

__all__ = ["Server", "end", "health", "is_node", "launch", "processes"]

_POLL_S = 0.2
_HTTP_TIMEOUT_S = 5.0
_STOP_TIMEOUT_S = 30.0
_KILL_TIMEOUT_S = 10.0
_PF_EXITING = 0x4  # of Linux's include/linux/sched.h, in the seventh field after the name in /proc/PID/stat
_SHOWN_LOG_LINES = 20
_SHOWN_LINE_LENGTH = 300


class Server(msgspec.Struct, frozen=True):
    """What it takes to launch the server: its files and home, its whole environment, and its user (``None``: ourselves)."""

    files: NodeFiles
    home: Path
    environment: dict[str, str]
    user: ServerUser | None


def launch(server: Server, url: str, password: str, timeout_s: float, progress: ProgressFactory) -> int:
    """Run the server's start script and wait until the node answers; on any failure nothing is left running.

    Returns:
        The server's pid.

    Raises:
        NodeError: it ended, or did not answer within ``timeout_s``; the text ends with its last log lines.
    """
    deadline = time.monotonic() + timeout_s
    files = server.files
    files.console_log.touch(mode=0o600)
    with files.console_log.open("wb") as console:
        launcher = _popen(server, console)
    try:
        with progress("Starting Elasticsearch", None) as show:
            while True:
                code = launcher.poll()
                if code:
                    raise NodeError(f"Elasticsearch stopped while starting (exit code {code}). {_last_words(files)}")
                if code == 0:
                    pids = processes(files)
                    if not pids:
                        raise NodeError(f"Elasticsearch stopped right after it had started. {_last_words(files)}")
                    if health(url, password, files.authority, wait_s=1) in {"yellow", "green"}:
                        return pids[0]
                if time.monotonic() > deadline:
                    raise NodeError(
                        f"Elasticsearch did not answer within {timeout_s:g} s and was ended; "
                        f"CRMSEARCH_NODE_START_TIMEOUT_S allows it more. {_last_words(files)}"
                    )
                show(0)
                time.sleep(_POLL_S)
    except BaseException:
        # Ctrl-C too must leave no half-started server behind.
        _end_group(launcher, files)
        raise


def end(pid: int, files: NodeFiles) -> None:
    """End the node's process, gently first, and wait until it is gone.

    Raises:
        NodeError: it does not end.
    """
    for signal_, patience_s in ((signal.SIGTERM, _STOP_TIMEOUT_S), (signal.SIGKILL, _KILL_TIMEOUT_S)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal_)
        if wait_until(lambda: not is_node(pid, files), patience_s):
            return
    raise NodeError(f"the node's process {pid} does not end, not even when killed; the machine may have to be restarted")


def processes(files: NodeFiles) -> list[int]:
    """Pids of all that runs for the node: its start script, then the launcher, then the server, known to ``node.json`` or not."""
    return sorted(pid for pid, line in command_lines().items() if _belongs(line, files))


def is_node(pid: int, files: NodeFiles) -> bool:
    """Whether the process ``pid`` is the node's and lives, or still holds its ports and files while it dies."""
    return _belongs(command_lines(pid).get(pid, ""), files) or _is_dying(pid)


def health(url: str, password: str, authority: Path, wait_s: int = 0) -> str:
    """Colour of the cluster, waiting up to ``wait_s`` for yellow; empty if it does not answer, or not to our password."""
    parameters = {"wait_for_status": "yellow", "timeout": f"{wait_s}s"} if wait_s else {}
    try:
        verify = ssl.create_default_context(cafile=authority) if url.startswith("https:") else True
        # trust_env off: a proxy of the environment has no business with loopback.
        with httpx.Client(trust_env=False, timeout=_HTTP_TIMEOUT_S + wait_s, auth=(USERNAME, password), verify=verify) as client:
            answer = client.get(f"{url}/_cluster/health", params=parameters)
            return str(answer.json()["status"]) if answer.status_code in {200, 408} else ""
    except (httpx.HTTPError, OSError, ValueError, KeyError):
        return ""


def _popen(server: Server, console: BinaryIO) -> subprocess.Popen[bytes]:
    # With -d the script ends, successfully, once the server listens; the server itself lives on in the script's process group.
    script = server.home / "bin" / "elasticsearch"
    try:
        return subprocess.Popen(
            [str(script), "-d", "-p", str(server.files.pid_file)],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=server.environment,
            umask=0o077,
            start_new_session=True,
            **(server.user.popen_options if server.user else {}),
        )
    except OSError as error:
        raise NodeError(f"cannot run {script}: {error}; is its disk mounted noexec? CRMSEARCH_CACHE_DIR names another place") from error


def _end_group(launcher: subprocess.Popen[bytes], files: NodeFiles) -> None:
    pids = processes(files)
    for signal_, patience_s in ((signal.SIGTERM, _KILL_TIMEOUT_S), (signal.SIGKILL, _KILL_TIMEOUT_S)):
        with suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal_)
        if wait_until(lambda: launcher.poll() is not None and not any(is_node(pid, files) for pid in pids), patience_s):
            return


def _belongs(command_line: str, files: NodeFiles) -> bool:
    # The first is an argument of the server, the second of the start script and the launcher.
    return any(f" {mark} " in f"{command_line} " for mark in (f"-Djava.io.tmpdir={files.tmp}", f"-p {files.pid_file}"))


def _is_dying(pid: int) -> bool:
    """Whether a process has lost its memory, and so its command line, but not yet closed its files."""
    if not HAS_PROC:
        return False
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    state, flags, threads = fields[0], int(fields[6]), int(fields[17])
    return bool(flags & _PF_EXITING) and not (state == "Z" and threads <= 1)


def _last_words(files: NodeFiles) -> str:
    lines = "\n".join(f"  {line[:_SHOWN_LINE_LENGTH]}" for line in tail(files.console_log, _SHOWN_LOG_LINES))
    return f"Last lines of {files.console_log}:\n{lines}"
