"""How sure two records are of one person: the levels of the table, the frequencies of this data, and what may never be linked."""

import math
from collections.abc import Iterable, Mapping

import msgspec

from crmsearch.resolution.compare import Agreement, compare, is_hopeless
from crmsearch.resolution.features import Features
from crmsearch.resolution.levels import LEVELS

__all__ = ["EVERY", "LINK_WEIGHT", "Match", "Model", "frequency_values"]

LINK_WEIGHT = 4.0
"""Bits of evidence from which a pair is linked: odds of 16 to 1."""

SPARSE_WEIGHT = 8.0
"""Bits that are asked for where little is known: a name and a birth date alone, or a name and an address without an age."""

_COPIES = 0.2  # further records of the same person that a record has, on average
_RELATIVES = 0.3  # records of people who belong to it
_LEAST = 10_000  # records: a small file is judged like one of this size, as people in it were not drawn from so few
_CROWD = 4  # records of one phone or mailbox that a person's copies explain; beyond, it is a family's, an office's or a shop's
_SMOOTHING = 500.0  # records that the table's own frequency is worth


class Match(msgspec.Struct, frozen=True):
    """The verdict on a pair.

    Attributes:
        weight: log2 of the odds that both are the same person.
        probability: the same as a probability.
        reasons: levels that speak for it, in words, strongest field first as in the table.
        linked: whether the pair may be merged on its own.
        barred: whether something says that they are two people, however much they have in common.
    """

    weight: float
    probability: float
    reasons: tuple[str, ...]
    linked: bool
    barred: bool = False


EVERY = "*"
"""A value that every record has, whose frequency is the number of records."""


def frequency_values(record: Features) -> list[str]:
    """The values of a record whose frequency in the data counts, each behind a letter for its field, and ``EVERY``."""
    values = [
        f"g{record.given.partition(' ')[0]}" if record.given else "",
        f"f{record.family}" if record.family else "",
        f"b{record.birth}" if record.birth else "",
        f"n{record.national_id}" if record.national_id else "",
        f"z{record.postcode}" if record.postcode else "",
        f"c{record.city}" if record.city else "",
        f"o{record.organisation}" if record.organisation else "",
    ]
    mails = dict.fromkeys(email.partition("@")[2] for email in record.emails) if record.company else ()
    return [
        EVERY,
        *filter(None, values),
        *(f"e{email}" for email in record.emails),
        *(f"p{phone}" for phone in record.phones),
        *(f"d{domain}" for domain in mails),
    ]


class Model:
    """Judges pairs of records of one data set.

    Args:
        records: how many records there are.
        frequencies: how many of them have a value (see ``frequency_values``); values that are left out count as borne by two.
    """

    def __init__(self, records: int, frequencies: Mapping[str, int]) -> None:
        self._records = max(records, _LEAST)
        self._frequencies = frequencies
        self._same_odds = math.log2(_COPIES / self._records)

    def judge(self, a: Features, b: Features) -> Match:
        """Weigh a pair; symmetric."""
        if is_hopeless(a, b):
            return _HOPELESS
        found = compare(a, b)
        same, related, stranger, crowd = self._same_odds, 0.0, 0.0, 0
        for agreement in found:
            row = _LOGS[agreement.field, agreement.level]
            same += row[0]
            related += row[1]
            stranger += row[2] if not agreement.value else self._rarity(agreement)
            if agreement.value[:1] in _CONTACT:
                crowd = max(crowd, self._frequencies.get(agreement.value, 0) - _CROWD)
        related += math.log2((_RELATIVES + crowd) / self._records)
        weight = same - _log2_sum(related, stranger)
        levels = {agreement.field: agreement.level for agreement in found}
        barred = _is_barred(levels)
        linked = weight >= LINK_WEIGHT and not barred and _is_grounded(levels, weight, sparse=_is_sparse(a) and _is_sparse(b))
        return Match(weight, _probability(weight), _reasons(found) if linked else (), linked, barred)

    def _rarity(self, agreement: Agreement) -> float:
        """Log2 of the probability that strangers agree on this value."""
        least = LEVELS[agreement.field, agreement.level].stranger
        if agreement.value[0] in _CONTACT:
            others = self._frequencies.get(agreement.value, 2) - 1
            return math.log2(max(least, others / self._records))
        seen = self._frequencies.get(agreement.value, 2)
        return math.log2((seen + _SMOOTHING * least) / (self._records + _SMOOTHING))


