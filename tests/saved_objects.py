"""Looks for what would break saved objects in Kibana, without one: every sentence that is found is a fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import msgspec

Body = dict[str, Any]

GRID = 48
VERSIONS = {"dashboard": "8.9.0", "index-pattern": "8.0.0"}
# What these versions know; Kibana refuses a dashboard with anything else.
ATTRIBUTES = {
    "dashboard": {
        *("title", "description", "panelsJSON", "optionsJSON", "kibanaSavedObjectMeta", "controlGroupInput"),
        *("timeRestore", "timeFrom", "timeTo", "refreshInterval"),
    },
    "index-pattern": {
        *("title", "name", "timeFieldName", "allowNoIndex", "allowHidden"),
        *("fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters"),
    },
}
ACCESSORS = ("metricAccessor", "secondaryMetricAccessor", "xAccessor", "yAccessor", "valueAccessor", "splitAccessor", "columnId")
SEVERAL = ("accessors", "primaryGroups", "metrics")
NUMBERS = {"integer", "long", "double", "float"}
# The types of field that an operation takes; None for any, and for the records themselves.
OPERATIONS: dict[str, set[str] | None] = {
    "count": None,
    "terms": {"keyword", *NUMBERS},
    "sum": NUMBERS,
    "average": NUMBERS,
    "median": NUMBERS,
    "range": NUMBERS,
    "date_histogram": {"date"},
}
CONTROLS = {"optionsListControl": ("optionsListDataView", {"keyword", *NUMBERS}), "rangeSliderControl": ("rangeSliderDataView", NUMBERS)}


def parse(content: bytes) -> list[Body]:
    return [msgspec.json.decode(line) for line in content.splitlines()]


def panels_of(dashboard: Body) -> list[Body]:
    found: list[Body] = msgspec.json.decode(dashboard["attributes"]["panelsJSON"])
    return found


def layers_of(panel: Body) -> dict[str, Body]:
    found: dict[str, Body] = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
    return found


def controls_of(dashboard: Body) -> dict[str, Body]:
    found: dict[str, Body] = msgspec.json.decode(dashboard["attributes"]["controlGroupInput"]["panelsJSON"])
    return found


def fields_in(kql: str) -> set[str]:
    """The fields that a query in KQL names."""
    return set(re.findall(r"(\w+)\s*(?::|[<>]=?)", kql))


def faults(objects: list[Body], types: Mapping[str, str]) -> list[str]:
    """All faults of saved objects over an index whose fields that can be counted have these ``types``."""
    found = [
        f"{name} is there {count} times" for name, count in Counter((each["type"], each["id"]) for each in objects).items() if count > 1
    ]
    known = {(each["type"], each["id"]) for each in objects}
    for each in objects:
        own = [*_of_object(each, known)]
        if not own:
            own = [*(_of_dashboard(each, types) if each["type"] == "dashboard" else _of_view(each, types))]
        found += [f"{each['id']}: {fault}" for fault in own]
    return found


def _of_object(each: Body, known: set[tuple[str, str]]) -> Iterator[str]:
    if (each.get("coreMigrationVersion"), each.get("typeMigrationVersion")) != ("8.8.0", VERSIONS.get(each["type"])):
        yield "claims no version, or another than its shape is of"
    yield from (f"has {name}, which its version does not know" for name in set(each["attributes"]) - ATTRIBUTES[each["type"]])
    for reference in each["references"]:
        if (reference["type"], reference["id"]) not in known:
            yield f"refers to {reference['id']}, which is not there"
    for name, text in _texts(each["attributes"]):
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError:
            yield f"{name} is not JSON"


def _texts(attributes: Body) -> Iterator[tuple[str, str]]:
    for name, value in attributes.items():
        if isinstance(value, dict):
            yield from _texts(value)
        elif name.endswith("JSON") or name in {"fieldFormatMap", "fieldAttrs", "runtimeFieldMap", "sourceFilters", "fields"}:
            yield name, value


def _of_view(view: Body, types: Mapping[str, str]) -> Iterator[str]:
    attributes = view["attributes"]
    for table in ("fieldFormatMap", "fieldAttrs"):
        for field in msgspec.json.decode(attributes[table]):
            if field not in types:
                yield f"{table} has {field}, which is no field"
    if "timeFieldName" in attributes and types.get(attributes["timeFieldName"]) != "date":
        yield "the time field is no date"
    for field, said in msgspec.json.decode(attributes["fieldAttrs"]).items():
        if not said.get("customLabel") or len(said.get("customDescription", "")) > 300:
            yield f"{field} has no label, or a description that is too long"


def _of_dashboard(dashboard: Body, types: Mapping[str, str]) -> Iterator[str]:
    panels = panels_of(dashboard)
    names = Counter(panel["panelIndex"] for panel in panels)
    yield from (f"{name} is the name of {count} panels" for name, count in names.items() if count > 1)
    yield from _of_grid([panel["gridData"] for panel in panels])
    wanted: list[Body] = []
    for panel in panels:
        name, lens = panel["panelIndex"], panel["embeddableConfig"]["attributes"]
        if panel["gridData"]["i"] != name:
            yield f"{name} has another name in the grid"
        layers = layers_of(panel)
        if {each["name"] for each in lens["references"]} != {f"indexpattern-datasource-layer-{layer}" for layer in layers}:
            yield f"{name} has layers without a data view, or the other way round"
        wanted += [each | {"name": f"{name}:{each['name']}"} for each in lens["references"]]
        yield from (f"{name}: {fault}" for fault in _of_panel(panel, types))
    for name, control in controls_of(dashboard).items():
        if control["type"] not in CONTROLS:
            yield f"{name} is a control of an unknown kind"
            continue
        reference, fitting = CONTROLS[control["type"]]
        field = control["explicitInput"]["fieldName"]
        if control["explicitInput"]["id"] != name:
            yield f"{name} has two ids"
        if types.get(field) not in fitting:
            yield f"{name} is over {field}, which it cannot be"
        if control["type"] == "rangeSliderControl" and not 0 < control["explicitInput"].get("step", 0) <= 1:
            yield f"{name} has no step that can be used"
        names_at_top = [each["name"] for each in dashboard["references"]]
        if f"controlGroup_{name}:{reference}" not in names_at_top:
            yield f"{name} has no data view"
    at_top = [each for each in dashboard["references"] if not each["name"].startswith("controlGroup_")]
    if sorted(each["name"] for each in at_top) != sorted(each["name"] for each in wanted) or not all(each in at_top for each in wanted):
        yield "the references of panels are not those at the top"


def _of_grid(grids: list[Body]) -> Iterator[str]:
    for grid in grids:
        if min(grid["x"], grid["y"]) < 0 or min(grid["w"], grid["h"]) < 1 or grid["x"] + grid["w"] > GRID:
            yield f"{grid['i']} leaves the grid"
    for one, two in combinations(grids, 2):
        if _overlap(one, two, "x", "w") and _overlap(one, two, "y", "h"):
            yield f"{one['i']} lies over {two['i']}"


def _overlap(one: Body, two: Body, start: str, length: str) -> bool:
    return bool(one[start] < two[start] + two[length] and two[start] < one[start] + one[length])


def _of_panel(panel: Body, types: Mapping[str, str]) -> Iterator[str]:
    lens = panel["embeddableConfig"]["attributes"]
    if not lens["title"] or not lens["description"]:
        yield "has no title or no description"
    yield from (f"asks for {field}, which is no field" for field in fields_in(lens["state"]["query"]["query"]) - set(types))
    layers = layers_of(panel)
    columns = {name for layer in layers.values() for name in layer["columns"]}
    used = set(_accessors(lens["state"]["visualization"]))
    yield from (f"shows {name}, which is no column" for name in used - columns)
    for layer in layers.values():
        if sorted(layer["columnOrder"]) != sorted(layer["columns"]):
            yield "orders other columns than it has"
        within = {reference for column in layer["columns"].values() for reference in column.get("references", [])}
        yield from (f"{name} is not shown" for name in set(layer["columns"]) - used - within)
        for name, column in layer["columns"].items():
            yield from (f"{name} {fault}" for fault in _of_column(column, layer["columns"], types))


def _accessors(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _accessors(each)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ACCESSORS:
                yield inner
            elif name in SEVERAL:
                yield from inner
            else:
                yield from _accessors(inner)


def _of_column(column: Body, columns: Mapping[str, Body], types: Mapping[str, str]) -> Iterator[str]:
    operation = column["operationType"]
    yield from (f"is made of {name}, which is no column" for name in column.get("references", []) if name not in columns)
    yield from (f"asks for {field}, which is no field" for field in fields_in(column.get("filter", {}).get("query", "")) - set(types))
    if operation in {"formula", "math"}:
        yield from _of_formula(column, columns)
        return
    if operation not in OPERATIONS:
        yield f"has {operation}, which is no operation"
        return
    field = column["sourceField"]
    if field == "___records___":
        if operation != "count":
            yield f"has {operation} of records"
    elif field not in types:
        yield f"is over {field}, which is no field that can be counted"
    elif (fitting := OPERATIONS[operation]) is not None and types[field] not in fitting:
        yield f"has {operation} of {field}, a {types[field]}"
    order = column.get("params", {}).get("orderBy", {})
    if order.get("type") == "column":
        by = columns.get(order["columnId"])
        # Lens cannot order by what it computes afterwards.
        if by is None or by["isBucketed"] or by.get("references"):
            yield "is ordered by what cannot order it"
    if order.get("type") == "custom" and "orderAgg" not in column["params"]:
        yield "is ordered by nothing"


def _of_formula(column: Body, columns: Mapping[str, Body]) -> Iterator[str]:
    if column["operationType"] == "formula":
        parts = [columns.get(name, {}) for name in column["references"]]
        trees = [part.get("params", {}).get("tinymathAst", {}) for part in parts]
        if [tree.get("text") for tree in trees] != [column["params"]["formula"]]:
            yield "is a formula of something else"
        return
    tree = column["params"]["tinymathAst"]
    if tree["args"] != column["references"] or tree["location"] != {"min": 0, "max": len(tree["text"])}:
        yield "computes with other columns than it names"
