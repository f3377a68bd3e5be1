"""The session under spark-submit, as on a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from crmsearch.jobs import job_environment
from crmsearch.settings import from_env

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from crmsearch.settings import from_env
from spark.session import make_session

conf = make_session(from_env().spark, "submitted").sparkContext.getConf()
print("told", conf.get("spark.master"), conf.get("spark.executor.extraJavaOptions"), sep="|")
"""


def test_what_spark_submit_was_told_stays(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    submit = Path(sys.executable).with_name("spark-submit")
    log4j = "-Dlog4j2.configurationFile=log4j2.properties"
    command = [str(submit), "--master", "local[1]", "--conf", f"spark.executor.extraJavaOptions={log4j}", str(script), str(ROOT)]
    done = subprocess.run(command, env=job_environment(from_env()), capture_output=True, text=True, timeout=180, check=False)
    told = next((line.split("|") for line in done.stdout.splitlines() if line.startswith("told|")), [])
    assert told[1:2] == ["local[1]"], done.stderr[-2000:]
    assert {log4j, "-Duser.timezone=UTC"} <= set(told[2].split())  # beside what Spark itself wants
