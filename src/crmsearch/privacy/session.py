"""Sessions of the console: a key, or a token of the single sign-on, sealed in a cookie. Pure.

Nothing is kept of a session: the cookie holds what was shown, encrypted and authenticated (Fernet: AES-128 in CBC mode and HMAC-SHA-256),
and at every request it is judged as if it had been shown again. So a key that is revoked or expires ends its sessions, in every process.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crmsearch.privacy.access import show_moment

__all__ = ["LONGEST_SHOWN", "Sessions"]

LONGEST_SHOWN = (
    2_900  # characters of a key or token; sealed, a longer one would not fit into the 4,096 bytes that browsers keep of a cookie
)


class Sessions:
    """Seals and opens the cookies of one key."""

    def __init__(self, key: str, lifetime_s: int, now: Callable[[], float]) -> None:
        """Take what sessions rest on.

        Args:
            key: what the key of the cookies is derived from; every process that is to open them has the same.
            lifetime_s: seconds from signing in to the end of the session.
            now: seconds since the epoch.
        """
        # A key of its own by RFC 5869: whoever could make the service sign something as a cursor is not to get a cookie out of it.
        derived = HKDF(SHA256(), 32, salt=None, info=b"crmsearch session").derive(key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))
        self._lifetime_s = lifetime_s
        self._now = now

    def seal(self, shown: str) -> str:
        """The cookie that stands for a key or token from now on."""
        return self._fernet.encrypt_at_time(shown.encode(), int(self._now())).decode()

    def open(self, cookie: str) -> str | None:
        """What a cookie stands for; ``None`` if it is none of ours, was changed, or its time is over."""
        try:
            return self._fernet.decrypt_at_time(cookie.encode(), self._lifetime_s, int(self._now())).decode()
        except InvalidToken:
            return None

    def end(self, cookie: str) -> str:
        """When a cookie that ``open`` takes ceases to be good: ISO 8601, UTC."""
        return show_moment(datetime.fromtimestamp(self._fernet.extract_timestamp(cookie.encode()) + self._lifetime_s, UTC))
