"""Who has seen what: the events of the audit trail, their chains, and how to find out that one was touched. Pure.

Every process of the API writes a chain of its own: each event holds the SHA-256 of the one before it, so that none can be changed, moved,
doubled or taken out without the next one saying so. What no next one tells of, the last events of a chain or a whole chain, is told by the
anchors: events that hold the head of every chain known.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from crmsearch.errors import InvalidRequestError
from crmsearch.privacy.access import Role
from crmsearch.privacy.policy import PurposeName

__all__ = [
    "ACTIONS",
    "MAX_IDS",
    "Act",
    "Action",
    "Chain",
    "Event",
    "Finding",
    "Head",
    "Verdict",
    "Verifier",
    "event_time",
    "parse_head",
    "parse_moment",
    "verify",
]

Action = Literal[
    "search",
    "suggest",
    "get",
    "lineage",
    "similar",
    "lookup",
    "export",
    "segment_export",
    "segment_versions",
    "put",
    "batch",
    "withdraw",
    "person_export",
    "erase",
    "anonymise",
    "restrict",
    "unrestrict",
    "audit",
    "keys",
    "key_create",
    "key_revoke",
    "rollback",
    "refused",
    "anchor",
    "end",
]

ACTIONS: dict[Action, str] = {
    "search": "searched customers",
    "suggest": "was shown customers while typing",
    "get": "read a customer",
    "lineage": "read where a customer comes from",
    "similar": "read a customer's look-alikes",
    "lookup": "looked customers up by id, e-mail, phone or analysts' reference",
    "export": "took customers out as a file",
    "segment_export": "took the members of a segment out as a file",
    "segment_versions": "read what a segment was from when on",
    "put": "wrote a customer",
    "batch": "wrote several customers",
    "withdraw": "took back a consent of a customer",
    "person_export": "took out everything that is held of one person",
    "erase": "erased a person",
    "anonymise": "erased a person but for figures",
    "restrict": "restricted the processing of a person",
    "unrestrict": "lifted the restriction of a person's processing",
    "audit": "read the audit trail",
    "keys": "listed the keys of callers",
    "key_create": "made a key",
    "key_revoke": "made a key void",
    "rollback": "went back to the customer base before",
    "refused": "showed a known key and was refused",
    "anchor": "the service: the heads of all chains, at its start and once a day",
    "end": "the service: the last event of a chain",
}
"""What events tell of; the last two are the service's own."""

MAX_IDS = 1_000  # of one event: a page of an export; a longer list would make a trail of the customer base itself
START = "0" * 64  # what the first event of a chain has in the place of a hash before it
_SILENT = timedelta(hours=26)  # after which a process that lives has written an anchor, and one that has not is dead


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody did, before it has its place in a chain.

    A field that a later version adds has a default, which is left out where it is hashed, so that earlier events stay as they were.

    Attributes:
        at: ISO 8601, UTC, to the millisecond.
        key: prefix of the key; empty for the key of the settings, for none, and for the service itself.
        client: address that the request came from.
        stated: whether the purpose was told, and not taken from the role.
        shape: the question without its terms.
        hits: how many customers were found, or changed.
        customers: ids of those that were shown or changed, ``MAX_IDS`` at most.
        cut: whether there were more of them than ``customers`` holds.
        heads: of an anchor, each as ``Head.text``.
    """

    at: str
    key: str
    name: str
    role: Role
    client: str
    purpose: PurposeName
    action: Action
    status: int
    stated: bool = False
    shape: list[str] = []
    hits: int | None = None
    customers: list[str] = []
    cut: bool = False
    heads: list[str] = []


class Event(Act, frozen=True, kw_only=True, omit_defaults=True):
    """An act in its place: the chain, its number there from 0 on, and the hashes of the event before and of this one."""

    chain: str
    sequence: int
    previous: str
    hash: str

    @property
    def head(self) -> "Head":
        return Head(self.chain, self.sequence, self.hash)

    def computed_hash(self) -> str:
        """SHA-256 of all but the hash itself: JSON with sorted keys, without spaces, without fields that have their default."""
        content = {name: value for name, value in msgspec.to_builtins(self).items() if name != "hash"}
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


class Head(msgspec.Struct, frozen=True, order=True):
    """The last event of a chain, as it was known at some time."""

    chain: str
    sequence: int
    hash: str

    @property
    def text(self) -> str:
        return f"{self.chain}:{self.sequence}:{self.hash}"


def parse_head(text: str) -> Head:
    """A head from its text.

    Raises:
        InvalidRequestError: it is none.
    """
    chain, _, rest = text.strip().partition(":")
    sequence, _, digest = rest.partition(":")
    if not (chain and sequence.isascii() and sequence.isdigit() and len(digest) == len(START)):
        raise InvalidRequestError("a head is chain:sequence:hash, as `crmsearch audit verify` prints it")
    return Head(chain, int(sequence), digest)


def event_time(moment: datetime) -> str:
    """A moment (aware) as events hold it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_moment(text: str) -> str:
    """A day or a time (UTC unless it says otherwise) as events hold it.

    Raises:
        InvalidRequestError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
        return event_time(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError("since and until are days or times, such as 2026-11-26 or 2026-11-26T08:00:00Z") from error


class Chain:
    """Gives acts their places, one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._head: Head | None = None

    @property
    def head(self) -> Head | None:
        return self._head

    def link(self, act: Act) -> Event:
        """The act as the next event."""
        sequence, previous = (self._head.sequence + 1, self._head.hash) if self._head else (0, START)
        event = Event(**msgspec.structs.asdict(act), chain=self.name, sequence=sequence, previous=previous, hash="")
        event = msgspec.structs.replace(event, hash=event.computed_hash())
        self._head = event.head
        return event


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and where: in ``chain``, at the event ``sequence``."""

    chain: str
    sequence: int
    kind: Literal["changed", "unlinked", "missing", "doubled", "cut", "rewritten", "gone"]
    says: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification has found.

    Attributes:
        heads: of every chain, to be kept elsewhere.
        unclosed: chains without a last word of whose process nothing was heard for a day: it was killed, and what it had not written yet
            is not there.
    """

    events: int
    heads: list[Head]
    unclosed: list[Head]
    findings: list[Finding]

    @property
    def whole(self) -> bool:
        return not self.findings


