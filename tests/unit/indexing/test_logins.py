"""The table of privileges: what it grants, and that the documentation shows it."""

from __future__ import annotations

from pathlib import Path

from crmsearch.indexing.logins import ROLES, build_role_descriptor
from crmsearch.indexing.names import customers_pattern

PAGE = Path(__file__).parents[3] / "docs" / "connection.md"
CHANGING = {"write", "index", "create", "create_doc", "delete", "create_index", "delete_index", "manage", "maintenance", "all"}


def test_a_descriptor_names_indices_behind_the_prefix() -> None:
    assert build_role_descriptor(ROLES["analyst"], "shop") == {
        "cluster": [],
        "indices": [{"names": ["shop-customers-analytics*"], "privileges": ["read", "view_index_metadata"]}],
    }


def test_only_the_job_makes_and_deletes_indices_of_customers_and_nobody_manages_the_cluster() -> None:
    single = {"index", "delete", "maintenance"}  # the API writes and erases single ones, and makes both visible
    for role in ROLES.values():
        assert set(role.cluster) <= {"monitor"}, role.name
        for grant in role.grants:
            if any(name.startswith("customers") for name in grant.indices) and role.name != "job":
                assert CHANGING & set(grant.privileges) == (single if role.name == "api" else set()), role.name


def test_customers_are_granted_by_patterns_that_leave_the_analysts_index_out() -> None:
    # A wildcard that took it in would let whoever reads the one read the other.
    for role in ("job", "api"):
        names = build_role_descriptor(ROLES[role], "crm")["indices"][0]["names"]
        assert "crm-customers-2*" in names
        assert "crm-customers*" not in names
    assert customers_pattern("crm").startswith("crm-customers-2*")


def test_the_documentation_shows_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for role in ROLES.values():
        cells = [f"`{role.name}.key`", role.purpose, ", ".join(role.cluster)]
        for grant in role.grants:
            indices = ", ".join(f"`crm-{name}`" for name in grant.indices)
            row = f"| {' | '.join(cells)} | {indices} | {', '.join(grant.privileges)} |".replace("|  |", "| |").replace("|  |", "| |")
            assert row in page, row
            cells = ["", "", ""]
