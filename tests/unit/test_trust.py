"""Whom the clients trust, against real TLS servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from crmsearch.errors import BackendTlsError, BackendUnavailableError, ConfigError
from crmsearch.indexing.client import make_async_client, make_client, translated_errors
from crmsearch.node.certificates import is_fresh, make_certificates
from crmsearch.settings import ElasticsearchSettings
from crmsearch.trust import expiry, make_ssl_context, verified_certificates
from tests.certificates import fingerprint, serving, write

OURS, OTHERS = make_certificates(), make_certificates()


def _settings(port: int, host: str = "127.0.0.1", **trust: str) -> ElasticsearchSettings:
    return msgspec.structs.replace(ElasticsearchSettings(url=f"https://{host}:{port}"), **trust)


def _ask(settings: ElasticsearchSettings) -> None:
    with translated_errors(), make_client(settings) as client:
        client.options(max_retries=0).info()


def _ask_async(settings: ElasticsearchSettings) -> None:
    async def asked() -> None:
        client = make_async_client(settings)
        try:
            await client.options(max_retries=0).info()
        finally:
            await client.close()

    with translated_errors():
        asyncio.run(asked())


def _ask_for_spark(settings: ElasticsearchSettings) -> None:
    assert verified_certificates(settings)


@pytest.fixture(params=[_ask, _ask_async, _ask_for_spark], ids=["sync", "async", "spark"])
def ask(request: pytest.FixtureRequest) -> Callable[[ElasticsearchSettings], None]:
    """Each of the three clients, which must agree."""
    asked: Callable[[ElasticsearchSettings], None] = request.param
    return asked


Ask = Callable[[ElasticsearchSettings], None]


@pytest.fixture
def authority(tmp_path: Path) -> str:
    return str(write(tmp_path / "ca.crt", OURS.authority))


def test_an_authority_of_our_own_is_trusted(ask: Ask, authority: str, tmp_path: Path) -> None:
    with serving(tmp_path, OURS) as port:
        for host in ("127.0.0.1", "localhost"):
            ask(_settings(port, host, ca_file=authority))
        ask(_settings(port, ca_file=str(write(tmp_path / "own.crt", OURS.certificate))))


@pytest.mark.parametrize("also_sent", ["", OURS.authority], ids=["alone", "with the authority"])
def test_the_fingerprint_of_what_is_sent_is_trusted(ask: Ask, also_sent: str, tmp_path: Path) -> None:
    colons = ":".join(fingerprint(OURS.certificate)[at : at + 2] for at in range(0, 64, 2)).upper()
    with serving(tmp_path, OURS, also_sent) as port:
        for wanted in (fingerprint(OURS.certificate), colons, *([fingerprint(OURS.authority)] if also_sent else [])):
            ask(_settings(port, fingerprint=wanted))


def test_another_authority_is_refused(ask: Ask, tmp_path: Path) -> None:
    other = str(write(tmp_path / "other.crt", OTHERS.authority))
    with serving(tmp_path, OURS) as port:
        for settings in ({}, {"ca_file": other}):
            with pytest.raises(BackendTlsError, match="CRMSEARCH_ELASTICSEARCH_CA_FILE"):
                ask(_settings(port, **settings))


def test_a_wrong_fingerprint_is_refused(ask: Ask, tmp_path: Path) -> None:
    with serving(tmp_path, OURS) as port:
        for unseen in (fingerprint(OTHERS.authority), fingerprint(OURS.authority)):
            with pytest.raises(BackendTlsError, match="CRMSEARCH_ELASTICSEARCH_FINGERPRINT"):
                ask(_settings(port, fingerprint=unseen))


def test_who_only_sends_the_right_authority_along_is_refused(ask: Ask, tmp_path: Path) -> None:
    # Anybody can send it: it is no secret. What counts is that it has signed.
    with serving(tmp_path, OTHERS, OURS.authority) as port, pytest.raises(BackendTlsError, match="not signed"):
        ask(_settings(port, fingerprint=fingerprint(OURS.authority)))


@pytest.mark.parametrize(("certified", "asked"), [("127.0.0.2", "127.0.0.1"), ("es.example.com", "localhost"), ("localhost", "127.0.0.1")])
def test_a_certificate_of_another_host_is_refused(ask: Ask, certified: str, asked: str, tmp_path: Path) -> None:
    made = make_certificates((certified,))
    authority = str(write(tmp_path / "ca.crt", made.authority))
    with serving(tmp_path, made) as port:
        for trust in ({"ca_file": authority}, {"fingerprint": fingerprint(made.certificate)}):
            with pytest.raises(BackendTlsError, match="another host"):
                ask(_settings(port, asked, **trust))


@pytest.mark.parametrize(("days", "reason"), [(-400, "expired"), (2, "not valid yet")])
def test_a_certificate_out_of_its_time_is_refused(ask: Ask, days: int, reason: str, tmp_path: Path) -> None:
    made = make_certificates(now=datetime.now(UTC) + timedelta(days=days))
    authority = str(write(tmp_path / "ca.crt", made.authority))
    with serving(tmp_path, made) as port, pytest.raises(BackendTlsError, match=reason):
        ask(_settings(port, ca_file=authority))


def test_plain_http_where_tls_is_expected_is_said(ask: Ask, authority: str, tmp_path: Path) -> None:
    with serving(tmp_path, None) as port, pytest.raises(BackendTlsError, match="plain HTTP"):
        ask(_settings(port, ca_file=authority))


@pytest.mark.parametrize("asked", [_ask, _ask_async], ids=["sync", "async"])
def test_tls_where_plain_http_is_expected_is_said(asked: Ask, tmp_path: Path) -> None:
    with serving(tmp_path, OURS) as port, pytest.raises(BackendUnavailableError, match="https://"):
        asked(ElasticsearchSettings(url=f"http://127.0.0.1:{port}"))


def test_nobody_answers(ask: Ask, authority: str) -> None:
    for trust in ({"ca_file": authority}, {"fingerprint": "ab" * 32}):
        with pytest.raises(BackendUnavailableError, match="cannot be reached"):
            ask(_settings(1, **trust))


def test_our_own_authority_is_trusted_alone(authority: str, tmp_path: Path) -> None:
    with serving(tmp_path, OURS) as port, make_client(_settings(port, ca_file=authority)) as client:
        client.info()
        (node,) = client.transport.node_pool.all()
        context = node.config.ssl_context
        assert isinstance(context, ssl.SSLContext)
        assert len(context.get_ca_certs()) == 1, "the client has added the authorities of a package"


@pytest.mark.parametrize("trust", [{"ca_file": "/nowhere"}, {"fingerprint": "ab" * 32}])
def test_trust_without_tls_or_without_its_file_is_refused(trust: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        make_ssl_context(msgspec.structs.replace(_settings(9200, **trust), url="http://localhost:9200"))
    if "ca_file" in trust:
        with pytest.raises(ConfigError, match="CA_FILE"):
            make_ssl_context(_settings(9200, **trust))


def test_plain_http_needs_no_context_and_has_no_certificates() -> None:
    settings = ElasticsearchSettings(url="http://localhost:9200")
    assert make_ssl_context(settings) is None
    assert verified_certificates(settings) == []
    assert expiry(settings) is None


def test_when_the_certificate_runs_out_is_known(authority: str, tmp_path: Path) -> None:
    with serving(tmp_path, OURS) as port:
        ends = expiry(_settings(port, ca_file=authority))
    assert ends is not None
    assert timedelta(days=396) < ends - datetime.now(UTC) < timedelta(days=399)


def test_a_certificate_is_renewed_in_time() -> None:
    assert is_fresh(OURS.authority)
    assert not is_fresh(make_certificates(lifetime=timedelta(days=20)).authority)