class Verifier:
    """Reads the whole trail, the events of each chain in their order, and says what does not hold."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[int, set[str]]] = {}
        self._last: dict[str, Event] = {}
        self._events = 0
        self._findings: list[Finding] = []

    def expect(self, head: Head) -> None:
        """What is known from an anchor, or was kept elsewhere; before the events are read, so that none is younger than they are."""
        self._claims.setdefault(head.chain, {}).setdefault(head.sequence, set()).add(head.hash)

    def read(self, event: Event) -> None:
        """The next event."""
        self._events += 1
        last = self._last.get(event.chain)
        expected = last.sequence + 1 if last else 0
        if event.computed_hash() != event.hash:
            self._find(event, "changed", "its content is not what its hash was made of")
        if event.sequence < expected:
            self._find(event, "doubled", f"it stands after event {expected - 1}: a second one of this number, or one out of its order")
            return
        if event.sequence > expected:
            self._find(event, "missing", f"events {expected} to {event.sequence - 1} before it are not there")
        elif event.previous != (last.hash if last else START):
            self._find(event, "unlinked", "the event before it is not the one that it was written after")
        if self._claims.get(event.chain, {}).get(event.sequence, {event.hash}) != {event.hash}:
            self._find(event, "rewritten", "an anchor, or a head that was kept, knows it with another hash")
        self._last[event.chain] = event

    def verdict(self, now: datetime) -> Verdict:
        """What was found, after everything was read."""
        findings = [*self._findings, *self._cut()]
        silent = event_time(now - _SILENT)
        return Verdict(
            events=self._events,
            heads=sorted(each.head for each in self._last.values()),
            unclosed=sorted(each.head for each in self._last.values() if each.action != "end" and each.at < silent),
            findings=findings,
        )

    def _cut(self) -> Iterator[Finding]:
        for chain, known in self._claims.items():
            last, most = self._last.get(chain), max(known)
            if last is None:
                yield Finding(chain=chain, sequence=most, kind="gone", says=f"the whole chain is not there, of at least {most + 1} events")
            elif last.sequence < most:
                says = f"events {last.sequence + 1} to {most}, and any after them, are not there"
                yield Finding(chain=chain, sequence=last.sequence, kind="cut", says=says)

    def _find(self, event: Event, kind: Literal["changed", "unlinked", "missing", "doubled", "rewritten"], says: str) -> None:
        self._findings.append(Finding(chain=event.chain, sequence=event.sequence, kind=kind, says=says))


def verify(events: Iterable[Event], heads: Iterable[Head], now: datetime) -> Verdict:
    """Verify events against each other and against heads that are known."""
    verifier = Verifier()
    for head in heads:
        verifier.expect(head)
    for event in events:
        verifier.read(event)
    return verifier.verdict(now)
