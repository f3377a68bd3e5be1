from __future__ import annotations

import pytest

from crmsearch.errors import ConfigError
from crmsearch.settings import (
    CLOUDS,
    CREDENTIAL_VARIABLES,
    Cloud,
    ElasticsearchSettings,
    Secret,
    StorageCredentials,
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
    ("url", "host", "port", "tls", "path"),
    [
        ("http://es", "es", 9200, False, ""),
        ("https://es.example.com", "es.example.com", 443, True, ""),
        ("https://es.example.com:9243/", "es.example.com", 9243, True, ""),
        ("http://[::1]:9201", "::1", 9201, False, ""),
        ("https://proxy.example.com/search/es", "proxy.example.com", 443, True, "/search/es"),
        ("", "", 9200, False, ""),
    ],
)
def test_the_address_of_elasticsearch_is_taken_apart(url: str, host: str, port: int, tls: bool, path: str) -> None:
    settings = ElasticsearchSettings(url=url)
    assert (settings.host, settings.port, settings.tls, settings.path_prefix) == (host, port, tls, path)


@pytest.mark.parametrize("url", ["http://es:port", "http://[es"])
def test_an_address_that_is_none_names_its_variable(url: str) -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_ELASTICSEARCH_URL"):
        _ = ElasticsearchSettings(url=url).port


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
