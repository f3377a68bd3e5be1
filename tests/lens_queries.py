"""What Elasticsearch is asked for a Lens panel: the aggregations that Kibana would send, near enough, and the numbers of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.saved_objects import layers_of

Body = dict[str, Any]
Row = tuple[tuple[Any, ...], dict[str, float | None]]

_CLAUSE = re.compile(r"(not )?(\w+)\s*(:|>=|<=|>|<)\s*(\*|\"[^\"]*\"|[\w.]+)")
_BOUNDS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_METRICS = {"sum": "sum", "average": "avg"}


def parse_kql(text: str) -> Body:
    """As much of KQL as the panels use: clauses joined by ``and``.

    Raises:
        ValueError: more than that.
    """
    if not text:
        return {"match_all": {}}
    clauses: dict[str, list[Body]] = {"filter": [], "must_not": []}
    for clause in text.split(" and "):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ValueError(f"not understood: {clause}")
        negated, field, sign, value = match.groups()
        if sign == ":" and value == "*":
            query: Body = {"exists": {"field": field}}
        elif sign == ":":
            query = {"term": {field: value.strip('"')}}
        else:
            query = {"range": {field: {_BOUNDS[sign]: float(value)}}}
        clauses["must_not" if negated else "filter"].append(query)
    return {"bool": clauses}


def build_body(panel: Body) -> Body:
    """The search behind a panel of one layer."""
    [layer] = layers_of(panel).values()
    columns = {name: layer["columns"][name] for name in layer["columnOrder"]}
    inner: Body = {name: _measure(column) for name, column in columns.items() if not column["isBucketed"] and "sourceField" in column}
    for name, column in reversed([(name, column) for name, column in columns.items() if column["isBucketed"]]):
        inner = {name: _bucketed(column) | {"aggs": inner}}
    query = panel["embeddableConfig"]["attributes"]["state"]["query"]["query"]
    return {"size": 0, "track_total_hits": True, "query": parse_kql(query), "aggs": inner}


def read_rows(panel: Body, answer: Mapping[str, Any]) -> list[Row]:
    """Every cell of the answer: the keys of its buckets, and the numbers by column, formulas computed."""
    [layer] = layers_of(panel).values()
    columns = {name: layer["columns"][name] for name in layer["columnOrder"]}
    return list(_rows([name for name, column in columns.items() if column["isBucketed"]], columns, answer["aggregations"], ()))


def _measure(column: Body) -> Body:
    """A metric inside a filter, whether it has one or not, so that all are read alike."""
    kind, field = column["operationType"], column["sourceField"]
    found: Body = {"filter": parse_kql(column.get("filter", {}).get("query", ""))}
    if kind == "count":
        return found
    metric = {"percentiles": {"field": field, "percents": [50]}} if kind == "median" else {_METRICS[kind]: {"field": field}}
    return found | {"aggs": {"value": metric}}


def _bucketed(column: Body) -> Body:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        assert params["interval"] == "1M"
        return {"date_histogram": {"field": field, "calendar_interval": "month"}}
    if column["operationType"] == "range":
        ranges = [{key: each[key] for key in ("from", "to") if each[key] is not None} for each in params["ranges"]]
        return {"range": {"field": field, "ranges": ranges}}
    order: Body = {"_key": "asc"} if params["orderBy"]["type"] == "alphabetical" else {"_count": "desc"}
    return {"terms": {"field": field, "size": params["size"], "order": order}}


def _rows(groups: list[str], columns: Mapping[str, Body], found: Mapping[str, Any], keys: tuple[Any, ...]) -> Iterator[Row]:
    if groups:
        for bucket in found[groups[0]]["buckets"]:
            yield from _rows(groups[1:], columns, bucket, (*keys, bucket["key"]))
        return
    numbers = {name: _number(found[name]) for name in columns if name in found}
    for name, column in columns.items():
        if column["operationType"] == "math":
            assert column["params"]["tinymathAst"]["name"] == "divide"
            above, below = (numbers[part] for part in column["references"])
            numbers[name] = above / below if above is not None and below else None
    for name, column in columns.items():
        if column["operationType"] == "formula":
            numbers[name] = numbers[column["references"][0]]
    yield keys, numbers


def _number(found: Body) -> float | None:
    if "value" not in found:
        return float(found["doc_count"])
    value = found["value"]
    number = value["values"]["50.0"] if "values" in value else value["value"]
    return None if number is None else float(number)
