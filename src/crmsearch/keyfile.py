"""Keys that every process of a machine shares: taken from the settings, or made once and kept in the state directory."""

import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from crmsearch.errors import ConfigError
from crmsearch.privacy.analytics import derive_reference_key
from crmsearch.privacy.vault import PREPARED, Vault, parse_ring
from crmsearch.settings import EncryptionSettings, Secret, Settings

__all__ = [
    "cursor_key",
    "encryption_ring",
    "make_vault",
    "own_ring_file",
    "prepared_key",
    "privacy_key",
    "shared_key",
    "with_keys",
    "write_ring",
]

MIN_KEY = 16  # characters; a shorter one could be found by trying
_COMMAND_TIMEOUT_S = 30.0  # for a key management service to answer


def cursor_key(settings: Settings) -> Secret:
    """What signs cursors: ``CRMSEARCH_API_CURSOR_KEY``, else the machine's own key; raises as ``shared_key``."""
    return _given_or_shared(settings.api.cursor_key, "CRMSEARCH_API_CURSOR_KEY", settings.paths.state / "api" / "cursor.key")


def privacy_key(settings: Settings) -> Secret:
    """What the marks of erased people are made with: ``CRMSEARCH_PRIVACY_KEY``, else the machine's own key; raises as ``shared_key``."""
    return _given_or_shared(settings.privacy.key, "CRMSEARCH_PRIVACY_KEY", settings.paths.state / "privacy.key")


def make_vault(settings: Settings) -> Vault:
    """What seals and opens customers: keys of the settings, else the machine's own.

    Raises:
        ConfigError: there are keys at two places, a place that is named has none, or the machine's own cannot be read or made.
    """
    return Vault(encryption_ring(settings), derive_reference_key(privacy_key(settings)))


def encryption_ring(settings: Settings) -> tuple[Secret, ...]:
    """The master keys, the one that seals first; raises as ``make_vault``."""
    given = settings.encryption
    places = {name: getattr(given, name) for name in ("keys", "key_file", "key_command") if getattr(given, name)}
    if len(places) > 1:
        raise ConfigError(f"{' and '.join(f'CRMSEARCH_ENCRYPTION_{name.upper()}' for name in places)} are set; keep one of them")
    if not places:
        path = own_ring_file(settings)
        if not path.exists():
            shared_key(path, "CRMSEARCH_ENCRYPTION_KEYS")
        return parse_ring(_read_ring(path, str(path)), str(path))
    ((name, _),) = places.items()
    return parse_ring(_READERS[name](given), f"CRMSEARCH_ENCRYPTION_{name.upper()}")


def with_keys(settings: Settings, vault: Vault) -> Settings:
    """The settings as a job gets them in its environment: with all that it seals and marks with, even if none is set; raises likewise."""
    encryption = EncryptionSettings(keys=Secret(",".join(vault.ring)))
    privacy = msgspec.structs.replace(settings.privacy, key=privacy_key(settings))
    return msgspec.structs.replace(settings, privacy=privacy, encryption=encryption)


def own_ring_file(settings: Settings) -> Path:
    """Where this machine keeps the master keys, unless the settings say otherwise."""
    return Path(settings.encryption.key_file) if settings.encryption.key_file else settings.paths.state / "encryption.keys"


def write_ring(path: Path, ring: Sequence[Secret], prepared: Secret | None = None) -> None:
    """Replace the master keys in a file, in one step; a prepared one stands behind the others, with a word before it.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii", delete=False) as draft:  # mode 0600
            draft.writelines(f"{key}\n" for key in ring)
            draft.write(f"{PREPARED}{prepared}\n" if prepared else "")
        if path.exists():  # whoever could read it can go on
            Path(draft.name).chmod(path.stat().st_mode & 0o777)
            shutil.chown(draft.name, path.stat().st_uid, path.stat().st_gid)
        Path(draft.name).replace(path)
    except OSError as error:
        raise ConfigError(f"the keys in {path} cannot be written ({error.strerror}); change them where they come from") from error


def prepared_key(path: Path) -> Secret | None:
    """The key in a file that is to seal next."""
    lines = path.read_text(encoding="ascii").splitlines()
    return next((parse_ring(line, str(path))[0] for line in lines if line.startswith(PREPARED)), None)


def _read_file(given: EncryptionSettings) -> str:
    return _read_ring(Path(given.key_file), "CRMSEARCH_ENCRYPTION_KEY_FILE")


def _read_ring(path: Path, said: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{said} cannot be read ({type(error).__name__})") from error


def _run_command(given: EncryptionSettings) -> str:
    try:
        done = subprocess.run(shlex.split(given.key_command), capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=True)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Neither its output nor the words that follow it: either may hold a secret.
        raise ConfigError(f"the command of CRMSEARCH_ENCRYPTION_KEY_COMMAND fails ({type(error).__name__})") from None
    return done.stdout


_READERS = {"keys": lambda given: given.keys, "key_file": _read_file, "key_command": _run_command}


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
