"""Files by URI, wherever Hadoop can reach: local, ``hdfs://``, ``s3a://`` and what speaks S3; all through the JVM's file systems.

Keys of object stores are put into the Hadoop configuration of the running session, bucket by bucket: that travels to the executors with
each task, and is no part of Spark's own configuration, which stands on the JVM's command line and in Spark's dumps.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import msgspec
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from crmsearch.errors import ConfigError, InputError
from crmsearch.settings import CREDENTIAL_VARIABLES, Cloud, StorageCredentials, StorageSettings, storage_credentials

__all__ = [
    "StoredFile",
    "fetch_file",
    "first_bytes",
    "list_files",
    "reach",
    "remove_folder",
    "s3a_options",
    "send_file",
    "translated",
]

HEAD_BYTES = 65_536  # more than any header line
_UNFINISHED = "_temporary"  # where Hadoop's committers keep the parts of an output until it is whole
_S3_SCHEMES = {"s3a", "s3", "s3n"}
# Schemes of the clouds' own file systems, and the class of each, should its jar be there.
_OWN_SCHEMES: dict[str, tuple[Cloud, str]] = {
    "oss": ("aliyun", "org.apache.hadoop.fs.aliyun.oss.AliyunOSSFileSystem"),
    "cosn": ("tencent", "org.apache.hadoop.fs.CosFileSystem"),
    "obs": ("huawei", "org.apache.hadoop.fs.obs.OBSFileSystem"),
}
_ENDPOINTS: dict[Cloud, str] = {
    "aws": "",  # the SDK knows them by region
    "aliyun": "https://oss-{region}.aliyuncs.com",
    "tencent": "https://cos.{region}.myqcloud.com",
    "huawei": "https://obs.{region}.myhuaweicloud.com",
}
_OBJECT = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/]+)(?P<key>/.*)?$", re.IGNORECASE)


class StoredFile(msgspec.Struct, frozen=True):
    """One file in some file system: its URI, size in bytes, and its path where the file system is this machine's own."""

    uri: str
    size: int
    local: Path | None


def reach(spark: SparkSession, path: str, storage: StorageSettings) -> str:
    """The path by which Hadoop reaches ``path``, which for object stores is ``s3a://``, with their address and key made known to it.

    ``oss://``, ``cosn://`` and ``obs://`` name their cloud themselves; they stay as they are where a file system of their own is on the
    class path.

    Raises:
        ConfigError: no key or region is set for the cloud.
    """
    match = _OBJECT.match(path)
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in _S3_SCHEMES | _OWN_SCHEMES.keys():
        return path
    cloud = storage.cloud
    configuration = _configuration(spark)
    if scheme in _OWN_SCHEMES:
        cloud, native = _OWN_SCHEMES[scheme]
        if configuration.getClassByNameOrNull(native) is not None:
            return path
    for name, value in s3a_options(match["bucket"], storage, cloud, storage_credentials(cloud)).items():
        configuration.set(name, value)
    return f"s3a://{match['bucket']}{match['key'] or '/'}"


