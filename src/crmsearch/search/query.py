"""From a request to an Elasticsearch ``_search`` body. Pure.

Relevance is one table, ``CLAUSES``: each row is a way in which a query may fit a customer, with its weight. The best explanation counts
(``dis_max``), others add a little, so that a customer who fits in two ways stands above one who fits in one.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from crmsearch.cleaning.forms import to_simplified
from crmsearch.contract import FIELDS
from crmsearch.errors import CursorError
from crmsearch.search.facets import build_facets, split_selections
from crmsearch.search.filters import build_filter
from crmsearch.search.request import SearchRequest, SuggestRequest, normalise_text, parse_sort

__all__ = ["Body", "Position", "build_search_body", "build_suggest_body", "build_text_query"]

Body = dict[str, Any]

TIE_BREAKER = 0.1  # share of the weaker explanations in the score: enough to order equals, too little to overturn the best
HIGHLIGHTED = ("name", "company", "job_title", "address", "notes", "last_ticket_subject")
TOTAL_LIMIT = 10_000  # hits are counted exactly up to here; beyond, total_relation says "gte"


class Text(msgspec.Struct, frozen=True):
    """A query in the forms its clauses need."""

    text: str
    simplified: str
    compact: str  # without spaces: zhang wei -> zhangwei
    digits: str  # of a phone number in any notation, else empty
    email: bool
    han: bool

    @classmethod
    def of(cls, raw: str) -> "Text":
        text = normalise_text(raw)
        looks_like_phone = re.fullmatch(r"[+(]?[\d\s().\-/]+", text)
        digits = re.sub(r"\D", "", text).removeprefix("00") if looks_like_phone else ""
        return cls(
            text=text,
            simplified=to_simplified(text),
            compact=text.replace(" ", "").replace("'", "").lower(),
            digits=digits,
            email="@" in text,
            han=re.search(r"[\u3400-\u9fff\U00020000-\U0003ffff]", text) is not None,
        )


class Clause(msgspec.Struct, frozen=True):
    """One way to fit: the catalogue field it speaks for, its weight, when it applies, and its query.

    A tier counts its weight and nothing else, so that tiers keep their order whatever the rarity of a word; the clauses that are not
    tiers are scored by BM25 (about 5 to 25 on names and words) and order what the tiers leave equal.
    """

    field: str
    way: str
    weight: float
    applies: Callable[[Text], bool]
    build: Callable[[Text], Body]
    tier: bool = True

    def query(self, text: Text) -> Body:
        name = f"{self.field}|{self.way}"
        if self.tier:
            return {"constant_score": {"filter": self.build(text), "boost": self.weight, "_name": name}}
        return {"bool": {"must": [self.build(text)], "boost": self.weight, "_name": name}}


def _match(path: str, query: str, **options: Any) -> Body:
    return {"match": {path: {"query": query, **options}}}


def _always(_: Text) -> bool:
    return True


def _latin(text: Text) -> bool:
    return not text.han and not text.email and re.search(r"[^\W\d_]", text.text) is not None


# AUTO allows one edit from three letters on and two from six; a wrong first letter is rare and excluding it halves the candidates.
# Never on text with Han characters: an edit of a one-character word makes any other word.
_FUZZY: Body = {"operator": "and", "fuzziness": "AUTO", "prefix_length": 1, "max_expansions": 30}

CLAUSES: tuple[Clause, ...] = (
    Clause("customer_id", "exact", 200, _always, lambda t: {"term": {"customer_id": t.text}}),
    Clause("emails", "exact", 200, lambda t: t.email, lambda t: {"term": {"emails": t.text}}),
    # A national number without its country code or trunk zero still ends the stored one, so a suffix is all that is needed.
    Clause("phones", "ending", 150, lambda t: len(t.digits) >= 4, lambda t: _match("phone_digits", t.digits.lstrip("0"))),
    Clause("name", "exact", 150, _always, lambda t: {"term": {"name.keyword": t.text}}),
    Clause("name", "simplified", 140, lambda t: t.han, lambda t: _match("name_simplified.whole", t.simplified)),
    Clause("name", "beginning", 120, lambda t: t.han, lambda t: _match("name.whole", t.text)),
    Clause("name", "words", 100, _always, lambda t: _match("name", t.text, operator="and")),
    Clause("name", "pinyin", 80, _latin, lambda t: _match("name_pinyin", t.compact)),
    Clause("company", "words", 70, _always, lambda t: _match("company", t.text, operator="and")),
    Clause("name", "word beginnings", 60, _latin, lambda t: _match("name.prefix", t.text, operator="and")),
    Clause("emails", "beginning", 60, lambda t: not t.han and len(t.compact) >= 3, lambda t: _match("email_parts", t.compact)),
    Clause("name", "similar spelling", 2, _latin, lambda t: _match("name", t.text, **_FUZZY), tier=False),
    # Words spread over several fields: smith acme, 李娜 北京.
    Clause("", "all words", 2, _always, lambda t: _match("everything", t.text, operator="and"), tier=False),
    Clause("", "all words, similar spelling", 1, _latin, lambda t: _match("everything", t.text, **_FUZZY), tier=False),
)


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a search goes on: the generation it began in, the sort values of its last hit, and a mark of the search itself."""

    index: str
    after: list[str | int | float | None]
    mark: str


