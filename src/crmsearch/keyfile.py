"""Keys that every process of a machine shares: taken from the settings, or made once and kept in the state directory."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from crmsearch.errors import ConfigError
from crmsearch.privacy.analytics import derive_reference_key
from crmsearch.settings import Secret, Settings

__all__ = ["cursor_key", "privacy_key", "reference_key", "shared_key"]

MIN_KEY = 16  # characters; a shorter one could be found by trying


def cursor_key(settings: Settings) -> Secret:
    """What signs cursors: ``CRMSEARCH_API_CURSOR_KEY``, else the machine's own key; raises as ``shared_key``."""
    return _given_or_shared(settings.api.cursor_key, "CRMSEARCH_API_CURSOR_KEY", settings.paths.state / "api" / "cursor.key")


def privacy_key(settings: Settings) -> Secret:
    """What the marks of erased people are made with: ``CRMSEARCH_PRIVACY_KEY``, else the machine's own key; raises as ``shared_key``."""
    return _given_or_shared(settings.privacy.key, "CRMSEARCH_PRIVACY_KEY", settings.paths.state / "privacy.key")


def reference_key(settings: Settings) -> Secret:
    """What the references of customers are made with, which analysts see in the place of ids; raises as ``shared_key``."""
    return derive_reference_key(privacy_key(settings))


def _given_or_shared(given: Secret, variable: str, path: Path) -> Secret:
    if given and len(given) < MIN_KEY:
        raise ConfigError(f"{variable} has fewer than {MIN_KEY} characters; make one with `openssl rand -base64 32`")
    return given or shared_key(path, variable)


def shared_key(path: Path, variable: str) -> Secret:
    """The key in a file that its owner alone can read. The first call makes it; of processes that start at once all get the same.

    Args:
        path: the file.
        variable: that may hold the key instead.

    Raises:
        ConfigError: the file cannot be read or made, or holds no key; or the key that is set instead is too short.
    """
    try:
        if not path.exists():
            _make(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the key in {path} cannot be read or made ({type(error).__name__}); set {variable}, "
            "or CRMSEARCH_STATE_DIR to a folder of your own"
        ) from error
    if len(key) < MIN_KEY:
        raise ConfigError(f"{path} holds no key; remove it and another is made")
    return Secret(key)


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written whole under another name first, so that nobody reads half a key; linking fails if another process was faster.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:  # mode 0600
        draft.write(secrets.token_urlsafe(32) + "\n")
        draft.flush()
        with suppress(FileExistsError):
            os.link(draft.name, path)
