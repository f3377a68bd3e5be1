"""What one request may see of the customer base: which customers, and what of them. Pure but for the edge that it confines."""

from typing import Any, Protocol

import msgspec

from crmsearch.errors import ForbiddenError
from crmsearch.privacy.policy import WHOLE, Sight
from crmsearch.search.cursor import Position
from crmsearch.search.filters import Filter
from crmsearch.search.rows import RowRule, confined, released
from crmsearch.search.text import parse_text

__all__ = ["EVERYTHING", "ConfinedBackend", "SearchBackend", "View", "check_masked"]

Body = dict[str, Any]


class SearchBackend(Protocol):
    """The edge to Elasticsearch; tests put a canned one in its place."""

    async def search(self, body: Body, position: Position | None = None) -> Body:
        """Answer of ``_search`` on the live generation, or on the one that a cursor began in."""
        ...

    async def search_earlier(self, body: Body) -> tuple[str, Body] | None:
        """Name of the generation before the live one and its answer of ``_search``; ``None`` if none is kept that can answer."""
        ...

    async def read(self, customer_id: str) -> Body | None:
        """The document of a customer as the last write left it; ``None`` if there is none of this id."""
        ...

    async def check(self) -> None:
        """Raise what stands in the way of answering."""
        ...


class View(msgspec.Struct, frozen=True):
    """The customers that the rule leaves, all of them without one, and of these what the sight shows."""

    sight: Sight = WHOLE
    rows: RowRule | None = None

    def of(self, backend: SearchBackend) -> SearchBackend:
        """The backend as far as it may be seen."""
        return backend if self.rows is None else ConfinedBackend(backend, self.rows)


EVERYTHING = View()


class ConfinedBackend:
    """A backend that knows of no customer outside a rule: the one place where rules get into queries."""

    def __init__(self, backend: SearchBackend, rule: RowRule) -> None:
        self._backend = backend
        self._rule = rule

    async def search(self, body: Body, position: Position | None = None) -> Body:
        return released(await self._backend.search(confined(body, self._rule.clause), position))

    async def search_earlier(self, body: Body) -> tuple[str, Body] | None:
        found = await self._backend.search_earlier(confined(body, self._rule.clause))
        return (found[0], released(found[1])) if found else None

    async def read(self, customer_id: str) -> Body | None:
        document = await self._backend.read(customer_id)
        return document if document is not None and self._rule.holds(document) else None

    async def check(self) -> None:
        await self._backend.check()


def check_masked(sight: Sight, q: str, filters: list[Filter], names: list[str]) -> None:
    """Raise ``ForbiddenError`` if a question would tell what the sight does not show.

    A customer names their phone, so that a masked field may be asked by a value, as the audit trail records. A range, or many values at
    once, would find it out.

    Args:
        sight: of the caller.
        q: its text, checked.
        filters: of it, checked.
        names: fields that it is ordered, grouped, counted or computed by.
    """
    if not sight.withheld:
        return
    sight.check_question(names)
    for each in [*filters, *parse_text(q).filters]:
        if each.field in sight.withheld and (each.bounds or len(each.in_ or each.not_in or ()) > 1):
            raise ForbiddenError(f"you see {each.field} masked, so ask by one value of it; ranges and lists of values would find it out")
