"""The address of Elasticsearch may name several nodes."""

from __future__ import annotations

import pytest

from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_client
from crmsearch.settings import ElasticsearchSettings


def test_the_client_knows_every_node() -> None:
    with make_client(ElasticsearchSettings(url="http://127.0.0.1:9201, http://localhost:9202")) as client:
        assert {node.base_url for node in client.transport.node_pool.all()} == {"http://127.0.0.1:9201", "http://localhost:9202"}


def test_an_address_of_several_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_ELASTICSEARCH_URL"):
        make_client(ElasticsearchSettings(url="http://127.0.0.1:9201,127.0.0.1:9202"))
