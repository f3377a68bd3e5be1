"""Saved objects: the data views and dashboards in the form that every Kibana 9 imports. Pure.

Each says the oldest version that its shape has had: Kibana brings an older object up to date and refuses a newer one. An object that says
none would be taken for one of the first version, and be mangled.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from crmsearch.contract import FIELDS
from crmsearch.kibana.base_boards import BASE, SEGMENTS, Board
from crmsearch.kibana.lens import Panel, build_lens
from crmsearch.kibana.quality_board import QUALITY
from crmsearch.kibana.views import SHARES, VIEWS, Place, build_data_view
from crmsearch.kibana.work_boards import CAMPAIGNS, SERVICE

__all__ = ["BOARDS", "GRID_COLUMNS", "build_dashboard", "build_dashboards", "build_objects", "to_ndjson"]

Body = dict[str, Any]

BOARDS = (BASE, SEGMENTS, CAMPAIGNS, SERVICE, QUALITY)
GRID_COLUMNS = 48

_SHOWN = ("now-5y", "now")  # what the time picker says at first
_VERSIONS = {"dashboard": "8.9.0", "index-pattern": "8.0.0"}
_OPTIONS = {"useMargins": True, "syncColors": True, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False}
_SEARCH: Body = {"query": {"language": "kuery", "query": ""}, "filter": []}
_LIST: Body = {"selectedOptions": [], "searchTechnique": "prefix", "sort": {"by": "_count", "direction": "desc"}}
_STEPS = {"satisfaction": 0.1}  # of a slider, where whole numbers are too coarse
_INHERITED = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)


def build_objects(place: Place) -> list[Body]:
    """Everything, data views first, as a file holds it."""
    views = [build_data_view(place, view) for view in VIEWS]
    return [*(_saved("index-pattern", view["id"], _view_attributes(view), []) for view in views), *build_dashboards(place)]


def build_dashboards(place: Place) -> list[Body]:
    return [build_dashboard(board, place) for board in BOARDS]


def build_dashboard(board: Board, place: Place) -> Body:
    """One dashboard with its panels inside, and all references once more at the top, where Kibana looks for them."""
    panels, references = [], []
    for panel, grid in _laid_out(board.panels):
        lens = build_lens(panel, place.view_id(panel.view))
        panels.append(
            {
                "type": "lens",
                "panelIndex": panel.name,
                "gridData": grid | {"i": panel.name},
                "embeddableConfig": {"title": panel.title, "description": panel.description, "hidePanelTitles": False, "attributes": lens},
            }
        )
        references += [each | {"name": f"{panel.name}:{each['name']}"} for each in lens["references"]]
    controls, control_references = _controls(board, place)
    attributes = {
        "title": place.title_of(board.title),
        "description": board.description,
        "timeRestore": True,
        "timeFrom": _SHOWN[0],
        "timeTo": _SHOWN[1],
        "refreshInterval": {"pause": True, "value": 60_000},
        "panelsJSON": _text(panels),
        "optionsJSON": _text(_OPTIONS),
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(_SEARCH)},
        "controlGroupInput": {
            "controlStyle": "oneLine",
            "chainingSystem": "HIERARCHICAL",
            "panelsJSON": _text(controls),
            "ignoreParentSettingsJSON": _text(_INHERITED),
        },
    }
    return _saved("dashboard", place.id_of(f"dashboard-{board.name}"), attributes, [*references, *control_references])


def to_ndjson(objects: Iterable[Body]) -> bytes:
    """One object a line, as Kibana exports and imports them."""
    return b"".join(msgspec.json.encode(each) + b"\n" for each in objects)


def _saved(kind: str, object_id: str, attributes: Body, references: list[Body]) -> Body:
    return {
        "id": object_id,
        "type": kind,
        "attributes": attributes,
        "references": references,
        "managed": False,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": _VERSIONS[kind],
    }


def _view_attributes(view: Body) -> Body:
    """The same data view as the API takes it, as a saved object: with its tables as text."""
    plain = {name: view[name] for name in ("title", "name", "timeFieldName", "allowNoIndex") if name in view}
    tables = {
        "fieldFormatMap": view["fieldFormats"],
        "fieldAttrs": view["fieldAttrs"],
        "runtimeFieldMap": {},
        "sourceFilters": [],
        "fields": [],
    }
    return plain | {name: _text(table) for name, table in tables.items()}


def _laid_out(panels: Iterable[Panel]) -> Iterator[tuple[Panel, Body]]:
    """Panels from left to right, a new row where one does not fit any more."""
    x = y = deepest = 0
    for panel in panels:
        width, height = panel.size
        if x + width > GRID_COLUMNS:
            x, y, deepest = 0, y + deepest, 0
        yield panel, {"x": x, "y": y, "w": width, "h": height}
        x, deepest = x + width, max(deepest, height)


def _controls(board: Board, place: Place) -> tuple[Body, list[Body]]:
    """What stands above the panels: lists to tick, and sliders; with the references to their data view."""
    own = dict.fromkeys(board.controls, ("optionsList", _LIST))
    own |= {field: ("rangeSlider", {"step": 0.01 if field in SHARES else _STEPS.get(field, 1)}) for field in board.ranges}
    controls, references = {}, []
    for order, (field, (kind, settings)) in enumerate(own.items()):
        name = f"control-{field}"  # with a word before it, for panels have ids too
        view_id = place.view_id("all")
        controls[name] = {
            "type": f"{kind}Control",
            "order": order,
            "grow": True,
            "width": "small",
            "explicitInput": {"id": name, "dataViewId": view_id, "fieldName": field, "title": FIELDS[field].label, **settings},
        }
        references.append({"type": "index-pattern", "id": view_id, "name": f"controlGroup_{name}:{kind}DataView"})
    return controls, references


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
