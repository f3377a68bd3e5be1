"""Customers whose time is over leave every index of the real node, and nobody else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from crmsearch.cli import cli
from crmsearch.errors import InvalidRequestError
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import stamp
from crmsearch.keyfile import make_vault
from crmsearch.retention import Retention, parse_rules
from crmsearch.settings import Settings, child_environment
from tests.documents import BEGAN_AT, check_in_step, documents_in, own_prefix, put_documents, runs_of

NOW = datetime.now(UTC)
RULES = "lifecycle:churned last_activity_at:..now-3y; lifecycle:lead created_at:..now-1y"


def _customer(number: int, lifecycle: str, years: float) -> dict[str, str | list[str]]:
    day = (NOW - timedelta(days=365.25 * years)).date().isoformat()
    return {
        "customer_id": f"C{number}",
        "name": f"Person {number}",
        "lifecycle": lifecycle,
        "created_at": day,
        "last_activity_at": day,
        "source_records": [f"C{number}"],
    }


GONE = {"C0", "C1", "C2"}
CUSTOMERS = [
    _customer(0, "churned", 3.2),
    _customer(1, "churned", 9),
    _customer(2, "lead", 1.5),
    _customer(3, "churned", 2.8),
    _customer(4, "lead", 0.5),
    _customer(5, "customer", 9),
    *(_customer(number, "customer", 1) for number in range(6, 20)),
]


@pytest.fixture
def base(node_settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, Lifecycle]]:
    paths = msgspec.structs.replace(node_settings.paths, state_dir=str(tmp_path))
    privacy = msgspec.structs.replace(node_settings.privacy, retention=RULES, quarantine_days=90)
    with own_prefix(msgspec.structs.replace(node_settings, paths=paths, privacy=privacy), "retention") as (settings, lifecycle):
        for hours in range(2):
            lifecycle.promote(put_documents(lifecycle, CUSTOMERS, BEGAN_AT + timedelta(hours=hours)))
        yield settings, lifecycle


def _retention(base: tuple[Settings, Lifecycle]) -> Retention:
    settings, lifecycle = base
    return Retention(settings, lifecycle, runs_of(lifecycle), Erasure(lifecycle._client, settings.elasticsearch, make_vault(settings)))


def _ids(lifecycle: Lifecycle) -> list[set[str]]:
    return [set(documents_in(lifecycle, each.index)) for each in lifecycle.generations()]


def test_whose_time_is_over_goes_from_every_generation(base: tuple[Settings, Lifecycle]) -> None:
    everybody = {str(each["customer_id"]) for each in CUSTOMERS}
    retention, rules = _retention(base), parse_rules(RULES)
    due = retention.due(rules)
    assert (due.population, due.ids) == (len(CUSTOMERS), GONE)
    assert _ids(base[1]) == [everybody] * 2
    with pytest.raises(InvalidRequestError, match="more than the 10%"):
        retention.purge(rules, 0.1)
    assert _ids(base[1]) == [everybody] * 2

    purged = retention.purge(rules)
    # Of each there is one in both generations, and one that analysts see in both.
    assert (purged.customers, sum(purged.documents.values())) == (3, 12)
    assert _ids(base[1]) == [everybody - GONE] * 2
    check_in_step(base[1])
    again = retention.purge(rules)
    assert (again.customers, again.documents) == (0, {})


def test_the_command_line_asks_and_removes_old_quarantine_too(base: tuple[Settings, Lifecycle]) -> None:
    settings, lifecycle = base
    old, new = (settings.paths.state / "quarantine" / stamp(NOW - timedelta(days=days)) for days in (91, 89))
    for folder in (old, new, settings.paths.state / "quarantine" / "kept-by-hand"):
        folder.mkdir(parents=True)
        (folder / "part.parquet").touch()
    environment = child_environment(settings)
    runner = CliRunner()

    told = runner.invoke(cli, ["purge", "--dry-run", "--json"], env=environment)
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == {
        "population": 20,
        "customers": dict(zip([rule.text for rule in parse_rules(RULES)], (2, 1), strict=True)),
        "quarantine": [old.name],
    }
    asked = runner.invoke(cli, ["purge"], input="n\n", env=environment)
    assert asked.exit_code == 0
    assert old.exists()
    assert len(_ids(lifecycle)[0]) == len(CUSTOMERS)
    done = runner.invoke(cli, ["purge", "--yes", "--rule", "customer_id:C7", "--json"], env=environment)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["customers"] == 1
    assert sorted(path.name for path in old.parent.iterdir()) == [new.name, "kept-by-hand"]
