"""The OpenAPI document: what the framework writes, made exact.

The shapes of bodies are described by msgspec, which also checks them, so that the document says what is accepted and nothing else. The
problems that a route may answer follow from what the route has.
"""

from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.response import Response
from litestar.routes import HTTPRoute

from crmsearch.api.picture import SVG
from crmsearch.api.problems import Problem
from crmsearch.search.export import MEDIA_TYPES

__all__ = ["JsonPage", "SwaggerPage", "describe"]

Document = dict[str, Any]
_PROBLEMS = {
    400: "The request cannot be answered as it is; `detail` says why",
    401: "No key, or none that is good",
    403: "The role of the key does not allow it, or the figures are of too few customers for it",
    404: "There is none of this id or name",
    409: "It is built in, others use it, or somebody else writes it at the same moment; `detail` says which",
    412: "It is not at the version that the request names",
    413: "The body is too large",
    415: "The body is not JSON",
    428: "It is there, and the request does not name the version that it replaces",
    429: "More than the role of the key allows in a second, or too many wrong keys; `Retry-After` says when to try again",
    502: "Elasticsearch refused or failed",
    503: "Elasticsearch cannot be reached, holds no customers, or takes no audit events; `Retry-After` says when to try again",
    504: "Elasticsearch did not answer in time; `Retry-After` says when to try again",
}
_GUARDED = ("/v1/", "/metrics")
_WITHOUT_ELASTICSEARCH = {"/v1/fields", "/v1/rules", "/health/live"}
_ALSO_FILES = {"/v1/audit"}
_FILES = {"/v1/customers/export", "/v1/segments/{name}/export"}
_CONFLICTING = {
    *("PutCustomer", "WriteCustomers", "WithdrawConsents"),
    *("ErasePerson", "AnonymisePerson", "RestrictPerson", "LiftRestriction"),
    *("MakeKey", "RollBack"),
}
_MISSING_WITHOUT_NAME = {"/v1/segments/compare", "/v1/generations/rollback"}
_VARY = {"description": "`Accept`, which asks for JSON or for a chart", "schema": {"type": "string"}}
_REFERENCE = "#/components/schemas/{name}"


class JsonPage(JsonRenderPlugin):
    """``/schema/openapi.json``."""

    def render_json(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:  # type: ignore[override]
        return super().render_json(request, describe(openapi_schema, request.app))


class SwaggerPage(SwaggerRenderPlugin):
    """``/schema``, with the document inside."""

    def render_json(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:  # type: ignore[override]
        return super().render_json(request, describe(openapi_schema, request.app))


def describe(document: Document, app: Litestar) -> Document:
    """The framework's document with exact schemas, all problems of every route, and the files and charts that are no JSON."""
    _, schemas = msgspec.json.schema_components([Problem, *_body_types(app)], ref_template=_REFERENCE)
    paths = {path: {method: _operation(path, each) for method, each in item.items()} for path, item in document["paths"].items()}
    components = {**document.get("components", {}), "schemas": {**document["components"]["schemas"], **schemas}}
    return {**document, "paths": paths, "components": components}


def _body_types(app: Litestar) -> list[Any]:
    """What handlers take and give as JSON."""
    types = []
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) and route.path.startswith(("/v1/", "/health/")) else []:
            signature = handler.parsed_fn_signature
            types += [signature.return_type, *(field for name, field in signature.parameters.items() if name == "data")]
    # An answer with headers of its own is a response around what it says; a file says nothing in JSON.
    inner = [each.inner_types[0] for each in types if each.is_subclass_of(Response) and each.inner_types]
    return [each.annotation for each in [*types, *inner] if not each.is_subclass_of(Response)]


def _operation(path: str, operation: Document) -> Document:
    names = {each["name"] for each in operation.get("parameters", [])}
    has_body, is_versioned = "requestBody" in operation, "If-Match" in names
    statuses = [
        400,
        *([401, 403, 429] if path.startswith(_GUARDED) else []),
        *([404] if ("{" in path and not has_body) or path in _MISSING_WITHOUT_NAME else []),
        *([409] if is_versioned or operation["operationId"] in _CONFLICTING else []),
        *([412] if is_versioned else []),
        *([413, 415] if has_body else []),
        *([428] if has_body and is_versioned else []),
        *([] if path in _WITHOUT_ELASTICSEARCH else [502, 503, 504]),
    ]
    responses = {**operation["responses"], **{str(status): _problem(status) for status in statuses}}
    if path in _FILES | _ALSO_FILES:
        files = {media_type: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES.values()}
        content = {**responses["200"]["content"], **files} if path in _ALSO_FILES else files
        responses["200"] = {**responses["200"], "content": content}
    if "chart" in names:
        content = {**responses["200"]["content"], SVG: {"schema": {"type": "string"}}}
        responses["200"] = {**responses["200"], "content": content, "headers": {**responses["200"].get("headers", {}), "Vary": _VARY}}
    return {**operation, "responses": responses}


def _problem(status: int) -> Document:
    headers = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}} if status in {429, 503, 504} else {}
    content = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(name=Problem.__name__)}}}
    return {"description": _PROBLEMS[status], "content": content, "headers": headers}
