"""From a request to an Elasticsearch ``_search`` body. Pure.

Relevance is one table, ``CLAUSES``: each row is a way in which a query may fit a customer, with its weight. The best explanation counts
(``dis_max``), others add a little, so that a customer who fits in two ways stands above one who fits in one.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from crmsearch.cleaning.forms import to_simplified
from crmsearch.cleaning.names import has_han
from crmsearch.cleaning.text import HAN
from crmsearch.search.cursor import Position
from crmsearch.search.facets import build_facets, split_selections
from crmsearch.search.filters import build_filter
from crmsearch.search.request import SearchRequest, SuggestRequest, normalise_text, parse_sort

__all__ = ["Body", "build_search_body", "build_suggest_body", "build_text_query"]

Body = dict[str, Any]

TIE_BREAKER = 0.1  # share of the weaker explanations in the score: enough to order equals, too little to overturn the best
SHORTEST_ENDING = 4  # digits; as the mapping's suffix_edges
HIGHLIGHTED = ("name", "company", "job_title", "address", "notes", "last_ticket_subject")
TOTAL_LIMIT = 10_000  # hits are counted exactly up to here; beyond, total_relation says "gte" unless exact_total is asked for


class Text(msgspec.Struct, frozen=True):
    """A query in the forms its clauses need."""

    text: str
    whole: str  # a Chinese name typed with spaces is written without: 王 小明 -> 王小明
    simplified: str
    compact: str  # without spaces: zhang wei -> zhangwei
    endings: list[str]  # digits of a phone number in any notation, with and without leading zeros; empty for other text
    email: bool
    han: bool

    @classmethod
    def of(cls, raw: str) -> "Text":
        text = normalise_text(raw)
        whole = re.sub(rf"(?<=[{HAN}]) (?=[{HAN}])", "", text)
        return cls(
            text=text,
            whole=whole,
            simplified=to_simplified(whole),
            compact=text.replace(" ", "").replace("'", "").lower(),
            endings=_phone_endings(text),
            email="@" in text,
            han=has_han(text),
        )


def _phone_endings(text: str) -> list[str]:
    """How a stored number (E.164 without the plus) may end, if the text is one.

    Zeros in front are those of 0086 or a trunk zero, which are not stored, or the beginning of the last digits.
    """
    if not re.fullmatch(r"[+(]?[\d\s().\-/]+", text):
        return []
    digits = re.sub(r"\(0\)|\D", "", text)  # +44 (0)20 …
    return [ending for ending in dict.fromkeys((digits, digits.lstrip("0"))) if len(ending) >= SHORTEST_ENDING]


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


def _in_simplified(path: str, text: Text) -> Body:
    """A name in either script; ``name_simplified`` is there only where it differs from the name."""
    return {"multi_match": {"query": text.simplified, "fields": [f"name{path}", f"name_simplified{path}"], "operator": "and"}}


def _always(_: Text) -> bool:
    return True


def _latin(text: Text) -> bool:
    return not text.han and not text.email and re.search(r"[^\W\d_]", text.text) is not None


# AUTO allows one edit from three letters on and two from six; a wrong first letter is rare and excluding it halves the candidates.
# Never on text with Han characters: an edit of a one-character word makes any other word.
_FUZZY: Body = {"fuzziness": "AUTO", "prefix_length": 1, "max_expansions": 30}

CLAUSES: tuple[Clause, ...] = (
    Clause("customer_id", "exact", 200, _always, lambda t: {"term": {"customer_id": t.text}}),
    Clause("emails", "exact", 200, lambda t: t.email, lambda t: {"term": {"emails": t.text}}),
    # A national number without its country code or trunk zero still ends the stored one, so a suffix is all that is needed.
    Clause("phones", "ending", 150, lambda t: bool(t.endings), lambda t: {"terms": {"phone_digits": t.endings}}),
    Clause("name", "exact", 150, _always, lambda t: {"term": {"name.keyword": t.whole}}),
    Clause("name", "exact, simplified", 140, lambda t: t.han, lambda t: _in_simplified(".keyword", t)),
    Clause("name", "beginning", 120, lambda t: t.han, lambda t: _match("name.whole", t.whole)),
    Clause("name", "beginning, simplified", 110, lambda t: t.han, lambda t: _in_simplified(".whole", t)),
    Clause("name", "words", 100, _always, lambda t: _match("name", t.text, operator="and")),
    Clause("name", "words, simplified", 95, lambda t: t.han, lambda t: _in_simplified("", t)),
    Clause("emails", "beginning of the whole", 90, lambda t: t.email, lambda t: {"prefix": {"emails": t.compact}}),
    Clause("name", "pinyin, whole", 90, _latin, lambda t: {"term": {"name_pinyin.whole": t.compact}}),
    Clause("name", "pinyin", 80, _latin, lambda t: _match("name_pinyin", t.compact)),
    Clause("company", "words", 70, _always, lambda t: _match("company", t.text, operator="and")),
    Clause("name", "word beginnings", 60, _latin, lambda t: _match("name.prefix", t.text, operator="and")),
    Clause(
        "emails", "beginning", 60, lambda t: not t.han and len(t.compact) >= 3, lambda t: _match("email_parts", t.compact.removeprefix("@"))
    ),
    # One edit: two on words this long were measured at 51 ms where one takes 8, among 100,000 customers.
    Clause("emails", "similar spelling", 50, lambda t: t.email, lambda t: _match("emails", t.compact, **_FUZZY | {"fuzziness": 1})),
    Clause("name", "similar spelling", 2, _latin, lambda t: _match("name", t.text, operator="and", **_FUZZY), tier=False),
    # Words spread over several fields: smith acme, 李娜 北京, wang 上海.
    Clause("", "all words", 2, _always, lambda t: _match("everything", t.text, operator="and"), tier=False),
    Clause(
        "",
        "all words, simplified",
        2,
        lambda t: t.simplified != t.whole,
        lambda t: _match("everything", t.simplified, operator="and"),
        tier=False,
    ),
    Clause("", "all words, similar spelling", 1, _latin, lambda t: _match("everything", t.text, operator="and", **_FUZZY), tier=False),
)

# Of words spread over several fields, "everything" does not tell where each was found, and highlights only tell it of texts.
PLACES = {"name_reading": "name", "city.words": "city", "province.words": "province", "tags.words": "tags"}


def build_text_query(q: str) -> Body | None:
    """The scoring query for a text, or ``None`` for an empty one. Each clause is named ``field|way`` for the ``matched`` answer."""
    text = Text.of(q)
    if not text.text:
        return None
    queries = [clause.query(text) for clause in CLAUSES if clause.applies(text)]
    spelling = _FUZZY if _latin(text) else {}
    found_in = [
        {"constant_score": {"filter": _match(path, text.text, **spelling), "boost": 0, "_name": f"{field}|some words"}}
        for path, field in PLACES.items()
    ]
    return {"bool": {"must": [{"dis_max": {"queries": queries, "tie_breaker": TIE_BREAKER}}], "should": found_in}}


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
        "track_total_hits": request.exact_total or TOTAL_LIMIT,
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
    # The id makes the order total, so that a cursor neither repeats nor skips a hit; letter case counts, as it does between ids.
    return [*sort, {"customer_id.exact": {"order": "asc"}}]


_HIGHLIGHT: Body = {
    "encoder": "html",  # text is escaped, so that a page may show it with only <mark> as markup
    "pre_tags": ["<mark>"],
    "post_tags": ["</mark>"],
    "require_field_match": False,  # words found through another field's form are marked too
    "fields": {name: {"number_of_fragments": 0 if name in {"name", "company"} else 1} for name in HIGHLIGHTED},
}
