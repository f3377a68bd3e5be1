from __future__ import annotations

import os
from pathlib import Path

import pytest

from crmsearch.errors import ConfigError
from crmsearch.settings import (
    CLOUDS,
    CREDENTIAL_VARIABLES,
    Cloud,
    Secret,
    StorageCredentials,
    changed_settings,
    child_environment,
    from_env,
    setting_rows,
    storage_credentials,
)

HOME = {"HOME": "/home/someone"}


def test_defaults_need_nothing_but_a_home() -> None:
    settings = from_env(HOME)
    assert settings.api.host == "127.0.0.1"
    assert settings.elasticsearch.url == ""


def test_values_are_read_and_converted() -> None:
    settings = from_env(
        {**HOME, "CRMSEARCH_API_PORT": "9000", "CRMSEARCH_ELASTICSEARCH_TIMEOUT_S": "2.5", "CRMSEARCH_STATE_DIR": "/srv/crm"}
    )
    assert settings.api.port == 9000
    assert settings.elasticsearch.timeout_s == 2.5
    assert settings.paths.state_dir == "/srv/crm"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CRMSEARCH_API_PORT", "http"),
        ("CRMSEARCH_API_PORT", "0"),
        ("CRMSEARCH_NODE_HEAP", "lots"),
        ("CRMSEARCH_ELASTICSEARCH_INDEX_PREFIX", "Upper Case"),
        ("CRMSEARCH_API_PRT", "9000"),
    ],
)
def test_wrong_values_and_unknown_names_are_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable) as caught:
        from_env({**HOME, variable: value})
    assert value not in caught.value.detail or value in variable or value == "0"


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert from_env({**HOME, "CRMSEARCH_API_PORT": ""}) == from_env(HOME)


def test_only_what_a_variable_has_changed_is_other_than_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("CRMSEARCH_")]:
        monkeypatch.delenv(name)
    assert changed_settings(from_env()) == {}
    monkeypatch.setenv("CRMSEARCH_STATE_DIR", str(tmp_path))
    assert changed_settings(from_env()) == {"CRMSEARCH_STATE_DIR": str(tmp_path)}


def test_secrets_do_not_show() -> None:
    settings = from_env({**HOME, "CRMSEARCH_ELASTICSEARCH_PASSWORD": "hunter2", "CRMSEARCH_API_KEY": "k3y"})
    assert "hunter2" not in repr(settings)
    assert "k3y" not in f"{settings!r}"
    assert isinstance(settings.api.key, Secret)


def test_a_child_process_gets_the_same_settings() -> None:
    settings = from_env({**HOME, "CRMSEARCH_ELASTICSEARCH_PASSWORD": "hunter2", "CRMSEARCH_API_PORT": "9000"})
    assert from_env({**HOME, **child_environment(settings)}) == settings


def test_every_setting_says_what_it_is_for() -> None:
    for row in setting_rows():
        assert len(row.description) > 10, row.variable


@pytest.mark.parametrize(
    "given",
    [
        {"USERNAME": "elastic", "PASSWORD": "s3cret", "API_KEY": "a2V5"},
        {"API_KEY": "a2V5", "API_KEY_FILE": "/nowhere"},
        {"CA_FILE": "ca.crt", "FINGERPRINT": "ab" * 32},
        {"FINGERPRINT": "ab" * 20},
        {"API_KEY_FILE": "/nowhere/s3cret.key"},
        {"URL": "http://es.example.com:9200"},
    ],
)
def test_logins_and_trust_that_contradict_each_other_are_refused_by_name(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_ELASTICSEARCH_") as caught:
        from_env({**HOME, **{f"CRMSEARCH_ELASTICSEARCH_{name}": value for name, value in given.items()}})
    assert "s3cret" not in caught.value.detail
    assert "a2V5" not in caught.value.detail


def test_an_api_key_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "job.key"
    path.write_text("a2V5\n", encoding="ascii")
    settings = from_env({**HOME, "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE": str(path)})
    assert settings.elasticsearch.api_key == "a2V5"
    assert "a2V5" not in repr(settings)
    assert from_env({**HOME, **child_environment(settings)}) == settings, "the job need not be able to read the file"
    path.write_text("two keys\n", encoding="ascii")
    with pytest.raises(ConfigError, match="holds no key"):
        from_env({**HOME, "CRMSEARCH_ELASTICSEARCH_API_KEY_FILE": str(path)})


def test_where_the_object_store_is() -> None:
    settings = from_env({**HOME, "CRMSEARCH_STORAGE_CLOUD": "aliyun", "CRMSEARCH_STORAGE_PATH_STYLE": "true"})
    assert (settings.storage.cloud, settings.storage.path_style) == ("aliyun", True)
    assert from_env({**HOME, **child_environment(settings)}) == settings
    for variable, value in (("CLOUD", "azure"), ("ENDPOINT", "minio:9000"), ("ENDPOINT", "http://key:word@minio"), ("REGION", "a b")):
        with pytest.raises(ConfigError, match=f"CRMSEARCH_STORAGE_{variable}"):
            from_env({**HOME, f"CRMSEARCH_STORAGE_{variable}": value})


@pytest.mark.parametrize("cloud", CLOUDS)
def test_keys_of_object_stores_come_from_the_variables_of_their_cloud(cloud: Cloud) -> None:
    key, secret, token = CREDENTIAL_VARIABLES[cloud]
    others = {name: "other" for other in CLOUDS if other != cloud for name in CREDENTIAL_VARIABLES[other]}
    assert storage_credentials(cloud, others) is None
    found = storage_credentials(cloud, {**others, key: "AK", secret: "S3CRET", token: "T0KEN"})
    assert found == StorageCredentials(Secret("AK"), Secret("S3CRET"), Secret("T0KEN"))
    assert "S3CRET" not in repr(found)
    with pytest.raises(ConfigError, match=f"{key} and {secret}") as caught:
        storage_credentials(cloud, {secret: "S3CRET"})
    assert "S3CRET" not in caught.value.detail


def test_the_heap_of_the_driver_suits_the_machine_unless_it_is_set() -> None:
    assert from_env({"CRMSEARCH_SPARK_DRIVER_MEMORY": "3g"}).spark.driver_heap == "3g"
    assert from_env({}).spark.driver_heap in {f"{gib}g" for gib in range(2, 9)}
