"""A real HDFS for tests: one NameNode and one DataNode in a JVM, from Hadoop's own minicluster."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from crmsearch.artifacts import Artifact, fetch
from crmsearch.java import find_java
from crmsearch.processes import free_port, tail
from crmsearch.settings import Settings

START_TIMEOUT_S = 90
ARTIFACTS = (
    Artifact(
        group="org.apache.hadoop",
        name="hadoop-client-minicluster",
        version="3.3.4",
        sha256="cd8a1703393946c302bb3a52d0fcd23f6f8ded4554bc0dac5d2ee673dbe2b40e",
        size_bytes=37_033_043,
    ),
    Artifact(
        group="org.mockito",
        name="mockito-core",
        version="2.28.2",
        sha256="b0af36fed3a6c2147c0cd9028a1d814fd4f4e8196c539f2befddb61ca6ec9e27",
        size_bytes=591_179,
    ),
    Artifact(
        group="junit",
        name="junit",
        version="4.13.2",
        sha256="8e495b634469d64fb8acfa3495a065cbacc8a0fff55ce1e31007be4c16dc57d3",
        size_bytes=384_581,
    ),
)


@contextmanager
def running_hdfs(settings: Settings) -> Iterator[str]:
    """Start HDFS, on port 9000 if it is free, and give its address (``hdfs://localhost:9000``)."""
    jars = [str(fetch(artifact, settings.paths.cache)) for artifact in ARTIFACTS]
    bundled = Path(pyspark.__file__).parent / "jars"
    port = free_port(9000)
    with tempfile.TemporaryDirectory(prefix="crmsearch-hdfs-") as folder:
        log = Path(folder) / "hdfs.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    str(find_java("spark", settings.spark.java_home).executable),
                    "-Xmx512m",
                    "-classpath",
                    os.pathsep.join([*jars, str(bundled / "*")]),
                    "org.apache.hadoop.test.MiniDFSClusterManager",
                    *("-nnport", str(port), "-format", "-datanodes", "1", "-D", f"hadoop.tmp.dir={folder}"),
                    *("-writeConfig", f"{folder}/ready.xml"),
                ],
                cwd=folder,
                stdin=subprocess.PIPE,  # it ends when its input does
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not (Path(folder) / "ready.xml").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("HDFS did not start:\n" + "\n".join(tail(log, 20)))
                time.sleep(0.2)
            yield f"hdfs://localhost:{port}"
        finally:
            process.terminate()
            process.wait(30)
            assert process.stdin is not None
            process.stdin.close()
