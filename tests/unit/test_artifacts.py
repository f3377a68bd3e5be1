"""Fetching, with the real Ivy against a repository in a folder: no network."""

import hashlib
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from crmsearch import artifacts
from crmsearch.artifacts import CONNECTOR, SERVER, Artifact, artifact_path, fetch, locked
from crmsearch.errors import ConfigError, NodeError

CONTENT = b"not really a jar" * 1000


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """An artifact in a Maven repository on disk, to which the user's own Ivy settings point."""
    folder = tmp_path / "repository" / "org" / "example" / "thing" / "1.0"
    folder.mkdir(parents=True)
    (folder / "thing-1.0.jar").write_bytes(CONTENT)
    (folder / "thing-1.0.pom").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>thing</artifactId><version>1.0</version>"
        "<dependencies><dependency><groupId>org.example</groupId><artifactId>missing</artifactId><version>2</version></dependency>"
        "</dependencies></project>"
    )
    ivy = tmp_path / "home" / ".ivy2"
    ivy.mkdir(parents=True)
    (ivy / "ivysettings.xml").write_text(
        textwrap.dedent(f"""\
        <ivysettings>
          <settings defaultResolver="disk"/>
          <resolvers><ibiblio name="disk" m2compatible="true" root="{(tmp_path / "repository").as_uri()}"/></resolvers>
        </ivysettings>
        """)
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Artifact(
        group="org.example",
        name="thing",
        version="1.0",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        remedy="or use the other thing",
    )


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "artifacts").iterdir() if not path.name.endswith(".lock"))


def test_fetch_keeps_the_artifact_without_its_dependencies(artifact: Artifact, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shown: list[tuple[str, int | None]] = []

    @contextmanager
    def record(description: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
        shown.append((description, total_bytes))
        yield lambda done_bytes: None

    path = fetch(artifact, cache, record)
    assert path == artifact_path(artifact, cache)
    assert path.read_bytes() == CONTENT
    assert leftovers(cache) == ["thing-1.0.jar"]
    assert shown == [("Fetching thing-1.0.jar", len(CONTENT))]


def test_a_whole_file_in_the_cache_is_used_and_a_damaged_one_replaced(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = artifact_path(artifact, tmp_path)
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    assert fetch(artifact, tmp_path).read_bytes() == CONTENT
    monkeypatch.setattr(artifacts, "find_java", None)  # whoever calls it now falls over
    assert fetch(artifact, tmp_path) == path


def test_another_file_than_the_pinned_one_is_refused_and_thrown_away(artifact: Artifact, tmp_path: Path) -> None:
    wrong = msgspec.structs.replace(artifact, sha256="0" * 64)
    with pytest.raises(NodeError, match="instead of 0000"):
        fetch(wrong, tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []


def test_what_cannot_be_fetched_says_why_and_what_to_do(artifact: Artifact, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = msgspec.structs.replace(artifact, version="9.9")
    with pytest.raises(NodeError) as failure:
        fetch(missing, tmp_path / "cache")
    for part in ("org.example:thing:9.9", "proxy", "or use the other thing", "not found"):
        assert part in failure.value.detail
    assert leftovers(tmp_path / "cache") == []
    assert capfd.readouterr().out == ""


def test_two_processes_fetch_once_and_both_get_it(artifact: Artifact, tmp_path: Path) -> None:
    code = (
        "import sys, msgspec; from pathlib import Path; from crmsearch.artifacts import Artifact, fetch\n"
        "print(fetch(msgspec.json.decode(sys.argv[1], type=Artifact), Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, msgspec.json.encode(artifact).decode(), str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in processes]
    path = artifact_path(artifact, tmp_path / "cache")
    assert [out.strip() for out, _ in answers] == [str(path)] * 2
    assert sum("Fetching" in words for _, words in answers) == 1
    assert path.read_bytes() == CONTENT


def test_a_full_disk_is_noticed_before_fetching(artifact: Artifact, tmp_path: Path) -> None:
    huge = msgspec.structs.replace(artifact, size_bytes=1 << 60)
    with pytest.raises(ConfigError, match="MiB free"):
        fetch(huge, tmp_path / "cache")


def test_a_cache_that_cannot_be_made_is_a_config_error(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="CRMSEARCH_CACHE_DIR"):
        fetch(artifact, tmp_path / "file")


def test_locked_keeps_another_process_out(tmp_path: Path) -> None:
    code = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with locked(tmp_path / "lock", "a test"):
        assert b"BlockingIOError" in subprocess.run(command, capture_output=True, check=False).stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("pinned", [CONNECTOR, SERVER])
def test_pinned_artifacts_are_pinned(pinned: Artifact) -> None:
    assert len(bytes.fromhex(pinned.sha256)) == 32
    assert pinned.file_name.endswith(f"-{pinned.version}.{pinned.type}")
    assert pinned.remedy
