"""The clients know every node that is set."""

from __future__ import annotations

import pytest

from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_client
from crmsearch.settings import ElasticsearchSettings


def test_the_client_knows_every_node() -> None:
    with make_client(ElasticsearchSettings(url="http://a:9201, https://b/es,http://[::1]:9202")) as client:
        assert {node.base_url for node in client.transport.node_pool.all()} == {"http://a:9201", "https://b:443/es", "http://[::1]:9202"}


@pytest.mark.parametrize("url", ["es:9200", "http://a:9201,b:9202", "http://a:9201,"])
def test_an_address_of_several_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="CRMSEARCH_ELASTICSEARCH_URL"):
        make_client(ElasticsearchSettings(url=url))
