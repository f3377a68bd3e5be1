"""The script that starts an executor in a pod of Kubernetes: a real Java becomes Spark's executor and looks for its driver."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from crmsearch.java import find_java

SCRIPT = Path(__file__).parents[2] / "docker" / "kubernetes" / "base" / "executor.sh"
NOBODY = "127.0.0.1:1"


def test_it_starts_an_executor_with_the_options_that_spark_gives(tmp_path: Path) -> None:
    java = find_java("spark")
    environment = {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(java.home / "bin"), "/usr/bin", "/bin")),
        "TMPDIR": str(tmp_path),
        "SPARK_JAVA_OPT_0": "-XshowSettings:properties",
        "SPARK_JAVA_OPT_1": '-Dcrmsearch.first=a "b" \\c',
        "SPARK_JAVA_OPT_10": "-Dcrmsearch.last=10",
        "SPARK_EXECUTOR_MEMORY": "256m",
        "SPARK_DRIVER_URL": f"spark://CoarseGrainedScheduler@{NOBODY}",
        "SPARK_EXECUTOR_ID": "1",
        "SPARK_EXECUTOR_CORES": "1",
        "SPARK_APPLICATION_ID": "spark-test",
        "SPARK_EXECUTOR_POD_IP": "127.0.0.1",
        "SPARK_RESOURCE_PROFILE_ID": "0",
        "SPARK_EXECUTOR_POD_NAME": "executor-1",
    }
    # As Kubernetes calls it: Spark adds the word to the command of the pod.
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), "executor"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout + done.stderr
    assert 'crmsearch.first = a "b" \\c' in said
    assert "crmsearch.last = 10" in said
    assert re.search(r"log4j2\.configurationFile = \S+/spark/log4j2\.properties", said), "documents stay out of the log"
    assert "KubernetesExecutorBackend" in said
    assert f"Failed to connect to /{NOBODY}" in said
    assert done.returncode != 0
