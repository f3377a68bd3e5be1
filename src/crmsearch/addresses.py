"""Where Elasticsearch is: the one reader of ``CRMSEARCH_ELASTICSEARCH_URL``."""

import ipaddress
from urllib.parse import urlsplit

import msgspec

from crmsearch.errors import ConfigError

__all__ = ["LOOPBACK", "Address", "parse_addresses"]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  # host names that no other machine can reach

_VARIABLE = "CRMSEARCH_ELASTICSEARCH_URL"
_EXAMPLE = "it looks like https://es.example.com:9200, several are separated by commas"


class Address(msgspec.Struct, frozen=True):
    """One node of Elasticsearch, or a proxy before it.

    Attributes:
        host: name or address, without brackets.
        port: that of the URL, else 443 for ``https`` and 9200 for ``http``.
        tls: whether it is spoken to by TLS.
        path_prefix: path behind the host, where a proxy has put Elasticsearch under one; empty otherwise.
    """

    host: str
    port: int
    tls: bool
    path_prefix: str

    @property
    def place(self) -> str:
        """Host and port as a URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.place}{self.path_prefix}"


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Take one URL or several, separated by commas, apart; none for an empty text.

    Plain ``http`` is refused but for this machine: it would show the login and every customer to whoever listens, and a warning in a log
    is not read.

    Raises:
        ConfigError: it is no URL, holds a login, is not to be trusted, or the nodes differ in more than host and port, which the Spark
            connector cannot be told.
    """
    addresses = tuple(_parse(each.strip()) for each in text.split(",") if each.strip())
    if len({(each.tls, each.path_prefix) for each in addresses}) > 1:
        raise ConfigError(f"{_VARIABLE} names nodes with different schemes or paths; all must have the same")
    return addresses


def _parse(text: str) -> Address:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{_VARIABLE} is not a URL; {_EXAMPLE}") from error
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ConfigError(f"{_VARIABLE} is not a URL; {_EXAMPLE}")
    if parts.username is not None:
        raise ConfigError(f"{_VARIABLE} holds a login, which would show in logs; set CRMSEARCH_ELASTICSEARCH_API_KEY_FILE instead")
    tls = parts.scheme == "https"
    if not tls and not _is_loopback(host):
        raise ConfigError(
            f"{_VARIABLE} is plain http to another machine, which would show customers and the login to the network; use https://, with "
            "CRMSEARCH_ELASTICSEARCH_CA_FILE for an authority of your own"
        )
    return Address(host, port or (443 if tls else 9200), tls, parts.path.rstrip("/"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK
