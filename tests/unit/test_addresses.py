from __future__ import annotations

import pytest

from crmsearch.addresses import Address, parse_addresses
from crmsearch.errors import ConfigError
from crmsearch.settings import ElasticsearchSettings


@pytest.mark.parametrize(
    ("url", "expected", "again"),
    [
        ("http://localhost", Address("localhost", 9200, False, ""), "http://localhost:9200"),
        ("http://127.8.0.1:9201", Address("127.8.0.1", 9201, False, ""), "http://127.8.0.1:9201"),
        ("https://es.example.com", Address("es.example.com", 443, True, ""), "https://es.example.com:443"),
        ("https://es.example.com:9243/", Address("es.example.com", 9243, True, ""), "https://es.example.com:9243"),
        ("http://[::1]:9201", Address("::1", 9201, False, ""), "http://[::1]:9201"),
        ("https://proxy.example.com/es/a/", Address("proxy.example.com", 443, True, "/es/a"), "https://proxy.example.com:443/es/a"),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Address, again: str) -> None:
    (address,) = parse_addresses(url)
    assert address == expected
    assert address.url == again


def test_several_nodes_are_separated_by_commas() -> None:
    addresses = parse_addresses("https://es1:9200, https://es2:9200,")
    assert [address.place for address in addresses] == ["es1:9200", "es2:9200"]
    assert parse_addresses("") == ()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://es:port", "not a URL"),
        ("http://[es", "not a URL"),
        ("es.example.com:9200", "not a URL"),
        ("ftp://es", "not a URL"),
        ("https://", "not a URL"),
        ("https://es?q=1", "not a URL"),
        ("https://elastic:s3cret@es", "login"),
        ("https://es1,https://es2/prefix", "different"),
        ("https://es1,http://localhost", "different"),
        ("http://es.example.com:9200", "plain http"),
        ("http://192.168.0.7:9200", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
    ],
)
def test_what_is_no_address_to_be_used_is_refused_by_its_variable(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_addresses(url)
    assert "CRMSEARCH_ELASTICSEARCH_URL" in caught.value.detail
    assert "s3cret" not in caught.value.detail


def test_without_an_address_the_local_node_is_named() -> None:
    with pytest.raises(ConfigError, match="crmsearch node start"):
        _ = ElasticsearchSettings().addresses
