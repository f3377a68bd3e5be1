"""A question without its terms: how many words of which kind, which fields, and nothing of what was typed. Pure.

    王小明 8812 city:北京  filters [{"field": "age", "gte": 20}], sort ["-revenue"]
    ["word han 3", "word digits 4", "word filter city", "filter age gte", "sort -revenue"]

Names are told only if the product or its users have given them: fields of the catalogue, and segments.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crmsearch.cleaning.text import HAN
from crmsearch.contract import FIELDS

__all__ = ["MAX_PARTS", "shape_of"]

MAX_PARTS = 16  # of one kind, such as words; a longer question is told by its number of words
_WRITTEN = re.compile(r"-?([a-z_]+):.+")
_KINDS = (
    ("han", re.compile(f"[{HAN}]")),
    ("latin", re.compile(r"[A-Za-z\u00c0-\u024f]")),
    ("digits", re.compile(r"\d")),
)
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_OPERATORS = ("in", "not_in", "gte", "gt", "lte", "lt", "exists")
Question = Mapping[str, Any]


def shape_of(question: Question) -> list[str]:
    """The parts of a request, which is given as plain values by the names of its fields; what is not known is left out."""
    parts: list[str] = []
    for name, describe in _PARTS.items():
        if value := question.get(name):
            parts += describe(value)
    return parts


def _words(text: str) -> list[str]:
    words = text.split()
    return _some("word", words, _word)


def _word(word: str) -> str:
    written = _WRITTEN.fullmatch(word)
    if written and written[1] in FIELDS:
        return f"word filter {written[1]}"
    if written and written[1] == "segment":
        return "word filter segment"
    kind = "address" if "@" in word else "+".join(name for name, sign in _KINDS if sign.search(word)) or "signs"
    return f"word {kind} {len(word)}"


def _filters(filters: list[Question]) -> list[str]:
    return _some("filter", filters, _filter)


def _filter(each: Question) -> str:
    for name in ("segment", "not_segment"):
        if isinstance(found := each.get(name), str):
            return f"filter {name} {found if _SEGMENT.fullmatch(found) else '?'}"
    told = [f"{name} {len(each[name])}" if isinstance(each[name], list) else name for name in _OPERATORS if each.get(name) is not None]
    return " ".join(["filter", _known(each.get("field", "")), *told])


def _facets(facets: list[Any]) -> list[str]:
    return _some("facet", facets, lambda each: f"facet {_known(each if isinstance(each, str) else each['field'])}")


def _sort(names: list[str]) -> list[str]:
    return _some("sort", names, lambda each: f"sort {'-' * each.startswith('-')}{_known(each.removeprefix('-'))}")


def _columns(names: list[str]) -> list[str]:
    return [f"column {_known(name)}" for name in names[: len(FIELDS)]]


def _counted(word: str) -> Callable[[list[str]], list[str]]:
    return lambda values: [f"{word} {len(values)}"]


def _some(word: str, values: list[Any], describe: Callable[[Any], str]) -> list[str]:
    more: Iterable[str] = [f"{word}s {len(values)}"] if len(values) > MAX_PARTS else []
    return [*map(describe, values[:MAX_PARTS]), *more]


def _known(field: str) -> str:
    return field if field in FIELDS else "?"


_PARTS: dict[str, Callable[[Any], list[str]]] = {
    "q": _words,
    "filters": _filters,
    "facets": _facets,
    "sort": _sort,
    "fields": _columns,
    "ids": _counted("ids"),
    "emails": _counted("emails"),
    "phones": _counted("phones"),
    "refs": _counted("refs"),
    "size": lambda size: [f"size {size}"] if isinstance(size, int) else [],
    "cursor": lambda _: ["further page"],
}
