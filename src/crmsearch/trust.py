"""Whom a TLS connection to Elasticsearch trusts, and in words why one was refused.

There is one rule for all clients: the certificate must be signed by the authority of ``ca_file``, or be or be signed by the certificate
of ``fingerprint``, or else by an authority that this machine trusts; it must be valid today, and be of the host in the URL, be that a name
or an IP address. Nothing turns this off.

The Python clients get it as an ``SSLContext``. The Spark connector knows no host names and no fingerprints, and would take any certificate
of any trusted authority; it gets the very certificates that were verified here (``verified_certificates``), and trusts nothing else.
"""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from cryptography import x509

from crmsearch.addresses import Address
from crmsearch.errors import BackendTlsError, BackendUnavailableError, ConfigError
from crmsearch.settings import ElasticsearchSettings

__all__ = ["expiry", "explain", "make_ssl_context", "verified_certificates"]

# Of OpenSSL's x509_vfy.h, which the ssl module does not name.
_NOT_YET_VALID, _EXPIRED, _WRONG_NAME, _WRONG_ADDRESS = 9, 10, 62, 64
_PLAIN_HTTP = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


def make_ssl_context(settings: ElasticsearchSettings) -> ssl.SSLContext | None:
    """The rule as a context; ``None`` for plain http. With a fingerprint the servers are asked for their certificates, once.

    Raises:
        ConfigError: the file cannot be used, or there is something to trust but no ``https://``.
        BackendTlsError: no certificate with the fingerprint is presented.
        BackendUnavailableError: no server answers, with a fingerprint.
    """
    if not settings.addresses[0].tls:
        if settings.ca_file or settings.fingerprint:
            raise ConfigError("CRMSEARCH_ELASTICSEARCH_URL must begin with https:// for a CA_FILE or FINGERPRINT to mean anything")
        return None
    if settings.fingerprint:
        context = ssl.create_default_context(cadata=_pinned(settings))
    elif settings.ca_file:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:  # of ssl too
            raise ConfigError("CRMSEARCH_ELASTICSEARCH_CA_FILE is not a file with certificates in PEM form that can be read") from error
    else:
        context = ssl.create_default_context()
    # What is named is trusted as it is, a server's own certificate too. Authorities that Elasticsearch has made lack the extension «key
    # usage», and from Python 3.13 on would be refused for it.
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context


def verified_certificates(settings: ElasticsearchSettings) -> list[bytes]:
    """The certificates (DER) that the servers of the URL present now, each verified by the rule; none for plain http.

    A name may stand for several machines with certificates of their own, so each of its addresses is asked.

    Raises:
        BackendTlsError: one breaks the rule.
        BackendUnavailableError: a server does not answer on any address.
        ConfigError: as ``make_ssl_context``.
    """
    context = make_ssl_context(settings)
    if context is None:
        return []
    found = [_shake_hands(sock, address, context)[0] for address in settings.addresses for sock in _sockets(address, settings.timeout_s)]
    return list(dict.fromkeys(found))


def expiry(settings: ElasticsearchSettings) -> datetime | None:
    """When the first of the servers' certificates runs out; ``None`` for plain http. Raises as ``verified_certificates``."""
    return min((x509.load_der_x509_certificate(each).not_valid_after_utc for each in verified_certificates(settings)), default=None)


def explain(error: BaseException) -> str | None:
    """Why a TLS connection was refused and what to do, if that is why a call failed; the error may lie anywhere beneath."""
    for each in _beneath(error):
        # Clients have errors of their own that only call themselves so, around those of ssl.
        if isinstance(each, ssl.SSLCertVerificationError) and hasattr(each, "verify_code"):
            return _explain_verification(each.verify_code)
        if isinstance(each, ssl.SSLError) and hasattr(each, "reason"):
            if each.reason in _PLAIN_HTTP:
                return (
                    "Elasticsearch speaks plain HTTP where CRMSEARCH_ELASTICSEARCH_URL says https; turn TLS on there, or correct the port"
                )
            return f"the TLS connection to Elasticsearch failed ({each.reason or type(each).__name__}); is there a proxy in between?"
    return None


def _explain_verification(code: int) -> str:
    said = "the certificate of Elasticsearch"
    if code in {_WRONG_NAME, _WRONG_ADDRESS}:
        return f"{said} is of another host; use a name or address that it holds in CRMSEARCH_ELASTICSEARCH_URL, or issue one with this name"
    if code == _EXPIRED:
        return f"{said}, or of its authority, has expired; renew it"
    if code == _NOT_YET_VALID:
        return f"{said}, or of its authority, is not valid yet; is the clock of this machine right?"
    return (
        f"{said} is not signed by an authority that is trusted; set CRMSEARCH_ELASTICSEARCH_CA_FILE to the PEM file of the right one, "
        "or CRMSEARCH_ELASTICSEARCH_FINGERPRINT"
    )


def _beneath(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was made of. Clients wrap what they caught as an argument, an attribute or a cause."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [*each.args, *getattr(each, "errors", ()), getattr(each, "certificate_error", None), each.__cause__, each.__context__]
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _pinned(settings: ElasticsearchSettings) -> bytes:
    """The certificate with the fingerprint, among those that the servers present. Nothing is sent to them on these connections."""
    wanted = settings.fingerprint.replace(":", "").lower()
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    for address in settings.addresses:
        for sock in _sockets(address, settings.timeout_s):
            for certificate in _shake_hands(sock, address, unverified):
                if hashlib.sha256(certificate).hexdigest() == wanted:
                    return certificate
    raise BackendTlsError(
        "Elasticsearch presents no certificate with the SHA-256 of CRMSEARCH_ELASTICSEARCH_FINGERPRINT; is it that of the server's "
        "certificate, or of an authority's that it sends along? `openssl x509 -fingerprint -sha256 -noout -in FILE` shows it"
    )


def _sockets(address: Address, timeout_s: float) -> Iterator[socket.socket]:
    """A connection to each machine that the host stands for, of those that answer."""
    answered, refusal = False, OSError("the name means no address")
    try:
        places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        places, refusal = [], error
    for place in dict.fromkeys(each[4] for each in places):
        try:
            sock = socket.create_connection((str(place[0]), int(place[1])), timeout_s)
        except OSError as error:
            refusal = error
            continue
        answered = True
        with closing(sock):
            yield sock
    if not answered:
        raise BackendUnavailableError("Elasticsearch cannot be reached; check CRMSEARCH_ELASTICSEARCH_URL") from refusal


def _shake_hands(sock: socket.socket, address: Address, context: ssl.SSLContext) -> list[bytes]:
    """The certificates (DER) that a server presents, its own first."""
    try:
        with context.wrap_socket(sock, server_hostname=address.host) as wrapped:
            if hasattr(wrapped, "get_unverified_chain"):
                return list(wrapped.get_unverified_chain())
            # Before Python 3.13 the chain was to be had from the object beneath only.
            chain = wrapped._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
            return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain]
    except OSError as error:  # of ssl too
        if said := explain(error):
            raise BackendTlsError(said) from error
        raise BackendUnavailableError(
            "Elasticsearch ended the TLS connection before it began; check CRMSEARCH_ELASTICSEARCH_URL"
        ) from error
