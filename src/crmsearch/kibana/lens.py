"""Panels as data, and the JSON that Kibana's Lens keeps of them. Pure.

A ``Panel`` says what is measured, by what it is grouped and how it is drawn. The shapes are those of Lens 8.9, the oldest that every
Kibana 9 reads; it brings them up to date by itself.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.indexing.mappings import CUSTOMER_REF
from crmsearch.kibana.views import MONEY, REF_LABEL, SHARES, View

__all__ = ["LAYER", "Bands", "Measure", "Months", "Panel", "Ratio", "Terms", "build_lens"]

Body = dict[str, Any]
Operation = Literal["count", "sum", "average", "median"]
Kind = Literal["metric", "bars", "columns", "shares", "donut", "heat", "table"]

LAYER = "customers"
RECORDS = "___records___"  # what Lens calls the documents themselves

_PERCENT: Body = {"id": "percent", "params": {"decimals": 1}}
_WHOLE: Body = {"id": "number", "params": {"decimals": 0}}
_TWO_PLACES: Body = {"id": "number", "params": {"decimals": 2}}


class Measure(msgspec.Struct, frozen=True):
    """One number over customers; ``where`` is KQL, and narrows this number alone."""

    operation: Operation
    field: str = RECORDS
    label: str = ""
    where: str = ""


class Ratio(msgspec.Struct, frozen=True):
    """One number over another, as a percentage."""

    label: str
    above: Measure
    below: Measure


class Terms(msgspec.Struct, frozen=True):
    """The most frequent values of a field, or all in their own order; ``rest`` counts the others, and those without a value."""

    field: str
    size: int = 10
    ordered: bool = False
    rest: bool = False


class Months(msgspec.Struct, frozen=True):
    """A date by calendar month."""

    field: str


class Bands(msgspec.Struct, frozen=True):
    """A number cut at these points; the last band is open. Shares are cut in hundredths."""

    field: str
    cuts: tuple[float, ...]


Group = Terms | Months | Bands


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel of a dashboard.

    Attributes:
        name: unique in the dashboard, and part of ids.
        description: the question that it answers.
        groups: rows of a table; axis and split of a chart; both axes of a heat map.
        where: KQL, which narrows the whole panel.
        size: columns, of 48, and rows that it takes.
        view: the data view; one with a time field follows the time picker.
    """

    name: str
    title: str
    description: str
    kind: Kind
    measures: tuple[Measure | Ratio, ...]
    groups: tuple[Group, ...] = ()
    where: str = ""
    size: tuple[int, int]
    view: View = "all"


class _Layer(NamedTuple):
    columns: dict[str, Body]
    groups: list[str]
    measures: list[str]


