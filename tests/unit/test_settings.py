from __future__ import annotations

import pytest

from crmsearch.errors import ConfigError
from crmsearch.settings import Secret, child_environment, from_env, setting_rows

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
