"""How long customers are kept: rules that say whose time is over, and the removal of those.

A rule is a few filters that all hold, in the grammar of searches: ``lifecycle:churned last_activity_at:..now-3y``. Who is removed so may
become a customer again, other than who asked to be forgotten (``rights``): no mark is kept of them, and a source that still exports them
brings them back until the next removal.
"""

import asyncio
import shlex
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from crmsearch.errors import ConfigError, InvalidRequestError
from crmsearch.holdings import Holdings
from crmsearch.indexing.client import make_async_client
from crmsearch.indexing.names import run_time
from crmsearch.indexing.records import chunks
from crmsearch.indexing.segments import SegmentStore
from crmsearch.loading import OnEvent, writing
from crmsearch.search.filters import Filter, build_filter, check_filter, parse_filter
from crmsearch.search.resolver import Resolver

__all__ = ["Due", "Purged", "Retention", "Rule", "parse_rules"]

MOST = 0.2  # of all customers that one removal may take, unless more is asked for: a rule that is wrong fits nearly everybody
_AT_ONCE = 1_000


class Rule(msgspec.Struct, frozen=True):
    """Filters that all hold for those whose time is over, and how they were written."""

    text: str
    filters: tuple[Filter, ...]


class Due(msgspec.Struct, frozen=True):
    """Whose time is over: ids by rule, of a base of so many customers; and runs whose rows in quarantine are too old."""

    population: int
    customers: dict[str, set[str]]
    quarantine: list[str]

    @property
    def ids(self) -> set[str]:
        """Those of any rule, each once."""
        return set().union(*self.customers.values())


class Purged(msgspec.Struct, frozen=True):
    """What was removed: customers, documents by index, and runs whose quarantine went."""

    customers: int
    documents: dict[str, int]
    quarantine: list[str]


def parse_rules(text: str) -> list[Rule]:
    """Rules from their text: filters with spaces between them, in quotes where they hold some; semicolons between rules.

    Raises:
        ConfigError: a rule is no list of filters, or one of them is not of the grammar.
    """
    rules = []
    for part in filter(None, map(str.strip, text.split(";"))):
        try:
            filters = tuple(parse_filter(word) for word in shlex.split(part))
            for each in filters:
                check_filter(each)
        except ValueError as error:
            raise ConfigError(f"a rule of retention has a quote that does not end: {part}") from error
        except InvalidRequestError as error:
            raise ConfigError(f"the rule of retention «{part}» is not sound: {error.detail}") from error
        rules.append(Rule(part, filters))
    return rules


class Retention(Holdings):
    """Removes whose time is over from one installation."""

    def due(self, rules: Sequence[Rule]) -> Due:
        """Whose time is over today; removes nothing.

        Raises:
            IndexNotReadyError: there is no live customer index.
            UnknownSegmentError: a rule names a segment that is not there.
        """
        found = {}
        for rule, filters in zip(rules, asyncio.run(self._resolved(rules)), strict=True):
            found[rule.text] = self._erasure.matching({"bool": {"filter": [build_filter(each) for each in filters]}})
        return Due(self._erasure.population(), found, self._old_quarantine(datetime.now(UTC)))

    def purge(self, rules: Sequence[Rule], most: float = MOST, on_event: OnEvent = lambda _: None) -> Purged:
        """Remove them from all kept generations, with their source records and what apps wrote; nothing else may write meanwhile.

        Args:
            rules: whose time is over.
            most: the share of all customers beyond which nothing is removed, 0 to 1.
            on_event: is told how far it has come.

        Raises:
            InvalidRequestError: the rules fit more than ``most``.
            LoadRunningError: a load is writing customers at this moment.
            BackendError: not everything could be removed; done once more, it removes the rest.
        """
        with writing("purge", self._lifecycle, self._runs, on_event):
            due = self.due(rules)
            check_share(due, most)
            documents: dict[str, int] = {}
            done = 0
            for some in chunks(sorted(due.ids), _AT_ONCE):
                on_event({"stage": "remove", "done": done, "total": len(due.ids)})
                for index, count in self._erasure.remove(self._erasure.find_all(some)).items():
                    documents[index] = documents.get(index, 0) + count
                done += len(some)
        for run in due.quarantine:
            shutil.rmtree(self._quarantine / run)
        return Purged(done, documents, due.quarantine)

    async def _resolved(self, rules: Sequence[Rule]) -> list[list[Filter]]:
        client = make_async_client(self._settings.elasticsearch)
        try:
            resolver = Resolver(SegmentStore(client, self._settings.elasticsearch, self._lifecycle.vault))
            return [await resolver.resolve(rule.filters) for rule in rules]
        finally:
            await client.close()

    def _old_quarantine(self, now: datetime) -> list[str]:
        days = self._settings.privacy.quarantine_days
        if not days or not self._quarantine.is_dir():
            return []
        return sorted(path.name for path in self._quarantine.iterdir() if _is_before(path, now - timedelta(days=days)))


def check_share(due: Due, most: float) -> None:
    """Raise ``InvalidRequestError`` if more customers are due than may be removed at once."""
    if len(due.ids) > most * due.population:
        raise InvalidRequestError(
            f"the rules fit {len(due.ids):,} of {due.population:,} customers, more than the {most:.0%} that may go at once; "
            "see with --dry-run whether they are right, and raise --most"
        )


def _is_before(path: Path, moment: datetime) -> bool:
    began_at = run_time(path.name)
    return began_at is not None and began_at < moment
