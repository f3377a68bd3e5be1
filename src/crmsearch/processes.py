"""Background processes and their ports: found by what their command line says, waited for with a bound."""

import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crmsearch.errors import PortInUseError

__all__ = ["HAS_PROC", "PORT_RANGE", "command_lines", "free_port", "port_is_free", "tail", "wait_until"]

PORT_RANGE = 100
HAS_PROC = Path("/proc/self/cmdline").exists()
_POLL_S = 0.2


def command_lines(wanted: int | None = None) -> dict[int, str]:
    """Command line by pid, of all processes or of one; empty for one that is dying or waits dead for its parent."""
    lines: dict[int, str] = {}
    if HAS_PROC:
        for pid in [wanted] if wanted else [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]:
            with suppress(OSError):  # it ended meanwhile
                lines[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return lines
    which = ["-p", str(wanted)] if wanted else ["-A"]
    answer = subprocess.run(["ps", "-ww", *which, "-o", "pid=,command="], capture_output=True, text=True, check=False)
    for line in answer.stdout.splitlines():
        pid_text, _, command_line = line.strip().partition(" ")
        lines[int(pid_text)] = command_line
    return lines


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until ``condition`` holds, at most ``timeout_s`` seconds; returns whether it did."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """The wanted port, or the next free one above it.

    Raises:
        PortInUseError: none of the next hundred is free.
    """
    for port in range(wanted, min(wanted + PORT_RANGE, 65536)):
        if port_is_free(port, host):
            return port
    raise PortInUseError(f"no free port from {wanted} to {wanted + PORT_RANGE - 1}; set CRMSEARCH_NODE_PORT or CRMSEARCH_API_PORT")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if probe.connect_ex((host, port)) == 0:
            return False
    with socket.socket(family) as probe:
        # As servers do: connections just closed, in TIME_WAIT, do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def tail(path: Path, lines: int) -> list[str]:
    """Last lines of a text file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
