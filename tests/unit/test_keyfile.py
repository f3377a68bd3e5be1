from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from crmsearch.errors import ConfigError
from crmsearch.keyfile import cursor_key, shared_key
from crmsearch.settings import Secret, from_env


def test_all_processes_get_the_one_key(tmp_path: Path) -> None:
    path = tmp_path / "state" / "api" / "cursor.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: shared_key(path, "CRMSEARCH_API_CURSOR_KEY"), range(32)))
    (key,) = keys
    assert len(key) >= 40
    assert repr(key) == "'***'"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["cursor.key"]


def test_two_machines_have_two_keys(tmp_path: Path) -> None:
    one, two = (shared_key(tmp_path / name, "CRMSEARCH_API_CURSOR_KEY") for name in ("one", "two"))
    assert one != two


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cursor.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cursor\.key"):
        shared_key(path, "CRMSEARCH_API_CURSOR_KEY")


def test_a_folder_that_cannot_be_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="CRMSEARCH_API_CURSOR_KEY"):
        shared_key(tmp_path / "file" / "cursor.key", "CRMSEARCH_API_CURSOR_KEY")


def test_the_key_of_the_settings_comes_first(tmp_path: Path) -> None:
    settings = from_env({"HOME": "/home/someone", "CRMSEARCH_STATE_DIR": str(tmp_path)})
    own = cursor_key(settings)
    assert own == (tmp_path / "api" / "cursor.key").read_text().strip()
    given = msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, cursor_key=Secret("sixteen letters!")))
    assert cursor_key(given) == "sixteen letters!"
    weak = msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, cursor_key=Secret("weak-and-secret")))
    with pytest.raises(ConfigError, match="fewer than 16") as caught:
        cursor_key(weak)
    assert "weak-and-secret" not in caught.value.detail
