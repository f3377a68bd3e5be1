"""Rules for e-mail addresses: syntax only, no look-up in the network."""

import re
from functools import lru_cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from crmsearch.cleaning.email_tables import DISPOSABLE, FILLER, MAIL_PROVIDERS, ROLES, TYPO_ENDINGS
from crmsearch.cleaning.text import is_junk, is_made_up_number, is_nothing, open_cell
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_email", "clean_emails", "suggest_domain"]

MAX_CELL = 2_000  # characters; bounds the work on a cell that holds something else

_BETWEEN = re.compile(r"[\s;,/|、]+")
_BRACKETED = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_EDGES = "<>[](){}\"'.,:*"

# Signs that stand for others, all of them impossible where they are: "anna (at) example.com", "anna @ example.com", "anna@qq。com".
_AT = re.compile(r"\s*(?:\(at\)|\[at\]|\{at\}|@)\s*", re.IGNORECASE)
_DOT = re.compile(r"\s*(?:\(dot\)|\[dot\])\s*|(?<=\w)[。．｡](?=\w)", re.IGNORECASE)
_COMMA_ENDING = re.compile(r"(@[\w-]+),(?=(?:com|cn|net|org|edu|de|fr|uk)\b)", re.IGNORECASE)

# The common case, decided without the long way: what this matches, the validator takes unchanged.
_ORDINARY = re.compile(
    r"(?=.{6,254}$)(?=[^@]{1,64}@)[a-z0-9_]+(?:[.+_-][a-z0-9_]+)*@(?:[a-z0-9]{1,63}(?:-[a-z0-9]{1,50})?\.)+([a-z]{2,63})", re.ASCII
)
_SPECIAL_ENDINGS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)


def clean_email(raw: str) -> Outcome[str]:
    """Clean one address: checked by the mail standards, in lower case."""
    outcome = open_cell(raw, limit=MAX_CELL, too_long="email_invalid")
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    text = _mended(outcome.value)
    issues = outcome.issues if text == outcome.value else (*outcome.issues, "email_mended")
    return _read(text, issues)


@lru_cache(maxsize=65_536)
def clean_emails(raw: str) -> Outcome[tuple[str, ...]]:
    """Clean a cell of one or several addresses, in their order and without repetition; bad ones are noted and dropped.

    Addresses may be parted by ``;``, ``,``, ``/``, ``|``, ``、`` or spaces, or stand in brackets behind a name.
    """
    outcome = open_cell(raw, limit=MAX_CELL, too_long="email_invalid")
    if isinstance(outcome, Rejection):
        return outcome
    if outcome.value is None:
        return Clean(None, outcome.issues)
    text = _mended(outcome.value)
    issues = dict.fromkeys(outcome.issues if text == outcome.value else (*outcome.issues, "email_mended"))
    addresses: dict[str, None] = {}
    for part in _BRACKETED.findall(text) or _BETWEEN.split(text):
        one = _read(part, ())
        if isinstance(one, Rejection):
            issues[one.code] = None
            continue
        issues.update(dict.fromkeys(one.issues))
        if one.value is not None:
            addresses[one.value] = None
    return Clean(tuple(addresses) or None, tuple(issues))


def _mended(text: str) -> str:
    return _COMMA_ENDING.sub(r"\1.", _AT.sub("@", _DOT.sub(".", text)))


def _read(text: str, issues: tuple[str, ...]) -> Outcome[str]:
    """Read one address of a mended text, and note what is known of its parts."""
    address = text.lower().removeprefix("mailto:").strip(_EDGES)
    if not address or is_nothing(address):
        return Clean(None, (*issues, "placeholder"))
    ordinary = _ORDINARY.fullmatch(address)
    if ordinary is None or ordinary[1] in _SPECIAL_ENDINGS:
        try:
            address = validate_email(address, check_deliverability=False).normalized.lower()
        except EmailNotValidError:
            return Rejection("email_invalid")
    local, _, domain = address.rpartition("@")
    if len(domain.rpartition(".")[2]) < 2:  # no top-level domain has one letter
        return Rejection("email_invalid")
    if _is_made_up(local, domain):
        return Rejection("email_placeholder")
    return Clean(address, (*issues, *_marks(local, domain)))


def _is_made_up(local: str, domain: str) -> bool:
    """``test@test.com``, ``none@none.net``, ``xxx@gmail.com``, ``123456@qq.com``: the form insisted on an address that nobody had.

    Many strangers would share one of the last two; losing the one person who really has it costs less than making them all one customer.
    At a company's own domain such words are left alone: ``a@acme.de`` may be Anna.
    """
    label = domain.partition(".")[0]
    if local == label and (local in FILLER or is_junk(local) or is_nothing(local)):
        return True
    if is_made_up_number(local):
        return domain in MAIL_PROVIDERS
    filler = local in FILLER or (local.isalpha() and is_junk(local))
    return filler and (domain in MAIL_PROVIDERS or label in FILLER or is_junk(label))


def _marks(local: str, domain: str) -> list[str]:
    marks = []
    if suggest_domain(domain) is not None:
        marks.append("email_domain_typo")
    if local in ROLES:
        marks.append("email_role")
    if domain in DISPOSABLE or domain.partition(".")[2] in DISPOSABLE:
        marks.append("email_disposable")
    return marks


@lru_cache(maxsize=16_384)
def suggest_domain(domain: str) -> str | None:
    """The provider's domain that was probably meant (``gmail.com`` for ``gamil.com``), ``None`` where nothing looks like a slip.

    One slip is a letter too many, too few, wrong or swapped, with the first letter right; names of less than five letters have too many
    honest neighbours for that and are taken only as they are, with a wrong ending (``qq.con``).
    """
    if domain in MAIL_PROVIDERS:
        return None
    label, _, ending = domain.partition(".")
    meant = f"{label}.{TYPO_ENDINGS.get(ending, ending)}"
    if meant in MAIL_PROVIDERS:
        return meant
    return next((provider for provider in _SLIPPERY if _is_one_slip(meant, provider)), None)


_SLIPPERY = sorted(
    one for one in MAIL_PROVIDERS if one.partition(".")[0].isalpha() and len(one.partition(".")[0]) >= 5 and "example" not in one
)


def _is_one_slip(written: str, meant: str) -> bool:
    """Tell whether one edit (Damerau) of the label turns ``written`` into ``meant``; the endings must be equal."""
    left, _, left_ending = written.partition(".")
    right, _, right_ending = meant.partition(".")
    if left_ending != right_ending or abs(len(left) - len(right)) > 1 or left[:1] != right[:1]:
        return False
    start = next((place for place, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), min(len(left), len(right)))
    left, right = left[start:], right[start:]
    if len(left) == len(right):
        return left[1:] == right[1:] or (left[:2] == right[1::-1] and left[2:] == right[2:])
    return left[1:] == right or left == right[1:]
