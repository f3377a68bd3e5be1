"""Spans: what they tell, and what they keep to themselves."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

import pytest
from litestar.types import Receive, Scope, Send
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from crmsearch.api.app import create_app_from_env
from crmsearch.api.traces import Reserved, traced
from crmsearch.errors import ConfigError


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(kept: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Reserved(kept)))
    return provider


def _ask(provider: TracerProvider, path: str, status: int | None) -> None:
    """One request, answered with a status, or not at all but for an error that quotes somebody."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("path_template", "/v1/customers/{customer_id}")
        scope["state"] = {"request_id": "12345678"}
        if status is None:
            raise ValueError("Zhang Wei is unknown")
        await send(cast("Any", {"type": "http.response.start", "status": status, "headers": []}))

    async def send(_: Any) -> None:
        """Take it."""

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"q=Zhang", "headers": []}
        await traced(app, provider)(cast("Scope", scope), cast("Receive", None), send)

    asyncio.run(ask())


def test_a_request_is_told_by_its_route(provider: TracerProvider, kept: InMemorySpanExporter) -> None:
    _ask(provider, "/v1/customers/C-1", 404)
    (span,) = kept.get_finished_spans()
    assert span.name == "GET /v1/customers/{customer_id}"
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/customers/{customer_id}",
        "http.response.status_code": 404,
        "crmsearch.request_id": "12345678",
    }
    assert span.status.status_code == StatusCode.UNSET


@pytest.mark.parametrize("status", [503, None])
def test_a_failure_is_told_without_its_words(provider: TracerProvider, kept: InMemorySpanExporter, status: int | None) -> None:
    try:
        _ask(provider, "/v1/customers/C-1", status)
    except ValueError:
        assert status is None
    (span,) = kept.get_finished_spans()
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
    assert (span.attributes or {})["http.response.status_code"] == (status or 500)
    assert "Zhang" not in span.to_json()


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/", "/assets/app.js"])
def test_probes_and_files_are_no_spans(provider: TracerProvider, kept: InMemorySpanExporter, path: str) -> None:
    _ask(provider, path, 200)
    assert kept.get_finished_spans() == ()


def test_what_others_put_into_a_span_stays_here(provider: TracerProvider, kept: InMemorySpanExporter) -> None:
    tracer = provider.get_tracer("another")
    with tracer.start_as_current_span("get", attributes={"url.full": "https://es/crm/_doc/C-1", "db.system.name": "elasticsearch"}) as span:
        span.add_event("exception", {"exception.message": "C-1 is missing"})
        span.set_status(StatusCode.ERROR, "C-1 is missing")
    (found,) = kept.get_finished_spans()
    assert dict(found.attributes or {}) == {"db.system.name": "elasticsearch"}
    assert "C-1" not in found.to_json()


def test_without_its_packages_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setitem(sys.modules, "crmsearch.api.traces", None)
    monkeypatch.setenv("CRMSEARCH_API_TRACES_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("CRMSEARCH_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("CRMSEARCH_ELASTICSEARCH_URL", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"pip install 'crmsearch\[traces\]'"):
        create_app_from_env()
