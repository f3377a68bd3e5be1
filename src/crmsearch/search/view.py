"""What one request may see of the customer base: which customers, and what of them. Pure but for the edge that it confines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from crmsearch.errors import ForbiddenError
from crmsearch.privacy.policy import WHOLE, Sight
from crmsearch.privacy.restriction import Restricted
from crmsearch.search.cursor import Position
from crmsearch.search.filters import Filter
from crmsearch.search.resolver import Resolver
from crmsearch.search.rows import RowRule, confined, released
from crmsearch.search.segments import Segment, used_segments
from crmsearch.search.text import parse_text

__all__ = ["EVERYTHING", "ConfinedBackend", "RestrictedBackend", "Restrictions", "SearchBackend", "View"]

Body = dict[str, Any]


class SearchBackend(Protocol):
    """The edge to Elasticsearch; tests put a canned one in its place."""

    async def search(self, body: Body, position: Position | None = None) -> Body:
        """Answer of ``_search`` on the live generation, or on the one that a cursor began in."""
        ...

    async def search_earlier(self, body: Body) -> tuple[str, Body] | None:
        """Name of the generation before the live one and its answer of ``_search``; ``None`` if none is kept that can answer."""
        ...

    async def read(self, customer_id: str, *, restricted: bool = False) -> Body | None:
        """The document of a customer as the last write left it; ``None`` if there is none of this id.

        One whose processing is restricted is there only for whoever asks for it, to answer that person.
        """
        ...

    async def check(self) -> None:
        """Raise what stands in the way of answering."""
        ...


class Restrictions(Protocol):
    """What tells whose processing is restricted."""

    async def find(self) -> Restricted:
        """Who is restricted at this moment, or was a second ago."""
        ...


class View(msgspec.Struct, frozen=True):
    """The customers that the rule leaves, all of them without one, and of these what the sight shows.

    ``figures_by_personal`` says whether figures may be asked by personal data. They are not in the audit trail, so it is for those whose
    role sees everything, whatever purpose is stated: a count of one customer tells whether a condition holds for them.
    """

    sight: Sight = WHOLE
    rows: RowRule | None = None
    figures_by_personal: bool = True

    @property
    def answers_the_person(self) -> bool:
        """Whether it is to answer what a person has asked for, which those may state alone who may carry it out."""
        return self.sight.purpose == "privacy_request"

    async def check_masked(self, resolver: Resolver, q: str, filters: Sequence[Filter], names: list[str]) -> None:
        """Raise ``ForbiddenError`` if a question, or a segment that it leads to, would tell what is masked; arguments as below."""
        if self.sight.withheld:  # for others, segments need not be read
            used = used_segments([*filters, *parse_text(q).filters])
            check_masked(self.sight, q, filters, names, await resolver.segments(used))

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

    async def read(self, customer_id: str, *, restricted: bool = False) -> Body | None:
        document = await self._backend.read(customer_id, restricted=restricted)
        return document if document is not None and self._rule.holds(document) else None

    async def check(self) -> None:
        await self._backend.check()


class RestrictedBackend:
    """A backend that knows of nobody whose processing is restricted: the one place where restrictions get into queries."""

    def __init__(self, backend: SearchBackend, restrictions: Restrictions) -> None:
        self._backend = backend
        self._restrictions = restrictions

    async def search(self, body: Body, position: Position | None = None) -> Body:
        restricted = await self._restrictions.find()
        if not restricted.names:
            return await self._backend.search(body, position)
        return released(await self._backend.search(confined(body, restricted.others), position))

    async def search_earlier(self, body: Body) -> tuple[str, Body] | None:
        restricted = await self._restrictions.find()
        if not restricted.names:
            return await self._backend.search_earlier(body)
        found = await self._backend.search_earlier(confined(body, restricted.others))
        return (found[0], released(found[1])) if found else None

    async def read(self, customer_id: str, *, restricted: bool = False) -> Body | None:
        document = await self._backend.read(customer_id)
        if document is None or restricted:
            return document
        return None if (await self._restrictions.find()).holds(document) else document

    async def check(self) -> None:
        await self._backend.check()


def check_masked(sight: Sight, q: str, filters: Sequence[Filter], names: list[str], segments: Mapping[str, Segment]) -> None:
    """Raise ``ForbiddenError`` if a question would tell what the sight does not show.

    A customer names their phone, so that a masked field may be asked by a value, as the audit trail records. A range, or several values
    at once, in whatever places of the question, would find it out.

    Args:
        sight: of the caller.
        q: its text, checked.
        filters: of it, checked.
        names: fields that it is ordered, grouped, counted or computed by.
        segments: all that the filters lead to, as far as they are there.
    """
    if not sight.withheld:
        return
    sight.check_question(names)
    asked: Counter[str] = Counter()
    for each in _conditions(q, filters, segments):
        if each.field in sight.withheld:
            asked[each.field] += 1
            if each.bounds or len(each.in_ or each.not_in or ()) > 1 or asked[each.field] > 1:
                raise ForbiddenError(
                    f"you see {each.field} masked, so ask once by one value of it; ranges and several values would find it out"
                )


def _conditions(q: str, filters: Sequence[Filter], segments: Mapping[str, Segment]) -> list[Filter]:
    """All filters of a question: its own, those in its text, and those of the segments that it leads to."""
    found = [*filters, *parse_text(q).filters]
    for each in segments.values():
        found += [*each.filters, *parse_text(each.q).filters]
    return found