def build_text_query(q: str) -> Body | None:
    """The scoring query for a text, or ``None`` for an empty one. Each clause is named ``field|way`` for the ``matched`` answer."""
    text = Text.of(q)
    if not text.text:
        return None
    queries = [clause.query(text) for clause in CLAUSES if clause.applies(text)]
    return {"dis_max": {"queries": queries, "tie_breaker": TIE_BREAKER}}


def build_search_body(request: SearchRequest, position: Position | None = None) -> Body:
    """Translate a checked request into a ``_search`` body.

    Filters on a requested facet are its selection: they narrow the hits and every other facet, never its own counts. All other filters
    narrow everything.
    """
    narrowing, selections = split_selections(request)
    scoring = build_text_query(request.q)
    query: Body = {"bool": {"filter": [build_filter(each) for each in narrowing]}}
    query["bool"]["must"] = [scoring or {"match_all": {}}]
    body: Body = {
        "query": query,
        "size": request.size,
        "sort": _build_sort(request, scoring is not None),
        "track_scores": True,
        "track_total_hits": TOTAL_LIMIT,
    }
    if selections:
        body["post_filter"] = {"bool": {"filter": [build_filter(each) for each in selections.values()]}}
    if request.facets:
        body["aggs"] = build_facets(request.facets, selections)
    if request.highlight and scoring is not None:
        body["highlight"] = _HIGHLIGHT
    if request.explain:
        body["explain"] = True
    if position is not None:
        if len(position.after) != len(body["sort"]):
            raise CursorError("the cursor belongs to another search; start again without it")
        body["search_after"] = position.after
    return body


def build_suggest_body(request: SuggestRequest) -> Body:
    """Names that begin like the fragment; only what the answer shows is fetched."""
    scoring = build_text_query(request.q)
    return {
        "query": scoring or {"match_none": {}},
        "size": request.size,
        "_source": ["customer_id", "name", "company"],
        "track_total_hits": False,
    }


def _build_sort(request: SearchRequest, scored: bool) -> list[Body]:
    sort: list[Body] = [{field.path: {"order": order, "missing": "_last"}} for field, order in parse_sort(request.sort)]
    if not sort and scored:
        sort = [{"_score": {"order": "desc"}}]
    # The id makes the order total, so that a cursor neither repeats nor skips a hit.
    return [*sort, {FIELDS["customer_id"].path: {"order": "asc"}}]


_HIGHLIGHT: Body = {
    "encoder": "html",  # text is escaped, so that a page may show it with only <mark> as markup
    "pre_tags": ["<mark>"],
    "post_tags": ["</mark>"],
    "require_field_match": False,  # words found through another field's form are marked too
    "fields": {name: {"number_of_fragments": 0 if name in {"name", "company"} else 1} for name in HIGHLIGHTED},
}
