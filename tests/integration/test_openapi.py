"""What the OpenAPI document says holds: requests made from it, sound ones and broken ones, over the API as a process on a real node.

A sound request may still be refused with 400: the document gives shapes, and the closed grammar, the field catalogue and limits that depend
on each other are more than shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from litestar.testing import TestClient
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from crmsearch.api.app import create_app
from crmsearch.background import start_api, stop_api
from crmsearch.contract import FIELDS
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="module")
def url(node_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("state")
    node_settings = msgspec.structs.replace(node_settings, paths=msgspec.structs.replace(node_settings.paths, state_dir=str(state)))
    with own_prefix(node_settings, "openapi") as (settings, lifecycle):
        customers = [
            {"customer_id": f"S{number}", "name": name, "age": 20 + number, "city": "北京", "revenue": number * 1.5, "tags": ["0"]}
            for number, name in enumerate(["王小明", "Anna", "0", ""] * 5)
        ]
        lifecycle.promote(put_documents(lifecycle, customers))
        yield start_api(settings, any_port=True).url
        stop_api(settings)


def _document() -> schemathesis.BaseSchema:
    """The document, which needs no Elasticsearch: there is a test for each of its operations before anything is started.

    Where it says text for a name of a field or for an id, those there are are put in; else hardly a request would get beyond them.
    """
    unused: Any = object()
    with TestClient(
        create_app(unused, None, unused, unused, unused, rights=unused, events=unused, key_store=unused, lifecycle=unused),
        base_url="http://127.0.0.1",
    ) as client:
        document = client.get("/schema/openapi.json").json()
    sorts = [sign + name for name in _names("sortable") for sign in ("", "-")]
    named: dict[str, dict[str, list[str]]] = {
        "Filter": {"field": _names("filterable")},
        "FacetRequest": {"field": _names("ranged")},
        "SearchRequest": {"sort": sorts},
        "ExportRequest": {"sort": sorts},
        "StatsRequest": {"fields": _names("statistic")},
    }
    for schema, properties in named.items():
        for name, values in properties.items():
            described = document["components"]["schemas"][schema]["properties"][name]
            described.get("items", described)["enum"] = values
    known = {
        "field": _names("statistic"),
        "customer_id": ["S0", "S1", "nobody"],
        "name": ["churn-high", "new-30-days", "vip", "nobody"],
        "a": ["churn-high", "vip"],
        "b": ["churn-low", "nobody"],
        "by": ["segment", *_names("facet")],
    }
    for operation in (each for path in document["paths"].values() for each in path.values()):
        # Those who are erased are not those whom all others are asked about.
        gone = operation["operationId"] in {"ErasePerson", "AnonymisePerson", "RestrictPerson"}
        ids = known | ({"customer_id": ["S2", "S3", "nobody"]} if gone else {})
        for parameter in operation.get("parameters", []):
            if parameter["name"] in ids:
                default = parameter["schema"].get("default")
                parameter["schema"]["enum"] = [*ids[parameter["name"]], *([default] if default == "" else [])]
    return schemathesis.openapi.from_dict(document)


def _names(flag: str) -> list[str]:
    return [field.name for field in FIELDS.values() if getattr(field, flag) and field.type != "geo_point"]


api = _document()


@api.parametrize()
@hypothesis(max_examples=25, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_are_as_documented(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, checks=CHECKS)
