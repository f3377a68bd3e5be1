"""Rules for e-mail addresses: syntax only, no look-up in the network."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from crmsearch.cleaning.text import is_formula, is_junk, is_nothing, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_email", "clean_emails"]

MAX_CELL = 2_000  # characters; bounds the work on a cell that holds something else

_BETWEEN = re.compile(r"[\s;,/|、]+")
_BRACKETED = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_FILLER = frozenset({"a", "email", "mail", "noemail", "noreply", "example"})


def clean_email(raw: str) -> Outcome[str]:
    """Clean one address: checked by the mail standards, in lower case."""
    tidied = tidy(raw, compatible=True)
    if tidied.value is None:
        return tidied
    if is_nothing(tidied.value):
        return Clean(None, (*tidied.issues, "placeholder"))
    if is_formula(tidied.value):
        return Rejection("formula_cell")
    address = tidied.value.lower().removeprefix("mailto:").strip("<>\"'.,:")
    try:
        address = validate_email(address, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return Rejection("email_invalid")
    local, _, domain = address.partition("@")
    # test@test.com, none@none.net: the form insisted on an address that nobody had.
    if local == domain.partition(".")[0] and (local in _FILLER or is_junk(local) or is_nothing(local)):
        return Rejection("email_placeholder")
    return Clean(address, tidied.issues)


@lru_cache(maxsize=65_536)
def clean_emails(raw: str) -> Outcome[tuple[str, ...]]:
    """Clean a cell of one or several addresses, in their order and without repetition; bad ones are noted and dropped.

    Addresses may be parted by ``;``, ``,``, ``/``, ``|``, ``、`` or spaces, or stand in brackets behind a name.
    """
    tidied = tidy(raw, compatible=True)
    if tidied.value is None:
        return Clean(None)
    if is_nothing(tidied.value):
        return Clean(None, (*tidied.issues, "placeholder"))
    if len(tidied.value) > MAX_CELL:
        return Rejection("email_invalid")
    if is_formula(tidied.value):
        return Rejection("formula_cell")
    issues = dict.fromkeys(tidied.issues)
    addresses: dict[str, None] = {}
    for part in _BRACKETED.findall(tidied.value) or _BETWEEN.split(tidied.value):
        outcome = clean_email(part)
        if isinstance(outcome, Rejection):
            issues[outcome.code] = None
        elif outcome.value is not None:
            addresses[outcome.value] = None
    return Clean(tuple(addresses) or None, tuple(issues))
