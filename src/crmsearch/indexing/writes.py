"""``crm-writes``: what apps have written of single customers, so that no later load loses it.

A write is kept here first and then made in the live generation, both under the same external version. A promotion lays all kept writes
over the new generation before readers see it, and once more afterwards; so wherever a promotion and a write meet, one of the two makes the
write in the generation that is live in the end.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from copy import copy
from typing import Any

import msgspec
from elasticsearch import AsyncElasticsearch

from crmsearch.errors import (
    BackendError,
    BackendUnavailableError,
    ConflictError,
    CrmSearchError,
    ForbiddenError,
    IndexNotReadyError,
    NotFoundError,
    RestrictedError,
)
from crmsearch.indexing.analytics import Mirror, build_indexed, check_key
from crmsearch.indexing.client import NO_INDEX, ensure_index_soon, exchange, read_by_id
from crmsearch.indexing.kept_writes import build_kept, parse_kept
from crmsearch.indexing.mappings import build_writes_body
from crmsearch.indexing.names import analytics_alias, customers_alias, writes_index
from crmsearch.indexing.restrictions import RestrictionReader
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.privacy.restriction import Restricted
from crmsearch.privacy.vault import Vault
from crmsearch.resolution.written import Withdrawal, Write, is_of_apps, next_write, with_write
from crmsearch.search.rows import RowRule
from crmsearch.settings import ElasticsearchSettings

__all__ = ["WriteStore", "Written"]

Document = dict[str, Any]

_TRIES = 4  # times that a write is made anew after another one of the same customer, or a promotion, came in between
_NOBODY = "there is no customer with this id"


class Written(msgspec.Struct, frozen=True):
    """The document of a customer after a write, and whether there was no such customer before."""

    document: Document
    created: bool


class _Live(msgspec.Struct, frozen=True):
    """The generation that readers see, its copies for analysts, if it has any, and what seals with its key."""

    index: str
    mirror: Mirror | None
    vault: Vault


class WriteStore:
    """The way of single writes into the live generation."""

    def __init__(self, client: AsyncElasticsearch, settings: ElasticsearchSettings, suppressions: SuppressionReader, vault: Vault) -> None:
        self._client = client
        self._suppressions = suppressions
        self._timeout_s = settings.timeout_s
        self._body = build_writes_body(settings)
        self._alias = customers_alias(settings.index_prefix)
        self._analytics_alias = analytics_alias(settings.index_prefix)
        self._vault = vault
        self._seen: _Live | None = None  # what was looked at last
        self.index = writes_index(settings.index_prefix)
        self._rule: RowRule | None = None
        # Asked at every write: a copy for analysts of somebody restricted a moment ago would stay.
        self._restrictions = RestrictionReader(client, settings, fresh_s=0)
        self._for_the_person = False

    def within(self, rule: RowRule | None, *, for_the_person: bool = False) -> "WriteStore":
        """The same for whom the rule leaves some customers only; and of those whose processing is restricted, to answer them."""
        found = copy(self)
        found._rule = rule
        found._for_the_person = for_the_person
        return found

    async def write(self, documents: Mapping[str, Document], refresh: bool) -> dict[str, Written | CrmSearchError]:
        """Write customers; get-by-id sees them at once.

        Args:
            documents: what is said of each, clean, by customer id.
            refresh: wait until searches find them too.

        Returns:
            What was written, by customer id; people who were erased are not written. Of whom the rule leaves out, and of what would leave
            it, and of whose processing is restricted, why not.

        Raises:
            IndexNotReadyError: there is no live generation.
            ConflictError: others keep writing the same customers.
            ConfigError: what analysts see of them is of another key than this machine's.
        """
        erased = await self._suppressions.find(documents)
        documents = {name: document for name, document in documents.items() if name not in erased}
        written: dict[str, Written | CrmSearchError] = {}
        for _ in range(_TRIES):
            left = {name: document for name, document in documents.items() if name not in written}
            if not left:
                break
            written |= await self._try(left, refresh)
        if len(written) == len(documents):
            await self._take_restricted_from_analysts(written)
            return await self._without_erased(written, documents)
        raise ConflictError("others are writing the same customers at this moment; read them again and repeat the write")

    async def withdraw(self, customer_id: str, consents: tuple[str, ...]) -> Document:
        """Take consents away from a customer, whatever sources say of them from now on; returns the document.

        Raises:
            NotFoundError: there is no such customer.
            ConflictError: others keep writing the customer, or it is the id of a record that was merged into another.
        """
        await ensure_index_soon(self._client, self.index, self._body, self._timeout_s)
        async with exchange(self._timeout_s):  # one of an older version has no place for it
            await self._client.indices.put_mapping(index=self.index, properties=self._body["mappings"]["properties"])
        for _ in range(_TRIES):
            written = await self._try({customer_id: Withdrawal(consents)}, refresh=False)
            outcome = written.get(customer_id)
            if isinstance(outcome, CrmSearchError):
                raise outcome
            if outcome is not None:
                await self._take_restricted_from_analysts(written)
                if not await self._without_erased(written, {customer_id: outcome.document}):
                    raise NotFoundError(_NOBODY)
                return outcome.document
        raise ConflictError("others are writing the same customer at this moment; repeat the withdrawal")

    async def _try(self, said: Mapping[str, Document | Withdrawal], refresh: bool) -> dict[str, Written | CrmSearchError]:
        """Those that nobody else has written meanwhile; none if another generation went live."""
        live = await self._live()
        restricted = await self._restrictions.find()
        current = await read_by_id(self._client, live.index, said, self._timeout_s)
        before = {name: self._vault.open(each["_source"], name) for name, each in current.items()}
        kept: dict[str, dict[str, Any]] = {}
        with suppress(IndexNotReadyError):  # until the first write there is none
            kept = await read_by_id(self._client, self.index, said, self._timeout_s)
        now = int(time.time() * 1000)
        writes = {
            name: next_write(
                name,
                each,
                parse_kept(kept[name]["_source"], self._vault) if name in kept else None,
                max([now, *(found[name]["_version"] + 1 for found in (kept, current) if name in found)]),
                creates=name not in current or is_of_apps(current[name]["_source"]),
            )
            for name, each in said.items()
        }
        refused = _of_nobody(said, before) | _of_others(await self._homes(live.index, said.keys() - before.keys()), self._rule)
        whole = {name: with_write(before.get(name), write) for name, write in writes.items() if name not in refused}
        if self._rule is not None:
            refused |= _refused(self._rule, before, whole)
        if not self._for_the_person:
            # A withdrawal is for the person, whoever takes it.
            written = {name: whole[name] for name, each in said.items() if name not in refused and not isinstance(each, Withdrawal)}
            refused |= _of_restricted(restricted, written)
        keep = [
            line
            for name, each in writes.items()
            if name not in refused
            for line in _put(self.index, name, each, build_kept(each, live.vault))
        ]
        await ensure_index_soon(self._client, self.index, self._body, self._timeout_s)
        taken = await self._bulk(self.index, keep, refresh=False)
        put = [line for name in taken for line in _put_customer(live, writes[name], whole[name], restricted)]
        made = await self._bulk(live.index, put, refresh=refresh)
        if await self._live() != live:
            return {}
        return {**refused, **{name: Written(whole[name], name not in current) for name in made}}

    async def _take_restricted_from_analysts(self, written: Mapping[str, Written | CrmSearchError]) -> None:
        """Take away copies of those whose processing was restricted while they were written; who restricted them may not have seen them."""
        restricted = await self._restrictions.find()
        names = [name for name, each in written.items() if isinstance(each, Written) and restricted.holds(each.document)]
        if not names or (live := await self._live()).mirror is None:
            return
        mirror, current = live.mirror, await read_by_id(self._client, live.index, names, self._timeout_s)
        # Under the version of the customer, so that a copy can be made again under it.
        operations = [
            {"delete": {"_index": mirror.index, "_id": mirror.ref(name), "version": each["_version"], "version_type": "external_gte"}}
            for name, each in current.items()
        ]
        if operations:
            async with exchange(self._timeout_s):
                await self._client.bulk(operations=operations, refresh=True)

    async def _homes(self, index: str, names: Collection[str]) -> dict[str, Document]:
        """The customers that records of these names are merged into, by the name of the record."""
        if not names:
            return {}
        query = {"bool": {"filter": {"terms": {"source_records": sorted(names)}}}}
        async with exchange(self._timeout_s):
            answer = await self._client.search(index=index, query=query, size=len(names), allow_partial_search_results=False)
        found = [self._vault.open(hit["_source"], hit["_id"]) for hit in answer["hits"]["hits"]]
        return {record: each for each in found for record in each["source_records"] if record in names}

    async def _without_erased(
        self, written: dict[str, Written | CrmSearchError], documents: Mapping[str, Document]
    ) -> dict[str, Written | CrmSearchError]:
        """What was written but for those whom an erasure meanwhile has marked, and perhaps not found: they are taken back."""
        erased = await self._suppressions.find(documents)
        if erased:
            live = await self._live()
            operations = [{"delete": {"_index": index, "_id": name}} for name in erased for index in (self.index, live.index)]
            if live.mirror is not None:
                operations += [{"delete": {"_index": live.mirror.index, "_id": live.mirror.ref(name)}} for name in erased]
            async with exchange(self._timeout_s):
                await self._client.bulk(operations=operations, refresh=True)
        return {name: each for name, each in written.items() if name not in erased}

    async def _live(self) -> _Live:
        async with exchange(self._timeout_s):
            # Both aliases move at once, so one question tells of one moment; that of analysts may be missing. Asked for as indices, since a
            # question for aliases by name fails if any index is deleted at this moment.
            aliases = [self._alias, self._analytics_alias]
            bearers = (await self._client.indices.get_alias(index=aliases, ignore_unavailable=True)).body
            by_alias = {alias: index for index, each in bearers.items() for alias in each["aliases"]}
            if self._alias not in by_alias:
                raise IndexNotReadyError(NO_INDEX)
            index, copies = by_alias[self._alias], by_alias.get(self._analytics_alias)
            if self._seen is None or (self._seen.index, self._seen.mirror and self._seen.mirror.index) != (index, copies):
                self._seen = await self._looked_at(index, copies)
        return self._seen

    async def _looked_at(self, index: str, copies: str | None) -> _Live:
        """A generation with the keys that it says it is of; raises if they are not ours."""
        found = await self._client.indices.get_mapping(index=[index, *([copies] if copies else [])])
        meta = {name: each["mappings"].get("_meta", {}) for name, each in found.body.items()}
        if copies is not None:
            check_key(copies, meta[copies], self._vault.reference_key)
        mirror = None if copies is None else Mirror(copies, self._vault.reference_key)
        return _Live(index, mirror, self._vault.of(index, meta[index].get("key_id")))

    async def _bulk(self, index: str, operations: Sequence[Document], *, refresh: bool) -> list[str]:
        """Write whole documents; returns which of this index nobody has overtaken."""
        if not operations:
            return []
        async with exchange(self._timeout_s):
            # Once: of a second try that finds what the first has written, one could not tell whose it is.
            answer = await self._client.options(max_retries=0).bulk(operations=operations, refresh="wait_for" if refresh else False)
        outcomes = [each["index"] for each in answer["items"]]
        for outcome in outcomes:
            if outcome["status"] in {429, 503}:
                raise BackendUnavailableError("Elasticsearch is overloaded or not ready; repeat the write in a moment")
            if outcome["status"] >= 400 and outcome["status"] != 409:
                raise BackendError(f"Elasticsearch refused a customer ({outcome['error']['type']})")
        return [outcome["_id"] for outcome in outcomes if outcome["_index"] == index and outcome["status"] < 400]


def _of_nobody(said: Mapping[str, Document | Withdrawal], before: Mapping[str, Document]) -> dict[str, CrmSearchError]:
    """Why nothing is withdrawn of these: they are not there."""
    return {name: NotFoundError(_NOBODY) for name, each in said.items() if isinstance(each, Withdrawal) and name not in before}


def _put(index: str, name: str, write: Write, document: Document) -> list[Document]:
    """The lines of a bulk request that put a document under the version of a write."""
    return [{"index": {"_index": index, "_id": name, "version": write.written_at, "version_type": "external"}}, document]


def _put_customer(live: _Live, write: Write, customer: Document, restricted: Restricted) -> list[Document]:
    """The same for a customer and the copy for analysts, if there may be one."""
    lines = _put(live.index, write.customer_id, write, build_indexed(customer, live.mirror, live.vault))
    if live.mirror is not None and not restricted.holds(customer):
        lines += _put(live.mirror.index, live.mirror.ref(write.customer_id), write, live.mirror.document(customer))
    return lines


def _of_others(homes: Mapping[str, Document], rule: RowRule | None) -> dict[str, CrmSearchError]:
    """Why nobody is made under these names: they are those of records of somebody who is there, and may be seen or not."""
    return {
        name: NotFoundError(_NOBODY)
        if rule is not None and not rule.holds(home)
        else ConflictError("this is the id of a record that was merged into another customer; look it up, and write to that one")
        for name, home in homes.items()
    }


def _of_restricted(restricted: Restricted, documents: Mapping[str, Document]) -> dict[str, CrmSearchError]:
    """Why these are not written: what is known of them is kept, and not used."""
    said = "the processing of this person is restricted; who answers what they have asked for writes it with X-Purpose: privacy_request"
    return {name: RestrictedError(said) for name, document in documents.items() if restricted.holds(document)}


def _refused(rule: RowRule, before: Mapping[str, Document], after: Mapping[str, Document]) -> dict[str, CrmSearchError]:
    """Why these may not be written under a rule: from the documents that are there, and those that would be."""
    refused: dict[str, CrmSearchError] = {}
    for name, document in after.items():
        if name in before and not rule.holds(before[name]):
            refused[name] = NotFoundError(_NOBODY)
        elif not rule.holds(document):
            refused[name] = ForbiddenError("your key may see some customers only, and this one would not be among them")
    return refused
