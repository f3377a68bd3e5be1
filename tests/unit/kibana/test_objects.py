"""The content for Kibana: whole, as it is committed, and free of what Kibana would choke on; and the look-out for that can see."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crmsearch.contract import FIELDS
from crmsearch.indexing.mappings import CUSTOMER_REF, build_analytics_body
from crmsearch.kibana.objects import BOARDS, build_dashboard, build_objects, to_ndjson
from crmsearch.kibana.views import MONEY, SHARES, VIEWS, Place, build_data_view
from crmsearch.settings import ElasticsearchSettings
from tests.saved_objects import controls_of, faults, layers_of, panels_of, parse

Body = dict[str, Any]
ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker" / "kibana" / "crmsearch.ndjson"
TYPES: dict[str, str] = {
    name: each["type"] for name, each in build_analytics_body(ElasticsearchSettings())["mappings"]["properties"].items()
}


def test_the_committed_file_is_what_is_built() -> None:
    assert FILE.read_bytes() == to_ndjson(build_objects(Place())), "run: crmsearch kibana build --out docker/kibana/crmsearch.ndjson"


@pytest.mark.parametrize("place", [Place(), Place(prefix="shop", space="sales", console="https://crm.example.com/")])
def test_it_is_without_fault(place: Place) -> None:
    assert faults(parse(to_ndjson(build_objects(place))), TYPES) == []


def test_ids_are_told_apart_by_prefix_and_space_and_by_nothing_else() -> None:
    def ids(place: Place) -> list[str]:
        return [each["id"] for each in build_objects(place)]

    here = ids(Place())
    assert here == [
        "crm-customers-all",
        "crm-customers-dated",
        "crm-dashboard-customer-base",
        "crm-dashboard-segments",
        "crm-dashboard-campaigns",
        "crm-dashboard-service",
        "crm-dashboard-quality",
    ]
    assert ids(Place(console="https://crm.example.com")) == here
    assert not {*here} & {*ids(Place(prefix="shop"))} | {*here} & {*ids(Place(space="sales"))}


def test_what_may_be_named_is_no_personal_data() -> None:
    # The look-out lets nothing through that is not among these.
    assert set(TYPES) == {CUSTOMER_REF, *(name for name, field in FIELDS.items() if field.sensitivity in {"public", "internal"})}


def test_every_field_has_the_label_of_the_catalogue_and_is_found_by_the_chinese_one() -> None:
    view = build_data_view(Place(), "all")
    assert set(view["fieldAttrs"]) == set(TYPES)
    for name, said in view["fieldAttrs"].items():
        if name != CUSTOMER_REF:
            assert said["customLabel"] == FIELDS[name].label
            assert said["customDescription"].startswith(FIELDS[name].label_zh)


def test_values_are_shown_as_what_they_are() -> None:
    formats = build_data_view(Place(console="https://crm.example.com/"), "all")["fieldFormats"]
    assert {name for name, each in formats.items() if each["id"] == "percent"} == SHARES
    assert {formats[name]["params"]["pattern"] for name in MONEY} == {"0,0.00"}
    assert {name for name, each in formats.items() if each["id"] == "date"} == {name for name, kind in TYPES.items() if kind == "date"}
    assert formats[CUSTOMER_REF]["params"]["urlTemplate"] == "https://crm.example.com/#ref={{value}}"
    assert "city" not in formats


def test_only_one_data_view_hides_customers_without_a_date() -> None:
    assert [build_data_view(Place(), view).get("timeFieldName") for view in VIEWS] == [None, "created_at"]
    for board in BOARDS:
        for panel in board.panels:
            assert ("follows the time picker" in panel.title) == (panel.view == "dated"), panel.name


def test_a_slider_over_a_share_moves_by_hundredths() -> None:
    steps = {
        control["explicitInput"]["fieldName"]: control["explicitInput"]["step"]
        for board in BOARDS
        for control in controls_of(build_dashboard(board, Place())).values()
        if "step" in control["explicitInput"]
    }
    assert {field for field, step in steps.items() if step == 0.01} == SHARES & set(steps) != set()


def test_every_panel_asks_a_question() -> None:
    for board in BOARDS:
        assert "?" in board.description
        for panel in board.panels:
            assert "?" in panel.description, panel.name


def test_what_an_analyst_reads_in_the_docs_is_there() -> None:
    page = (ROOT / "docs" / "kibana.md").read_text(encoding="utf-8")
    for board in BOARDS:
        assert f"### {board.title}\n" in page
        for panel in board.panels:
            assert f"| {panel.title} |" in page, panel.title
    for view in VIEWS.values():
        assert view in page


# Each of these is broken in one way, and the look-out must say which.


def _edit_panels(dashboard: Body, change: Callable[[list[Body]], object]) -> None:
    panels = panels_of(dashboard)
    change(panels)
    dashboard["attributes"]["panelsJSON"] = msgspec.json.encode(panels).decode()


def _edit_controls(dashboard: Body, change: Callable[[dict[str, Body]], object]) -> None:
    controls = controls_of(dashboard)
    change(controls)
    dashboard["attributes"]["controlGroupInput"]["panelsJSON"] = msgspec.json.encode(controls).decode()


def _columns(panels: list[Body], name: str) -> dict[str, Body]:
    [panel] = [each for each in panels if each["panelIndex"] == name]
    [layer] = layers_of(panel).values()
    columns: dict[str, Body] = layer["columns"]
    return columns


def _state(panels: list[Body], name: str) -> Body:
    [panel] = [each for each in panels if each["panelIndex"] == name]
    state: Body = panel["embeddableConfig"]["attributes"]["state"]
    return state


Break = Callable[[list[Body]], object]  # of the panels of "Segments and RFM"
BROKEN_PANELS: dict[str, Break] = {
    "leaves the grid": lambda panels: panels[0]["gridData"].update(x=47),
    "lies over": lambda panels: panels[1]["gridData"].update(x=0),
    "another name in the grid": lambda panels: panels[0]["gridData"].update(i="other"),
    "is the name of 2 panels": lambda panels: panels.append(copy.deepcopy(panels[0])),
    "layers without a data view": lambda panels: panels[0]["embeddableConfig"]["attributes"].update(references=[]),
    "not those at the top": lambda panels: panels[0]["embeddableConfig"]["attributes"]["references"][0].update(id="crm-customers-dated"),
    "has no title": lambda panels: panels[0]["embeddableConfig"]["attributes"].update(description=""),
    "shows nothing-such": lambda panels: _state(panels, "scored")["visualization"].update(metricAccessor="nothing-such"),
    "measure0 is not shown": lambda panels: _state(panels, "segments")["visualization"].update(columns=[{"columnId": "group0"}]),
    "orders other columns": lambda panels: _state(panels, "scored")["datasourceStates"]["formBased"]["layers"]["customers"].update(
        columnOrder=[]
    ),
    "asks for surname": lambda panels: _state(panels, "scored")["query"].update(query="surname: *"),
    "asks for phones": lambda panels: _columns(panels, "scored")["measure0"]["filter"].update(query="phones: *"),
    "is over name,": lambda panels: _columns(panels, "segments")["group0"].update(sourceField="name"),
    "average of city, a keyword": lambda panels: _columns(panels, "segments")["measure3"].update(sourceField="city"),
    "sum of records": lambda panels: _columns(panels, "scored")["measure0"].update(operationType="sum"),
    "is no operation": lambda panels: _columns(panels, "scored")["measure0"].update(operationType="mode"),
    "ordered by what cannot": lambda panels: _columns(panels, "segments")["group0"]["params"]["orderBy"].update(columnId="group0"),
    "ordered by nothing": lambda panels: _columns(panels, "segments")["group0"]["params"].update(orderBy={"type": "custom"}),
    "is made of gone": lambda panels: _columns(panels, "champions")["measure0X2"].update(references=["gone"]),
    "computes with other columns": lambda panels: _columns(panels, "champions")["measure0X2"]["params"]["tinymathAst"].update(args=[]),
    "formula of something else": lambda panels: _columns(panels, "champions")["measure0"]["params"].update(formula="count()"),
}


@pytest.mark.parametrize("fault", BROKEN_PANELS)
def test_a_broken_panel_is_seen(fault: str) -> None:
    objects = build_objects(Place())
    _edit_panels(objects[3], BROKEN_PANELS[fault])
    assert fault in "\n".join(faults(objects, TYPES))


BROKEN_CONTROLS: dict[str, Callable[[dict[str, Body]], object]] = {
    "is a control of an unknown kind": lambda controls: controls["control-country"].update(type="sliderControl"),
    "has two ids": lambda controls: controls["control-country"]["explicitInput"].update(id="x"),
    "is over emails": lambda controls: controls["control-country"]["explicitInput"].update(fieldName="emails"),
    "is over country": lambda controls: controls["control-churn_risk"]["explicitInput"].update(fieldName="country"),
    "has no step": lambda controls: controls["control-churn_risk"]["explicitInput"].pop("step"),
    "has no data view": lambda controls: controls.update(copy_=controls["control-country"]),
}


@pytest.mark.parametrize("fault", BROKEN_CONTROLS)
def test_a_broken_control_is_seen(fault: str) -> None:
    objects = build_objects(Place())
    _edit_controls(objects[3], BROKEN_CONTROLS[fault])
    assert fault in "\n".join(faults(objects, TYPES))


BROKEN_OBJECTS: dict[str, Callable[[list[Body]], object]] = {
    "is there 2 times": lambda objects: objects.append(objects[0]),
    "claims no version": lambda objects: objects[2].pop("typeMigrationVersion"),
    "has sections, which its version": lambda objects: objects[2]["attributes"].update(sections=[]),
    "which is not there": lambda objects: objects.pop(0),
    "optionsJSON is not JSON": lambda objects: objects[2]["attributes"].update(optionsJSON="{"),
    "panelsJSON is not JSON": lambda objects: objects[2]["attributes"]["controlGroupInput"].update(panelsJSON="no"),
    "fieldFormatMap has nobody": lambda objects: objects[0]["attributes"].update(fieldFormatMap='{"nobody": {}}'),
    "the time field is no date": lambda objects: objects[1]["attributes"].update(timeFieldName="city"),
    "city has no label": lambda objects: objects[0]["attributes"].update(fieldAttrs='{"city": {}}'),
}


@pytest.mark.parametrize("fault", BROKEN_OBJECTS)
def test_a_broken_object_is_seen(fault: str) -> None:
    objects = build_objects(Place())
    BROKEN_OBJECTS[fault](objects)
    assert fault in "\n".join(faults(objects, TYPES))


def test_panels_never_overlap_whatever_their_sizes() -> None:
    for board in BOARDS:
        grids = [panel["gridData"] for panel in panels_of(build_dashboard(board, Place()))]
        taken = [(x, y) for grid in grids for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])]
        assert len(taken) == len(set(taken))