def s3a_options(bucket: str, storage: StorageSettings, cloud: Cloud, credentials: StorageCredentials | None) -> dict[str, str]:
    """Options of Hadoop's S3A file system for one bucket; see the hadoop-aws reference for the names.

    Raises:
        ConfigError: no key is set, which only Amazon's machines can do without, or neither region nor endpoint.
    """
    if credentials is None and cloud != "aws":
        raise ConfigError(f"s3://{bucket}: the key of {cloud} is not set; put it into {' and '.join(CREDENTIAL_VARIABLES[cloud][:2])}")
    endpoint = storage.endpoint
    if not endpoint and _ENDPOINTS[cloud]:
        if not storage.region:
            raise ConfigError(f"s3://{bucket}: set CRMSEARCH_STORAGE_REGION to the region of the bucket, or CRMSEARCH_STORAGE_ENDPOINT")
        endpoint = _ENDPOINTS[cloud].format(region=storage.region.removeprefix("oss-"))
    options = {
        "path.style.access": str(storage.path_style).lower(),
        # The defaults try for minutes; somebody waits for the word that an address is wrong.
        "attempts.maximum": "3",
        "retry.limit": "3",
        "retry.interval": "200ms",
        "connection.establish.timeout": "5000",
    }
    if endpoint:
        options["endpoint"] = endpoint
        options["connection.ssl.enabled"] = str(endpoint.startswith("https")).lower()
    if storage.region:
        options["endpoint.region"] = storage.region
    if credentials is not None:
        kind = "TemporaryAWSCredentialsProvider" if credentials.token else "SimpleAWSCredentialsProvider"
        options["aws.credentials.provider"] = f"org.apache.hadoop.fs.s3a.{kind}"
        options |= {"access.key": str(credentials.access_key), "secret.key": str(credentials.secret_key)}
        if credentials.token:
            options["session.token"] = str(credentials.token)
    return {f"fs.s3a.bucket.{bucket}.{name}": value for name, value in options.items()}


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn what a file system raises inside into one clear error; its own text may hold addresses and keys, and is not repeated.

    Raises:
        InputError: the file system refused, or cannot be reached.
    """
    try:
        yield
    except Py4JJavaError as error:
        raise InputError(_reason(path, _class_names(error.java_exception))) from None


def list_files(spark: SparkSession, path: str, label: str = "") -> list[StoredFile]:
    """The files that ``path`` (a file, folder or glob) stands for, in order of their names, empty ones left out.

    Args:
        spark: the session whose file systems are used.
        path: where to look.
        label: what the user calls it, if that is something else.

    Raises:
        InputError: nothing there, nothing in it, or no way to reach it; or a part of it is only half written.
    """
    label = label or path
    with translated(label):
        found = _walk(spark, path)
    if found is None:
        raise InputError(f"{label} does not exist")
    files = [each for each in found if each.size]
    if not files:
        raise InputError(f"{label} is empty" if found else f"{label} holds no files")
    return files


def first_bytes(spark: SparkSession, file: StoredFile, label: str) -> bytes:
    """The beginning of a file.

    Raises:
        InputError: it cannot be read.
    """
    with translated(label):
        path = _path(spark, file.uri)
        stream = _file_system(spark, path).open(path)
        try:
            return bytes(stream.readNBytes(HEAD_BYTES))
        finally:
            stream.close()


def fetch_file(spark: SparkSession, file: StoredFile, folder: Path, label: str) -> Path:
    """The file on this machine: itself, or a copy in ``folder``.

    Raises:
        InputError: it cannot be read, or there is no room for it.
    """
    if file.local is not None:
        return file.local
    if shutil.disk_usage(folder).free < file.size:
        raise InputError(f"{label} has {file.size >> 20} MiB, and {folder} has no room for it; set TMPDIR to a larger disk")
    copy = folder / f"fetched{len(list(folder.iterdir()))}{Path(file.uri).suffix}"
    with translated(label):
        source = _path(spark, file.uri)
        _file_system(spark, source).copyToLocalFile(False, source, _path(spark, f"file://{copy}"), True)
    return copy


def send_file(spark: SparkSession, file: Path, folder: str) -> str:
    """Move a file of this machine into a folder of any file system, which is made for its owner alone; gives its URI there.

    Raises:
        InputError: the folder cannot be written.
    """
    with translated(folder):
        target = _path(spark, folder)
        file_system = _file_system(spark, target)
        private: Any = spark._jvm
        file_system.mkdirs(target, private.org.apache.hadoop.fs.permission.FsPermission("700"))
        # Should this process be killed, the file system's own shutdown hook takes the folder away.
        file_system.deleteOnExit(target)
        file_system.copyFromLocalFile(True, True, _path(spark, f"file://{file}"), _path(spark, f"{folder}/{file.name}"))
    return f"{folder}/{file.name}"


def remove_folder(spark: SparkSession, folder: str) -> None:
    """Remove a folder with all that is in it; one that is not there is no error."""
    with translated(folder):
        path = _path(spark, folder)
        _file_system(spark, path).delete(path, True)


def _walk(spark: SparkSession, path: str) -> list[StoredFile] | None:
    """All files below a path, ``None`` where there is nothing."""
    pattern = _path(spark, path)
    file_system = _file_system(spark, pattern)
    queue = sorted(file_system.globStatus(pattern) or (), key=lambda status: str(status.getPath()))
    if not queue:
        return None
    files: list[StoredFile] = []
    while queue:
        status = queue.pop(0)
        if status.isDirectory():
            inside = {str(each.getPath().getName()): each for each in file_system.listStatus(status.getPath())}
            if _UNFINISHED in inside:
                raise InputError(
                    f"{status.getPath().toString()} is half-written: a job writes to it, or died there; run that job to its end"
                )
            # Names with these beginnings are markers of Hadoop and Spark, and Spark itself skips them.
            queue = [inside[name] for name in sorted(inside) if name[:1] not in {"_", "."}] + queue
            continue
        uri = status.getPath().toUri()
        local = Path(str(uri.getPath())) if uri.getScheme() in {None, "file"} else None
        files.append(StoredFile(str(status.getPath().toString()), int(status.getLen()), local))
    return files


def _path(spark: SparkSession, uri: str) -> Any:
    jvm: Any = spark._jvm
    return jvm.org.apache.hadoop.fs.Path(uri)


def _configuration(spark: SparkSession) -> Any:
    session: Any = spark
    return session._jsc.hadoopConfiguration()


def _file_system(spark: SparkSession, path: Any) -> Any:
    return path.getFileSystem(_configuration(spark))


def _class_names(error: Any) -> set[str]:
    """Simple names of the classes of an exception and its causes."""
    names: set[str] = set()
    while error is not None and len(names) < 20:
        names.add(str(error.getClass().getSimpleName()))
        error = error.getCause()
    return names


# First match wins: a missing key comes wrapped as a failed connection.
_PROBLEMS: tuple[tuple[set[str], str], ...] = (
    (
        {"NoAuthWithAWSException", "NoAwsCredentialsException", "CredentialInitializationException"},
        "no key for this object store is set; put it into "
        + " or ".join(f"{CREDENTIAL_VARIABLES[cloud][0]} and {CREDENTIAL_VARIABLES[cloud][1]} ({cloud})" for cloud in get_args(Cloud)),
    ),
    ({"UnknownStoreException", "NoSuchBucketException"}, "there is no such bucket; check its name, CRMSEARCH_STORAGE_REGION and _ENDPOINT"),
    (
        {"UnsupportedFileSystemException", "ClassNotFoundException"},
        "no file system for this kind of address; use a local path, hdfs:// or s3a://, or name its jar by CRMSEARCH_STORAGE_JARS",
    ),
    ({"AccessDeniedException", "AccessControlException"}, "permission denied; is the key right, and may it read and write here?"),
    (
        {
            "ConnectException",
            "UnknownHostException",
            "NoRouteToHostException",
            "SocketTimeoutException",
            "ConnectTimeoutException",
            "HttpHostConnectException",
            "SdkClientException",
            "AWSClientIOException",
            "IllegalArgumentException",
        },
        "the file system cannot be reached; check host, port and region, and that it is up",
    ),
    ({"FileNotFoundException"}, "there is no such file"),
)


def _reason(path: str, classes: set[str]) -> str:
    for marks, words in _PROBLEMS:
        if seen := sorted(marks & classes):
            return f"{path}: {words} ({seen[0]})"
    return f"{path} cannot be read ({', '.join(sorted(classes))})"
