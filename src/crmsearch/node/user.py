"""The unprivileged user that the node of root runs as: Elasticsearch refuses to run as root itself."""

import os
import pwd
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from crmsearch.errors import ConfigError, NodeError

__all__ = ["ServerUser", "check_access", "give", "server_user"]

_USERADD_TIMEOUT_S = 30.0
_NOLOGIN = "/usr/sbin/nologin"


class ServerUser(msgspec.Struct, frozen=True):
    """Name and ids of the user the server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def popen_options(self) -> dict[str, Any]:
        """Arguments that make ``subprocess`` start a process as this user, without root's groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user(name: str) -> ServerUser | None:
    """The user to run the server as, made if missing; ``None`` when we are not root, as it then runs as ourselves.

    Raises:
        ConfigError: ``name`` is root again.
        NodeError: the user does not exist and cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        _add_user(name)
        entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        raise ConfigError(f"CRMSEARCH_NODE_USER is {name}, but Elasticsearch refuses to run as root; name an unprivileged user")
    return ServerUser(name, entry.pw_uid, entry.pw_gid)


def check_access(user: ServerUser, paths: Iterable[Path]) -> None:
    """Check that ``user`` may enter every folder on the way to each path, and run the path itself if it is a program.

    Raises:
        NodeError: naming the first place where the user stops.
    """
    places = [str(place) for path in paths for place in (*reversed(path.parents), path)]
    # Asking as that user is the only way that knows access lists and mount options too.
    script = 'for place; do test -x "$place" || { echo "$place"; exit 1; }; done'
    answer = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *dict.fromkeys(places)], capture_output=True, text=True, cwd="/", check=False, **user.popen_options
    )
    if answer.returncode:
        place = answer.stdout.strip()
        raise NodeError(
            f"the node runs as user {user.name}, who may not enter {place}; `chmod o+x {place}`, or set CRMSEARCH_STATE_DIR, "
            "CRMSEARCH_CACHE_DIR or CRMSEARCH_NODE_JAVA_HOME to a place outside it, or start as another user than root"
        )


def give(path: Path, user: ServerUser | None) -> None:
    """Make ``path``, and all below it, the user's; nothing is done if it is already, or for ``None``."""
    if user is None or path.lstat().st_uid == user.uid:
        return
    for folder, folder_names, file_names in os.walk(path):
        for name in (*folder_names, *file_names):
            os.chown(Path(folder) / name, user.uid, user.gid, follow_symlinks=False)
    # The top comes last: only when all is done does it look done.
    os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _add_user(name: str) -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", _NOLOGIN, name]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=_USERADD_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip()
        raise NodeError(
            f"Elasticsearch refuses to run as root, and its user {name} cannot be made ({reason}); make it yourself, "
            "set CRMSEARCH_NODE_USER to an existing unprivileged user, or start as another user than root"
        ) from error
