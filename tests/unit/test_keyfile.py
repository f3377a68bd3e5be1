from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from crmsearch.errors import ConfigError
from crmsearch.keyfile import cursor_key, encryption_ring, make_vault, own_ring_file, privacy_key, shared_key, with_keys, write_ring
from crmsearch.settings import Secret, Settings, child_environment, from_env


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


def _with(tmp_path: Path, **given: str) -> Settings:
    return from_env(
        {"CRMSEARCH_STATE_DIR": str(tmp_path), **{f"CRMSEARCH_ENCRYPTION_{name.upper()}": value for name, value in given.items()}}
    )


def test_customers_are_sealed_with_one_key_of_the_machine(tmp_path: Path) -> None:
    (key,) = encryption_ring(_with(tmp_path))
    assert encryption_ring(_with(tmp_path)) == (key,)
    assert own_ring_file(_with(tmp_path)).stat().st_mode & 0o777 == 0o600
    assert make_vault(_with(tmp_path)).ring == (key,)


def test_master_keys_come_from_a_variable_a_file_or_a_command(tmp_path: Path) -> None:
    one, other = "a" * 42 + "A", "b" * 42 + "A"
    file = tmp_path / "keys"
    file.write_text(f"{one}\nnext:{other}\n", encoding="ascii")
    for given in ({"keys": f"{one},{other}"}, {"key_file": str(file)}, {"key_command": f"printf '{one}\\n{other}\\n'"}):
        assert encryption_ring(_with(tmp_path, **given)) == (one, other)
    assert not (tmp_path / "encryption.keys").exists(), "none is made where one is given"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keys": "a" * 43, "key_file": "/nowhere"}, "CRMSEARCH_ENCRYPTION_KEYS and CRMSEARCH_ENCRYPTION_KEY_FILE are set"),
        ({"key_file": "/nowhere/keys"}, "CRMSEARCH_ENCRYPTION_KEY_FILE cannot be read"),
        ({"key_command": "sh -c 'echo geheim >&2; exit 3'"}, "CRMSEARCH_ENCRYPTION_KEY_COMMAND fails"),
        ({"key_command": "no-such-program geheim"}, "CRMSEARCH_ENCRYPTION_KEY_COMMAND fails"),
        ({"key_command": "echo geheim"}, "CRMSEARCH_ENCRYPTION_KEY_COMMAND holds something that is no key"),
    ],
)
def test_a_place_without_keys_is_named_and_nothing_of_what_it_says(tmp_path: Path, given: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        encryption_ring(_with(tmp_path, **given))
    assert "geheim" not in f"{caught.value} {caught.value.__cause__}"


def test_a_job_gets_the_keys_themselves(tmp_path: Path) -> None:
    settings = _with(tmp_path)
    given = child_environment(with_keys(settings, make_vault(settings)))
    assert given["CRMSEARCH_ENCRYPTION_KEYS"] == encryption_ring(settings)[0]
    assert given["CRMSEARCH_PRIVACY_KEY"] == privacy_key(settings)
    assert make_vault(from_env(given)) == make_vault(settings)


def test_a_file_of_keys_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="change them where they come from"):
        write_ring(tmp_path / "none" / "keys", [Secret("a" * 43)])
