"""What the search is compared with: the two queries that most products send, over the same documents, with plain features of Elasticsearch.

``multi_match``: one fuzzy query over name, beginnings of name, city, company, e-mails, phones and id.
``copy_to``: one fuzzy query over one field into which all of these are copied.

Both fold case, width and accents and take Chinese apart into pairs and single characters, as the documentation advises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["BASELINES", "FACETS", "INDEX_BODY", "SIZE"]

Body = dict[str, Any]

SIZE = 10
FACETS = ("city", "lifecycle", "gender")
_WORDS: Body = {"type": "text", "analyzer": "words", "copy_to": ["everything"]}
_KEYWORD: Body = {"type": "keyword", "normalizer": "folded", "copy_to": ["everything"]}

INDEX_BODY: Body = {
    "settings": {
        "index": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"},
        "analysis": {
            "normalizer": {"folded": {"type": "custom", "filter": ["cjk_width", "lowercase", "asciifolding"]}},
            "filter": {
                "han_pairs": {"type": "cjk_bigram", "output_unigrams": True},
                "edges": {"type": "edge_ngram", "min_gram": 1, "max_gram": 20},
            },
            "analyzer": {
                "words": {"type": "custom", "tokenizer": "standard", "filter": ["cjk_width", "lowercase", "asciifolding", "han_pairs"]},
                "edges": {"type": "custom", "tokenizer": "standard", "filter": ["cjk_width", "lowercase", "asciifolding", "edges"]},
            },
        },
    },
    "mappings": {
        "dynamic": False,
        "properties": {
            "customer_id": _KEYWORD,
            "name": {**_WORDS, "fields": {"edge": {"type": "text", "analyzer": "edges", "search_analyzer": "words"}}},
            "city": {**_WORDS, "fields": {"facet": {"type": "keyword"}}},
            "company": _WORDS,
            "emails": _KEYWORD,
            "phones": _KEYWORD,
            "lifecycle": {"type": "keyword"},
            "gender": {"type": "keyword"},
            "everything": {"type": "text", "analyzer": "words"},
        },
    },
}

_AGGREGATIONS: Body = {
    name: {"terms": {"field": "city.facet" if name == "city" else name, "size": 10}, "meta": {"facet": name}} for name in FACETS
}


def _body(query: Body) -> Body:
    # Ties are told by id, as our own search tells them. By document, those asked for would win: they are the first of the base.
    return {"query": query, "size": SIZE, "aggs": _AGGREGATIONS, "sort": [{"_score": "desc"}, {"customer_id": "asc"}]}


def _multi_match(text: str) -> Body:
    fields = ["name", "name.edge", "city", "company", "emails", "phones", "customer_id"]
    return _body({"multi_match": {"query": text, "fields": fields, "fuzziness": "AUTO"}})


def _copy_to(text: str) -> Body:
    return _body({"match": {"everything": {"query": text, "fuzziness": "AUTO"}}})


BASELINES: dict[str, Callable[[str], Body]] = {"multi_match": _multi_match, "copy_to": _copy_to}
"""Request body for a text, by the baseline's name."""
