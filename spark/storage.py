"""Files by URI, wherever Hadoop can reach: local, ``hdfs://``, ``s3a://``. Everything goes through the JVM's file systems."""

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from crmsearch.errors import InputError

__all__ = ["first_bytes", "write_private_text"]

HEAD_BYTES = 65_536  # more than any header line


def first_bytes(spark: SparkSession, path: str) -> tuple[str, bytes]:
    """The first file that ``path`` (a file, folder or glob) stands for, and its first bytes.

    Raises:
        InputError: nothing there, nothing in it, or no way to reach it.
    """
    try:
        file_path = _first_file(spark, path)
        stream = _file_system(spark, file_path).open(file_path)
        try:
            return str(file_path.toString()), bytes(stream.readNBytes(HEAD_BYTES))
        finally:
            stream.close()
    except Py4JJavaError as error:
        raise InputError(_reason(path, error)) from error


def write_private_text(spark: SparkSession, path: str, text: str) -> None:
    """Write a small file, readable by its owner only."""
    jvm: Any = spark._jvm
    target = jvm.org.apache.hadoop.fs.Path(path)
    file_system = _file_system(spark, target)
    stream = file_system.create(target, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()
    file_system.setPermission(target, jvm.org.apache.hadoop.fs.permission.FsPermission("600"))


def _first_file(spark: SparkSession, path: str) -> Any:
    jvm: Any = spark._jvm
    pattern = jvm.org.apache.hadoop.fs.Path(path)
    file_system = _file_system(spark, pattern)
    found = file_system.globStatus(pattern)
    if not found:
        raise InputError(f"{path} does not exist")
    queue = sorted(found, key=lambda status: str(status.getPath()))
    empty = False
    while queue:
        status = queue.pop(0)
        if status.isDirectory():
            # Names with these beginnings are markers of Hadoop and Spark, and Spark itself skips them.
            inside = [each for each in file_system.listStatus(status.getPath()) if each.getPath().getName()[:1] not in {"_", "."}]
            queue = sorted(inside, key=lambda each: str(each.getPath())) + queue
        elif status.getLen() > 0:
            return status.getPath()
        else:
            empty = True
    raise InputError(f"{path} is empty" if empty else f"{path} holds no files")


def _file_system(spark: SparkSession, path: Any) -> Any:
    session: Any = spark
    return path.getFileSystem(session._jsc.hadoopConfiguration())


def _reason(path: str, error: Py4JJavaError) -> str:
    java_class = str(error.java_exception.getClass().getSimpleName())
    if java_class == "UnsupportedFileSystemException":
        return (
            f"{path}: no file system for this kind of address; use a local path, hdfs://…, or put the jar of its kind on Spark's class path"
        )
    if java_class in {
        "ConnectException",
        "UnknownHostException",
        "NoRouteToHostException",
        "SocketTimeoutException",
        "IllegalArgumentException",
    }:
        return f"{path}: the file system cannot be reached ({java_class}); check host and port, and that it is up"
    if java_class == "AccessControlException":
        return f"{path}: permission denied"
    return f"{path} cannot be read ({java_class})"
