"""What is to be in Kibana, and making it so: a second time changes nothing."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from crmsearch.errors import KibanaError
from crmsearch.indexing.names import analytics_alias
from crmsearch.kibana.client import Kibana
from crmsearch.kibana.objects import build_dashboards
from crmsearch.kibana.views import VIEWS, Place, build_data_view

__all__ = ["Outcome", "build_role", "holds", "role_name", "set_up"]

Body = dict[str, Any]
State = Literal["created", "updated", "unchanged"]

_READ_IN_KIBANA = ("dashboard_v2", "discover_v2")  # as Kibana 9 calls the features


class Outcome(msgspec.Struct, frozen=True):
    """One thing that is in Kibana now, and whether it was before."""

    kind: str
    name: str
    state: State


def role_name(place: Place) -> str:
    return place.id_of("analyst")


def build_role(place: Place) -> Body:
    """The analysts' role: they read one alias, see dashboards and Discover of one space, and change nothing."""
    return {
        "description": "Reads dashboards and the customers without personal data; made by crmsearch.",
        "elasticsearch": {
            "cluster": [],
            "indices": [{"names": [analytics_alias(place.prefix)], "privileges": ["read", "view_index_metadata"]}],
            "run_as": [],
        },
        "kibana": [{"base": [], "feature": {feature: ["read"] for feature in _READ_IN_KIBANA}, "spaces": [place.space]}],
    }


def set_up(kibana: Kibana, place: Place, *, default_view: bool = True, on_step: Callable[[], object] = lambda: None) -> list[Outcome]:
    """Bring data views, dashboards and the role into Kibana, and look whether they are there.

    Only what is missing or differs is written, whoever changed it.

    Raises:
        KibanaError: something is refused, or not there afterwards.
    """
    kibana.check_space()
    outcomes = [_put_view(kibana, build_data_view(place, view)) for view in VIEWS]
    on_step()
    outcomes += _put_dashboards(kibana, place)
    on_step()
    if default_view:
        outcomes.append(_put_default(kibana, place.view_id("all")))
    outcomes.append(_put_role(kibana, role_name(place), build_role(place)))
    on_step()
    _check(kibana, place)
    return outcomes


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there. What Kibana adds of its own, such as defaults, and the order of words do not count.

    Text of JSON is compared by what it says.
    """
    if found == wanted:
        return True
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(name in found and holds(found[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return False
        if all(isinstance(each, str) for each in [*found, *wanted]):
            return sorted(found) == sorted(wanted)
        return all(map(holds, found, wanted))
    if isinstance(wanted, str) and isinstance(found, str) and wanted[:1] in {"{", "["}:
        try:
            return holds(msgspec.json.decode(found), msgspec.json.decode(wanted))
        except msgspec.DecodeError:
            return False
    return False


def _put_view(kibana: Kibana, wanted: Body) -> Outcome:
    found = kibana.data_view(wanted["id"])
    state = _state(found, wanted)
    # A time field that somebody gave to the view of everybody is nothing that is wanted and missing.
    if found is not None and found.get("timeFieldName") != wanted.get("timeFieldName"):
        state = "updated"
    if state != "unchanged":
        kibana.put_data_view(wanted)
    return Outcome("data view", wanted["id"], state)


def _put_dashboards(kibana: Kibana, place: Place) -> list[Outcome]:
    wanted = build_dashboards(place)
    found = kibana.dashboards([each["id"] for each in wanted])
    states = {each["id"]: _state(found.get(each["id"]), {name: each[name] for name in ("attributes", "references")}) for each in wanted}
    changed = [each for each in wanted if states[each["id"]] != "unchanged"]
    if changed:
        kibana.import_objects(changed)
    return [Outcome("dashboard", name, state) for name, state in states.items()]


def _put_default(kibana: Kibana, view_id: str) -> Outcome:
    before = kibana.default_view()
    if before != view_id:
        kibana.set_default_view(view_id)
    return Outcome("default data view", view_id, "unchanged" if before == view_id else "updated" if before else "created")


def _put_role(kibana: Kibana, name: str, wanted: Body) -> Outcome:
    found = kibana.role(name)
    state = _state(found, wanted)
    # More than is wanted is too much here.
    if found is not None and _rights(found) != _rights(wanted):
        state = "updated"
    if state != "unchanged":
        kibana.put_role(name, wanted)
    return Outcome("role", name, state)


def _rights(role: Body) -> Body:
    """What a role grants, in a form that can be compared."""
    elasticsearch = role.get("elasticsearch", {})
    return {
        "cluster": sorted(elasticsearch.get("cluster", [])),
        "run_as": sorted(elasticsearch.get("run_as", [])),
        "indices": [(sorted(each["names"]), sorted(each["privileges"])) for each in elasticsearch.get("indices", [])],
        "elsewhere": bool(elasticsearch.get("remote_indices") or elasticsearch.get("remote_cluster")),
        "kibana": [
            (sorted(each.get("base", [])), {name: sorted(may) for name, may in each.get("feature", {}).items()}, sorted(each["spaces"]))
            for each in role.get("kibana", [])
        ],
    }


def _state(found: Body | None, wanted: Body) -> State:
    return "created" if found is None else "unchanged" if holds(found, wanted) else "updated"


def _check(kibana: Kibana, place: Place) -> None:
    """Read back what must be there now."""
    boards = [each["id"] for each in build_dashboards(place)]
    views = [place.view_id(view) for view in VIEWS]
    there = {*kibana.dashboards(boards), *(view for view in views if kibana.data_view(view) is not None)}
    missing = [each for each in [*views, *boards] if each not in there]
    if kibana.role(role_name(place)) is None:
        missing.append(role_name(place))
    if missing:
        raise KibanaError(f"Kibana took everything, but {', '.join(missing)} cannot be found in it")