_CONTACT = frozenset("epn")  # values that are one person's own unless several records have them
_LOGS = {key: (math.log2(row.same), math.log2(row.related), math.log2(row.stranger)) for key, row in LEVELS.items()}
_HOPELESS = Match(-60.0, 0.0, (), linked=False, barred=True)


def _is_sparse(record: Features) -> bool:
    return not (record.phones or record.emails or record.address or record.organisation or record.national_id)


def _log2_sum(one: float, two: float) -> float:
    high, low = max(one, two), min(one, two)
    return high + math.log2(1 + 2.0 ** (low - high))


def _probability(weight: float) -> float:
    return 1 / (1 + 2.0**-weight) if weight > -50 else 0.0


def _reasons(found: Iterable[Agreement]) -> tuple[str, ...]:
    return tuple(reason for agreement in found if (reason := LEVELS[agreement.field, agreement.level].reason))


def _is_barred(levels: Mapping[str, str]) -> bool:
    """Whether a pair is a generation apart, as a father and a son of the same name are, and no number says that they are one.

    Or two accounts of a company at two places.
    """
    if levels.get("site") == "elsewhere":
        return True
    if levels.get("national id") in {"same", "similar"}:
        return False
    return "generation" in {levels.get("birth date"), levels.get("age")} or levels.get("generation") == "differs"


def _is_grounded(levels: Mapping[str, str], weight: float, *, sparse: bool) -> bool:
    """Whether a pair agrees on enough that is one person's own; weights alone would merge namesakes of a large file and sparse records."""
    contacts = sum(levels.get(field, "differs") != "differs" for field in ("e-mail", "phone"))
    address = levels.get("place", levels.get("site")) in {"same address", "similar address"}
    if "account" in levels or "domain" in levels:
        told = bool(contacts or address or "domain" in levels) and levels.get("account") != "differs"
        # A company that moves within its city takes phone and mailbox along; a second shop has one of its own.
        return told and (levels.get("site") != "same city" or contacts == 2)
    number = levels.get("national id", "differs") != "differs"
    birth = levels.get("birth date") in {"same", "turned", "similar"}
    if levels.get("given") == "differs":
        # Another given name is another person, unless the number says that it was entered wrongly.
        return number and (birth or address)
    aged = levels.get("age") == "same"
    if "given" not in levels and "family" not in levels and "name" not in levels:
        # Couples share mailbox, phone and address; only their ages tell a nameless record whose it is.
        mailbox = levels.get("birth date") == "same" and levels.get("e-mail") == "same"
        return mailbox or ((birth or aged) and (number or contacts == 2 or (contacts == 1 and address)))
    # Where nothing tells how old they are, a father and a son of one name may differ in nothing but their mailboxes.
    if weight < SPARSE_WEIGHT and levels.get("e-mail") != "same" and levels.keys().isdisjoint({"birth date", "age", "national id"}):
        return False
    if contacts or number:
        return True
    full = "name" in levels or (levels.get("given", "differs") != "differs" and levels.get("family", "differs") != "differs")
    strangers = any(levels.get(field) == "differs" for field in ("e-mail", "phone"))
    if address:
        # A nameless one of the same house, born on the same day, may be a twin; without the given name that takes more than an address.
        return (birth and ("given" in levels or "name" in levels)) or (full and (aged or not strangers))
    # Namesakes born on one day are not rare enough in a large city. Those of one postcode are, unless something speaks against it, and so
    # are those of a file that knows nothing else of anybody.
    if levels.get("birth date") != "same" or not full or weight < SPARSE_WEIGHT:
        return False
    if "same postcode" in {levels.get("place"), "same postcode" if levels.get("postcode") == "same" else ""}:
        return not strangers
    return sparse and levels.get("given") in {"same", "sound"} and levels.get("family") in {"same", "sound"}
