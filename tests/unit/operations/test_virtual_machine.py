"""The set-up of a virtual machine: valid for cloud-init, and of commands and settings that exist."""

from __future__ import annotations

import configparser
import json
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from crmsearch import __version__
from crmsearch.cli import cli
from crmsearch.settings import from_env

FILE = Path(__file__).parents[3] / "docker" / "cloud-init.yaml"
CONFIG: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
FILES: dict[str, str] = {each["path"]: each["content"] for each in CONFIG["write_files"]}
# Where Debian's and Ubuntu's package puts it.
SCHEMA = Path("/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json")


def _units() -> dict[str, configparser.ConfigParser]:
    units: dict[str, configparser.ConfigParser] = {}
    for path, content in FILES.items():
        if path.startswith("/etc/systemd/system/"):
            units[Path(path).name] = configparser.ConfigParser(interpolation=None)
            units[Path(path).name].optionxform = str  # type: ignore[assignment,method-assign]
            units[Path(path).name].read_string(content)
    return units


def test_it_says_that_it_is_for_cloud_init() -> None:
    assert FILE.read_text(encoding="utf-8").startswith("#cloud-config\n"), "or it would be passed over"


@pytest.mark.soak
def test_it_is_what_cloud_init_takes() -> None:
    if not SCHEMA.is_file():
        pytest.skip("the schema of cloud-init is not here; `apt-get install cloud-init` enables this test")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(CONFIG)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate({**CONFIG, "runcmd": "one text"})


def test_settings_are_such_as_there_are() -> None:
    lines = FILES["/etc/crmsearch/environment"].splitlines()
    settings = from_env(dict(line.split("=", 1) for line in lines))
    assert settings.log.format == "json"
    assert f"crmsearch-{__version__}-py3-none-any.whl" in FILES["/etc/crmsearch/source"]


def test_services_call_commands_that_there_are_and_may_write_where_their_settings_say() -> None:
    units = _units()
    assert units.keys() == {"crmsearch-node.service", "crmsearch.service"}
    for name, unit in units.items():
        service = unit["Service"]
        assert service["User"] == "crmsearch"
        assert service["EnvironmentFile"] == "/etc/crmsearch/environment"
        # The folders of the settings, which these two lines make for the user, are all that the service may write.
        assert (service["StateDirectory"], service["CacheDirectory"], service["ProtectSystem"]) == ("crmsearch", "crmsearch", "strict")
        for line in (service[key] for key in ("ExecStart", "ExecStop") if key in service):
            program, *words = shlex.split(line)
            assert program == "/opt/crmsearch/bin/crmsearch"
            command: Any = cli
            for word in words:
                command = command.commands[word]
        for each in (unit["Unit"].get("Requires", ""), unit["Unit"].get("After", "")):
            assert {part for part in each.split() if part.startswith("crmsearch")} <= units.keys(), name
    assert set(CONFIG["runcmd"][-1][3:]) == units.keys(), "both are started"
