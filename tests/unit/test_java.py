import os
from pathlib import Path

import pytest

from crmsearch import java
from crmsearch.errors import JavaNotFoundError
from crmsearch.java import find_java, java_homes, major_version, read_java

JDK = "java.base jdk.attach jdk.jdi"


def make_home(folder: Path, version: str, modules: str | None = JDK) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").touch(mode=0o755)
    lines = [f'JAVA_VERSION="{version}"'] + ([f'MODULES="{modules}"'] if modules else [])
    (folder / "release").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The homes in sight; a test adds to it."""
    homes: list[Path] = []
    monkeypatch.setattr(java, "java_homes", lambda environ: iter(homes))
    return homes


@pytest.mark.parametrize(
    ("text", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("25-ea", 25), ("21", 21), ("11.0.2+9-Debian", 11), ("unknown", 0)]
)
def test_major_version(text: str, major: int) -> None:
    assert major_version(text) == major


def test_read_java_reads_the_release_file(tmp_path: Path) -> None:
    home = make_home(tmp_path / "jdk", "21.0.4")
    found = read_java(home)
    assert found is not None
    assert (found.home, found.version, found.major) == (home, "21.0.4", 21)
    assert found.modules == frozenset(JDK.split())
    assert found.executable == home / "bin" / "java"


def test_read_java_asks_a_java_without_release_file(tmp_path: Path) -> None:
    home = tmp_path / "old"
    (home / "bin").mkdir(parents=True)
    script = home / "bin" / "java"
    script.write_text("#!/bin/sh\necho 'openjdk version \"21.0.2\" 2024-01-16' >&2\n")
    script.chmod(0o755)
    found = read_java(home)
    assert found is not None
    assert (found.version, found.major, found.modules) == ("21.0.2", 21, frozenset())


def test_read_java_of_a_folder_without_java(tmp_path: Path) -> None:
    assert read_java(tmp_path) is None


def test_modules_of_a_jdk_without_module_list_come_from_its_jmods(tmp_path: Path) -> None:
    home = make_home(tmp_path / "jdk", "21", modules=None)
    (home / "jmods").mkdir()
    (home / "jmods" / "jdk.jdi.jmod").touch()
    found = read_java(home)
    assert found is not None
    assert found.modules == {"jdk.jdi"}


def test_homes_from_java_home_and_path_links_resolved_each_once(tmp_path: Path) -> None:
    first, second = make_home(tmp_path / "a", "17"), make_home(tmp_path / "b", "21")
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "java").symlink_to(second / "bin" / "java")
    (tmp_path / "link").symlink_to(first)
    homes = list(java_homes({"JAVA_HOME": str(tmp_path / "link"), "PATH": f"{tmp_path / 'usr'}{os.pathsep}{first / 'bin'}"}))
    assert homes[:2] == [first, second]
    assert len(homes) == len(set(homes))


def test_each_purpose_takes_what_it_can_run_on(tmp_path: Path, only: list[Path]) -> None:
    only += [make_home(tmp_path / version, version) for version in ("25.0.3", "11.0.1", "21.0.4", "17.0.15")]
    assert find_java("spark").major == 17
    assert find_java("elasticsearch").major == 21
    assert find_java("fetch").major == 11


def test_a_jre_is_not_enough_for_elasticsearch(tmp_path: Path, only: list[Path]) -> None:
    only.append(make_home(tmp_path / "jre", "21.0.4", modules="java.base"))
    with pytest.raises(JavaNotFoundError, match=r"21\.0\.4 in .*lacks jdk\.attach and jdk\.jdi, so it is a JRE") as failure:
        find_java("elasticsearch")
    assert "CRMSEARCH_NODE_JAVA_HOME" in failure.value.detail
    assert find_java("spark").major == 21


def test_without_module_list_the_compiler_tells_a_jdk(tmp_path: Path, only: list[Path]) -> None:
    home = make_home(tmp_path / "jdk", "21.0.4", modules=None)
    only.append(home)
    with pytest.raises(JavaNotFoundError, match="javac"):
        find_java("elasticsearch")
    (home / "bin" / "javac").touch()
    assert find_java("elasticsearch").home == home


def test_nothing_that_fits_names_what_is_needed_and_what_was_found(tmp_path: Path, only: list[Path]) -> None:
    only += [make_home(tmp_path / version, version) for version in ("11.0.1", "25.0.3")]
    with pytest.raises(JavaNotFoundError) as failure:
        find_java("spark")
    for part in ("Java 17 or 21", f"11.0.1 in {tmp_path / '11.0.1'}", f"25.0.3 in {tmp_path / '25.0.3'}", "CRMSEARCH_SPARK_JAVA_HOME"):
        assert part in failure.value.detail


def test_no_java_at_all(only: list[Path]) -> None:
    with pytest.raises(JavaNotFoundError, match="found none at all"):
        find_java("fetch")


def test_a_setting_that_points_at_something_wrong_is_not_overruled(tmp_path: Path, only: list[Path]) -> None:
    only.append(make_home(tmp_path / "good", "17.0.1"))
    with pytest.raises(JavaNotFoundError, match="where no Java lies"):
        find_java("spark", str(tmp_path / "nowhere"))
    wrong = make_home(tmp_path / "wrong", "25.0.3")
    with pytest.raises(JavaNotFoundError, match=r"CRMSEARCH_SPARK_JAVA_HOME is .*wrong.* 25\.0\.3"):
        find_java("spark", str(wrong))


def test_a_setting_wins_over_what_is_found(tmp_path: Path, only: list[Path]) -> None:
    only.append(make_home(tmp_path / "found", "17.0.1"))
    wanted = make_home(tmp_path / "wanted", "21.0.4")
    assert find_java("spark", str(wanted)).home == wanted
