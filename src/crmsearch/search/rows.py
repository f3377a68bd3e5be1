"""Which customers a key may see at all: filters that hold beside those of every question, in Elasticsearch and here. Pure.

A rule goes by fields that are not personal and that the index keeps as they are, so that whether a document fits is decided here as
there: before it is written, and for a document that no search finds yet.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.bins import cuts
from crmsearch.search.filters import Filter, Scalar, build_filter, days_are_known, format_filter, parse_filter

__all__ = ["RowRule", "confined", "read_rows", "released", "row_texts"]

MAX_ROWS = 16  # filters of one key
_INDEXED = 256  # characters of a text beyond which the index has no exact value, as the mapping says
_WITHIN = "confined"
Document = dict[str, Any]
Body = dict[str, Any]


class RowRule(msgspec.Struct, frozen=True):
    """The filters of a key, all of which hold for the customers that it may see, and what they are in a query."""

    filters: tuple[Filter, ...]
    clause: Body

    @property
    def text(self) -> str:
        """What makes two rules the same."""
        return " ".join(map(format_filter, self.filters))

    def holds(self, document: Document) -> bool:
        """Whether a document is of a customer that may be seen."""
        return all(_holds(each, document) for each in self.filters)


@lru_cache(maxsize=256)
def read_rows(texts: tuple[str, ...]) -> RowRule:
    """The rule of these filters in their string form.

    Raises:
        InvalidRequestError: one of them is no filter, or not for rules.
    """
    if not 1 <= len(texts) <= MAX_ROWS:
        raise InvalidRequestError(f"a rule by rows has from 1 to {MAX_ROWS} filters")
    filters = tuple(parse_filter(text) for text in texts)
    for each in filters:
        if each.segment is not None or each.not_segment is not None:
            raise InvalidRequestError("a rule by rows names no segment, which others may change; write its filters out")
        if not days_are_known(each):
            raise InvalidRequestError(f"a rule by rows has no days counted back from today ({each.field}); name days")
        if not FIELDS[each.field].analytics:
            raise InvalidRequestError(f"{each.field} holds personal data, which no rule by rows may go by")
    return RowRule(filters, {"bool": {"filter": [build_filter(each) for each in filters]}})


def row_texts(texts: Sequence[str]) -> list[str]:
    """The filters of a rule as they are kept, one text for each meaning; none for no rule. Raises as ``read_rows`` does."""
    return [format_filter(each) for each in read_rows(tuple(texts)).filters] if texts else []


def confined(body: Body, clause: Body) -> Body:
    """A ``_search`` body about those customers only for whom the clause holds; ``released`` reads its answer."""
    query = {"bool": {"must": [body.get("query", {"match_all": {}})], "filter": [clause]}}
    return {**body, "query": query, **({"aggs": _confined_aggs(body["aggs"], clause)} if "aggs" in body else {})}


def released(answer: Body) -> Body:
    """The answer to a body of ``confined`` as the answer to the body that it was made of."""
    found = {
        name: each[_WITHIN] if isinstance(each, dict) and _WITHIN in each else each for name, each in answer.get("aggregations", {}).items()
    }
    return {**answer, "aggregations": found} if found else answer


def _confined_aggs(aggs: Body, clause: Body) -> Body:
    """Aggregations that look beyond the query, confined too: ``global`` ones, and the background of what is significant."""
    made = {}
    for name, agg in aggs.items():
        found = dict(agg)
        if "aggs" in found:
            found["aggs"] = _confined_aggs(found["aggs"], clause)
        if "significant_terms" in found:
            asked = found["significant_terms"]
            known = [asked["background_filter"]] if "background_filter" in asked else []
            found["significant_terms"] = {**asked, "background_filter": {"bool": {"filter": [*known, clause]}} if known else clause}
        if "global" in found:
            found["aggs"] = {_WITHIN: {"filter": clause, **({"aggs": found["aggs"]} if "aggs" in found else {})}}
        made[name] = found
    return made


def _holds(filter_: Filter, document: Document) -> bool:
    field = FIELDS[filter_.field]
    values = _values(document.get(field.name), texts=field.type == "text")
    if filter_.exists is not None:
        return bool(values) == filter_.exists
    if filter_.bounds:
        return any(_is_within(field.name, value, filter_.bounds) for value in values)
    wanted = filter_.in_ if filter_.in_ is not None else filter_.not_in or []
    met = any(_is_same(field.name, value, each) for value in values for each in wanted)
    return met == (filter_.in_ is not None)


def _values(value: Any, *, texts: bool) -> list[Any]:
    found = value if isinstance(value, list) else [] if value is None else [value]
    return [each for each in found if not texts or len(each) <= _INDEXED]


def _is_same(name: str, value: Scalar, wanted: Scalar) -> bool:
    if FIELDS[name].type == "date":  # a day holds all its moments
        return _is_within(name, value, {"gte": str(wanted), "lte": str(wanted)})
    return value == wanted


def _is_within(name: str, value: Any, bounds: dict[str, int | float | str]) -> bool:
    low, high = cuts(FIELDS[name], bounds)
    at, _ = cuts(FIELDS[name], {"gte": value})[0]
    return low < (at, 0.5) < high
