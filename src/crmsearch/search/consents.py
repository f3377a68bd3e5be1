"""Who may be written to for marketing: which recorded consents allow which channel. Data and pure functions.

Consents are the words that cleaning keeps: channels, ``marketing`` for a yes that names none, and ``profiling``, which allows no message.
Whoever has said nothing has not consented.
"""

from typing import Literal

from crmsearch.errors import InvalidRequestError
from crmsearch.search.filters import Filter

__all__ = ["CHANNELS", "EVERYTHING", "Channel", "Purpose", "Withdrawable", "build_consent_filters"]

Purpose = Literal["marketing", "service", "analysis"]
Channel = Literal["email", "phone", "sms", "post", "wechat", "whatsapp", "push"]
CHANNELS: tuple[Channel, ...] = ("email", "phone", "sms", "post", "wechat", "whatsapp", "push")
Withdrawable = Literal[Channel, "profiling"]
_GENERAL = "marketing"
EVERYTHING = (_GENERAL, "profiling")
"""What somebody withdraws who agrees to nothing any more."""


def build_consent_filters(purpose: Purpose | None, channel: Channel | None) -> tuple[Filter, Filter] | None:
    """A filter for those who may be in a file of this purpose, and one for all others; ``None`` where all may.

    For marketing by a channel a customer must have consented to it, or to marketing without naming one; without a channel to any.

    Raises:
        InvalidRequestError: a channel for a purpose that does not ask for consent.
    """
    if purpose != "marketing":
        if channel is not None:
            raise InvalidRequestError("channel says by which way marketing goes out; ask with purpose=marketing, or leave it out")
        return None
    allowing = [*(CHANNELS if channel is None else (channel,)), _GENERAL]
    return Filter(field="consents", in_=list(allowing)), Filter(field="consents", not_in=list(allowing))
