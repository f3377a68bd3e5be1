"""Tokens of a company's single sign-on: who shows one, and what the role in it allows. Pure.

A token is a signed JWT (RFC 7519) of the one issuer that is trusted, for the one audience that is ours, as OpenID Connect Core 1.0
(3.1.3.7) and RFC 9068 (4) ask for; of the algorithms those with a public key alone, so that nobody signs with what everybody may read
(RFC 8725, 3.1).
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from crmsearch.errors import ForbiddenError, UnauthorizedError
from crmsearch.privacy.access import ROLES, Caller, Role

__all__ = ["Trust", "is_token", "key_named", "read_token"]

_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_LONGEST = 8_192  # characters; a proxy takes no longer header
_LEEWAY_S = 30  # that two clocks may differ
_BY_RANK: tuple[Role, ...] = ("admin", "app", "agent", "analyst")
_PREFIX = "crmsearch-"  # that a role may bear where others have roles of the same names


class Trust(msgspec.Struct, frozen=True):
    """Whose tokens are taken, and where in them the roles stand: a claim, or one inside another (``realm_access.roles``).

    Where ``rows_claim`` says, filters stand that leave some customers only.
    """

    issuer: str
    audience: str
    role_claim: str
    rows_claim: str = ""


def is_token(text: str) -> bool:
    """Whether this looks like a token rather than a key."""
    return text.count(".") == 2 and len(text) <= _LONGEST


def key_named(token: str) -> str | None:
    """The id of the key that a token says it was signed with; nothing of it is verified.

    Raises:
        UnauthorizedError: it is no token.
    """
    try:
        kid = extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise UnauthorizedError("the token is none") from error
    return kid if isinstance(kid, str) else None


def read_token(token: str, keys: KeySet, trust: Trust, now: datetime) -> Caller:
    """Who shows a token.

    Args:
        token: as it came.
        keys: public keys of the issuer.
        trust: what it must say.
        now: aware.

    Returns:
        The caller; a token with several roles allows what any of them does, and counts as the first of admin, app, agent, analyst. The
        prefix is a hash of issuer and subject, by which limits and the audit trail know the person.

    Raises:
        UnauthorizedError: it is not signed by the issuer, for somebody else, too old or not valid yet.
        ForbiddenError: it names no role of ours, or no customers where it should.
    """
    try:
        claims = jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims
        required: Any = {
            "iss": {"essential": True, "value": trust.issuer},
            "aud": {"essential": True, "value": trust.audience},
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        jwt.JWTClaimsRegistry(now=int(now.timestamp()), leeway=_LEEWAY_S, **required).validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise UnauthorizedError("the token is not good: it may have expired, or is of another issuer or for another audience") from error
    named = {name.removeprefix(_PREFIX) for name in _words(_claim(claims, trust.role_claim))}
    roles = [role for role in _BY_RANK if role in named]
    if not roles:
        raise ForbiddenError(f"the token names no role of crmsearch; these there are: {', '.join(_BY_RANK)}")
    rows = _texts(_claim(claims, trust.rows_claim)) if trust.rows_claim else []
    if trust.rows_claim and not rows:
        raise ForbiddenError("the token does not say which customers its bearer may see")
    subject = json.dumps([trust.issuer, claims["sub"]])
    return Caller(
        prefix=f"sso-{hashlib.sha256(subject.encode()).hexdigest()[:12]}",
        name=str(claims.get("preferred_username") or claims["sub"]),
        role=roles[0],
        scopes=frozenset(scope for role in roles for scope in ROLES[role]),
        rows=tuple(rows),
    )


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    found: Any = claims
    for step in path.split("."):
        found = cast(Mapping[str, Any], found).get(step) if isinstance(found, Mapping) else None
    return found


def _words(found: Any) -> list[str]:
    return found.split() if isinstance(found, str) else _texts(found)


def _texts(found: Any) -> list[str]:
    """One text, or a list of them; nothing for anything else, and for a list that holds something else."""
    texts = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [str(each) for each in texts] if all(isinstance(each, str) for each in texts) else []