def build_lens(panel: Panel, view_id: str) -> Body:
    """The attributes of a Lens visualization that is kept in its dashboard."""
    layer = _build_layer(panel)
    kind, visualization = _VISUALIZATIONS[panel.kind](layer)
    return {
        "title": panel.title,
        "description": panel.description,
        "type": "lens",
        "visualizationType": kind,
        "references": [{"type": "index-pattern", "id": view_id, "name": f"indexpattern-datasource-layer-{LAYER}"}],
        "state": {
            "visualization": visualization,
            "query": {"language": "kuery", "query": panel.where},
            "filters": [],
            "datasourceStates": {
                "formBased": {"layers": {LAYER: {"columns": layer.columns, "columnOrder": list(layer.columns), "incompleteColumns": {}}}}
            },
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def _build_layer(panel: Panel) -> _Layer:
    groups = {f"group{place}": _group(group, panel.measures[0]) for place, group in enumerate(panel.groups)}
    measures: dict[str, Body] = {}
    names = []
    for place, measure in enumerate(panel.measures):
        name = f"measure{place}"
        names.append(name)
        measures |= {name: _measure(measure)} if isinstance(measure, Measure) else _ratio(name, measure)
    return _Layer(groups | measures, list(groups), names)


def _label(field: str) -> str:
    return REF_LABEL if field == CUSTOMER_REF else FIELDS[field].label


def _measure(measure: Measure) -> Body:
    params: Body = {"emptyAsNull": measure.operation != "count"}
    if measure.operation == "count":
        params["format"] = _WHOLE
    elif measure.field in SHARES:
        params["format"] = _PERCENT
    else:
        params["format"] = _WHOLE if measure.operation == "sum" and measure.field in MONEY else _TWO_PLACES
        if FIELDS[measure.field].type == "integer" and measure.operation in {"sum", "median"}:
            params["format"] = _WHOLE
    column: Body = {
        "label": measure.label or ("Customers" if measure.operation == "count" else _label(measure.field)),
        "customLabel": True,
        "dataType": "number",
        "operationType": measure.operation,
        "sourceField": measure.field,
        "isBucketed": False,
        "scale": "ratio",
        "params": params,
    }
    return column | ({"filter": {"language": "kuery", "query": measure.where}} if measure.where else {})


def _ratio(name: str, ratio: Ratio) -> dict[str, Body]:
    """A formula, with the columns that Lens cuts it into: what it is made of, and the tree of the division."""
    parts = {f"{name}X0": ratio.above, f"{name}X1": ratio.below}
    text = " / ".join(_as_formula(part) for part in parts.values())
    part_label = {"label": f"Part of {ratio.label}", "customLabel": True}
    division = {
        "type": "function",
        "name": "divide",
        "args": list(parts),
        "location": {"min": 0, "max": len(text)},
        "text": text,
    }
    common = {"dataType": "number", "isBucketed": False, "scale": "ratio"}
    return {
        name: {
            "label": ratio.label,
            "customLabel": True,
            **common,
            "operationType": "formula",
            "params": {"formula": text, "isFormulaBroken": False, "format": _PERCENT},
            "references": [f"{name}X2"],
        },
        **{part: {**_measure(measure), **part_label, "params": {"emptyAsNull": False}} for part, measure in parts.items()},
        f"{name}X2": {
            **part_label,
            **common,
            "operationType": "math",
            "params": {"tinymathAst": division},
            "references": list(parts),
        },
    }


def _as_formula(measure: Measure) -> str:
    arguments = [] if measure.operation == "count" else [measure.field]
    if measure.where:
        arguments.append(f"kql='{measure.where}'")
    return f"{measure.operation}({', '.join(arguments)})"


def _group(group: Group, measure: Measure | Ratio) -> Body:
    column: Body = {"label": _label(group.field), "customLabel": True, "sourceField": group.field, "isBucketed": True}
    if isinstance(group, Months):
        params: Body = {"interval": "1M", "includeEmptyRows": True, "dropPartials": False}
        return column | {"operationType": "date_histogram", "dataType": "date", "scale": "interval", "params": params}
    if isinstance(group, Bands):
        ends = [*group.cuts[1:], None]
        ranges = [
            {"from": low, "to": high, "label": _band_label(group.field, low, high)} for low, high in zip(group.cuts, ends, strict=True)
        ]
        format_of_ends = {"id": "range", "params": {"template": "arrow_right", "replaceInfinity": True}}
        params = {"type": "range", "ranges": ranges, "maxBars": "auto", "parentFormat": format_of_ends}
        return column | {"operationType": "range", "dataType": "string", "scale": "ordinal", "params": params}
    number = group.field != CUSTOMER_REF and FIELDS[group.field].type in {"integer", "double"}
    params = {
        "size": group.size,
        **_order(group, measure),
        "otherBucket": group.rest,
        "missingBucket": group.rest and not number,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    return column | {"operationType": "terms", "dataType": "number" if number else "string", "scale": "ordinal", "params": params}


def _order(group: Terms, measure: Measure | Ratio) -> Body:
    """By the first measure where that is an amount. A mean or a share would bring up groups of one customer, so these go by customers."""
    if group.ordered:
        return {"orderBy": {"type": "alphabetical", "fallback": False}, "orderDirection": "asc"}
    if isinstance(measure, Measure) and measure.operation in {"count", "sum"} and not measure.where:
        return {"orderBy": {"type": "column", "columnId": "measure0"}, "orderDirection": "desc"}
    return {"orderBy": {"type": "custom"}, "orderAgg": _measure(Measure("count")), "orderDirection": "desc"}


def _band_label(field: str, low: float, high: float | None) -> str:
    factor, unit = (100, "%") if field in SHARES else (1, "")
    if high is None:
        return f"{low * factor:g}{unit} or more"
    return f"{low * factor:g} to below {high * factor:g}{unit}"


def _metric(layer: _Layer) -> tuple[str, Body]:
    second = {"secondaryMetricAccessor": layer.measures[1]} if len(layer.measures) > 1 else {}
    return "lnsMetric", {"layerId": LAYER, "layerType": "data", "metricAccessor": layer.measures[0], **second}


def _xy(series: str) -> Callable[[_Layer], tuple[str, Body]]:
    def build(layer: _Layer) -> tuple[str, Body]:
        data: Body = {
            "layerId": LAYER,
            "layerType": "data",
            "seriesType": series,
            "accessors": layer.measures,
            "xAccessor": layer.groups[0],
            "position": "top",
            "showGridlines": False,
        }
        several = len(layer.groups) > 1 or len(layer.measures) > 1
        return "lnsXY", {
            "layers": [data | ({"splitAccessor": layer.groups[1]} if len(layer.groups) > 1 else {})],
            "preferredSeriesType": series,
            "legend": {"isVisible": several, "position": "right"},
            "valueLabels": "hide" if several else "show",
            "axisTitlesVisibilitySettings": {"x": False, "yLeft": True, "yRight": True},
        }

    return build


def _donut(layer: _Layer) -> tuple[str, Body]:
    data = {
        "layerId": LAYER,
        "layerType": "data",
        "primaryGroups": layer.groups,
        "metrics": layer.measures,
        "numberDisplay": "percent",
        "categoryDisplay": "default",
        "legendDisplay": "default",
        "nestedLegend": False,
    }
    return "lnsPie", {"shape": "donut", "layers": [data]}


def _heat(layer: _Layer) -> tuple[str, Body]:
    axes = ("isXAxisLabelVisible", "isXAxisTitleVisible", "isYAxisLabelVisible", "isYAxisTitleVisible", "isCellLabelVisible")
    return "lnsHeatmap", {
        "shape": "heatmap",
        "layerId": LAYER,
        "layerType": "data",
        "xAccessor": layer.groups[0],
        "yAccessor": layer.groups[1],
        "valueAccessor": layer.measures[0],
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": {"type": "heatmap_grid", **dict.fromkeys(axes, True)},
    }


def _table(layer: _Layer) -> tuple[str, Body]:
    return "lnsDatatable", {
        "layerId": LAYER,
        "layerType": "data",
        "columns": [{"columnId": name} for name in [*layer.groups, *layer.measures]],
        "rowHeight": "single",
        "rowHeightLines": 1,
        "paging": {"enabled": True, "size": 20},
    }


_VISUALIZATIONS: dict[Kind, Callable[[_Layer], tuple[str, Body]]] = {
    "metric": _metric,
    "bars": _xy("bar_horizontal"),
    "columns": _xy("bar_stacked"),
    "shares": _xy("bar_horizontal_percentage_stacked"),
    "donut": _donut,
    "heat": _heat,
    "table": _table,
}
