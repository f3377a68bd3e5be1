"""How what a request shows of customers gets into the audit trail, before its answer is sent.

The guard opens a ``Disclosure`` for every route that names an action (``opt={"audit": …}``), which takes a place in the trail; the handler
tells it what it shows; the middleware records it with the status of the answer, as soon as there is one. What failed on our side and has
shown nobody is not recorded.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.params import SkipValidation
from litestar.types import ASGIApp, Message, Middleware, Receive, Scope, Send

from crmsearch.api.viewed import Viewed
from crmsearch.indexing.audit import AuditTrail
from crmsearch.privacy.access import Caller
from crmsearch.privacy.audit import MAX_IDS, Act, Action
from crmsearch.privacy.policy import ROLE_PURPOSES, PurposeName, revealed
from crmsearch.privacy.shape import shape_of

__all__ = ["Disclosed", "Disclosure", "client_of", "make_audited", "open_disclosure", "provide_disclosure", "record_refusal"]

_NAME = "disclosure"  # in the state of a request


class Disclosure:
    """What one request shows or changes. Without a trail, as in an application that has none, it is forgotten."""

    def __init__(self, shape: Sequence[str] = ()) -> None:
        self.purpose: PurposeName | None = None
        self.revealed: list[str] = []
        self._shape = shape
        self._ids: list[str] = []
        self._hits: int | None = None
        self._cut = False

    def note(
        self, ids: Collection[str], question: msgspec.Struct | None = None, *, shape: Sequence[str] = (), hits: int | None = None
    ) -> None:
        """Tell what is shown; of a change, before it is made, since nobody knows how a broken one has ended.

        Args:
            ids: of the customers.
            question: the request that found them, whose shape is kept and whose terms are not.
            shape: what else it was asked by, in words of the product.
            hits: how many there are, if not just these.
        """
        different = list(dict.fromkeys(ids))
        self._ids = different[:MAX_IDS]
        self._hits = len(different) if hits is None else hits
        self._cut = len(different) > MAX_IDS
        self._shape = [*shape, *(shape_of(msgspec.to_builtins(question)) if question is not None else [])]

    def note_file(self, total: int, first: Collection[str], question: msgspec.Struct | None = None, *, shape: Sequence[str] = ()) -> None:
        """Tell of a file: how many customers it holds, and the first of them."""
        self.note(first, question, shape=shape, hits=total)
        self._cut = total > len(self._ids)

    def forget(self) -> None:
        """Nobody was shown or changed after all."""
        self._ids, self._hits, self._cut = [], None, False

    @property
    def is_of_somebody(self) -> bool:
        """Whether customers are shown, or may have been changed."""
        return bool(self._ids)

    def as_act(self, at: str, caller: Caller, client: str, action: Action, status: int) -> Act:
        """What there is to record."""
        return Act(
            at=at,
            key=caller.prefix,
            name=caller.name,
            role=caller.role,
            client=client,
            purpose=self.purpose or ROLE_PURPOSES[caller.role],
            stated=self.purpose is not None,
            action=action,
            status=status,
            shape=[*self._shape, *(f"reveals {field}" for field in self.revealed if self._ids)],
            hits=self._hits,
            customers=self._ids,
            cut=self._cut,
        )


class _Open(msgspec.Struct, frozen=True):
    """A disclosure that has its place in the trail, and whose it is."""

    disclosure: Disclosure
    caller: Caller
    client: str
    action: Action


Disclosed = NamedDependency[SkipValidation[Disclosure]]


async def provide_disclosure(request: Request[Any, Any, Any], view: Viewed) -> Disclosure:
    """What the handler tells its answer to."""
    opened: _Open | None = request.scope["state"].get(_NAME)
    disclosure = opened.disclosure if opened else Disclosure()
    disclosure.purpose = view.sight.purpose
    if view.sight.purpose is not None:
        disclosure.revealed = revealed(request.state.caller, view.sight)
    return disclosure


def open_disclosure(trail: AuditTrail, connection: ASGIConnection[Any, Any, Any, Any], caller: Caller, action: Action) -> None:
    """Take a place in the trail for what a caller is about to see.

    Raises:
        AuditFullError: there is none.
    """
    trail.reserve()
    connection.scope["state"][_NAME] = _Open(Disclosure(), caller, client_of(connection), action)


def record_refusal(trail: AuditTrail, connection: ASGIConnection[Any, Any, Any, Any], caller: Caller, status: int) -> None:
    """Record that whoever showed a known key was refused: at which route, since a path may hold a customer's id.

    Raises:
        AuditFullError: there is no place for it.
    """
    trail.reserve()
    disclosure = Disclosure([f"route {connection.scope.get('method')} {connection.scope['path_template']}"])
    trail.record(disclosure.as_act(trail.now(), caller, client_of(connection), "refused", status))


def make_audited(trail: AuditTrail) -> Middleware:
    """Middleware that records every disclosure that was opened: when the answer begins, or there is none."""

    def audited(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            def record(status: int) -> None:
                opened: _Open | None = scope["state"].pop(_NAME, None)
                if opened is None:
                    return
                if 400 <= status < 500:
                    opened.disclosure.forget()  # nobody was shown or changed, and an id that is none may be anything that was typed
                if status >= 500 and not opened.disclosure.is_of_somebody:
                    trail.release()  # nobody was shown; while Elasticsearch is away, such answers would fill the trail
                else:
                    trail.record(opened.disclosure.as_act(trail.now(), opened.caller, opened.client, opened.action, status))

            async def send_recorded(message: Message) -> None:
                if message["type"] == "http.response.start":
                    record(message["status"])
                await send(message)

            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            try:
                await app(scope, receive, send_recorded)
            finally:
                record(500)

        return wrapped

    return audited


def client_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The address that a request came from."""
    return connection.client.host if connection.client else ""
