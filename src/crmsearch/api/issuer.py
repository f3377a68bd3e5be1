"""The issuer of a company's single sign-on: its public keys, fetched from where it says they are and kept for an hour."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from crmsearch.errors import ConfigError, IssuerUnavailableError, UnauthorizedError
from crmsearch.privacy.access import Caller
from crmsearch.privacy.tokens import Trust, key_named, read_token
from crmsearch.settings import LOOPBACK, OidcSettings

__all__ = ["Issuer"]

_FRESH_S = 3600.0
_AGAIN_S = 30.0  # a key that is not known, or an issuer that is away, is asked about no sooner again
_TIMEOUT_S = 5.0


class Issuer:
    """Reads tokens. Keys that were fetched are used on while the issuer is away."""

    def __init__(self, settings: OidcSettings, clock: Callable[[], float] = time.monotonic) -> None:
        if not settings.audience:
            raise ConfigError("CRMSEARCH_OIDC_AUDIENCE is not set; name what the issuer calls this service in its tokens")
        for address in filter(None, (settings.issuer, settings.jwks_url)):
            _check_address(address)
        self._settings = settings
        self._trust = Trust(settings.issuer, settings.audience, settings.role_claim, settings.rows_claim)
        self._clock = clock
        self._keys: KeySet | None = None
        self._asked_at = self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """Who shows a token.

        Raises:
            UnauthorizedError, ForbiddenError: as ``read_token``.
            IssuerUnavailableError: the keys of the issuer cannot be had.
        """
        named = key_named(token)
        async with self._lock:
            if self._clock() - self._fetched_at > _FRESH_S or named not in self._known():
                await self._fetch()
            keys = self._keys
        if keys is None:
            raise IssuerUnavailableError("the issuer of tokens does not answer, so that nobody can be let in by one; try again soon")
        if named not in self._known() and (named is not None or len(keys.keys) > 1):
            raise UnauthorizedError("the token is signed with a key that the issuer does not have")
        return read_token(token, keys, self._trust, datetime.now(UTC))

    def _known(self) -> set[str | None]:
        return {key.kid for key in self._keys.keys} if self._keys is not None else set()

    async def _fetch(self) -> None:
        now = self._clock()
        if now - self._asked_at < _AGAIN_S:
            return
        self._asked_at = now
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
                address = self._settings.jwks_url or await self._told(http)
                keys = KeySet.import_key_set(await _get(http, address))
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError):
            return  # what is known already is good as long as nothing newer can be had
        self._keys, self._fetched_at = keys, now

    async def _told(self, http: httpx.AsyncClient) -> str:
        """Where the keys are, as OpenID Connect Discovery 1.0 has the issuer say it."""
        said = await _get(http, f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said["issuer"] != self._settings.issuer:
            raise ValueError("it is another issuer")
        address = str(said["jwks_uri"])
        _check_address(address)
        return address


async def _get(http: httpx.AsyncClient, address: str) -> Any:
    return (await http.get(address)).raise_for_status().json()


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigError(
            "the issuer of tokens and its keys are reached by https:// only, since whoever stands between could let anybody in"
        )
