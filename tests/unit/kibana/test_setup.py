"""Setting a Kibana up, against a stand-in: what is there afterwards, that a second time changes nothing, and what is said when it fails."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crmsearch.errors import ConfigError, KibanaError
from crmsearch.kibana.client import Kibana, Login, parse_login
from crmsearch.kibana.objects import BOARDS
from crmsearch.kibana.setup import build_role, holds, role_name, set_up
from crmsearch.kibana.views import DEFAULT_SPACE, Place
from crmsearch.node.certificates import make_certificates
from crmsearch.processes import free_port
from crmsearch.settings import Secret
from tests.certificates import serving, write
from tests.kibana_server import API_KEY, PASSWORD, USER, StandIn, standing_in

LOGIN = Login(username=USER, password=Secret(PASSWORD))


@pytest.fixture
def server() -> Iterator[StandIn]:
    with standing_in() as found:
        yield found


def _set_up(server: StandIn, place: Place | None = None, login: Login = LOGIN, **options: Any) -> dict[str, str]:
    place = place or Place()
    with Kibana(server.url, login, space=place.space) as kibana:
        kibana.wait(10)
        return {"default" if each.kind == "default data view" else each.name: each.state for each in set_up(kibana, place, **options)}


def test_everything_is_there_and_a_second_time_nothing_changes(server: StandIn) -> None:
    server.starting = 2
    first = _set_up(server)
    # Kibana itself makes the first data view of a space the default one.
    assert {name: state for name, state in first.items() if state != "created"} == {"default": "unchanged"}
    assert {key[1] for key in server.views} == {"crm-customers-all", "crm-customers-dated"}
    assert {each["attributes"]["title"] for each in server.dashboards.values()} == {board.title for board in BOARDS}
    assert server.default == {"default": "crm-customers-all"}
    assert set(server.roles) == {"crm-analyst"}
    before = copy.deepcopy((server.views, server.dashboards, server.roles))
    server.writes.clear()
    second = _set_up(server)
    assert set(second) == set(first)
    assert set(second.values()) == {"unchanged"}
    assert server.writes == []
    assert (server.views, server.dashboards, server.roles) == before


def test_an_api_key_does_as_well(server: StandIn) -> None:
    assert "created" in _set_up(server, login=Login(api_key=Secret(API_KEY))).values()


def test_only_what_somebody_changed_is_put_back(server: StandIn) -> None:
    _set_up(server)
    server.dashboards["default", "crm-dashboard-service"]["attributes"]["title"] = "Mine"
    del server.dashboards["default", "crm-dashboard-quality"]
    server.views["default", "crm-customers-all"]["fieldAttrs"]["revenue"]["customLabel"] = "Turnover"
    server.roles["crm-analyst"]["elasticsearch"]["indices"].append({"names": ["crm-customers"], "privileges": ["read"]})
    changed = {name: state for name, state in _set_up(server).items() if state != "unchanged"}
    assert changed == {
        "crm-dashboard-service": "updated",
        "crm-dashboard-quality": "created",
        "crm-customers-all": "updated",
        "crm-analyst": "updated",
    }
    assert [each["names"] for each in server.roles["crm-analyst"]["elasticsearch"]["indices"]] == [["crm-customers-analytics"]]
    assert set(_set_up(server).values()) == {"unchanged"}


@pytest.mark.parametrize(
    "more",
    [
        {"kibana": [{"base": ["all"], "feature": {}, "spaces": ["*"]}]},
        {"elasticsearch": {"cluster": ["all"], "indices": [], "run_as": []}},
        {"elasticsearch": build_role(Place())["elasticsearch"] | {"remote_indices": [{"clusters": ["*"], "names": ["*"]}]}},
    ],
)
def test_a_role_that_may_more_is_put_back(server: StandIn, more: dict[str, Any]) -> None:
    _set_up(server)
    server.roles["crm-analyst"] |= more
    assert _set_up(server)["crm-analyst"] == "updated"
    assert holds(server.roles["crm-analyst"], build_role(Place()))


def test_a_time_field_on_the_view_of_everybody_is_taken_off_again(server: StandIn) -> None:
    _set_up(server)
    server.views["default", "crm-customers-all"]["timeFieldName"] = "created_at"
    assert _set_up(server)["crm-customers-all"] == "updated"
    assert "timeFieldName" not in server.views["default", "crm-customers-all"]


def test_somebody_elses_default_is_left_alone_on_request(server: StandIn) -> None:
    server.default["default"] = "theirs"
    _set_up(server, default_view=False)
    assert server.default == {"default": "theirs"}
    assert _set_up(server)["default"] == "updated"
    assert server.default == {"default": "crm-customers-all"}


def test_a_space_has_content_and_role_of_its_own(server: StandIn) -> None:
    _set_up(server)
    place = Place(space="sales", console="https://crm.example.com")
    _set_up(server, place)
    assert {space for space, _ in server.dashboards} == {DEFAULT_SPACE, "sales"}
    assert server.roles[role_name(place)]["kibana"][0]["spaces"] == ["sales"]
    link = server.views["sales", "crm-sales-customers-all"]["fieldFormats"]["customer_ref"]["params"]["urlTemplate"]
    assert link == "https://crm.example.com/#ref={{value}}"
    assert set(_set_up(server).values()) == set(_set_up(server, place).values()) == {"unchanged"}


def test_the_role_reads_one_alias_and_changes_nothing() -> None:
    role = build_role(Place(prefix="shop"))
    assert role["elasticsearch"] == {
        "cluster": [],
        "run_as": [],
        "indices": [{"names": ["shop-customers-analytics"], "privileges": ["read", "view_index_metadata"]}],
    }
    [grant] = role["kibana"]
    assert grant["base"] == []
    assert {may for privileges in grant["feature"].values() for may in privileges} == {"read"}


def _fails(server: StandIn, place: Place | None = None, login: Login = LOGIN) -> str:
    with pytest.raises(KibanaError) as caught:
        _set_up(server, place, login)
    assert PASSWORD not in caught.value.detail
    return caught.value.detail


def test_a_wrong_login_is_told_from_one_that_may_not(server: StandIn) -> None:
    assert "refuses the login" in _fails(server, login=Login(username=USER, password=Secret("wrong")))
    server.forbidden = "/_import"
    assert "may not import dashboards" in _fails(server)
    server.forbidden = "/api/security/role"
    assert "may not read roles" in _fails(server)


def test_a_kibana_of_other_features_says_so_itself(server: StandIn) -> None:
    server.features = {"dashboard", "discover"}  # as before version 9
    assert "told to make roles (status 400: Feature [d" in _fails(server)


def test_what_could_not_be_imported_is_named_with_its_reason(server: StandIn) -> None:
    server.unimportable = {"crm-dashboard-service": "unsupported_type"}
    said = _fails(server)
    assert "imported 4 of 5" in said
    assert "dashboard crm-dashboard-service: unsupported_type" in said


def test_an_id_that_another_space_has_is_no_success(server: StandIn) -> None:
    server.dashboards["sales", "crm-dashboard-service"] = {"id": "crm-dashboard-service"}
    assert "gave crm-dashboard-service other ids" in _fails(server)


def test_a_success_that_left_nothing_behind_is_seen(server: StandIn) -> None:
    _set_up(server)
    server.dashboards.clear()
    server.forgets = True
    said = _fails(server)
    assert "crm-dashboard-quality cannot be found" in said


def test_a_space_that_is_not_there_is_named(server: StandIn) -> None:
    assert "no space marketing" in _fails(server, Place(space="marketing"))


def test_something_else_at_the_address_is_no_kibana(server: StandIn) -> None:
    server.garbled = True
    assert "is not Kibana" in _fails(server)


@pytest.mark.parametrize(("starting", "level", "said"), [(10_000, "available", "it is starting"), (0, "degraded", "degraded")])
def test_a_kibana_that_never_becomes_available_is_waited_for_with_a_bound(server: StandIn, starting: int, level: str, said: str) -> None:
    server.starting, server.level = starting, level
    looks: list[None] = []
    with Kibana(server.url, LOGIN) as kibana, pytest.raises(KibanaError, match=rf"within 0\.5 s.*{said}"):
        kibana.wait(0.5, lambda: looks.append(None))
    assert len(looks) > 1


def test_no_answer_at_all_is_waited_for_too() -> None:
    with Kibana(f"http://127.0.0.1:{free_port(20_000)}", LOGIN) as kibana, pytest.raises(KibanaError, match="no answer"):
        kibana.wait(0.3)


def test_a_kibana_that_goes_away_is_an_error_of_ours(server: StandIn) -> None:
    with Kibana(f"http://127.0.0.1:{free_port(20_000)}", LOGIN) as kibana, pytest.raises(KibanaError, match="does not answer any more"):
        set_up(kibana, Place())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kibana:5601", "not a URL"),
        ("https://elastic:secret@kibana:5601", "holds a login"),
        ("http://kibana.example.com:5601", "plain http"),
    ],
)
def test_an_address_that_would_tell_the_login_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Kibana(url, LOGIN)
    assert "secret" not in caught.value.detail


def test_plain_http_is_possible_where_it_is_asked_for() -> None:
    with Kibana("http://kibana:5601", LOGIN, plain_http=True):
        pass


def test_a_file_of_login_holds_a_key_or_a_name_and_password() -> None:
    assert parse_login("elastic:a:b\n") == Login(username="elastic", password=Secret("a:b"))
    assert parse_login(" a2V5 \n") == Login(api_key=Secret("a2V5"))
    for text in ("", "two words", "name:", ":secret", "elastic:a\nb:c"):
        with pytest.raises(ConfigError, match="one line"):
            parse_login(text)


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"b": 2}, {"a": 1}, False),
        (["b", "a"], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        ([{"a": 1, "b": 2}], [{"a": 1}], True),
        ([{"a": 2}], [{"a": 1}], False),
        ('{"a": 1,  "b": 2}', '{"a":1}', True),
        ('{"a": 2}', '{"a":1}', False),
        ("no JSON", '{"a":1}', False),
        ("{{value}}", "{{value}}", True),
        ("{{rawValue}}", "{{value}}", False),
        (None, {}, False),
    ],
)
def test_what_kibana_adds_is_no_difference(found: object, wanted: object, same: bool) -> None:
    assert holds(found, wanted) is same


def test_a_certificate_is_trusted_by_the_authority_that_is_named(tmp_path: Path) -> None:
    ours, others = make_certificates(), make_certificates()
    ca = {name: str(write(tmp_path / name, each.authority)) for name, each in (("ours", ours), ("others", others))}
    with serving(tmp_path, ours) as port:
        url = f"https://127.0.0.1:{port}"
        # It is another server: what it says is read only after its certificate was found good.
        with Kibana(url, LOGIN, ca_file=ca["ours"]) as kibana, pytest.raises(KibanaError, match="is not Kibana"):
            kibana.wait(10)
        for file in (ca["others"], ""):
            with Kibana(url, LOGIN, ca_file=file) as kibana, pytest.raises(KibanaError, match="certificate"):
                kibana.wait(10)
            with Kibana(url, LOGIN, ca_file=file) as kibana, pytest.raises(KibanaError, match="certificate"):
                kibana.role("crm-analyst")


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    for file in (write(tmp_path / "empty", ""), tmp_path / "missing"):
        with pytest.raises(ConfigError, match="--ca-file"):
            Kibana("https://kibana:5601", LOGIN, ca_file=str(file))
